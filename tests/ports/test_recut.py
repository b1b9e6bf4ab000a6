"""Super-frames cut to frames of the wire: as scapy sums them, and as the kernel's own segmentation cuts them."""

import os
import select
import shutil
import socket
import struct
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from devmemlab.base.errno import EAGAIN
from devmemlab.base.table import as_dict
from devmemlab.host import ports
from devmemlab.host.ports.tap_io import make_tap_tables, tap_recv, tap_send
from devmemlab.host.ports.vnet import ARENA_AT
from devmemlab.wire.rows import CSUM_PARTIAL, CSUM_UNKNOWN, CSUM_VERIFIED
from tests.ports.kit import burst_of

TCPV4, TCPV6, ECN, NEEDS_CSUM = 1, 4, 0x80, 1
OPTIONS = [("NOP", None), ("NOP", None), ("Timestamp", (77, 88))]


def headers(six=False, vlan=False, options=(), flags="A", seq=1, number=7):
    """What stands before the payload."""
    link = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
    link = link / Dot1Q(vlan=5) if vlan else link
    ip = IPv6(src="fd00::1", dst="fd00::2", tc=3) if six else IP(src="10.0.0.1", dst="10.0.0.2", id=number, flags="DF", tos=3)
    return link / ip / TCP(sport=40000, dport=5201, flags=flags, seq=seq, ack=99, window=500, options=list(options))


def partial(packet):
    """Its octets with the sum of the pseudo header alone, and where TCP starts."""
    octets = bytearray(bytes(packet))
    tcp_at = len(octets) - len(bytes(packet[TCP]))
    where = (tcp_at - 32, 32) if packet.haslayer(IPv6) else (tcp_at - 8, 8)
    total = sum(struct.unpack(f"!{where[1] // 2}H", octets[where[0]:where[0] + where[1]])) + 6 + len(octets) - tcp_at
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    octets[tcp_at + 16:tcp_at + 18] = total.to_bytes(2, "big")
    return bytes(octets), tcp_at


def super_frame(packet, gso_bytes, gso_type=None):
    """A virtio_net_hdr and the octets behind it."""
    octets, tcp_at = partial(packet)
    kind = gso_type if gso_type is not None else TCPV6 if packet.haslayer(IPv6) else TCPV4
    return struct.pack("<BBHHHH", NEEDS_CSUM, kind, tcp_at, gso_bytes, tcp_at, 16) + octets


def cut(packet, gso_bytes):
    """What a card would send, one scapy packet a frame, every sum made by scapy."""
    payload = bytes(packet[TCP].payload)
    packet[TCP].remove_payload()
    pieces = [payload[at:at + gso_bytes] for at in range(0, len(payload), gso_bytes)] or [b""]
    for k, piece in enumerate(pieces):
        one = packet.copy()
        one[TCP].seq = (packet[TCP].seq + k * gso_bytes) & 0xFFFFFFFF
        letters = set(str(packet[TCP].flags)) - (set() if k == 0 else {"C"}) - (set() if k + 1 == len(pieces) else {"F", "P"})
        one[TCP].flags = "".join(letters)
        if one.haslayer(IP):
            one[IP].id = (packet[IP].id + k) & 0xFFFF
        yield one / Raw(piece) if piece else one


class Cable:
    """A TAP port at whose other end we sit."""

    def __init__(self, csum=CSUM_VERIFIED, max_frames=64):
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ours.setblocking(False)
        self.theirs.setblocking(False)
        self.tap = make_tap_tables(self.ours.fileno(), max_frames, csum, True)

    def read(self, *messages):
        """Frames as (csum, octets) that one read makes of messages."""
        for message in messages:
            self.theirs.send(message)
        count = tap_recv(self.tap, 123)
        assert count >= 0 or count == -EAGAIN
        rows = self.tap.frame[:max(int(count), 0)]
        assert all(row.at_ns == 123 and row.offset % 64 == 0 and row.offset >= ARENA_AT and row.length == row.wire_length
                   for row in rows)
        return [(int(row.csum), self.tap.octets[row.offset:row.offset + row.length].tobytes()) for row in rows]

    @property
    def counts(self):
        return as_dict(self.tap.vnet[0])

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.ours.close()
        self.theirs.close()


super_frames = st.tuples(
    st.integers(0, 4000), st.integers(1, 1500), st.booleans(), st.booleans(), st.booleans(),
    st.lists(st.sampled_from("FPUEC"), unique=True), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFF))


