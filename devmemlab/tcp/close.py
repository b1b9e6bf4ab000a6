"""Closing and timers: what happens because the user or the clock says so.

Law.   A timer is a time in the row; when it has passed, `tcp_timers` runs it once.
Reads. RFC 9293 sections 3.6 and 3.8.1; RFC 6298 (doubling); Linux net/ipv4/tcp_timer.c, tcp.c (tcp_close).
Omits. Keepalive, user timeout, zero-window probes (nothing is sent that could be blocked).
"""

from devmemlab.base.errno import ETIMEDOUT
from devmemlab.base.kernel import kernel
from devmemlab.tcp.output import ACK, NS_PER_MS, RST, tcp_send_ack, tcp_send_fin, tcp_send_synack, tcp_transmit
from devmemlab.tcp.queues import queues_purge
from devmemlab.tcp.reap import tcp_done
from devmemlab.tcp.states import (
    CLOSE,
    CLOSE_WAIT,
    CLOSING,
    ESTABLISHED,
    EV_2MSL,
    EV_ABORT,
    EV_CLOSE,
    EV_RST,
    FIN_WAIT1,
    FIN_WAIT2,
    LAST_ACK,
    LISTEN,
    NONE,
    SYN_RECV,
    TIME_WAIT,
    tcp_event,
)
from devmemlab.tcp.tcb import FAR_FUTURE

MAX_RETRIES = 8
FIN_TIMEOUT_NS = 60_000 * NS_PER_MS


@kernel
def tcp_shutdown(tcbs, txq, skbs, trace, tcb, now_ns):
    """Say that nothing more will be sent.

    Parameters
    ----------
    tcbs : Tcbs
        State of the row.
    txq : TxQueue
        Grows by a FIN.
    skbs : Skbs
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
        tcp_send_fin(tcbs, txq, skbs, trace, tcb, now_ns)


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
    tcp_shutdown(tcbs, txq, skbs, trace, tcb, now_ns)
    if row.state == FIN_WAIT2:
        row.timewait_at_ns = now_ns + FIN_TIMEOUT_NS
        tcbs.ctl[0].next_timer_ns = min(tcbs.ctl[0].next_timer_ns, row.timewait_at_ns)
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
    if row.state != CLOSE and row.state != TIME_WAIT:
        tcp_transmit(tcbs, txq, skbs, trace, tcb, RST | ACK, row.snd_nxt, now_ns)
    queues_purge(tcbs, skbs, tcb, pools, netmems, providers, trace)
    tcp_event(tcbs, trace, tcb, EV_ABORT)
    tcp_done(tcbs, tcb)


@kernel
def tcp_timers(tcbs, txq, skbs, pools, netmems, providers, trace, now_ns):
    """Run every timer whose time has come.

    Parameters
    ----------
    tcbs : Tcbs
        Rows whose timers ran; ``next_timer_ns`` becomes the earliest that is left.
    txq : TxQueue
        Grows by acknowledgements and retransmissions.
    skbs : Skbs
        Queues of connections that gave up are freed.
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
    ctl = tcbs.ctl[0]
    if now_ns < ctl.next_timer_ns:
        return
    for tcb in range(1, ctl.watermark):
        row = tcbs.tcb[tcb]
        if row.state == NONE:
            continue
        if row.delack_at_ns <= now_ns:
            row.delack_at_ns = FAR_FUTURE
            tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
        if row.rto_at_ns <= now_ns:
            row.rto_at_ns = FAR_FUTURE
            row.retries += 1
            row.rto_ns *= 2
            if row.retries > MAX_RETRIES:
                row.error = ETIMEDOUT
                queues_purge(tcbs, skbs, tcb, pools, netmems, providers, trace)
                tcp_event(tcbs, trace, tcb, EV_RST)
                if row.listener:
                    row.orphaned = 1
                tcp_done(tcbs, tcb)
            elif row.state == SYN_RECV:
                tcp_send_synack(tcbs, txq, skbs, trace, tcb, now_ns)
            elif row.state == FIN_WAIT1 or row.state == CLOSING or row.state == LAST_ACK:
                tcp_send_fin(tcbs, txq, skbs, trace, tcb, now_ns)
        if row.timewait_at_ns <= now_ns:
            row.timewait_at_ns = FAR_FUTURE
            tcp_event(tcbs, trace, tcb, EV_2MSL if row.state == TIME_WAIT else EV_ABORT)
            tcp_done(tcbs, tcb)
    earliest = FAR_FUTURE
    for tcb in range(1, ctl.watermark):
        row = tcbs.tcb[tcb]
        if row.state != NONE:
            earliest = min(earliest, row.delack_at_ns, row.rto_at_ns, row.timewait_at_ns)
    ctl.next_timer_ns = earliest
