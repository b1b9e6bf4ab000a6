"""Collapsing: which skbs of a queue may be copied together, and how the queue takes the result.

Law.   Only neighbours to the octet that the CPU may read, and only when their octets occupy less afterwards.
Reads. Linux net/ipv4/tcp_input.c (tcp_collapse, tcp_collapse_one, tcp_prune_queue); spec section 13.6.
Omits. The copying, which is not TCP's: `devmemlab.sock.collapse` asks here, and `devmemlab.net.linear_collapse` moves octets.
       Stopping early while ranges are tiny: a range that would not shrink is left alone here.

TCP sees no payload, so a segment that may need room is looked at before it gets here. The look-up which that costs is paid
only once some connection of the host has held more than its receive buffer (``tight``).
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after, seq_before, seq_diff
from devmemlab.net.linear_collapse import MOST_OCTETS, PAGE_BYTES
from devmemlab.net.skb import SKB_OVERHEAD, skb_free
from devmemlab.tcp.lookup import tcp_lookup
from devmemlab.tcp.output import FIN, SYN
from devmemlab.tcp.queues import ofo_unlink
from devmemlab.tcp.states import ESTABLISHED, FIN_WAIT1, FIN_WAIT2
from devmemlab.tcp.window import tcp_receive_window


@kernel
def tcp_note_tight(tcbs, tcb):
    """Remember that some connection holds more than its receive buffer, when this one does.

    Parameters
    ----------
    tcbs : Tcbs
        ``tight`` may become 1.
    tcb : int64
        Row.
    """
    if tcbs.tcb[tcb].rmem_alloc > tcbs.tcb[tcb].rcvbuf:
        tcbs.ctl[0].tight = 1


@kernel
def tcp_wants_room(tcbs, pkt):
    """Find the connection whose full receive buffer a segment with new octets meets.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    pkt : PKT
        The segment.

    Returns
    -------
    tcb : int64
        Row, 0 when there is room, or nothing that needs it.
    """
    if pkt.payload_bytes == 0:
        return np.int64(0)
    tcb = tcp_lookup(tcbs, pkt)
    if tcb == 0:
        return np.int64(0)
    row = tcbs.tcb[tcb]
    if row.rmem_alloc <= row.rcvbuf or (row.state != ESTABLISHED and row.state != FIN_WAIT1 and row.state != FIN_WAIT2):
        return np.int64(0)
    if not seq_before(pkt.seq, seq_add(row.rcv_nxt, tcp_receive_window(row))):
        return np.int64(0)
    if not seq_after(seq_add(pkt.seq, pkt.payload_bytes), row.rcv_nxt):
        return np.int64(0)
    return np.int64(tcb)


@kernel
def _may_collapse(s):
    """Tell whether the octets of an skb may be copied into another one.

    Parameters
    ----------
    s : SKB
        Of a receive queue.

    Returns
    -------
    may : bool
        The CPU may read it, it is no SYN or FIN, and it has an octet for each sequence number.
    """
    if s.unreadable or s.frag_list or s.tcp_flags & (SYN | FIN):
        return False
    return seq_diff(s.end_seq, s.seq) == s.length


@kernel
def tcp_collapse_find(row, skbs, skb, start):
    """Find where a run to be copied together may begin.

    Parameters
    ----------
    row : TCB
        ``scaling_ratio`` says what payload usually costs.
    skbs : Skbs
        Not changed.
    skb : int64
        Where to look first, 0 at the end of a queue.
    start : int64
        Sequence number: what comes before it was read, or is in an skb before this one.

    Returns
    -------
    skb, start : int64
        Row, 0 when there is none, and the first octet of the run. The first skb is bloated, was read in part, or overlaps the
        readable one behind it; skbs that are not, and all unreadable ones, only advance the start.
    """
    while skb:
        s = skbs.skb[skb]
        if seq_after(s.seq, start):
            start = s.seq
        if _may_collapse(s):
            if (s.truesize * row.scaling_ratio) >> 8 > s.length or seq_before(s.seq, start):
                break
            if s.next and skbs.skb[s.next].unreadable == 0 and seq_after(s.end_seq, skbs.skb[s.next].seq):
                break
        if seq_after(s.end_seq, start):
            start = s.end_seq
        skb = s.next
    return skb, start


@kernel
def tcp_collapse_measure(skbs, skb, start):
    """Measure the run that one skb of pages can take.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    skb : int64
        First skb of the run.
    start : int64
        First octet that still counts.

    Returns
    -------
    count, octets : int64
        Skbs and octets of the run. It ends before a hole, an unreadable skb, a SYN or FIN, and what no longer fits; `count`
        is 0 when what came of it would not occupy less.
    """
    count, octets, truesize = np.int64(0), np.int64(0), np.int64(0)
    end = start
    while skb:
        s = skbs.skb[skb]
        if not _may_collapse(s) or seq_after(s.seq, end):
            break
        fresh = max(seq_diff(s.end_seq, end), 0)
        if octets + fresh > MOST_OCTETS:
            break
        if fresh > 0:
            octets += fresh
            end = s.end_seq
        truesize += s.truesize
        count += 1
        skb = s.next
    if octets == 0 or SKB_OVERHEAD + (octets + PAGE_BYTES - 1) // PAGE_BYTES * PAGE_BYTES >= truesize:
        count = np.int64(0)
    return count, octets


@kernel
def tcp_collapse_put(tcbs, skbs, tcb, early, skb, before):
    """Queue the skb of a run before the first one that it replaces, and charge it.

    Parameters
    ----------
    tcbs : Tcbs
        Queue ends, count and ``rmem_alloc`` of the row.
    skbs : Skbs
        List links.
    tcb : int64
        Row.
    early : int64
        1 for the out-of-order queue, 0 for the receive queue.
    skb, before : int64
        Rows.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[skb]
    s.next = before
    s.prev = skbs.skb[before].prev
    skbs.skb[before].prev = skb
    if s.prev:
        skbs.skb[s.prev].next = skb
    elif early:
        row.ofo_head = skb
    else:
        row.rcvq_head = skb
    row.ofo_count += early
    row.rmem_alloc += s.truesize


@kernel
def tcp_collapse_one(tcbs, skbs, tcb, early, skb, pools, netmems, providers, trace):
    """Take an skb whose octets are elsewhere now out of its queue and free it.

    Parameters
    ----------
    tcbs : Tcbs
        Queue ends, count and ``rmem_alloc`` of the row; ``rcv_collapsed`` grows.
    skbs : Skbs
        The skb is freed.
    tcb : int64
        Row.
    early : int64
        1 for the out-of-order queue, 0 for the receive queue.
    skb : int64
        Row.
    pools : PagePools
        Frags return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives skb_free.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[skb]
    if early:
        ofo_unlink(tcbs, skbs, tcb, skb)
    else:
        if s.prev:
            skbs.skb[s.prev].next = s.next
        else:
            row.rcvq_head = s.next
        if s.next:
            skbs.skb[s.next].prev = s.prev
        else:
            row.rcvq_tail = s.prev
        row.rmem_alloc -= s.truesize
    tcbs.ctl[0].rcv_collapsed += 1
    skb_free(skbs, skb, pools, netmems, providers, trace, 1)
