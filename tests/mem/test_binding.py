"""Bindings: what bind refuses and in which order, who holds them, how they end."""

import random

import numpy as np
import pytest

from devmemlab.base.errno import E2BIG, EBADFD, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP
from devmemlab.base.trace import events, make_trace
from devmemlab.mem import binding as b
from devmemlab.mem.binding_create import binding_alloc_id
from devmemlab.mem.dmabuf import TO_DEVICE, dma_buf_attach
from devmemlab.mem.gen_pool import gen_pool_alloc, gen_pool_avail, gen_pool_free
from devmemlab.mem.lifo import lifo_pop, lifo_push
from devmemlab.mem.netmem import PAGE_SIZE, netmem_get_pp_ref
from devmemlab.mem.pool_table import PROVIDER_DMABUF
from devmemlab.mem.region import DeviceMemory
from tests.mem.kit import SECOND, devmem_pool, offsets, refused, scattered, small_mem
from tests.naive.pool import NaiveGenPool, NaiveStack


def ids(mem, *bindings):
    return [int(mem.providers.binding[i].id) for i in bindings]


def gone(mem, binding):
    return mem.providers.binding[binding].kind == 0


def test_errors_come_in_order():
    mem = small_mem()
    with refused(EOPNOTSUPP):
        mem.bind(2, 999, dma_dev=False)
    with refused(EINVAL):
        mem.bind(2, 999)
    with refused(EINVAL):
        mem.bind(2, 0)
    far = mem.export(DeviceMemory(4096, bus="pci9"))
    with refused(121) as caught:
        mem.bind(2, far)
    assert "attach" not in str(caught.value)
    mem.providers = mem.providers._replace(binding=mem.providers.binding[:2])
    row = mem.udmabuf(4096)
    mem.bind(2, row)
    with refused(ENOMEM):
        mem.bind(2, row)
    old = small_mem("v9")
    with refused(EBADFD):
        old.bind(2, 999)


@pytest.mark.parametrize("release, accepted", [("6.12", True), ("6.18", True), ("7.3", False), ("next", False)])
def test_unaligned_segments(release, accepted):
    """Quirk Q20: the tail of a segment is lost to the net_iovs but counts as available."""
    mem = small_mem(release)
    region = DeviceMemory(16384)
    row = mem.export([(region.start, 5000), (region.start + 8192, 4096)])
    if not accepted:
        with refused(EINVAL):
            mem.bind(2, row)
        assert not mem.dmabufs.mapping.dmabuf.any()
        return
    binding = mem.bind(2, row)
    own = mem.providers.binding[binding]
    assert (own.niov_count, own.length, gen_pool_avail(mem.providers, binding)) == (2, 9096, 9096)
    pool = devmem_pool(mem, binding)
    netmems = [mem.alloc(pool) for _ in range(3)]
    assert offsets(mem, *netmems[:2]) == [5000, 0] and netmems[2] == 0
    assert gen_pool_avail(mem.providers, binding) == 904
    mem.audit()
    for netmem in netmems[:2]:
        mem.put(pool, netmem)
    mem.destroy(pool)
    mem.unbind(binding)
    mem.run_work(0)
    assert gone(mem, binding) and not mem.log


def test_larger_net_iovs():
    mem = small_mem("7.3")
    row = mem.export(DeviceMemory(4 << 16))
    binding = mem.bind(2, row, niov_bytes=1 << 16)
    assert mem.providers.binding[binding].niov_count == 4
    with refused(E2BIG):
        devmem_pool(mem, binding, order=0)
    pool = devmem_pool(mem, binding)
    assert mem.pools.ctl[pool].order == 4
    assert offsets(mem, *[mem.alloc(pool) for _ in range(4)]) == [0, 1 << 16, 2 << 16, 3 << 16]
    assert mem.alloc(pool) == 0
    for size in (2048, 5000, 12288):
        with refused(EINVAL):
            mem.bind(2, row, niov_bytes=size)
    with refused(EINVAL):
        mem.bind(2, row, niov_bytes=1 << 16, direction=TO_DEVICE)
    with refused(EINVAL):
        mem.bind(2, mem.export(DeviceMemory(5 << 14)), niov_bytes=1 << 16)
    with refused(EINVAL):
        mem.bind(2, scattered_row(mem, 4096, 1 << 16), niov_bytes=1 << 16)
    with refused(EINVAL):
        small_mem("6.18").bind(2, row, niov_bytes=1 << 16)


