"""Replay of captures of every kind, written by scapy and dpkt; what must come out is computed by a reassembler of its own.

Interpreted, a flow takes more than a second: what says the same in every mode is left to the compiled one.
"""

import hashlib
import random
import socket

import dpkt
import pytest
from scapy.layers.inet import IP, TCP, IPOption_Timestamp
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop
from scapy.layers.l2 import CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Ether
from scapy.utils import PcapNgWriter, PcapWriter

from devmemlab.lab.replay import replay
from tests.naive.dpkt_streams import streams

A, B = ("10.0.0.1", 40000), ("10.0.0.2", 5201)
A6, B6 = ("fd00::1", 40000), ("fd00::2", 5201)
STEP = 500


class Talk:
    """A connection as two kernels would have it; each segment is one scapy packet above the link."""

    def __init__(self, a=A, b=B, isn=0xFFFFFC00, peer_isn=77, seed=0, options=(), ip=lambda header: header):
        self.ends, self.nxt, self.options, self.ip = {"a": (a, b), "b": (b, a)}, {"a": isn, "b": peer_isn}, list(options), ip
        self.random, self.packets = random.Random(seed), []

    def say(self, who, flags, payload=b"", seq=None, **fields):
        """One segment; it is kept and returned."""
        (src, sport), (dst, dport) = self.ends[who]
        at = self.nxt[who] if seq is None else seq & 0xFFFFFFFF
        other = "b" if who == "a" else "a"
        header = IPv6(src=src, dst=dst) if ":" in src else IP(src=src, dst=dst, id=len(self.packets))
        tcp = TCP(sport=sport, dport=dport, seq=at, ack=self.nxt[other] if "A" in flags else 0, flags=flags, window=60000,
                  options=self.options, **fields)
        self.packets.append(self.ip(header) / tcp / payload)
        if seq is None:
            self.nxt[who] = (at + len(payload) + ("S" in flags) + ("F" in flags)) & 0xFFFFFFFF
        return self.packets[-1]

    def hello(self):
        self.say("a", "S")
        self.say("b", "SA")
        self.say("a", "A")
        return self

    def data(self, who="a", parts=8):
        for _ in range(parts):
            self.say(who, "PA", self.random.randbytes(STEP))
            self.say("b" if who == "a" else "a", "A")
        return self

    def bye(self):
        self.say("a", "FA")
        self.say("b", "FA")
        self.say("a", "A")
        return self


def ethernet(packet):
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet


def proto(packet):
    return 0x86DD if IPv6 in packet else 0x0800


LINKS = {
    "Ethernet": (1, ethernet),
    "VLAN": (1, lambda p: Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / Dot1Q(vlan=5) / p),
    "QinQ": (1, lambda p: Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / Dot1AD(vlan=7) / Dot1Q(vlan=5) / p),
    "cooked v1": (113, lambda p: CookedLinux(pkttype=4, lladdrlen=6, src=b"\x02\0\0\0\0\x01\0\0", proto=proto(p)) / p),
    "cooked v2": (276, lambda p: CookedLinuxV2(pkttype=0, lladdrlen=6, src=b"\x02\0\0\0\0\x01\0\0", proto=proto(p)) / p),
    "raw": (101, lambda p: p),
    "raw, the old number": (12, lambda p: p),
}


def write(path, packets, link="Ethernet", snaplen=None):
    """A pcap or pcapng file by scapy; what scapy cannot cut is cut here."""
    linktype, wrap = LINKS[link]
    if path.suffix == ".pcapng":
        with PcapNgWriter(str(path)) as writer:
            writer.linktype = linktype
            for k, packet in enumerate(packets):
                made = wrap(packet)
                made.time = 1 + k / 1000
                writer.write(made)
        return path
    with PcapWriter(str(path), linktype=linktype, nano=True) as writer:
        writer.write_header(None)
        for k, packet in enumerate(packets):
            octets = bytes(wrap(packet))
            writer.write_packet(octets[:snaplen], sec=1, usec=k * 1000, wirelen=len(octets))
    return path


def check(path):
    """Replay a file; every stream must be that of the reassembler. Returns octets of each stream, the report."""
    report = replay(path, dmabuf="256KiB")
    expected = []
    for (src, sport, dst, dport), connections in streams(path).items():
        family = socket.AF_INET if len(src) == 4 else socket.AF_INET6
        src, dst = (socket.inet_ntop(family, address) for address in (src, dst))
        names = [f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for ip, port in ((src, sport), (dst, dport))]
        expected += [(*names, len(stream), hashlib.sha256(stream).hexdigest(), gaps) for stream, gaps in connections]
    got = [tuple(flow[name] for name in ("src", "dst", "payload_bytes", "sha256", "gaps")) for flow in report["flows"]]
    assert sorted(got) == sorted(expected)
    assert report["netmems_in_flight"] == 0 and report["audit"] == "clean"
    return sorted((flow["payload_bytes"] for flow in report["flows"]), reverse=True), report


