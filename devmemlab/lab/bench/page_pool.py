"""bench page-pool: what one buffer costs, allocated and returned, by the way it takes.

Law.   A run counts only if the pool's own books say that every element went the way that the case is named after.
Reads. Linux's page-pool benchmark (tools/testing/selftests/net/bench/page_pool); spec sections 6.4, 6.5, 20.3.
Omits. Its ten million elements in one go: short runs, a millisecond or less, mostly escape the neighbours.

As in the kernel a pool has order 0 and a ring of 1024, and 64 buffers wait in the ring of those that recycle. The page
cases have a pool without flags, the niov cases one on a dmabuf in device memory, with the flags that devmem asks for. A run's
one crossing from Python into the loop, some 5 microseconds, is part of its time: less than one part in a hundred.
"""

from contextlib import contextmanager

from numba import config

from devmemlab.base.errno import EIO, error
from devmemlab.base.ring import ring_count
from devmemlab.lab.bench import page_pool_loops as loops
from devmemlab.lab.bench.measure import Case
from devmemlab.lab.bench.quoted import BROUER, PASTE, SEED
from devmemlab.mem.dmabuf import FROM_DEVICE
from devmemlab.mem.mem import Mem
from devmemlab.mem.netmem import PAGE_SHIFT, PAGE_SIZE
from devmemlab.mem.page_pool import (
    PP_ALLOC_CACHE_REFILL,
    PP_FLAG_ALLOW_UNREADABLE_NETMEM,
    PP_FLAG_DMA_MAP,
    PP_FLAG_DMA_SYNC_DEV,
    PROVIDER_DMABUF,
)
from devmemlab.mem.pool_stats import STAT_NAMES
from devmemlab.mem.region import DeviceMemory

BATCH = PP_ALLOC_CACHE_REFILL
LOOPS, INTERPRETED_LOOPS = 1 << 18, 1 << 8
RING_SHARE, SLOW_SHARE, PROVIDER_SHARE = 2, 8, 32
POOLS = 8
BOOKS = (*STAT_NAMES, "hold_cnt", "release_cnt")
CONTRASTS = {"niov_fast": ("ratio_niov_to_page", "page_fast"), "niov_ptr_ring": ("ratio_niov_to_page", "page_ptr_ring")}
QUOTED = {
    "for_loop": [{**PASTE, "cycles_per_elem": 0, "ns_per_elem": 0.347}],
    "page_fast": [{**SEED, "state": "before devmem", "cycles_per_elem": 8}, {**SEED, "state": "RFC v6", "cycles_per_elem": 10},
                  {**SEED, "state": "RFC v7", "cycles_per_elem": 9},
                  {**SEED, "state": "RFC v7 without dma-buf", "cycles_per_elem": 8},
                  {**BROUER, "cycles_per_elem": 18, "ns_per_elem": 5.202}],
    "page_ptr_ring": [{**BROUER, "cycles_per_elem": 55, "ns_per_elem": 15.343}],
    "page_slow": [{**BROUER, "cycles_per_elem": 243, "ns_per_elem": 67.725}],
}
NOTES = """\
page_fast, niov_fast: cache to cache. *_ptr_ring: returned through the ring, refilled 64 at a time. page_slow: never recycled,
64 at a time from the page allocator. niov_provider: never recycled, one net_iov at a time from the dmabuf's allocator.
ratio_niov_to_page: throughput of net_iovs divided by that of pages, round by round; 1 is equal, bigger is better for net_iovs.
The quoted fast path is the kernel's, of pages, before and with the patches that made net_iovs possible; nobody published one
of net_iovs themselves. It does more (contexts, locks) on another machine: compare the order of the ways, not the figures."""


class Empty(Case):
    """The loop alone, ten times as often.

    Parameters
    ----------
    count : int
        Elements of the other cases.
    """

    name = "for_loop"

    def __init__(self, count):
        self.elements = 10 * count

    def run(self):
        """Count."""
        return loops.for_loop(self.elements)

    def check(self, result):
        """See that it was counted to the end.

        Parameters
        ----------
        result : int
            Count.
        """
        if result != self.elements:
            raise error(EIO, f"for_loop counted {result} of {self.elements}")