@pytest.mark.parametrize("release", ["6.18", "next"])
def test_segments_in_order_define_the_offsets(release):
    mem = small_mem(release)
    lengths = (8192, 4096, 12288)
    binding = scattered(mem, *lengths)
    own = mem.providers.binding[binding]
    pool = devmem_pool(mem, binding)
    got = {offsets(mem, netmem)[0]: netmem for netmem in (mem.alloc(pool) for _ in range(6))}
    assert sorted(got) == [0, 4096, 8192, 12288, 16384, 20480]
    starts = [int(chunk.dma_addr) for chunk in mem.providers.chunk[own.chunk_first:own.chunk_first + 3]]
    expected = [start + at for start, length in zip(starts, lengths) for at in range(0, length, 4096)]
    assert [int(mem.netmems[got[offset] >> 1].dma_addr) for offset in sorted(got)] == expected
    assert [int(mem.netmems[got[offset] >> 1].owner - own.chunk_first) for offset in sorted(got)] == [0, 0, 1, 2, 2, 2]


def scattered_row(mem, *lengths):
    region = DeviceMemory(sum(lengths))
    edges = np.cumsum([0, *lengths[:-1]]).tolist()
    return mem.export([(region.start + at, length) for at, length in zip(edges, lengths)])


def test_ids_rise_and_are_not_reused():
    mem = small_mem()
    row = mem.udmabuf(4096)
    first, second = mem.bind(2, row), mem.bind(2, row)
    mem.unbind(first)
    mem.run_work(0)
    third = mem.bind(2, row)
    assert ids(mem, second, third) == [2, 3] and third == first, "the row is used again, the id is not"
    mem.providers.ctl[0].last_id = 0xFFFFFFFF
    assert binding_alloc_id(mem.providers) == 1, "they go round after 2^32 - 1"
    mem.providers.ctl[0].last_id = 1
    assert binding_alloc_id(mem.providers) == 4, "and pass over those in use"


@pytest.mark.parametrize("release, consumed", [("6.12", 1), ("6.18", 0)])
def test_a_failed_bind_may_consume_an_id(release, consumed):
    mem = small_mem(release)
    with refused(121):
        mem.bind(2, mem.export(DeviceMemory(4096, bus="elsewhere")))
    assert ids(mem, mem.bind(2, mem.udmabuf(4096))) == [1 + consumed]


def test_lookup_and_references():
    mem = small_mem()
    providers, binding = mem.providers, mem.bind(2, mem.udmabuf(4096), direction=TO_DEVICE)
    own = providers.binding[binding]
    assert b.net_devmem_lookup_dmabuf(providers, own.id) == binding and own.ref == 2
    assert b.net_devmem_lookup_dmabuf(providers, own.id + 1) == 0
    b.binding_erase(providers, None, binding)
    assert b.net_devmem_lookup_dmabuf(providers, own.id) == 0 and own.ref == 2
    assert b.net_devmem_dmabuf_binding_get(providers, binding) == 1, "the id is gone, the object is not"
    b.binding_kill(providers, binding)
    b.net_devmem_dmabuf_binding_put(providers, binding)
    assert (own.ref, own.dying) == (1, 0)
    b.net_devmem_dmabuf_binding_put(providers, binding)
    assert (own.ref, own.dying) == (0, 1)
    assert b.net_devmem_dmabuf_binding_get(providers, binding) == 0 and own.ref == 0
    mem.run_work(0)
    assert gone(mem, binding)