@pytest.mark.once
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("kind", [".pcap", ".pcapng"])
def test_links_and_files(tmp_path, link, kind):
    six = link in ("raw", "cooked v2")
    talk = Talk(*((A6, B6) if six else (A, B))).hello().data("a", 4).data("b", 2).bye()
    sizes, report = check(write(tmp_path / f"any{kind}", talk.packets, link))
    assert sizes == [4 * STEP, 2 * STEP] and not report["notes"]


@pytest.mark.once
def test_dpkt_writes_one_too(tmp_path):
    with open(tmp_path / "dpkt.pcapng", "wb") as file:
        writer = dpkt.pcapng.Writer(file)
        for k, packet in enumerate(Talk().hello().data(parts=3).bye().packets):
            writer.writepkt(bytes(ethernet(packet)), k / 1000)
    assert check(tmp_path / "dpkt.pcapng")[0] == [3 * STEP, 0]


def only(talk, who):
    return [packet for packet in talk.packets if packet[TCP].sport == talk.ends[who][0][1]]


def without(packets, *numbers):
    return [packet for k, packet in enumerate(packets) if k not in numbers]


def shuffled(packets, seed):
    """Neighbours change places, as on a wire with several paths; every fifth comes twice, and later."""
    drawn, out = random.Random(seed), []
    for k, packet in enumerate(packets):
        out.insert(max(len(out) - drawn.randrange(3), min(len(out), 4)), packet)
        if k % 5 == 4:
            out.append(packets[k - 2])
    return out


CASES = {
    # A talk begins S, SA, A; then data and acknowledgements take turns: data k is packet 3 + 2 k.
    "one side, the sender's": lambda: only(Talk().hello().data().bye(), "a"),
    "one side, the receiver's": lambda: only(Talk().hello().data("b").bye(), "b"),
    "one side without its beginning": lambda: only(Talk().data(), "a"),
    "no handshake": lambda: Talk().data("a", 3).data("b", 3).packets,
    "no handshake, the first two the wrong way round": lambda: [Talk().data("a", 4).packets[k] for k in (2, 0, 1, 4, 3, 5, 6, 7)],
    "no end": lambda: Talk().hello().data().packets,
    "one gap": lambda: without(Talk().hello().data().bye().packets, 9),
    "three gaps": lambda: without(Talk().hello().data("a", 12).bye().packets, 7, 11, 13, 17),
    "the first octets are missing": lambda: without(Talk().hello().data().bye().packets, 3),
    "the first octets of the side that was connected to are missing": lambda: without(Talk().hello().data("b").bye().packets, 3),
    "reordered and sent twice": lambda: shuffled(Talk().hello().data("a", 16).bye().packets, 1),
    "IPv6, reordered and sent twice": lambda: shuffled(Talk(A6, B6).hello().data("b", 16).bye().packets, 2),
    "nothing but a handshake": lambda: Talk().hello().bye().packets,
}


@pytest.mark.once
@pytest.mark.parametrize("case", CASES)
def test_what_may_be_missing(tmp_path, case):
    check(write(tmp_path / "case.pcap", CASES[case]()))


def overlapping():
    """Sent again in other pieces, as a sender does whose segments were merged in its queue."""
    talk = Talk().hello()
    start, octets = talk.nxt["a"], talk.random.randbytes(4000)
    for first, end in ((0, 700), (1400, 2100), (350, 1050), (1050, 1750), (0, 2100), (3000, 4000), (2000, 3500)):
        talk.say("a", "PA", octets[first:end], seq=start + first)
    talk.nxt["a"] = (start + 4000) & 0xFFFFFFFF
    return talk.bye().packets


def keepalives():
    """Probes with and without an octet from before, and probes of a window that was closed."""
    talk = Talk().hello()
    talk.say("a", "A", seq=talk.nxt["a"] - 1)
    talk.say("a", "A", b"\0", seq=talk.nxt["a"] - 1)
    talk.data("a", 3)
    talk.say("b", "A").window = 0
    talk.say("a", "A", seq=talk.nxt["a"] - 1)
    return talk.data("a", 3).bye().packets


def reset():
    talk = Talk().hello().data("a", 4)
    talk.say("a", "RA")
    return talk.packets


def reset_by_the_other():
    talk = Talk().hello().data("a", 4)
    talk.say("b", "R")
    return talk.packets


ODD = [("NOP", None), ("MSS", 1400), (254, b"\x12\x34experiment"[:6]), ("Timestamp", (5, 6)), ("SAck", (1, 2))]
BAD = [(77, b"")]
HEADERS = {
    "overlapping": overlapping, "keepalives": keepalives, "reset": reset, "reset by the other": reset_by_the_other,
    "odd TCP options": lambda: Talk(options=ODD).hello().data().bye().packets,
    "an option that nobody knows": lambda: Talk(options=BAD).hello().data().bye().packets,
    "MD5": lambda: Talk(options=[(19, bytes(16))]).hello().data().bye().packets,
    "IP options": lambda: Talk(ip=lambda h: IP(src=h.src, dst=h.dst, options=[IPOption_Timestamp(timestamp=1)])).hello().data()
    .bye().packets,
    "extension headers": lambda: Talk(A6, B6, ip=lambda h: h / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt()).hello().data()
    .bye().packets,
    "congestion and urgent flags": lambda: [*Talk().hello().data("a", 2).packets[:5], *_flagged()],
}


