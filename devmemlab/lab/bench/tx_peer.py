"""bench tx: the peer that takes everything and acknowledges once a burst.

Law.   A segment counts when it is the next one; everything else is reported as out of order.
Reads. RFC 9293 section 3.8; RFC 1122 section 4.2.3.2 allows to acknowledge less often than every segment.
Omits. Losses, windows that close, options but those of the handshake, IPv6.
"""

import hashlib

import numpy as np

from devmemlab.base.table import table
from devmemlab.host.ports.base import Port
from devmemlab.lab.synthetic import CLIENT, SERVER, segment
from devmemlab.wire.emit import emit_tcp_frame
from devmemlab.wire.rows import CSUM_VERIFIED, FRAME, Burst
from devmemlab.wire.tcp import ACK, FIN, SYN

IP, TCP = 14, 34
WINDOW_SHIFT = 14
U32 = 0xFFFFFFFF


class Peer(Port):
    """A port with a program at its far end.

    Attributes
    ----------
    octets, frames, bursts : int
        Payload, the frames that carried it and the bursts in which they came, since `forget`.
    out_of_order : int
        Segments that were not the next one, ever.
    digest : hashlib object or None
        Of the payload, after `look`.
    """

    def __init__(self):
        self.octets = self.frames = self.bursts = self.out_of_order = 0
        self.digest, self._next, self._answer = None, None, None
        self._wire, self._frame = np.zeros(128, np.uint8), table(FRAME, 1)
        self._frame[0].csum = CSUM_VERIFIED

    def look(self):
        """Digest what comes from now on, until `digest` is set to None."""
        self.digest = hashlib.sha256()

    def forget(self):
        """Count anew."""
        self.octets = self.frames = self.bursts = 0

    @property
    def waiting(self):
        """bool: an acknowledgement has not been received."""
        return self._answer is not None

    def send(self, now_ns, burst):
        """Take what the host sends; see `Port.send`.

        Parameters
        ----------
        now_ns : int
            Present time, ns; not used.
        burst : Burst
            Frames of one connection.
        """
        octets, frame = burst
        starts, lengths = frame.offset, frame.length
        word = np.uint64
        seqs = sum(octets[starts + TCP + 4 + k].astype(word) << word(24 - 8 * k) for k in range(4)).astype(np.int64)
        heads = (octets[starts + TCP + 12] >> 4).astype(np.int64) * 4
        flags = octets[starts + TCP + 13]
        payload = lengths - TCP - heads
        if flags[0] & SYN:
            self._next = int(seqs[0]) + 1 & U32
            sport = int(octets[starts[0] + TCP]) << 8 | int(octets[starts[0] + TCP + 1])
            seg = self._seg = segment(SERVER, (CLIENT[0], sport, CLIENT[2]), 7000, self._next, SYN | ACK)
            seg.sport = SERVER[1]
            seg.opt_mss, seg.opt_wscale = 65535, WINDOW_SHIFT
            self._acknowledge()
            seg.seq, seg.tcp_flags, seg.opt_mss, seg.opt_wscale = int(seg.seq) + 1, ACK, 0, -1
            return
        fresh = 0
        for start, length, head, seq, flag in zip(starts.tolist(), payload.tolist(), heads.tolist(), seqs.tolist(),
                                                  flags.tolist()):
            if length == 0 and not flag & FIN:
                continue
            fresh += 1
            if seq != self._next:
                self.out_of_order += 1
                continue
            if self.digest is not None:
                self.digest.update(octets[start + TCP + head:start + TCP + head + length])
            self._next = seq + length + bool(flag & FIN) & U32
            self.octets += length
            self.frames += length > 0
        self.bursts += fresh > 0
        if fresh:
            self._acknowledge()

    def _acknowledge(self):
        """Make the answer to a burst."""
        self._seg.ack_seq = self._next
        row = self._frame[0]
        row.length = row.wire_length = emit_tcp_frame(self._wire, 0, self._seg)
        self._answer = Burst(self._wire, self._frame)

    def recv(self, now_ns):
        """Hand out the acknowledgement; see `Port.recv`.

        Parameters
        ----------
        now_ns : int
            Present time, ns; not used.

        Returns
        -------
        burst : Burst or None
            One frame.
        """
        answer, self._answer = self._answer, None
        return answer

    def next_ns(self):
        """Tell that the answer is there; see `Port.next_ns`.

        Returns
        -------
        at_ns : int or None
            0, or None when there is none.
        """
        return 0 if self._answer is not None else None