def test_unbind_closes_queues_between_erasing_and_killing():
    mem = small_mem()
    binding = mem.bind(2, mem.udmabuf(4096))
    own = mem.providers.binding[binding]
    seen = []
    trace = make_trace(16)
    mem.unbind(binding, lambda: seen.append((int(own.live), int(own.ref))), trace)
    assert seen == [(0, 1)] and own.ref == 0
    mem.run_work(0, trace)
    assert [event["event"] for event in events(trace, "binding")] == [b.EVENT_UNBIND, b.EVENT_FREE]
    for wrong in (binding, 0, 10**6):
        with refused(EINVAL):
            mem.unbind(wrong)


def test_scenario_b_netlink_first_tokens_held():
    """Section 18.2 B, as far as memory goes: unbind while references are out, then bind the same dmabuf again (Q21)."""
    mem = small_mem()
    gpu = DeviceMemory(8 * PAGE_SIZE)
    row = mem.export(gpu)
    binding = mem.bind(2, row)
    old_id = ids(mem, binding)[0]
    pool = devmem_pool(mem, binding, ifindex=2)
    token, queued, cached = (mem.alloc(pool) for _ in range(3))
    netmem_get_pp_ref(mem.netmems, token)
    mem.put(pool, cached, direct=True)
    mem.unbind(binding, lambda: mem.destroy(pool, 0))
    assert mem.inflight(pool) == 2 and mem.providers.binding[binding].ref == 1
    assert b.net_devmem_lookup_dmabuf(mem.providers, old_id) == 0
    again = mem.bind(2, row)
    assert ids(mem, again) == [old_id + 1] and mem.dmabufs.buf[row].attachments == 2
    other = devmem_pool(mem, again)
    fresh = mem.alloc(other)
    assert offsets(mem, fresh) == offsets(mem, token) and fresh != token, "two owners of the same bytes"
    mem.audit()
    mem.put(pool, queued)
    mem.put(pool, token)
    assert mem.run_work(SECOND) == 2 * SECOND
    mem.put(pool, token)
    assert mem.run_work(2 * SECOND) is None
    assert gone(mem, binding) and mem.dmabufs.buf[row].attachments == 1
    mem.put(other, fresh)
    mem.audit()


def test_scenario_h_an_old_pool_keeps_a_binding_alive():
    """Section 18.2 H: the queue was not restarted, so its pool still runs on the binding."""
    mem = small_mem()
    binding = mem.bind(2, mem.udmabuf(4 * PAGE_SIZE))
    pool = devmem_pool(mem, binding)
    mem.unbind(binding, lambda: None)
    mem.run_work(0)
    assert not gone(mem, binding)
    netmem = mem.alloc(pool)
    assert netmem & 1
    mem.put(pool, netmem)
    mem.destroy(pool)
    mem.run_work(0)
    assert gone(mem, binding)


def test_v9_counts_every_net_iov_in_the_binding():
    mem = small_mem("v9")
    binding = mem.bind(2, mem.udmabuf(4 * PAGE_SIZE))
    own = mem.providers.binding[binding]
    pool = devmem_pool(mem, binding)
    first, second = mem.alloc(pool), mem.alloc(pool)
    assert own.ref == 4
    mem.put(pool, first)
    assert own.ref == 4, "at rest in the ring it is still out of the provider"
    mem.unbind(binding)
    mem.put(pool, second)
    mem.audit()
    assert mem.destroy(pool) == 0
    assert own.dying == 1
    mem.run_work(0)
    assert gone(mem, binding)


def test_a_leaked_net_iov_leaks_the_allocator_on_purpose():
    mem = small_mem()
    binding = mem.bind(2, mem.udmabuf(4 * PAGE_SIZE))
    free = list(mem.ranges["rows"].free)
    gen_pool_alloc(mem.providers, binding)
    mem.unbind(binding)
    mem.run_work(0)
    assert gone(mem, binding) and mem.ranges["rows"].free == free
    assert "4096 bytes never came back" in mem.log[0]


