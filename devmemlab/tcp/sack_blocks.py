"""Selective acknowledgement, as we tell it: what came twice, then what came early.

Law.   The first block is about the segment that has just arrived; no block says what was not received.
Reads. RFC 2018 section 4 (behind the first block, those reported last); RFC 2883; Linux net/ipv4/tcp_input.c
       (tcp_sack_new_ofo_skb, tcp_send_dupack).
Omits. Forgetting: Linux remembers four blocks, here a fifth is told again as soon as one of the others is gone.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.tcp.queues import ofo_sack_block
from devmemlab.wire.rows import set_sack


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
    count = 0
    if row.dsack_end != row.dsack_start:
        set_sack(seg, 0, row.dsack_start, row.dsack_end)
        row.dsack_start = row.dsack_end
        count = 1
    older_than = row.ofo_arrivals + 1
    while count < most and row.ofo_head:
        # No two blocks changed by the same arrival.
        newest = np.int64(0)
        at = row.ofo_head
        while at:
            start, end, arrival, following = ofo_sack_block(tcbs, skbs, tcb, at)
            if newest < arrival < older_than:
                newest = arrival
                set_sack(seg, count, start, end)
            at = following
        if newest == 0:
            break
        older_than = newest
        count += 1
    seg.sack_count = count
