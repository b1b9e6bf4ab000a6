"""The decision table of spec section 12.2, row by row: a completion written by hand, and what the driver makes of it."""

import pytest

from devmemlab.mem.page_pool import page_pool_put_netmem
from devmemlab.net.napi import NOTHING, SMALL, SPLIT, WHOLE, napi_next_skb
from devmemlab.net.skb import skb_free
from devmemlab.nic.drops import DROP_DMA_FAULT, DROP_REASONS, drop_counts
from tests.scripts.kit import Script

QUEUES = {"readable": 0, "unreadable": 1}


class Ring:
    """A host whose queue 0 has pages and queue 1 net_iovs; completions are written here instead of by the NIC."""

    def __init__(self, kind, **options):
        self.script = Script(device=True, listen=False, **{"rx_ring": 64, **options})
        self.host, self.queue = self.script.host, QUEUES[kind]
        self.q = self.host.rxqs.ctl[self.queue]

    def complete(self, *sizes, **fields):
        """One packet of these buffer lengths."""
        host, q = self.host, self.q
        for k, length in enumerate(sizes):
            slot = int(q.used) & 63
            cqe = host.rxqs.cqe[self.queue, int(q.complete) & 63]
            for name in cqe.dtype.names:
                cqe[name] = 0
            cqe.netmem, cqe.slot, cqe.payload_bytes = host.rxqs.desc[self.queue, slot].netmem, slot, length
            cqe.header_at, cqe.vlan_tci, cqe.frame_bytes = q.header_start + slot * q.header_bytes, -1, sum(sizes)
            host.rxqs.desc[self.queue, slot].netmem = 0
            cqe.eop = k == len(sizes) - 1
            host.ledger[1 + (self.queue == 0)].length += length
            for name, value in fields.items():
                wanted = value[k] if isinstance(value, tuple) else value
                cqe[name] = wanted
            q.used += 1
            q.complete += 1

    def poll(self):
        """What the driver builds: (skb, header_at, header_bytes, split)."""
        host = self.host
        return napi_next_skb(host.rxqs, self.queue, host.skbs, host.mem.pools, host.mem.netmems, host.mem.providers, None, 0)

    def skb(self, number):
        return self.host.skbs.skb[number]

    def close(self, skb=0):
        host = self.host
        if skb:
            skb_free(host.skbs, skb, host.mem.pools, host.mem.netmems, host.mem.providers, None, 1)
        assert host.skbs.ctl[0].live == 0
        host.audit()
        self.script.close()


@pytest.mark.parametrize("kind", QUEUES)
def test_row_1_a_completion_that_names_no_buffer_is_a_descriptor_error(kind):
    r = Ring(kind)
    netmem = int(r.host.rxqs.desc[r.queue, 0].netmem)
    r.complete(100, header_bytes=54, split=1, netmem=0, payload_bytes=0)
    assert r.poll()[0] == 0 and r.q.rx_desc_err_dropped_pkt == 1 and r.q.rx_hsplit_pkt == 0
    assert drop_counts(r.host.nics, r.host.rxqs, 0) == {"invalid completion descriptor": (1, 100)}
    r.complete(100, header_bytes=54, split=1, slot=64)
    assert r.poll()[0] == 0 and r.q.rx_desc_err_dropped_pkt == 2
    r.host.ledger[1 + (r.queue == 0)].length -= 100
    host = r.host
    page_pool_put_netmem(host.mem.pools, host.mem.netmems, host.mem.providers, None, r.q.pool, netmem, 1)
    r.close()


@pytest.mark.parametrize("kind", QUEUES)
@pytest.mark.parametrize("at", [0, 1])
def test_row_2_a_device_error_returns_the_buffers_and_drops(kind, at):
    r = Ring(kind)
    r.complete(4096, 10, header_bytes=(54, 0), split=(1, 0), error=(DROP_DMA_FAULT * (at == 0), DROP_DMA_FAULT))
    cached = int(r.host.mem.pools.ctl[r.q.pool].recycle_cached)
    assert r.poll()[0] == 0 and r.poll()[3] == NOTHING
    assert r.host.mem.pools.ctl[r.q.pool].recycle_cached - cached == 2
    assert r.q.rx_hsplit_pkt == r.q.rx_hsplit_bytes == 0
    assert drop_counts(r.host.nics, r.host.rxqs, 0) == {"DMA outside the map": (1, 4106)}
    r.close()


@pytest.mark.parametrize("kind", QUEUES)
def test_row_3_a_split_packet_is_an_skb_with_one_frag(kind):
    r = Ring(kind)
    r.complete(1000, header_bytes=54, split=1, csum=1, vlan_tci=7, hash=99)
    skb, header_at, header_bytes, split = r.poll()
    row = r.skb(skb)
    assert (split, header_bytes, header_at) == (SPLIT, 54, r.q.header_start)
    assert (row.nr_frags, row.data_len, row.unreadable, row.pp_recycle) == (1, 1000, r.queue, 1)
    assert (row.ip_summed, row.vlan_tci, row.hash, row.queue, row.frame_bytes) == (1, 7, 99, r.queue, 1000)
    assert (r.q.rx_hsplit_pkt, r.q.rx_hsplit_unsplit_pkt, r.q.rx_hsplit_bytes) == (1, 0, 54)
    r.close(skb)


