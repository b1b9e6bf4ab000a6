"""The two queues of a connection: what is in order, and what came too early.

Law.   Both are lists of skb rows sorted by sequence number; no byte is ever compared or moved, frags are.
Reads. Linux net/ipv4/tcp_input.c (tcp_data_queue_ofo, tcp_ofo_queue);
       RFC 9293 section 3.10.7.4; spec sections 13.4 and 13.6.
Omits. Coalescing early segments. Collapsing, which moves bytes: `devmemlab.tcp.collapse`.

Overlap policy: bytes that arrived first stay. A segment that an earlier one covers whole is dropped; one
that covers earlier ones whole replaces them (nothing in between was delivered yet); partial overlaps stay
queued and the reader skips by sequence number. That is also what Linux does, and it needs no payload.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_after, seq_before
from devmemlab.net.skb import skb_free
from devmemlab.net.skb_merge import skb_move_frags
from devmemlab.tcp.coalesce import tcp_may_coalesce


@kernel
def rcvq_append(tcbs, skbs, tcb, skb):
    """Put an skb at the end of the receive queue, or its frags behind those of the last one, and charge it.

    Parameters
    ----------
    tcbs : Tcbs
        Queue ends and ``rmem_alloc`` of the row.
    skbs : Skbs
        List links; the skb is free when its frags have moved.
    tcb, skb : int64
        Rows.
    """
    row = tcbs.tcb[tcb]
    if row.rcvq_tail and tcp_may_coalesce(skbs, row.rcvq_tail, skb):
        tail = skbs.skb[row.rcvq_tail]
        tail.end_seq = skbs.skb[skb].end_seq
        row.rmem_alloc += skb_move_frags(skbs, row.rcvq_tail, skb)
        return
    skbs.skb[skb].next = 0
    skbs.skb[skb].prev = row.rcvq_tail
    if row.rcvq_tail:
        skbs.skb[row.rcvq_tail].next = skb
    else:
        row.rcvq_head = skb
    row.rcvq_tail = skb
    row.rmem_alloc += skbs.skb[skb].truesize


@kernel
def rcvq_eat(tcbs, skbs, tcb, pools, netmems, providers, trace):
    """Free the first skb of the receive queue.

    Parameters
    ----------
    tcbs : Tcbs
        Queue ends and ``rmem_alloc`` of the row.
    skbs : Skbs
        The skb is freed.
    tcb : int64
        Row with a queue that is not empty.
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
    skb = row.rcvq_head
    row.rcvq_head = skbs.skb[skb].next
    if row.rcvq_head == 0:
        row.rcvq_tail = 0
    else:
        skbs.skb[row.rcvq_head].prev = 0
    row.rmem_alloc -= skbs.skb[skb].truesize
    skb_free(skbs, skb, pools, netmems, providers, trace, 0)


