"""Regions, ranges, the ledger, units and profiles."""

import gc
import os
import subprocess
import sys

import numpy as np
import pytest

from devmemlab.base import profile as profiles
from devmemlab.base.units import format_size, parse_size
from devmemlab.mem import ledger as ledgers
from devmemlab.mem.mem import Mem
from devmemlab.mem.ranges import Ranges
from devmemlab.mem.region import DEVICE, HOST, PAGE_SIZE, DeviceMemory, Region, host_memory, memory, regions
from devmemlab.mem.space import Space, the_space


def test_a_region_is_a_page_aligned_piece_of_memory():
    gpu, host = DeviceMemory("10000"), host_memory(8192)
    assert gpu.length == 12288 and gpu.start % 4096 == 0 and gpu.kind == DEVICE and host.kind == HOST
    gpu.octets[5] = 7
    assert memory()[gpu.start + 5] == 7 and gpu.read(4, 3) == b"\0\7\0"
    view = gpu.view(np.uint32, (2, 3), offset=16)
    view[1, 2] = 0x01020304
    assert gpu.read(16 + 5 * 4, 4) == b"\4\3\2\1"
    assert regions()[gpu.row].length == 12288
    for bad in (lambda: gpu.read(12288, 1), lambda: gpu.read(-1, 1), lambda: gpu.view(np.uint8, 5, 12284)):
        with pytest.raises(ValueError, match="not inside"):
            bad()
    start = gpu.start
    gpu.close()
    gpu.close()
    assert not gpu.alive and memory()[start + 5] == 0, "what a closed region held is gone"
    with pytest.raises(ValueError, match="closed"):
        gpu.octets[0] = 1
    host.close()


def test_regions_never_overlap_and_are_reused():
    made = [Region(size) for size in (4096, 1 << 22, 12288, 4096)]
    spans = sorted((r.start, r.start + r.length) for r in made)
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:]))
    gone = made.pop(0)
    start = gone.start
    gone.close()
    again = Region(4096)
    assert again.start <= start
    for region in (*made, again):
        region.close()


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no memfd on this system")
def test_device_memory_is_a_file_that_others_can_map():
    gpu = DeviceMemory(8192)
    gpu.octets[100] = 42
    assert os.pread(gpu.fd, 1, 100) == b"\x2a"
    os.pwrite(gpu.fd, b"\x07", 101)
    assert gpu.octets[101] == 7
    gpu.close()


def test_no_room_says_so():
    with pytest.raises(MemoryError, match="close regions"):
        Region(len(memory()) + 1)
    with pytest.raises(ValueError, match="at least one byte"):
        Region(0)


