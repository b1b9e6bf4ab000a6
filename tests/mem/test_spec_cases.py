"""Behavioural cases 22 to 33 of the specification, by number, and the worked trace of section 25.4."""

import pytest

from devmemlab.base.errno import E2BIG, EINVAL, EOPNOTSUPP
from devmemlab.base.ring import Rings, make_rings, ring_consume, ring_count, ring_init, ring_produce
from devmemlab.base.trace import events, make_trace
from devmemlab.mem.dmabuf import FROM_DEVICE, TO_DEVICE
from devmemlab.mem.netmem import netmem_get_pp_ref
from devmemlab.mem.page_pool import (
    PP_FLAG_ALLOW_UNREADABLE_NETMEM,
    PP_FLAG_DMA_MAP,
    PP_FLAG_DMA_SYNC_DEV,
    PROVIDER_DMABUF,
    page_pool_return_netmem,
)
from devmemlab.mem.region import DeviceMemory
from tests.mem.kit import DEVMEM, SECOND, cached, devmem_pool, offsets, refused, scattered, small_mem


def contiguous(mem, pages):
    return mem.bind(2, mem.export(DeviceMemory(pages * 4096)))


def take(mem, pool, count):
    return [mem.alloc(pool) for _ in range(count)]


def test_case_22_one_segment_is_handed_out_upwards():
    mem = small_mem()
    pool = devmem_pool(mem, contiguous(mem, 4))
    netmems = take(mem, pool, 5)
    assert offsets(mem, *netmems[:4]) == [0, 4096, 8192, 12288]
    assert netmems[4] == 0


def test_case_23_the_last_segment_goes_first():
    mem = small_mem()
    pool = devmem_pool(mem, scattered(mem, 4096, 4096, 4096, 4096))
    assert offsets(mem, *take(mem, pool, 4)) == [12288, 8192, 4096, 0]


def test_case_23_udmabuf_descends_page_by_page():
    mem = small_mem()
    pool = devmem_pool(mem, mem.bind(2, mem.udmabuf(16384)))
    assert offsets(mem, *take(mem, pool, 4)) == [12288, 8192, 4096, 0]
    assert mem.alloc(pool) == 0
    merged = devmem_pool(mem, mem.bind(2, mem.udmabuf(16384, merged=True)))
    assert offsets(mem, *take(mem, merged, 4)) == [0, 4096, 8192, 12288]


@pytest.mark.parametrize("lengths", [(16384,), (4096,) * 4], ids=["one segment", "four segments"])
def test_case_23_newest_batches_ascend(lengths):
    mem = small_mem("next")
    pool = devmem_pool(mem, scattered(mem, *lengths))
    assert offsets(mem, *take(mem, pool, 4)) == [0, 4096, 8192, 12288]
    assert mem.alloc(pool) == 0


