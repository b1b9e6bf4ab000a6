"""Hardware GRO: the same bytes with it and without, fewer packets for the host, and the counters of both sides."""

import pytest

from devmemlab.nic.stats import gve_stats, qstats
from tests.scripts.kit import Script


def played(device, on, packs=0, segments=None, **options):
    """One burst of segments; returns the script, the stream, frag sizes and tokens."""
    s = Script(device=device, mtu=9000, rcvbuf=1 << 20, **{"rx_ring": 64, "dmabuf": "1MiB", **options})
    s.ethtool.set_rings(tcp_data_split="on")
    ctl = s.host.nics.ctl[0]
    ctl.gro, ctl.gro_hw, ctl.gro_hw_packs = 0, on, packs
    s.handshake(opt_timestamp=1)
    for payload, fields in segments:
        at = fields.pop("seq", s.next) if "seq" in fields else s.next
        s.port.inject(s.segment("A", payload, seq=at, **fields), at_ns=s.lab.clock.now_ns)
        s.next = max(s.next, at + len(payload))
    s.lab.run(until_ns=s.lab.clock.now_ns)
    s._collect()
    s.host.audit()
    stream, sizes, tokens = bytearray(), [], 0
    if device:
        data, pieces = s.recvmsg(1 << 20)
        assert data == b""
        stream += s.device_bytes(pieces)
        sizes = [int(p.frag_size) for p in pieces]
        tokens = len({int(p.frag_token) for p in pieces})
        for piece in pieces:
            s.host.dontneed(s.conn, [(piece.frag_token, 1)])
    else:
        stream += s.recv()
    s.host.audit()
    return s, bytes(stream), sizes, tokens


def run(count, length):
    return [(bytes([k + 1]) * length, {}) for k in range(count)]


def totals(s):
    return {k: int(s.host.rxqs.ctl[k].sum()) for k in ("rx_hw_gro_packets", "rx_hw_gro_wire_packets", "rx_hw_gro_wire_bytes",
                                                       "rx_hw_gro_bytes", "rx_packets")}


@pytest.mark.parametrize("device", [False, True])
@pytest.mark.parametrize("length", [1, 1448, 4096, 5000])
def test_the_stream_and_the_tokens_are_those_without_it(device, length):
    off = played(device, 0, segments=run(6, length))
    on = played(device, 1, segments=run(6, length))
    assert on[1] == off[1] == b"".join(payload for payload, _ in run(6, length))
    assert on[2] == off[2] and on[3] == off[3]
    assert off[0].row.segs_in - on[0].row.segs_in == 5
    assert totals(off[0])["rx_hw_gro_packets"] == 0
    assert totals(on[0]) == {"rx_hw_gro_packets": 1, "rx_hw_gro_wire_packets": 6, "rx_hw_gro_wire_bytes": 6 * (66 + length),
                             "rx_hw_gro_bytes": 66 + 6 * length, "rx_packets": totals(off[0])["rx_packets"]}
    for s in (off[0], on[0]):
        s.close()


def test_packing_fills_buffers_and_changes_the_shape_of_frags_only():
    s, stream, sizes, _ = played(True, 1, packs=1, segments=run(8, 1448))
    assert stream == b"".join(payload for payload, _ in run(8, 1448)) and sizes == [4096, 4096, 8 * 1448 - 8192]
    assert s.host.skbs.ctl[0].live == 0
    s.close()


def test_a_packet_ends_at_17_buffers():
    s, stream, sizes, tokens = played(True, 1, segments=run(20, 100))
    assert stream == b"".join(payload for payload, _ in run(20, 100)) and sizes == [100] * 20 and tokens == 20
    assert totals(s)["rx_hw_gro_packets"] == 2 and totals(s)["rx_hw_gro_wire_packets"] == 20
    s.close()


@pytest.mark.parametrize("what, packets", [
    ({"tcp_flags": 0x18}, 2), ({"ack": 0}, 3), ({"window": 9}, 3), ({"tos": 4}, 3), ({"ttl": 9}, 3), ({"ts_val": 2}, 3),
    ({"tcp_flags": 0x30}, 3), ({"opt_timestamp": 0}, 3)])
def test_what_ends_a_packet(what, packets):
    """The third of four equal segments says something new, or has PSH and is the last of its packet."""
    segments = run(4, 100)
    segments[2] = (segments[2][0], dict(what))
    segments.append((b"z" * 100, {}))
    off = played(True, 0, segments=[(p, dict(f)) for p, f in segments])
    on = played(True, 1, segments=segments)
    assert on[1] == off[1]
    assert off[0].row.segs_in - on[0].row.segs_in == 5 - packets, totals(on[0])
    for s in (off[0], on[0]):
        s.close()


