"""Memory providers: what stands in for the page allocator under a pool.

Law.   `alloc` hands out a ready, counted netmem or 0; `release` takes back only what nobody references.
Reads. Linux include/net/page_pool/memory_provider.h, net/core/devmem.c; spec section 7.
Omits. The static key that spares ordinary pools the test.

A kind number chooses the operations: pages (no provider at all), dmabuf, io_uring area, user. All but
the first keep their buffers in a row of BINDING, which the pool knows as `mp_priv`.
"""

import numpy as np

from devmemlab.base.errno import E2BIG, EINVAL, EOPNOTSUPP
from devmemlab.base.kernel import kernel
from devmemlab.base.trace import PAGE_POOL_STATE_HOLD, emit
from devmemlab.mem.binding import net_devmem_dmabuf_binding_get, net_devmem_dmabuf_binding_put
from devmemlab.mem.dmabuf import FROM_DEVICE
from devmemlab.mem.gen_pool import gen_pool_alloc, gen_pool_free
from devmemlab.mem.iouring import zcrx_refill
from devmemlab.mem.lifo import lifo_pop, lifo_push
from devmemlab.mem.netmem import PAGE_SHIFT, PLACE_CACHE, PLACE_PROVIDER, netmem_set_pp
from devmemlab.mem.pages import pages_alloc
from devmemlab.mem.pool_table import PP_ALLOC_CACHE_SIZE, PROVIDER_IOURING, PROVIDER_PAGES
from devmemlab.mem.provider_table import GEN_POOL, LIFO, USER, niov_fill
from devmemlab.mem.user_provider import user_destroy, user_give, user_init, user_take


@kernel
def provider_init(providers, ctl):
    """Let the provider of a new pool look at it and take its reference.

    Parameters
    ----------
    providers : Providers
        The binding gets a reference on success.
    ctl : numpy.record
        Pool row; a provider turns its syncing off.

    Returns
    -------
    err : int64
        0; ``-EINVAL`` no such binding; ``-E2BIG`` another buffer size than the binding's; ``-EOPNOTSUPP`` an io_uring
        area in a pool that neither maps nor receives; whatever a user's own init answers.
    """
    if ctl.provider == PROVIDER_PAGES:
        return np.int64(0)
    if ctl.mp_priv <= 0 or ctl.mp_priv >= len(providers.binding):
        return np.int64(-EINVAL)
    own = providers.binding[ctl.mp_priv]
    if own.kind != ctl.provider:
        return np.int64(-EINVAL)
    if ctl.provider == PROVIDER_IOURING and (ctl.dma_map == 0 or ctl.dma_dir != FROM_DEVICE):
        return np.int64(-EOPNOTSUPP)
    ctl.dma_sync = 0
    if ctl.order != own.niov_shift - PAGE_SHIFT:
        return np.int64(-E2BIG)
    if net_devmem_dmabuf_binding_get(providers, ctl.mp_priv) == 0:
        return np.int64(-EINVAL)
    if own.allocator == USER and own.pools == 0:
        err = user_init(providers, ctl.mp_priv)
        if err < 0:
            net_devmem_dmabuf_binding_put(providers, ctl.mp_priv)
            return err
    own.pools += 1
    return np.int64(0)


@kernel
def provider_destroy(providers, ctl):
    """Drop what `provider_init` took, when the pool is really freed.

    Parameters
    ----------
    providers : Providers
        The binding loses a reference, perhaps its last.
    ctl : numpy.record
        Pool row.
    """
    if ctl.provider != PROVIDER_PAGES:
        own = providers.binding[ctl.mp_priv]
        own.pools -= 1
        if own.allocator == USER and own.pools == 0:
            user_destroy(providers, ctl.mp_priv)
        net_devmem_dmabuf_binding_put(providers, ctl.mp_priv)


@kernel
def _take(netmems, providers, binding):
    """Take one net_iov from the allocator of a binding.

    Parameters
    ----------
    netmems : NETMEM[n]
        Its row is filled and belongs to nobody.
    providers : Providers
        The allocator has one less.
    binding : int64
        Binding row.

    Returns
    -------
    netmem : int64
        Handle, 0 when there is none.
    """
    own = providers.binding[binding]
    chunk = np.int64(0)
    if own.allocator == GEN_POOL:
        row, chunk = gen_pool_alloc(providers, binding)
        if row == 0:
            return np.int64(0)
    else:
        if own.allocator == LIFO:
            index = lifo_pop(providers, binding)
        else:
            index = user_take(netmems, providers, binding)
        if index < 0:
            return np.int64(0)
        row = own.niov_first + index
    niov_fill(netmems, providers, binding, row, chunk)
    return row << 1 | 1


