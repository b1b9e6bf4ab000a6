"""page_pool, return: drop a reference, and keep the buffer if it was the last.

Law.   The last reference leaves the count at 1: that is how a buffer rests.
Reads. Linux net/core/page_pool.c, include/net/page_pool/helpers.h; spec section 6.5.
Omits. Working out whether the caller is the pool's consumer: `allow_direct` says so.
"""

import numpy as np

from devmemlab.base.errno import EINVAL
from devmemlab.base.kernel import kernel
from devmemlab.base.likely import likely
from devmemlab.base.ring import ring_produce
from devmemlab.base.trace import PAGE_POOL_RECYCLE, emit
from devmemlab.mem.netmem import PLACE_CACHE, PLACE_RING
from devmemlab.mem.pool_alloc import page_pool_return_netmem
from devmemlab.mem.pool_table import PP_ALLOC_CACHE_SIZE


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
    cache = pools.cache[pool]
    row = netmems[netmem >> 1]
    count = ctl.cache_count
    if row.pp_ref_count == 1 and likely(row.page_refcount == 1) and likely(row.pp == pool + 1):
        if allow_direct:
            if likely(count < ctl.cache_limit):
                row.place = PLACE_CACHE
                cache[count].entry = netmem
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
