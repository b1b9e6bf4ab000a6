"""Sums: published vectors, the incremental law, and a receiver that is never fooled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devmemlab.base.octets import csum_fold, csum_partial
from devmemlab.wire import frame as fr
from devmemlab.wire import rows
from devmemlab.wire.csum import csum_replace, patch_be16, patch_be32
from devmemlab.wire.options import OPT_TIMESTAMP
from devmemlab.wire.tcp import find_option
from tests.wire.kit import emitted, parsed, segments, sums, u16, u32


def array(octets):
    """Plain bytes as memory."""
    return np.frombuffer(bytes(octets), np.uint8).copy()


def naive_sum(octets):
    """RFC 1071, the slow way: complement of the folded sum of big-endian words."""
    octets = bytes(octets) + b"\0" * (len(octets) & 1)
    total = sum(int.from_bytes(octets[k:k + 2], "big") for k in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def test_rfc_1071_vector():
    octets = bytes.fromhex("0001f203f4f5f6f7")
    assert csum_partial(array(octets), 0, 8, 0) == 0x2DDF0
    assert csum_fold(0x2DDF0) == 0x220D == naive_sum(octets)
    swapped = bytes(octets[k ^ 1] for k in range(8))
    assert csum_partial(array(swapped), 0, 8, 0) == 0x1F2DC and csum_fold(0x1F2DC) == 0x0D22


def test_ipv4_header_vector():
    """The header of the shared anchors, carried by a frame: its sum is right as it stands, and is written as b861."""
    header = bytes.fromhex("450000730000400040 11 b861 c0a80001 c0a800c7")
    assert naive_sum(header) == 0
    octets = bytes(12) + b"\x08\x00" + header + bytes(95)
    assert parsed(octets)["err"] == rows.NOT_TCP and sums(octets) == (True, False)
    for at in range(14, 34):
        wrong = bytearray(octets)
        wrong[at] ^= 0x10
        assert sums(bytes(wrong))[0] is False, at


@given(st.binary(max_size=80), st.permutations(range(4)))
def test_order_of_words_does_not_matter(octets, order):
    words = [octets[k:k + 2].ljust(2, b"\0") for k in range(0, 8, 2)]
    again = b"".join(words[k] for k in order)
    assert naive_sum(b"".join(words)) == csum_fold(csum_partial(array(again + b"\0"), 0, 8, 0))
    assert csum_fold(csum_partial(array(octets + b"\0"), 0, len(octets), 0)) == naive_sum(octets)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("payload", [b"", b"\0" * 41, b"\xff" * 40, b"odd"])
def test_every_octet_counts(version, payload):
    octets = emitted(payload, ip_version=version, seq=1)
    assert sums(octets) == (True, True)
    # Not all headers are summed: Ethernet, and in IPv6 the fields outside the pseudo header.
    summed = list(range(26, len(octets))) if version == 4 else list(range(22, len(octets)))
    for at in summed:
        wrong = bytearray(octets)
        wrong[at] ^= 0x01
        assert sums(bytes(wrong)) != (True, True), at


@given(st.binary(min_size=12, max_size=60), st.integers(0, 57), u32)
def test_incremental_update_equals_a_fresh_sum(octets, at, value):
    """RFC 1624: after a patch anywhere, odd places too, the field holds what summing again would give."""
    arena = array(octets)
    arena[2] |= 1
    at = at % (len(arena) - 7) + 4
    arena[0:2] = 0
    arena[0:2] = list(naive_sum(arena).to_bytes(2, "big"))
    patch_be32(arena, at, 0, value)
    patch_be16(arena, at + 1, 0, value >> 3)
    stored = bytes(arena[0:2])
    arena[0:2] = 0
    assert int.from_bytes(stored, "big") == naive_sum(arena)


@given(u16, u16, u16)
def test_replace_is_exact(word, old, new):
    total = word + old
    fresh = csum_fold(word + new)
    assert csum_replace(csum_fold(total), old, new) == fresh or (word + new) in (0, 0xFFFF)


@pytest.mark.parametrize("checksum, old, new, wanted", [(0xDD2F, 0x5555, 0x3285, 0x0000)])
def test_rfc_1624_example(checksum, old, new, wanted):
    assert csum_replace(checksum, old, new) == wanted


@given(segments(), st.binary(max_size=9), u32, u32)
def test_rewritten_frames_stay_right(fields, payload, seq, ack_seq):
    arena = array(emitted(payload, **fields))
    pkt, again = fr.make_packets(2)
    fr.parse_frame(arena, 0, len(arena), pkt)
    had = {name: int(pkt[name]) for name in pkt.dtype.names}
    fr.rewrite_seq_ack(arena, 0, pkt, seq, ack_seq)
    assert fr.parse_frame(arena, 0, len(arena), again) == 0
    assert again.tolist() == pkt.tolist() and fr.verify_tcp_csum(arena, 0, again)
    acknowledges = had["tcp_flags"] & 16
    moved = ack_seq - had["ack_seq"] if acknowledges else 0
    assert again.seq == seq and again.ack_seq == (ack_seq if acknowledges else had["ack_seq"])
    for k in range(again.sack_count):
        for edge in ("start", "end"):
            assert again[f"sack_{k}_{edge}"] == (had[f"sack_{k}_{edge}"] + moved) & 0xFFFFFFFF
    assert arena[again.payload_at:].tobytes() == payload


@given(segments(), u32)
def test_timestamps_can_be_rewritten(fields, value):
    arena = array(emitted(b"x", **fields | {"opt_timestamp": 1}))
    pkt = fr.make_packets(1)[0]
    fr.parse_frame(arena, 0, len(arena), pkt)
    patch_be32(arena, find_option(arena, 0, pkt, OPT_TIMESTAMP) + 6, pkt.tcp_at + 16, value)
    assert fr.parse_frame(arena, 0, len(arena), pkt) == 0 and pkt.ts_ecr == value and fr.verify_tcp_csum(arena, 0, pkt)


def test_a_wrong_sum_stays_as_wrong():
    arena = array(emitted(b"payload", tcp_flags=16))
    arena[-1] ^= 0xFF
    pkt = fr.make_packets(1)[0]
    fr.parse_frame(arena, 0, len(arena), pkt)
    fr.rewrite_seq_ack(arena, 0, pkt, 1, 2)
    assert not fr.verify_tcp_csum(arena, 0, pkt)
    arena[-1] ^= 0xFF
    assert fr.verify_tcp_csum(arena, 0, pkt)


@given(segments(), st.binary(max_size=20))
def test_hardware_finishes_a_partial_sum(fields, payload):
    whole = emitted(payload, **fields)
    arena = array(emitted(payload, **fields | {"csum": fr.CSUM_PARTIAL}))
    pkt = fr.make_packets(1)[0]
    assert fr.parse_frame(arena, 0, len(arena), pkt) == 0
    fr.finish_tcp_csum(arena, 0, pkt)
    assert arena.tobytes() == whole


def test_refused_frames_verify_nothing():
    assert sums(emitted(b"payload")[:-1]) == (True, False)
    assert sums(bytes(60)) == (False, False)
    cut = bytearray(emitted())
    cut[14] = 0x4F
    assert sums(bytes(cut)) == (False, False)
