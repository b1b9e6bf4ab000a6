"""The audit: each rule is broken once, by hand, and named."""

import pytest

from devmemlab.mem.audit import RULES
from devmemlab.mem.netmem import netmem_get_pp_ref
from devmemlab.mem.region import DeviceMemory
from tests.mem.kit import Duel, devmem_pool, small_mem


def stage(release="6.18", allocator=None):
    """A pool of 8 net_iovs with one out, one in the cache, two in the ring."""
    mem = small_mem(release)
    binding = mem.bind(2, mem.export(DeviceMemory(8 * 4096)), allocator=allocator)
    pool = devmem_pool(mem, binding)
    netmems = [mem.alloc(pool) for _ in range(4)]
    mem.put(pool, netmems[1], direct=True)
    mem.put(pool, netmems[2])
    mem.put(pool, netmems[3])
    mem.audit()
    return mem, binding, pool, netmems


def row(mem, netmem):
    return mem.netmems[netmem >> 1]


def cache_of_another(mem, binding, pool, netmems):
    row(mem, netmems[1]).pp_ref_count = 2


def ring_reference(mem, binding, pool, netmems):
    netmem_get_pp_ref(mem.netmems, netmems[2])


def ring_magic(mem, binding, pool, netmems):
    row(mem, netmems[3]).pp_magic = 0


def twice(mem, binding, pool, netmems):
    mem.pools.cache[pool, mem.pools.ctl[pool].cache_count].entry = netmems[2]
    mem.pools.ctl[pool].cache_count += 1


def no_reference(mem, binding, pool, netmems):
    row(mem, netmems[0]).pp_ref_count = 0


def lost_hold(mem, binding, pool, netmems):
    mem.pools.ctl[pool].hold_cnt -= 1


def freed_in_use(mem, binding, pool, netmems):
    own = mem.providers.binding[binding]
    mem.providers.words[own.words_first].entry &= ~1
    mem.providers.chunk[own.chunk_first].avail_bytes += 4096


def never_returned(mem, binding, pool, netmems):
    own = mem.providers.binding[binding]
    mem.providers.words[own.words_first].entry |= 128
    mem.providers.chunk[own.chunk_first].avail_bytes -= 4096


def wrong_avail(mem, binding, pool, netmems):
    mem.providers.chunk[mem.providers.binding[binding].chunk_first].avail_bytes -= 1


def dead_pool(mem, binding, pool, netmems):
    row(mem, netmems[0]).pp = 200


def too_few_references(mem, binding, pool, netmems):
    mem.providers.binding[binding].ref = 1


def free_page_in_use(mem, binding, pool, netmems):
    page = mem.alloc(mem.page_pool_create()) >> 1
    mem.netmems[page].owner, mem.providers.pages[0].head = 0, page
    mem.providers.pages[0].listed = 1


@pytest.mark.parametrize("damage, rule", [
    (cache_of_another, 1), (ring_reference, 2), (ring_magic, 2), (twice, 3), (no_reference, 4), (lost_hold, 5),
    (freed_in_use, 6), (never_returned, 7), (free_page_in_use, 9), (dead_pool, 11), (wrong_avail, 12), (too_few_references, 13)],
    ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_rule_is_named(damage, rule):
    mem, *parts = stage()
    damage(mem, *parts)
    with pytest.raises(AssertionError) as caught:
        mem.audit()
    words = RULES[rule].split("{")[0]
    assert str(caught.value).startswith(words), f"{caught.value}"


def test_a_broken_stack_is_named():
    mem, binding, pool, netmems = stage("next")
    own = mem.providers.binding[binding]
    mem.destroy(pool)
    mem.put(pool, netmems[0])
    mem.run_work(10**9)
    mem.audit()
    top = mem.providers.words[own.words_first + own.free_count - 1]
    kept = int(top.entry)
    top.entry = int(mem.providers.words[own.words_first + own.free_count - 2].entry)
    with pytest.raises(AssertionError, match="twice or out of range"):
        mem.audit()
    top.entry = kept
    mem.audit()


def test_a_twin_notices_what_an_audit_cannot():
    duel = Duel()
    duel.alloc(0)
    duel.compare()
    next(iter(duel.pools.values())).counts["alloc_fast"] += 1
    with pytest.raises(AssertionError):
        duel.compare()
    duel.close()
