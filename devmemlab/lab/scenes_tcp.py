"""Scenes of TCP: a transfer whose losses you choose, and the same arrivals once more in another memory.

Law.   A scene does what programs and wires could do, and nothing else.
Reads. Spec sections 12.4 and 13.6; tests/tcp/test_parity.py.
Omits. Any check: lessons and tests do that in the open. A peer held in the hand is `devmemlab.lab.scenes_hand`.
"""

import numpy as np

from devmemlab.base.seq import U32
from devmemlab.host.ports.base import Port
from devmemlab.host.tcp_profile import TcpProfile
from devmemlab.lab.scenes_hand import Hand
from devmemlab.lab.scenes_talk import receive, talk
from devmemlab.lab.segments import conversation, record
from devmemlab.wire.frame import make_packets, parse_frame
from devmemlab.wire.rows import Burst
from devmemlab.wire.tcp import ACK

__all__ = ["MEMORIES", "MS", "REPAIRS", "Hand", "Losing", "again", "arrivals", "conversation", "deliver", "farewell",
           "fill", "receive", "record", "repairs", "talk", "transfer"]
MEMORIES = ("device memory", "pages")
MS = 1_000_000
REPAIRS = {"sent again": "TcpRetransSegs", "fast": "TcpExtTCPFastRetrans", "probes": "TcpExtTCPLossProbes",
           "timeouts": "TcpExtTCPTimeouts"}
STEP_NS, PATIENCE_NS = 100_000, 20_000 * MS


class Losing(Port):
    """A port in front of another one that loses the data frames you name.

    Parameters
    ----------
    port : Port
        The wire.
    numbers : collection of int
        Which data frames are lost, counted from 1 over all that leave here, those sent again included.
    """

    def __init__(self, port, numbers):
        self.port, self.numbers, self.count = port, frozenset(numbers), 0
        self.live, self.moderated, self.link = port.live, port.moderated, getattr(port, "link", None)
        self._pkt = make_packets()[0]

    def recv(self, now_ns):
        """Take what has arrived; see `Port.recv`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.

        Returns
        -------
        burst : Burst or None
            The wire's own.
        """
        return self.port.recv(now_ns)

    def send(self, now_ns, burst):
        """Let frames go, but for those that are to be lost; see `Port.send`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.
        burst : Burst
            Frames.
        """
        kept = []
        for k, row in enumerate(burst.frame):
            if parse_frame(burst.octets, row.offset, row.length, self._pkt) == 0 and self._pkt.payload_bytes:
                self.count += 1
                if self.count in self.numbers:
                    continue
            kept.append(k)
        self.port.send(now_ns, Burst(burst.octets, burst.frame[kept]))

    def next_ns(self):
        """Ask the wire; see `Port.next_ns`.

        Returns
        -------
        at_ns : int or None
            Its own answer.
        """
        return self.port.next_ns()

    def close(self):
        """Close the wire."""
        self.port.close()


def transfer(octets=20_000, lose=(), mtu=1500, pages=256, loss=0.0, reorder=0.0, seed=0, rcvbuf=0, gbps=1, delay_us=50):
    """Send a stream from one host into device memory of another, over a wire that harms it as you say.

    Parameters
    ----------
    octets : int
        Length of the stream.
    lose : collection of int
        Data frames that are lost, see `Losing`.
    mtu : int
        Largest IP packet.
    pages : int
        Net_iovs that the receiver has bound.
    loss, reorder : float
        Probabilities, of frames of both directions.
    seed : int
        Decides which.
    rcvbuf : int
        Receive buffer, octets; 0: as Linux has it.
    gbps, delay_us : float
        The wire.

    Returns
    -------
    talk, stream : Talk, bytes
        Recorded and traced; the stream is written, and nothing has been sent yet. The handshake was not harmed.
    """
    ring = 16
    while ring * 2 <= min(pages, 64):
        ring *= 2
    one = talk(pages, ring, gbps, delay_us, sender={"mtu": mtu, "trace": True}, recorded=True, seed=seed, mtu=mtu, trace=True,
               tcp=TcpProfile(rcvbuf=rcvbuf) if rcvbuf else None)
    for host in (one.storage, one.trainer):
        link = host.port.port.link
        link.loss, link.reorder, link.detour_ns = round(loss * 1e6), round(reorder * 1e6), 4 * link.delay_ns
        link.rng = link.rng ^ (seed * 0x5BD1E995 + 1) & 0xFFFFFFFF or 1
    one.storage.port.port = Losing(one.storage.port.port, lose)
    stream = np.random.default_rng(seed).integers(0, 256, octets, dtype=np.uint8).tobytes()
    one.client.send(stream)
    return one, stream


