"""Collapsing of a full receive buffer (spec 13.6): readable skbs are copied together, unreadable ones never."""

import random

import pytest

from devmemlab.mem.ledger import COLLAPSE_COPY
from devmemlab.mem.pages import page_alloc, put_page
from devmemlab.net.skb import SKB_OVERHEAD
from devmemlab.sock.uapi import MSG_PEEK
from devmemlab.view.byte_flow import byte_flow
from tests.scripts.kit import Script
from tests.tcp.test_coalesce import queued

TRUESIZE = SKB_OVERHEAD + 4096


def host(rcvbuf, **options):
    return Script(split=True, rx_ring=64, rcvbuf=rcvbuf, **options)


def counts(s):
    """What nstat says: prunes called, skbs collapsed, segments refused, early data dropped."""
    seen = s.host.nstat()
    return [seen["TcpExt" + name] for name in ("PruneCalled", "TCPRcvCollapsed", "RcvPruned", "OfoPruned")]


def clean(s):
    """Nothing is held any more, and every page that collapsing took is back."""
    report = s.host.audit()
    assert s.row.rmem_alloc == 0 == report.netmems_in_flight == report.skbs
    return report


def test_small_segments_share_pages_when_the_buffer_is_full():
    with host(20 * 4096) as s:
        s.handshake()
        for k in range(20):
            s.data(bytes([k]) * 100)
        assert s.row.rmem_alloc > s.row.rcvbuf and counts(s) == [0, 0, 0, 0], "nothing is moved before a segment needs room"
        s.data(b"\x14" * 100)
        assert queued(s) == [(1, 2000, TRUESIZE), (1, 100, TRUESIZE)]
        assert s.row.rmem_alloc == 2 * TRUESIZE and counts(s) == [1, 2, 0, 0]
        assert int(s.host.ledger[COLLAPSE_COPY].length) == 2000 and s.row.drops == 0
        s.host.audit()
        assert s.recv() == b"".join(bytes([k]) * 100 for k in range(21))
        clean(s)


@pytest.mark.parametrize("seed", range(4))
def test_random_segments_with_holes_all_arrive(seed):
    rng = random.Random(seed)
    data = rng.randbytes(20_000)
    with host(40_000, lab_seed=seed) as s:
        s.handshake(opt_wscale=0)
        got, end = bytearray(), 0
        while end < len(data):
            pieces = []
            while end < len(data) and len(pieces) < 12:
                size, back = rng.randint(1, 500), rng.choice((0, 0, 0, min(50, end)))
                pieces.append((end - back, data[end - back:end + size]))
                end = min(end + size, len(data))
            rng.shuffle(pieces)
            s.next = 1 + end
            for _ in range(8):      # what no room was left for comes again
                for seq, octets in pieces:
                    s.data(octets, seq=1 + seq)
                    s.host.audit()
                got += s.recv(rng.randint(1, 3000))
                if s.row.rcv_nxt == (s.isn + 1 + end) & 0xFFFFFFFF:
                    break
            else:
                s.fail("the stream stands still")
            s.forget()
        got += s.recv()
        assert bytes(got) == data
        assert counts(s)[1] > 20
        clean(s)


def test_what_early_data_free_is_enough_to_drop_nothing():
    with host(40_000) as s:
        s.handshake()
        for k in range(9, 0, -1):
            s.data(bytes([k]) * 200, seq=1 + 200 * k)
        assert s.row.ofo_count == 9 and s.row.rmem_alloc > 40_000
        s.data(b"\0" * 200, seq=1)
        assert counts(s) == [1, 9, 0, 0] and queued(s)[0][1] == 200
        s.next = 2001
        assert s.recv() == b"".join(bytes([k]) * 200 for k in range(10))
        clean(s)


def test_a_reader_in_the_middle_goes_on_where_it_was():
    with host(24_000) as s:
        s.handshake()
        for k in range(5):
            s.data(bytes(range(100)))
        s.recv(130)
        assert s.recv(40, MSG_PEEK)[:40] == bytes(range(30, 70))
        s.row.rcvbuf = 20_000
        s.host.tcbs.ctl[0].tight = 1
        s.data(bytes(range(100)))
        assert counts(s)[:3] == [1, 1, 0] and queued(s)[0][:2] == (1, 370)
        assert s.recv(470, MSG_PEEK)[:40] == bytes(range(30, 70))
        assert s.recv() == bytes(range(30, 100)) + bytes(range(100)) * 4
        clean(s)


