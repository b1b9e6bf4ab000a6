"""Loads, stores, the checksum and the one copy primitive."""

import statistics
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config

from devmemlab.base import octets
from devmemlab.base.kernel import kernel


@kernel
def copy_one(dst, dst_at, src, src_at, nbytes):
    octets.copy_octets(dst, dst_at, src, src_at, nbytes)


@kernel
def copy_many(dst, src, piece, pitch, count):
    for i in range(count):
        octets.copy_octets(dst, i * piece, src, i * pitch, piece)


@given(st.binary(max_size=200), st.integers(0, 50), st.integers(0, 50), st.integers(0, 60))
def test_copy_moves_exactly_the_range(content, dst_at, src_at, room):
    src = np.frombuffer(bytes(src_at) + content + bytes(7), np.uint8)
    dst = np.full(dst_at + len(content) + room, 0xEE, np.uint8)
    wanted = dst.copy()
    wanted[dst_at:dst_at + len(content)] = np.frombuffer(content, np.uint8)
    copy_one(dst, dst_at, src, src_at, len(content))
    assert dst.tobytes() == wanted.tobytes()


def test_copy_within_one_array():
    memory = np.arange(64, dtype=np.uint8)
    copy_one(memory, 40, memory, 3, 20)
    assert memory[40:60].tolist() == list(range(3, 23)) and memory[:40].tolist() == list(range(40))


def test_copy_from_plain_python_is_checked():
    with pytest.raises(IndexError):
        octets.copy_octets(np.zeros(8, np.uint8), 4, np.zeros(8, np.uint8), 0, 5)


@pytest.mark.skipif(not (config.BOUNDSCHECK or config.DISABLE_JIT), reason="bounds are not checked in this mode, by design")
@pytest.mark.parametrize("dst_at, src_at, nbytes", [(4, 0, 5), (0, 4, 5), (-1, 0, 1), (0, -1, 1)])
def test_copy_in_a_kernel_is_checked_when_bounds_are(dst_at, src_at, nbytes):
    with pytest.raises(IndexError):
        copy_one(np.zeros(8, np.uint8), dst_at, np.zeros(8, np.uint8), src_at, nbytes)


@given(st.integers(0, 2**64 - 1), st.integers(0, 5))
def test_stores_and_loads_speak_pythons_bytes(value, at):
    signed = value - 2**64 if value >= 2**63 else value
    for store, width, order in ((octets.store8, 1, "big"), (octets.store_be16, 2, "big"), (octets.store_be32, 4, "big"),
                                (octets.store_le32, 4, "little"), (octets.store_le64, 8, "little")):
        memory = np.full(16, 0xEE, np.uint8)
        store(memory, at, signed)
        low = value & (1 << 8 * width) - 1
        assert memory.tobytes() == b"\xee" * at + low.to_bytes(width, order) + b"\xee" * (16 - at - width)
    for load, width, order in ((octets.load8, 1, "big"), (octets.load_be16, 2, "big"), (octets.load_be32, 4, "big"),
                               (octets.load_le32, 4, "little")):
        low = value & (1 << 8 * width) - 1
        memory = np.frombuffer(bytes(at) + low.to_bytes(width, order), np.uint8)
        assert load(memory, at) == low


def naive_checksum(message):
    """RFC 1071 as its first paragraph says it."""
    if len(message) % 2:
        message += b"\0"
    total = sum(int.from_bytes(message[i:i + 2], "big") for i in range(0, len(message), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@given(st.binary(max_size=300), st.integers(0, 5), st.integers(0, 150))
def test_checksum_is_rfc_1071s(message, at, half):
    memory = np.frombuffer(b"\xff" * at + message + b"\xff", np.uint8)
    assert octets.csum_fold(octets.csum_partial(memory, at, len(message), 0)) == naive_checksum(message)
    cut = min(2 * half, len(message)) & ~1
    total = octets.csum_partial(memory, at, cut, 0)
    assert octets.csum_fold(octets.csum_partial(memory, at + cut, len(message) - cut, total)) == naive_checksum(message)


@given(st.one_of(st.sampled_from([0x1FFFF, 0xFFFF, 0x10000, 0xFFFFFFFF, 0x1FFFE0001]), st.integers(0, 2**48)))
def test_fold_carries_as_often_as_it_takes(total):
    assert octets.csum_fold(total) == 0xFFFF - (total % 0xFFFF or (0xFFFF if total else 0))


def test_checksum_of_the_rfcs_own_example():
    """RFC 1071 section 3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2."""
    message = np.frombuffer(bytes.fromhex("0001f203f4f5f6f7"), np.uint8)
    assert octets.csum_fold(octets.csum_partial(message, 0, 8, 0)) == 0xFFFF ^ 0xDDF2


def test_checksum_of_a_long_run_of_ones_does_not_overflow(sizes):
    message = np.full(sizes(1 << 20, 1 << 14), 0xFF, np.uint8)
    assert octets.csum_fold(octets.csum_partial(message, 0, len(message), 0)) == 0


@pytest.mark.compiled_only
@pytest.mark.skipif(bool(config.BOUNDSCHECK), reason="bounds checks cost time")
def test_copying_pieces_is_no_slower_than_half_of_numpy():
    """A guard against collapse (an indexed loop or a slice assignment is 5 to 20 times slower), not a benchmark."""
    piece, pitch, count = 1448, 2048, 2000
    src, dst = np.ones(count * pitch, np.uint8), np.zeros(count * piece, np.uint8)
    from_views = np.lib.stride_tricks.as_strided(src, (count, piece), (pitch, 1))
    to_views = dst.reshape(count, piece)
    copy_many(dst, src, piece, pitch, count)

    def seconds(run):
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    ratios = []
    for _ in range(15):
        dst[:] = 0
        ours = seconds(lambda: copy_many(dst, src, piece, pitch, count))
        assert dst.all()
        ratios.append(seconds(lambda: np.copyto(to_views, from_views)) / ours)
    assert statistics.median(ratios) >= 0.5, ratios