BIG = """
import resource
from devmemlab.mem.mem import Mem
from devmemlab.mem.page_pool import PROVIDER_DMABUF
from devmemlab.mem.region import DeviceMemory
def rss():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize() >> 20
mem = Mem("{profile}", pages_bytes="16MiB")
warm = mem.bind(2, mem.export(DeviceMemory(1 << 20)))
params = dict(pp_flags=11, dma_dir=2, max_len=4096, provider=PROVIDER_DMABUF)
pool = mem.page_pool_create(mp_priv=warm, **params)
mem.put(pool, mem.alloc(pool))
before = rss()
binding = mem.bind(2, mem.export(DeviceMemory("64GiB")))
pool = mem.page_pool_create(mp_priv=binding, **params)
netmems = [mem.alloc(pool) for _ in range(1000)]
assert len(set(netmems)) == 1000 and 0 not in netmems
for netmem in netmems:
    mem.put(pool, netmem)
assert mem.providers.binding[binding].niov_count == 16 << 20
assert mem.destroy(pool) == 0
mem.unbind(binding)
mem.run_work(0)
print(rss() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/statm")
@pytest.mark.parametrize("profile", ["6.18", "next"])
def test_64_gib_of_device_memory_cost_what_is_touched(profile):
    if len(memory()) < 1 << 37:
        pytest.skip("the system granted less than 128 GiB of address space")
    done = subprocess.run([sys.executable, "-c", BIG.format(profile=profile)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 100, f"{done.stdout} MiB"


def test_ranges_merge_when_they_come_back():
    ranges = Ranges(1, 100)
    a, b, c = ranges.take(10), ranges.take(20), ranges.take(5, align=16)
    assert (a, b, c) == (1, 11, 32)
    assert ranges.take(80) is None
    ranges.give(a, 10)
    ranges.give(c, 5)
    ranges.give(b, 20)
    assert ranges.free == [(1, 100)]
    ranges.extend(200)
    assert ranges.take(199) == 1 and ranges.free == []


def test_the_ledger_counts_what_crosses():
    ledger = ledgers.make_ledger()
    assert list(ledgers.STAGES) == list(ledgers.NAMES)
    assert all(getattr(ledgers, name) == row for row, name in enumerate(ledgers.NAMES))
    ledgers.ledger_add(ledger, ledgers.DMA_DEVICE, 4096)
    ledgers.ledger_add(ledger, ledgers.DMA_HEADER, 66)
    ledgers.ledger_add(ledger, ledgers.DEVICE_READ, 4096)
    assert ledgers.copied_per_payload(ledger, 4096) == 1.0, "headers and reading in place are no copies of payload"
    ledgers.ledger_add(ledger, ledgers.HOST_TO_DEVICE, 2048)
    assert ledgers.copied_per_payload(ledger, 4096) == 1.5
    assert ledgers.copied_per_payload(ledger, 0) == 0.0
    assert [row["stage"] for row in ledgers.rows(ledger)] == ["DMA_HEADER", "DMA_DEVICE", "HOST_TO_DEVICE", "DEVICE_READ"]


@pytest.mark.parametrize("text, nbytes", [
    (0, 0), (np.int64(7), 7), ("2000", 2000), ("64MiB", 64 << 20), (" 1.5 GiB ", 3 << 29), ("10kB", 10_000), ("3 b", 3),
    ("2TiB", 2 << 40)])
def test_sizes(text, nbytes):
    assert parse_size(text) == nbytes


@pytest.mark.parametrize("text", ["", "MiB", "5 parsecs", "0.3", "1e3", "-4", -4, 2.5, True, None])
def test_no_sizes(text):
    with pytest.raises(ValueError, match="size|whole"):
        parse_size(text)


def test_sizes_are_spelled():
    assert [format_size(n) for n in (7, 64 << 20, 3 << 29, 1 << 40)] == ["7 B", "64 MiB", "1.5 GiB", "1 TiB"]


def test_profiles_differ_where_the_specification_says():
    p = profiles.PROFILES
    assert set(p) == {"v9", "6.12", "6.18", "7.3", "next"} and profiles.profile().name == "6.18"
    assert [q.allocator for q in p.values()] == ["gen_pool"] * 4 + ["lifo"]
    assert [q.batch for q in p.values()] == [1, 1, 1, 1, 64]
    assert [q.binding_ref for q in p.values()] == ["niov"] + ["pool"] * 4
    assert [q.dma_sync for q in p.values()] == ["refused"] * 2 + ["required"] * 3
    assert [q.id_order for q in p.values()] == ["early"] * 2 + ["late"] * 3
    assert [q.udmabuf_cap_bytes for q in p.values()] == [64 << 20] * 3 + [0] * 2
    assert profiles.profile("7.3", page_pool_stats=False).page_pool_stats is False
    assert profiles.profile(p["v9"]) == p["v9"]
    with pytest.raises(ValueError, match="v9, 6.12, 6.18, 7.3, next"):
        profiles.profile("5.4")
    with pytest.raises(ValueError, match="no field 'colour'"):
        profiles.profile("6.18", colour=1)


def test_a_region_nobody_holds_gives_its_range_back():
    space = the_space()
    before = int(space.region["alive"].sum())
    for _ in range(64):                               # 64 x 64 GiB do not fit into any address space here at once
        memory_of_a_cell = DeviceMemory("64GiB")
        memory_of_a_cell.octets[:4] = 7
    del memory_of_a_cell
    gc.collect()
    assert int(space.region["alive"].sum()) <= before


def test_a_view_keeps_its_region():
    view = DeviceMemory("64KiB").view(np.int64, 8)
    gc.collect()
    others = [DeviceMemory("64KiB") for _ in range(8)]
    view[:] = 5
    assert all(not other.octets.any() for other in others) and (view == 5).all()


def test_the_collector_may_come_while_a_range_is_being_taken():
    space = Space()

    class Interrupted(list):
        """A free list in whose middle the collector finds a region that nobody holds any more."""

        def __iter__(self):
            for item in list.__iter__(self):
                while doomed:
                    start, row = doomed.pop()
                    space.give(row, start, PAGE_SIZE)
                yield item

    doomed = [space.take(PAGE_SIZE)]
    first = doomed[0]
    space.ranges.free = Interrupted(space.ranges.free)
    places = [space.take(size) for size in (2 * PAGE_SIZE, PAGE_SIZE, 3 * PAGE_SIZE)]
    assert not doomed and places[1] == first, "what came back meanwhile is there for the next one"
    spans = sorted((start, start + size) for (start, _), size in zip(places, (2 * PAGE_SIZE, PAGE_SIZE, 3 * PAGE_SIZE)))
    assert all(one[1] <= other[0] for one, other in zip(spans, spans[1:])), "two regions share memory"


def test_hosts_nobody_holds_make_room_when_it_is_needed():
    gc.disable()
    try:
        for _ in range(40):
            mem = Mem(profiles.profile("6.18"), pages_bytes=len(the_space().octets) >> 5)
            mem.itself = mem                          # a cycle, as a host and its lab are
    finally:
        gc.enable()
    assert mem.page_pool_create(pool_size=64) >= 0
    mem.close()