@settings(max_examples=15, deadline=None)
@example([(4000, 1000, False, False, True, ["F", "P", "C"], 0xFFFFFF00, 0xFFFE)] * 3)
@example([(3000, 1448, True, True, True, ["P"], 1, 0), (100, 1448, True, True, True, ["P"], 1, 0)])
@given(st.lists(super_frames, min_size=1, max_size=3))
def test_frames_are_those_that_scapy_makes(what):
    messages, expected = [], []
    for payload_bytes, gso_bytes, six, vlan, options, flags, seq, number in what:
        gso_bytes = max(gso_bytes, payload_bytes // 25 + 1)
        payload = np.random.default_rng(payload_bytes).integers(0, 256, payload_bytes, dtype=np.uint8).tobytes()
        whole = headers(six, vlan, OPTIONS if options else (), "".join(["A", *flags]), seq, number)
        packet = whole / Raw(payload) if payload else whole
        messages.append(super_frame(packet, gso_bytes))
        expected += list(cut(packet, gso_bytes))
    for csum, vouched in ((CSUM_UNKNOWN, CSUM_UNKNOWN), (CSUM_VERIFIED, CSUM_PARTIAL)):
        with Cable(csum, max_frames=200) as cable:
            found = cable.read(*messages)
            assert cable.counts["super_frames"] == len(what) and cable.counts["malformed"] == 0
            assert cable.counts["segments"] == len(found) == len(expected)
        wanted = [bytes(one) if csum == CSUM_UNKNOWN else partial(one)[0] for one in expected]
        assert found == [(vouched, octets) for octets in wanted]


def test_a_right_guess_copies_no_payload_and_a_wrong_one_says_what_it_copied():
    big = headers(options=OPTIONS) / Raw(bytes(range(250)) * 40)
    with Cable(max_frames=200) as cable:
        cable.read(super_frame(big, 1448))
        first = cable.counts
        assert (first["in_place"], first["header_bytes"], first["gso_bytes"]) == (0, 66, 1448)
        assert first["copied_bytes"] == 2 * len(bytes(big))
        for again in range(1, 4):
            assert len(cable.read(super_frame(big, 1448))) == 7
            assert cable.counts["in_place"] == again and cable.counts["copied_bytes"] == first["copied_bytes"]
        # A frame that no guess was for lies in one piece all the same: short, or longer than the place of the first.
        for size in (10, 1448, 1449, 6000):
            plain = bytes(headers(options=OPTIONS) / Raw(bytes(size)))
            assert cable.read(bytes(10) + plain) == [(CSUM_VERIFIED, plain)]
        assert cable.counts["copied_bytes"] == first["copied_bytes"] + 2 * (1449 + 66) + 2 * (6000 + 66)
        assert cable.counts["super_frames"] == 4


def test_a_guess_is_wrong_for_other_headers_and_for_more_frames_than_there_are_places():
    payload = np.random.default_rng(1).bytes(60000)
    few, many, other = ((headers(options=options) / Raw(payload[:size]), size) for options, size in
                        ((OPTIONS, 2000), (OPTIONS, 60000), ((), 2000)))
    with Cable(max_frames=400) as cable:
        for (packet, size), right in ((few, 0), (few, 1), (many, 1), (many, 1), (few, 2), (other, 2), (few, 2)):
            start = len(bytes(packet)) - size
            frames = cable.read(super_frame(packet, 400))
            assert len(frames) == size // 400 and b"".join(octets[start:] for _, octets in frames) == payload[:size]
            assert all(len(octets) == start + 400 and octets[:12] == bytes(packet)[:12] for _, octets in frames)
            assert cable.counts["in_place"] == right


def test_a_burst_takes_the_last_super_frame_whole_and_leaves_the_rest():
    big = super_frame(headers() / Raw(bytes(1000)), 100)
    with Cable(max_frames=12) as cable:
        assert len(cable.read(big, big, big)) == 20 and len(cable.read()) == 10 and cable.read() == []
        assert cable.tap.ctl[0].received == 30


def test_a_partial_sum_of_one_frame_is_completed_or_left():
    for packet, offset in ((headers() / Raw(b"tcp"), 16),
                           (Ether() / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2) / Raw(b"udp"), 6)):
        right = bytes(packet)
        octets = bytearray(right)
        start = 34
        pseudo = octets[26:34] + bytes([0, octets[23]]) + (len(octets) - start).to_bytes(2, "big")
        total = sum(struct.unpack("!6H", pseudo))
        octets[start + offset:start + offset + 2] = ((total & 0xFFFF) + (total >> 16)).to_bytes(2, "big")
        message = struct.pack("<BBHHHH", NEEDS_CSUM, 0, 0, 0, start, offset) + octets
        with Cable(CSUM_UNKNOWN) as cable:
            assert cable.read(message) == [(CSUM_UNKNOWN, right)]
        with Cable(CSUM_VERIFIED) as cable:
            assert cable.read(message) == [(CSUM_PARTIAL, bytes(octets))]


