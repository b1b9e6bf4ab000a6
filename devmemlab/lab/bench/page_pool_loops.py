"""bench page-pool: the loops.

Law.   An element is taken, and only then given back; the loop ends early rather than pretend.
Reads. Linux's page-pool benchmark (tools/testing/selftests/net/bench/page_pool); spec section 20.3.
Omits. Its loops around an atomic increment and a spinlock: a simulated pool has neither.

The barrier in the middle is the benchmark's own: without it a compiler may keep in a register what the pool must put into
memory, as it would never see in real use, where the packet comes between the two halves.
"""

from devmemlab.base.cycles import compiler_barrier
from devmemlab.base.kernel import kernel
from devmemlab.mem.page_pool import page_pool_alloc_netmems, page_pool_put_netmem, page_pool_return_netmem
from devmemlab.mem.pages import get_page, put_page


@kernel
def for_loop(loops):
    """Count, and do nothing else: what of the others' time is the loop.

    Parameters
    ----------
    loops : int64
        Elements.

    Returns
    -------
    done : int64
        How many.
    """
    done = 0
    for _ in range(loops):
        compiler_barrier()
        done += 1
    return done


@kernel
def fast_path(pools, netmems, providers, trace, pool, loops):
    """Allocate and recycle directly: the cache is popped and pushed (page_pool01).

    Parameters
    ----------
    pools : PagePools
        Two counters of `pool` change.
    netmems : NETMEM[n]
        Left as they were.
    providers : Providers
        Not touched while the cache lasts.
    trace : Trace or None
        Passed on.
    pool : int64
        Pool row; its cache holds something.
    loops : int64
        Elements.

    Returns
    -------
    done : int64
        How many were handed out and taken back.
    """
    done = 0
    for _ in range(loops):
        netmem = page_pool_alloc_netmems(pools, netmems, providers, trace, pool)
        if netmem == 0:
            break
        compiler_barrier()
        if page_pool_put_netmem(pools, netmems, providers, trace, pool, netmem, 1) != 1:
            break
        done += 1
    return done


@kernel
def ptr_ring(pools, netmems, providers, trace, pool, loops):
    """Allocate, and put from outside the pool's own context: through the ring, 64 at a time back (page_pool02).

    Parameters
    ----------
    pools : PagePools
        Cache, ring and counters of `pool` change.
    netmems : NETMEM[n]
        Places change.
    providers : Providers
        Not touched while the ring lasts.
    trace : Trace or None
        Passed on.
    pool : int64
        Pool row; its ring holds something.
    loops : int64
        Elements.

    Returns
    -------
    done : int64
        How many were handed out and taken back.
    """
    done = 0
    for _ in range(loops):
        netmem = page_pool_alloc_netmems(pools, netmems, providers, trace, pool)
        if netmem == 0:
            break
        compiler_barrier()
        if page_pool_put_netmem(pools, netmems, providers, trace, pool, netmem, 0) != 1:
            break
        done += 1
    return done


@kernel
def page_slow(pools, netmems, providers, trace, pool, loops):
    """Allocate, hold the page itself, and put: it cannot be recycled and goes to the page allocator (page_pool03).

    Parameters
    ----------
    pools : PagePools
        Cache and counters of `pool` change.
    netmems : NETMEM[n]
        Rows of pages come and go.
    providers : Providers
        The page allocator gives 64 at a time and takes back one at a time.
    trace : Trace or None
        Passed on.
    pool : int64
        Pool row, of pages.
    loops : int64
        Elements.

    Returns
    -------
    done : int64
        How many were handed out and taken back.
    """
    done = 0
    for _ in range(loops):
        netmem = page_pool_alloc_netmems(pools, netmems, providers, trace, pool)
        if netmem == 0:
            break
        get_page(netmems, netmem)
        compiler_barrier()
        if page_pool_put_netmem(pools, netmems, providers, trace, pool, netmem, 0) != 1:
            break
        done += put_page(netmems, providers, netmem)
    return done


@kernel
def niov_provider(pools, netmems, providers, trace, pool, loops):
    """Allocate from the memory provider and give back to it, past cache and ring: a pool that keeps nothing.

    Nothing that a net_iov's user does can make the pool let go of it (a page that is held elsewhere is let go, a net_iov has
    no such count), so the second half of the way is taken by name.

    Parameters
    ----------
    pools : PagePools
        Counters of `pool` change.
    netmems : NETMEM[n]
        Rows of net_iovs come and go.
    providers : Providers
        The binding's allocator gives and takes.
    trace : Trace or None
        Passed on.
    pool : int64
        Pool row, with a provider; cache and ring are empty.
    loops : int64
        Elements.

    Returns
    -------
    done : int64
        How many were handed out and taken back.
    """
    done = 0
    for _ in range(loops):
        netmem = page_pool_alloc_netmems(pools, netmems, providers, trace, pool)
        if netmem == 0:
            break
        compiler_barrier()
        page_pool_return_netmem(pools, netmems, providers, trace, pool, netmem)
        done += 1
    return done
