"""What of a segment had come before: the first block of a duplicate SACK.

Law.   A duplicate is told once, by the first stretch of octets that came twice; nothing else depends on it.
Reads. RFC 2883 section 4 in all its cases; Linux net/ipv4/tcp_input.c (tcp_dsack_set, tcp_dsack_extend).
Omits. A second stretch of the same segment: a SACK option has room for one duplicate.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_after, seq_before


@kernel
def _early_duplicate(tcbs, skbs, tcb, seq, end):
    """Find the first stretch of a segment that the out-of-order queue holds already.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    skbs : Skbs
        Not changed.
    tcb : int64
        Row.
    seq, end : int64
        The segment, which is in no queue yet.

    Returns
    -------
    first, last : int64
        Sequence range; equal when every octet is new.
    """
    at = tcbs.tcb[tcb].ofo_head
    while at and not seq_after(skbs.skb[at].end_seq, seq):
        at = skbs.skb[at].next
    if at == 0 or not seq_before(skbs.skb[at].seq, end):
        return seq, seq
    first = seq if seq_before(skbs.skb[at].seq, seq) else skbs.skb[at].seq
    last = skbs.skb[at].end_seq
    following = skbs.skb[at].next
    while following and not seq_after(skbs.skb[following].seq, last):
        if seq_after(skbs.skb[following].end_seq, last):
            last = skbs.skb[following].end_seq
        following = skbs.skb[following].next
    if seq_after(last, end):
        last = np.int64(end)
    return first, last


@kernel
def tcp_note_duplicate(tcbs, skbs, tcb, seq, end):
    """Note what of a segment came twice, for the next acknowledgement.

    Parameters
    ----------
    tcbs : Tcbs
        ``dsack_start`` and ``dsack_end`` of the row.
    skbs : Skbs
        Not changed.
    tcb : int64
        Row.
    seq, end : int64
        The segment, which is in no queue yet.
    """
    row = tcbs.tcb[tcb]
    if seq_before(seq, row.rcv_nxt):
        row.dsack_start = seq
        row.dsack_end = row.rcv_nxt if seq_after(end, row.rcv_nxt) else end
        return
    if row.ofo_head == 0:
        return
    first, last = _early_duplicate(tcbs, skbs, tcb, seq, end)
    if first != last:
        row.dsack_start = first
        row.dsack_end = last
