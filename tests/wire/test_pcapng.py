"""pcapng: blocks spelled out by hand, because no writer at hand makes the odd ones."""

import struct

import dpkt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import PcapNgReader

from devmemlab.wire import pcapng
from devmemlab.wire.pcap import CaptureError, CaptureWriter, read_capture
from devmemlab.wire.pcapng_write import COMMENT_MAX, make_notes
from tests.wire.test_pcap import FRAMES, START, TIMES, capture, contents, read_bytes


def block(kind, body, order="<", length=None):
    """One block."""
    body += bytes(-len(body) % 4)
    length = len(body) + 12 if length is None else length
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def option(code, value, order="<"):
    """One option."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order="<", mark=0x1A2B3C4D):
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", mark, 1, 0, -1), order)


def interface(linktype=1, snaplen=0, options=b"", order="<"):
    return block(1, struct.pack(order + "HHI", linktype, 0, snaplen) + options, order)


def enhanced(octets, ticks=0, which=0, order="<", options=b"", captured=None):
    head = struct.pack(order + "IIIII", which, ticks >> 32, ticks & 0xFFFFFFFF, len(octets) if captured is None else captured,
                       len(octets))
    return block(6, head + octets + bytes(-len(octets) % 4) + options, order)


def simple(octets, on_wire=None, order="<"):
    return block(3, struct.pack(order + "I", len(octets) if on_wire is None else on_wire) + octets, order)


NANOSECONDS = option(9, b"\x09")


@pytest.mark.parametrize("order", "<>")
def test_enhanced_blocks(tmp_path, order):
    file = section(order) + interface(options=option(9, b"\x09", order), order=order)
    file += b"".join(enhanced(octets, at_ns, order=order) for octets, at_ns in zip(FRAMES, TIMES))
    read = read_bytes(tmp_path, file)
    assert contents(read) == FRAMES and read.frame.at_ns.tolist() == TIMES and read.linktype == 1


def test_simple_and_obsolete_blocks(tmp_path):
    old = block(2, struct.pack("<HHIIII", 0, 7, 0, 1_000_000, len(FRAMES[2]), 99) + FRAMES[2])
    file = section() + interface(snaplen=60) + simple(FRAMES[0]) + simple(FRAMES[5][:60], len(FRAMES[5])) + old
    read = read_bytes(tmp_path, file)
    assert contents(read) == [FRAMES[0], FRAMES[5][:60], FRAMES[2]]
    assert read.frame.wire_length.tolist() == [len(FRAMES[0]), len(FRAMES[5]), 99]
    assert read.frame.at_ns.tolist() == [0, 0, 10**9]


def test_unknown_blocks_are_stepped_over(tmp_path):
    other = block(5, bytes(20)) + block(0x0BAD, b"") + block(4, b"names") + block(0x80000001, bytes(8))
    file = section() + other + interface() + other + enhanced(FRAMES[0]) + other + simple(FRAMES[1]) + other
    assert contents(read_bytes(tmp_path, file)) == FRAMES[:2]


def test_sections_and_interfaces_of_every_kind(tmp_path):
    inner = FRAMES[0][14:]
    cooked = struct.pack(">HHH8sH", 4, 1, 6, b"\x02\0\0\0\0\x02\0\0", 0x0800) + inner
    file = (section("<") + interface(1) + interface(101, options=NANOSECONDS)
            + enhanced(FRAMES[0], 5) + enhanced(inner, 5, which=1)
            + section(">") + interface(113, order=">") + enhanced(cooked, 7, order=">"))
    read = read_bytes(tmp_path, file)
    assert [read.frame_bytes(k)[14:] for k in range(3)] == [inner] * 3 and read.linktype == 1
    assert read.frame_bytes(0) == FRAMES[0] and read.frame.at_ns.tolist() == [5000, 5, 7000]
    assert read.verify() == 3 and [int(mac) for mac in read.packets().src_mac] == [2 << 40 | 2, 0, 2 << 40 | 2]


@pytest.mark.parametrize("tsresol, ticks, at_ns", [
    (6, 1_700_000_000_123_456, 1_700_000_000_123_456_000), (9, 123, 123), (0, 5, 5 * 10**9), (3, 5, 5 * 10**6),
    (12, 1_999, 1), (18, 10**18 + 10**9, 10**9 + 1), (19, 5, 0), (127, 5, 0), (0x80, 3, 3 * 10**9), (0x81, 3, 1_500_000_000),
    (0x80 | 20, (7 << 20) + (1 << 19), 7_500_000_000), (0x80 | 32, 3 << 31, 1_500_000_000), (0x80 | 62, 1 << 61, 500_000_000),
    (0x80 | 63, 5, 0), (0, 1 << 60, (1 << 63) - 1), (0x80, 1 << 62, (1 << 63) - 1),
])
def test_resolutions(tmp_path, tsresol, ticks, at_ns):
    file = section() + interface(options=option(2, b"eth1") + option(9, bytes([tsresol]))) + enhanced(FRAMES[0], ticks)
    assert read_bytes(tmp_path, file).frame.at_ns[0] == at_ns


@given(st.integers(0, 255), st.integers(0, (1 << 62) - 1))
def test_any_resolution(tsresol, ticks):
    power = tsresol & 0x7F
    exact = ticks * 10**9 // (1 << power if tsresol & 0x80 else 10**power)
    got = int(pcapng.time_to_ns(ticks >> 32, ticks & 0xFFFFFFFF, tsresol, 0))
    if exact >= (1 << 63) - 2 * 10**9:
        assert got >= (1 << 63) - 2 * 10**9
    else:
        assert abs(got - exact) <= (10**9 if power > (62 if tsresol & 0x80 else 18) else 1)


@pytest.mark.parametrize("order, offset, at_ns", [("<", 100, 100 * 10**9 + 1000), (">", 100, 100 * 10**9 + 1000), ("<", -5, 0)])
def test_time_offset(tmp_path, order, offset, at_ns):
    options = option(14, struct.pack(order + "q", offset), order)
    file = section(order) + interface(options=options, order=order) + enhanced(FRAMES[0], 1, order=order)
    assert read_bytes(tmp_path, file).frame.at_ns[0] == at_ns


GOOD = section() + interface(options=NANOSECONDS)
MISTAKES = [
    (section(mark=0x1234), "the section at byte 0 has no byte-order mark"),
    (section()[:20], "cut in its file header: 20 of 28 bytes are there"),
    (section(), "is a capture without frames"),
    (GOOD, "is a capture without frames"),
    (GOOD + enhanced(FRAMES[0], which=1), "frame 1 at byte 56 belongs to an interface that was never described"),
    (section() + enhanced(FRAMES[0]), "frame 1 at byte 28 belongs to an interface that was never described"),
    (GOOD + enhanced(FRAMES[0]) + section() + simple(FRAMES[0]), "frame 2 at byte"),
    (GOOD + enhanced(FRAMES[0], captured=1000), "the block at byte 56 (before or at frame 1) has an impossible length"),
    (GOOD + block(6, bytes(8)), "impossible length, 20"),
    (GOOD + block(3, b""), "impossible length, 12"),
    (GOOD + block(1, b"", "<"), "impossible length, 12"),
    (GOOD + struct.pack("<III", 0x0A0D0D0A, 12, 0x1A2B3C4D), "impossible length, 12"),
    (GOOD + block(5, bytes(4), length=8), "impossible length, 8"),
    (GOOD + block(5, bytes(4), length=18), "impossible length, 18"),
    (GOOD + block(5, bytes(4))[:-4] + bytes(4), "impossible length, 16"),
    (GOOD + enhanced(FRAMES[0])[:-4], "cut in the middle of frame 1, which starts at byte 56"),
    (GOOD + b"\6\0\0", "cut in the middle of frame 1, which starts at byte 56 and needs 12 bytes where 3 are left"),
    (GOOD + enhanced(FRAMES[0]) + block(5, bytes(8))[:-1], "cut in the middle of a block before frame 2, which starts at byte"),
    (section() + interface(1) + interface(147) + enhanced(FRAMES[0]) + enhanced(b"abc", which=1),
     "frame 2 was recorded on link type 147"),
    (section() + interface() * 4097, "more than 4096 interfaces"),
]


@pytest.mark.parametrize("octets, words", MISTAKES, ids=[f"{k}" for k in range(len(MISTAKES))])
def test_mistakes_have_words(tmp_path, octets, words):
    with pytest.raises(CaptureError) as caught:
        read_bytes(tmp_path, octets)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_cut_anywhere(tmp_path):
    file, ends = GOOD, []
    for octets in FRAMES:
        file += enhanced(octets, 1, options=option(1, b"note") + option(0, b""))
        ends.append(len(file))
    for nbytes in range(len(file)):
        try:
            read = read_bytes(tmp_path, file[:nbytes])
        except CaptureError:
            assert nbytes not in ends
        else:
            assert contents(read) == FRAMES[: ends.index(nbytes) + 1]


@given(st.binary(max_size=200), st.sampled_from(["", "section", "frames"]))
def test_noise(tmp_path_factory, noise, lead):
    lead = {"": b"\x0a\x0d\x0d\x0a", "section": section(), "frames": GOOD + enhanced(FRAMES[0])}[lead]
    path = tmp_path_factory.getbasetemp() / "noise.pcapng"
    path.write_bytes(lead + noise)
    try:
        read_capture(path, partial=True).packets()
    except CaptureError as error:
        assert str(error)


def test_comments(tmp_path):
    comments = ["page 7 token 3", None, "", "ünïcode ✓", "x" * 70_000, "é" * 40_000]
    path = tmp_path / "notes.pcapng"
    capture().save(path, comments)
    read = read_capture(path)
    assert contents(read) == FRAMES and read.frame.at_ns.tolist() == TIMES
    assert [read.comment(k) for k in range(4)] == ["page 7 token 3", "", "", "ünïcode ✓"]
    assert read.comment(4) == "x" * COMMENT_MAX and read.comment(5) == "é" * (COMMENT_MAX // 2)
    with PcapNgReader(str(path)) as reader:
        packets = list(reader)
    assert [bytes(p) for p in packets] == FRAMES and [int(p.time * 10**9) for p in packets] == TIMES
    assert packets[0].comments == [b"page 7 token 3"] and packets[3].comments == ["ünïcode ✓".encode()]
    with open(path, "rb") as file:
        assert [octets for _, octets in dpkt.pcapng.Reader(file)] == FRAMES


@given(st.lists(st.one_of(st.none(), st.text(max_size=9)), min_size=6, max_size=6))
def test_comments_round_trip(tmp_path_factory, comments):
    path = tmp_path_factory.getbasetemp() / "round.pcapng"
    capture().save(path, comments)
    read = read_capture(path)
    assert [read.comment(k) for k in range(6)] == [text or "" for text in comments] and contents(read) == FRAMES


def test_one_comment_for_each_frame(tmp_path):
    with CaptureWriter(tmp_path / "x.pcapng") as writer, pytest.raises(ValueError, match="2 comments for 6 frames"):
        writer.write(capture().burst, ["a", "b"])
    text, note = make_notes(None, 3)
    assert len(note) == 3 and not note.length.any() and text.dtype == np.uint8


def test_no_comments_in_pcap(tmp_path):
    capture().save(tmp_path / "x.pcap")
    assert read_capture(tmp_path / "x.pcap").comment(0) == "" and capture().comment(0) == "" and START
