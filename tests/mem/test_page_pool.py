"""page_pool beyond the numbered cases: creation, nodes, fragments, faults, the end of a pool, what can be seen."""

import pytest

from devmemlab.base.errno import E2BIG, EFAULT, EINVAL, ENOENT, ENOMEM, EOPNOTSUPP, ERANGE
from devmemlab.base.ring import ring_count
from devmemlab.mem.dmabuf import BIDIRECTIONAL, FROM_DEVICE, TO_DEVICE
from devmemlab.mem.netmem import (
    NIOV_DMABUF,
    PLACE_CACHE,
    PLACE_PROVIDER,
    PLACE_RING,
    PP_SIGNATURE,
    net_iov_netmem,
    netmem_address,
    netmem_get_pp_ref,
    netmem_is_net_iov,
    netmem_is_pfmemalloc,
    netmem_is_pref_nid,
    netmem_ref_count,
    netmem_row,
    page_netmem,
)
from devmemlab.mem.page_pool import (
    BIAS_MAX,
    LOOPBACK_IFINDEX,
    PP_FLAG_ALL,
    PP_FLAG_DMA_MAP,
    PP_FLAG_DMA_SYNC_DEV,
    PROVIDER_DMABUF,
    page_pool_alloc_frag_netmem,
    page_pool_put_netmem,
    page_pool_put_unrefed_netmem,
    page_pool_release_retry,
    page_pool_unref_netmem,
    page_pool_unreg_netdev,
    page_pool_use_xdp_mem,
)
from devmemlab.mem.pages import get_page, page_alloc, put_page
from devmemlab.mem.pool_stats import SPELLINGS, STAT_NAMES
from devmemlab.mem.provider_table import net_iov_binding, net_iov_binding_id
from devmemlab.mem.region import DeviceMemory, memory
from tests.mem.kit import DEVMEM, SECOND, bulk_put, cached, devmem_pool, refused, small_mem


def on_device(mem, pages=8, **params):
    binding = mem.bind(2, mem.export(DeviceMemory(pages * 4096)))
    return devmem_pool(mem, binding, **params), binding


def test_accessors_of_a_page_and_a_net_iov():
    """Section 5.2, row by row."""
    mem = small_mem()
    pool, binding = on_device(mem)
    niov, page = mem.alloc(pool), mem.alloc(mem.page_pool_create())
    tables = mem.netmems, mem.providers
    assert (netmem_is_net_iov(page), netmem_is_net_iov(niov)) == (0, 1)
    assert page_netmem(netmem_row(page)) == page and net_iov_netmem(netmem_row(niov)) == niov
    assert netmem_address(mem.netmems, niov) == -EFAULT and netmem_address(mem.netmems, 0) == -EFAULT
    assert netmem_address(mem.netmems, page) == mem.netmems[page >> 1].dma_addr
    get_page(mem.netmems, page)
    assert (netmem_ref_count(mem.netmems, page), netmem_ref_count(mem.netmems, niov)) == (2, 1)
    assert netmem_is_pref_nid(mem.netmems, niov, 5) and not netmem_is_pref_nid(mem.netmems, page, 5)
    assert netmem_is_pref_nid(mem.netmems, page, -1) and netmem_is_pref_nid(mem.netmems, page, 0)
    assert not netmem_is_pfmemalloc(mem.netmems, niov) and not netmem_is_pfmemalloc(mem.netmems, page)
    row = mem.netmems[niov >> 1]
    assert (row.pp_magic, row.pp, row.pp_ref_count, row.niov_type) == (PP_SIGNATURE, pool + 1, 1, NIOV_DMABUF)
    assert net_iov_binding_id(*tables, niov) == mem.providers.binding[binding].id
    assert (net_iov_binding(*tables, niov), net_iov_binding(*tables, page)) == (binding, 0)
    put_page(mem.netmems, mem.providers, page)


