"""Neighbours in the receive queue (spec 13.4, cases 35 and 39), and what goes when the buffer overflows (13.6)."""

import pytest

from devmemlab.net.skb import SKB_OVERHEAD
from tests.scripts.kit import Script


def queued(s):
    """(frags, length, truesize) of each skb of the receive queue."""
    rows, skb = [], int(s.row.rcvq_head)
    while skb:
        row = s.host.skbs.skb[skb]
        rows.append((int(row.nr_frags), int(row.length), int(row.truesize)))
        skb = int(row.next)
    return rows


@pytest.mark.parametrize("device", [False, True])
def test_case_35_neighbours_are_concatenated_up_to_17_frags_and_the_18th_begins_anew(device):
    with Script(device=device, split=True, rx_ring=64, rcvbuf=1 << 20) as s:
        s.handshake()
        for k in range(20):
            s.data(bytes([k]) * 100)
        assert queued(s) == [(17, 1700, SKB_OVERHEAD + 17 * 4096), (3, 300, SKB_OVERHEAD + 3 * 4096)]
        assert s.row.rmem_alloc == sum(row[2] for row in queued(s))
        assert s.host.audit().skbs == 2
        if device:
            _, pieces = s.recvmsg()
            assert [int(p.frag_size) for p in pieces] == [100] * 20 and len({int(p.frag_token) for p in pieces}) == 20
            s.host.dontneed(s.conn, [(int(p.frag_token), 1) for p in pieces])
        else:
            assert s.recv() == b"".join(bytes([k]) * 100 for k in range(20))
        assert s.row.rmem_alloc == 0 == s.host.audit().netmems_in_flight


def test_a_read_in_the_middle_of_an_skb_that_still_grows():
    with Script(device=True, rx_ring=64) as s:
        s.handshake()
        s.data(b"a" * 100)
        _, first = s.recvmsg(50)
        s.data(b"b" * 100)
        assert queued(s) == [(2, 200, SKB_OVERHEAD + 2 * 4096)]
        _, rest = s.recvmsg()
        assert [int(p.frag_size) for p in (*first, *rest)] == [50, 50, 100]
        assert s.device_bytes(first) + s.device_bytes(rest) == b"a" * 100 + b"b" * 100
        s.host.audit()


def test_overlapping_neighbours_and_octets_in_the_linear_part_stay_apart():
    with Script(split=True, rx_ring=64) as s:
        s.handshake()
        s.data(b"a" * 100)
        s.data(b"ab" * 60, seq=51)
        assert len(queued(s)) == 2
        s.next = 171
        assert len(s.recv()) == 170
    with Script(rx_ring=64) as s:
        s.handshake()
        for k in range(3):
            s.data(b"copied to the head")
        assert queued(s) == [(0, 18, SKB_OVERHEAD)] * 3


@pytest.mark.parametrize("device", [False, True])
def test_case_39_under_memory_pressure_nothing_is_collapsed_and_early_data_are_pruned(device):
    with Script(device=device, split=True, rx_ring=64, rcvbuf=20_000, trace=1 << 12) as s:
        s.handshake()
        for k in range(6):
            s.data(bytes([65 + k]) * 100, seq=1001 + 200 * k)
        held = int(s.row.ofo_count)
        assert held == 5 and s.row.rmem_alloc > 20_000, "the sixth found the buffer full"
        s.data(b"x" * 1000, seq=1)
        assert s.row.ofo_count == 3 and s.row.rmem_alloc <= 20_000 + 4096 + SKB_OVERHEAD, "the farthest went"
        assert [row[:2] for row in queued(s)] == [(2, 1100)]
        s.next = 1101
        for k in range(6):
            s.data(bytes([65 + k]) * 100 + b"y" * 100, seq=1001 + 200 * k)
            got = s.drain()
        s.next = 2201
        assert s.host.audit().netmems_in_flight == 0 and got
