"""Acknowledgements of ours: when they go out.

Law.   Every octet that was queued is acknowledged within 40 ms, and a burst by one segment.
Reads. RFC 9293 section 3.8.6.3, RFC 5681 section 4.2; Linux net/ipv4/tcp_input.c (__tcp_ack_snd_check).
Omits. Thinning of acknowledgements (compressed ACKs).
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_diff
from devmemlab.tcp.output import tcp_send_ack, timer_at
from devmemlab.tcp.states import CLOSE, LISTEN, SYN_SENT
from devmemlab.tcp.tcb import FAR_FUTURE, NS_PER_MS
from devmemlab.tcp.window import tcp_receive_window, tcp_select_window

DELACK_NS = 40 * NS_PER_MS


@kernel
def tcp_ack_later(tcbs, tcb):
    """Put a connection on the list of those that owe an acknowledgement when the poll ends.

    Parameters
    ----------
    tcbs : Tcbs
        The list grows unless the row is on it.
    tcb : int64
        Row.
    """
    row = tcbs.tcb[tcb]
    if row.ack_pending == 0:
        row.ack_pending = 1
        row.ack_next = tcbs.ctl[0].ack_head
        tcbs.ctl[0].ack_head = tcb


@kernel
def tcp_ack_flush(tcbs, txq, skbs, trace, now_ns):
    """At the end of a poll, send the acknowledgements that are due and arm timers for the rest.

    Parameters
    ----------
    tcbs : Tcbs
        The list of owing connections becomes empty.
    txq : TxQueue
        Grows by one for each connection that acknowledges now.
    skbs : Skbs
        Read for SACK blocks.
    trace : Trace or None
        Receives tcp_send.
    now_ns : int64
        Time.

    Notes
    -----
    One acknowledgement a poll stands for the many segments of a burst, as it does behind GRO.
    """
    ctl = tcbs.ctl[0]
    while ctl.ack_head:
        tcb = ctl.ack_head
        row = tcbs.tcb[tcb]
        ctl.ack_head = row.ack_next
        row.ack_pending = 0
        if row.state == CLOSE or row.state == LISTEN or row.state == SYN_SENT:
            continue
        unacked = seq_diff(row.rcv_nxt, row.rcv_wup)
        if row.ack_now or row.ofo_head or unacked > row.rcv_mss or (unacked > 0 and row.quickack > 0):
            tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
        elif unacked > 0 and row.delack_at_ns == FAR_FUTURE:
            row.delack_at_ns = timer_at(tcbs, now_ns + DELACK_NS)


@kernel
def tcp_cleanup_rbuf(tcbs, txq, skbs, trace, tcb, now_ns):
    """Acknowledge what reading makes due: more than a segment, a small one that was the last, or a window grown by much.

    Parameters
    ----------
    tcbs : Tcbs
        The row's advertised window may grow.
    txq : TxQueue
        Grows by an acknowledgement when one is due.
    skbs : Skbs
        Read for SACK blocks.
    trace : Trace or None
        Receives tcp_send.
    tcb : int64
        Row.
    now_ns : int64
        Time.

    References
    ----------
    Linux net/ipv4/tcp.c, __tcp_cleanup_rbuf().
    """
    row = tcbs.tcb[tcb]
    if row.state == CLOSE or row.fin_received:
        return
    unacked = seq_diff(row.rcv_nxt, row.rcv_wup)
    # The peer has paused after a small segment: waiting would only make it probe.
    if unacked > row.rcv_mss or (0 < unacked < row.rcv_mss and row.rmem_alloc == 0):
        tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
        return
    present = tcp_receive_window(row)
    window = tcp_select_window(tcbs, row)
    if window >= 2 * present and window >= row.rcv_mss and window > present:
        tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
