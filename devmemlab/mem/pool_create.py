"""page_pool, creation: the checks, in the order that decides which error is seen.

Law.   A pool that was created has an id nobody else has, an empty cache, an empty ring, and its provider's consent.
Reads. Linux net/core/page_pool.c, net/core/page_pool_user.c; spec section 6.2.
Omits. Allocation failures of the pool's own tables, other than running out of rows.
"""

import numpy as np

from devmemlab.base.errno import E2BIG, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP
from devmemlab.base.kernel import kernel
from devmemlab.base.ring import ring_init
from devmemlab.mem.dmabuf import BIDIRECTIONAL, FROM_DEVICE
from devmemlab.mem.pool_table import (
    PP_ALLOC_CACHE_SIZE,
    PP_FLAG_ALLOW_UNREADABLE_NETMEM,
    PP_FLAG_DMA_MAP,
    PP_FLAG_DMA_SYNC_DEV,
    PROVIDER_PAGES,
    PROVIDER_USER,
    RING_DEFAULT,
    RING_MAX,
    RING_REFUSED,
)
from devmemlab.mem.provider import provider_destroy, provider_init

ID_MAX = 0xFFFFFFFF


@kernel
def _check_params(pools, params):
    """Check the parameters that need no provider.

    Parameters
    ----------
    pools : PagePools
        Not changed.
    params : numpy.record
        Row of POOL_PARAMS.

    Returns
    -------
    ring : int64
        Ring size, ``-EINVAL``, or ``-E2BIG`` where the release refuses long rings.
    """
    common = pools.common[0]
    if params.pp_flags & ~common.pp_flags_known:
        return np.int64(-EINVAL)
    ring = params.pool_size if params.pool_size else np.int64(RING_DEFAULT)
    if common.ring_refuse and ring > RING_REFUSED:
        return np.int64(-E2BIG)
    if common.ring_refuse == 0:
        ring = min(ring, np.int64(RING_MAX))
    if params.pp_flags & PP_FLAG_DMA_MAP:
        if params.dma_dir != FROM_DEVICE and params.dma_dir != BIDIRECTIONAL:
            return np.int64(-EINVAL)
    if params.pp_flags & PP_FLAG_DMA_SYNC_DEV:
        if params.pp_flags & PP_FLAG_DMA_MAP == 0 or params.max_len == 0:
            return np.int64(-EINVAL)
    if ring < 0 or params.order < 0:
        return np.int64(-EINVAL)
    return ring


@kernel
def _check_provider(pools, ctl):
    """Check that the pool is one that a provider can serve.

    Parameters
    ----------
    pools : PagePools
        Not changed.
    ctl : numpy.record
        Row of the new pool.

    Returns
    -------
    err : int64
        0; ``-EOPNOTSUPP`` unmapped, or syncing where it must not or not syncing where it must; ``-EFAULT`` no such kind.
    """
    if ctl.provider == PROVIDER_PAGES:
        return 0
    if ctl.dma_map == 0 or ctl.dma_sync != pools.common[0].sync_required:
        return -EOPNOTSUPP
    if ctl.provider < 0 or ctl.provider > PROVIDER_USER:
        return -EFAULT
    return 0


@kernel
def _free_row(pools):
    """Find a row for a new pool.

    Parameters
    ----------
    pools : PagePools
        Not changed.

    Returns
    -------
    pool : int64
        Row, ``-ENOMEM`` when all are in use.
    """
    for pool in range(len(pools.ctl)):
        if pools.ctl[pool].alive == 0:
            return np.int64(pool)
    return np.int64(-ENOMEM)


@kernel
def _next_id(pools):
    """Choose the next id, cyclic, never one in use.

    Parameters
    ----------
    pools : PagePools
        The last id given moves on.

    Returns
    -------
    id : int64
        1 to 2^32 - 1.
    """
    common = pools.common[0]
    while True:
        common.last_id = common.last_id + 1 if common.last_id < ID_MAX else 1
        used = False
        for i in range(len(pools.ctl)):
            if pools.ctl[i].alive and pools.ctl[i].id == common.last_id:
                used = True
        if not used:
            return common.last_id


