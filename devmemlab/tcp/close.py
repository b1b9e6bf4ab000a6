"""Closing: what happens because the user says so.

Law.   Everything written is sent before the FIN; a close with data unread is a reset, for the peer must know it is lost.
Reads. RFC 9293 section 3.6; RFC 2525 section 2.17; Linux net/ipv4/tcp.c (tcp_close, tcp_shutdown), tcp_output.c (tcp_send_fin).
Omits. SO_LINGER.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add
from devmemlab.net.skb import skb_alloc
from devmemlab.tcp.output import ACK, FIN, RST, tcp_transmit
from devmemlab.tcp.queues import queues_purge
from devmemlab.tcp.reap import tcp_done, tcp_reap_later
from devmemlab.tcp.sndq import sndq_append, sndq_purge
from devmemlab.tcp.states import (
    CLOSE,
    CLOSE_WAIT,
    ESTABLISHED,
    EV_ABORT,
    EV_CLOSE,
    FIN_WAIT2,
    LISTEN,
    SYN_RECV,
    SYN_SENT,
    TIME_WAIT,
    tcp_event,
)
from devmemlab.tcp.tcb import NS_PER_MS
from devmemlab.tcp.xmit import tcp_write_xmit

FIN_TIMEOUT_NS = 60_000 * NS_PER_MS


@kernel
def tcp_send_fin(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns):
    """Put the FIN at the end of what is to be sent: on the last segment when that still waits, else on one of its own.

    Parameters
    ----------
    tcbs : Tcbs
        The send queue of the row.
    txq : TxQueue
        Grows by what may go now.
    skbs : Skbs
        A segment more, or a flag more.
    netmems : NETMEM[n_netmem]
        Passed on.
    providers : Providers
        Passed on.
    trace : Trace or None
        Receives tcp_send.
    tcb : int64
        Row.
    now_ns : int64
        Time.

    Returns
    -------
    queued : int64
        1, or 0 when no skb could be had.
    """
    row = tcbs.tcb[tcb]
    if row.send_head:
        last = skbs.skb[row.sndq_tail]
        last.tcp_flags |= FIN
        last.end_seq = seq_add(last.end_seq, 1)
        row.write_seq = last.end_seq
    else:
        skb = skb_alloc(skbs)
        if skb == 0:
            return 0
        skbs.skb[skb].tcp_flags = FIN
        skbs.skb[skb].pp_recycle = 0
        sndq_append(tcbs, skbs, tcb, skb)
    row.fin_sent = 1
    row.cork = 0
    tcp_write_xmit(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns)
    return 1


@kernel
def tcp_shutdown(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns):
    """Say that nothing more will be sent.

    Parameters
    ----------
    tcbs : Tcbs
        State of the row.
    txq : TxQueue
        Grows by a FIN.
    skbs : Skbs
        Passed on.
    netmems : NETMEM[n_netmem]
        Passed on.
    providers : Providers
        Passed on.
    trace : Trace or None
        Receives tcp_state, tcp_send.
    tcb : int64
        Row.
    now_ns : int64
        Time.
    """
    state = tcbs.tcb[tcb].state
    if state == ESTABLISHED or state == CLOSE_WAIT or state == SYN_RECV:
        tcp_event(tcbs, trace, tcb, EV_CLOSE)
        tcp_send_fin(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns)
    elif state == SYN_SENT:
        tcp_event(tcbs, trace, tcb, EV_CLOSE)
        tcp_done(tcbs, tcb)


@kernel
def tcp_close(tcbs, txq, skbs, tcb, pools, netmems, providers, trace, now_ns):
    """Let go of a connection or listener; it lives on until the peer has let go too.

    Parameters
    ----------
    tcbs : Tcbs
        The row becomes an orphan; children that nobody accepted are aborted.
    txq : TxQueue
        Grows by a FIN, or by a reset when data were left unread.
    skbs : Skbs
        Both queues are freed.
    tcb : int64
        Row.
    pools : PagePools
        Frags return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives tcp_state, tcp_send.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    row.orphaned = 1
    if row.state == LISTEN:
        while row.accept_head:
            child = row.accept_head
            row.accept_head = tcbs.tcb[child].accept_next
            tcp_abort(tcbs, txq, skbs, child, pools, netmems, providers, trace, now_ns)
        for child in range(1, tcbs.ctl[0].watermark):
            if tcbs.tcb[child].state == SYN_RECV and tcbs.tcb[child].listener == tcb:
                tcp_abort(tcbs, txq, skbs, child, pools, netmems, providers, trace, now_ns)
        tcp_event(tcbs, trace, tcb, EV_CLOSE)
        tcp_done(tcbs, tcb)
        return
    unread = row.rcvq_head != 0
    queues_purge(tcbs, skbs, tcb, pools, netmems, providers, trace)
    if unread and row.state != CLOSE:
        tcp_abort(tcbs, txq, skbs, tcb, pools, netmems, providers, trace, now_ns)
        return
    tcp_shutdown(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns)
    if row.state == FIN_WAIT2:
        row.timewait_at_ns = now_ns + FIN_TIMEOUT_NS
        tcbs.ctl[0].next_timer_ns = min(tcbs.ctl[0].next_timer_ns, row.timewait_at_ns)
        tcp_reap_later(tcbs, tcb)
    if row.state == CLOSE or row.state == TIME_WAIT:
        at_ns = row.timewait_at_ns
        tcp_done(tcbs, tcb)
        if row.state == TIME_WAIT:
            row.timewait_at_ns = at_ns


@kernel
def tcp_abort(tcbs, txq, skbs, tcb, pools, netmems, providers, trace, now_ns):
    """Reset a connection and drop what it holds.

    Parameters
    ----------
    tcbs : Tcbs
        The row goes to CLOSE and becomes an orphan.
    txq : TxQueue
        Grows by a reset.
    skbs : Skbs
        Both queues are freed.
    tcb : int64
        Row.
    pools : PagePools
        Frags return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives tcp_state, tcp_send.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    row.orphaned = 1
    if row.state != CLOSE and row.state != TIME_WAIT and row.state != SYN_SENT:
        tcp_transmit(tcbs, txq, skbs, trace, tcb, RST | ACK, row.snd_nxt, now_ns)
    queues_purge(tcbs, skbs, tcb, pools, netmems, providers, trace)
    sndq_purge(tcbs, skbs, tcb, pools, netmems, providers, trace)
    tcp_event(tcbs, trace, tcb, EV_ABORT)
    tcp_done(tcbs, tcb)
