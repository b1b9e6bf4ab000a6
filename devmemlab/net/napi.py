"""NAPI poll: completions become skbs.

Law.   A buffer of a completion ends in exactly one place, a frag or its pool; a packet ends in an skb or in one drop counter.
Reads. Linux drivers/net/ethernet/google/gve/gve_rx_dqo.c (the decision table of spec section 12.2), net/core/dev.c.
Omits. Busy polling; budgets are the caller's loop, GRO the next room (`devmemlab.net.gro`).

================================================  ==========================================================
completion                                        outcome
================================================  ==========================================================
names no buffer that is out                       dropped, a descriptor error
has the device's error set                        dropped, its buffer goes back to the pool
split, with headers that fit                      an skb; the caller copies the headers; payload is a frag
not split, in device memory                       dropped, counted as a failed skb allocation
unsplit (no headers, or they overflow)            counted as unsplit; an skb of frags
... in device memory                              dropped: nobody can pull a header out of it
one small readable buffer                         an skb; the caller copies it all (copy-break)
one more buffer of the same packet                one more frag; after 17, an skb on the frag list
================================================  ==========================================================
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.trace import SKB_BUILD, emit
from devmemlab.mem.netmem import netmem_is_net_iov
from devmemlab.mem.page_pool import page_pool_put_netmem
from devmemlab.net.frag_list import skb_chain
from devmemlab.net.skb import MAX_SKB_FRAGS, skb_add_rx_frag, skb_alloc, skb_free
from devmemlab.nic.drops import DROP_DESCRIPTOR, DROP_HEADER_OVERFLOW, DROP_NO_SKB, DROP_NONE, DROP_UNREADABLE_HEADER
from devmemlab.nic.rxq import rxq_drop

NOTHING, WHOLE, SPLIT, SMALL = -1, 0, 1, 2
NAPI_BUDGET = 64


@kernel(forceinline=True)
def _refuse(cqe, q):
    """Look at a completion by itself.

    Parameters
    ----------
    cqe : CQE
        One row.
    q : RXQ
        Row of the queue; counts.

    Returns
    -------
    reason : int64
        ``DROP_``, ``DROP_NONE`` when there is nothing to say against it.
    """
    if cqe.slot < 0 or cqe.slot >= q.desc_count or cqe.netmem == 0:
        q.rx_desc_err_dropped_pkt += 1
        return np.int64(DROP_DESCRIPTOR)
    return cqe.error


@kernel(forceinline=True)
def _begin(cqe, q, queue, skbs, now_ns):
    """Decide about the first completion of a packet.

    Parameters
    ----------
    cqe : CQE
        One row.
    q : RXQ
        Row of the queue; counts.
    queue : int64
        Its number.
    skbs : Skbs
        One is taken.
    now_ns : int64
        Arrival time to note.

    Returns
    -------
    skb, reason : int64
        Row and 0, or 0 and the ``DROP_`` reason.
    """
    reason = _refuse(cqe, q)
    if reason == DROP_NONE and netmem_is_net_iov(cqe.netmem):
        if cqe.split == 0:
            q.rx_skb_alloc_fail += 1
            reason = np.int64(DROP_UNREADABLE_HEADER)
        elif cqe.overflow or cqe.header_bytes == 0:
            reason = np.int64(DROP_HEADER_OVERFLOW)
    if cqe.split and (cqe.overflow or cqe.header_bytes == 0):
        q.rx_hsplit_unsplit_pkt += 1
    if reason != DROP_NONE:
        return np.int64(0), reason
    skb = skb_alloc(skbs)
    if skb == 0:
        q.rx_skb_alloc_fail += 1
        return skb, np.int64(DROP_NO_SKB)
    row = skbs.skb[skb]
    row.queue = queue
    row.hash = cqe.hash
    row.at_ns = now_ns
    row.ip_summed = cqe.csum
    row.vlan_tci = cqe.vlan_tci
    row.gso_size = cqe.gso_size
    row.gso_segs = cqe.gso_segs
    row.frame_bytes = cqe.frame_bytes
    row.parsed = cqe.parsed
    row.seq = cqe.seq
    return skb, reason


@kernel(forceinline=True)
def napi_next_skb(rxqs, queue, skbs, pools, netmems, providers, trace, now_ns):
    """Build the next whole packet of a queue.

    Parameters
    ----------
    rxqs : RxQueues
        Completions up to the packet's last are consumed.
    queue : int64
        Row of the queue.
    skbs : Skbs
        One skb is taken, and more for its frag list.
    pools : PagePools
        Buffers that carry nothing, or found no skb, return to the queue's pool.
    netmems : NETMEM[n_netmem]
        Reference counts and places.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives skb_build.
    now_ns : int64
        Arrival time to note.

    Returns
    -------
    skb, header_at, header_bytes, split : int64
        Row (0: nothing was delivered); where its headers lie in host memory and how many (0 when the frame was not
        split); ``SPLIT``, ``WHOLE``, ``SMALL`` (whole, and to be copied) or ``NOTHING`` (no whole packet waits).
    """
    q = rxqs.ctl[queue]
    if q.clean == q.complete:
        return np.int64(0), np.int64(0), np.int64(0), np.int64(NOTHING)
    mask = q.desc_count - 1
    first = rxqs.cqe[queue, q.clean & mask]
    header_at = first.header_at
    header_bytes = first.header_bytes
    split = np.int64(SPLIT) if first.split and first.overflow == 0 and header_bytes > 0 else np.int64(WHOLE)
    frame_bytes = first.frame_bytes
    segments = max(first.gso_segs, 1)
    skb, reason = _begin(first, q, queue, skbs, now_ns)
    tail = skb
    pieces = np.int64(0)
    while True:
        cqe = rxqs.cqe[queue, q.clean & mask]
        q.clean += 1
        if pieces and reason == DROP_NONE:
            reason = _refuse(cqe, q)
            q.rx_cont_packet_cnt += 1
        pieces += 1
        keep = reason == DROP_NONE and cqe.payload_bytes > 0
        if keep and skbs.skb[tail].nr_frags == MAX_SKB_FRAGS:
            link = skb_alloc(skbs)
            if link:
                if tail != skb:
                    skb_chain(skbs, skb, tail)
                tail = link
            else:
                q.rx_skb_alloc_fail += 1
                reason = np.int64(DROP_NO_SKB)
                keep = False
        if keep:
            skb_add_rx_frag(skbs, tail, netmems, cqe.netmem, 0, cqe.payload_bytes, q.buffer_bytes)
        else:
            q.rx_dropped_octets += cqe.payload_bytes
            if cqe.netmem:
                page_pool_put_netmem(pools, netmems, providers, trace, q.pool, cqe.netmem, 1)
        cqe.netmem = 0
        if cqe.eop:
            break
    if tail != skb:
        skb_chain(skbs, skb, tail)
    if reason != DROP_NONE:
        if skb:
            skb_free(skbs, skb, pools, netmems, providers, trace, 1)
        rxq_drop(rxqs, queue, reason, frame_bytes, segments)
        return np.int64(0), header_at, header_bytes, split
    row = skbs.skb[skb]
    if split == SPLIT:
        q.rx_hsplit_pkt += 1
        q.rx_hsplit_bytes += header_bytes
    elif row.length <= q.copybreak and pieces == 1 and row.unreadable == 0:
        q.rx_copybreak_pkt += 1
        q.rx_copied_pkt += 1
        split = np.int64(SMALL)
    emit(trace, SKB_BUILD, skb, header_bytes, row.data_len, row.nr_frags)
    return skb, header_at, header_bytes, split
