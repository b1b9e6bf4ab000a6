"""page_pool, what can be seen of it: eleven counters under three names each, and the netlink dump.

Law.   A counter has one meaning; the struct, ethtool and netlink only spell it differently.
Reads. Linux include/net/page_pool/types.h, net/core/page_pool_user.c, Documentation/netlink/specs/netdev.yaml; spec 6.9, 6.10.
Omits. Per-CPU summing.
"""

from devmemlab.base.errno import EINVAL, ENOENT, EOPNOTSUPP, ERANGE, error
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table
from devmemlab.mem.netmem import PAGE_SIZE
from devmemlab.mem.pool_alloc import page_pool_inflight
from devmemlab.mem.pool_destroy import LOOPBACK_IFINDEX
from devmemlab.mem.pool_table import ALLOC_STATS, PROVIDER_DMABUF, PROVIDER_IOURING, PROVIDER_USER, RECYCLE_STATS

STATS = schema(*ALLOC_STATS, *RECYCLE_STATS)

STAT_NAMES = {
    "alloc_fast": ("fast", "rx_pp_alloc_fast", "alloc-fast", 8),
    "alloc_slow": ("slow", "rx_pp_alloc_slow", "alloc-slow", 9),
    "alloc_slow_high_order": ("slow_high_order", "rx_pp_alloc_slow_ho", "alloc-slow-high-order", 10),
    "alloc_empty": ("empty", "rx_pp_alloc_empty", "alloc-empty", 11),
    "alloc_refill": ("refill", "rx_pp_alloc_refill", "alloc-refill", 12),
    "alloc_waive": ("waive", "rx_pp_alloc_waive", "alloc-waive", 13),
    "recycle_cached": ("cached", "rx_pp_recycle_cached", "recycle-cached", 14),
    "recycle_cache_full": ("cache_full", "rx_pp_recycle_cache_full", "recycle-cache-full", 15),
    "recycle_ring": ("ring", "rx_pp_recycle_ring", "recycle-ring", 16),
    "recycle_ring_full": ("ring_full", "rx_pp_recycle_ring_full", "recycle-ring-full", 17),
    "recycle_released_refcnt": ("released_refcnt", "rx_pp_recycle_released_ref", "recycle-released-refcnt", 18),
}
"""Field of POOL: (struct member, ethtool name, netlink attribute, its id)."""
SPELLINGS = ("struct", "ethtool", "netlink", "id")


@kernel
def page_pool_get_stats(pools, pool, stats):
    """Add the counters of a pool to a row that the caller has zeroed.

    Parameters
    ----------
    pools : PagePools
        Not changed.
    pool : int64
        Pool row.
    stats : numpy.record
        Row of STATS.
    """
    ctl = pools.ctl[pool]
    stats.alloc_fast += ctl.alloc_fast
    stats.alloc_slow += ctl.alloc_slow
    stats.alloc_slow_high_order += ctl.alloc_slow_high_order
    stats.alloc_empty += ctl.alloc_empty
    stats.alloc_refill += ctl.alloc_refill
    stats.alloc_waive += ctl.alloc_waive
    stats.recycle_cached += ctl.recycle_cached
    stats.recycle_cache_full += ctl.recycle_cache_full
    stats.recycle_ring += ctl.recycle_ring
    stats.recycle_ring_full += ctl.recycle_ring_full
    stats.recycle_released_refcnt += ctl.recycle_released_refcnt


def spell_stats(pools, rows, names="struct"):
    """Sum the counters of some pools under one set of names.

    Parameters
    ----------
    pools : PagePools
        The pools.
    rows : iterable of int
        Pool rows.
    names : str
        One of `SPELLINGS`.

    Returns
    -------
    stats : dict
        Name (or netlink attribute id) to count.

    Raises
    ------
    ValueError
        No such spelling.
    """
    if names not in SPELLINGS:
        raise ValueError(f"no spelling {names!r} of the statistics; there are {', '.join(SPELLINGS)}")
    total = table(STATS, 1)[0]
    for pool in rows:
        page_pool_get_stats(pools, pool, total)
    return {spelled[SPELLINGS.index(names)]: int(total[field]) for field, spelled in STAT_NAMES.items()}


