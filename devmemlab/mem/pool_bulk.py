"""page_pool, return of many at once: of any pools, or as many of one as go straight to its ring.

Law.   What is left behind is what putting one after the other leaves.
Reads. Linux net/core/page_pool.c (page_pool_put_netmem_bulk); spec section 6.5.
Omits. Nothing of what the kernel does: sixteen at a time, and one note of a ring that is full.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.prefetch import prefetch_row
from devmemlab.base.ring import ring_produce
from devmemlab.base.trace import PAGE_POOL_RECYCLE, emit
from devmemlab.mem.netmem import PLACE_RING
from devmemlab.mem.pool_alloc import page_pool_return_netmem
from devmemlab.mem.pool_put import page_pool_unref_netmem

BULK, AHEAD = 16, 8


@kernel
def page_pool_put_entries(pools, netmems, entries, first, end, pp):
    """Drop one reference from each of many buffers of one pool, in process context, as long as all goes well.

    What the pool has to say is written once. Nothing is traced: who traces puts one after the other.

    Parameters
    ----------
    pools : PagePools
        Ring and statistic of the pool change.
    netmems : NETMEM[n]
        Places change.
    entries : SLOT[n]
        Field ``entry``: handles, 0 for none; those whose buffers have been recycled are set to 0.
    first, end : int64
        Look in ``[first, end)``.
    pp : int64
        Pool row + 1.

    Returns
    -------
    next : int64
        The first entry with which something else has to be done: there is none, the reference is not the last, the buffer is
        another pool's or held elsewhere, the ring is full.
    """
    ring = pools.ring.ctl[pp - 1]
    slots = pools.ring.slot[pp - 1]
    capacity = ring.capacity
    producer = ring.producer
    at = first
    while at < end and capacity:
        netmem = entries[at].entry
        if netmem <= 0:
            break
        row = netmems[netmem >> 1]
        if row.pp != pp or row.pp_ref_count != 1 or row.page_refcount != 1 or slots[producer].entry != 0:
            break
        entries[at].entry = 0
        slots[producer].entry = netmem
        producer += 1
        if producer >= capacity:
            producer = np.int64(0)
        row.place = PLACE_RING
        prefetch_row(netmems, entries[min(at + AHEAD, end - 1)].entry >> 1)
        at += 1
    ring.producer = producer
    pools.ctl[pp - 1].recycle_ring += at - first
    return at


@kernel
def _put_group(pools, netmems, providers, trace, handles, first, end, pool):
    """Recycle the buffers of one pool in one go: what the ring refuses goes home, and the refusal is counted once.

    Parameters
    ----------
    pools : PagePools
        Ring and statistics of `pool` change.
    netmems : NETMEM[n]
        Places change.
    providers : Providers
        Changes when the ring refuses.
    trace : Trace or None
        Records where they went.
    handles : SLOT[n]
        Those of `pool` are set to 0.
    first, end : int64
        Look in ``[first, end)``.
    pool : int64
        Pool row.
    """
    ctl = pools.ctl[pool]
    for k in range(first, end):
        netmem = handles[k].entry
        if netmem and netmems[netmem >> 1].pp == pool + 1 and netmems[netmem >> 1].page_refcount != 1:
            handles[k].entry = 0
            ctl.recycle_released_refcnt += 1
            page_pool_return_netmem(pools, netmems, providers, trace, pool, netmem)
    refused = False
    for k in range(first, end):
        netmem = handles[k].entry
        if netmem == 0 or netmems[netmem >> 1].pp != pool + 1:
            continue
        handles[k].entry = 0
        if not refused and ring_produce(pools.ring, pool, netmem) == 0:
            netmems[netmem >> 1].place = PLACE_RING
            ctl.recycle_ring += 1
            emit(trace, PAGE_POOL_RECYCLE, pool, netmem, PLACE_RING, 0)
            continue
        if not refused:
            ctl.recycle_ring_full += 1
        refused = True
        page_pool_return_netmem(pools, netmems, providers, trace, pool, netmem)


@kernel
def page_pool_put_netmem_bulk(pools, netmems, providers, trace, handles, count):
    """Drop one reference from each of many buffers, of any pools, in process context, 16 at a time.

    Parameters
    ----------
    pools : PagePools
        Rings and statistics of the owning pools change.
    netmems : NETMEM[n]
        Counts drop.
    providers : Providers
        Changes when a ring refuses.
    trace : Trace or None
        Records where they went.
    handles : SLOT[n]
        Field ``entry`` of rows ``[0, count)``: handles; set to 0 as they are dealt with.
    count : int64
        How many.

    Returns
    -------
    last : int64
        How many of them had their last reference dropped.
    """
    last = np.int64(0)
    for first in range(0, count, BULK):
        end = min(first + BULK, count)
        for i in range(first, end):
            netmem = handles[i].entry
            if netmem and page_pool_unref_netmem(netmems, netmem, 1) == 0:
                last += 1
            else:
                handles[i].entry = 0
        for i in range(first, end):
            if handles[i].entry:
                pool = netmems[handles[i].entry >> 1].pp - 1
                _put_group(pools, netmems, providers, trace, handles, i, end, pool)
    return last
