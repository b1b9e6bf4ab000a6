"""Whole frames: round trips, two independent witnesses, and octets from nowhere."""

import dpkt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from devmemlab.base.kernel import kernel
from devmemlab.base.table import table
from devmemlab.wire import frame as fr
from devmemlab.wire import rows
from devmemlab.wire.plain import parse_plain
from tests.wire.kit import emitted, parsed, segment, segments, sums

SHARED = [name for name in fr.SEG.names if name in fr.PKT.names]


@kernel
def plain_frame(arena, nbytes, pkt):
    """Whether a frame goes the short way."""
    return parse_plain(arena, 0, nbytes, pkt)


def expected(fields):
    """What a parser should say of emitted `fields`: SACK blocks that found no room are gone."""
    row = segment(**fields)
    room = 40 - (4 if row.opt_mss >= 0 else 0) - (4 if row.opt_wscale >= 0 else 0)
    used = 40 - room
    if row.opt_sack_permitted:
        used += 2 if row.opt_timestamp or row.opt_layout == rows.LAYOUT_FREEBSD else 4
    if row.opt_timestamp:
        used += (2 - used) % 4 + 10
    blocks = max(0, min(row.sack_count, (40 - used - (2 - used) % 4 - 2) // 8))
    for k in range(blocks, 4):
        rows.set_sack(row, k, 0, 0)
    row.sack_count = blocks
    return {name: int(row[name]) for name in SHARED}


@given(segments(), st.binary(max_size=64), st.integers(0, 9))
def test_round_trip(fields, payload, at):
    octets = emitted(payload, at=at, **fields)
    row = parsed(octets, at)
    assert row["rc"] == 0
    wanted = expected(fields) | {"payload_bytes": len(payload)}
    assert {name: row[name] for name in SHARED} == wanted
    assert octets[row["payload_at"]:row["payload_at"] + row["payload_bytes"]] == payload
    assert row["header_bytes"] == row["payload_at"] == len(octets) - len(payload)
    assert row["doff_bytes"] == row["payload_at"] - row["tcp_at"] and row["doff_bytes"] % 4 == 0
    assert sums(octets) == (True, True)


@st.composite
def nearly_plain(draw):
    """A frame of the usual kind, of which one octet or none says otherwise, and which may be cut or padded."""
    stamped = draw(st.booleans())
    fields = draw(segments(options=False)) | {"ip_version": 4, "saddr_hi": 0, "daddr_hi": 0, "saddr_lo": 1, "daddr_lo": 2,
                                              "vlan_tci": draw(st.sampled_from((-1, -1, -1, 7)))}
    if stamped:
        fields |= {"opt_timestamp": 1, "ts_val": draw(st.integers(0, 2**32 - 1)), "ts_ecr": draw(st.integers(0, 2**32 - 1))}
    octets = bytearray(emitted(draw(st.binary(max_size=20)), **fields))
    if draw(st.booleans()):
        octets[draw(st.integers(0, len(octets) - 1))] = draw(st.integers(0, 255))
    return bytes(octets)[:draw(st.integers(0, len(octets)))] if draw(st.integers(0, 3)) == 0 else \
        bytes(octets) + bytes(draw(st.integers(0, 9)))


@given(nearly_plain())
def test_the_short_way_says_what_the_long_way_says(octets):
    arena = np.frombuffer(bytes(7) + octets + bytes(7), np.uint8).copy()
    short, long = fr.make_packets(1), fr.make_packets(1)
    short.view(np.int64)[:] = long.view(np.int64)[:] = 0x55
    assert fr.parse_frame(arena, 7, len(octets), short[0]) == fr.parse_any(arena, 7, len(octets), long[0])
    assert short.tolist() == long.tolist()


def test_the_usual_frames_go_the_short_way():
    for fields in ({}, {"opt_timestamp": 1, "ts_val": 5, "ts_ecr": 6}):
        arena = np.frombuffer(emitted(b"payload", **fields), np.uint8)
        assert plain_frame(arena, len(arena), fr.make_packets(1)[0])


@given(segments(), st.binary(max_size=33))
def test_dpkt_agrees(fields, payload):
    ethernet = dpkt.ethernet.Ethernet(emitted(payload, **fields | {"vlan_tci": -1}))
    tcp = ethernet.data.data
    assert (tcp.sport, tcp.dport, tcp.seq, tcp.ack) == tuple(fields[k] for k in ("sport", "dport", "seq", "ack_seq"))
    assert (tcp.win, tcp.urp, tcp.data) == (fields["window"], fields["urg_ptr"], payload)
    assert tcp.flags & 0xFF == fields["tcp_flags"] & 0xFF
    options = dict(dpkt.tcp.parse_opts(tcp.opts))
    wanted = expected(fields)
    assert (2 in options) == (wanted["opt_mss"] >= 0) and (3 in options) == (wanted["opt_wscale"] >= 0)
    assert (4 in options) == bool(wanted["opt_sack_permitted"]) and (8 in options) == bool(wanted["opt_timestamp"])
    assert len(options.get(5, b"")) == 8 * wanted["sack_count"]


@given(segments(options=False), st.binary(max_size=33))
def test_scapy_makes_the_same_sums(fields, payload):
    octets = emitted(payload, **fields)
    packet = Ether(octets)
    there = packet[TCP].chksum, packet["IP"].chksum if fields["ip_version"] == 4 else None
    del packet[TCP].chksum
    if fields["ip_version"] == 4:
        del packet["IP"].chksum
    again = Ether(bytes(packet))
    assert there == (again[TCP].chksum, again["IP"].chksum if fields["ip_version"] == 4 else None)


@given(st.binary(max_size=200), st.integers(0, 7))
def test_octets_from_nowhere(octets, at):
    row = parsed(octets, at)
    assert row["err"] in rows.REASONS and row["header_bytes"] + row["payload_bytes"] <= len(octets)


@given(segments(), st.lists(st.tuples(st.integers(0, 93), st.integers(0, 255)), max_size=4), st.integers(0, 150))
def test_damaged_frames(fields, damage, nbytes):
    octets = bytearray(emitted(b"payload", **fields))
    for at, value in damage:
        octets[at % len(octets)] = value
    row = parsed(bytes(octets[:nbytes]))
    assert row["err"] in rows.REASONS and (row["rc"] == 0) == (row["err"] == 0)
    assert row["header_bytes"] + row["payload_bytes"] <= nbytes


@kernel(_nrt=True)
def storm(arena, template, lengths, pkt, seed, rounds):
    """Parse `rounds` frames of noise over a template, each at the very end of the arena; count reasons."""
    seen = np.zeros(16, np.int64)
    state = seed
    for k in range(rounds):
        kind = k % len(lengths)
        nbytes = lengths[kind]
        for i in range(nbytes):
            arena[len(arena) - nbytes + i] = template[kind, i]
        for _ in range(k & 3):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            arena[len(arena) - nbytes + (state >> 8) % nbytes] = state & 0xFF
        cut = (state >> 4) % (nbytes + 1) if k & 8 else nbytes
        fr.parse_frame(arena, len(arena) - nbytes, cut, pkt)
        if pkt.header_bytes + pkt.payload_bytes > cut:
            return -seen
        seen[pkt.err] += 1
    return seen


def test_storm(sizes):
    frames = [emitted(b"x" * 20, opt_timestamp=1, sack_count=2), emitted(ip_version=6, opt_mss=9000, opt_wscale=7),
              emitted(b"abc", vlan_tci=3, opt_sack_permitted=1)]
    template = np.zeros((3, 200), np.uint8)
    for k, octets in enumerate(frames):
        template[k, :len(octets)] = np.frombuffer(octets, np.uint8)
    lengths = np.array([len(octets) for octets in frames])
    rounds = sizes(300_000, 1500)
    seen = storm(np.zeros(256, np.uint8), template, lengths, fr.make_packets(1)[0], 7, rounds)
    assert seen.sum() == rounds and (seen >= 0).all()
    assert seen[rows.FINE] and seen[rows.TRUNCATED] and seen[rows.SHORT_IP] and seen[rows.BAD_DOFF]


def test_frame_longer_than_its_arena_is_clipped():
    octets = np.frombuffer(emitted(b"payload"), np.uint8).copy()
    pkt = fr.make_packets(1)[0]
    assert fr.parse_frame(octets, 0, len(octets) + 1000, pkt) == 0 and pkt.payload_bytes == 7
    assert fr.parse_frame(octets, len(octets) + 5, 60, pkt) == -22 and pkt.err == rows.SHORT_ETHERNET


def test_reasons_have_words():
    numbers = {v for k, v in vars(rows).items() if k.isupper() and isinstance(v, int) and k not in
               ("CSUM_UNKNOWN", "CSUM_VERIFIED", "CSUM_PARTIAL", "LAYOUT_LINUX", "LAYOUT_FREEBSD")}
    assert numbers == set(fr.REASONS) == set(range(len(fr.REASONS)))


@pytest.mark.parametrize("csum", [fr.CSUM_UNKNOWN, fr.CSUM_PARTIAL])
@pytest.mark.parametrize("version", [4, 6])
def test_bulk_burst(version, csum):
    source = np.random.default_rng(1).integers(0, 256, 10_000).astype(np.uint8)
    row = segment(ip_version=version, seq=0xFFFFF000, tcp_flags=16, opt_timestamp=1, csum=csum, ip_id=0xFFFE)
    arena, frame = np.zeros(20_000, np.uint8), table(fr.FRAME, 12)
    count, end = fr.emit_bulk_burst(arena, 3, frame, row, source, 500, 9000, 1448)
    assert count == 7 and end == frame[6].offset + frame[6].length
    got, seq = b"", 0xFFFFF000
    for k in range(count):
        octets = arena[frame[k].offset:frame[k].offset + frame[k].length].tobytes()
        pkt = parsed(octets)
        assert (pkt["rc"], pkt["seq"], pkt["tcp_flags"]) == (0, seq, 24 if k == count - 1 else 16)
        assert sums(octets) == (True, csum == fr.CSUM_UNKNOWN)
        assert frame[k].csum == (fr.CSUM_PARTIAL if csum else fr.CSUM_VERIFIED) and frame[k].wire_length == frame[k].length
        seq = (seq + pkt["payload_bytes"]) & 0xFFFFFFFF
        got += octets[pkt["payload_at"]:]
    assert got == source[500:9500].tobytes() and row.seq == seq and row.tcp_flags == 16 and row.ip_id == 5


def test_bulk_burst_stops_where_room_ends():
    source = np.zeros(9000, np.uint8)
    arena, frame = np.zeros(3200, np.uint8), table(fr.FRAME, 12)
    row = segment(tcp_flags=16)
    assert fr.emit_bulk_burst(arena, 0, frame, row, source, 0, 9000, 1448)[0] == 2 and row.seq == 2896
    assert fr.emit_bulk_burst(arena, 0, frame[:1], row, source, 2896, 6104, 1448)[0] == 1 and row.tcp_flags == 16
