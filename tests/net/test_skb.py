"""skbs: frags, the unreadable bit, the guard table of the linear part, and who gives references back."""

import numpy as np
import pytest

from devmemlab.base.errno import EFAULT, EINVAL, EMSGSIZE
from devmemlab.mem.page_pool import page_pool_alloc_netmems
from devmemlab.mem.region import memory
from devmemlab.net.linear import skb_copy_bits, skb_pull, skb_pull_headers, skb_put_header
from devmemlab.net.skb import HEAD_BYTES, SKB_OVERHEAD, make_skbs, skb_add_rx_frag, skb_alloc, skb_free, skb_trim
from tests.scripts.kit import Script


class Bench:
    """An skb over the pools of a host: queue 0 has pages, queue 1 net_iovs."""

    def __init__(self):
        self.script = Script(device=True, rx_ring=8, listen=False)
        host = self.host = self.script.host
        self.mem, self.skbs = host.mem, host.skbs
        self.skb = skb_alloc(self.skbs)
        self.row = self.skbs.skb[self.skb]

    def netmem(self, queue):
        mem = self.mem
        return page_pool_alloc_netmems(mem.pools, mem.netmems, mem.providers, None, self.host.rxqs.ctl[queue].pool)

    def add(self, queue, length, offset=0):
        netmem = self.netmem(queue)
        row = self.mem.netmems[netmem >> 1]
        memory()[row.dma_addr + offset:row.dma_addr + offset + length] = np.arange(length) % 251
        assert skb_add_rx_frag(self.skbs, self.skb, self.mem.netmems, netmem, offset, length, 4096) == 0
        return row

    def head(self, octets):
        region = self.host.netdev.header_region
        memory()[region.start:region.start + len(octets)] = np.frombuffer(octets, np.uint8)
        return skb_put_header(memory(), self.skbs, self.skb, region.start, len(octets), self.host.ledger)

    def bits(self, offset, length):
        out = np.full(length + 16, 0xEE, np.uint8)
        err = skb_copy_bits(memory(), self.skbs, self.skb, self.mem.netmems, offset, out, 8, length)
        assert set(out[:8]) == set(out[8 + length:]) == {0xEE}
        return out[8:8 + length].tobytes() if err == 0 else err

    def free(self):
        mem = self.mem
        skb_free(self.skbs, self.skb, mem.pools, mem.netmems, mem.providers, None, 1)

    def trim(self, length):
        mem = self.mem
        skb_trim(self.skbs, self.skb, mem.pools, mem.netmems, mem.providers, None, length)


@pytest.fixture
def b():
    bench = Bench()
    yield bench
    bench.script.close()


def count(length):
    return (np.arange(length) % 251).astype(np.uint8).tobytes()


def test_a_frag_adds_its_length_and_charges_its_buffer(b):
    b.add(0, 100)
    b.add(0, 200, offset=50)
    assert (b.row.nr_frags, b.row.length, b.row.data_len, b.row.truesize) == (2, 300, 300, SKB_OVERHEAD + 8192)
    assert (b.row.unreadable, b.row.pp_recycle) == (0, 1)


def test_one_net_iov_makes_the_skb_unreadable_for_good(b):
    b.add(0, 100)
    b.add(1, 100)
    b.add(0, 100)
    assert b.row.unreadable == 1


def test_case_35_the_18th_frag_is_refused_and_stays_the_callers(b):
    for _ in range(17):
        b.add(0, 1)
    netmem = b.netmem(0)
    assert skb_add_rx_frag(b.skbs, b.skb, b.mem.netmems, netmem, 0, 1, 4096) == -EMSGSIZE
    assert b.row.nr_frags == 17 and b.row.length == 17


@pytest.mark.parametrize("queue", [0, 1])
def test_case_34_copy_bits_serves_the_head_always_and_frags_only_when_readable(b, queue):
    assert b.head(b"H" * 20) == 0
    b.add(queue, 100)
    b.add(queue, 50)
    whole = b"H" * 20 + count(100) + count(50)
    for offset, length in ((0, 20), (5, 10), (0, 0), (20, 0)):
        assert b.bits(offset, length) == whole[offset:offset + length]
    for offset, length in ((19, 2), (20, 1), (30, 100), (0, 170), (110, 30), (169, 1)):
        assert b.bits(offset, length) == (whole[offset:offset + length] if queue == 0 else -EFAULT)
    for offset, length in ((0, 171), (170, 1), (-1, 1), (0, -1)):
        assert b.bits(offset, max(length, 0)) == -EFAULT if length >= 0 else True