def visible(ctl):
    """Tell whether user space can see a pool.

    Parameters
    ----------
    ctl : numpy.record
        Pool row.

    Returns
    -------
    visible : bool
        False when it never had a device.
    """
    return bool(ctl.alive and ctl.ifindex)


def nl_fill(mem, ctl):
    """What a provider says about itself in a netlink reply.

    Parameters
    ----------
    mem : Mem
        The host.
    ctl : numpy.record
        Pool row.

    Returns
    -------
    attributes : dict
        ``{"dmabuf": id}``, ``{"io-uring": {}}``, or nothing.
    """
    if ctl.provider in (PROVIDER_DMABUF, PROVIDER_USER) and mem.profile.dmabuf_id_in_dumps:
        return {"dmabuf": int(mem.providers.binding[ctl.mp_priv].id)}
    return {"io-uring": {}} if ctl.provider == PROVIDER_IOURING else {}


def page_pool_fill(mem, pool):
    """Describe a pool as page-pool-get does.

    Parameters
    ----------
    mem : Mem
        The host.
    pool : int
        Row.

    Returns
    -------
    attributes : dict
        ``id``, ``ifindex`` unless orphaned, ``napi-id`` if any, ``inflight``, ``inflight-mem``, ``detach-time`` in seconds if
        detached, and what the provider adds.
    """
    ctl = mem.pools.ctl[pool]
    reply = {"id": int(ctl.id)}
    if ctl.ifindex != LOOPBACK_IFINDEX:
        reply["ifindex"] = int(ctl.ifindex)
    if ctl.napi:
        reply["napi-id"] = int(ctl.napi)
    inflight = max(int(page_pool_inflight(mem.pools, pool)), 0)
    reply["inflight"] = inflight
    reply["inflight-mem"] = inflight * (PAGE_SIZE << int(ctl.order))
    if ctl.detached:
        reply["detach-time"] = int(ctl.detach_ns) // 10**9
    return {**reply, **nl_fill(mem, ctl)}


def page_pool_find(mem, pool_id):
    """Find a visible pool by id.

    Parameters
    ----------
    mem : Mem
        The host.
    pool_id : int
        What user space passed.

    Returns
    -------
    pool : int
        Row.

    Raises
    ------
    OSError
        ERANGE for 0, ENOENT for unknown and invisible ones.
    """
    if not 0 < pool_id < 1 << 32:
        raise error(ERANGE, f"page_pool id {pool_id}; ids are 1 to 2^32 - 1")
    for pool, ctl in enumerate(mem.pools.ctl):
        if visible(ctl) and ctl.id == pool_id:
            return pool
    raise error(ENOENT, f"no page_pool {pool_id} that can be seen; page_pool_dump() lists those there are")


def page_pool_stats_fill(mem, pool):
    """Describe what a pool has counted as page-pool-stats-get does.

    Parameters
    ----------
    mem : Mem
        The host.
    pool : int
        Row.

    Returns
    -------
    attributes : dict
        ``info`` (``id``, and ``ifindex`` unless orphaned) and the counters under their netlink names.
    """
    known = page_pool_fill(mem, pool)
    return {"info": {name: known[name] for name in ("id", "ifindex") if name in known},
            **spell_stats(mem.pools, [pool], "netlink")}


def page_pool_stats_reply(mem, info):
    """Answer page-pool-stats-get.

    Parameters
    ----------
    mem : Mem
        The host.
    info : dict
        The nested attribute: ``id``, and nothing else.

    Returns
    -------
    attributes : dict
        ``info`` and the counters under their netlink names.

    Raises
    ------
    OSError
        EOPNOTSUPP when statistics are not built in, EINVAL without id or with an ifindex, as `page_pool_find` otherwise.
    """
    if not mem.profile.page_pool_stats:
        raise error(EOPNOTSUPP, f"kernel {mem.profile.name} was built without page-pool statistics")
    if not info or "id" not in info or "ifindex" in info:
        raise error(EINVAL, f"page-pool statistics of {info}: ask by the id of a pool alone, {{'id': 1}}")
    return page_pool_stats_fill(mem, page_pool_find(mem, info["id"]))
