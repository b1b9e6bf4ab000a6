"""Destruction: when nobody refers to a connection any more, everything it holds goes home.

Law.   A control block is freed only after its tokens are back and its queues are empty.
Reads. Linux net/ipv4/tcp_ipv4.c (tcp_v4_destroy_sock).
Omits. Nothing.
"""

from devmemlab.base.kernel import kernel
from devmemlab.net.zerocopy import errq_purge
from devmemlab.sock.sendmsg import page_forget
from devmemlab.sock.tokens import tokens_release_all
from devmemlab.tcp.queues import queues_purge
from devmemlab.tcp.sndq import sndq_purge
from devmemlab.tcp.states import CLOSE
from devmemlab.tcp.tcb import tcb_free


@kernel
def sock_reap(tcbs, skbs, tokens, pools, netmems, providers, trace):
    """Take apart every connection that waits for it.

    Parameters
    ----------
    tcbs : Tcbs
        The list becomes empty; rows in CLOSE become free, rows in FIN_WAIT2 and TIME_WAIT keep only their timer.
    skbs : Skbs
        What is left in queues is freed, messages of error queues too.
    tokens : XArrays
        Tokens of these sockets are returned.
    pools : PagePools
        Netmems return to the rings of their pools.
    netmems : NETMEM[n_netmem]
        Reference counts fall.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives dontneed, skb_free.
    """
    ctl = tcbs.ctl[0]
    while ctl.reap_head:
        tcb = ctl.reap_head
        row = tcbs.tcb[tcb]
        ctl.reap_head = row.reap_next
        row.reap_pending = 0
        tokens_release_all(tokens, tcb, pools, netmems, providers, trace)
        queues_purge(tcbs, skbs, tcb, pools, netmems, providers, trace)
        if row.state == CLOSE:
            sndq_purge(tcbs, skbs, tcb, pools, netmems, providers, trace)
            page_forget(row, netmems, providers)
            errq_purge(skbs, tcb)
        if row.state == CLOSE and row.ack_pending == 0:
            tcb_free(tcbs, tcb)
