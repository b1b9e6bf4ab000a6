"""Frag lists: lengths of the whole, links in order, and nothing lost when one is taken apart or freed."""

import numpy as np
import pytest

from devmemlab.net.frag_list import skb_chain, skb_unchain
from devmemlab.net.skb import LINKED, skb_alloc
from tests.net.test_skb import Bench


@pytest.fixture
def b():
    bench = Bench()
    yield bench
    bench.script.close()


def chain(b, queue, *sizes):
    """An skb of one frag and a link for each further size; returns their rows."""
    rows = [b.skb]
    b.add(queue, sizes[0])
    for length in sizes[1:]:
        first, b.skb = b.skb, skb_alloc(b.skbs)
        b.row = b.skbs.skb[b.skb]
        b.add(queue, length)
        rows.append(b.skb)
        b.skb, b.row = first, b.skbs.skb[first]
        skb_chain(b.skbs, first, rows[-1])
    return rows


@pytest.mark.parametrize("queue", [0, 1])
def test_the_first_skb_counts_the_whole_chain(b, queue):
    first, *links = chain(b, queue, 10, 20, 30)
    row = b.skbs.skb[first]
    assert (row.length, row.data_len, row.nr_frags, row.unreadable) == (60, 60, 1, queue)
    assert row.truesize == 3 * (768 + 4096)
    assert [int(b.skbs.skb[k].active) for k in links] == [LINKED, LINKED] and row.frag_list == links[0]
    assert b.skbs.skb[links[0]].next == links[1] and b.skbs.skb[links[1]].next == 0 == b.skbs.skb[links[0]].frag_list
    b.free()
    assert b.skbs.ctl[0].live == 0 and b.skbs.ctl[0].octets_in == b.skbs.ctl[0].octets_freed == 60
    assert [int(n) for n in b.skbs.skb.active[[first, *links]]] == [0, 0, 0]


def test_taking_a_chain_apart_gives_every_link_its_own_lengths(b):
    rows = chain(b, 1, 10, 20, 30, 40)
    sizes, at = [], b.skb
    while True:
        rest = skb_unchain(b.skbs, at)
        sizes.append((at, int(b.skbs.skb[at].length), int(b.skbs.skb[at].data_len), int(b.skbs.skb[at].active)))
        if rest == 0:
            break
        left = sum((10, 20, 30, 40)[len(sizes):])
        assert b.skbs.skb[rest].length == left
        at = rest
    assert sizes == [(row, n, n, 1) for row, n in zip(rows, (10, 20, 30, 40))]
    for b.skb in rows:
        b.free()
    assert b.skbs.ctl[0].octets_in == b.skbs.ctl[0].octets_freed == 100


def test_an_unreadable_link_makes_the_whole_unreadable(b):
    b.add(0, 10)
    first, link = b.skb, skb_alloc(b.skbs)
    b.skb, b.row = link, b.skbs.skb[link]
    b.add(1, 10)
    skb_chain(b.skbs, first, link)
    assert b.skbs.skb[first].unreadable == 1
    b.skb = first
    b.free()
    assert np.all(b.skbs.skb.active == 0)