def deliver(talk, octets, every_ns=STEP_NS, keep=False):
    """Let the receiving program read until it has so many octets.

    Parameters
    ----------
    talk : Talk
        Something was sent.
    octets : int
        How many are wanted.
    every_ns : int
        How often the program reads.
    keep : bool
        True: it never returns a token.

    Returns
    -------
    stream : bytes
        What the device sees; shorter when 20 s have passed.
    """
    parts, missing, until_ns = [], octets, talk.lab.clock.now_ns + PATIENCE_NS
    while missing > 0 and talk.lab.clock.now_ns < until_ns:
        now_ns = talk.lab.clock.now_ns
        # Reading while nothing can have come changes nothing: long silences are slept through.
        talk.lab.run(until_ns=max(now_ns, min(talk.lab.next_ns() or now_ns, until_ns)) + every_ns)
        pieces, got = receive(talk)
        if len(pieces) and not keep:
            talk.trainer.dontneed(talk.conn, [(int(token), 1) for token in pieces.frag_token])
        parts.append(got)
        missing -= len(got)
    return b"".join(parts)


def farewell(talk):
    """Close both ends, the sender first, and let everything come to its end.

    Parameters
    ----------
    talk : Talk
        Everything was read.
    """
    talk.client.close()
    talk.lab.run(until_ns=talk.lab.clock.now_ns + MS)
    talk.conn.close()
    talk.lab.run()


def repairs(host):
    """Count how a sender repaired its losses.

    Parameters
    ----------
    host : Host
        Who sent.

    Returns
    -------
    counts : dict of str to int
        Segments sent again, of them by fast retransmit; tail-loss probes; retransmission timeouts.
    """
    counters = host.nstat()
    return {name: counters[linux] for name, linux in REPAIRS.items()}


def fill(mtu, rcvbuf=262_144, memory=MEMORIES[0]):
    """Send to a program that does not read, until the window is shut.

    Parameters
    ----------
    mtu : int
        Decides the segment size.
    rcvbuf : int
        Receive buffer, octets.
    memory : str
        One of `MEMORIES`.

    Returns
    -------
    counts : dict of str to int
        ``payload`` of a segment, ``first window``, ``payload queued``, ``pages`` that hold it, ``truesize`` charged,
        segments ``dropped`` because the buffer was full although the window was open.
    """
    with Hand(memory, rcvbuf=rcvbuf, pages=512, mtu=mtu) as one:
        size = mtu - 40
        first, known = one.window, -1
        while one.room >= size and one.following > known:
            known = one.following
            one.put("A", bytes(size), known)
        row = one.row
        return {"payload": size, "first window": first, "payload queued": int(row.bytes_received),
                "pages": sum(frags for *_, frags in one.queued), "truesize": int(row.rmem_alloc), "dropped": int(row.drops)}


def arrivals(talk):
    """Take out of a recording what reached the receiver.

    Parameters
    ----------
    talk : Talk
        Recorded.

    Returns
    -------
    frames : list of (int, bytes)
        Time and octets.
    """
    capture, mac = talk.trainer.port.capture(), bytes.fromhex(f"{int(talk.trainer.nics.ctl[0].mac):012x}")
    every = [(int(row.at_ns), capture.frame_bytes(k)) for k, row in enumerate(capture.frame)]
    return [(at_ns, octets) for at_ns, octets in every if octets[:6] == mac]


def _ack_of(frame):
    """Read the acknowledgement number of a frame; -1 when it has none."""
    pkt, octets = make_packets()[0], np.frombuffer(bytearray(frame[1]), np.uint8)
    fine = parse_frame(octets, 0, len(octets), pkt) == 0 and pkt.tcp_flags & ACK
    return int(pkt.ack_seq) if fine else -1


def again(frames, memory=MEMORIES[0], split=True, pages=256, rcvbuf=0, every_ns=STEP_NS):
    """Let the same frames arrive, at the same times, at a host with another memory.

    Parameters
    ----------
    frames : list of (int, bytes)
        From `arrivals`.
    memory : str
        One of `MEMORIES`.
    split : bool
        Headers and payload are cut also where payload goes to pages.
    pages : int
        Net_iovs that are bound.
    rcvbuf : int
        As for `transfer`.
    every_ns : int
        How often the program reads.

    Returns
    -------
    sent, stream : list of (int, bytes), bytes
        Frames that the host sent, with their times; and what its program has read.
    """
    with Hand(memory, rcvbuf=rcvbuf, pages=pages, split=split, shake=False) as one:
        for at_ns, octets in frames:
            one.port.port.inject(octets, at_ns=at_ns)
        # The frames acknowledge a number that the first host drew.
        one.host.tcbs.ctl[0].iss_next = next(ack for ack in map(_ack_of, frames) if ack >= 0) - 1 & U32
        now_ns, last_ns, got = 0, frames[-1][0] + 300 * MS, b""
        while now_ns < last_ns:
            now_ns = max(now_ns, min(one.lab.next_ns() or last_ns, last_ns)) + every_ns
            one.lab.run(until_ns=now_ns)
            got += one.read()
        return [(int(frame.at_ns), frame.octets) for frame in one.port.port.take()], got