def test_a_shorter_segment_is_the_last_and_a_longer_one_begins_anew():
    s, stream, sizes, _ = played(True, 1, segments=[(b"a" * 100, {}), (b"b" * 100, {}), (b"c" * 50, {}), (b"d" * 100, {}),
                                                   (b"e" * 101, {})])
    assert stream == b"a" * 100 + b"b" * 100 + b"c" * 50 + b"d" * 100 + b"e" * 101 and sizes == [100, 100, 50, 100, 101]
    assert totals(s)["rx_hw_gro_packets"] == 1 and totals(s)["rx_hw_gro_wire_packets"] == 3
    s.close()


def test_out_of_order_segments_are_not_joined_and_nothing_is_lost():
    s, stream, _, _ = played(True, 1, segments=[(b"a" * 100, {}), (b"c" * 100, {"seq": 201}), (b"b" * 100, {"seq": 101})])
    assert stream == b"a" * 100 + b"b" * 100 + b"c" * 100
    s.close()


def test_a_wrong_sum_never_joins():
    with Script(device=True) as s:
        s.host.nics.ctl[0].gro_hw = 1
        s.handshake()
        for k in range(3):
            octets = bytearray(s.segment("A", b"x" * 100, seq=1 + 100 * k))
            octets[-1] ^= k == 1
            s.port.inject(bytes(octets), at_ns=0)
        s.lab.run(until_ns=0)
        assert s.row.bytes_received == 100 and s.host.rxqs.ctl[1].rx_csum_bad == 1
        s.data(b"x" * 100, seq=101)
        assert s.row.bytes_received == 300
        s.host.audit()


def test_a_ring_that_runs_dry_in_the_middle_of_a_packet_loses_only_what_found_no_descriptor():
    s, stream, sizes, _ = played(True, 1, rx_ring=8, segments=run(12, 100))
    assert stream == b"".join(payload for payload, _ in run(8, 100)) and sizes == [100] * 8
    assert s.host.rxqs.ctl[1].rx_hw_drop_overruns == 4
    s.close()


def test_a_write_outside_the_map_ends_the_packet_before_it():
    with Script(device=True) as s:
        s.host.nics.ctl[0].gro_hw = 1
        s.handshake()
        q, mem = s.host.rxqs.ctl[1], s.host.mem.netmems
        row = mem[int(s.host.rxqs.desc[1, int(q.used + 2) & 15].netmem) >> 1]
        address, row.dma_addr = int(row.dma_addr), -5
        for k in range(4):
            s.port.inject(s.segment("A", bytes([k]) * 100, seq=1 + 100 * k), at_ns=0)
        s.lab.run(until_ns=0)
        row.dma_addr = address
        assert s.row.bytes_received == 200 and q.rx_dropped_pkt == 1
        s.host.audit()


def test_five_flows_share_four_places():
    s = Script(device=True, rx_ring=64, dmabuf="1MiB")
    s.host.nics.ctl[0].gro_hw = 1
    conns = []
    for k in range(5):
        s.peer, s.next, s.ack, s.iss, s.isn = (s.peer[0], 40000 + k, s.peer[2]), 0, 0, None, 1000 * k
        s.handshake()
        conns.append((s.conn, s.peer, s.isn, s.iss))
    for turn in range(3):
        for k, (_, s.peer, s.isn, s.iss) in enumerate(conns):
            s.port.inject(s.segment("A", bytes([k, turn]) * 50, seq=1 + 100 * turn), at_ns=0)
    s.lab.run(until_ns=0)
    for k, (s.conn, *_) in enumerate(conns):
        assert s.drain() == b"".join(bytes([k, turn]) * 50 for turn in range(3))
    s.close()


def test_counters_by_their_names():
    s, *_ = played(True, 1, segments=run(3, 100))
    stats = qstats(s.host.rxqs, 1)
    assert stats["rx-hw-gro-packets"] == 1 and stats["rx-hw-gro-wire-packets"] == 3 and stats["rx-packets"] == 5
    assert stats["rx-hw-drops"] == stats["rx-csum-none"] == 0 and stats["rx-csum-unnecessary"] == 5
    gve = gve_stats(s.host.nics, s.host.rxqs, 0)
    assert gve["rx_packets"] == 5 and gve["rx_hsplit_pkt"] == 3 and gve["rx_hsplit_bytes[1]"] == 74 + 2 * 66
    assert gve["rx_cont_packet_cnt[1]"] == 2 and gve["rx_completed_desc[1]"] == 5
    s.close()