def test_the_host_cannot_read_device_memory():
    mem = small_mem()
    pool, _ = on_device(mem)
    with refused(EFAULT):
        mem.octets(mem.alloc(pool))
    with refused(EFAULT):
        mem.octets(0)
    page = mem.alloc(mem.page_pool_create(order=1))
    mem.octets(page)[8191] = 3
    assert memory()[mem.netmems[page >> 1].dma_addr + 8191] == 3


def test_places():
    mem = small_mem()
    pool, _ = on_device(mem)
    netmem = mem.alloc(pool)
    place = lambda: mem.netmems[netmem >> 1].place          # noqa: E731
    mem.put(pool, netmem)
    assert place() == PLACE_RING
    assert mem.alloc(pool) == netmem and place() == PLACE_CACHE
    mem.put(pool, netmem, direct=True)
    assert place() == PLACE_CACHE
    mem.destroy(pool)
    assert place() == PLACE_PROVIDER and mem.netmems[netmem >> 1].pp_magic == 0


@pytest.mark.parametrize("params, answer", [
    ({"pp_flags": PP_FLAG_ALL + 1, "pool_size": 1 << 20}, EINVAL), ({"pp_flags": -1}, EINVAL),
    ({"pp_flags": PP_FLAG_DMA_MAP, "dma_dir": FROM_DEVICE}, None),
    ({"pp_flags": PP_FLAG_DMA_MAP, "dma_dir": BIDIRECTIONAL}, None),
    ({"pp_flags": PP_FLAG_DMA_MAP, "dma_dir": TO_DEVICE}, EINVAL), ({"pp_flags": PP_FLAG_DMA_MAP, "dma_dir": 3}, EINVAL),
    ({"pp_flags": PP_FLAG_DMA_SYNC_DEV, "max_len": 1}, EINVAL),
    ({"pp_flags": DEVMEM, "dma_dir": FROM_DEVICE, "max_len": 1}, None), ({"order": -1}, EINVAL), ({"pool_size": -5}, EINVAL),
    ({"pp_flags": DEVMEM, "dma_dir": FROM_DEVICE, "max_len": 1, "provider": 4}, EFAULT),
    ({"pp_flags": DEVMEM, "dma_dir": FROM_DEVICE, "max_len": 1, "provider": PROVIDER_DMABUF, "mp_priv": 0}, EINVAL),
    ({"pp_flags": DEVMEM, "dma_dir": FROM_DEVICE, "max_len": 1, "provider": PROVIDER_DMABUF, "mp_priv": 77}, EINVAL),
    ({"pp_flags": PP_FLAG_DMA_MAP, "dma_dir": FROM_DEVICE, "provider": PROVIDER_DMABUF, "mp_priv": 1}, None),
])
def test_creation(params, answer):
    mem = small_mem()
    if answer is None:
        pool = mem.page_pool_create(**params)
        assert not mem.alloc(pool) & 1, "a pool that does not allow unreadable memory, or has no provider, is readable"
    else:
        with refused(answer):
            mem.page_pool_create(**params)


@pytest.mark.parametrize("release, asked, got", [
    ("6.18", 0, 1024), ("6.18", 5000, 5000), ("6.18", 40000, 16384), ("6.12", 20000, 20000), ("6.12", 32769, E2BIG)])
def test_ring_sizes(release, asked, got):
    mem = small_mem(release)
    if got == E2BIG:
        with refused(E2BIG):
            mem.page_pool_create(pool_size=asked)
    else:
        assert mem.pools.ctl[mem.page_pool_create(pool_size=asked)].pool_size == got


def test_ids_are_cyclic_and_rows_are_reused():
    mem = small_mem()
    first, second = mem.page_pool_create(), mem.page_pool_create()
    mem.destroy(first)
    third = mem.page_pool_create()
    assert third == first and mem.pools.ctl[third].id == 3
    mem.pools.common[0].last_id = 0xFFFFFFFF
    assert mem.pools.ctl[mem.page_pool_create()].id == 1
    assert mem.pools.ctl[mem.page_pool_create()].id == 4, "2 and 3 are in use"
    assert second != third
    with pytest.raises(ValueError, match="no parameter 'colour'"):
        mem.page_pool_create(colour=1)


