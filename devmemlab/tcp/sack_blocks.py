"""Selective acknowledgement, as we tell it: what came twice, then what came early.

Law.   The first block is about the segment that has just arrived; no block says what was not received.
Reads. RFC 2018 section 4; RFC 2883; Linux net/ipv4/tcp_input.c (tcp_sack_new_ofo_skb, tcp_send_dupack).
Omits. Remembering the order of older blocks: behind the newest they go by sequence number.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_before
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
    newest_start = np.int64(-1)
    count = 0
    if row.dsack_end != row.dsack_start:
        set_sack(seg, 0, row.dsack_start, row.dsack_end)
        row.dsack_start = row.dsack_end
        count = 1
    at = row.ofo_head
    while at and count < most:
        start, end, following = ofo_sack_block(tcbs, skbs, tcb, at)
        if not seq_before(row.ofo_newest, start) and seq_before(row.ofo_newest, end):
            set_sack(seg, count, start, end)
            newest_start = start
            count += 1
            break
        at = following
    at = row.ofo_head
    while at and count < most:
        start, end, following = ofo_sack_block(tcbs, skbs, tcb, at)
        if start != newest_start:
            set_sack(seg, count, start, end)
            count += 1
        at = following
    seg.sack_count = count