@kernel
def _batch_alloc(pools, netmems, providers, trace, pool):
    """Put up to a batch of net_iovs into the pool's empty cache and hand out the top one.

    Parameters
    ----------
    pools : PagePools
        hold_cnt and the cache of `pool` change.
    netmems : NETMEM[n]
        Rows become the pool's.
    providers : Providers
        The allocator of the binding has fewer.
    trace : Trace or None
        Records each net_iov that the pool now holds.
    pool : int64
        Pool row.

    Returns
    -------
    netmem : int64
        Handle, 0 when the provider is exhausted.
    """
    ctl = pools.ctl[pool]
    own = providers.binding[ctl.mp_priv]
    for _ in range(min(own.batch, PP_ALLOC_CACHE_SIZE - ctl.cache_count)):
        netmem = _take(netmems, providers, ctl.mp_priv)
        if netmem == 0:
            break
        netmem_set_pp(netmems, netmem, pool)
        netmems[netmem >> 1].place = PLACE_CACHE
        own.ref += own.hold_niov
        pools.cache[pool, ctl.cache_count].entry = netmem
        ctl.cache_count += 1
        ctl.hold_cnt = (ctl.hold_cnt + 1) & 0xFFFFFFFF
        emit(trace, PAGE_POOL_STATE_HOLD, pool, netmem, ctl.hold_cnt, 0)
    if ctl.cache_count == 0:
        return np.int64(0)
    ctl.cache_count -= 1
    return pools.cache[pool, ctl.cache_count].entry


@kernel
def provider_alloc(pools, netmems, providers, trace, pool):
    """Get a buffer from wherever the pool's buffers come from.

    Parameters
    ----------
    pools : PagePools
        hold_cnt and the cache of `pool` change.
    netmems : NETMEM[n]
        Rows become the pool's.
    providers : Providers
        The provider has fewer.
    trace : Trace or None
        Records each buffer that the pool now holds.
    pool : int64
        Pool row; its cache is empty.

    Returns
    -------
    netmem : int64
        Handle, 0 when there is none.
    """
    ctl = pools.ctl[pool]
    if ctl.provider == PROVIDER_PAGES:
        return pages_alloc(pools, netmems, providers, trace, pool)
    if ctl.provider == PROVIDER_IOURING:
        netmem = zcrx_refill(pools, netmems, providers, pool)
        if netmem:
            return netmem
    return _batch_alloc(pools, netmems, providers, trace, pool)


@kernel
def provider_release(netmems, providers, mp_priv, netmem):
    """Take a buffer back from a pool.

    Parameters
    ----------
    netmems : NETMEM[n]
        The row is nobody's afterwards.
    providers : Providers
        The allocator has one more, unless the buffer is refused with a warning.
    mp_priv : int64
        Binding row.
    netmem : int64
        Handle.

    Returns
    -------
    put : int64
        1: the pool must still put the page; 0: done (always, for net_iovs).
    """
    own = providers.binding[mp_priv]
    if netmem & 1 == 0:
        own.warnings += 1
        return 0
    row = netmems[netmem >> 1]
    if row.pp_ref_count != 1 or providers.chunk[row.owner].binding != mp_priv:
        own.warnings += 1
        own.leaked += 1
        return 0
    row.pp_magic = 0
    row.pp = 0
    row.place = PLACE_PROVIDER
    index = (netmem >> 1) - own.niov_first
    if own.allocator == GEN_POOL:
        err = gen_pool_free(providers, mp_priv, netmem >> 1, row.owner)
    elif own.allocator == LIFO:
        err = lifo_push(providers, mp_priv, index)
    else:
        err = user_give(providers, mp_priv, index)
    if err < 0:
        own.warnings += 1
    if own.hold_niov:
        net_devmem_dmabuf_binding_put(providers, mp_priv)
    return 0
