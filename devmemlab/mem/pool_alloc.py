"""page_pool, allocation: the cache, then the ring, then the provider.

Law.   A cached buffer costs a decrement and a load; every other way ends by filling the cache.
Reads. Linux net/core/page_pool.c; spec section 6.4.
Omits. NUMA rebalancing of a running pool.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.likely import likely
from devmemlab.base.prefetch import prefetch_row
from devmemlab.base.ring import ring_consume, ring_peek
from devmemlab.base.seq import seq_diff
from devmemlab.base.trace import PAGE_POOL_EMPTY, PAGE_POOL_STATE_RELEASE, emit
from devmemlab.mem.netmem import PLACE_CACHE, netmem_clear_pp, netmem_is_pref_nid
from devmemlab.mem.pages import put_page
from devmemlab.mem.pool_table import PP_ALLOC_CACHE_REFILL, PROVIDER_PAGES
from devmemlab.mem.provider import provider_alloc, provider_release

ENTRIES_AHEAD = 8
"""The rows of so many entries of the ring are on their way into the cache."""


@kernel
def page_pool_inflight(pools, pool):
    """Count the buffers that are out of the provider, those in cache and ring included.

    Parameters
    ----------
    pools : PagePools
        Not changed.
    pool : int64
        Pool row.

    Returns
    -------
    inflight : int64
        hold_cnt - release_cnt as a signed 32-bit number; negative is a bug somewhere.
    """
    ctl = pools.ctl[pool]
    return seq_diff(ctl.hold_cnt, ctl.release_cnt)


@kernel
def page_pool_return_netmem(pools, netmems, providers, trace, pool, netmem):
    """Send a buffer home: to the provider, or to the page allocator.

    Parameters
    ----------
    pools : PagePools
        release_cnt of `pool` goes up.
    netmems : NETMEM[n]
        The row is nobody's afterwards.
    providers : Providers
        The provider or the page allocator has one more.
    trace : Trace or None
        Records it.
    pool : int64
        Pool row.
    netmem : int64
        Handle, not in the cache or the ring.
    """
    ctl = pools.ctl[pool]
    put = 1
    if ctl.provider != PROVIDER_PAGES:
        put = provider_release(netmems, providers, ctl.mp_priv, netmem)
    ctl.release_cnt = (ctl.release_cnt + 1) & 0xFFFFFFFF
    emit(trace, PAGE_POOL_STATE_RELEASE, pool, netmem, ctl.release_cnt, 0)
    if put:
        netmem_clear_pp(netmems, netmem)
        put_page(netmems, providers, netmem)


@kernel
def _refill_from_ring(pools, netmems, providers, trace, pool):
    """Move up to 64 buffers from the ring into the cache and hand out the top one.

    Parameters
    ----------
    pools : PagePools
        Cache, ring and statistics of `pool` change.
    netmems : NETMEM[n]
        Places change; a page on the wrong node goes home.
    providers : Providers
        Changes only when a page goes home.
    trace : Trace or None
        Records an empty ring.
    pool : int64
        Pool row; its cache is empty.

    Returns
    -------
    netmem : int64
        Handle, 0 when the ring brought nothing.
    """
    ctl = pools.ctl[pool]
    if ring_peek(pools.ring, pool) == 0:
        ctl.alloc_empty += 1
        emit(trace, PAGE_POOL_EMPTY, pool, 0, 0, 0)
        return np.int64(0)
    ring = pools.ring.ctl[pool]
    while ctl.cache_count < PP_ALLOC_CACHE_REFILL:
        ahead = ring.consumer_head + ENTRIES_AHEAD
        if ahead < ring.capacity:
            prefetch_row(netmems, pools.ring.slot[pool, ahead].entry >> 1)
        netmem = ring_consume(pools.ring, pool)
        if netmem == 0:
            break
        if not netmem_is_pref_nid(netmems, netmem, ctl.nid):
            page_pool_return_netmem(pools, netmems, providers, trace, pool, netmem)
            ctl.alloc_waive += 1
            break
        netmems[netmem >> 1].place = PLACE_CACHE
        pools.cache[pool, ctl.cache_count].entry = netmem
        ctl.cache_count += 1
    if ctl.cache_count == 0:
        return np.int64(0)
    ctl.alloc_refill += 1
    ctl.cache_count -= 1
    return pools.cache[pool, ctl.cache_count].entry


@kernel
def _should_fail(ctl):
    """Decide whether fault injection fails this allocation.

    Parameters
    ----------
    ctl : numpy.record
        Pool row; its fault counters change, and the fast path opens again after the last fault.

    Returns
    -------
    fails : bool
        True every ``fault_interval``-th time, ``fault_times`` times at most (-1: for ever).
    """
    if ctl.fault_interval == 0 or ctl.fault_times == 0:
        return False
    ctl.fault_seen += 1
    if ctl.fault_seen % ctl.fault_interval:
        return False
    ctl.fault_hits += 1
    if ctl.fault_times > 0:
        ctl.fault_times -= 1
        if ctl.fault_times == 0:
            ctl.cache_floor = 0
    return True


@kernel
def page_pool_alloc_slow(pools, netmems, providers, trace, pool):
    """Everything that allocation does when the fast path is closed.

    Parameters
    ----------
    pools : PagePools
        Cache, ring, counters of `pool` change.
    netmems : NETMEM[n]
        Rows may become the pool's.
    providers : Providers
        The provider may have fewer.
    trace : Trace or None
        Records what is held.
    pool : int64
        Pool row.

    Returns
    -------
    netmem : int64
        Handle, 0 when there is none.
    """
    ctl = pools.ctl[pool]
    if ctl.cache_floor and _should_fail(ctl):
        return np.int64(0)
    if ctl.cache_count > 0:
        ctl.cache_count -= 1
        ctl.alloc_fast += 1
        return pools.cache[pool, ctl.cache_count].entry
    netmem = _refill_from_ring(pools, netmems, providers, trace, pool)
    if netmem:
        return netmem
    return provider_alloc(pools, netmems, providers, trace, pool)


@kernel(inline="always")
def page_pool_alloc_netmems(pools, netmems, providers, trace, pool):
    """Allocate one buffer.

    Parameters
    ----------
    pools : PagePools
        Row `pool` changes.
    netmems : NETMEM[n]
        Rows may become the pool's; the buffer has ``pp_ref_count`` 1.
    providers : Providers
        Touched only when cache and ring are empty.
    trace : Trace or None
        Records what is held.
    pool : int64
        Pool row.

    Returns
    -------
    netmem : int64
        Handle, 0 when there is none.
    """
    ctl = pools.ctl[pool]
    cache = pools.cache[pool]
    count = ctl.cache_count
    if likely(count > ctl.cache_floor):
        ctl.cache_count = count - 1
        ctl.alloc_fast += 1
        return cache[count - 1].entry
    return page_pool_alloc_slow(pools, netmems, providers, trace, pool)
