"""What the tests of mem share: small hosts, and a duel of the tables with their naive twin."""

import errno
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest

from devmemlab.base.ring import SLOT, ring_count
from devmemlab.base.table import table
from devmemlab.mem.dmabuf import FROM_DEVICE
from devmemlab.mem.mem import Mem
from devmemlab.mem.netmem import netmem_get_pp_ref
from devmemlab.mem.page_pool import (
    PP_FLAG_ALLOW_UNREADABLE_NETMEM,
    PP_FLAG_DMA_MAP,
    PP_FLAG_DMA_SYNC_DEV,
    page_pool_put_netmem_bulk,
)
from devmemlab.mem.pages import get_page, put_page
from devmemlab.mem.pool_stats import STAT_NAMES
from devmemlab.mem.provider_table import net_iov_virtual_offset
from devmemlab.mem.region import DeviceMemory
from tests.naive.pool import NaiveGenPool, NaivePages, NaivePool, NaiveStack

DEVMEM = PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV | PP_FLAG_ALLOW_UNREADABLE_NETMEM
SECOND = 1_000_000_000


def small_mem(profile="6.18", pages="16MiB"):
    """A host whose tables are small, so that looking through all of them is quick even interpreted."""
    mem = Mem(profile, netmem_rows=1 << 16, pages_bytes=pages)
    mem.pools = mem.pools._replace(ctl=mem.pools.ctl[:16], cache=mem.pools.cache[:16])
    mem.providers = mem.providers._replace(binding=mem.providers.binding[:12])
    return mem


@contextmanager
def refused(number):
    """The block raises OSError with this errno and a sentence."""
    with pytest.raises(OSError) as caught:
        yield caught
    assert caught.value.errno == number, f"{errno.errorcode.get(caught.value.errno)}: {caught.value}"
    assert len(caught.value.strerror) > 20


def devmem_flags(mem):
    """Flags that a devmem pool needs under the host's release."""
    return (DEVMEM if mem.profile.dma_sync == "required" else DEVMEM & ~PP_FLAG_DMA_SYNC_DEV) & mem.profile.pp_flags


def devmem_pool(mem, binding, **params):
    """A pool on a binding."""
    own = mem.providers.binding[binding]
    return mem.page_pool_create(**{
        "pp_flags": devmem_flags(mem), "dma_dir": FROM_DEVICE, "max_len": 4096, "order": int(own.niov_shift) - 12,
        "provider": int(own.kind), "mp_priv": binding, **params})


def scattered(mem, *lengths, gap=4096, **options):
    """A dmabuf of segments of these lengths, bound to device 2; returns the binding."""
    region = DeviceMemory(sum(lengths) + gap * len(lengths))
    at, segments = region.start, []
    for length in lengths:
        segments.append((at, length))
        at += length + gap
    return mem.bind(2, mem.export(segments), **options)


def offsets(mem, *netmems):
    """Offsets of net_iovs in their dmabuf."""
    return [int(net_iov_virtual_offset(mem.netmems, mem.providers, netmem)) for netmem in netmems]


def bulk_put(mem, netmems):
    """Drop a reference of each, as skb_release does for many pages."""
    handles = table(SLOT, max(len(netmems), 1))
    handles.entry[:len(netmems)] = netmems
    return int(page_pool_put_netmem_bulk(mem.pools, mem.netmems, mem.providers, None, handles, len(netmems)))


def cached(mem, pool):
    """Handles in a pool's cache, top last."""
    return mem.pools.cache.entry[pool, :mem.pools.ctl[pool].cache_count].tolist()