@pytest.mark.parametrize("queue", [0, 1])
def test_pulling_headers_out_of_a_frag_needs_readable_memory(b, queue):
    b.add(queue, 100)
    args = memory(), b.skbs, b.skb, b.mem.netmems
    if queue:
        assert skb_pull_headers(*args, 54, b.host.ledger) == -EFAULT and b.row.headlen == 0
        return
    assert skb_pull_headers(*args, 54, b.host.ledger) == 0
    assert (b.row.headlen, b.row.data_len, b.row.length) == (54, 46, 100) and b.bits(0, 100) == count(100)
    assert skb_pull_headers(*args, 47, b.host.ledger) == -EINVAL


def test_the_head_has_an_end(b):
    assert b.head(bytes(HEAD_BYTES)) == 0
    assert b.head(b"x") == -EINVAL


def test_pulling_drops_octets_from_the_front(b):
    b.head(b"0123456789")
    assert skb_pull(b.skbs, b.skb, 4) == 0 and b.bits(0, 6) == b"456789"
    assert skb_pull(b.skbs, b.skb, 7) == -EINVAL and b.row.length == 6


def test_trimming_cuts_frags_from_the_end_and_returns_the_empty_ones(b):
    b.head(b"HEAD")
    first, second = b.add(0, 100), b.add(0, 6)
    b.trim(104)
    assert (b.row.nr_frags, b.row.length, b.row.data_len) == (1, 104, 100)
    assert second.place != 4 and first.pp_ref_count == 1
    b.trim(54)
    assert (b.row.nr_frags, b.row.data_len) == (1, 50) and b.bits(0, 54) == b"HEAD" + count(50)
    b.trim(3)
    assert (b.row.nr_frags, b.row.length, b.row.headlen) == (0, 3, 3)
    b.trim(10)
    assert b.row.length == 3


@pytest.mark.parametrize("queue", [0, 1])
def test_freeing_returns_one_reference_of_each_frag(b, queue):
    rows = [b.add(queue, 10) for _ in range(3)]
    rows[1].pp_ref_count += 1
    pool = b.mem.pools.ctl[b.host.rxqs.ctl[queue].pool]
    before = int(pool.recycle_cached)
    b.free()
    assert pool.recycle_cached - before == 2 and rows[1].pp_ref_count == 1
    assert b.skbs.ctl[0].live == 0 and skb_alloc(b.skbs) == b.skb


def test_skbs_run_out_and_come_back():
    skbs = make_skbs(4, 1 << 20)
    assert [skb_alloc(skbs) for _ in range(4)] == [1, 2, 3, 0]
    assert len({int(skbs.skb[k].head) for k in (1, 2, 3)}) == 3


def test_padding_of_a_short_frame_is_no_payload():
    for device in (False, True):
        with Script(device=device) as s:
            s.handshake()
            s.arrive(s.segment("A", b"ab") + bytes(4))
            s.next += 2
            s.expect("A", ack=3)
            s.data(b"c")
            assert s.drain() == b"abc"
            s.host.audit()


def test_a_packet_that_finds_no_skb_returns_its_buffers():
    with Script(device=True) as s:
        s.handshake()
        limit = s.host.skbs.ctl[0].limit
        s.host.skbs.ctl[0].limit, recycled = s.host.skbs.ctl[0].watermark, int(s.host.skbs.ctl[0].recycled)
        s.host.skbs.ctl[0].recycled = 0
        s.data(b"lost", seq=1)
        s.quiet()
        assert s.host.rxqs.ctl[1].rx_dropped_pkt == 1
        s.host.skbs.ctl[0].limit, s.host.skbs.ctl[0].recycled = limit, recycled
        s.host.audit()
        s.data(b"back", seq=1)
        assert s.drain() == b"back"
