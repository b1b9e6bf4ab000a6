"""A peer made by hand: the other end of a lab connection, one segment at a time.

Law.   It sends what a Linux sender of that moment would have put on the wire, and nothing by itself.
Reads. RFC 9293; `devmemlab.wire` for the octets.
Omits. Retransmission and congestion control, unless told: `Peer.send` sends once, `Peer.resend` once more.
"""

import numpy as np

from devmemlab.wire.address import parse_address
from devmemlab.wire.emit import emit_tcp_frame, frame_header_bytes
from devmemlab.wire.ethernet import mac
from devmemlab.wire.frame import make_packets, parse_frame
from devmemlab.wire.rows import make_segments
from devmemlab.wire.tcp import ACK, FIN, PSH, RST, SYN, URG

PEER_MAC, HOST_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
ADDRESSES = {4: ("10.0.0.1", "10.0.0.2"), 6: ("fd00::1", "fd00::2")}
"""IP version -> the peer's address, the host's."""
MSS = {4: 1448, 6: 1428}
"""Payload of a full segment at MTU 1500 with timestamps."""
U32 = 0xFFFFFFFF
FRAME_ROOM = 2048


class Peer:
    """One connection, seen from the other end.

    Parameters
    ----------
    lab, port : Lab, Manual
        The clock that runs the host, and its wire.
    version : int
        4 or 6.
    sport, dport : int
        The peer's port and the host's.
    """

    def __init__(self, lab, port, version, sport, dport):
        self.lab, self.port, self.version, self.sport, self.dport = lab, port, version, sport, dport
        self.seq, self.ack, self.stamp = 0xFFFF_F000, 0, 1
        self.sent, self.got = [], b""
        self._arena = np.zeros(FRAME_ROOM, np.uint8)

    def frame(self, flags, payload=b"", **fields):
        """Make the next segment; the stream moves on.

        Parameters
        ----------
        flags : int
            TCP flags.
        payload : bytes
            At most one MSS.
        **fields
            Fields of the segment.

        Returns
        -------
        octets : bytes
            A whole frame.
        """
        seg = make_segments(1)[0]
        peer, host = ADDRESSES[self.version]
        seg.src_mac, seg.dst_mac = mac(PEER_MAC), mac(HOST_MAC)
        seg.ip_version, seg.saddr_hi, seg.saddr_lo = parse_address(peer)
        _, seg.daddr_hi, seg.daddr_lo = parse_address(host)
        seg.sport, seg.dport, seg.window = self.sport, self.dport, 65535
        seg.seq, seg.ack_seq, seg.tcp_flags = self.seq, self.ack, flags
        seg.opt_timestamp, seg.ts_val = 1, self.stamp
        for name, value in fields.items():
            seg[name] = value
        seg.payload_bytes = len(payload)
        head = int(frame_header_bytes(seg))
        self._arena[head:head + len(payload)] = np.frombuffer(payload, np.uint8)
        length = int(emit_tcp_frame(self._arena, 0, seg))
        self.seq = (self.seq + len(payload) + bool(flags & SYN) + bool(flags & FIN)) & U32
        self.stamp += 1
        return self._arena[:length].tobytes()

    def deliver(self, *frames):
        """Let frames arrive now, in this order.

        Parameters
        ----------
        *frames : bytes
            Whole frames.
        """
        now_ns = self.lab.clock.now_ns
        for octets in frames:
            self.port.inject(octets, at_ns=now_ns)
        self.lab.run(until_ns=now_ns)
        self.listen()

    def listen(self):
        """Take what the host sent, and remember how far it is; its payload is kept in ``got``."""
        for sent in self.port.take():
            octets = np.frombuffer(bytearray(sent.octets), np.uint8)
            pkt = make_packets(1)[0]
            if parse_frame(octets, 0, len(octets), pkt) == 0 and pkt.dport == self.sport:
                grown = int(pkt.payload_bytes) + bool(pkt.tcp_flags & SYN) + bool(pkt.tcp_flags & FIN)
                if pkt.payload_bytes:
                    self.got += sent.octets[int(pkt.header_bytes):int(pkt.header_bytes) + int(pkt.payload_bytes)]
                self.ack = (int(pkt.seq) + grown) & U32

    def connect(self):
        """Open the connection."""
        self.deliver(self.frame(SYN, opt_mss=1460 if self.version == 4 else 1440, opt_sack_permitted=1, opt_wscale=7))
        self.deliver(self.frame(ACK))

    def cut(self, payload):
        """Cut payload into segments of one MSS.

        Parameters
        ----------
        payload : bytes
            What to send.

        Returns
        -------
        frames : list of bytes
            The last one says PSH.
        """
        mss = MSS[self.version]
        pieces = [payload[at:at + mss] for at in range(0, len(payload), mss)]
        return [self.frame(ACK | (PSH if number == len(pieces) - 1 else 0), piece) for number, piece in enumerate(pieces)]

    def send(self, payload):
        """Send payload, full segments first.

        Parameters
        ----------
        payload : bytes
            What.
        """
        self.sent = self.cut(payload)
        self.deliver(*self.sent)

    def resend(self):
        """Send the segments of the last `send` once more."""
        self.deliver(*self.sent)

    def send_urgent(self, payload):
        """Send payload whose last octet is urgent.

        Parameters
        ----------
        payload : bytes
            What.
        """
        self.deliver(self.frame(ACK | PSH | URG, payload, urg_ptr=len(payload)))

    def acknowledge(self):
        """Say what has come."""
        self.listen()
        self.deliver(self.frame(ACK))

    def finish(self):
        """Say that nothing more will come."""
        self.deliver(self.frame(FIN | ACK))

    def reset(self):
        """Break the connection."""
        self.deliver(self.frame(RST | ACK))
