"""Collapse: a full receive buffer gets room by copying readable skbs together.

Law.   Every octet stays where a reader finds it: a run is replaced whole, in sequence order, or not at all.
Reads. Linux net/ipv4/tcp_input.c (tcp_prune_queue, tcp_collapse, tcp_collapse_ofo_queue); spec section 13.6.
Omits. Pruning, which TCP does itself when this was not enough (`devmemlab.tcp.prune`); clamping of the window; pressure of
       all sockets together (tcp_mem).
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after, seq_diff
from devmemlab.net.linear_collapse import skb_alloc_pages, skb_fill
from devmemlab.tcp.collapse import (
    tcp_collapse_find,
    tcp_collapse_measure,
    tcp_collapse_one,
    tcp_collapse_put,
    tcp_wants_room,
)


@kernel
def tcp_collapse(memory, tcbs, skbs, tcb, early, pools, netmems, providers, ledger, trace):
    """Copy the runs of one queue together.

    Parameters
    ----------
    memory : uint8[n]
        Read in readable skbs, written in fresh pages.
    tcbs : Tcbs
        The queue and ``rmem_alloc`` of the row; ``rcv_collapsed`` counts skbs that went.
    skbs : Skbs
        Runs are replaced.
    tcb : int64
        Row.
    early : int64
        1 for the out-of-order queue, 0 for the receive queue.
    pools : PagePools
        Frags of what was copied return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        Pages are taken.
    ledger : LEDGER[n_stage]
        COLLAPSE_COPY grows.
    trace : Trace or None
        Receives skb_free.
    """
    row = tcbs.tcb[tcb]
    skb = row.rcvq_head
    start = row.copied_seq
    if early:
        skb = row.ofo_head
        start = skbs.skb[skb].seq
    while True:
        skb, start = tcp_collapse_find(row, skbs, skb, start)
        if skb == 0:
            return
        count, octets = tcp_collapse_measure(skbs, skb, start)
        if count == 0:
            if seq_after(skbs.skb[skb].end_seq, start):
                start = skbs.skb[skb].end_seq
            skb = skbs.skb[skb].next
            continue
        full = skb_alloc_pages(skbs, netmems, providers, octets)
        if full == 0:
            return
        new, first = skbs.skb[full], skbs.skb[skb]
        new.seq = start
        new.queue, new.hash, new.at_ns, new.arrival = first.queue, first.hash, first.at_ns, first.arrival
        tcp_collapse_put(tcbs, skbs, tcb, early, full, skb)
        for _ in range(count):
            s = skbs.skb[skb]
            following = s.next
            fresh = seq_diff(s.end_seq, start)
            if fresh > 0:
                skb_fill(memory, skbs, full, skb, netmems, s.length - fresh, fresh, ledger)
                start = s.end_seq
            new.tcp_flags |= s.tcp_flags
            new.arrival = max(new.arrival, s.arrival)
            tcp_collapse_one(tcbs, skbs, tcb, early, skb, pools, netmems, providers, trace)
            skb = following
        new.end_seq = seq_add(new.seq, new.length)


@kernel
def tcp_prune_queue(memory, tcbs, skbs, pkt, pools, netmems, providers, ledger, trace):
    """Make room for a segment that meets a full receive buffer, as far as copying can.

    Parameters
    ----------
    memory : uint8[n]
        Read in readable skbs, written in fresh pages.
    tcbs : Tcbs
        Queues and ``rmem_alloc`` of the connection; ``prune_called`` counts.
    skbs : Skbs
        Runs are replaced.
    pkt : PKT
        The segment, which TCP has not seen yet.
    pools : PagePools
        Frags of what was copied return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        Pages are taken.
    ledger : LEDGER[n_stage]
        COLLAPSE_COPY grows.
    trace : Trace or None
        Receives skb_free.

    Returns
    -------
    freed : int64
        Octets by which ``rmem_alloc`` fell.

    References
    ----------
    Linux net/ipv4/tcp_input.c, tcp_prune_queue()
    """
    tcb = tcp_wants_room(tcbs, pkt)
    if tcb == 0:
        return np.int64(0)
    row = tcbs.tcb[tcb]
    charged = row.rmem_alloc
    tcbs.ctl[0].prune_called += 1
    if row.ofo_head:
        tcp_collapse(memory, tcbs, skbs, tcb, 1, pools, netmems, providers, ledger, trace)
    if row.rcvq_head:
        tcp_collapse(memory, tcbs, skbs, tcb, 0, pools, netmems, providers, ledger, trace)
    return charged - row.rmem_alloc