@kernel
def page_pool_create(pools, providers, netmems, trace, params):
    """Make a pool.

    Parameters
    ----------
    pools : PagePools
        One row becomes the pool.
    providers : Providers
        The provider's binding gets a reference.
    netmems : NETMEM[n]
        Not changed.
    trace : Trace or None
        Nothing to record: the first buffer is.
    params : numpy.record
        Row of POOL_PARAMS, see `make_pool_params`.

    Returns
    -------
    pool : int64
        Row; ``-EINVAL``, ``-E2BIG``, ``-EOPNOTSUPP``, ``-EFAULT`` or ``-ENOMEM`` as in spec section 6.2, or the
        error of the provider's init.
    """
    ring = _check_params(pools, params)
    if ring < 0:
        return ring
    pool = _free_row(pools)
    if pool < 0 or ring > pools.ring.slot.shape[1]:
        return np.int64(-ENOMEM)
    ctl = pools.ctl[pool]
    ctl.provider = PROVIDER_PAGES
    ctl.mp_priv = 0
    if params.pp_flags & PP_FLAG_ALLOW_UNREADABLE_NETMEM or pools.common[0].unreadable_flag == 0:
        ctl.provider = params.provider
        ctl.mp_priv = params.mp_priv
    ctl.pp_flags = params.pp_flags
    ctl.dma_map = params.pp_flags & PP_FLAG_DMA_MAP
    ctl.dma_sync = (params.pp_flags & PP_FLAG_DMA_SYNC_DEV) >> 1
    ctl.order = params.order
    ctl.dma_dir = params.dma_dir
    err = np.int64(_check_provider(pools, ctl))
    if err == 0:
        err = provider_init(providers, ctl)
    if err < 0:
        return err
    _reset(ctl, params)
    ring_init(pools.ring, pool, ring)
    ctl.pool_size = ring
    ctl.id = _next_id(pools)
    ctl.alive = 1
    pools.common[0].alive += 1
    return pool


@kernel
def _reset(ctl, params):
    """Set what a new pool starts with.

    Parameters
    ----------
    ctl : numpy.record
        Row of the pool; every field that creation has not set yet.
    params : numpy.record
        Row of POOL_PARAMS.
    """
    ctl.cache_count = 0
    ctl.cache_floor = 0
    ctl.cache_limit = PP_ALLOC_CACHE_SIZE
    ctl.hold_cnt = 0
    ctl.release_cnt = 0
    ctl.max_len = params.max_len
    ctl.offset = params.offset
    ctl.ifindex = params.ifindex
    ctl.queue = params.queue
    ctl.napi = params.napi
    ctl.nid = params.nid
    ctl.users = 1
    ctl.detached = 0
    ctl.detach_ns = 0
    ctl.retry_ns = 0
    ctl.warn_ns = 0
    ctl.warnings = 0
    ctl.frag_netmem = 0
    ctl.frag_offset = 0
    ctl.frag_users = 0
    ctl.fault_interval = 0
    ctl.fault_times = 0
    ctl.fault_seen = 0
    ctl.fault_hits = 0
    ctl.fault_map_interval = 0
    ctl.fault_map_seen = 0
    ctl.alloc_fast = 0
    ctl.alloc_slow = 0
    ctl.alloc_slow_high_order = 0
    ctl.alloc_empty = 0
    ctl.alloc_refill = 0
    ctl.alloc_waive = 0
    ctl.recycle_cached = 0
    ctl.recycle_cache_full = 0
    ctl.recycle_ring = 0
    ctl.recycle_ring_full = 0
    ctl.recycle_released_refcnt = 0


@kernel
def page_pool_free(pools, providers, pool):
    """Free a pool that holds nothing any more.

    Parameters
    ----------
    pools : PagePools
        The row is free again.
    providers : Providers
        The provider's binding loses a reference.
    pool : int64
        Pool row.
    """
    ctl = pools.ctl[pool]
    provider_destroy(providers, ctl)
    ctl.alive = 0
    pools.common[0].alive -= 1


@kernel
def page_pool_use_xdp_mem(pools, pool):
    """Register the pool a second time (as XDP does): destroy then has to be called twice.

    Parameters
    ----------
    pools : PagePools
        The user count goes up.
    pool : int64
        Pool row.
    """
    pools.ctl[pool].users += 1
