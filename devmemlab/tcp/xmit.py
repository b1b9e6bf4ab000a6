"""Sending: when the next unsent segment may go, and sending again what was lost.

Law.   Nothing leaves beyond the peer's window, nor more packets than the congestion window; small segments wait as Nagle says.
Reads. RFC 9293 section 3.8.6.2.1 and 3.7.4 (silly window, Nagle); RFC 5681; Linux net/ipv4/tcp_output.c (tcp_write_xmit).
Omits. Pacing, autocorking, probing for a larger path MTU.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after, seq_before
from devmemlab.tcp.congestion import cwnd_after_idle
from devmemlab.tcp.output import ACK, TIMER_PROBE0, TIMER_RTO, TIMER_TLP, tcp_transmit, tcp_transmit_skb, timer_at
from devmemlab.tcp.sndq import EVER_RETRANS, LOST, RETRANS, SACKED, packets_in_flight, sndq_tag
from devmemlab.tcp.states import CLOSE, CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT1, LAST_ACK
from devmemlab.tcp.tcb import FAR_FUTURE, NS_PER_MS, RTO_MAX_NS

CA_OPEN, CA_DISORDER, CA_CWR, CA_RECOVERY, CA_LOSS = range(5)
CA_STATES = ("Open", "Disorder", "CWR", "Recovery", "Loss")
TLP_ALONE_NS = 200 * NS_PER_MS


@kernel
def tcp_may_send(row):
    """Tell whether a connection is in a state that carries its data.

    Parameters
    ----------
    row : TCB
        A connection.

    Returns
    -------
    may : bool
        True from ESTABLISHED until our FIN is acknowledged.
    """
    return (row.state == ESTABLISHED or row.state == CLOSE_WAIT or row.state == FIN_WAIT1 or row.state == CLOSING
            or row.state == LAST_ACK)


@kernel
def _held_back(row, s):
    """Tell whether Nagle, Minshall's version of it, or a cork holds a small segment back.

    Parameters
    ----------
    row : TCB
        A connection.
    s : SKB
        The next unsent skb.

    Returns
    -------
    held : bool
        Never for a full segment, nor for one with FIN.
    """
    if s.length >= row.mss_now or s.tcp_flags & 1:
        return False
    if row.cork:
        return True
    small_out = seq_after(row.snd_sml, row.snd_una) and not seq_after(row.snd_sml, row.snd_nxt)
    return row.nodelay == 0 and row.packets_out > 0 and small_out


@kernel
def tcp_send_skb(tcbs, txq, skbs, trace, tcb, skb, now_ns):
    """Put a copy of an skb on the wire and note when.

    Parameters
    ----------
    tcbs, txq, skbs, trace, tcb, skb, now_ns
        See `devmemlab.tcp.output.tcp_transmit_skb`.

    Returns
    -------
    sent : int64
        1, or 0 when the queue of segments is full.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[skb]
    if tcp_transmit_skb(tcbs, txq, skbs, trace, tcb, skb, s.tcp_flags | ACK, s.seq, now_ns) == 0:
        return 0
    s.sent_ns = now_ns
    row.last_sent_ns = now_ns
    if s.length:
        row.data_segs_out += 1
        row.bytes_sent += s.length
    return 1


@kernel
def tcp_write_xmit(tcbs, txq, skbs, trace, tcb, now_ns):
    """Send what may go now.

    Parameters
    ----------
    tcbs : Tcbs
        ``snd_nxt``, ``send_head``, ``packets_out``, timers of the row.
    txq : TxQueue
        Grows by a segment for each skb sent.
    skbs : Skbs
        Sent ones carry their time.
    trace : Trace or None
        Receives tcp_send.
    tcb : int64
        Row.
    now_ns : int64
        Time.

    Returns
    -------
    sent : int64
        Segments.
    """
    row = tcbs.tcb[tcb]
    sent = 0
    if not tcp_may_send(row):
        return sent
    edge = seq_add(row.snd_una, row.snd_wnd)
    if row.packets_out == 0 and row.send_head:
        cwnd_after_idle(row, now_ns)
    while row.send_head:
        s = skbs.skb[row.send_head]
        if packets_in_flight(row) >= row.cwnd:
            break
        if seq_after(seq_add(s.seq, s.length), edge) or _held_back(row, s):
            break
        if tcp_send_skb(tcbs, txq, skbs, trace, tcb, row.send_head, now_ns) == 0:
            break
        if 0 < s.length < row.mss_now:
            row.snd_sml = s.end_seq
        row.snd_nxt = s.end_seq
        row.send_head = s.next
        row.packets_out += 1
        if row.packets_out == 1 or row.rto_at_ns == FAR_FUTURE:
            tcp_rearm_rto(tcbs, tcb, now_ns)
        sent += 1
    row.cwnd_used = max(row.cwnd_used, packets_in_flight(row))
    if sent:
        tcp_schedule_probe_of_tail(tcbs, tcb, now_ns)
    elif row.send_head and row.packets_out == 0 and row.rto_at_ns == FAR_FUTURE:
        row.rto_kind = TIMER_PROBE0
        row.rto_at_ns = timer_at(tcbs, now_ns + row.rto_ns)
    return sent


