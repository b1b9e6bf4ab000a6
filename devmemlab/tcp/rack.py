"""RACK: a segment is lost when one sent sufficiently later has arrived.

Law.   Time decides, not counting: a segment may be late by a quarter of the least round trip, times the patience learned.
Reads. RFC 8985 sections 6 and 7; Linux net/ipv4/tcp_recovery.c.
Omits. The per-round bookkeeping of the patience's decay.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_after
from devmemlab.tcp.output import TIMER_RACK, timer_at
from devmemlab.tcp.sndq import LOST, RETRANS, SACKED, sndq_tag, sndq_untag
from devmemlab.tcp.tcb import TCP_REORDERING
from devmemlab.tcp.xmit import CA_RECOVERY


@kernel
def rack_window(row):
    """How long a segment may come late before it counts as lost.

    Parameters
    ----------
    row : TCB
        A connection.

    Returns
    -------
    window_ns : int64
        0 while nothing was ever reordered and enough has been received out of order, or recovery runs already.
    """
    if row.rack_reordered == 0 and (row.ca_state >= CA_RECOVERY or row.sacked_out >= TCP_REORDERING):
        return np.int64(0)
    if row.srtt_ns == 0:
        return np.int64(0)
    return min((row.min_rtt_ns >> 2) * row.rack_steps, row.srtt_ns)


@kernel
def rack_detect_loss(tcbs, skbs, tcb, now_ns):
    """Mark lost what must have arrived by now, and say when to look again.

    Parameters
    ----------
    tcbs : Tcbs
        Counters of the row.
    skbs : Skbs
        Marks.
    tcb : int64
        Row.
    now_ns : int64
        Time.

    Returns
    -------
    wait_ns : int64
        Time until the last of the doubtful ones is due, 0 when none is.
    """
    row = tcbs.tcb[tcb]
    wait_ns = np.int64(0)
    if row.rack_sent_ns == 0:
        return wait_ns
    window_ns = rack_window(row)
    skb = row.sndq_head
    while skb and skb != row.send_head:
        s = skbs.skb[skb]
        pending = s.sacked & SACKED == 0 and (s.sacked & LOST == 0 or s.sacked & RETRANS)
        earlier = s.sent_ns < row.rack_sent_ns or (s.sent_ns == row.rack_sent_ns and seq_after(row.rack_end_seq, s.end_seq))
        if pending and earlier:
            remaining = s.sent_ns + row.rack_rtt_ns + window_ns - now_ns
            if remaining <= 0:
                sndq_untag(row, s, RETRANS)
                sndq_tag(row, s, LOST)
            else:
                wait_ns = max(wait_ns, remaining)
        skb = s.next
    return wait_ns


@kernel
def rack_mark_lost(tcbs, skbs, tcb, now_ns):
    """Mark what is lost and set the timer for what may be.

    Parameters
    ----------
    tcbs : Tcbs
        Counters and the timer of the row.
    skbs : Skbs
        Marks.
    tcb : int64
        Row.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    wait_ns = rack_detect_loss(tcbs, skbs, tcb, now_ns)
    if wait_ns > 0:
        row.rto_kind = TIMER_RACK
        row.rto_at_ns = timer_at(tcbs, now_ns + wait_ns)
