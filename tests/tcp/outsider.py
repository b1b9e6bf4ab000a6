"""An outsider at the wire: frames are built and read here with `struct` alone, the host is driven through `ports.Manual`.

Sequence numbers count from the peer's SYN, acknowledgement numbers from the host's, as in a packet script.
"""

import socket
import struct
from typing import NamedTuple

import devmemlab as dml

HOST_MAC, PEER_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
HOST4, PEER4, HOST6, PEER6 = "192.0.2.1", "192.0.2.2", "fd00::1", "fd00::2"
MS = 1_000_000
U32 = 0xFFFF_FFFF
FLAGS = "FSRPAUEC"
NEVER = 1 << 62


def words_sum(octets):
    """The Internet checksum, word by word."""
    octets += bytes(len(octets) % 2)
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def mss(value):
    return struct.pack(">BBH", 2, 4, value)


def wscale(value):
    return struct.pack(">BBBB", 1, 3, 3, value)


def stamp(value, echo):
    return struct.pack(">BBBBII", 1, 1, 8, 10, value & U32, echo & U32)


SACK_OK = b"\x01\x01\x04\x02"


def sack_option(blocks):
    return b"\x01\x01" + bytes([5, 2 + 8 * len(blocks)]) + b"".join(struct.pack(">II", a & U32, b & U32) for a, b in blocks)


class Seg(NamedTuple):
    """What the host sent; numbers relative to both SYNs."""

    at_ms: float
    flags: str
    seq: int
    ack: int
    length: int
    window: int
    sack: list
    stamp: tuple
    mss: int
    wscale: int
    sack_ok: bool
    payload: bytes
    kinds: tuple


def read_options(octets):
    """Kinds in order, and what the known ones hold."""
    found, kinds, at = {}, [], 0
    while at < len(octets):
        kind = octets[at]
        kinds.append(kind)
        if kind < 2:
            at += 1
            if kind == 0:
                break
            continue
        length = octets[at + 1]
        assert length >= 2 and at + length <= len(octets), octets.hex()
        found[kind] = octets[at + 2:at + length]
        at += length
    return found, tuple(kinds)


