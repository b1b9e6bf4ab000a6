"""Software GRO: fewer packets for TCP, the same stream, the same frags and tokens; one rule a test (spec 13.5)."""

import random

import pytest

from devmemlab.base.trace import events
from devmemlab.net.gro import gro_hold, gro_joins, make_gro
from devmemlab.net.skb import skb_alloc
from devmemlab.sock.uapi import SO_OOBINLINE, SOL_SOCKET
from devmemlab.wire.frame import make_packets
from tests.net.test_skb import Bench
from tests.scripts.kit import Script


class Burst(Script):
    """A script whose segments arrive in one burst; ``gro`` sets the feature."""

    def __init__(self, gro, device=True, split=True, **options):
        super().__init__(device=device, split=split, **{"mtu": 9000, "rx_ring": 128, "dmabuf": "2MiB", "rcvbuf": 1 << 20,
                                                       **options})
        self.host.netdev.set_feature("rx-gro", gro)
        self.handshake(opt_timestamp=1)
        self.sizes, self.tokens = [], 0

    def burst(self, segments):
        """Let (payload, fields) arrive together; returns how many packets reached TCP."""
        before = int(self.row.segs_in)
        for payload, fields in segments:
            fields = dict(fields)
            flags, at = fields.pop("flags", "A"), fields.pop("seq", self.next)
            self.port.inject(self.segment(flags, payload, seq=at, **fields), at_ns=self.lab.clock.now_ns)
            self.next = max(self.next, at + len(payload))
        self.lab.run(until_ns=self.lab.clock.now_ns)
        self._collect()
        self.host.audit()
        assert not self.host.gro.flow.skb.any(), "nothing is held when the poll ends"
        return int(self.row.segs_in) - before

    def stream(self):
        """Everything that arrived; sizes of frags and the number of tokens are noted."""
        if self.device is None:
            return self.recv()
        got = bytearray()
        while self.row.rcvq_head:
            _, pieces = self.recvmsg(1 << 20)
            got += self.device_bytes(pieces)
            self.sizes += [int(p.frag_size) for p in pieces]
            self.tokens += len({int(p.frag_token) for p in pieces})
            for piece in pieces:
                self.host.dontneed(self.conn, [(piece.frag_token, 1)])
        self._collect()
        return bytes(got)


def run(count, length):
    return [(bytes([k % 251 + 1]) * length, {}) for k in range(count)]


def whole(segments):
    return b"".join(payload for payload, _ in segments)


@pytest.mark.parametrize("device", [False, True])
@pytest.mark.parametrize("count, length, packets", [(1, 1448, 1), (17, 300, 1), (18, 300, 2), (44, 1400, 3), (9, 6000, 2)])
def test_stream_frags_and_tokens_are_those_without_it(device, count, length, packets):
    """17 frags a packet, a frag list behind them (TCP gets it link by link), 65535 octets in all."""
    segments, seen = run(count, length), []
    for gro in (False, True):
        with Burst(gro, device) as s:
            arrived = s.burst(segments)
            assert arrived == (packets if gro else count)
            seen.append((s.stream(), s.sizes, s.tokens, int(s.row.rcv_mss), [f["ack"] for f in s.forget()][-1:]))
            assert s.host.audit().netmems_in_flight == 0 and s.host.skbs.ctl[0].live == 0
            assert s.host.gro.ctl[0].mixed == 0
    assert seen[0] == seen[1] and seen[0][0] == whole(segments)


@pytest.mark.parametrize("what, packets", [
    ({}, 1), ({"flags": "AP"}, 2), ({"ack": 0}, 3), ({"window": 9}, 3), ({"tos": 4}, 3), ({"ttl": 9}, 3), ({"ts_val": 2}, 3),
    ({"opt_timestamp": 0}, 3), ({"flags": "AU"}, 3), ({"tcp_flags": 0x50}, 3), ({"sack_count": 1, "sack_0_start": 1}, 3)])
def test_what_ends_a_packet(what, packets):
    """The third of five equal segments says something new; with PSH it is the last of its packet."""
    segments = run(5, 100)
    segments[2] = (segments[2][0], what)
    with Burst(True) as s:
        s.conn.setsockopt(SOL_SOCKET, SO_OOBINLINE, 1)      # an urgent octet stays in the stream
        assert s.burst(segments) == packets
        # What acknowledges something from before the connection is refused with its data, and what follows waits for them.
        taken = 2 if what.get("ack") == 0 else 5
        assert s.stream() == whole(segments[:taken]) and s.sizes == [100] * taken


def test_a_shorter_segment_is_the_last_and_a_longer_one_begins_anew():
    segments = [(b"a" * 100, {}), (b"b" * 50, {}), (b"c" * 100, {}), (b"d" * 101, {}), (b"e" * 100, {}), (b"", {})]
    with Burst(True) as s:
        assert s.burst(segments) == 4, "ab, c, de, and the empty one"
        assert s.stream() == whole(segments) and s.sizes == [100, 50, 100, 101, 100]


