"""Providers: an io_uring-like area, and providers written by users, with the kit that judges them."""

import numpy as np
import pytest

from devmemlab.base.errno import E2BIG, EINVAL, ENOSPC, EOPNOTSUPP
from devmemlab.base.kernel import kernel
from devmemlab.base.ring import ring_count
from devmemlab.mem import iouring
from devmemlab.mem.area import zcrx_scrub
from devmemlab.mem.dmabuf import BIDIRECTIONAL
from devmemlab.mem.netmem import NIOV_IOURING
from devmemlab.mem.page_pool import PROVIDER_IOURING, PROVIDER_USER
from devmemlab.mem.provider import provider_release
from devmemlab.mem.provider_kit import check_in_pool, check_operations, check_provider
from devmemlab.mem.region import DeviceMemory
from devmemlab.mem.user_provider import UserProvider
from tests.mem.kit import SECOND, cached, devmem_pool, offsets, refused, small_mem


def area(mem, pages=100, **options):
    return mem.bind(2, mem.export(DeviceMemory(pages * 4096)), provider=PROVIDER_IOURING, **options)


def user_holds(mem, netmem):
    own = mem.providers.binding[mem.providers.chunk[mem.netmems[netmem >> 1].owner].binding]
    return int(mem.providers.words[own.refs_first + (netmem >> 1) - own.niov_first].entry)


def lend(mem, pool, netmem):
    """Deliver a buffer to user space: it gets a reference, the kernel drops its own."""
    iouring.zcrx_get_user_ref(mem.netmems, mem.providers, netmem)
    mem.put(pool, netmem)
    return int(iouring.zcrx_offset(mem.netmems, mem.providers, netmem))


def test_an_area_hands_out_up_to_64_at_once():
    mem = small_mem()
    binding = area(mem)
    pool = devmem_pool(mem, binding)
    first = mem.alloc(pool)
    assert mem.netmems[first >> 1].niov_type == NIOV_IOURING
    assert mem.pools.ctl[pool].cache_count == 63 and mem.inflight(pool) == 64
    assert offsets(mem, first) == [36 * 4096]
    assert mem.pool_stats(pool)["slow"] == 0


def test_what_an_area_demands_of_a_pool():
    mem = small_mem()
    binding = area(mem)
    with refused(EOPNOTSUPP):
        devmem_pool(mem, binding, dma_dir=BIDIRECTIONAL)
    with refused(E2BIG):
        devmem_pool(mem, binding, order=2)
    with refused(EOPNOTSUPP):
        area(small_mem("6.12"))
    for entries in (0, 32769):
        with refused(EINVAL):
            area(mem, rq_entries=entries)
    assert mem.providers.binding[area(mem, rq_entries=100)].rq_entries == 128


def test_buffers_come_back_through_the_refill_ring():
    mem = small_mem()
    binding = area(mem, 4, area_id=3, rq_entries=8)
    pool = devmem_pool(mem, binding)
    netmems = [mem.alloc(pool) for _ in range(4)]
    assert mem.alloc(pool) == 0
    sent = [lend(mem, pool, netmem) for netmem in netmems]
    assert sent == [3 << 48 | offset for offset in offsets(mem, *netmems)]
    assert mem.alloc(pool) == 0, "user space holds them all"
    for offset in (sent[1] + 100, sent[2]):
        assert iouring.zcrx_post_rqe(mem.providers, binding, offset) == 0
    assert mem.alloc(pool) == netmems[2] and cached(mem, pool) == [netmems[1]]
    assert mem.inflight(pool) == 4, "they were held all the time"
    mem.audit()


def test_malformed_entries_are_skipped():
    mem = small_mem()
    binding = area(mem, 4, area_id=1, rq_entries=8)
    pool = devmem_pool(mem, binding)
    netmems = [mem.alloc(pool) for _ in range(4)]
    good = lend(mem, pool, netmems[0])
    elsewhere, outside, not_held, negative = good + (1 << 48), (1 << 48) + (4 << 12), (1 << 48) + (1 << 12), -7
    twice = good
    for offset in (elsewhere, outside, negative, not_held, good, twice):
        assert iouring.zcrx_post_rqe(mem.providers, binding, offset) == 0
    assert mem.alloc(pool) == netmems[0] and cached(mem, pool) == []
    own = mem.providers.binding[binding]
    assert own.rq_head == own.rq_tail == 6
    for _ in range(8):
        assert iouring.zcrx_post_rqe(mem.providers, binding, good) == 0
    assert iouring.zcrx_post_rqe(mem.providers, binding, good) == -ENOSPC
    mem.audit()