def test_tx_bindings_find_net_iovs_by_offset():
    mem = small_mem()
    binding = mem.bind(2, mem.udmabuf(4 * PAGE_SIZE), direction=TO_DEVICE)

    def find(offset):
        return tuple(int(v) for v in b.net_devmem_get_niov_at(mem.netmems, mem.providers, binding, offset))

    netmem, inside, room = find(4090)
    assert (inside, room) == (4090, 6) and offsets(mem, netmem) == [0]
    netmem, inside, room = find(4096)
    assert (inside, room) == (0, 4096) and offsets(mem, netmem) == [4096]
    start = int(mem.providers.chunk[mem.providers.binding[binding].chunk_first].dma_addr)
    assert mem.netmems[netmem >> 1].dma_addr == start + 4096
    for offset in (-1, 4 * PAGE_SIZE, 1 << 40):
        assert find(offset) == (-EFAULT, 0, 0)


@pytest.mark.parametrize("shape", [(5,), (1,) * 9, (3, 1, 130, 2)])
def test_gen_pool_against_its_twin(shape, sizes):
    mem = small_mem()
    lengths = [pages * 4096 + extra for pages, extra in zip(shape, (0, 0, 100, 0, 0, 0, 0, 0, 0))]
    binding = scattered(mem, *lengths)
    own = mem.providers.binding[binding]
    chunks = mem.providers.chunk[own.chunk_first:own.chunk_first + own.chunk_count]
    twin = NaiveGenPool([(int(c.dma_addr), int(c.length)) for c in chunks])
    rng, out = random.Random(1), []
    for step in range(sizes(4000, 600)):
        if rng.random() < (0.9, 0.2)[step // 150 % 2]:
            row, chunk = gen_pool_alloc(mem.providers, binding)
            index = twin.take()
            assert row == (0 if index is None else own.niov_first + index)
            if row:
                out.append((int(row), int(chunk), index))
        elif out:
            row, chunk, index = out.pop(rng.randrange(len(out)))
            assert gen_pool_free(mem.providers, binding, row, chunk) == 0
            assert gen_pool_free(mem.providers, binding, row, chunk) == -EINVAL, "twice"
            twin.give(index)
        assert gen_pool_avail(mem.providers, binding) == sum(twin.avail)
    for row, chunk in ((own.niov_first, 0), (own.niov_first - 1, own.chunk_first), (1 << 15, own.chunk_first)):
        assert gen_pool_free(mem.providers, binding, row, chunk) == -EINVAL


def test_lifo_against_its_twin(sizes):
    mem = small_mem("next")
    binding = scattered(mem, 4096 * 50)
    own = mem.providers.binding[binding]
    twin, rng, out = NaiveStack(50), random.Random(1), []
    for step in range(sizes(4000, 600)):
        if rng.random() < (0.9, 0.2)[step // 150 % 2]:
            index, wanted = int(lifo_pop(mem.providers, binding)), twin.take()
            assert index == (-1 if wanted is None else wanted)
            if index >= 0:
                out.append(index)
        elif out:
            index = out.pop(rng.randrange(len(out)))
            assert lifo_push(mem.providers, binding, index) == 0
            twin.give(index)
    for index in out:
        lifo_push(mem.providers, binding, index)
    assert own.free_count == 50
    for index in (0, -1, 50):
        assert lifo_push(mem.providers, binding, index) == -EINVAL, "full, or not the area's"


def test_wrong_arguments_are_explained():
    mem = small_mem()
    row = mem.udmabuf(4096)
    for options in ({"allocator": "buddy"}, {"provider": 77}, {"provider": "pages"}):
        with refused(EINVAL):
            mem.bind(2, row, **options)
    assert dma_buf_attach(mem.dmabufs, row, 2, 0) == 1, "nothing was left attached"
    assert PROVIDER_DMABUF == 1


def test_the_netmem_table_grows_with_a_binding():
    mem = small_mem()
    rows = len(mem.netmems)
    binding = mem.bind(2, mem.export(DeviceMemory("512MiB")))
    assert len(mem.netmems) > rows
    pool = devmem_pool(mem, binding)
    netmems = [mem.alloc(pool) for _ in range(5)]
    assert offsets(mem, *netmems) == [i * 4096 for i in range(5)]
    mem.audit()
