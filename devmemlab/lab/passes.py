"""Passes: one mode, and everything it keeps between one reception of the input and the next.

Law.   The stopwatch runs while the receiver works; digests, the sender's port, handshake and clean-up are left out.
Reads. interfaces section 3 (rx).
Omits. Statistics: `devmemlab.lab.compare` takes the medians.
"""

import numpy as np

from devmemlab.base.table import table
from devmemlab.host.ports.pcap import Pcap
from devmemlab.lab.accelerator import PIECE, memcpy_pieces
from devmemlab.lab.lab import Lab
from devmemlab.lab.receivers import make_receiver
from devmemlab.lab.stopwatch import Untimed, processor_ns
from devmemlab.mem.ledger import NAMES, copied_per_payload, make_ledger
from devmemlab.mem.netmem import PAGE_SIZE
from devmemlab.mem.region import DeviceMemory, memory
from devmemlab.sock.uapi import SO_OOBINLINE, SO_RCVBUF, SOL_SOCKET

PLAIN = ("memcpy", "memcpy_cached")
MAX_FRAMES = 4096
RCVBUF = 1 << 24
"""SO_RCVBUF of every mode, octets: a receive window in which so long a burst finds room."""


class Passes:
    """One mode with everything it keeps between passes.

    Parameters
    ----------
    source : Source
        What is received.
    mode : str
        One of `devmemlab.lab.receivers.MODES`, or ``"memcpy_cached"``: plain copies as C's memcpy makes them, through the caches,
        where ``"memcpy"`` writes to the device as the NIC does.
    dmabuf, app_buffer : int or str
        Device memory, and the buffer of the copying modes.
    port : Pcap, optional
        It plays the source; several passes may share one, which saves a copy of the frames for each.
    **options
        Of ``lab.host``.
    """

    def __init__(self, source, mode, dmabuf, app_buffer, port=None, **options):
        self.source, self.mode = source, mode
        self.port = port or Pcap(source.capture, source.flow, speed=None, max_frames=MAX_FRAMES)
        self.flow = self.port.flow
        self.ledger = None
        if mode in PLAIN:
            self.device = DeviceMemory(dmabuf)
            self.pieces = payload_pieces(source.capture, self.flow)
        else:
            self.lab = Lab()
            options = {"mtu": 9000, "rx_queues": 2, **options}
            self.host = self.lab.host("receiver", ip=self.flow.dst, mac=self.flow.dst_mac, ifname="eth1",
                                      port=Untimed(self.port), **options)
            self.receiver = make_receiver(mode, self.host, self.flow, dmabuf, app_buffer, check=True)
            self.host.port.stopwatch = self.receiver.stopwatch
            self.server = self.host.socket()
            self.server.setsockopt(SOL_SOCKET, SO_OOBINLINE, 1)     # every octet of the capture counts
            self.server.setsockopt(SOL_SOCKET, SO_RCVBUF, RCVBUF)
            self.server.bind(("", self.flow.dport))
            self.server.listen()

    def run(self):
        """Receive the input once.

        Returns
        -------
        elapsed_ns : int
            Time, by the receiver's stopwatch, from the accepted connection to the end of the stream; digests and the
            sender's port left out.
        """
        if self.mode in PLAIN:
            ledger = make_ledger()
            started = processor_ns()
            memcpy_pieces(memory(), self.device.start, self.device.length, PAGE_SIZE, self.source.capture.octets, self.pieces,
                          int(self.mode == "memcpy"), ledger)
            elapsed = processor_ns() - started
            self.ledger = ledger
            return elapsed
        self.port.rewind()
        before, checked = self.receiver.octets, self.receiver.checking_ns
        conn, _ = self.server.accept()
        playing, started = self.host.port.spent_ns, self.receiver.stopwatch()
        self.receiver.drain(conn)
        elapsed = self.receiver.stopwatch() - started
        elapsed -= self.receiver.checking_ns - checked + self.host.port.spent_ns - playing
        conn.close()
        if self.receiver.octets - before != self.source.payload_bytes:
            raise OSError(5, f"{self.mode}: {self.receiver.octets - before} of {self.source.payload_bytes} octets arrived")
        self.lab.run(until_ns=self.lab.clock.now_ns + 120_000_000_000)
        return elapsed

    def check(self):
        """Receive the input once and compare digests.

        Returns
        -------
        facts : dict
            Fields of `Row` that need no stopwatch.
        """
        self.run()
        if self.mode in PLAIN:
            payload = int(self.pieces.length.sum())
            return {"tokens_issued": 0, "tokens_returned": 0, "netmems_in_flight": 0, "sha256_ok": self._memcpy_ok(),
                    "copied_bytes_per_payload_byte": copied_per_payload(self.ledger, payload), "stages": stages(self.ledger)}
        receiver = self.receiver
        same = receiver.digest.hexdigest() == self.source.sha256
        receiver.digest = None
        facts = {"tokens_issued": receiver.tokens_issued, "tokens_returned": receiver.tokens_returned,
                 "netmems_in_flight": self.host.audit().netmems_in_flight, "sha256_ok": same,
                 "copied_bytes_per_payload_byte": copied_per_payload(self.host.ledger, receiver.octets),
                 "stages": stages(self.host.ledger)}
        return facts

    def _memcpy_ok(self):
        fits = sum(-(-int(n) // PAGE_SIZE) for n in self.pieces.length) * PAGE_SIZE <= self.device.length
        if not fits:
            return int(self.ledger.length.sum()) == int(self.pieces.length.sum())
        at = self.device.start
        for piece in self.pieces:
            octets = self.source.capture.octets[piece.offset:piece.offset + piece.length]
            if not np.array_equal(memory()[at:at + piece.length], octets):
                return False
            at += -(-int(piece.length) // PAGE_SIZE) * PAGE_SIZE
        return True

    def close(self):
        """Check conservation once more, then give everything back."""
        if self.mode in PLAIN:
            self.device.close()
            return
        self.host.audit()
        self.server.close()
        self.receiver.close()
        self.lab.close()


def stages(ledger):
    """Spell a ledger.

    Parameters
    ----------
    ledger : LEDGER[n_stage]
        A ledger.

    Returns
    -------
    stages : dict of str to tuple of int
        Octets and copies of each stage that was used.
    """
    return {name: (int(row.length), int(row.copies)) for name, row in zip(NAMES, ledger) if row.copies}


def payload_pieces(capture, flow):
    """Find the payloads of a flow.

    Parameters
    ----------
    capture : Capture
        Frames.
    flow : Flow
        Which ones.

    Returns
    -------
    pieces : PIECE[count]
        In the order of the capture.
    """
    packets = capture.packets()
    chosen = np.flatnonzero((packets.payload_bytes > 0) & (packets.sport == flow.sport) & (packets.dport == flow.dport)
                            & (packets.err == 0))
    pieces = table(PIECE, len(chosen))
    pieces.offset = capture.frame.offset[chosen] + packets.payload_at[chosen]
    pieces.length = packets.payload_bytes[chosen]
    return pieces
