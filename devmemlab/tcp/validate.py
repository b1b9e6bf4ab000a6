"""Is this segment to be believed? The checks that come before anything in a segment counts.

Law.   What fails a check changes nothing of the connection but counters; it is answered at most twice a second.
Reads. RFC 7323 section 5 (PAWS), RFC 5961 (challenge ACKs), RFC 9293 section 3.10.7.4; Linux net/ipv4/tcp_input.c
       (tcp_validate_incoming, tcp_oow_rate_limited).
Omits. The limit over all connections of a host together: Linux has none by default either.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after, seq_before, seq_diff
from devmemlab.tcp.output import ACK, FIN, RST, SYN, tcp_send_ack
from devmemlab.tcp.states import CLOSE_WAIT, CLOSING, LAST_ACK, SYN_RECV, TIME_WAIT
from devmemlab.tcp.tcb import NS_PER_MS
from devmemlab.tcp.window import tcp_receive_window

OOW_ACK_NS = 500 * NS_PER_MS
"""Linux's tcp_invalid_ratelimit: answers to segments that may be part of a loop of acknowledgements."""
PAWS_WINDOW = 1
"""Ticks by which a timestamp may lie behind: segments of one tick and the next may have changed places."""
PAWS_24_DAYS_NS = 24 * 86_400_000 * NS_PER_MS
FINE_SEGMENT, OLD_STAMP, NOT_IN_WINDOW, RESET_NOW, RESET_DOUBTED, SYN_DOUBTED = range(6)


@kernel
def tcp_challenge(tcbs, txq, skbs, trace, tcb, now_ns):
    """Answer a segment that is not believed, unless another was answered a moment ago.

    Parameters
    ----------
    tcbs, txq, skbs, trace, tcb, now_ns
        See `devmemlab.tcp.output.tcp_transmit`.
    """
    row = tcbs.tcb[tcb]
    if now_ns - row.oow_ack_at_ns < OOW_ACK_NS:
        return
    row.oow_ack_at_ns = now_ns
    tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)


@kernel
def paws_rejects(row, pkt, now_ns):
    """Tell whether a segment's timestamp is older than one that was seen.

    Parameters
    ----------
    row : TCB
        A connection.
    pkt : PKT
        The segment.
    now_ns : int64
        Time.

    Returns
    -------
    rejects : bool
        Never when the stamp that was seen is 24 days old (RFC 7323 section 5.5), nor for a bare acknowledgement that was
        only overtaken by another on its way.
    """
    if row.timestamps == 0 or pkt.opt_timestamp == 0 or not seq_before(pkt.ts_val + PAWS_WINDOW, row.ts_recent):
        return False
    if now_ns - row.ts_recent_at_ns >= PAWS_24_DAYS_NS:
        return False
    overtaken = (pkt.payload_bytes == 0 and pkt.tcp_flags & (SYN | FIN | RST | ACK) == ACK and pkt.seq == row.rcv_nxt
                 and pkt.ack_seq == row.snd_una and pkt.window << max(row.snd_wscale, 0) == row.snd_wnd
                 and seq_diff(row.ts_recent, pkt.ts_val) * NS_PER_MS <= row.rto_ns)
    return not overtaken


@kernel
def _reset_is_exact(row, skbs, pkt):
    """Tell whether a reset carries the one sequence number that only the peer can know.

    Parameters
    ----------
    row : TCB
        A connection.
    skbs : Skbs
        Not changed.
    pkt : PKT
        A reset.

    Returns
    -------
    exact : bool
        ``rcv_nxt``, or the end of the early data that our SACK blocks told of; behind the peer's FIN also the number of
        that FIN, which some systems use.
    """
    if pkt.seq == row.rcv_nxt:
        return True
    if row.sack_permitted and row.ofo_tail and pkt.seq == skbs.skb[row.ofo_tail].end_seq:
        return True
    ended = row.state == CLOSE_WAIT or row.state == LAST_ACK or row.state == CLOSING
    return ended and pkt.seq == seq_add(row.rcv_nxt, -1)


@kernel
def tcp_validate(tcbs, txq, skbs, trace, tcb, pkt, now_ns):
    """Check timestamp, place, RST and SYN of a segment, in this order, and answer where an answer is due.

    Parameters
    ----------
    tcbs : Tcbs
        The row notes when it answered last, and what came twice.
    txq : TxQueue
        Grows by an acknowledgement.
    skbs : Skbs
        Passed on.
    trace : Trace or None
        Receives tcp_send.
    tcb : int64
        Row of a connection in a synchronized state, or in SYN_RECV.
    pkt : PKT
        The segment.
    now_ns : int64
        Time.

    Returns
    -------
    verdict : int64
        FINE_SEGMENT; RESET_NOW: the connection ends; anything else: drop it.
    """
    row = tcbs.tcb[tcb]
    reset = pkt.tcp_flags & RST
    end = seq_add(pkt.seq, pkt.payload_bytes)
    old = not reset and paws_rejects(row, pkt, now_ns)
    edge = seq_add(row.rcv_nxt, tcp_receive_window(row))
    outside = seq_before(seq_add(end, pkt.tcp_flags & FIN), row.rcv_wup) or seq_after(pkt.seq, edge)
    # More than the window holds is taken only when the program has read everything: no peer gains by sending too much.
    outside = outside or (row.rcvq_head != 0 and seq_after(end, edge))
    if old or (outside and not reset):
        if pkt.payload_bytes and seq_before(pkt.seq, row.rcv_nxt) and row.state != TIME_WAIT:
            row.dsack_start = pkt.seq
            row.dsack_end = row.rcv_nxt if seq_after(end, row.rcv_nxt) else end
        # Data are no answer to an answer, so they cannot be part of a loop.
        if (pkt.payload_bytes or pkt.tcp_flags & FIN) and pkt.tcp_flags & SYN == 0:
            tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
        else:
            tcp_challenge(tcbs, txq, skbs, trace, tcb, now_ns)
        return OLD_STAMP if old else NOT_IN_WINDOW
    if reset:
        if _reset_is_exact(row, skbs, pkt):
            return RESET_NOW
        if outside:
            return NOT_IN_WINDOW
        tcp_challenge(tcbs, txq, skbs, trace, tcb, now_ns)
        return RESET_DOUBTED
    if pkt.tcp_flags & SYN:
        if row.state == SYN_RECV and row.listener:
            return RESET_NOW        # RFC 9293 section 3.10.7.4: back to LISTEN without a word
        tcp_challenge(tcbs, txq, skbs, trace, tcb, now_ns)
        return SYN_DOUBTED
    return FINE_SEGMENT