class Wire:
    """One host at one port; many peers, each with a port number of its own."""

    def __init__(self, layout="linux", six=False, stamps=False, sack=True, device=False, gro=True, listen=True, sockets=64,
                 rcvbuf=0, scale=7, **options):
        self.lab, self.port = dml.Lab(seed=7), dml.ports.Manual()
        self.six, self.stamps, self.sack, self.scale, self.device = six, stamps, sack, scale, None
        self.host = self.lab.host(
            "dut", ip=HOST4, ip6=HOST6, mac=HOST_MAC.hex(":"), ifname="eth1", gateway_mac=PEER_MAC.hex(":"), port=self.port,
            rx_queues=2, rx_ring=32, sockets=sockets, tcp=dml.TcpProfile(options=layout, rcvbuf=rcvbuf), **options)
        if device:
            self.device = dml.DeviceMemory("512KiB")
            ethtool = self.host.ethtool("eth1")
            ethtool.set_rings(tcp_data_split="on", hds_thresh=0)
            ethtool.set_rxfh_indir(equal=1)
            ethtool.add_rule("tcp6" if six else "tcp4", queue=1, dst_port=5201)
            self.netlink = self.host.netlink("netdev")
            self.netlink.bind_rx({"ifindex": self.host.ifindex("eth1"), "fd": self.host.export(self.device),
                                  "queues": [{"type": "rx", "id": 1}]})
        if not gro:
            self.host.ethtool("eth1").set_feature("rx-gro", False)
        self.peers, self.log, self.next_port = {}, [], 30000
        self.server = self.socket()
        if listen:
            self.server.bind(("", 5201))
            self.server.listen(32)

    def socket(self):
        sock = self.host.socket(dml.AF_INET6 if self.six else dml.AF_INET, dml.SOCK_STREAM)
        sock.settimeout(0)
        return sock

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, where):
        if kind is None:
            self.host.audit()
        self.lab.close()
        if self.device is not None:
            self.device.close()

    @property
    def now_ns(self):
        return self.lab.clock.now_ns

    def frame(self, sport, dport, tcp, payload):
        """Ethernet, IP and TCP around a payload; `tcp` is everything behind the two port numbers but the sums."""
        seq, ack, flags, window, urg, options = tcp
        options += bytes(-len(options) % 4)
        head = struct.pack(">HHIIBBHHH", sport, dport, seq & U32, ack & U32, (5 + len(options) // 4) << 4, flags, window, 0, urg)
        whole = bytearray(head + options + payload)
        if self.six:
            ends = socket.inet_pton(socket.AF_INET6, PEER6) + socket.inet_pton(socket.AF_INET6, HOST6)
            pseudo = ends + struct.pack(">II", len(whole), 6)
            ip, kind = struct.pack(">IHBB", 6 << 28, len(whole), 6, 64) + ends, 0x86DD
        else:
            ends = socket.inet_aton(PEER4) + socket.inet_aton(HOST4)
            pseudo = ends + struct.pack(">HH", 6, len(whole))
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(whole), 1, 0x4000, 64, 6, 0) + ends
            ip, kind = ip[:10] + struct.pack(">H", words_sum(ip)) + ip[12:], 0x0800
        whole[16:18] = struct.pack(">H", words_sum(pseudo + bytes(whole)))
        return HOST_MAC + PEER_MAC + struct.pack(">H", kind) + ip + bytes(whole)

    def run(self, ms=0):
        """Let so much time pass; what the host sent goes to the peers."""
        self.lab.run(until_ns=self.now_ns + int(ms * MS))
        for sent in self.port.take():
            self.read(sent)

    def read(self, sent):
        octets = sent.octets
        assert octets[6:12] == HOST_MAC
        if octets[:6] != PEER_MAC:
            return          # the answer to a frame whose sender was damaged
        version = octets[14] >> 4
        head = 20 if version == 4 else 40
        length = struct.unpack_from(">H", octets, 16)[0] - 20 if version == 4 else struct.unpack_from(">H", octets, 18)[0]
        pseudo = octets[26:34] + struct.pack(">HH", 6, length) if version == 4 else octets[22:54] + struct.pack(">II", length, 6)
        tcp = octets[14 + head:14 + head + length]
        assert words_sum(pseudo + tcp) == 0, "checksum of what the host sent"
        sport, dport, seq, ack, doff, bits, window = struct.unpack_from(">HHIIBBH", tcp)
        peer = self.peers.get((dport, sport))
        if peer is None:
            return
        found, kinds = read_options(tcp[20:(doff >> 4) * 4])
        flags = "".join(letter for k, letter in enumerate(FLAGS) if bits >> k & 1)
        if "S" in flags:
            peer.iss = seq
            if 3 in found:
                peer.their_scale = found[3][0]
        blocks = struct.unpack(f">{len(found.get(5, b'')) // 4}I", found.get(5, b""))
        base = peer.isn
        seg = Seg(sent.at_ns / MS, flags, seq - (peer.iss or 0) & U32, ack - base & U32 if bits & 16 else 0,
                  len(tcp) - (doff >> 4) * 4,
                  window << (0 if "S" in flags else peer.their_scale),
                  [(blocks[k] - base & U32, blocks[k + 1] - base & U32) for k in range(0, len(blocks), 2)],
                  struct.unpack(">II", found[8]) if 8 in found else (), struct.unpack(">H", found[2])[0] if 2 in found else -1,
                  found[3][0] if 3 in found else -1, 4 in found, tcp[(doff >> 4) * 4:], kinds)
        if seg.stamp:
            peer.echo = seg.stamp[0]
        self.log.append(f"{seg.at_ms:10.3f} ms    sent {seg.flags} seq {seg.seq} ack {seg.ack} len {seg.length} win {seg.window} "
                        f"sack {seg.sack} ts {seg.stamp}")
        peer.out.append(seg)

    def peer(self, isn=0xFFFF_FFF0, dport=5201):
        """A fresh peer that calls, or lets itself be called."""
        self.next_port += 1
        return Peer(self, self.next_port, dport, isn)


class Peer:
    """One far end, made by hand."""

    def __init__(self, wire, sport, dport, isn):
        self.wire, self.sport, self.dport, self.isn, self.iss = wire, sport, dport, isn, None
        self.out, self.conn, self.their_scale, self.stamps = [], None, 0, False
        self.ts, self.echo = 1000, 0
        self.window = 65535
        wire.peers[sport, dport] = self

    def octets(self, flags, seq=0, ack=None, payload=b"", options=None, window=None, urg=0, ts=None):
        """The frame of one segment."""
        if options is None:
            options = stamp(self.ts if ts is None else ts, self.echo) if self.stamps else b""
        bits = sum(1 << FLAGS.index(letter) for letter in flags)
        number = 0 if ack is None else (self.iss or 0) + ack
        self.wire.log.append(f"{self.wire.now_ns / MS:10.3f} ms  inject {flags} seq {seq} ack {ack} len {len(payload)}")
        return self.wire.frame(self.sport, self.dport, (self.isn + seq, number, bits, self.window if window is None else window,
                                                        urg, options), payload)

    def send(self, flags, seq=0, ack=None, payload=b"", **more):
        """One segment arrives now; returns what the host sent at once."""
        self.wire.port.inject(self.octets(flags, seq, ack, payload, **more), at_ns=self.wire.now_ns)
        self.wire.run()
        return self.take()

    def take(self):
        sent, self.out = self.out, []
        return sent

    def one(self, sent, **wanted):
        """Exactly one segment, with these fields."""
        assert len(sent) == 1, self.story(f"wanted one segment {wanted}, got {sent}")
        for name, value in wanted.items():
            assert getattr(sent[0], name) == value, self.story(f"{name}: {getattr(sent[0], name)!r}, not {value!r}")
        return sent[0]

    def story(self, why):
        return "\n".join([*self.wire.log[-40:], ">>> " + why])

    @property
    def syn_options(self):
        wire = self.wire
        return (mss(1460) + (SACK_OK if wire.sack else b"") + (stamp(self.ts, self.echo) if wire.stamps else b"")
                + (wscale(wire.scale) if wire.scale is not None else b""))

    def handshake(self, accept=True, **more):
        """The peer calls."""
        self.one(self.send("S", 0, options=self.syn_options, **more), flags="SA", seq=0, ack=1)
        self.stamps = self.wire.stamps
        assert self.send("A", 1, 1) == [], self.story("nothing answers the third segment")
        if accept:
            self.conn, _ = self.wire.server.accept()
            self.conn.settimeout(0)
        return self

    def call(self):
        """The host calls; its SYN is returned."""
        self.conn = self.wire.socket()
        try:
            self.conn.connect((PEER6 if self.wire.six else PEER4, self.sport))
        except BlockingIOError:
            pass
        del self.wire.peers[self.sport, self.dport]
        self.dport = self.conn.getsockname()[1]
        self.wire.peers[self.sport, self.dport] = self
        self.wire.run()
        return self.one(self.take(), flags="S", seq=0)

    def answered(self):
        """The host calls and the peer takes the call."""
        self.call()
        sent = self.send("SA", 0, 1, options=self.syn_options)
        self.stamps = self.wire.stamps
        self.one(sent, flags="A", seq=1, ack=1)
        return self

    def shut(self):
        """The program says that it sends no more."""
        self.conn.shutdown(socket.SHUT_WR)
        self.wire.run()
        return self.take()

    def read(self):
        """Everything there is now, from host or device memory; tokens are returned."""
        got = bytearray()
        while True:
            try:
                data, ancdata, _, _ = self.conn.recvmsg(1 << 16, dml.CMSG_SPACE(24) * 64, dml.MSG_SOCK_DEVMEM)
            except BlockingIOError:
                break
            pieces = dml.frags(ancdata)
            if not data and not len(pieces):
                break
            got += data
            for piece in pieces:
                if piece.kind == 79:
                    got += self.wire.device.read(int(piece.frag_offset), int(piece.frag_size))
                    self.wire.host.dontneed(self.conn, [(int(piece.frag_token), 1)])
        self.wire.run()
        return bytes(got)