@kernel
def ofo_unlink(tcbs, skbs, tcb, skb):
    """Take an skb out of the out-of-order queue.

    Parameters
    ----------
    tcbs : Tcbs
        Queue ends, count and ``rmem_alloc`` of the row.
    skbs : Skbs
        List links.
    tcb, skb : int64
        Rows.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[skb]
    if s.prev:
        skbs.skb[s.prev].next = s.next
    else:
        row.ofo_head = s.next
    if s.next:
        skbs.skb[s.next].prev = s.prev
    else:
        row.ofo_tail = s.prev
    row.ofo_count -= 1
    row.rmem_alloc -= s.truesize


@kernel
def ofo_insert(tcbs, skbs, tcb, skb, pools, netmems, providers, trace):
    """Queue a segment that came too early.

    Parameters
    ----------
    tcbs : Tcbs
        Queue ends, count and ``rmem_alloc`` of the row.
    skbs : Skbs
        List links; skbs that the new one covers whole are freed.
    tcb, skb : int64
        Rows; the skb's ``seq`` and ``end_seq`` are set.
    pools : PagePools
        Frags of freed skbs return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives skb_free.

    Returns
    -------
    kept : int64
        1, or 0 when every byte was there already and the skb was freed.
    """
    row = tcbs.tcb[tcb]
    new = skbs.skb[skb]
    row.ofo_arrivals += 1
    new.arrival = row.ofo_arrivals
    before = row.ofo_tail
    while before and not seq_before(skbs.skb[before].seq, new.seq):
        before = skbs.skb[before].prev
    if before and not seq_after(new.end_seq, skbs.skb[before].end_seq):
        skbs.skb[before].arrival = row.ofo_arrivals
        skb_free(skbs, skb, pools, netmems, providers, trace, 1)
        return 0
    after = row.ofo_head
    if before:
        after = skbs.skb[before].next
    if after and skbs.skb[after].seq == new.seq and not seq_after(new.end_seq, skbs.skb[after].end_seq):
        skbs.skb[after].arrival = row.ofo_arrivals
        skb_free(skbs, skb, pools, netmems, providers, trace, 1)
        return 0
    new.prev = before
    new.next = after
    if before:
        skbs.skb[before].next = skb
    else:
        row.ofo_head = skb
    if after:
        skbs.skb[after].prev = skb
    else:
        row.ofo_tail = skb
    row.ofo_count += 1
    row.rmem_alloc += new.truesize
    while new.next and not seq_after(skbs.skb[new.next].end_seq, new.end_seq):
        covered = new.next
        ofo_unlink(tcbs, skbs, tcb, covered)
        skb_free(skbs, covered, pools, netmems, providers, trace, 1)
    return 1


@kernel
def ofo_drain(tcbs, skbs, tcb, pools, netmems, providers, trace):
    """Move to the receive queue whatever has become in order.

    Parameters
    ----------
    tcbs : Tcbs
        Both queues and ``rcv_nxt`` of the row.
    skbs : Skbs
        List links; skbs without a new byte are freed.
    tcb : int64
        Row.
    pools : PagePools
        Frags of freed skbs return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives skb_free.

    Returns
    -------
    moved : int64
        Skbs moved.
    """
    row = tcbs.tcb[tcb]
    moved = np.int64(0)
    while row.ofo_head:
        skb = row.ofo_head
        s = skbs.skb[skb]
        if seq_after(s.seq, row.rcv_nxt):
            break
        ofo_unlink(tcbs, skbs, tcb, skb)
        if not seq_after(s.end_seq, row.rcv_nxt):
            skb_free(skbs, skb, pools, netmems, providers, trace, 1)
            continue
        row.rcv_nxt = s.end_seq
        rcvq_append(tcbs, skbs, tcb, skb)
        moved += 1
    return moved


@kernel
def queues_purge(tcbs, skbs, tcb, pools, netmems, providers, trace):
    """Free everything both queues hold.

    Parameters
    ----------
    tcbs : Tcbs
        The row's queues become empty.
    skbs : Skbs
        Skbs are freed.
    tcb : int64
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
    while row.rcvq_head:
        rcvq_eat(tcbs, skbs, tcb, pools, netmems, providers, trace)
    while row.ofo_head:
        skb = row.ofo_head
        ofo_unlink(tcbs, skbs, tcb, skb)
        skb_free(skbs, skb, pools, netmems, providers, trace, 0)


@kernel
def ofo_sack_block(tcbs, skbs, tcb, start_skb):
    """Find the contiguous range of early data that begins at an skb.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    skbs : Skbs
        Not changed.
    tcb : int64
        Row.
    start_skb : int64
        Row of an skb of the out-of-order queue.

    Returns
    -------
    start, end, arrival, following : int64
        Sequence range, when something of it arrived last, and the first skb behind the hole after it (0: none).
    """
    start = skbs.skb[start_skb].seq
    arrival = skbs.skb[start_skb].arrival
    end = skbs.skb[start_skb].end_seq
    following = skbs.skb[start_skb].next
    while following and not seq_before(end, skbs.skb[following].seq):
        if seq_after(skbs.skb[following].end_seq, end):
            end = skbs.skb[following].end_seq
        arrival = max(arrival, skbs.skb[following].arrival)
        following = skbs.skb[following].next
    return start, end, arrival, following
