"""page_pool, return: drop a reference, and keep the buffer if it was the last.

Law.   The last reference leaves the count at 1: that is how a buffer rests.
Reads. Linux net/core/page_pool.c, include/net/page_pool/helpers.h; spec section 6.5.
Omits. Working out whether the caller is the pool's consumer: `allow_direct` says so.
"""

import numpy as np

from devmemlab.base.errno import EINVAL
from devmemlab.base.kernel import kernel
from devmemlab.base.ring import ring_produce
from devmemlab.base.trace import PAGE_POOL_RECYCLE, emit
from devmemlab.mem.netmem import PLACE_CACHE, PLACE_RING
from devmemlab.mem.pool_alloc import page_pool_return_netmem
from devmemlab.mem.pool_table import PP_ALLOC_CACHE_SIZE

BULK = 16


@kernel
def page_pool_unref_netmem(netmems, netmem, nr):
    """Drop references without recycling.

    Parameters
    ----------
    netmems : NETMEM[n]
        The count of one row drops.
    netmem : int64
        Handle.
    nr : int64
        References given back.

    Returns
    -------
    remaining : int64
        0 when these were the last (the count rests at 1), what is left otherwise, ``-EINVAL`` when there were fewer.
    """
    row = netmems[netmem >> 1]
    if row.pp_ref_count < nr or row.pp_magic == 0:
        return np.int64(-EINVAL)
    remaining = row.pp_ref_count - nr
    row.pp_ref_count = remaining if remaining else np.int64(1)
    return remaining


@kernel
def page_pool_put_unrefed_netmem(pools, netmems, providers, trace, pool, netmem, allow_direct):
    """Recycle a buffer whose last reference is gone.

    Parameters
    ----------
    pools : PagePools
        Cache or ring, or release_cnt, and one statistic or two of `pool` change.
    netmems : NETMEM[n]
        The place of the row changes.
    providers : Providers
        Changes only when the buffer goes home.
    trace : Trace or None
        Records where it went.
    pool : int64
        Pool row.
    netmem : int64
        Handle with ``pp_ref_count`` 1.
    allow_direct : int64
        1 in the pool's own NAPI context: the cache may be used.
    """
    ctl = pools.ctl[pool]
    row = netmems[netmem >> 1]
    if row.page_refcount != 1:
        ctl.recycle_released_refcnt += 1
        page_pool_return_netmem(pools, netmems, providers, trace, pool, netmem)
        return
    if allow_direct and ctl.cache_limit:
        if ctl.cache_count < PP_ALLOC_CACHE_SIZE:
            row.place = PLACE_CACHE
            pools.cache[pool, ctl.cache_count].entry = netmem
            ctl.cache_count += 1
            ctl.recycle_cached += 1
            emit(trace, PAGE_POOL_RECYCLE, pool, netmem, PLACE_CACHE, 0)
            return
        ctl.recycle_cache_full += 1
    if ring_produce(pools.ring, pool, netmem) == 0:
        row.place = PLACE_RING
        ctl.recycle_ring += 1
        emit(trace, PAGE_POOL_RECYCLE, pool, netmem, PLACE_RING, 0)
        return
    ctl.recycle_ring_full += 1
    page_pool_return_netmem(pools, netmems, providers, trace, pool, netmem)


@kernel
def page_pool_put_slow(pools, netmems, providers, trace, pool, netmem, allow_direct):
    """Everything that a put does when the buffer cannot just be pushed onto the cache.

    Parameters
    ----------
    pools : PagePools
        Row `pool` changes when the last reference went.
    netmems : NETMEM[n]
        The count of one row drops.
    providers : Providers
        Changes only when the buffer goes home.
    trace : Trace or None
        Records where it went.
    pool : int64
        Pool row.
    netmem : int64
        Handle.
    allow_direct : int64
        1 in the pool's own NAPI context.

    Returns
    -------
    last : int64
        1 the last reference went, 0 references remain, ``-EINVAL`` there was none, or the pool does not own the buffer.
    """
    if netmem == 0 or netmems[netmem >> 1].pp != pool + 1:
        return np.int64(-EINVAL)
    remaining = page_pool_unref_netmem(netmems, netmem, 1)
    if remaining < 0:
        return remaining
    if remaining:
        return np.int64(0)
    page_pool_put_unrefed_netmem(pools, netmems, providers, trace, pool, netmem, allow_direct)
    return np.int64(1)


@kernel(inline="always")
def page_pool_put_netmem(pools, netmems, providers, trace, pool, netmem, allow_direct):
    """Drop one reference; recycle the buffer if it was the last.

    Parameters
    ----------
    pools : PagePools
        Row `pool` changes when the last reference went.
    netmems : NETMEM[n]
        The count of one row drops, or its place changes.
    providers : Providers
        Changes only when the buffer goes home.
    trace : Trace or None
        Records where it went.
    pool : int64
        Pool row.
    netmem : int64
        Handle.
    allow_direct : int64
        1 in the pool's own NAPI context.

    Returns
    -------
    last : int64
        1 the last reference went, 0 references remain, ``-EINVAL`` there was none, or the pool does not own the buffer.
    """
    ctl = pools.ctl[pool]
    row = netmems[netmem >> 1]
    count = ctl.cache_count
    if row.pp_ref_count == 1 and row.page_refcount == 1 and row.pp == pool + 1:
        if allow_direct:
            if count < ctl.cache_limit:
                row.place = PLACE_CACHE
                pools.cache[pool, count].entry = netmem
                ctl.cache_count = count + 1
                ctl.recycle_cached += 1
                emit(trace, PAGE_POOL_RECYCLE, pool, netmem, PLACE_CACHE, 0)
                return np.int64(1)
        elif ring_produce(pools.ring, pool, netmem) == 0:
            row.place = PLACE_RING
            ctl.recycle_ring += 1
            emit(trace, PAGE_POOL_RECYCLE, pool, netmem, PLACE_RING, 0)
            return np.int64(1)
    elif row.pp_ref_count > 1 and row.pp == pool + 1 and row.pp_magic:
        row.pp_ref_count -= 1           # an skb that recvmsg has read to its end: its tokens hold the rest
        return np.int64(0)
    return page_pool_put_slow(pools, netmems, providers, trace, pool, netmem, allow_direct)


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
