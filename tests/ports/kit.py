"""What the port tests share: a toy connection to record, and a toy receiver to replay it to."""

import numpy as np

from devmemlab.base.seq import seq_add, seq_diff
from devmemlab.base.table import table
from devmemlab.host.ports.store import FrameStore
from devmemlab.wire import frame as fr
from devmemlab.wire.ethernet import mac
from devmemlab.wire.pcap import Capture
from devmemlab.wire.tcp import ACK, FIN, PSH, SYN, flags_text
from tests.wire.kit import addresses, emitted

SYN_OPTIONS = {"opt_mss": 1460, "opt_wscale": 7, "opt_sack_permitted": 1}
SENDER, RECEIVER = ("10.0.0.1", 40000, "02:00:00:00:00:01"), ("10.0.0.2", 5201, "02:00:00:00:00:02")
CLIENT_ISN, SERVER_ISN = 0xFFFFFF00, 9000


def made(source, destination, payload=b"", **fields):
    """One frame from one (address, port, MAC) to another."""
    for name in ("seq", "ack_seq", "sack_0_start", "sack_0_end"):
        if name in fields:
            fields[name] &= 0xFFFFFFFF
    return emitted(payload, src_mac=mac(source[2]), dst_mac=mac(destination[2]), sport=source[1], dport=destination[1],
                   **addresses(source[0], destination[0]), **fields)


def burst_of(*frames, at_ns=0):
    """A burst of frames given as bytes, one behind the other."""
    rows = table(fr.FRAME, max(len(frames), 1))[:len(frames)]
    at = 0
    for row, octets in zip(rows, frames, strict=True):
        row.at_ns, row.offset, row.length, row.wire_length = at_ns, at, len(octets), len(octets)
        at += len(octets)
    return fr.Burst(np.frombuffer(bytearray(b"".join(frames)) or bytearray(1), np.uint8), rows)


def seen(burst):
    """Every frame of a burst as (at_ns, flags, seq, ack_seq, payload); sums must be right."""
    found = []
    for row in burst.frame if burst is not None else ():
        pkt = fr.make_packets(1)[0]
        assert fr.parse_frame(burst.octets, row.offset, row.length, pkt) == 0
        assert fr.verify_tcp_csum(burst.octets, row.offset, pkt) and fr.verify_ipv4_csum(burst.octets, row.offset, pkt)
        payload = burst.octets[row.offset + pkt.payload_at:][:pkt.payload_bytes].tobytes()
        found.append((int(row.at_ns), flags_text(pkt.tcp_flags), int(pkt.seq), int(pkt.ack_seq), payload))
    return found


def bulk(parts=4, part_bytes=100, step_ns=1000, sender=SENDER, receiver=RECEIVER, handshake=True, server_opens=False):
    """A small transfer as it would have been recorded, both directions; the sequence numbers wrap in it."""
    store, now, seq = FrameStore(), 0, CLIENT_ISN + 1
    begin = []
    there, back = (sender, receiver), (receiver, sender)
    if server_opens:
        begin.append((back, {"seq": SERVER_ISN, "tcp_flags": SYN, "ts_val": 7000, **SYN_OPTIONS}))
        begin.append((there, {"seq": CLIENT_ISN, "ack_seq": SERVER_ISN + 1, "tcp_flags": SYN | ACK, "ts_ecr": 7000,
                              **SYN_OPTIONS}))
    else:
        begin.append((there, {"seq": CLIENT_ISN, "tcp_flags": SYN, **SYN_OPTIONS}))
        begin.append((back, {"seq": SERVER_ISN, "ack_seq": seq, "tcp_flags": SYN | ACK, "ts_val": 7000, **SYN_OPTIONS}))
        begin.append((there, {"seq": seq, "ack_seq": SERVER_ISN + 1, "tcp_flags": ACK, "ts_ecr": 7000}))
    steps = begin if handshake else []
    for k in range(parts):
        steps.append((there, {"payload": bytes([k + 1]) * part_bytes, "seq": seq, "ack_seq": SERVER_ISN + 1,
                              "tcp_flags": ACK | PSH, "ts_val": 100 + k, "ts_ecr": 7000}))
        seq += part_bytes
    steps.append((back, {"seq": SERVER_ISN + 1, "ack_seq": seq, "tcp_flags": ACK, "ts_val": 7002}))
    steps.append((there, {"seq": seq, "ack_seq": SERVER_ISN + 1, "tcp_flags": ACK | FIN, "ts_ecr": 7002}))
    steps.append((back, {"seq": SERVER_ISN + 1, "ack_seq": seq + 1, "tcp_flags": ACK | FIN, "ts_val": 7003}))
    steps.append((there, {"seq": seq + 1, "ack_seq": SERVER_ISN + 2, "tcp_flags": ACK, "ts_ecr": 7003}))
    for (source, destination), fields in steps:
        octets = made(source, destination, opt_timestamp=1, **{"window": 500, **fields})
        store.append_octets(octets, 5_000_000 + now, fr.CSUM_UNKNOWN)
        now += step_ns
    return Capture(*store.burst())


class ToyReceiver:
    """The recorded receiver's stand-in: accepts, takes what is in order, acknowledges each burst, answers FIN with FIN."""

    def __init__(self, port, isn=0xFFFFFFFF, window=1000, wscale=0, lose=()):
        self.port, self.isn, self.window, self.wscale, self.lose = port, isn, window, wscale, set(lose)
        self.me, self.peer = [(ip, p, m) for ip, p, m in ((port.flow.dst, port.flow.dport, port.flow.dst_mac),
                                                         (port.flow.src, port.flow.sport, port.flow.src_mac))]
        self.nxt, self.rcv_nxt, self.got, self.arrived, self.acks = isn, None, bytearray(), 0, []

    def send(self, now_ns, tcp_flags, **fields):
        """Send one segment."""
        syn = SYN_OPTIONS | {"opt_wscale": self.wscale} if tcp_flags & SYN else {}
        self.port.send(now_ns, burst_of(made(self.me, self.peer, seq=self.nxt, ack_seq=self.rcv_nxt or 0, tcp_flags=tcp_flags,
                                             window=self.window, **syn, **fields)))
        self.nxt = seq_add(self.nxt, bool(tcp_flags & (SYN | FIN)))

    def take(self, now_ns, burst):
        """Take one burst."""
        for _, flags, seq, ack_seq, payload in seen(burst):
            self.arrived += 1
            if self.arrived in self.lose:
                continue
            if flags == "S":
                self.rcv_nxt = seq_add(seq, 1)
                self.send(now_ns, SYN | ACK)
                continue
            if self.rcv_nxt is None:
                continue
            assert seq_diff(ack_seq, self.nxt) <= 0, "acknowledges what was never sent"
            self.acks.append(ack_seq)
            assert seq_diff(seq, self.rcv_nxt) + len(payload) <= self.window << self.wscale, "beyond the window"
            if seq == self.rcv_nxt:
                self.got += payload
                self.rcv_nxt = seq_add(seq, len(payload) + ("F" in flags))
                if "F" in flags:
                    self.send(now_ns, ACK | FIN)
        if self.rcv_nxt is not None:
            self.send(now_ns, ACK)

    def run(self, now_ns=0, turns=20000):
        """Play until nothing comes by itself; returns the time."""
        for _ in range(turns):
            while (burst := self.port.recv(now_ns)) is not None:
                self.take(now_ns, burst)
            at_ns = self.port.next_ns()
            if at_ns is None:
                return now_ns
            now_ns = max(now_ns, at_ns)
        raise AssertionError("the replay does not end")