def test_what_makes_no_sense_is_counted_and_dropped():
    good = super_frame(headers() / Raw(bytes(3000)), 1000)
    def changed(at, value):
        return good[:at] + value + good[at + len(value):]

    bad = [b"short", bytes(10), changed(0, b"\0"), changed(1, b"\3"), changed(1, b"\4"), changed(4, b"\0\0"),
           changed(4, b"\1\0"), changed(6, b"\x10\0"), changed(6, b"\xff\xff"),
           changed(6, b"\x23\0"), changed(10 + 12, b"\x08\x06"),
           changed(10 + 23, b"\x11"), changed(10 + 34 + 12, b"\x40"), good[:60]]
    with Cable(max_frames=4000) as cable:
        for k, message in enumerate(bad):
            assert cable.read(message) == [] and cable.counts["malformed"] == k + 1, k
        assert len(cable.read(good)) == 3
    with Cable(CSUM_UNKNOWN) as cable:
        assert cable.read(struct.pack("<BBHHHH", NEEDS_CSUM, 0, 0, 0, 50, 16) + bytes(60)) == []
        assert cable.counts["malformed"] == 1


def test_what_is_sent_has_a_header_that_asks_for_nothing():
    with Cable() as cable:
        burst = burst_of(b"\1" * 60, b"\2" * 70)
        assert tap_send(cable.tap, burst.octets, burst.frame) == 0
        assert [cable.theirs.recv(200) for _ in range(2)] == [bytes(10) + b"\1" * 60, bytes(10) + b"\2" * 70]
        cable.theirs.close()
        assert tap_send(cable.tap, burst.octets, burst.frame) < 0
        assert (cable.tap.ctl[0].sent, cable.tap.ctl[0].refused) == (2, 2)


BRIDGE = ("ip link add br0 type bridge mcast_snooping 0 && ip link set tapa master br0 && ip link set tapb master br0 && "
          "ip link set br0 up")


@pytest.mark.live
@pytest.mark.skipif(not shutil.which("ip"), reason="no ip command here: apt-get install iproute2")
def test_frames_are_those_that_the_kernel_makes():
    """A super-frame goes into the kernel on one device, and out on another without offload, for which the kernel must cut it."""
    if reason := ports.why_not_live():
        pytest.skip(reason)
    with ports.Namespace() as ns, Cable(CSUM_UNKNOWN, max_frames=200) as cable:
        a, b = ns.tap("tapa", None, offload=True), ns.tap("tapb", None, mtu=2000, max_frames=64)
        assert a.offloads["tso"] and a.offloads["tx-checksum"] and not b.offloads["tso"]
        done = ns.run(["sh", "-c", BRIDGE])
        if done.returncode:
            pytest.skip(f"no bridge here: {done.stderr.strip()}")
        for k, (six, options, flags, size, gso_bytes, seq) in enumerate([
                (False, OPTIONS, "FPACE", 5000, 1448, 0xFFFFFFF0), (False, (), "A", 1000, 100, 5),
                (True, OPTIONS, "PA", 7000, 1428, 9),
                (True, (), "FA", 3000, 1000, 0xFFFFFFFF), (False, OPTIONS, "PA", 4344, 1448, 3)]):
            packet = headers(six, False, options, flags, seq, 0xFFFE) / Raw(np.random.default_rng(k).bytes(size))
            message = super_frame(packet, gso_bytes, (TCPV6 if six else TCPV4) | (ECN if "C" in flags else 0))
            wanted, end = -(-size // gso_bytes), time.monotonic() + 20
            assert os.write(a.fileno(), message) == len(message)
            theirs = []
            while len(theirs) < wanted and time.monotonic() < end:
                select.select([b], [], [], 1)
                if (burst := b.recv()) is not None:
                    theirs += [burst.octets[row.offset:row.offset + row.length].tobytes() for row in burst.frame]
            assert [octets for _, octets in cable.read(message)] == theirs
