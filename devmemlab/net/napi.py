"""NAPI poll: completions become skbs.

Law.   A buffer of a completion ends in exactly one place: a frag, or back in its pool.
Reads. Linux drivers/net/ethernet/google/gve/gve_rx_dqo.c (the decision table), net/core/dev.c.
Omits. GRO and busy polling; budgets are the caller's loop.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.trace import SKB_BUILD, emit
from devmemlab.mem.page_pool import page_pool_put_netmem
from devmemlab.net.skb import MAX_SKB_FRAGS, skb_add_rx_frag, skb_alloc, skb_free


@kernel
def napi_next_skb(rxqs, queue, skbs, pools, netmems, providers, trace, now_ns):
    """Build the next whole packet of a queue.

    Parameters
    ----------
    rxqs : RxQueues
        Completions up to the packet's last are consumed.
    queue : int64
        Row of the queue.
    skbs : Skbs
        One skb is taken.
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
        Row (0: nothing was delivered), where its headers lie in host memory and how many (0 when the
        frame was not split), and 1, 0 or -1 (the queue has no whole packet).
    """
    q = rxqs.ctl[queue]
    if q.clean == q.complete:
        return np.int64(0), np.int64(0), np.int64(0), np.int64(-1)
    first = rxqs.cqe[queue, q.clean & (q.desc_count - 1)]
    header_at = first.header_at
    header_bytes = first.header_bytes
    split = first.split
    skb = skb_alloc(skbs)
    dropped = skb == 0
    if not dropped:
        row = skbs.skb[skb]
        row.queue = queue
        row.hash = first.hash
        row.at_ns = now_ns
    while True:
        cqe = rxqs.cqe[queue, q.clean & (q.desc_count - 1)]
        q.clean += 1
        keep = not dropped and cqe.payload_bytes > 0
        if keep and skbs.skb[skb].nr_frags == MAX_SKB_FRAGS:
            skb_free(skbs, skb, pools, netmems, providers, trace, 1)
            dropped = True
            keep = False
        if keep:
            skb_add_rx_frag(skbs, skb, netmems, cqe.netmem, 0, cqe.payload_bytes, q.buffer_bytes)
        else:
            q.rx_dropped_octets += cqe.payload_bytes
            page_pool_put_netmem(pools, netmems, providers, trace, q.pool, cqe.netmem, 1)
        cqe.netmem = 0
        if cqe.eop:
            break
    if dropped:
        q.rx_dropped_pkt += 1
        return np.int64(0), header_at, header_bytes, split
    row = skbs.skb[skb]
    emit(trace, SKB_BUILD, skb, header_bytes, row.data_len, row.nr_frags)
    return skb, header_at, header_bytes, split
