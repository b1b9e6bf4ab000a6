"""Cutting and joining what is to be sent, and how long a segment may be.

Law.   Neither a cut nor a join changes what is sent, only in which segments; the counters of packets follow.
Reads. RFC 9293 section 3.8.6.2.1 (half of the largest window), RFC 7323 section 2.4 (a window that shrank); Linux
       net/ipv4/tcp_output.c (tcp_bound_to_half_wnd, tcp_fragment, tcp_retrans_try_collapse).
Omits. Trimming the acknowledged front of a segment before it is sent again; joining when a tail-loss probe or a timer of RACK
       chooses the segment: as in Linux, it happens where a segment is sent again, and there only forward.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_after
from devmemlab.net.skb import MAX_SKB_FRAGS, SKB_OVERHEAD
from devmemlab.net.skb_clone import skb_split
from devmemlab.net.skb_merge import skb_move_frags
from devmemlab.tcp.sndq import EVER_RETRANS, LOST, RETRANS, SACKED, sndq_tag, sndq_untag
from devmemlab.tcp.tcb import TCP_MSS_DEFAULT

FIN_AND_PSH = 1 | 8
SMALLEST_MSS = 48
HEADERS_LEAST = 68
"""A segment with its headers is never made shorter than this for the sake of a small window."""


@kernel
def tcp_sync_mss(tcbs, row):
    """Fix how much fits a segment: what both sides' options and the path allow, and half of the largest window ever offered.

    Parameters
    ----------
    tcbs : Tcbs
        The path MTU.
    row : TCB
        ``mss_now``.
    """
    headers = 40 if row.ip_version == 4 else 60
    options = 12 if row.timestamps else 0
    mss = min(row.mss, tcbs.ctl[0].pmtu - headers) - options
    # A peer whose whole window is less than a default segment is taken at its word.
    most = row.max_window >> 1 if row.max_window > TCP_MSS_DEFAULT else row.max_window
    if 0 < most < mss:
        mss = max(most, HEADERS_LEAST - 20 - options)
    row.mss_now = max(mss, SMALLEST_MSS)


@kernel
def sndq_split(tcbs, skbs, netmems, providers, tcb, skb, length):
    """Cut an skb of the send queue in two.

    Parameters
    ----------
    tcbs : Tcbs
        Queue ends, charge, and counters of packets out when it was sent.
    skbs : Skbs
        One more, behind `skb`, marked as it is.
    netmems : NETMEM[n_netmem]
        A page that both refer to gets a reference,
    providers : Providers
        device memory gets it in its binding.
    tcb, skb : int64
        Rows.
    length : int64
        Octets that stay.

    Returns
    -------
    rest : int64
        Row of the second half; 0 or less when there is none: no row is free, a copy of `skb` still waits for the wire, or the
        cut would leave one half empty.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[skb]
    if s.users > 1:
        return np.int64(0)
    charged = s.truesize
    sent = row.send_head == 0 or seq_after(skbs.skb[row.send_head].seq, s.seq)
    rest = skb_split(skbs, skb, netmems, providers, length)
    if rest <= 0:
        return rest
    other = skbs.skb[rest]
    s.tcp_flags &= ~FIN_AND_PSH
    # What a program has lent is charged by the page, in both halves.
    if s.ubuf == 0:
        s.truesize = SKB_OVERHEAD + s.length
        other.truesize = SKB_OVERHEAD + other.length
    row.wmem_queued += s.truesize + other.truesize - charged
    other.sent_ns = s.sent_ns
    other.sacked = 0
    other.prev = skb
    other.next = s.next
    if s.next:
        skbs.skb[s.next].prev = rest
    else:
        row.sndq_tail = rest
    s.next = rest
    if sent:
        row.packets_out += 1
        sndq_tag(row, other, s.sacked)
    return rest


@kernel
def _join_next(tcbs, skbs, tcb, skb):
    """Make a sent skb and the next one a single one.

    Parameters
    ----------
    tcbs : Tcbs
        Queue ends, charge and counters.
    skbs : Skbs
        The next one is free afterwards.
    tcb, skb : int64
        Rows.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[skb]
    gone = s.next
    other = skbs.skb[gone]
    s.end_seq = other.end_seq
    s.tcp_flags |= other.tcp_flags
    s.sacked |= other.sacked & EVER_RETRANS
    sndq_untag(row, other, RETRANS | LOST)
    row.packets_out -= 1
    if row.sack_permitted == 0:
        row.sacked_out = min(row.sacked_out, max(row.packets_out - 1, 0))
    row.wmem_queued -= SKB_OVERHEAD
    s.next = other.next
    if s.next:
        skbs.skb[s.next].prev = skb
    else:
        row.sndq_tail = skb
    skb_move_frags(skbs, skb, gone)


@kernel
def tcp_retrans_try_collapse(tcbs, skbs, tcb, skb, edge):
    """Let a small segment that is sent again take those behind it along.

    Parameters
    ----------
    tcbs : Tcbs
        Counters of the row.
    skbs : Skbs
        `skb` may grow to a full segment.
    tcb, skb : int64
        Rows.
    edge : int64
        Right edge of the peer's window.

    Returns
    -------
    joined : int64
        How many others it took in.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[skb]
    joined = np.int64(0)
    if tcbs.ctl[0].retrans_collapse == 0 or s.users > 1 or s.length == 0:
        return joined
    while s.next and s.next != row.send_head:
        other = skbs.skb[s.next]
        if other.users > 1 or other.sacked & SACKED or other.length == 0 or s.length + other.length > row.mss_now:
            break
        # Octets that a program has lent stay in the skb that tells when it gets them back.
        if s.ubuf or other.ubuf or s.unreadable or other.unreadable:
            break
        if s.nr_frags + other.nr_frags > MAX_SKB_FRAGS or seq_after(other.end_seq, edge):
            break
        _join_next(tcbs, skbs, tcb, skb)
        joined += 1
    return joined