def test_more_pools_than_rows():
    mem = small_mem()
    mem.pools = mem.pools._replace(ctl=mem.pools.ctl[:2], cache=mem.pools.cache[:2])
    made = [mem.page_pool_create() for _ in range(5)]
    assert made == [0, 1, 2, 3, 4] and all(mem.alloc(pool) for pool in made)
    mem.audit()


def test_pages_come_in_bulk_and_the_last_one_first():
    mem = small_mem()
    pool = mem.page_pool_create()
    netmem = mem.alloc(pool)
    assert mem.pools.ctl[pool].cache_count == 63 and mem.pool_stats(pool)["slow"] == 1 and mem.inflight(pool) == 64
    assert netmem == cached(mem, pool)[-1] + 2
    big = mem.page_pool_create(order=2)
    assert mem.netmems[mem.alloc(big) >> 1].dma_addr % 16384 == 0
    assert mem.pool_stats(big)["slow_high_order"] == 1 and mem.pools.ctl[big].cache_count == 0


def test_pages_run_out_and_settle_brings_more():
    mem = small_mem(pages="1MiB")
    pool = mem.page_pool_create()
    got = [mem.alloc(pool) for _ in range(257)]
    assert all(got[:256]) and got[256] == 0 and mem.pool_stats(pool)["slow"] == 4
    mem.settle()
    assert mem.alloc(pool)
    assert page_alloc(mem.netmems, mem.providers, 99) == 0 and page_alloc(mem.netmems, mem.providers, 10) == 0


def test_a_page_with_other_references_leaves_the_pool():
    mem = small_mem()
    pool = mem.page_pool_create()
    page = mem.alloc(pool)
    get_page(mem.netmems, page)
    mem.put(pool, page, direct=True)
    assert mem.pool_stats(pool)["released_refcnt"] == 1 and mem.inflight(pool) == 63
    assert mem.netmems[page >> 1].pp == 0 and mem.providers.pages[0].out == 64
    assert put_page(mem.netmems, mem.providers, page) == 1
    assert mem.providers.pages[0].out == 63
    mem.audit()


def test_pages_from_the_reserves_are_not_kept():
    mem = small_mem()
    mem.providers.pages[0].pressure = 1
    pool = mem.page_pool_create()
    page = mem.alloc(pool)
    assert netmem_is_pfmemalloc(mem.netmems, page)
    mem.put(pool, page, direct=True)
    assert mem.pool_stats(pool)["released_refcnt"] == 1
    mem.audit()


def test_a_page_on_another_node_is_waived():
    mem = small_mem()
    pool = mem.page_pool_create(nid=0, pool_size=256)
    mem.providers.pages[0].node = 1
    netmems = [mem.alloc(pool) for _ in range(64)]
    for netmem in netmems:
        mem.put(pool, netmem)
    mem.alloc(pool)
    stats = mem.pool_stats(pool)
    assert (stats["waive"], stats["refill"], stats["slow"]) == (1, 0, 2), "one is released and the slow path follows"
    assert ring_count(mem.pools.ring, pool) == 63


def test_wrong_puts_are_refused():
    mem = small_mem()
    pool, _ = on_device(mem)
    other = mem.page_pool_create()
    netmem = mem.alloc(pool)
    for wrong in (0, netmem):
        with refused(EINVAL):
            mem.put(other, wrong)
    mem.netmems[netmem >> 1].pp_ref_count = 0
    with refused(EINVAL):
        mem.put(pool, netmem)
    assert page_pool_unref_netmem(mem.netmems, netmem, 1) == -EINVAL


