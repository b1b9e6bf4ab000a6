"""Pruning: what came too early goes first when the receive buffer overflows.

Law.   Only data that was never acknowledged in order is dropped, so the peer sends it again.
Reads. Linux net/ipv4/tcp_input.c (tcp_prune_queue, tcp_prune_ofo_queue); spec section 13.6.
Omits. Copying readable skbs together, which comes before this: `devmemlab.tcp.collapse` and `devmemlab.sock.collapse`.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_after
from devmemlab.base.trace import TCP_PRUNE, emit
from devmemlab.net.skb import skb_free
from devmemlab.tcp.queues import ofo_unlink


@kernel
def tcp_prune_ofo_queue(tcbs, skbs, tcb, seq, pools, netmems, providers, trace):
    """Under memory pressure, drop what came too early, the farthest first; the peer sends it again.

    Parameters
    ----------
    tcbs : Tcbs
        The out-of-order queue and ``rmem_alloc`` of the row; ``ofo_pruned`` counts.
    skbs : Skbs
        Skbs are freed.
    tcb : int64
        Row.
    seq : int64
        Where the segment begins that needs the room: nothing before it is dropped for it.
    pools : PagePools
        Frags return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives tcp_prune, skb_free.

    Returns
    -------
    pruned : int64
        Skbs dropped. It goes on until an eighth of the buffer was freed, and further while the charge is above the buffer.

    References
    ----------
    Linux net/ipv4/tcp_input.c, tcp_prune_ofo_queue()
    """
    row = tcbs.tcb[tcb]
    goal = row.rcvbuf >> 3
    pruned = np.int64(0)
    while row.ofo_tail:
        skb = row.ofo_tail
        if seq_after(seq, skbs.skb[skb].seq):
            break
        goal -= skbs.skb[skb].truesize
        emit(trace, TCP_PRUNE, tcb, skb, skbs.skb[skb].length, 0)
        ofo_unlink(tcbs, skbs, tcb, skb)
        skb_free(skbs, skb, pools, netmems, providers, trace, 1)
        pruned += 1
        if goal <= 0 and row.rmem_alloc <= row.rcvbuf:
            break
    if pruned:
        tcbs.ctl[0].ofo_pruned += 1
    return pruned