def test_case_23_newest_hundred():
    mem = small_mem("next")
    pool = devmem_pool(mem, contiguous(mem, 100))
    first = mem.alloc(pool)
    assert offsets(mem, first) == [36 * 4096]
    assert mem.pools.ctl[pool].cache_count == 63
    rest = [offset // 4096 for offset in offsets(mem, *take(mem, pool, 99))]
    assert rest == [*range(37, 100), *range(36)]
    assert mem.alloc(pool) == 0


def test_case_24_address_zero_loses_its_first_net_iov():
    mem = small_mem()
    binding = mem.bind(2, mem.export([(0, 3 * 4096)]))
    pool = devmem_pool(mem, binding)
    assert mem.alloc(pool) == 0
    assert offsets(mem, *take(mem, pool, 2)) == [4096, 8192]
    assert mem.alloc(pool) == 0
    mem.audit()


def test_case_25_a_devmem_pool_must_sync_and_match_the_order():
    mem = small_mem()
    binding = contiguous(mem, 4)
    with refused(EOPNOTSUPP):
        devmem_pool(mem, binding, pp_flags=PP_FLAG_DMA_MAP | PP_FLAG_ALLOW_UNREADABLE_NETMEM)
    with refused(EOPNOTSUPP):
        devmem_pool(mem, binding, pp_flags=PP_FLAG_ALLOW_UNREADABLE_NETMEM)
    with refused(E2BIG):
        devmem_pool(mem, binding, order=1)
    assert mem.providers.binding[binding].ref == 1


@pytest.mark.parametrize("release", ["v9", "6.12"])
def test_case_25_old_releases_refuse_syncing(release):
    mem = small_mem(release)
    binding = contiguous(mem, 4)
    with refused(EOPNOTSUPP):
        devmem_pool(mem, binding, pp_flags=DEVMEM & mem.profile.pp_flags)
    assert mem.alloc(devmem_pool(mem, binding, pp_flags=PP_FLAG_DMA_MAP)) & 1


def test_case_26_parameters():
    mem = small_mem()
    for params in (
        {"pp_flags": 16},
        {"pp_flags": PP_FLAG_DMA_SYNC_DEV, "max_len": 4096},
        {"pp_flags": PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV, "dma_dir": FROM_DEVICE, "max_len": 0},
        {"pp_flags": PP_FLAG_DMA_MAP, "dma_dir": TO_DEVICE},
    ):
        with refused(EINVAL):
            mem.page_pool_create(**params)
    assert mem.pools.common[0].alive == 0


def test_case_27_a_fresh_devmem_pool():
    mem = small_mem()
    pool = devmem_pool(mem, contiguous(mem, 4))
    first = mem.alloc(pool)
    mem.put(pool, first, direct=True)
    assert mem.alloc(pool) == first
    stats = mem.pool_stats(pool)
    assert {name: count for name, count in stats.items() if count} == {"empty": 1, "cached": 1, "fast": 1}
    assert stats["slow"] == 0


def test_case_28_refill_takes_64():
    mem = small_mem()
    pool = devmem_pool(mem, contiguous(mem, 100))
    for netmem in take(mem, pool, 100):
        mem.put(pool, netmem)
    assert ring_count(mem.pools.ring, pool) == 100
    mem.alloc(pool)
    assert mem.pool_stats(pool)["refill"] == 1
    assert mem.pools.ctl[pool].cache_count == 63
    assert ring_count(mem.pools.ring, pool) == 36


def test_case_29_a_full_cache_overflows_into_the_ring():
    mem = small_mem()
    pool = devmem_pool(mem, contiguous(mem, 129))
    for netmem in take(mem, pool, 129):
        mem.put(pool, netmem, direct=True)
    stats = mem.pool_stats(pool)
    assert (stats["cached"], stats["cache_full"], stats["ring"]) == (128, 1, 1)


def test_case_30_a_full_ring_opens_sixteen_slots_at_once():
    rings = make_rings(1, 1024)
    assert isinstance(rings, Rings)
    ring_init(rings, 0, 1024)
    assert all(ring_produce(rings, 0, entry) == 0 for entry in range(1, 1025))
    for entry in range(1, 16):
        assert ring_consume(rings, 0) == entry
    assert ring_produce(rings, 0, 2000) < 0
    assert ring_consume(rings, 0) == 16
    assert all(ring_produce(rings, 0, 2000 + i) == 0 for i in range(16))
    assert ring_produce(rings, 0, 3000) < 0


def test_case_30_in_a_pool():
    mem = small_mem()
    pool = devmem_pool(mem, contiguous(mem, 40), pool_size=32)
    netmems = take(mem, pool, 33)
    for netmem in netmems[:32]:
        mem.put(pool, netmem)
    mem.put(pool, netmems[32])
    stats = mem.pool_stats(pool)
    assert (stats["ring"], stats["ring_full"]) == (32, 1)
    assert mem.inflight(pool) == 32


def test_case_31_only_the_last_reference_recycles():
    mem = small_mem()
    pool = devmem_pool(mem, contiguous(mem, 4))
    netmem = mem.alloc(pool)
    netmem_get_pp_ref(mem.netmems, netmem)
    netmem_get_pp_ref(mem.netmems, netmem)
    assert [mem.put(pool, netmem) for _ in range(3)] == [False, False, True]
    assert mem.netmems[netmem >> 1].pp_ref_count == 1
    assert ring_count(mem.pools.ring, pool) == 1


def test_case_32_a_net_iov_with_references_is_not_taken_back():
    mem = small_mem()
    binding = contiguous(mem, 4)
    pool = devmem_pool(mem, binding)
    netmem = mem.alloc(pool)
    netmem_get_pp_ref(mem.netmems, netmem)
    page_pool_return_netmem(mem.pools, mem.netmems, mem.providers, None, pool, netmem)
    own = mem.providers.binding[binding]
    assert (own.warnings, own.leaked) == (1, 1)
    assert offsets(mem, *take(mem, pool, 3)) == [4096, 8192, 12288]
    assert mem.alloc(pool) == 0
    mem.destroy(pool)
    mem.unbind(binding)


def test_case_33_a_pool_waits_for_its_buffers():
    mem = small_mem()
    binding = contiguous(mem, 4)
    pool = devmem_pool(mem, binding, ifindex=2)
    pool_id = int(mem.pools.ctl[pool].id)
    first, second = take(mem, pool, 2)
    mem.unbind(binding)
    assert mem.destroy(pool, now_ns=5 * SECOND) == 2
    reply = mem.page_pool_get(pool_id)
    assert reply["inflight"] == 2 and reply["detach-time"] == 5 and reply["inflight-mem"] == 8192
    assert mem.run_work(6 * SECOND) == 7 * SECOND
    mem.put(pool, first)
    mem.put(pool, second)
    assert mem.page_pool_get(pool_id)["inflight"] == 2, "home only counts when the next retry empties the ring"
    assert mem.run_work(7 * SECOND) is None
    assert mem.page_pool_dump() == []
    assert mem.providers.binding[binding].kind == 0


TRACE = (
    # call, niov, cache, ring, hold, release, counters that stand at this value afterwards
    ("alloc", 0, 0, 0, 1, 0, {"empty": 1}),
    ("alloc", 1, 0, 0, 2, 0, {"empty": 2}),
    ("direct 0", None, 1, 0, 2, 0, {"cached": 1}),
    ("alloc", 0, 0, 0, 2, 0, {"fast": 1}),
    ("put 0", None, 0, 1, 2, 0, {"ring": 1}),
    ("put 1", None, 0, 2, 2, 0, {"ring": 2}),
    ("alloc", 1, 1, 0, 2, 0, {"refill": 1}),
    ("alloc", 0, 0, 0, 2, 0, {"fast": 2}),
    *(("alloc", index, 0, 0, index + 1, 0, {"empty": index + 1}) for index in range(2, 8)),
    ("alloc", None, 0, 0, 8, 0, {"empty": 9}),
)


def test_worked_trace_25_4():
    mem = small_mem()
    binding = contiguous(mem, 8)
    pool = devmem_pool(mem, binding, pool_size=1024)
    first = int(mem.providers.binding[binding].niov_first)
    standing = dict.fromkeys(mem.pool_stats(pool), 0)
    for call, index, cache, ring, hold, release, counters in TRACE:
        if call == "alloc":
            netmem = mem.alloc(pool)
            assert netmem == (0 if index is None else (first + index) << 1 | 1), call
        else:
            mem.put(pool, (first + int(call.split()[1])) << 1 | 1, direct=call.startswith("direct"))
        standing.update(counters)
        ctl = mem.pools.ctl[pool]
        assert (len(cached(mem, pool)), ring_count(mem.pools.ring, pool)) == (cache, ring), call
        assert (ctl.hold_cnt, ctl.release_cnt) == (hold, release), call
        assert mem.pool_stats(pool) == standing, call
        mem.audit()


def test_worked_trace_25_4_as_events():
    mem = small_mem()
    pool = devmem_pool(mem, contiguous(mem, 8))
    trace = make_trace(64)
    first, second = mem.alloc(pool, trace), mem.alloc(pool, trace)
    mem.put(pool, first, True, trace)
    mem.put(pool, second, False, trace)
    names = [event["name"] for event in events(trace)]
    assert names == ["page_pool_empty", "page_pool_state_hold"] * 2 + ["page_pool_recycle"] * 2
    assert [event["hold_cnt"] for event in events(trace, "page_pool_state_hold")] == [1, 2]
    mem.destroy(pool, 0, trace)
    assert [event["release_cnt"] for event in events(trace, "page_pool_state_release")] == [1, 2]
    assert PROVIDER_DMABUF == 1


def test_case_26_a_flag_that_a_release_does_not_know_is_an_unknown_bit():
    """ALLOW_UNREADABLE_NETMEM came after v9: spec section 6.1."""
    for release, known in (("v9", False), ("6.12", True), ("6.18", True)):
        mem = small_mem(release)
        flags = PP_FLAG_DMA_MAP | PP_FLAG_ALLOW_UNREADABLE_NETMEM
        if known:
            assert mem.page_pool_create(pp_flags=flags, dma_dir=FROM_DEVICE) >= 0
        else:
            with refused(EINVAL):
                mem.page_pool_create(pp_flags=flags, dma_dir=FROM_DEVICE)
        mem.close()
