"""Clone and split (spec 13.2): who names a frag owns a reference of it, and unreadable stays unreadable."""

import pytest

from devmemlab.base.errno import EINVAL
from devmemlab.mem.pages import page_alloc
from devmemlab.net.skb import SKB_OVERHEAD
from devmemlab.net.skb_clone import skb_clone, skb_frag_ref, skb_split
from tests.net.test_skb import Bench


@pytest.fixture
def b():
    bench = Bench()
    yield bench
    bench.script.close()


def shape(b, skb):
    row = b.skbs.skb[skb]
    assert row.length == row.data_len + row.headlen
    return [(int(f.offset), int(f.length)) for f in b.skbs.frag[skb][:row.nr_frags]]


@pytest.mark.parametrize("queue", [0, 1])
def test_a_clone_names_the_same_frags_and_owns_its_references(b, queue):
    rows = [b.add(queue, n) for n in (10, 20, 30)]
    clone = skb_clone(b.skbs, b.skb, b.mem.netmems, b.mem.providers)
    assert shape(b, clone) == shape(b, b.skb) and b.skbs.skb[clone].unreadable == queue
    assert b.skbs.ctl[0].octets_cloned == 60 and b.skbs.ctl[0].octets_in == 120, "no card wrote them twice"
    assert [int(r.pp_ref_count) for r in rows] == [2, 2, 2]
    first, b.skb = b.skb, clone
    b.free()
    assert [int(r.pp_ref_count) for r in rows] == [1, 1, 1] and b.skbs.skb[first].active
    b.skb = first
    b.free()
    assert b.skbs.ctl[0].live == 0 and b.skbs.ctl[0].octets_in == b.skbs.ctl[0].octets_freed


def test_a_clone_needs_an_skb_of_frags(b):
    b.head(b"linear")
    assert skb_clone(b.skbs, b.skb, b.mem.netmems, b.mem.providers) == -EINVAL


@pytest.mark.parametrize("queue", [0, 1])
@pytest.mark.parametrize("length, kept, there, refs", [
    (5, [(0, 5)], [(5, 5), (0, 20), (7, 30)], [2, 1, 1]),
    (10, [(0, 10)], [(0, 20), (7, 30)], [1, 1, 1]),
    (31, [(0, 10), (0, 20), (7, 1)], [(8, 29)], [1, 1, 2]),
    (59, [(0, 10), (0, 20), (7, 29)], [(36, 1)], [1, 1, 2])])
def test_a_split_cuts_between_or_in_frags(b, queue, length, kept, there, refs):
    rows = [b.add(queue, n, offset) for n, offset in ((10, 0), (20, 0), (30, 7))]
    b.row.seq = 0xFFFF_FFFE
    rest = skb_split(b.skbs, b.skb, b.mem.netmems, b.mem.providers, length)
    assert (shape(b, b.skb), shape(b, rest)) == (kept, there) and [int(r.pp_ref_count) for r in rows] == refs
    assert (b.row.length, b.skbs.skb[rest].length) == (length, 60 - length)
    assert b.skbs.skb[rest].unreadable == b.row.unreadable == queue
    assert b.skbs.skb[rest].seq == b.row.end_seq == (0xFFFF_FFFE + length) % (1 << 32)
    assert b.row.truesize == SKB_OVERHEAD + 4096 * len(kept) and b.skbs.skb[rest].truesize == SKB_OVERHEAD + 4096 * len(there)
    for b.skb in (b.skb, rest):
        b.free()
    assert b.skbs.ctl[0].live == 0 and b.skbs.ctl[0].octets_in == b.skbs.ctl[0].octets_freed
    pool = b.mem.pools.ctl[b.host.rxqs.ctl[queue].pool]
    assert pool.recycle_cached == 3, "each buffer went back once"


def test_a_split_that_leaves_nothing_is_refused(b):
    b.head(b"linear")
    b.add(1, 10)
    for length in (0, 3, 16, 17, -1):
        assert skb_split(b.skbs, b.skb, b.mem.netmems, b.mem.providers, length) == -EINVAL
    rest = skb_split(b.skbs, b.skb, b.mem.netmems, b.mem.providers, 6)
    assert (shape(b, b.skb), shape(b, rest)) == ([], [(0, 10)])
    first, b.skb = b.skb, rest
    b.free()
    b.skb = first
    b.free()


def test_what_is_to_be_sent_counts_pages(b):
    mem = b.mem
    page = page_alloc(mem.netmems, mem.providers, 0)
    b.row.pp_recycle = 0
    frag = b.skbs.frag[b.skb, 0]
    frag.netmem, frag.offset, frag.length = page, 0, 100
    b.row.nr_frags, b.row.length, b.row.data_len = 1, 100, 100
    before = int(mem.netmems[page >> 1].pp_ref_count)
    page_before = {name: int(mem.netmems[page >> 1][name]) for name in mem.netmems.dtype.names}
    skb_frag_ref(b.skbs, b.skb, 0, mem.netmems, mem.providers)
    changed = [name for name, value in page_before.items() if int(mem.netmems[page >> 1][name]) != value]
    assert int(mem.netmems[page >> 1].pp_ref_count) == before and len(changed) == 1, "the page's own count, no pool's"
    b.free()
    b.skb, b.row = 0, None