def test_bulk_overflow_is_counted_once_a_group():
    """Quirk Q11, with two pools mixed in one call."""
    mem = small_mem()
    one, _ = on_device(mem, 64, pool_size=4)
    two = mem.page_pool_create(pool_size=64)
    mixed = [mem.alloc(pool) for _ in range(8) for pool in (one, two)]
    netmem_get_pp_ref(mem.netmems, mixed[0])
    assert bulk_put(mem, mixed) == 15, "the first still has a reference"
    stats = mem.pool_stats(one)
    assert (stats["ring"], stats["ring_full"], stats["cached"]) == (4, 1, 0)
    assert mem.inflight(one) == 5
    assert mem.pool_stats(two)["ring"] == 8
    assert bulk_put(mem, []) == 0
    many = [mem.alloc(one) for _ in range(40)]
    assert bulk_put(mem, many) == 40
    assert mem.pool_stats(one)["ring_full"] == 1 + 3, "40 buffers travel as 16, 16 and 8"
    mem.audit()


def test_fragments():
    mem = small_mem()
    pool = mem.page_pool_create()
    parts = [mem.alloc_part(pool, 1000) for _ in range(4)]
    page = parts[0][0]
    assert parts == [(page, 0, 1000), (page, 1000, 1000), (page, 2000, 1000), (page, 3000, 1096)]
    assert mem.netmems[page >> 1].pp_ref_count == BIAS_MAX
    other = mem.alloc_part(pool, 1000)
    assert other[0] != page and mem.netmems[page >> 1].pp_ref_count == 4
    assert [mem.put(pool, page) for _ in range(4)] == [False] * 3 + [True]
    assert mem.alloc_part(pool, 3000)[1:] == (0, 4096), "more than half: a whole buffer"
    assert mem.alloc_part(pool, 2048)[1] == 1000
    assert tuple(page_pool_alloc_frag_netmem(mem.pools, mem.netmems, mem.providers, None, pool, 4097)) == (0, 0)
    mem.audit()


def test_a_drained_buffer_is_cut_anew():
    mem = small_mem()
    pool, _ = on_device(mem, 1)
    netmem = mem.alloc_part(pool, 1500)[0]
    assert mem.alloc_part(pool, 1500) == (netmem, 1500, 4096 - 1500), "no room for a third: the rest comes with it"
    mem.put(pool, netmem)
    mem.put(pool, netmem)
    assert mem.alloc_part(pool, 2048) == (netmem, 0, 2048)
    stats = mem.pool_stats(pool)
    assert (stats["cached"], stats["fast"]) == (1, 1)
    assert mem.alloc_part(pool, 2048) == (netmem, 2048, 2048)
    assert mem.alloc_part(pool, 100) == (0, 0, 0), "still in use, and the provider has no other"
    assert mem.netmems[netmem >> 1].pp_ref_count == 2 and mem.pools.ctl[pool].frag_netmem == 0


def test_fragments_are_aligned_where_the_machine_wants_it():
    mem = small_mem()
    mem.pools.common[0].dma_align = 64
    pool = mem.page_pool_create()
    assert mem.alloc_part(pool, 100)[1] == 0 and mem.alloc_part(pool, 100)[1] == 128


def test_destroy_gives_the_shared_buffer_up():
    mem = small_mem()
    pool, _ = on_device(mem, 4)
    netmem, _, _ = mem.alloc_part(pool, 1000)
    assert mem.destroy(pool) == 1
    mem.put(pool, netmem)
    mem.run_work(SECOND)
    assert mem.pools.common[0].alive == 0
    pool, _ = on_device(mem, 4)
    netmem, _, _ = mem.alloc_part(pool, 1000)
    mem.put(pool, netmem)
    assert mem.destroy(pool) == 0


