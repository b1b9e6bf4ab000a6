"""page_pool, fragments: several small buffers in one.

Law.   A shared buffer starts with BIAS references; draining gives back those that no user took.
Reads. Linux net/core/page_pool.c, include/net/page_pool/helpers.h; spec section 6.7.
Omits. The helpers that return a CPU address.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.mem.netmem import PAGE_SHIFT
from devmemlab.mem.pool_alloc import page_pool_alloc_netmems, page_pool_return_netmem
from devmemlab.mem.pool_put import page_pool_unref_netmem

BIAS_MAX = (1 << 62) - 1


@kernel
def _drain_frag(pools, netmems, providers, trace, pool):
    """Stop cutting the present buffer.

    Parameters
    ----------
    pools : PagePools
        Changes when the buffer goes home.
    netmems : NETMEM[n]
        References that nobody took are dropped.
    providers : Providers
        Changes when the buffer goes home.
    trace : Trace or None
        Records that.
    pool : int64
        Pool row with a buffer being cut.

    Returns
    -------
    netmem : int64
        The buffer, when nobody uses it any more and it can be cut anew; else 0.
    """
    ctl = pools.ctl[pool]
    netmem = ctl.frag_netmem
    if page_pool_unref_netmem(netmems, netmem, BIAS_MAX - ctl.frag_users) != 0:
        return np.int64(0)
    if netmems[netmem >> 1].page_refcount == 1:
        return netmem
    page_pool_return_netmem(pools, netmems, providers, trace, pool, netmem)
    return np.int64(0)


@kernel
def page_pool_free_frag(pools, netmems, providers, trace, pool):
    """Give up the buffer being cut, when the pool is destroyed.

    Parameters
    ----------
    pools : PagePools
        The pool has no such buffer afterwards.
    netmems : NETMEM[n]
        References that nobody took are dropped.
    providers : Providers
        Changes when the buffer goes home.
    trace : Trace or None
        Records that.
    pool : int64
        Pool row.
    """
    ctl = pools.ctl[pool]
    netmem = ctl.frag_netmem
    ctl.frag_netmem = 0
    if netmem and page_pool_unref_netmem(netmems, netmem, BIAS_MAX - ctl.frag_users) == 0:
        page_pool_return_netmem(pools, netmems, providers, trace, pool, netmem)


@kernel
def page_pool_alloc_frag_netmem(pools, netmems, providers, trace, pool, nbytes):
    """Allocate part of a buffer.

    Parameters
    ----------
    pools : PagePools
        The frag state of `pool` changes.
    netmems : NETMEM[n]
        A new buffer gets BIAS references.
    providers : Providers
        As in `page_pool_alloc_netmems`.
    trace : Trace or None
        As in `page_pool_alloc_netmems`.
    pool : int64
        Pool row.
    nbytes : int64
        Size wanted.

    Returns
    -------
    netmem, offset : int64
        Handle and where the part begins; (0, 0) when there is none or `nbytes` exceeds a buffer.
    """
    ctl = pools.ctl[pool]
    room = np.int64(1) << (PAGE_SHIFT + ctl.order)
    if nbytes > room:
        return np.int64(0), np.int64(0)
    align = pools.common[0].dma_align
    nbytes = (nbytes + align - 1) & -align
    netmem = ctl.frag_netmem
    fresh = np.int64(0)
    if netmem and ctl.frag_offset + nbytes > room:
        fresh = _drain_frag(pools, netmems, providers, trace, pool)
        if fresh:
            ctl.recycle_cached += 1
            ctl.alloc_fast += 1
        netmem = np.int64(0)
    if netmem:
        offset = ctl.frag_offset
        ctl.frag_users += 1
        ctl.frag_offset = offset + nbytes
        return netmem, offset
    if fresh == 0:
        fresh = page_pool_alloc_netmems(pools, netmems, providers, trace, pool)
        ctl.frag_netmem = fresh
        if fresh == 0:
            return np.int64(0), np.int64(0)
    ctl.frag_users = 1
    ctl.frag_offset = nbytes
    netmems[fresh >> 1].pp_ref_count = BIAS_MAX
    return fresh, np.int64(0)


@kernel
def page_pool_alloc_netmem(pools, netmems, providers, trace, pool, nbytes):
    """Allocate a buffer or a part of one, whichever suits the size.

    Parameters
    ----------
    pools : PagePools
        Row `pool` changes.
    netmems : NETMEM[n]
        As in `page_pool_alloc_frag_netmem`.
    providers : Providers
        As in `page_pool_alloc_netmems`.
    trace : Trace or None
        As in `page_pool_alloc_netmems`.
    pool : int64
        Pool row.
    nbytes : int64
        Size wanted.

    Returns
    -------
    netmem, offset, nbytes : int64
        Handle, where the part begins, and how much it really is; (0, 0, 0) when there is none.
    """
    ctl = pools.ctl[pool]
    room = np.int64(1) << (PAGE_SHIFT + ctl.order)
    if 2 * nbytes > room:
        netmem = page_pool_alloc_netmems(pools, netmems, providers, trace, pool)
        return netmem, np.int64(0), room if netmem else np.int64(0)
    netmem, offset = page_pool_alloc_frag_netmem(pools, netmems, providers, trace, pool, nbytes)
    if netmem == 0:
        return np.int64(0), np.int64(0), np.int64(0)
    if ctl.frag_offset + nbytes > room:
        nbytes = room - offset
        ctl.frag_offset = room
    return netmem, offset, nbytes
