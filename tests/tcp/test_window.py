"""The receive window: never taken back, shut by what nobody reads, opened by reading."""

import pytest

from devmemlab.net.skb import SKB_OVERHEAD
from devmemlab.tcp.window import select_wscale
from tests.net.test_gro import Burst
from tests.ports.kit import burst_of
from tests.scripts.kit import Script


def edges(sent, wscale):
    return [f["ack"] + (f["window"] << wscale) for f in sent if f["flags"] == "A"]


@pytest.mark.parametrize("rcvbuf, wscale", [(65535, 0), (65536, 1), (1 << 17, 2), (6291456, 7), (1 << 31, 14), (1 << 40, 14)])
def test_the_scale_lets_the_whole_buffer_be_advertised(rcvbuf, wscale):
    assert select_wscale(rcvbuf) == wscale


@pytest.mark.parametrize("device", [False, True])
def test_a_window_that_nobody_reads_shuts_and_reading_opens_it(device):
    with Script(device=device, rcvbuf=60_000, mtu=9000) as s:
        wscale = s.handshake(opt_mss=4000)["opt_wscale"]
        sent, total = [], 0
        while s.row.rcv_wnd >= 4000 and total < 100_000:
            s.data(bytes([total % 251]) * 4000)
            sent += s.forget()
            total += 4000
        right = edges(sent, wscale)
        assert len(right) > 3 and right == sorted(right), "the right edge moved left"
        assert 20_000 < total < 60_000 and s.row.rcv_wnd < 4000 and sent[-1]["window"] << wscale < 4000
        s.data(b"x" * 4000, seq=s.next + 4000)
        s.expect("A", ack=total + 1, window=sent[-1]["window"])
        assert len(s.drain()) == total
        opened = s.forget()[-1]
        assert opened["flags"] == "A" and opened["window"] << wscale >= 8000, "reading everything must open the window"
        s.data(b"again")
        assert s.drain() == b"again"


@pytest.mark.parametrize("device", [False, True])
def test_without_room_data_are_dropped_and_acknowledged(device):
    with Script(device=device, rcvbuf=10_000, rx_ring=32) as s:
        s.handshake()
        for _ in range(20):
            s.data(b"y" * 500)
        assert s.row.drops > 0 and s.row.rmem_alloc <= 10_000 + 4096 + 768
        last = s.forget()[-1]
        assert last["ack"] == int(s.row.rcv_nxt - s.row.irs) % (1 << 32)
        assert len(s.drain()) == last["ack"] - 1
        s.host.audit()


def test_tokens_do_not_keep_the_window_shut():
    with Script(device=True, rcvbuf=40_000, rx_ring=16, dmabuf="256KiB") as s:
        s.handshake()
        held = 0
        for _ in range(30):
            s.data(b"z" * 1000)
            _, pieces = s.recvmsg()
            held += len(pieces)
        assert held == 30 and s.host.audit().tokens == 30
        assert s.row.rmem_alloc == 0


@pytest.mark.parametrize("tail", [8, 308])
def test_a_short_tail_with_a_link_of_its_own_says_nothing_of_whole_segments(tail):
    """GRO puts 17 segments in an skb and the eighteenth behind it: by the tail's room a whole one would be dear."""
    with Burst(True, device=True, rcvbuf=90_000, mtu=1500) as s:
        for _ in range(12):
            s.burst([(bytes(1448), {})])
        assert len(s.stream()) == 12 * 1448
        s.burst([*((bytes(1448), {"seq": s.next + 1448 * k}) for k in range(17)), (bytes(tail), {"seq": s.next + 17 * 1448})])
        assert len(s.stream()) == 17 * 1448 + tail and s.row.rmem_alloc == 0
        assert s.row.scaling_ratio == 1448 * 256 // (SKB_OVERHEAD + 4096) and s.row.rcv_wnd > 20_000


@pytest.mark.parametrize("tail", [4096, 10])
def test_what_a_window_promised_has_room_however_the_segments_before_it_were_read(tail):
    """A segment needs two pages; that of `tail` octets, read in one go with one of them, one for much or for next to nothing."""
    with Script(device=True, rcvbuf=100_000, mtu=9000, rx_ring=64) as s:
        wscale = s.handshake(opt_mss=4100)["opt_wscale"]
        for sizes in ([4100] * 6, [4100, tail]):
            starts = [s.next + sum(sizes[:k]) for k in range(len(sizes))]
            s.arrive(burst_of(*[s.segment("A", bytes(size), seq=at) for size, at in zip(sizes, starts, strict=True)]))
            s.next += sum(sizes)
        assert len(s.drain()) == s.next - 1 and s.row.rmem_alloc == 0, "and reading all of it opens the window"
        right, begun = s.forget()[-1], s.next
        right = right["ack"] + (right["window"] << wscale)
        while s.next + 4100 <= right:
            s.data(b"d" * 4100)
            right = max([right, *edges(s.forget(), wscale)])
        assert s.row.drops == 0 and s.host.nstat()["TcpExtPruneCalled"] == 0
        assert s.row.scaling_ratio == 4100 * 256 // (SKB_OVERHEAD + 2 * 4096), "what a whole segment costs by itself"
        assert len(s.drain()) == s.next - begun > 40_000
        s.host.audit()
