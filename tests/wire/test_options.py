"""TCP options: the two ways of writing them, and every way of getting them wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from devmemlab.wire import frame as fr
from devmemlab.wire.options import OPT_SACK, OPT_TIMESTAMP, emit_options, options_bytes
from devmemlab.wire.tcp import find_option, flags_text
from tests.wire.kit import emitted, parsed, segment, segments

LINUX, FREEBSD = 0, 1
SYN = {"opt_mss": 1460, "opt_wscale": 7, "opt_sack_permitted": 1, "opt_timestamp": 1, "ts_val": 0x01020304}
SACKS = {f"sack_{k}_{edge}": 16 * k + (edge == "end") for k in range(4) for edge in ("start", "end")}
TS, TS_DATA = "080a 01020304 00000000", {"opt_timestamp": 1, "ts_val": 0x01020304}

LAYOUTS = [
    (LINUX, SYN, f"020405b4 0402 {TS} 01030307"),
    (FREEBSD, SYN, f"020405b4 01030307 0402 {TS}"),
    (LINUX, SYN | {"opt_timestamp": 0}, "020405b4 01010402 01030307"),
    (FREEBSD, SYN | {"opt_timestamp": 0}, "020405b4 01030307 0402 0000"),
    (LINUX, SYN | {"opt_sack_permitted": 0}, f"020405b4 0101 {TS} 01030307"),
    (FREEBSD, SYN | {"opt_sack_permitted": 0}, f"020405b4 01030307 0101 {TS}"),
    (LINUX, {"opt_mss": 536}, "02040218"),
    (LINUX, TS_DATA, f"0101 {TS}"),
    (FREEBSD, TS_DATA, f"0101 {TS}"),
    (LINUX, {"sack_count": 1} | SACKS, "0101 050a 00000000 00000001"),
    (LINUX, TS_DATA | {"sack_count": 1} | SACKS, f"0101 {TS} 0101 050a 00000000 00000001"),
    (FREEBSD, TS_DATA | {"sack_count": 1} | SACKS, f"0101 {TS} 0101 050a 00000000 00000001"),
    (LINUX, {}, ""),
]


@pytest.mark.parametrize("layout, fields, wanted", LAYOUTS)
def test_layouts_octet_for_octet(layout, fields, wanted):
    octets = emitted(opt_layout=layout, **fields)
    assert octets[54:].hex() == wanted.replace(" ", "")


@pytest.mark.parametrize("timestamp, room", [(0, 4), (1, 3)])
def test_sack_blocks_that_fit(timestamp, room):
    for count in range(5):
        row = parsed(emitted(opt_timestamp=timestamp, sack_count=count, **SACKS))
        assert row["sack_count"] == min(count, room)
        for k in range(4):
            there = k < row["sack_count"]
            assert (row[f"sack_{k}_start"], row[f"sack_{k}_end"]) == ((16 * k, 16 * k + 1) if there else (0, 0))


@given(segments())
def test_length_is_known_beforehand(fields):
    row = segment(**fields)
    assert options_bytes(row) == emit_options(np.zeros(64, np.uint8), 0, row) <= 40


PIECES = {"mss": ("MSS", 1400), "wscale": ("WScale", 9), "sackok": ("SAckOK", b""), "timestamp": ("Timestamp", (77, 88)),
          "nop": ("NOP", None), "unknown": (200, b"abc"), "sack": ("SAck", (1, 2))}


@given(st.permutations(sorted(PIECES)), st.integers(0, 7))
def test_any_order(names, count):
    names = names[:count]
    octets = bytes(Ether() / IP() / TCP(options=[PIECES[name] for name in names]) / b"data")
    row = parsed(octets)
    assert row["rc"] == 0 and row["payload_bytes"] == 4
    assert row["opt_mss"] == (1400 if "mss" in names else -1) and row["opt_wscale"] == (9 if "wscale" in names else -1)
    assert row["opt_sack_permitted"] == ("sackok" in names) and row["opt_timestamp"] == ("timestamp" in names)
    assert (row["ts_val"], row["ts_ecr"]) == ((77, 88) if "timestamp" in names else (0, 0))
    assert (row["sack_count"], row["sack_0_end"]) == ((1, 2) if "sack" in names else (0, 0))


def with_options(text):
    """A frame with these very octets as options."""
    options = bytes.fromhex(text)
    octets = bytearray(emitted(options + b"data"))
    octets[46] = (5 + len(options) // 4) << 4
    return bytes(octets)


@pytest.mark.parametrize("text, wanted", [
    ("02040578 03000000", {"opt_mss": 1400}),                      # length 0 ends the walk
    ("02040578 03010000", {"opt_mss": 1400}),                      # so does 1
    ("02040578 03090000", {"opt_mss": 1400}),                      # and one that runs past the end
    ("00000000 02040578", {}),                                     # nothing counts behind the end of the list
    ("02050578 00000000", {}),                                     # right kind, wrong length: stepped over
    ("03040701 02040578", {"opt_mss": 1400}),
    ("0303 0702 04057801", {"opt_mss": 0x0578, "opt_wscale": 7}),
    ("01010101 01010102", {}),                                     # a kind without a length
    ("0101080a 00000001 00000002", {"opt_timestamp": 1, "ts_val": 1, "ts_ecr": 2}),
    ("080a0000 00010000 00020101", {"opt_timestamp": 1, "ts_val": 1, "ts_ecr": 2}),
    ("08090000 00010000 00000000", {}),
    ("0101050c 00000001 00000002 00000000", {}),                   # a SACK length that is no whole block
    ("01010502 00000000", {}),                                     # a SACK without blocks
    ("04030000 02040578", {"opt_mss": -1}),
])
def test_malformed(text, wanted):
    row = parsed(with_options(text))
    absent = {"opt_mss": -1, "opt_wscale": -1, "opt_sack_permitted": 0, "opt_timestamp": 0, "ts_val": 0, "ts_ecr": 0,
              "sack_count": 0}
    assert row["rc"] == 0 and row["payload_bytes"] == 4
    assert {name: row[name] for name in absent} == absent | wanted


@given(st.binary(min_size=40, max_size=40), st.integers(0, 10))
def test_noise_never_leaves_the_options(noise, words):
    octets = with_options(noise[:4 * words].hex())
    row = parsed(octets)
    assert row["rc"] == 0 and row["payload_bytes"] == 4 and 0 <= row["sack_count"] <= 4


def test_find_option():
    arena = np.frombuffer(emitted(sack_count=1, **TS_DATA | SACKS), np.uint8).copy()
    pkt = fr.make_packets(1)[0]
    fr.parse_frame(arena, 0, len(arena), pkt)
    assert find_option(arena, 0, pkt, OPT_TIMESTAMP) == 56 and find_option(arena, 0, pkt, OPT_SACK) == 68
    assert find_option(arena, 0, pkt, 2) == 0
    for damage in (0, 1, 200):
        arena[57] = damage
        assert find_option(arena, 0, pkt, OPT_SACK) == 0


@pytest.mark.parametrize("text", ["00000000 080a0000 00000000 00000000", "01010108", "01010101"])
def test_find_option_gives_up(text):
    arena = np.frombuffer(with_options(text), np.uint8).copy()
    pkt = fr.make_packets(1)[0]
    fr.parse_frame(arena, 0, len(arena), pkt)
    assert find_option(arena, 0, pkt, OPT_TIMESTAMP) == 0


def test_flags_text():
    assert flags_text(0x12) == "SA" and flags_text(0) == "." and flags_text(511) == "FSRPAUECN"