def test_injected_faults():
    mem = small_mem()
    pool, _ = on_device(mem, 8)
    mem.fail_alloc(pool, interval=3)
    got = [mem.alloc(pool) for _ in range(6)]
    assert [bool(netmem) for netmem in got] == [True, True, False] * 2 and mem.pools.ctl[pool].fault_hits == 2
    for netmem in filter(None, got):
        mem.put(pool, netmem, direct=True)
    mem.fail_alloc(pool, interval=1, times=2)
    assert [bool(mem.alloc(pool)) for _ in range(4)] == [False, False, True, True], "a full cache does not help"
    assert mem.pool_stats(pool)["fast"] == 2 and mem.pools.ctl[pool].cache_floor == 0
    mem.fail_alloc(pool)
    assert mem.alloc(pool) == 0
    mem.fail_alloc(pool, interval=0)
    assert mem.alloc(pool)
    pages = mem.page_pool_create(pp_flags=PP_FLAG_DMA_MAP, dma_dir=FROM_DEVICE)
    mem.fail_map(pages, interval=2)
    assert mem.alloc(pages) and mem.inflight(pages) == 32 and mem.pool_stats(pages)["slow"] == 1
    big = mem.page_pool_create(pp_flags=PP_FLAG_DMA_MAP, dma_dir=FROM_DEVICE, order=1)
    mem.fail_map(big, interval=1)
    assert mem.alloc(big) == 0 and mem.pool_stats(big)["slow_high_order"] == 0
    mem.audit()


def test_faults_between_hits():
    mem = small_mem()
    pool = mem.page_pool_create()
    mem.put(pool, mem.alloc(pool), direct=True)
    mem.fail_alloc(pool, interval=2)
    assert [bool(mem.alloc(pool)) for _ in range(4)] == [True, False, True, False] and mem.pool_stats(pool)["fast"] == 2


def test_a_drained_page_with_other_references_goes_home():
    mem = small_mem()
    pool = mem.page_pool_create()
    page = mem.alloc_part(pool, 1500)[0]
    get_page(mem.netmems, page)
    mem.put(pool, page)
    assert mem.alloc_part(pool, 2000)[:2] == (page, 1500)
    mem.put(pool, page)
    other = mem.alloc_part(pool, 2000)[0]
    assert other != page and mem.netmems[page >> 1].pp == 0 and mem.inflight(pool) == 63
    put_page(mem.netmems, mem.providers, page)
    mem.audit()


def test_recycling_a_buffer_whose_references_were_counted_elsewhere():
    mem = small_mem()
    pool, _ = on_device(mem, 140)
    netmems = [mem.alloc(pool) for _ in range(130)]
    for netmem in netmems[:129]:
        assert page_pool_unref_netmem(mem.netmems, netmem, 1) == 0
        page_pool_put_unrefed_netmem(mem.pools, mem.netmems, mem.providers, None, pool, netmem, 1)
    page_pool_put_unrefed_netmem(mem.pools, mem.netmems, mem.providers, None, pool, netmems[129], 0)
    stats = mem.pool_stats(pool)
    assert (stats["cached"], stats["cache_full"], stats["ring"]) == (128, 1, 2)
    mem.audit()


def test_destroy_twice_and_xdp():
    mem = small_mem()
    pool = mem.page_pool_create()
    page_pool_use_xdp_mem(mem.pools, pool)
    mem.destroy(pool)
    assert mem.pools.ctl[pool].alive == 1 and mem.alloc(pool), "XDP still uses it"
    mem.put(pool, cached(mem, pool)[0] + 126, direct=True)
    mem.destroy(pool)
    assert mem.pools.ctl[pool].alive == 0
    for wrong in (pool, -1, 10**6):
        with refused(EINVAL):
            mem.destroy(wrong)
    waiting = mem.page_pool_create()
    mem.alloc(waiting)
    mem.destroy(waiting)
    with refused(EINVAL):
        mem.destroy(waiting)


def test_a_destroyed_pool_keeps_nothing_in_its_cache():
    mem = small_mem()
    pool, _ = on_device(mem)
    first, second = mem.alloc(pool), mem.alloc(pool)
    mem.destroy(pool)
    mem.put(pool, first, direct=True)
    stats = mem.pool_stats(pool)
    assert (stats["cached"], stats["cache_full"], stats["ring"]) == (0, 0, 1)
    mem.run_work(SECOND)
    assert mem.inflight(pool) == 1
    mem.put(pool, second)
    mem.run_work(2 * SECOND)
    assert mem.pools.ctl[pool].alive == 0


