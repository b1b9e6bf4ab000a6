"""Pages: the host's own page allocator, where a pool without a provider gets its buffers.

Law.   A page of order n is 2^n pages of host memory under one netmem row; it is out, or on the list of its order.
Reads. Linux mm/page_alloc.c as page_pool sees it (alloc_pages_bulk, put_page).
Omits. Splitting and merging of orders, zones, reclaim.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.trace import PAGE_POOL_STATE_HOLD, emit
from devmemlab.mem.netmem import NODE_SHIFT, PAGE_SHIFT, PLACE_CACHE, PLACE_PROVIDER, PRESSURE, netmem_set_pp
from devmemlab.mem.pool_table import PP_ALLOC_CACHE_REFILL


@kernel
def page_alloc(netmems, providers, order):
    """Take a page.

    Parameters
    ----------
    netmems : NETMEM[n]
        Its row is written, with one reference.
    providers : Providers
        The list of `order` is one shorter, or fresh memory is cut.
    order : int64
        Log2 of its size in pages.

    Returns
    -------
    netmem : int64
        Handle, 0 when memory or rows are used up.
    """
    if order < 0 or order >= len(providers.pages):
        return np.int64(0)
    books = providers.pages[order]
    fresh = providers.pages[0]
    row = books.head
    if row:
        books.head = netmems[row].owner
        books.listed -= 1
    else:
        nbytes = np.int64(1) << (PAGE_SHIFT + order)
        address = (fresh.next_addr + nbytes - 1) & -nbytes
        if address + nbytes > fresh.end_addr or fresh.next_row >= fresh.end_row:
            return np.int64(0)
        row = fresh.next_row
        fresh.next_row += 1
        fresh.next_addr = address + nbytes
        netmems[row].dma_addr = address
        netmems[row].niov_type = order | fresh.node << NODE_SHIFT
    page = netmems[row]
    page.owner = 0
    page.pp_magic = 0
    page.pp = 0
    page.pp_ref_count = 0
    page.place = PLACE_PROVIDER
    page.page_refcount = 1 + PRESSURE if fresh.pressure else 1
    books.out += 1
    return row << 1


@kernel
def get_page(netmems, netmem):
    """Take one more reference on a page itself.

    Parameters
    ----------
    netmems : NETMEM[n]
        The page's own count goes up.
    netmem : int64
        Handle of a page.
    """
    netmems[netmem >> 1].page_refcount += 1


@kernel
def put_page(netmems, providers, netmem):
    """Drop a reference on a page itself; the last one frees it.

    Parameters
    ----------
    netmems : NETMEM[n]
        The page's own count goes down.
    providers : Providers
        A freed page is first on the list of its order.
    netmem : int64
        Handle of a page.

    Returns
    -------
    freed : int64
        1 when this was the last reference.
    """
    page = netmems[netmem >> 1]
    page.page_refcount -= 1
    if page.page_refcount & (PRESSURE - 1):
        return 0
    books = providers.pages[page.niov_type & 0xFF]
    page.page_refcount = 0
    page.owner = books.head
    books.head = netmem >> 1
    books.listed += 1
    books.out -= 1
    return 1


@kernel
def _map_fails(ctl):
    """Decide whether this DMA mapping is one that fault injection fails.

    Parameters
    ----------
    ctl : numpy.record
        Pool row; its count of mappings goes up.

    Returns
    -------
    fails : bool
        True every ``fault_map_interval``-th time.
    """
    if ctl.fault_map_interval == 0 or ctl.dma_map == 0:
        return False
    ctl.fault_map_seen += 1
    return ctl.fault_map_seen % ctl.fault_map_interval == 0


@kernel
def pages_alloc(pools, netmems, providers, trace, pool):
    """Fill an empty cache with up to 64 pages and hand out one; a big page comes alone.

    Parameters
    ----------
    pools : PagePools
        hold_cnt, the cache and two statistics of `pool` change.
    netmems : NETMEM[n]
        Rows of the pages are marked as the pool's.
    providers : Providers
        Pages leave the allocator.
    trace : Trace or None
        Records each page that the pool now holds.
    pool : int64
        Pool row; its cache is empty.

    Returns
    -------
    netmem : int64
        Handle, 0 when nothing could be had.
    """
    ctl = pools.ctl[pool]
    want = PP_ALLOC_CACHE_REFILL if ctl.order == 0 else 1
    for _ in range(want):
        netmem = page_alloc(netmems, providers, ctl.order)
        if netmem == 0:
            break
        if _map_fails(ctl):
            put_page(netmems, providers, netmem)
            continue
        netmem_set_pp(netmems, netmem, pool)
        netmems[netmem >> 1].place = PLACE_CACHE
        pools.cache[pool, ctl.cache_count].entry = netmem
        ctl.cache_count += 1
        ctl.hold_cnt = (ctl.hold_cnt + 1) & 0xFFFFFFFF
        emit(trace, PAGE_POOL_STATE_HOLD, pool, netmem, ctl.hold_cnt, 0)
    if ctl.cache_count == 0:
        return np.int64(0)
    if ctl.order:
        ctl.alloc_slow_high_order += 1
    else:
        ctl.alloc_slow += 1
    ctl.cache_count -= 1
    return pools.cache[pool, ctl.cache_count].entry
