"""The scoreboard: what selective acknowledgements say about each segment that is out.

Law.   A segment is marked as received only when one SACK block covers it whole; a mark is taken back only by a timeout.
Reads. RFC 2018, RFC 2883 (duplicate SACK), RFC 8985 section 6.2; Linux net/ipv4/tcp_input.c (tcp_sacktag_write_queue).
Omits. Parts of a segment: the peer's blocks end where our segments end.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_after, seq_before
from devmemlab.tcp.sndq import EVER_RETRANS, LOST, RETRANS, SACKED, sndq_tag, sndq_untag
from devmemlab.wire.rows import get_sack

RACK_STEPS_MAX = 255


@kernel
def rack_advance(row, s, now_ns):
    """Note the delivery of a segment when it was sent later than any delivered before.

    Parameters
    ----------
    row : TCB
        ``rack_sent_ns``, ``rack_end_seq`` and ``rack_rtt_ns`` may move on.
    s : SKB
        The segment.
    now_ns : int64
        Time.

    References
    ----------
    RFC 8985 section 6.2 step 2: an answer sooner than the least round-trip time was to the first copy.
    """
    rtt_ns = now_ns - s.sent_ns
    if s.sacked & EVER_RETRANS and rtt_ns < row.min_rtt_ns:
        return
    if s.sent_ns > row.rack_sent_ns or (s.sent_ns == row.rack_sent_ns and seq_after(s.end_seq, row.rack_end_seq)):
        row.rack_sent_ns = s.sent_ns
        row.rack_end_seq = s.end_seq
    row.rack_rtt_ns = rtt_ns


@kernel
def _is_duplicate(pkt, start, end):
    """Tell whether the first block of a segment reports something that came twice.

    Parameters
    ----------
    pkt : PKT
        The segment.
    start, end : int64
        Its first block.

    Returns
    -------
    duplicate : bool
        It lies below the acknowledgement, or inside the second block.
    """
    if not seq_after(end, pkt.ack_seq):
        return True
    if pkt.sack_count < 2:
        return False
    outer_start, outer_end = get_sack(pkt, 1)
    return not seq_before(start, outer_start) and not seq_after(end, outer_end)


@kernel
def _duplicate_reported(row, start, end):
    """Take in a duplicate SACK: one of our retransmissions was not needed, or the network copied a packet.

    Parameters
    ----------
    row : TCB
        ``undo_retrans`` and the patience of loss detection.
    start, end : int64
        The block.
    """
    row.dsack_dups += 1
    row.rack_reordered = 1
    row.rack_steps = min(row.rack_steps + 1, RACK_STEPS_MAX)
    if row.undo_marker and row.undo_retrans > 0 and not seq_before(start, row.undo_marker - 1) and seq_before(start, end):
        row.undo_retrans -= 1


@kernel
def tcp_sacktag(tcbs, skbs, tcb, pkt, now_ns):
    """Mark what the blocks of a segment cover.

    Parameters
    ----------
    tcbs : Tcbs
        Counters of the row, reordering, RACK's latest delivery.
    skbs : Skbs
        Marks.
    tcb : int64
        Row.
    pkt : PKT
        A segment with SACK blocks.
    now_ns : int64
        Time.

    Returns
    -------
    fresh, duplicate, original, rtt_ns : int64
        Segments marked now; 1 when the segment carried a duplicate report; 1 when one of them was out when loss was
        declared and was sent once only; a round-trip time from a segment that was sent once, or -1.
    """
    row = tcbs.tcb[tcb]
    fresh = np.int64(0)
    duplicate = np.int64(0)
    original = np.int64(0)
    rtt_ns = np.int64(-1)
    for k in range(pkt.sack_count):
        start, end = get_sack(pkt, k)
        if k == 0 and _is_duplicate(pkt, start, end):
            duplicate = np.int64(1)
            _duplicate_reported(row, start, end)
            continue
        if not seq_before(start, end) or seq_before(start, row.snd_una) or seq_after(end, row.snd_nxt):
            continue
        skb = row.sndq_head
        later_sacked = False
        while skb and skb != row.send_head:
            s = skbs.skb[skb]
            if not seq_before(s.seq, end):
                later_sacked = later_sacked or s.sacked & SACKED != 0
                if later_sacked:
                    break
            elif not seq_before(s.seq, start) and not seq_after(s.end_seq, end) and s.sacked & SACKED == 0:
                if s.sacked & EVER_RETRANS == 0:
                    rtt_ns = now_ns - s.sent_ns
                    if not seq_after(s.end_seq, row.high_seq):
                        original = np.int64(1)
                rack_advance(row, s, now_ns)
                sndq_untag(row, s, LOST | RETRANS)
                sndq_tag(row, s, SACKED)
                fresh += 1
                row.delivered += 1
                if s.sacked & EVER_RETRANS == 0 and _sacked_behind(skbs, s.next, row.send_head):
                    row.rack_reordered = 1
            skb = s.next
    return fresh, duplicate, original, rtt_ns


@kernel
def _sacked_behind(skbs, skb, send_head):
    """Tell whether the segment right behind was received before this one.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    skb, send_head : int64
        The next segment, and where the unsent ones begin.

    Returns
    -------
    behind : bool
        True means the network reordered.
    """
    return skb != 0 and skb != send_head and skbs.skb[skb].sacked & SACKED != 0