def test_retries_and_the_stalled_warning():
    mem = small_mem()
    hidden, shown = mem.page_pool_create(), mem.page_pool_create(ifindex=3)
    lost = [(pool, mem.alloc(pool)) for pool in (hidden, shown)]
    for pool in (hidden, shown):
        assert mem.destroy(pool, 0) == 1
    assert page_pool_release_retry(mem.pools, mem.netmems, mem.providers, None, mem.page_pool_create(), 0) == -EINVAL
    at, runs = 0, 0
    while at < 150 * SECOND:
        at = mem.run_work(at)
        runs += 1
    assert runs == 150
    assert mem.pools.ctl[hidden].warnings == 2 and mem.pools.ctl[shown].warnings == 0
    assert len(mem.log) == 2 and "1 inflight 60 sec" in mem.log[0] and "1 inflight 120 sec" in mem.log[1]
    for pool, netmem in lost:
        mem.put(pool, netmem)
    assert mem.run_work(at) is None


def test_negative_inflight_is_given_up():
    mem = small_mem()
    pool = mem.page_pool_create(ifindex=2)
    mem.alloc(pool)
    mem.pools.ctl[pool].release_cnt = 3
    assert mem.destroy(pool) < 0
    assert mem.run_work(SECOND) is None and mem.pools.ctl[pool].alive == 1
    assert mem.page_pool_dump()[0]["inflight"] == 0, "a bug is not shown to users"


def test_counters_wrap():
    mem = small_mem()
    pool, _ = on_device(mem)
    ctl = mem.pools.ctl[pool]
    ctl.hold_cnt = ctl.release_cnt = 0xFFFFFFFE
    netmems = [mem.alloc(pool) for _ in range(4)]
    assert ctl.hold_cnt == 2 and mem.inflight(pool) == 4
    for netmem in netmems:
        mem.put(pool, netmem)
    assert mem.destroy(pool) == 0


def test_statistics_have_three_names_and_an_id():
    mem = small_mem()
    pool, _ = on_device(mem, ifindex=2)
    mem.put(pool, mem.alloc(pool), direct=True)
    assert [len(set(name[i] for name in STAT_NAMES.values())) for i in range(4)] == [11] * 4
    assert sorted(mem.pool_stats(pool, "id")) == list(range(8, 19))
    values = {spelling: list(mem.pool_stats(pool, spelling).values()) for spelling in SPELLINGS}
    assert len({tuple(v) for v in values.values()}) == 1
    assert mem.pool_stats(pool, "ethtool")["rx_pp_recycle_cached"] == 1
    assert mem.pool_stats(pool, "netlink")["recycle-cached"] == 1 and mem.pool_stats(pool)["cached"] == 1
    second, _ = on_device(mem, ifindex=2)
    mem.put(second, mem.alloc(second), direct=True)
    assert mem.ethtool_stats(2)["rx_pp_recycle_cached"] == 2 and mem.ethtool_stats(3)["rx_pp_recycle_cached"] == 0
    with pytest.raises(ValueError, match="struct, ethtool, netlink, id"):
        mem.pool_stats(pool, "latin")


def test_statistics_over_netlink():
    mem = small_mem("6.18")
    pool = mem.page_pool_create(ifindex=2)
    mem.alloc(pool)
    pool_id = int(mem.pools.ctl[pool].id)
    assert mem.page_pool_stats_get({"id": pool_id})["alloc-slow"] == 1
    for info in ({}, None, {"id": pool_id, "ifindex": 2}):
        with refused(EINVAL):
            mem.page_pool_stats_get(info)
    with refused(ENOENT):
        mem.page_pool_stats_get({"id": 99})
    without = small_mem("6.12")
    with refused(EOPNOTSUPP):
        without.page_pool_stats_get({"id": 1})
    assert without.ethtool_stats(2) == {}