@kernel
def tcp_rearm_rto(tcbs, tcb, now_ns):
    """Start the retransmission timer again, or stop it when nothing is out.

    Parameters
    ----------
    tcbs : Tcbs
        The row's timer.
    tcb : int64
        Row.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    row.rto_kind = TIMER_RTO
    if row.packets_out == 0:
        row.rto_at_ns = FAR_FUTURE
        return
    row.rto_at_ns = timer_at(tcbs, now_ns + min(row.rto_ns, RTO_MAX_NS))


@kernel
def tcp_schedule_probe_of_tail(tcbs, tcb, now_ns):
    """Replace the retransmission timer by the earlier tail-loss probe where that is allowed.

    Parameters
    ----------
    tcbs : Tcbs
        The row's timer.
    tcb : int64
        Row.
    now_ns : int64
        Time.

    References
    ----------
    RFC 8985 section 7.2; a lone packet waits longer, for the peer may delay its ACK.
    """
    row = tcbs.tcb[tcb]
    if row.packets_out == 0 or row.sack_permitted == 0 or row.ca_state > CA_DISORDER or row.sacked_out:
        return
    if row.srtt_ns == 0 or row.tlp_high_seq:
        return
    timeout = 2 * row.srtt_ns + (TLP_ALONE_NS if row.packets_out == 1 else 2 * NS_PER_MS)
    # A probe takes the place of the timeout also where it would come later: it costs no window.
    if row.rto_kind == TIMER_RTO or now_ns + timeout < row.rto_at_ns:
        row.rto_kind = TIMER_TLP
        row.rto_at_ns = timer_at(tcbs, min(row.rto_at_ns, now_ns + timeout))


@kernel
def tcp_retransmit_skb(tcbs, txq, skbs, trace, tcb, skb, now_ns):
    """Send an skb again.

    Parameters
    ----------
    tcbs : Tcbs
        Counters of the row.
    txq : TxQueue
        Grows by a segment.
    skbs : Skbs
        The skb is marked.
    trace : Trace or None
        Receives tcp_send.
    tcb, skb : int64
        Rows of the connection and of an skb that was sent.
    now_ns : int64
        Time.

    Returns
    -------
    sent : int64
        1, or 0 when the peer's window or the queue of segments has no room.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[skb]
    edge = seq_add(row.snd_una, row.snd_wnd)
    if not seq_before(s.seq, edge) and s.seq != row.snd_una:
        return 0
    if tcp_send_skb(tcbs, txq, skbs, trace, tcb, skb, now_ns) == 0:
        return 0
    sndq_tag(row, s, RETRANS | EVER_RETRANS)
    if row.retrans_stamp == 0:
        row.retrans_stamp = max(now_ns, 1)
    row.undo_retrans = max(row.undo_retrans, 0) + 1
    row.total_retrans += 1
    tcbs.ctl[0].retrans_segs += 1
    row.bytes_retrans += s.length
    return 1


@kernel
def tcp_xmit_retransmit_queue(tcbs, txq, skbs, trace, tcb, now_ns):
    """Send again what is marked lost, as far as the congestion window allows.

    Parameters
    ----------
    tcbs, txq, skbs, trace, tcb, now_ns
        See `tcp_retransmit_skb`.
    """
    row = tcbs.tcb[tcb]
    skb = row.sndq_head
    while skb and skb != row.send_head and row.lost_out > row.retrans_out:
        if packets_in_flight(row) >= row.cwnd:
            break
        s = skbs.skb[skb]
        if s.sacked & LOST and s.sacked & (SACKED | RETRANS) == 0:
            if tcp_retransmit_skb(tcbs, txq, skbs, trace, tcb, skb, now_ns) == 0:
                break
            if row.ca_state == CA_RECOVERY or row.ca_state == CA_CWR:
                row.prr_out += 1
            if row.ca_state == CA_RECOVERY:
                tcbs.ctl[0].fast_retrans += 1
            if skb == row.sndq_head:
                tcp_rearm_rto(tcbs, tcb, now_ns)
        skb = s.next


@kernel
def tcp_write_wakeup(tcbs, txq, skbs, trace, tcb, now_ns):
    """Make the peer say where its window is.

    Parameters
    ----------
    tcbs : Tcbs
        Counters.
    txq : TxQueue
        Grows by a segment: the next data when the window takes it, else an empty one with an old sequence number.
    skbs : Skbs
        Passed on.
    trace : Trace or None
        Receives tcp_send.
    tcb : int64
        Row.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    if row.state == CLOSE:
        return
    if row.send_head and tcp_write_xmit(tcbs, txq, skbs, trace, tcb, now_ns):
        return
    tcp_transmit(tcbs, txq, skbs, trace, tcb, ACK, seq_add(row.snd_una, -1), now_ns)