def test_a_buffer_lent_twice_needs_two_returns():
    mem = small_mem()
    binding = area(mem, 1, rq_entries=8)
    pool = devmem_pool(mem, binding)
    netmem = mem.alloc(pool)
    iouring.zcrx_get_user_ref(mem.netmems, mem.providers, netmem)
    offset = lend(mem, pool, netmem)
    assert user_holds(mem, netmem) == 2 and mem.netmems[netmem >> 1].pp_ref_count == 2
    iouring.zcrx_post_rqe(mem.providers, binding, offset)
    assert mem.alloc(pool) == 0
    iouring.zcrx_post_rqe(mem.providers, binding, offset)
    assert mem.alloc(pool) == netmem and mem.netmems[netmem >> 1].pp_ref_count == 1


def test_a_buffer_of_an_older_pool_goes_to_its_ring():
    mem = small_mem()
    binding = area(mem, 4)
    old = devmem_pool(mem, binding)
    netmems = [mem.alloc(old) for _ in range(4)]
    offset = lend(mem, old, netmems[0])
    mem.destroy(old)
    young = devmem_pool(mem, binding)
    iouring.zcrx_post_rqe(mem.providers, binding, offset)
    assert mem.alloc(young) == 0
    assert ring_count(mem.pools.ring, old) == 1
    mem.run_work(SECOND)
    assert mem.alloc(young) == netmems[0]
    mem.audit()


def test_an_older_pool_with_a_full_ring_makes_the_refill_wait():
    mem = small_mem()
    binding = area(mem, 8)
    old = devmem_pool(mem, binding, pool_size=2)
    netmems = [mem.alloc(old) for _ in range(8)]
    sent = [lend(mem, old, netmem) for netmem in netmems[:3]]
    mem.destroy(old)
    young = devmem_pool(mem, binding)
    for offset in sent:
        iouring.zcrx_post_rqe(mem.providers, binding, offset)
    own = mem.providers.binding[binding]
    assert mem.alloc(young) == 0 and own.rq_tail - own.rq_head == 1 and user_holds(mem, netmems[2]) == 1
    mem.run_work(SECOND)
    assert mem.alloc(young) and own.rq_tail == own.rq_head
    mem.audit()


def test_scrubbing_takes_everything_from_user_space():
    mem = small_mem()
    binding = area(mem, 8)
    pool = devmem_pool(mem, binding)
    netmems = [mem.alloc(pool) for _ in range(3)]
    for netmem in netmems[:2]:
        lend(mem, pool, netmem)
    mem.unbind(binding)
    assert mem.destroy(pool) == 3
    assert zcrx_scrub(mem.pools, mem.netmems, mem.providers, None, binding) == 2
    assert user_holds(mem, netmems[0]) == 0
    mem.put(pool, netmems[2])
    mem.run_work(SECOND)
    assert mem.providers.binding[binding].kind == 0 and not mem.log
    assert {"io-uring": {}}.items() <= small_reply(small_mem()).items()


def small_reply(mem):
    pool = devmem_pool(mem, area(mem, 1), ifindex=2)
    return mem.page_pool_get(int(mem.pools.ctl[pool].id))


@kernel
def first_fit_init(state, count):
    state[0] = count
    for i in range(count):
        state[1 + i] = 0


@kernel
def first_fit_alloc(state):
    for i in range(state[0]):
        if state[1 + i] == 0:
            state[1 + i] = 1
            return i
    return -1


@kernel
def first_fit_release(state, index):
    state[1 + index] = 0


@kernel
def leaking_release(state, index):
    if index != 3:
        state[1 + index] = 0


@kernel
def forgetful_alloc(state):
    for i in range(state[0]):
        if state[1 + i] == 0:
            if i != 5:
                state[1 + i] = 1
            return i
    return -1


@kernel
def generous_alloc(state):
    for i in range(state[0] + 1):
        if state[1 + i] == 0:
            state[1 + i] = 1
            return i
    return -1


@kernel
def refusing_init(state, count):
    return -12


@kernel
def refusing_release(state, index):
    state[1 + index] = 0
    return -22


@kernel
def counting_destroy(state):
    state[60] += 1


def first_fit(**replaced):
    return UserProvider(**{"alloc": first_fit_alloc, "release": first_fit_release, "init": first_fit_init, **replaced})


def test_a_provider_of_ones_own():
    mem = small_mem()
    binding = mem.bind(2, mem.export(DeviceMemory(8 * 4096)), provider=first_fit())
    pool = devmem_pool(mem, binding)
    netmems = [mem.alloc(pool) for _ in range(9)]
    assert offsets(mem, *netmems[:8]) == [i * 4096 for i in range(8)] and netmems[8] == 0
    mem.put(pool, netmems[5])
    assert mem.alloc(pool) == netmems[5]
    mem.audit()
    for netmem in netmems[:8]:
        mem.put(pool, netmem)
    mem.destroy(pool)
    mem.unbind(binding)
    mem.run_work(0)
    assert mem.providers.binding[binding].kind == 0 and not mem.log