def test_a_fin_is_the_last_and_is_not_lost():
    with Burst(True) as s:
        assert s.burst([(b"a" * 100, {}), (b"b" * 100, {"flags": "AF"})]) == 1
        assert s.row.fin_received and s.stream() == b"a" * 100 + b"b" * 100
        assert s.conn.recv(1) == b""


def test_holes_and_repetitions_do_not_join():
    first, second, third = ((bytes([k]) * 100, {"seq": 1 + 100 * k}) for k in range(3))
    with Burst(True) as s:
        assert s.burst([first, third, first, second]) == 3, "first; third; first and second, which follow one another"
        assert s.stream() == whole([first, second, third])


def test_early_segments_join_one_another():
    segments = [(bytes([k]) * 100, {"seq": 101 + 100 * k}) for k in range(5)]
    with Burst(True) as s:
        assert s.burst(segments) == 1 and s.row.ofo_count == 1
        s.next = 1
        s.data(b"x" * 100)
        assert s.stream() == b"x" * 100 + whole(segments)


def test_flows_are_held_apart_and_the_ninth_makes_room():
    with Burst(True) as s:
        frames = []
        for round_ in range(2):
            for k in range(10):
                peer, s.peer = s.peer, (s.peer[0], 41000 + k, s.peer[2])
                frames.append(s.segment("A", b"q" * 10, seq=1 + 10 * round_, ack=1))
                s.peer = peer
        for octets in frames[:8] + frames[10:18]:
            s.port.inject(octets, at_ns=s.lab.clock.now_ns)
        s.lab.run(until_ns=s.lab.clock.now_ns)
        assert (s.host.gro.ctl[0].held, s.host.gro.ctl[0].packets, s.host.gro.ctl[0].segments) == (8, 8, 16)
        for octets in frames:
            s.port.inject(octets, at_ns=s.lab.clock.now_ns)
        s.lab.run(until_ns=s.lab.clock.now_ns)
        assert s.host.gro.ctl[0].held > 8 + 10, "ten flows do not fit eight rows"
        assert len(s.forget()) == 0
        s._collect()
        assert all("R" in frame["flags"] for frame in s.forget()) and s.host.audit().skbs == 0


def test_unlike_neighbours_do_not_join_and_are_counted():
    """The assumption of spec 13.5 holds for every queue here; were it broken, it would be seen."""
    b, gro, pkt = Bench(), make_gro(), make_packets(2)
    pkt.tcp_flags, pkt.payload_bytes, pkt.seq, pkt.header_bytes = 16, 100, [1, 101], 54
    first = b.skb
    b.add(1, 100)
    b.skb = skb_alloc(b.skbs)
    b.row = b.skbs.skb[b.skb]
    b.add(0, 100)
    gro_hold(gro, b.skbs, 0, pkt[0], first)
    assert not gro_joins(gro, b.skbs, 0, pkt[1], b.skb) and gro.ctl[0].mixed == 1
    b.skbs.skb[b.skb].unreadable = 1
    assert gro_joins(gro, b.skbs, 0, pkt[1], b.skb) and gro.ctl[0].mixed == 1
    for sum_so_far, joins in ((65535 - 54 - 100, True), (65535 - 54 - 99, False)):
        gro.pkt[0].payload_bytes = sum_so_far
        pkt[1].seq = 1 + sum_so_far
        assert gro_joins(gro, b.skbs, 0, pkt[1], b.skb) == joins, "65535 octets with the headers of IP and TCP"
    b.free()
    b.skb = first
    b.free()
    b.script.close()


def test_small_whole_packets_pass_alone():
    """Copied to the linear part, their payload has no frag to move."""
    with Burst(True, device=False, split=False) as s:
        assert s.burst(run(4, 20)) == 4 and s.burst(run(4, 1000)) == 1
        assert s.stream() == whole(run(4, 20) + run(4, 1000))


def test_the_trace_tells_what_became_of_every_skb():
    with Burst(True, trace=1 << 12) as s:
        s.burst(run(5, 100))
        s.stream()
        names = [e["name"] for e in events(s.host.trace)]
        assert names.count("skb_build") - 2 == names.count("gro_merge") + 1 == 5
        assert names.count("skb_free") == 3


@pytest.mark.parametrize("seed", range(3))
def test_random_traces_with_loss_and_reorder_give_the_same_bytes(seed):
    rng = random.Random(seed)
    stream = rng.randbytes(30 * 200)
    cuts = sorted({0, len(stream), *(rng.randrange(len(stream)) for _ in range(25))})
    pieces = list(zip(cuts, cuts[1:]))
    order = [p for p in pieces if rng.random() < 0.8]
    for _ in range(rng.randrange(8)):
        k = rng.randrange(len(order) - 1)
        order[k:k + 2] = order[k + 1], order[k]
    seen = []
    for gro in (False, True):
        for device in (False, True):
            with Burst(gro, device) as s:
                s.burst([(stream[a:b], {"seq": 1 + a}) for a, b in order])
                s.burst([(stream[a:b], {"seq": 1 + a}) for a, b in pieces])
                seen.append((s.stream(), int(s.row.bytes_received)))
                assert s.row.rmem_alloc == 0 == s.row.ofo_count
    assert seen == [(stream, len(stream))] * 4