class PoolCase(Case):
    """One way, through some pools in turn.

    Where a pool and the buffer on top of its cache lie in memory is luck, but for the whole life of a process: addresses that
    share a place in the first-level cache cost up to a quarter of the time. So every run takes another pool and another
    buffer, and the median does not depend on which were unlucky.

    Parameters
    ----------
    name : str
        Of the case.
    mem : Mem
        Host.
    pools : list of int
        Pool rows, all new.
    loop : kernel
        One of `page_pool_loops`.
    count : int
        Elements of a run; whole batches of 64, so that it ends as it began.
    booked : dict of str to float
        What an element adds to the books on the way that the case is named after; to all others it adds nothing.
    resting : int
        Buffers that cache and ring of each hold before and after.
    """

    def __init__(self, name, mem, pools, loop, count, booked, resting):
        self.name, self.mem, self.pools, self.loop, self.elements = name, mem, pools, loop, count
        self.wanted = {book: round(count * booked.get(book, 0)) for book in BOOKS}
        self.resting, self.runs, self.pool, self.before = resting, 0, None, None
        self.more = {"burst": BATCH}
        for pool in pools:
            for netmem in [mem.alloc(pool) for _ in range(resting)]:
                mem.put(pool, netmem)

    def prepare(self):
        """Choose the pool, put another buffer on top of its cache, and open its books."""
        self.pool = self.pools[self.runs % len(self.pools)]
        self.runs += 1
        if self.loop is loops.fast_path:
            held = sorted(self.mem.alloc(self.pool) for _ in range(self.resting))
            for k in range(self.resting):
                self.mem.put(self.pool, held[(k + self.runs) % self.resting], direct=True)
        self.before = self.books()

    def run(self):
        """Loop."""
        mem = self.mem
        return self.loop(mem.pools, mem.netmems, mem.providers, None, self.pool, self.elements)

    def books(self):
        """Copy the counters.

        Returns
        -------
        books : dict of str to int
            `BOOKS` of the pool.
        """
        ctl = self.mem.pools.ctl[self.pool]
        return {book: int(ctl[book]) for book in BOOKS}

    def check(self, result):
        """Compare what was counted with what the way costs by definition.

        Parameters
        ----------
        result : int
            Elements that the loop saw handed out and taken back.
        """
        if result != self.elements:
            raise error(EIO, f"{self.name}: {result} of {self.elements} buffers were handed out and taken back")
        for book, now in self.books().items():
            # The two that can wrap are 32 bits wide.
            added = (now - self.before[book]) & 0xFFFFFFFF
            if added != self.wanted[book]:
                raise error(EIO, f"{self.name}: {book} went up by {added}, not {self.wanted[book]}, for {self.elements} buffers")
        rest = int(self.mem.pools.ctl[self.pool].cache_count) + int(ring_count(self.mem.pools.ring, self.pool))
        inflight = self.mem.inflight(self.pool)
        if rest != self.resting or inflight != self.resting:
            raise error(EIO, f"{self.name}: {rest} buffers rest in cache and ring and {inflight} are out of the provider, "
                             f"not {self.resting}")


FAST = {"alloc_fast": 1, "recycle_cached": 1}
RING = {"alloc_fast": 1 - 1 / BATCH, "alloc_refill": 1 / BATCH, "recycle_ring": 1}
SLOW = {"alloc_fast": 1 - 1 / BATCH, "alloc_slow": 1 / BATCH, "alloc_empty": 1 / BATCH, "recycle_released_refcnt": 1,
        "hold_cnt": 1, "release_cnt": 1}
PROVIDER = {"alloc_empty": 1, "hold_cnt": 1, "release_cnt": 1}


@contextmanager
def cases(quick=False):
    """Make the pools and close them.

    Parameters
    ----------
    quick : bool
        Says nothing here: fewer repeats are quick enough, and shorter runs would be less exact.

    Yields
    ------
    cases : list of Case
        In the order of interfaces section 3.
    """
    count = INTERPRETED_LOOPS if config.DISABLE_JIT else LOOPS
    device = DeviceMemory(4 * POOLS * BATCH << PAGE_SHIFT, "bench")
    mem = Mem("6.18", netmem_rows=1 << 16, pages_bytes="16MiB")
    try:
        binding = mem.bind(2, mem.export(device))
        niovs = {"pp_flags": PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV | PP_FLAG_ALLOW_UNREADABLE_NETMEM, "dma_dir": FROM_DEVICE,
                 "max_len": PAGE_SIZE, "provider": PROVIDER_DMABUF, "mp_priv": binding}
        ring, slow, provider = (max(1, count // share // BATCH) * BATCH for share in (RING_SHARE, SLOW_SHARE, PROVIDER_SHARE))
        plan = (("page_fast", {}, loops.fast_path, count, FAST, BATCH),
                ("niov_fast", niovs, loops.fast_path, count, FAST, BATCH),
                ("page_ptr_ring", {}, loops.ptr_ring, ring, RING, BATCH),
                ("niov_ptr_ring", niovs, loops.ptr_ring, ring, RING, BATCH),
                ("page_slow", {}, loops.page_slow, slow, SLOW, 0),
                ("niov_provider", niovs, loops.niov_provider, provider, PROVIDER, 0))
        yield [Empty(count)] + [PoolCase(name, mem, [mem.page_pool_create(**params) for _ in range(POOLS)], *rest)
                                for name, params, *rest in plan]
        mem.audit()
    finally:
        mem.close()
        device.close()