def test_an_allocator_of_ones_own_below_an_ordinary_binding():
    mem = small_mem()
    binding = mem.bind(2, mem.udmabuf(4 * 4096), allocator=first_fit())
    pool = devmem_pool(mem, binding, ifindex=2)
    assert offsets(mem, *[mem.alloc(pool) for _ in range(4)]) == [0, 4096, 8192, 12288]
    assert mem.page_pool_dump()[0]["dmabuf"] == mem.providers.binding[binding].id


def test_init_and_destroy_frame_the_pools():
    mem = small_mem()
    binding = mem.bind(2, mem.udmabuf(4 * 4096), provider=first_fit(destroy=counting_destroy))
    own = mem.providers.binding[binding]
    destroyed = mem.providers.words[own.state_first + 60]
    one = devmem_pool(mem, binding)
    netmem = mem.alloc(one)
    two = devmem_pool(mem, binding)
    assert offsets(mem, mem.alloc(two)) == [4096], "a second pool does not begin anew"
    mem.put(one, netmem)
    mem.destroy(one)
    assert destroyed.entry == 0
    assert mem.destroy(two) == 1
    assert destroyed.entry == 0, "a pool that waits still counts"
    mem.put(two, netmem + 2)
    mem.run_work(SECOND)
    assert destroyed.entry == 1


def test_a_provider_may_refuse_a_pool():
    mem = small_mem()
    binding = mem.bind(2, mem.udmabuf(4096), provider=first_fit(init=refusing_init))
    with refused(12):
        devmem_pool(mem, binding)
    assert mem.providers.binding[binding].ref == 1 and mem.pools.common[0].alive == 0


def test_wrong_answers_are_not_believed():
    mem = small_mem()
    for provider, warned in ((first_fit(alloc=generous_alloc), True), (first_fit(alloc=forgetful_alloc), True),
                             (first_fit(), False)):
        binding = mem.bind(2, mem.udmabuf(8 * 4096), provider=provider)
        pool = devmem_pool(mem, binding)
        got = list(filter(None, (mem.alloc(pool) for _ in range(20))))
        assert len(got) == len(set(got))
        assert bool(mem.providers.binding[binding].warnings) == warned
        assert mem.pools.ctl[pool].provider == PROVIDER_USER


JUDGED = [
    ({}, None), ({"release": leaking_release}, "leak"), ({"alloc": forgetful_alloc}, "double hand-out"),
    ({"alloc": generous_alloc}, "wrong owner"), ({"init": refusing_init}, "refused"), ({"release": refusing_release}, "refused"),
]


@pytest.mark.parametrize("replaced, verdict", JUDGED, ids=[str(verdict) for _, verdict in JUDGED])
def test_the_kit_names_the_fault(replaced, verdict, sizes):
    report = check_provider(small_mem(), first_fit(**replaced), steps=sizes(2000, 400))
    assert [finding.name for finding in report] == ([verdict] if verdict else [])
    assert ("clean" if verdict is None else verdict) in repr(report)


@pytest.mark.parametrize("release", ["v9", "6.18", "next"])
@pytest.mark.parametrize("replaced, verdict", [
    ({}, ""), ({"release": leaking_release}, "leak"), ({"alloc": forgetful_alloc}, "double hand-out or wrong owner"),
    ({"alloc": generous_alloc}, "double hand-out or wrong owner"), ({"init": refusing_init}, "refused")])
def test_the_kit_judges_in_a_pool_too(release, replaced, verdict, sizes):
    mem = small_mem(release)
    report = check_in_pool(mem, first_fit(**replaced), count=30, steps=sizes(600, 200))
    assert verdict in repr(report) and bool(report) == bool(verdict)
    assert check_operations(first_fit(), steps=50) == []


def test_a_page_never_goes_to_a_provider():
    mem = small_mem()
    binding = mem.bind(2, mem.udmabuf(4096))
    page = mem.alloc(mem.page_pool_create())
    assert provider_release(mem.netmems, mem.providers, binding, page) == 0
    assert mem.providers.binding[binding].warnings == 1
    other = mem.bind(2, mem.udmabuf(4096))
    netmem = mem.alloc(devmem_pool(mem, other))
    assert provider_release(mem.netmems, mem.providers, binding, netmem) == 0, "another binding's"
    assert mem.providers.binding[binding].leaked == 1
    assert np.count_nonzero(mem.providers.binding.kind) == 2