def test_dumps():
    mem = small_mem()
    pool, binding = on_device(mem, ifindex=7, napi=33)
    mem.page_pool_create()
    plain = mem.page_pool_create(ifindex=8, order=1)
    mem.alloc(pool)
    mem.alloc(plain)
    dmabuf_id = int(mem.providers.binding[binding].id)
    assert mem.page_pool_dump() == [
        {"id": 1, "ifindex": 7, "napi-id": 33, "inflight": 1, "inflight-mem": 4096, "dmabuf": dmabuf_id},
        {"id": 3, "ifindex": 8, "inflight": 1, "inflight-mem": 8192},
    ]
    page_pool_unreg_netdev(mem.pools, 7)
    assert "ifindex" not in mem.page_pool_get(1) and mem.pools.ctl[pool].ifindex == LOOPBACK_IFINDEX
    with refused(ERANGE):
        mem.page_pool_get(0)
    for hidden in (2, 99):
        with refused(ENOENT):
            mem.page_pool_get(hidden)
    old = small_mem("v9")
    hidden_id = devmem_pool(old, old.bind(2, old.udmabuf(4096)), ifindex=2)
    assert "dmabuf" not in old.page_pool_get(int(old.pools.ctl[hidden_id].id))


def test_old_releases_adopt_a_provider_without_the_flag():
    for release, unreadable in (("v9", 1), ("6.12", 1), ("6.18", 0)):
        mem = small_mem(release)
        binding = mem.bind(2, mem.udmabuf(4096))
        flags = PP_FLAG_DMA_MAP | (PP_FLAG_DMA_SYNC_DEV if release == "6.18" else 0)
        assert mem.alloc(devmem_pool(mem, binding, pp_flags=flags)) & 1 == unreadable


def test_rings_longer_than_the_table():
    mem = small_mem()
    mem.pools.ring.slot.shape
    mem.pools = mem.pools._replace(ring=mem.pools.ring._replace(slot=mem.pools.ring.slot[:, :64]))
    with refused(ENOMEM):
        mem.page_pool_create(pool_size=65)
    assert page_pool_put_netmem(mem.pools, mem.netmems, mem.providers, None, 0, 0, 1) == -EINVAL


@pytest.mark.once
def test_what_is_no_pool_and_no_handle_is_refused_before_a_kernel_sees_it():
    mem = small_mem()
    pool, gone = mem.page_pool_create(), mem.page_pool_create()
    netmem = mem.alloc(pool)
    mem.destroy(gone)
    for wrong in (gone, -1, len(mem.pools.ctl), 1 << 40):
        for call in (mem.alloc, mem.inflight, mem.pool_stats, mem.fail_alloc, mem.fail_map):
            with refused(EINVAL):
                call(wrong)
        with refused(EINVAL):
            mem.alloc_part(wrong, 100)
        with refused(EINVAL):
            mem.put(wrong, netmem)
    for wrong in (0, 1, -2, len(mem.netmems) << 1, 1 << 50):
        with refused(EINVAL):
            mem.put(pool, wrong)
        with refused(EFAULT):
            mem.octets(wrong)
    for length in (0, -1):
        with refused(EINVAL):
            mem.alloc_part(pool, length)
    assert mem.put(pool, netmem)
    mem.audit()


@pytest.mark.once
@pytest.mark.parametrize("source", [None, object(), [object()], [None]])
def test_what_has_no_octets_is_not_exported(source):
    with refused(EINVAL):
        small_mem().export(source)


@pytest.mark.once
@pytest.mark.parametrize("direction", [-1, BIDIRECTIONAL, 9])
def test_a_binding_receives_or_sends(direction):
    mem = small_mem()
    with refused(EINVAL):
        mem.bind(2, mem.udmabuf(4096), direction=direction)
    assert not mem.providers.binding.kind.any() and not mem.dmabufs.buf.attachments.any()
