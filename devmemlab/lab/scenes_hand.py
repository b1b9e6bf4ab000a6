"""A peer held in the hand: you write its segments, one at a time, and read what the host answers.

Law.   The host cannot tell it from a real one: frames, sums and the handshake are whole.
Reads. RFC 9293; Linux tools/testing/selftests/net/packetdrill for the idea.
Omits. Timestamps, so that the pictures stay small; a peer that answers by itself.
"""

import numpy as np

from devmemlab.base.seq import U32, seq_diff
from devmemlab.host.ports.manual import Manual
from devmemlab.host.ports.record import Record
from devmemlab.host.tcp_profile import TcpProfile
from devmemlab.lab.lab import Lab
from devmemlab.lab.scenes import PAGE
from devmemlab.lab.scenes_talk import PORT, QUEUE
from devmemlab.lab.segments import conversation
from devmemlab.mem.region import DeviceMemory
from devmemlab.sock.uapi import AF_INET, CMSG_SPACE, MSG_SOCK_DEVMEM, frags
from devmemlab.wire.address import parse_address
from devmemlab.wire.emit import emit_tcp_frame, frame_header_bytes
from devmemlab.wire.ethernet import mac
from devmemlab.wire.rows import make_segments
from devmemlab.wire.tcp import FLAG_LETTERS

HERE, THERE = ("192.0.2.1", PORT, "02:00:00:00:00:02"), ("192.0.2.2", 40000, "02:00:00:00:00:01")
ISN, TICK_NS, WINDOW = 1_000_000, 100_000, 65535
NAMES = {HERE[0]: "trainer", THERE[0]: "you"}


def segment_octets(flags, seq, ack, payload=b"", **fields):
    """Write one frame of the peer.

    Parameters
    ----------
    flags : str
        Letters, as ``"SA"``.
    seq, ack : int
        As they stand in the header.
    payload : bytes
        Behind it.
    **fields
        More of the header, by the names of `devmemlab.wire.rows.SEG`.

    Returns
    -------
    octets : bytes
        The whole frame.
    """
    row = make_segments()[0]
    source, target = parse_address(THERE[0]), parse_address(HERE[0])
    known = {"src_mac": mac(THERE[2]), "dst_mac": mac(HERE[2]), "saddr_lo": source[2], "daddr_lo": target[2],
             "sport": THERE[1], "dport": HERE[1], "seq": seq & U32, "ack_seq": ack & U32, "window": WINDOW,
             "tcp_flags": sum(1 << FLAG_LETTERS.index(letter) for letter in flags), "payload_bytes": len(payload)}
    for name, value in {**known, **fields}.items():
        row[name] = value
    head = frame_header_bytes(row)
    arena = np.zeros(head + len(payload), np.uint8)
    arena[head:] = np.frombuffer(bytes(payload), np.uint8)
    return arena[:emit_tcp_frame(arena, 0, row)].tobytes()


