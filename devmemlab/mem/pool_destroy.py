"""page_pool, the end: a pool goes when its last buffer has come home, and not before.

Law.   Destroying never waits and never forgets: a pool with buffers out stays, and looks again each second.
Reads. Linux net/core/page_pool.c; spec section 6.8.
Omits. The grace period around turning DMA syncing off; the per-CPU lists of deferred skbs.
"""

import numpy as np

from devmemlab.base.errno import EINVAL
from devmemlab.base.kernel import kernel
from devmemlab.base.ring import ring_consume
from devmemlab.mem.pool_alloc import page_pool_inflight, page_pool_return_netmem
from devmemlab.mem.pool_create import page_pool_free
from devmemlab.mem.pool_frag import page_pool_free_frag
from devmemlab.mem.pool_table import DEFER_TIME_NS, DEFER_WARN_NS

LOOPBACK_IFINDEX = 1
NEVER = -1


@kernel
def _release(pools, netmems, providers, trace, pool):
    """Send home what rests in the pool, and free the pool if that was all.

    Parameters
    ----------
    pools : PagePools
        Cache and ring of `pool` are empty afterwards.
    netmems : NETMEM[n]
        Rows become nobody's.
    providers : Providers
        The provider has more.
    trace : Trace or None
        Records what went home.
    pool : int64
        Pool row.

    Returns
    -------
    inflight : int64
        0 when the pool is freed.
    """
    ctl = pools.ctl[pool]
    while ctl.cache_count > 0:
        ctl.cache_count -= 1
        page_pool_return_netmem(pools, netmems, providers, trace, pool, pools.cache[pool, ctl.cache_count].entry)
    ctl.dma_sync = 0
    while True:
        netmem = ring_consume(pools.ring, pool)
        if netmem == 0:
            break
        page_pool_return_netmem(pools, netmems, providers, trace, pool, netmem)
    inflight = page_pool_inflight(pools, pool)
    if inflight == 0:
        page_pool_free(pools, providers, pool)
    return inflight


@kernel
def page_pool_destroy(pools, netmems, providers, trace, pool, now_ns):
    """Destroy a pool, now or as soon as its buffers are back.

    Parameters
    ----------
    pools : PagePools
        Row `pool` is freed, or detached with a retry due in a second.
    netmems : NETMEM[n]
        Resting buffers become nobody's.
    providers : Providers
        The provider has more; its binding may lose a reference.
    trace : Trace or None
        Records what went home.
    pool : int64
        Pool row.
    now_ns : int64
        Present time.

    Returns
    -------
    inflight : int64
        0 the pool is freed, positive it waits for that many, negative a bug; ``-EINVAL`` when there is no such pool.
    """
    if pool < 0 or pool >= len(pools.ctl) or pools.ctl[pool].alive == 0 or pools.ctl[pool].detached:
        return np.int64(-EINVAL)
    ctl = pools.ctl[pool]
    ctl.users -= 1
    if ctl.users > 0:
        return page_pool_inflight(pools, pool)
    ctl.cache_limit = 0
    page_pool_free_frag(pools, netmems, providers, trace, pool)
    inflight = _release(pools, netmems, providers, trace, pool)
    if inflight != 0:
        ctl.detached = 1
        ctl.detach_ns = now_ns
        ctl.warn_ns = now_ns + DEFER_WARN_NS
        ctl.retry_ns = now_ns + DEFER_TIME_NS
    return inflight


@kernel
def page_pool_release_retry(pools, netmems, providers, trace, pool, now_ns):
    """Look again whether a detached pool can go.

    Parameters
    ----------
    pools : PagePools
        Row `pool` is freed, or gets its next retry time.
    netmems : NETMEM[n]
        Buffers that came back become nobody's.
    providers : Providers
        The provider has more; its binding may lose a reference.
    trace : Trace or None
        Records what went home.
    pool : int64
        Pool row.
    now_ns : int64
        Present time.

    Returns
    -------
    inflight : int64
        0 the pool is freed; negative: it is never looked at again; ``-EINVAL`` when it is not detached.
    """
    ctl = pools.ctl[pool]
    if ctl.alive == 0 or ctl.detached == 0:
        return np.int64(-EINVAL)
    inflight = _release(pools, netmems, providers, trace, pool)
    if inflight < 0:
        ctl.retry_ns = NEVER
    elif inflight > 0:
        if now_ns >= ctl.warn_ns and ctl.ifindex == 0:
            ctl.warnings += 1
            ctl.warn_ns = now_ns + DEFER_WARN_NS
        ctl.retry_ns = now_ns + DEFER_TIME_NS
    return inflight


@kernel
def page_pool_run_retries(pools, netmems, providers, trace, now_ns):
    """Run every retry that is due.

    Parameters
    ----------
    pools : PagePools
        Detached pools may go.
    netmems : NETMEM[n]
        Buffers that came back become nobody's.
    providers : Providers
        Providers have more.
    trace : Trace or None
        Records what went home.
    now_ns : int64
        Present time.

    Returns
    -------
    next_ns : int64
        When the next retry is due, -1 when none is.
    """
    next_ns = np.int64(NEVER)
    if pools.common[0].alive == 0:
        return next_ns
    for pool in range(len(pools.ctl)):
        ctl = pools.ctl[pool]
        if ctl.alive and ctl.detached and ctl.retry_ns != NEVER:
            if now_ns >= ctl.retry_ns:
                page_pool_release_retry(pools, netmems, providers, trace, pool, now_ns)
            if ctl.alive and ctl.retry_ns != NEVER and (next_ns == NEVER or ctl.retry_ns < next_ns):
                next_ns = ctl.retry_ns
    return next_ns


@kernel
def page_pool_unreg_netdev(pools, ifindex):
    """A device goes away: its pools stay visible on the loopback device.

    Parameters
    ----------
    pools : PagePools
        Pools of `ifindex` are relinked.
    ifindex : int64
        The device.
    """
    for pool in range(len(pools.ctl)):
        if pools.ctl[pool].alive and pools.ctl[pool].ifindex == ifindex:
            pools.ctl[pool].ifindex = LOOPBACK_IFINDEX