def test_device_memory_is_never_collapsed_and_early_data_go():
    with Script(device=True, rx_ring=64, rcvbuf=20_000) as s:
        s.handshake()
        for k in range(6):
            s.data(bytes([65 + k]) * 100, seq=1001 + 100 * k)
        held = int(s.row.ofo_count)
        s.data(b"x" * 1000, seq=1)
        called, collapsed, _, pruned = counts(s)
        assert called and collapsed == 0 and pruned == 1 and s.row.ofo_count < held
        assert int(s.host.ledger[COLLAPSE_COPY].copies) == 0
        s.host.audit()


def test_a_run_ends_before_what_cannot_be_read():
    with Script(device=True, rx_ring=64, rcvbuf=48_000) as s:
        s.handshake()
        s.data(b"d" * 100)
        s.ethtool.delete_rule(s.rule)
        for k in range(4):
            s.data(bytes([48 + k]) * 100)
        s.rule = s.ethtool.add_rule("tcp4", queue=1, dst_port=s.dut[1])
        s.data(b"e" * 100)
        s.ethtool.delete_rule(s.rule)
        for k in range(5):
            s.data(bytes([53 + k]) * 100)
        s.data(b"last")
        kinds, skb = [], int(s.row.rcvq_head)
        while skb:
            row = s.host.skbs.skb[skb]
            kinds.append((int(row.unreadable), int(row.nr_frags), int(row.length)))
            skb = int(row.next)
        assert kinds == [(1, 1, 100), (0, 1, 400), (1, 1, 100), (0, 1, 500), (0, 1, 4)]
        assert counts(s)[0] == 1 and counts(s)[2:] == [0, 0]
        s.host.audit()
        assert s.drain() == b"d" * 100 + b"".join(bytes([48 + k]) * 100 for k in range(4)) + b"e" * 100 + b"".join(
            bytes([53 + k]) * 100 for k in range(5)) + b"last"
        clean(s)


def test_without_every_page_nothing_changes_and_nothing_is_lost():
    with host(36_000) as s:
        s.handshake()
        for k in range(9):
            s.data(bytes([k]) * 500)
        before, fresh = queued(s), s.host.mem.providers.pages[0]
        mem = s.host.mem
        fresh.end_addr = fresh.next_addr
        taken = [page_alloc(mem.netmems, mem.providers, 0) for _ in range(fresh.listed - 1)]
        out = int(fresh.out)
        s.data(b"z" * 100)
        assert queued(s) == before and counts(s) == [1, 0, 1, 0] and fresh.out == out and fresh.listed == 1, "two are needed"
        for page in taken:
            put_page(mem.netmems, mem.providers, page)
        s.next -= 100
        s.data(b"z" * 100)
        assert counts(s)[1:3] == [1, 1]
        assert s.recv() == b"".join(bytes([k]) * 500 for k in range(9)) + b"z" * 100
        assert s.row.rmem_alloc == 0 == s.host.skbs.ctl[0].live


def test_what_would_not_occupy_less_is_left_alone():
    with host(20_000) as s:
        s.handshake()
        for k in range(5):
            s.data(bytes([65 + k]) * 100, seq=1001 + 200 * k)
        s.data(b"x" * 100, seq=1)
        assert counts(s)[:2] == [1, 0] and counts(s)[3] == 1, "holes keep them apart, so the farthest go"
        s.host.audit()


def test_a_buffer_made_smaller_collapses_what_it_holds():
    with host(1 << 20) as s:
        s.handshake()
        for k in range(10):
            s.data(bytes([k]) * 50)
        s.conn.setsockopt(1, 8, 5000)
        s.data(b"more")
        assert s.row.drops == 0 and counts(s)[1:] == [1, 0, 0]
        assert s.recv() == b"".join(bytes([k]) * 50 for k in range(10)) + b"more"
        clean(s)


def test_collapsed_skbs_can_be_looked_at_and_drawn():
    with host(20_000) as s:
        s.handshake()
        for k in range(6):
            s.data(bytes([k]) * 100)
        assert "page" in str(s.host.inspect(s.conn)) and "500 collapsed" in byte_flow(s.host.ledger).svg
