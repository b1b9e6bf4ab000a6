"""Audit, first half: what rests in caches, rings and the page allocator, and what every row says of itself.

Law.   A buffer at rest belongs to the pool it rests in, once, with a count of 1.
Reads. House rules, section 4.
Omits. The allocators of bindings: the second half.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.mem.netmem import PP_SIGNATURE

IN_CACHE, IN_RING, IN_PROVIDER = 1, 2, 3


@kernel
def audit_resting(pools, netmems, mark):
    """Walk every cache and ring.

    Parameters
    ----------
    pools : PagePools
        Not changed.
    netmems : NETMEM[n]
        Not changed.
    mark : int64[n]
        Rows found get ``IN_CACHE`` or ``IN_RING``.

    Returns
    -------
    rule, a, b, c : int64
        The first broken rule, 0 when none is.
    """
    for pool in range(len(pools.ctl)):
        ctl = pools.ctl[pool]
        if ctl.alive == 0:
            continue
        for i in range(ctl.cache_count):
            row = pools.cache[pool, i].entry >> 1
            if mark[row]:
                return np.int64(3), np.int64(pool), row, np.int64(0)
            mark[row] = IN_CACHE
            niov = netmems[row]
            if niov.pp != pool + 1 or niov.pp_magic != PP_SIGNATURE or niov.pp_ref_count != 1:
                return np.int64(1), np.int64(pool), row, niov.pp_ref_count
        ring = pools.ring.ctl[pool]
        at = ring.consumer_head
        for _ in range(ring.capacity):
            row = pools.ring.slot[pool, at].entry >> 1
            if row == 0:
                break
            if mark[row]:
                return np.int64(3), np.int64(pool), row, np.int64(0)
            mark[row] = IN_RING
            niov = netmems[row]
            if niov.pp != pool + 1 or niov.pp_magic != PP_SIGNATURE or niov.pp_ref_count != 1:
                return np.int64(2), np.int64(pool), row, niov.pp_ref_count
            at += 1
            if at == ring.capacity:
                at = 0
            if at == ring.producer:
                break
    return np.int64(0), np.int64(0), np.int64(0), np.int64(0)


@kernel
def audit_rows(pools, netmems, mark, owned, first, end):
    """Check each row of a range against its pool.

    Parameters
    ----------
    pools : PagePools
        Not changed.
    netmems : NETMEM[n]
        Not changed.
    mark : int64[n]
        Where rows were found.
    owned : int64[n_pool]
        Counts the rows of each pool.
    first, end : int64
        Rows ``[first, end)``.

    Returns
    -------
    rule, a, b, c : int64
        The first broken rule, 0 when none is.
    """
    for row in range(first, end):
        niov = netmems[row]
        if niov.pp == 0:
            continue
        pool = niov.pp - 1
        if pool < 0 or pool >= len(pools.ctl) or pools.ctl[pool].alive == 0:
            return np.int64(11), pool, np.int64(row), np.int64(0)
        owned[pool] += 1
        if mark[row] == 0 and niov.pp_ref_count < 1:
            return np.int64(4), pool, np.int64(row), niov.pp_ref_count
    return np.int64(0), np.int64(0), np.int64(0), np.int64(0)


@kernel
def audit_pages(netmems, providers):
    """Check the lists of the page allocator.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    providers : Providers
        Not changed.

    Returns
    -------
    rule, a, b, c : int64
        The first broken rule, 0 when none is.
    """
    for order in range(len(providers.pages)):
        row = providers.pages[order].head
        for _ in range(providers.pages[order].listed):
            page = netmems[row]
            if row == 0 or page.pp != 0 or page.page_refcount != 0:
                return np.int64(9), page.pp - 1, row, page.page_refcount
            row = page.owner
        if row != 0:
            return np.int64(9), np.int64(-1), row, np.int64(0)
    return np.int64(0), np.int64(0), np.int64(0), np.int64(0)