class Duel:
    """The same operations on the tables and on the naive twin; every answer is compared."""

    KINDS = ("devmem", "devmem", "pages", "pages_node0", "pages_order1")

    def __init__(self, profile="6.18", lengths=(4096 * 3, 4096, 4096 * 5), ring=24):
        self.mem = small_mem(profile, "64MiB")
        self.lengths, self.ring = lengths, ring
        self.now = self.steps = 0
        self.pages = NaivePages(int(self.mem.providers.pages[0].next_row))
        self.binding = scattered(self.mem, *lengths)
        own = self.mem.providers.binding[self.binding]
        self.first = int(own.niov_first)
        segments = [(int(c.dma_addr), int(c.length)) for c in
                    self.mem.providers.chunk[own.chunk_first:own.chunk_first + own.chunk_count]]
        lifo = self.mem.profile.allocator == "lifo"
        self.niovs = NaiveStack(int(own.niov_count)) if lifo else NaiveGenPool(segments)
        self.pools = {}             # pool row -> NaivePool
        self.held = []              # (pool row, handle), one for each reference held outside
        self.dying = {}
        self.finished = Counter()
        self.extra = []             # handles of pages with a reference of their own
        for kind in self.KINDS:
            self.create(kind)

    def close(self):
        self.mem.close()

    def create(self, kind):
        naive = {
            "devmem": lambda: NaivePool(self.pages, self.niovs, self.mem.profile.batch, self.ring),
            "pages": lambda: NaivePool(self.pages, None, ring=self.ring),
            "pages_node0": lambda: NaivePool(self.pages, None, ring=self.ring, nid=0),
            "pages_order1": lambda: NaivePool(self.pages, None, ring=self.ring, order=1),
        }[kind]()
        naive.kind = kind
        if kind == "devmem":
            pool = devmem_pool(self.mem, self.binding, pool_size=self.ring)
        else:
            pool = self.mem.page_pool_create(pool_size=self.ring, nid=naive.nid, order=naive.order)
        self.pools[pool] = naive

    def handle(self, naive, buffer):
        if buffer is None:
            return 0
        return (self.first + buffer) << 1 | 1 if naive.allocator is not None else buffer << 1

    def buffer(self, naive, handle):
        return (handle >> 1) - self.first if naive.allocator is not None else handle >> 1

    def alloc(self, pick):
        pool, naive = self._live(pick)
        got, wanted = self.mem.alloc(pool), self.handle(naive, naive.alloc())
        assert got == wanted, f"pool {pool} handed out {got}, the twin {wanted}"
        if got:
            self.held.append((pool, got))

    def alloc_part(self, pick, size):
        pool, naive = self._live(pick)
        got, (buffer, offset, length) = self.mem.alloc_part(pool, size), naive.alloc_part(size)
        assert got == (self.handle(naive, buffer), offset, length)
        if got[0]:
            self.held.append((pool, got[0]))

    def put(self, pick, direct):
        if self.held:
            pool, handle = self.held.pop(pick % len(self.held))
            naive = self.pools.get(pool) or self.dying[pool]
            assert self.mem.put(pool, handle, direct) == naive.put(self.buffer(naive, handle), direct)

    def get(self, pick):
        if self.held:
            pool, handle = self.held[pick % len(self.held)]
            naive = self.pools.get(pool) or self.dying[pool]
            netmem_get_pp_ref(self.mem.netmems, handle)
            naive.refs[self.buffer(naive, handle)] += 1
            self.held.append((pool, handle))

    def bulk(self, count):
        group, self.held = self.held[:count], self.held[count:]
        last = 0
        for start in range(0, len(group), 16):
            finished = []
            for pool, handle in group[start:start + 16]:
                naive = self.pools.get(pool) or self.dying[pool]
                if naive._drop(self.buffer(naive, handle)):
                    finished.append((naive, self.buffer(naive, handle)))
            for naive in dict.fromkeys(naive for naive, _ in finished):
                self._naive_bulk(naive, [buffer for owner, buffer in finished if owner is naive])
            last += len(finished)
        assert last == bulk_put(self.mem, [handle for _, handle in group])

    @staticmethod
    def _naive_bulk(naive, buffers):
        keep = []
        for buffer in buffers:
            if naive._keepable(buffer):
                keep.append(buffer)
            else:
                naive.counts["recycle_released_refcnt"] += 1
                naive._home(buffer)
        accepted = 0
        while accepted < len(keep) and naive.ring.produce(keep[accepted]):
            accepted += 1
        naive.counts["recycle_ring"] += accepted
        if accepted < len(keep):
            naive.counts["recycle_ring_full"] += 1
            for buffer in keep[accepted:]:
                naive._home(buffer)

    def borrow_page(self, pick):
        pages = [handle for _, handle in self.held if not handle & 1]
        if pages:
            handle = pages[pick % len(pages)]
            get_page(self.mem.netmems, handle)
            self.pages.get(handle >> 1)
            self.extra.append(handle)

    def return_page(self, pick):
        if self.extra:
            handle = self.extra.pop(pick % len(self.extra))
            put_page(self.mem.netmems, self.mem.providers, handle)
            self.pages.put(handle >> 1)

    def move_node(self, node, pressure):
        fresh = self.mem.providers.pages[0]
        fresh.node = self.pages.now_node = node
        fresh.pressure = self.pages.now_pressure = pressure

    def destroy(self, pick):
        pool, naive = self._live(pick)
        naive.destroy()
        assert self.mem.destroy(pool, self.now) == naive.hold - naive.release
        del self.pools[pool]
        if naive.gone:
            self.finished.update(naive.counts)
        else:
            self.dying[pool] = naive
        self.create(naive.kind)

    def second(self):
        self.now += SECOND
        self.mem.run_work(self.now)
        for pool, naive in sorted(self.dying.items()):
            naive.retry()
            if naive.gone:
                self.finished.update(naive.counts)
                del self.dying[pool]

    def seen(self):
        """Counters of all pools that there are or were."""
        for naive in (*self.pools.values(), *self.dying.values()):
            self.finished.update(naive.counts)
        return self.finished

    def _live(self, pick):
        return list(self.pools.items())[pick % len(self.pools)]

    def compare(self):
        """Everything that both sides remember must be the same."""
        for pool, naive in (*self.pools.items(), *self.dying.items()):
            ctl = self.mem.pools.ctl[pool]
            assert cached(self.mem, pool) == [self.handle(naive, b) for b in naive.cache]
            assert ring_count(self.mem.pools.ring, pool) == naive.ring.waiting()
            assert (ctl.hold_cnt, ctl.release_cnt) == (naive.hold, naive.release)
            assert {field: int(ctl[field]) for field in STAT_NAMES} == {field: naive.counts[field] for field in STAT_NAMES}
            assert self.mem.inflight(pool) == naive.hold - naive.release
        for naive in (*self.pools.values(), *self.dying.values()):
            for buffer, count in naive.refs.items():
                assert self.mem.netmems[self.handle(naive, buffer) >> 1].pp_ref_count == count
        for order, rows in self.pages.lists.items():
            listed, row = [], int(self.mem.providers.pages[order].head)
            while row:
                listed.append(row)
                row = int(self.mem.netmems[row].owner)
            assert listed == rows[::-1], f"free pages of order {order}"
        assert int(np.count_nonzero(self.mem.pools.ctl.alive)) == len(self.pools) + len(self.dying)

    def random_step(self, rng):
        """One operation chosen by a random generator; phases fill, churn and drain a favourite pool."""
        if self.steps % 300 == 0:
            self.favourite = rng.randrange(1 << 16)
            self.mood = rng.choice((0.98, 0.5, 0.02))
            self.direct = rng.choice((0.05, 0.5, 0.98))
        self.steps += 1
        pick = rng.randrange(1 << 16)
        pool = self.favourite if rng.random() < 0.8 else pick
        dice = rng.random()
        if dice < 0.84:
            if rng.random() < self.mood:
                self.alloc(pool)
            else:
                self.put(pick, rng.random() < self.direct)
        elif dice < 0.87:
            self.alloc_part(pool, rng.choice((64, 1000, 1500, 2048, 2049, 4096)))
        elif dice < 0.90:
            self.get(pick)
        elif dice < 0.905:
            self.bulk(rng.randrange(40))
        elif dice < 0.92:
            self.borrow_page(pick)
        elif dice < 0.94:
            self.return_page(pick)
        elif dice < 0.98:
            self.move_node(rng.randrange(2), int(rng.random() < 0.2))
        elif dice < 0.983:
            self.destroy(pick)
        else:
            self.second()
