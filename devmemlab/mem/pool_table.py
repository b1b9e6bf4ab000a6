"""page_pool, vocabulary: what a pool remembers.

Law.   hold_cnt counts what came from the provider, release_cnt what went back; the difference is in flight.
Reads. Linux include/net/page_pool/types.h; spec sections 6.1, 6.3, 6.10.
Omits. Per-CPU copies of the statistics: one writer at a time needs one copy.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.ring import Rings, make_rings
from devmemlab.base.table import schema, table

PP_ALLOC_CACHE_SIZE = 128
PP_ALLOC_CACHE_REFILL = 64
RING_DEFAULT = 1024
RING_MAX = 16384
RING_REFUSED = 32768
DEFER_TIME_NS = 1_000_000_000
DEFER_WARN_NS = 60 * DEFER_TIME_NS
PP_FLAG_DMA_MAP, PP_FLAG_DMA_SYNC_DEV, PP_FLAG_SYSTEM_POOL, PP_FLAG_ALLOW_UNREADABLE_NETMEM = 1, 2, 4, 8
PP_FLAG_ALL = 15
PROVIDER_PAGES, PROVIDER_DMABUF, PROVIDER_IOURING, PROVIDER_USER = 0, 1, 2, 3
PROVIDERS = ("pages", "dmabuf", "io_uring", "user")

ALLOC_STATS = ("alloc_fast", "alloc_slow", "alloc_slow_high_order", "alloc_empty", "alloc_refill", "alloc_waive")
RECYCLE_STATS = ("recycle_cached", "recycle_cache_full", "recycle_ring", "recycle_ring_full", "recycle_released_refcnt")

POOL_PARAMS = schema("order", "pool_size", "nid", "dma_dir", "max_len", "offset", "ifindex", "queue", "napi", "pp_flags",
                     "provider", "mp_priv")
"""``nid`` -1: any node. ``provider`` and ``mp_priv``: what RX queue ``queue`` is bound to, copied by whoever knows the queue."""

POOL = schema(
    "cache_count", "cache_floor", "cache_limit", "hold_cnt", "release_cnt", "alloc_fast", "recycle_cached", "provider",
    "mp_priv", "id", "pp_flags", "pool_size", "order", "max_len", "offset", "dma_dir", "ifindex", "queue", "napi", "nid",
    "alive", "users", "detached", "detach_ns", "retry_ns", "warn_ns", "warnings", "dma_map", "dma_sync",
    "alloc_slow", "alloc_slow_high_order", "alloc_empty", "alloc_refill", "alloc_waive",
    "recycle_cache_full", "recycle_ring", "recycle_ring_full", "recycle_released_refcnt",
    "frag_netmem", "frag_offset", "frag_users",
    "fault_interval", "fault_times", "fault_seen", "fault_hits", "fault_map_interval", "fault_map_seen",
)
"""``cache_floor`` 0 and ``cache_limit`` 128 leave the fast path open; raising the one or lowering the other sends every call
the slow way (fault injection, a destroyed pool) at no cost to the rest."""

POOLS_CTL = schema("last_id", "alive", "pp_flags_known", "unreadable_flag", "sync_required", "ring_refuse", "dma_align")


@component
class PagePools(NamedTuple):
    """All page_pools of one host.

    ctl : POOL[n]
        One row a pool; ``alive`` 0 means the row is free.
    cache : SLOT[n, 128]
        The lockless stack of each, ``cache_count`` high.
    ring : Rings
        The ptr_ring of each, in the row of the pool.
    common : POOLS_CTL[1]
        Ids, what the kernel profile says about creation, and ``dma_align`` (1 on x86, a cache line on others).
    """

    ctl: np.recarray
    cache: np.recarray
    ring: Rings
    common: np.recarray


def make_page_pools(profile, count=256, ring_slots=RING_MAX):
    """Make room for pools.

    Parameters
    ----------
    profile : Profile
        Release to follow.
    count : int
        Pools that may exist at once.
    ring_slots : int
        Longest ring.

    Returns
    -------
    pools : PagePools
        All rows free.
    """
    rings = make_rings(count, RING_REFUSED if profile.ring_limit == "refuse" else ring_slots)
    pools = PagePools(table(POOL, count), table(schema("entry"), count, PP_ALLOC_CACHE_SIZE), rings, table(POOLS_CTL, 1))
    common = pools.common[0]
    common.pp_flags_known = profile.pp_flags
    common.unreadable_flag = int(profile.unreadable_flag)
    common.sync_required = int(profile.dma_sync == "required")
    common.dma_align = 1
    common.ring_refuse = int(profile.ring_limit == "refuse")
    return pools


def rx_pool_flags(profile, bound=True, split=True):
    """Tell which flags a receiving driver gives the pool of a queue.

    Parameters
    ----------
    profile : Profile
        Release that the driver was written for.
    bound : bool
        Whether the queue has a provider: drivers of releases that refuse DMA_SYNC_DEV there leave it out.
    split : bool
        Whether header split is on, so that the pool may hold what the host cannot read.

    Returns
    -------
    pp_flags : int
        Never one that the release does not know.
    """
    flags = PP_FLAG_DMA_MAP
    if not bound or profile.dma_sync == "required":
        flags |= PP_FLAG_DMA_SYNC_DEV
    if split:
        flags |= PP_FLAG_ALLOW_UNREADABLE_NETMEM & profile.pp_flags
    return flags


def make_pool_params(**fields):
    """Make a parameter row.

    Parameters
    ----------
    **fields
        Any of `POOL_PARAMS`; ``nid`` is -1 and everything else 0 when left out.

    Returns
    -------
    params : numpy.record
        Pass it to `page_pool_create`.
    """
    params = table(POOL_PARAMS, 1)
    params[0].nid = -1
    for name, value in fields.items():
        if name not in POOL_PARAMS.names:
            raise ValueError(f"a page_pool has no parameter {name!r}; there are {', '.join(POOL_PARAMS.names)}")
        params[0][name] = value
    return params[0]