class Hand:
    """A host with one connection, whose peer you are.

    Parameters
    ----------
    memory : str
        ``"device memory"`` or ``"pages"``: where payload goes.
    rcvbuf : int
        Receive buffer, octets; 0: as Linux has it.
    pages : int
        Net_iovs that are bound.
    mtu : int
        Largest IP packet.
    split : bool
        Headers and payload are cut also where payload goes to pages.
    shake : bool
        Do the handshake.
    lab : Lab, optional
        Its clock.

    Attributes
    ----------
    lab, host, port : Lab, Host, Record
        Where it is; `port` keeps what passes.
    conn : Socket or None
        The program's end; it does not block.
    device : DeviceMemory or None
        Where payload goes.
    """

    def __init__(self, memory="device memory", rcvbuf=0, pages=64, mtu=1500, split=True, shake=True, lab=None):
        self.lab, self.port = lab or Lab(), Record(Manual())
        self.host = self.lab.host("trainer", ip=HERE[0], mac=HERE[2], seed=2, rx_queues=2, ifname="eth1", port=self.port,
                                  mtu=mtu, rx_ring=64, sockets=4, trace=True,
                                  tcp=TcpProfile(rcvbuf=rcvbuf) if rcvbuf else None)
        nic, self.device, self.conn = self.host.ethtool("eth1"), None, None
        if split or memory != "pages":
            nic.set_rings(tcp_data_split="on")
        if memory != "pages":
            self.device = DeviceMemory(pages * PAGE)
            nic.set_rxfh_indir(table=[QUEUE])
            self.host.netlink("netdev").bind_rx({"ifindex": self.host.ifindex("eth1"), "fd": self.host.export(self.device),
                                                 "queues": [{"type": "rx", "id": QUEUE}]})
        self.server = self.host.socket(AF_INET)
        self.server.bind(("", PORT))
        self.server.listen()
        self.server.settimeout(0)
        if shake:
            self.say("S", seq=0, opt_mss=mtu - 40, opt_sack_permitted=1, opt_wscale=7)
            self.say("A", seq=1)

    def _program(self):
        """Accept, when somebody is there."""
        if self.conn is None:
            try:
                self.conn = self.server.accept()[0]
                self.conn.settimeout(0)
            except BlockingIOError:
                return None
        return self.conn

    @property
    def row(self):
        """TCB: what TCP remembers of the connection."""
        return self.host.tcbs.tcb[self._program().sock]

    @property
    def window(self):
        """int: octets that the host lets us send, beyond what it has acknowledged."""
        return int(self.row.rcv_wnd)

    @property
    def room(self):
        """int: octets of the window that are not used yet."""
        return seq_diff((int(self.row.rcv_wup) + int(self.row.rcv_wnd)) & U32, int(self.row.rcv_nxt))

    @property
    def following(self):
        """int: the number that the host waits for, counted from our SYN."""
        return seq_diff(int(self.row.rcv_nxt), ISN)

    @property
    def segments(self):
        """list of Segment: all that has passed."""
        return conversation(self.port).segments

    def say(self, flags="A", payload=b"", seq=1, **fields):
        """Let one segment arrive, and hear the answers.

        Parameters
        ----------
        flags : str
            Letters.
        payload : bytes
            Its octets.
        seq : int
            Counted from the SYN, which has 0.
        **fields
            More of the header.

        Returns
        -------
        answers : list of str
            What the host sent.
        """
        known = self.port.count
        self.put(flags, payload, seq, **fields)
        if self.port.count == known + 1:
            return []
        return [spelled(one) for one in self.segments[known:] if one.side]

    def put(self, flags="A", payload=b"", seq=1, **fields):
        """Let one segment arrive, and do not listen.

        Parameters
        ----------
        flags, payload, seq, **fields
            As for `say`.
        """
        ours = int(self.row.snd_nxt) if self._program() else self._iss() + 1
        octets = segment_octets(flags, ISN + seq, ours if "A" in flags else 0, payload, **fields)
        self.port.port.inject(octets, at_ns=self.lab.clock.now_ns)
        self.lab.run(until_ns=self.lab.clock.now_ns + TICK_NS)

    def _iss(self):
        """Number of the host's SYN; 0 before it was sent."""
        mine = [row for row in self.host.tcbs.tcb if row.rport == THERE[1]]
        return int(mine[0].iss) if mine else 0

    def arrive(self, payload, seq=None):
        """Let one data segment arrive.

        Parameters
        ----------
        payload : bytes
            Its octets.
        seq : int, optional
            Counted from the SYN; the next one that the host waits for when left out.

        Returns
        -------
        answers : list of str
            What the host sent.
        """
        return self.say("A", payload, self.following if seq is None else seq)

    @property
    def queued(self):
        """list of (str, int, int, int, int, int): queue, skb, its first and last number + 1, truesize, frags; no octets."""
        found, skbs = [], self.host.skbs.skb
        for queue in ("rcvq", "ofo"):
            skb = int(self.row[f"{queue}_head"])
            while skb:
                s = skbs[skb]
                found.append((queue, skb, seq_diff(int(s.seq), ISN), seq_diff(int(s.end_seq), ISN), int(s.truesize),
                              int(s.nr_frags)))
                skb = int(s.next)
        return found

    def read(self):
        """Let the program read everything that is there, and return its tokens.

        Returns
        -------
        octets : bytes
            What it was given, or what the device sees.
        """
        got, conn = b"", self._program()
        while conn is not None:
            try:
                data, ancdata, *_ = conn.recvmsg(1 << 20, CMSG_SPACE(24) * 128, MSG_SOCK_DEVMEM if self.device else 0)
            except BlockingIOError:
                break
            pieces = frags(ancdata)
            got += data + b"".join(self.device.read(int(p.frag_offset), int(p.frag_size)) for p in pieces)
            if len(pieces):
                self.host.dontneed(conn, [(int(token), 1) for token in pieces.frag_token])
            elif not data:
                break
        return got

    def close(self):
        """End the host."""
        self.lab.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()


def spelled(segment):
    """Say a segment in words.

    Parameters
    ----------
    segment : Segment
        One.

    Returns
    -------
    text : str
        Without what says nothing.
    """
    names = {"S": "SYN", "F": "FIN", "R": "RST"}
    parts = [names[letter] for letter in segment.flags if letter in names]
    if segment.end > segment.seq:
        parts.append(f"{segment.seq} + {segment.payload_bytes}" if segment.payload_bytes else str(segment.seq))
    if segment.ack is not None:
        parts.append(f"ack {segment.ack}")
    for k, (start, end) in enumerate(segment.sack):
        parts.append(f"{'DSACK' if segment.duplicate and k == 0 else 'SACK'} {start}-{end}")
    return " ".join(parts)
