"""Capture files: read what others wrote, others read what we wrote, and refuse the rest in one sentence."""

import itertools
import os
import struct
import threading

import dpkt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import CookedLinux, CookedLinuxV2, Ether
from scapy.utils import PcapNgReader, PcapReader, PcapWriter, wrpcapng

from devmemlab.base.table import table
from devmemlab.wire import frame as fr
from devmemlab.wire import pcap_records
from devmemlab.wire.linktype import link_header_bytes
from devmemlab.wire.pcap import Capture, CaptureError, CaptureWriter, read_capture
from tests.wire.kit import emitted

START = 1_700_000_000 * 10**9
FRAMES = [emitted(b"payload"[:k], seq=k, ip_version=(4, 6)[k & 1]) for k in range(6)]
TIMES = [START + k * 1_000_000_007 for k in range(6)]


def capture(frames=FRAMES, times=TIMES):
    """A capture made in memory."""
    frame = table(fr.FRAME, len(frames))
    frame.at_ns[:] = times
    frame.length[:] = [len(octets) for octets in frames]
    frame.wire_length[:] = frame.length
    frame.offset[:] = np.cumsum(frame.length) - frame.length
    return Capture(np.frombuffer(b"".join(frames), np.uint8).copy(), frame)


def classic(order="<", magic=0xA1B2C3D4, linktype=1, frames=FRAMES, times=TIMES, snaplen=65535):
    """A pcap file, spelled out."""
    unit = 1 if magic == 0xA1B23C4D else 1000
    octets = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, snaplen, linktype)
    for frame, at_ns in zip(frames, times):
        seconds, rest = divmod(at_ns, 10**9)
        octets += struct.pack(order + "IIII", seconds, rest // unit, len(frame), len(frame)) + frame
    return octets


def read_bytes(tmp_path, octets, **options):
    """Read octets through a file."""
    path = tmp_path / "capture"
    path.write_bytes(octets)
    return read_capture(path, **options)


def contents(capture):
    """Every frame of a capture."""
    return [capture.frame_bytes(k) for k in range(len(capture))]


@pytest.mark.parametrize("order, magic", list(itertools.product("<>", (0xA1B2C3D4, 0xA1B23C4D))))
def test_four_dialects(tmp_path, order, magic):
    read = read_bytes(tmp_path, classic(order, magic))
    unit = 1 if magic == 0xA1B23C4D else 1000
    assert contents(read) == FRAMES and read.linktype == 1 and len(read) == 6
    assert read.frame.at_ns.tolist() == [at_ns // unit * unit for at_ns in TIMES]
    assert (read.frame.wire_length == read.frame.length).all() and (read.frame.csum == fr.CSUM_UNKNOWN).all()
    assert read.burst.octets is read.octets and "6 frames" in repr(read)


def test_dpkt_writes_and_we_read(tmp_path):
    path = tmp_path / "dpkt.pcap"
    with open(path, "wb") as file:
        writer = dpkt.pcap.Writer(file, nano=True)
        for octets, at_ns in zip(FRAMES, TIMES):
            writer.writepkt(octets, at_ns / 1e9)
    assert contents(read_capture(path)) == FRAMES


def test_we_write_and_dpkt_and_scapy_read(tmp_path):
    path = tmp_path / "ours.pcap"
    capture().save(path)
    with open(path, "rb") as file:
        assert [(int(at * 10**9), octets) for at, octets in dpkt.pcap.Reader(file)] == list(zip(TIMES, FRAMES))
    with PcapReader(str(path)) as reader:
        assert [(int(p.time * 10**9), bytes(p)) for p in reader] == list(zip(TIMES, FRAMES))
    again = read_capture(str(path))
    assert contents(again) == FRAMES and again.frame.at_ns.tolist() == TIMES


def test_cut_frames_know_their_length(tmp_path):
    frame = capture().frame
    frame.length[3] -= 5
    path = tmp_path / "cut.pcap"
    Capture(capture().octets, frame).save(path)
    read = read_capture(path)
    assert read.frame_bytes(3) == FRAMES[3][:-5] and read.frame.wire_length[3] == len(FRAMES[3])


COOKED = {
    113: lambda inner, proto: CookedLinux(pkttype=0, lladdrlen=6, src=b"\x02\0\0\0\0\x02\0\0", proto=proto) / inner,
    276: lambda inner, proto: CookedLinuxV2(pkttype=1, lladdrlen=6, src=b"\x02\0\0\0\0\x02\0\0", proto=proto) / inner,
    12: lambda inner, proto: inner, 101: lambda inner, proto: inner,
    228: lambda inner, proto: inner, 229: lambda inner, proto: inner,
}


@pytest.mark.parametrize("linktype", COOKED)
def test_other_links_become_ethernet(tmp_path, linktype):
    ip4, ip6 = IP(src="10.0.0.1", dst="10.0.0.2"), IPv6(src="fd00::1", dst="fd00::2")
    inner = [(ip, proto) for ip, proto in ((ip4, 0x0800), (ip6, 0x86DD))
             if (linktype, proto) not in ((228, 0x86DD), (229, 0x0800))]
    packets = [COOKED[linktype](ip / TCP(dport=5201, flags="A") / b"hello", proto) for ip, proto in inner]
    path = str(tmp_path / "other.pcap")
    with PcapWriter(path, linktype=linktype) as writer:
        for packet in packets:
            writer.write(packet)
    read = read_capture(path)
    assert read.linktype == linktype and read.verify() == len(packets) == len(read)
    for k, (pkt, (ip, proto)) in enumerate(zip(read.packets(), inner)):
        assert (pkt.dport, pkt.payload_bytes, pkt.eth_type, pkt.ip_at) == (5201, 5, proto, 14)
        assert read.frame_bytes(k)[14:] == bytes(ip / TCP(dport=5201, flags="A") / b"hello")
        assert pkt.src_mac == (0x020000000002 if linktype in (113, 276) else 0)
        assert pkt.dst_mac == (0xFFFFFFFFFFFF if linktype == 276 else 0)
        assert read.frame.wire_length[k] == read.frame.length[k]


@pytest.mark.parametrize("linktype, skip", [(113, 16), (276, 20), (101, 0)])
def test_frames_shorter_than_their_link_header(tmp_path, linktype, skip):
    frames = [bytes(n) for n in range(skip + 3)]
    read = read_bytes(tmp_path, classic(linktype=linktype, frames=frames, times=range(len(frames))))
    assert read.frame.length.tolist() == [0] * (skip + 1) + [15, 16] and read.verify() == 0


MISTAKES = [
    (b"", "is empty"),
    (b"\xd4\xc3", "not a pcap or pcapng capture"),
    (b"#!/bin/sh", "not a pcap or pcapng capture (it starts with 23 21 2f 62)"),
    (b"\x1f\x8b\x08\0" + bytes(40), "gzip compressed: unpack it first"),
    (struct.pack("<I", 0xA1B2CD34) + bytes(40), "not a pcap or pcapng capture"),
    (classic()[:20], "cut in its file header: 20 of 24 bytes are there"),
    (classic(frames=[]), "is a capture without frames"),
    (classic()[:-1], "cut in the middle of frame 6, which starts at byte"),
    (classic(frames=FRAMES[:1])[:30],
     "cut in the middle of frame 1, which starts at byte 24 and needs 16 bytes where 6 are left"),
    (classic() + struct.pack("<IIII", 0, 0, 1 << 30, 5), "corrupt: frame 7 at byte"),
    (classic(linktype=105), "link type 105 (802.11), which cannot be read; Ethernet, Linux cooked v1"),
    (classic(linktype=4242), "link type 4242, which cannot be read"),
]


@pytest.mark.parametrize("octets, words", MISTAKES, ids=[words[:30] for _, words in MISTAKES])
def test_mistakes_have_words(tmp_path, octets, words):
    with pytest.raises(CaptureError) as caught:
        read_bytes(tmp_path, octets)
    assert words in str(caught.value) and "capture" in str(caught.value) and "\n" not in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(CaptureError, match="there is no such file"):
        read_capture(tmp_path / "missing.pcap")
    with pytest.raises(CaptureError, match="is a directory"):
        read_capture(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(CaptureError, match="cannot be read: Not a directory"):
        read_capture(tmp_path / "file" / "capture.pcap")


def test_a_pipe_will_do(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    feeder = threading.Thread(target=path.write_bytes, args=(classic(),))
    feeder.start()
    assert contents(read_capture(path)) == FRAMES
    feeder.join()


@pytest.mark.parametrize("order", "<>")
def test_cut_anywhere(tmp_path, order):
    whole = classic(order)
    ends = [24 + 16 * (k + 1) + sum(map(len, FRAMES[: k + 1])) for k in range(6)]
    path = tmp_path / "cut.pcap"
    for nbytes in range(len(whole)):
        path.write_bytes(whole[:nbytes])
        if nbytes in ends:
            assert contents(read_capture(path)) == FRAMES[: ends.index(nbytes) + 1]
            continue
        with pytest.raises(CaptureError):
            read_capture(path)
        kept = sum(end <= nbytes for end in ends)
        if kept:
            part = read_capture(path, partial=True)
            assert contents(part) == FRAMES[:kept] and f"frame {kept + 1}" in part.cut


@given(st.integers(0, 1 << 20), st.integers(0, 255), st.integers(0, 255))
def test_damage_anywhere(tmp_path_factory, at, value, pcapng):
    path = tmp_path_factory.getbasetemp() / ("damaged.pcapng" if pcapng & 1 else "damaged.pcap")
    capture().save(path)
    octets = bytearray(path.read_bytes())
    octets[at % len(octets)] = value
    path.write_bytes(octets)
    try:
        read = read_capture(path, partial=bool(pcapng & 2))
    except CaptureError as error:
        assert str(error)
    else:
        read.verify(), read.packets(), read.repair(), contents(read)


def test_writing_to_memory_leaves_the_file_alone(tmp_path):
    path = tmp_path / "capture.pcap"
    capture().save(path)
    before = path.read_bytes()
    read_capture(path).octets[:] = 0
    assert path.read_bytes() == before


def test_growing_file_of_many_frames(tmp_path, sizes):
    count = sizes(5000, 1100)
    many = capture(FRAMES[:1] * count, range(count))
    for name in ("many.pcap", "many.pcapng"):
        many.save(tmp_path / name)
        read = read_capture(tmp_path / name)
        assert len(read) == count and read.frame.at_ns.tolist() == list(range(count)) and read.frame_bytes(count - 1) == FRAMES[0]


def test_writer_adds_burst_by_burst(tmp_path):
    path = tmp_path / "live.pcap"
    with CaptureWriter(path) as writer:
        writer.write(capture().burst)
        assert len(read_capture(path)) == 6
        writer.write(capture().burst)
        assert writer.count == 12
        with pytest.raises(ValueError, match="holds no comments"):
            writer.write(capture().burst, ["x"] * 6)
    writer.close()
    assert contents(read_capture(path)) == FRAMES * 2
    assert pcap_records.records_room(capture().frame) == len(classic()) - 24


def test_verify(tmp_path):
    frames = [*FRAMES, FRAMES[1][:-1] + b"!", FRAMES[2][:-1], bytes(Ether() / IP() / UDP()), b""]
    made = capture(frames, range(len(frames)))
    assert made.verify() == 6
    assert made.frame.csum.tolist() == [fr.CSUM_VERIFIED] * 6 + [fr.CSUM_UNKNOWN] * 4
    assert made.frame_bytes(0) == FRAMES[0]


def test_repair():
    offloaded = [emitted(b"payload", csum=fr.CSUM_PARTIAL), emitted(b"payload", csum=fr.CSUM_PARTIAL, ip_version=6),
                 emitted(b"payload")]
    offloaded[2] = offloaded[2][:24] + bytes(2) + offloaded[2][26:]
    damaged = FRAMES[5][:-1] + b"!"
    made = capture([*offloaded, damaged, *FRAMES], range(10))
    assert made.verify() == 6 and made.repair() == 3 and made.repair() == 0
    assert made.frame.csum.tolist() == [fr.CSUM_VERIFIED] * 3 + [fr.CSUM_UNKNOWN] + [fr.CSUM_VERIFIED] * 6
    assert made.verify() == 9 and made.frame_bytes(3) == damaged
    assert made.frame_bytes(0) == emitted(b"payload") == made.frame_bytes(2)


def test_repair_that_is_not_enough():
    """An IPv4 sum left to hardware over a payload that is damaged besides."""
    octets = emitted(b"payload")
    made = capture([octets[:24] + bytes(2) + octets[26:-1] + b"!"], [0])
    assert made.repair() == 1 and made.frame.csum[0] == fr.CSUM_UNKNOWN


def test_only_known_links_have_a_header():
    assert [link_header_bytes(linktype) for linktype in (1, 113, 276, 101, 12, 228, 229, 105)] == [14, 16, 20, 0, 0, 0, 0, -1]


def test_require_tcp():
    assert len(capture().require_tcp()) == 6
    with pytest.raises(CaptureError, match="the capture holds no TCP: of 3 frames, 2 x not TCP; 1 x shorter than"):
        capture([bytes(Ether() / IP() / UDP())] * 2 + [b"x"], range(3)).require_tcp()


def test_scapy_reads_pcapng_of_scapy_and_ours(tmp_path):
    path = str(tmp_path / "scapy.pcapng")
    wrpcapng(path, [Ether(octets) for octets in FRAMES])
    assert contents(read_capture(path)) == FRAMES
    path = str(tmp_path / "ours.pcapng")
    capture().save(path)
    with PcapNgReader(path) as reader:
        assert [bytes(p) for p in reader] == FRAMES
