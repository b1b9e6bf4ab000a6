"""Selective acknowledgement, as we tell it: what came twice, then what came early.

Law.   The first block is about the segment that has just arrived; no block says what was not received.
Reads. RFC 2018 section 4 (behind the first block, those reported last); RFC 2883; Linux net/ipv4/tcp_input.c
       (tcp_sack_new_ofo_skb, tcp_send_dupack).
Omits. Forgetting: Linux remembers four blocks, here a fifth is told again as soon as one of the others is gone.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.tcp.queues import ofo_sack_block
from devmemlab.wire.rows import get_sack, set_sack

SACK_BLOCKS_MOST = 4


@kernel
def tcp_sack_blocks(tcbs, skbs, tcb, seg, most):
    """Describe what came twice (RFC 2883), then the early data, newest arrival first.

    Parameters
    ----------
    tcbs : Tcbs
        A duplicate is reported once.
    skbs : Skbs
        Not changed.
    tcb : int64
        Row.
    seg : SEG
        Its SACK blocks are set.
    most : int64
        Blocks that fit beside the other options.
    """
    row = tcbs.tcb[tcb]
    first = 0
    if row.dsack_end != row.dsack_start:
        set_sack(seg, 0, row.dsack_start, row.dsack_end)
        row.dsack_start = row.dsack_end
        first = 1
    arrivals = np.zeros(SACK_BLOCKS_MOST, np.int64)
    count = first
    at = row.ofo_head
    while at:
        start, end, arrival, following = ofo_sack_block(tcbs, skbs, tcb, at)
        place = count
        while place > first and arrivals[place - 1] < arrival:
            if place < most:
                arrivals[place] = arrivals[place - 1]
                older_start, older_end = get_sack(seg, place - 1)
                set_sack(seg, place, older_start, older_end)
            place -= 1
        if place < most:
            arrivals[place] = arrival
            set_sack(seg, place, start, end)
            count = min(count + 1, most)
        at = following
    seg.sack_count = count