def test_row_3_a_packet_of_headers_only_gives_its_buffer_back():
    r = Ring("unreadable")
    r.complete(0, header_bytes=54, split=1)
    skb, _, _, split = r.poll()
    assert split == SPLIT and r.skb(skb).nr_frags == 0 and r.q.rx_dropped_pkt == 0
    r.close(skb)


@pytest.mark.parametrize("fields", [{"header_bytes": 0}, {"header_bytes": 0, "overflow": 1}])
def test_row_4_an_unsplit_packet_in_pages_is_an_skb_of_frags(fields):
    r = Ring("readable")
    r.complete(1000, split=1, **fields)
    skb, _, _, split = r.poll()
    assert split == WHOLE and r.q.rx_hsplit_unsplit_pkt == 1 and r.q.rx_hsplit_pkt == 0
    assert r.skb(skb).nr_frags == 1
    r.close(skb)


def test_row_5_a_packet_without_split_flag_in_device_memory_is_an_skb_allocation_failure():
    r = Ring("unreadable")
    r.complete(1000)
    assert r.poll()[0] == 0
    assert (r.q.rx_skb_alloc_fail, r.q.rx_hsplit_unsplit_pkt, r.q.rx_dropped_pkt) == (1, 0, 1)
    assert drop_counts(r.host.nics, r.host.rxqs, 0) == {"header would be in unreadable memory": (1, 1000)}
    r.close()


@pytest.mark.parametrize("buffers, chained", [(17, 0), (18, 1), (34, 1), (35, 2), (60, 3)])
@pytest.mark.parametrize("kind", QUEUES)
def test_row_6_more_than_17_buffers_go_on_in_a_frag_list(kind, buffers, chained):
    r = Ring(kind)
    r.complete(*[100] * buffers, header_bytes=(54, *[0] * (buffers - 1)), split=(1, *[0] * (buffers - 1)))
    skb, *_ = r.poll()
    row, counts, at = r.skb(skb), [], int(r.skb(skb).frag_list)
    while at:
        counts.append(int(r.skb(at).nr_frags))
        at = int(r.skb(at).next)
    assert len(counts) == chained and row.nr_frags + sum(counts) == buffers and row.nr_frags == min(buffers, 17)
    assert row.data_len == row.length == 100 * buffers and row.unreadable == r.queue
    assert r.q.rx_cont_packet_cnt == buffers - 1
    r.host.audit()
    r.close(skb)


def test_row_6_a_chain_that_finds_no_skb_is_dropped_whole():
    r = Ring("unreadable")
    r.complete(*[100] * 20, header_bytes=(54, *[0] * 19), split=(1, *[0] * 19))
    ctl = r.host.skbs.ctl[0]
    ctl.limit, ctl.recycled = ctl.watermark + 1, 0
    assert r.poll()[0] == 0 and r.q.rx_skb_alloc_fail == 1 and r.q.rx_dropped_octets == 300
    assert drop_counts(r.host.nics, r.host.rxqs, 0) == {"no skb left": (1, 2000)}
    r.close()


@pytest.mark.parametrize("length, split", [(60, SMALL), (256, SMALL), (257, WHOLE)])
def test_row_7_a_small_packet_in_pages_is_copied(length, split):
    r = Ring("readable")
    r.complete(length)
    skb, *_, got = r.poll()
    assert got == split and r.q.rx_copybreak_pkt == r.q.rx_copied_pkt == (split == SMALL)
    r.close(skb)


def test_row_7_copy_break_can_be_turned_off_and_never_copies_device_memory():
    r = Ring("readable")
    r.q.copybreak = 0
    r.complete(60)
    skb, *_, got = r.poll()
    assert got == WHOLE
    r.close(skb)


@pytest.mark.parametrize("fields", [{"header_bytes": 0}, {"header_bytes": 60, "overflow": 1}])
def test_row_8_an_unsplit_packet_in_device_memory_is_impossible(fields):
    r = Ring("unreadable")
    r.complete(1000, split=1, **fields)
    assert r.poll()[0] == 0
    assert (r.q.rx_hsplit_unsplit_pkt, r.q.rx_hsplit_pkt, r.q.rx_dropped_pkt) == (1, 0, 1)
    assert drop_counts(r.host.nics, r.host.rxqs, 0) == {"header overflow on an unreadable queue": (1, 1000)}
    r.close()


def test_every_reason_has_a_name_of_its_own():
    assert len(set(DROP_REASONS)) == len(DROP_REASONS)