def _flagged():
    talk = Talk().hello().data("a", 2)
    before = len(talk.packets)
    talk.say("a", "PAEC", talk.random.randbytes(STEP))
    return [talk.packets[5], *talk.packets[before:], *talk.bye().packets[-3:]]


@pytest.mark.once
@pytest.mark.parametrize("case", HEADERS)
def test_odd_headers(tmp_path, case):
    check(write(tmp_path / "case.pcap", HEADERS[case]()))


@pytest.mark.once
def test_two_hosts_may_use_the_same_ports(tmp_path):
    talks = [Talk(("10.0.0.1", 40000), ("10.0.0.2", 5201), seed=1), Talk(("10.0.0.3", 40000), ("10.0.0.2", 5201), seed=2),
             Talk(("10.0.0.1", 40000), ("10.0.0.4", 5201), seed=3)]
    packets = [talk.hello().data("a", parts).bye().packets for parts, talk in enumerate(talks, 2)]
    mixed = [packet for group in zip(*(p + [None] * 9 for p in packets)) for packet in group if packet is not None]
    assert check(write(tmp_path / "same.pcap", mixed))[0] == [4 * STEP, 3 * STEP, 2 * STEP, 0, 0, 0]


@pytest.mark.once
@pytest.mark.parametrize("handshake", [True, False])
def test_a_pair_of_sockets_may_be_used_again(tmp_path, handshake):
    """Three connections one after the other; the first one's handshake may be missing. The second's SYN is sent twice."""
    first, second, third = (Talk(isn=isn, peer_isn=isn + 9, seed=seed) for seed, isn in enumerate((1000, 2_500_000_000, 800)))
    packets = [*first.hello().data("a", 2).data("b", 1).bye().packets[0 if handshake else 3:]]
    packets += [*(again := second.hello().data("a", 4).bye().packets)[:1], *again, *third.hello().data("b", 3).packets]
    assert check(write(tmp_path / "again.pcap", packets))[0] == [4 * STEP, 3 * STEP, 2 * STEP, STEP, 0, 0]


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("left", [0, 40, 200])
def test_frames_cut_when_captured(tmp_path, six, left):
    """A snap length in the middle of the payload: what is there counts, the rest is a gap behind every segment."""
    talk = Talk(*((A6, B6) if six else (A, B)), options=[("Timestamp", (1, 2))]).hello().data("a", 5).bye()
    snaplen = 14 + (40 if six else 20) + 32 + left
    sizes, report = check(write(tmp_path / "cut.pcap", talk.packets, snaplen=snaplen))
    assert sizes[0] == left
    assert report["notes"] == ["5 frames were cut when they were captured; what is there of them was played"]


def test_frames_cut_inside_their_headers_are_gaps(tmp_path):
    report = replay(write(tmp_path / "cut.pcap", Talk().hello().data("a", 3).packets, snaplen=14 + 20 + 20), dmabuf="256KiB")
    assert [flow["payload_bytes"] for flow in report["flows"]] == [0, 0]


def test_large_segments_and_sums_left_to_hardware(tmp_path):
    """Captured in front of the sender's NIC: segments of 40000 octets, sums wrong in every one of them."""
    talk = Talk().hello()
    for _ in range(3):
        packet = talk.say("a", "PA", talk.random.randbytes(40000))
        packet[TCP].chksum = 0x1234
        talk.say("b", "A")
    sizes, report = check(write(tmp_path / "large.pcap", talk.bye().packets))
    assert sizes[0] == 120_000 and not report["flows"][0]["gaps"]


def test_a_segment_beyond_an_ip_packet_is_left_out_and_said(tmp_path):
    talk = Talk().hello().data("a", 2)
    talk.say("a", "PA", talk.random.randbytes(66000)).len = 0
    report = replay(write(tmp_path / "big.pcap", talk.data("a", 2).packets), dmabuf="256KiB")
    assert (report["flows"][0]["payload_bytes"], report["flows"][0]["gaps"]) == (2 * STEP, 1)
    assert report["notes"] == ["1 segments were too long for an IP packet and were left out"]


def test_a_damaged_frame_does_not_count_and_its_repetition_does(tmp_path):
    for again in (True, False):
        talk = Talk().hello().data("a", 4)
        packets = [packet.copy() for packet in talk.packets]
        octets = bytearray(bytes(packets[7]))
        octets[-3] ^= 1
        packets[7:8] = [IP(bytes(octets)), *([talk.packets[7]] if again else [])]
        report = replay(write(tmp_path / "damaged.pcap", packets), dmabuf="256KiB")
        whole = b"".join(bytes(talk.packets[k][TCP].payload) for k in (3, 5, 7, 9))
        there = whole if again else whole[:2 * STEP]
        assert report["flows"][0]["sha256"] == hashlib.sha256(there).hexdigest() and report["flows"][0]["gaps"] == (not again)
        assert report["notes"] == ["1 frames carried wrong checksums and were left out, as by a receiver"]
