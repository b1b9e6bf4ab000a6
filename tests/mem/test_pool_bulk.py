"""Returning many buffers of one pool in one go leaves what returning one after the other leaves."""

import random

import pytest

from devmemlab.base.ring import SLOT
from devmemlab.base.table import table
from devmemlab.mem.mem import Mem
from devmemlab.mem.netmem import netmem_get_pp_ref
from devmemlab.mem.page_pool import page_pool_put_entries, page_pool_put_netmem
from devmemlab.mem.pages import get_page
from devmemlab.mem.region import DeviceMemory
from tests.mem.kit import devmem_pool, small_mem


class Side:
    """A host with two pools of net_iovs and one of pages, and what a driver holds of them; the same for the same seed."""

    def __init__(self, seed, ring):
        rng = random.Random(seed)
        self.mem = small_mem()
        self.device = DeviceMemory(256 * 4096, f"side {seed}")
        binding = self.mem.bind(2, self.mem.export(self.device))
        self.pools = [devmem_pool(self.mem, binding, pool_size=ring), devmem_pool(self.mem, binding, pool_size=ring),
                      self.mem.page_pool_create(pool_size=ring)]
        self.entries = table(SLOT, 64)
        mostly = self.pools[seed % 3]
        for k in range(64):
            kind = rng.random()
            pool = mostly if kind < 0.9 else rng.choice(self.pools)
            netmem = 0 if 0.5 < kind < 0.53 else self.mem.alloc(pool)
            self.entries[k].entry = netmem
            if netmem and 0.6 < kind < 0.65:
                netmem_get_pp_ref(self.mem.netmems, netmem)
            if netmem and netmem & 1 == 0 and kind < 0.05:
                get_page(self.mem.netmems, netmem)

    def one_by_one(self, first, end, pp):
        """As Linux's own users do, as long as a whole run would go on."""
        mem = self.mem
        for at in range(first, end):
            netmem = int(self.entries[at].entry)
            row = mem.netmems[netmem >> 1]
            waiting = int(mem.pools.ctl[pp - 1].recycle_ring)
            if netmem == 0 or row.pp != pp or row.pp_ref_count != 1 or row.page_refcount != 1 or self.full(pp - 1):
                return at
            assert page_pool_put_netmem(mem.pools, mem.netmems, mem.providers, None, pp - 1, netmem, 0) == 1
            assert mem.pools.ctl[pp - 1].recycle_ring == waiting + 1
            self.entries[at].entry = 0
        return end

    def full(self, pool):
        """Whether the ring refuses."""
        ring = self.mem.pools.ring.ctl[pool]
        return self.mem.pools.ring.slot[pool, ring.producer].entry != 0

    def tables(self):
        """All that the pools, the buffers and the entries are, but for where their memory lies."""
        pools, rows = self.mem.pools, max(self.pools) + 1
        parts = {"ctl": pools.ctl[:rows], "cache": pools.cache[:rows], "ring": pools.ring.ctl[:rows],
                 "slot": pools.ring.slot[:rows, :64], "netmem": self.mem.netmems[:1 << 14], "entry": self.entries}
        return {(name, field): part[field].tolist() for name, part in parts.items() for field in part.dtype.names
                if field != "dma_addr"}

    def close(self):
        """Give the memory back."""
        self.mem.close()
        self.device.close()


@pytest.mark.parametrize("ring", [24, 64])
@pytest.mark.parametrize("seed", range(4))
def test_a_run_stops_where_one_by_one_would_do_something_else(seed, ring):
    run, single = Side(seed, ring), Side(seed, ring)
    assert run.tables() == single.tables()
    at, stopped = 0, 0
    while at < 64:
        netmem = int(run.entries[at].entry)
        pp = int(run.mem.netmems[netmem >> 1].pp) if netmem else run.pools[0] + 1
        after = page_pool_put_entries(run.mem.pools, run.mem.netmems, run.entries, at, 64, pp)
        assert after == single.one_by_one(at, 64, pp)
        assert run.tables() == single.tables()
        stopped += after < 64
        at = after + 1
    assert stopped, "nothing ever stopped a run"
    run.close()
    single.close()


def test_a_pool_without_a_ring_takes_nothing():
    mem = Mem("6.18", netmem_rows=1 << 12, pages_bytes="1MiB")
    pool = mem.page_pool_create(pool_size=16)
    entries = table(SLOT, 1)
    entries[0].entry = mem.alloc(pool)
    mem.pools.ring.ctl[pool].capacity = 0
    assert page_pool_put_entries(mem.pools, mem.netmems, entries, 0, 1, pool + 1) == 0
    assert entries[0].entry != 0 and mem.pools.ctl[pool].recycle_ring == 0
    mem.close()
