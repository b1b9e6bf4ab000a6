"""The port that a person drives: put a frame in, see what comes out.

Law.   A frame arrives exactly at the time it was given, frames of one time in the order they were injected.
Reads. Interfaces section 2, "driving the wire by hand".
Omits. A far end: nobody answers.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.host.ports.base import Port
from devmemlab.host.ports.store import FrameStore
from devmemlab.wire.rows import CSUM_UNKNOWN, Burst

KEPT_FRAMES = 4096
"""Above this, frames that have arrived are forgotten although others wait."""


class Sent(NamedTuple):
    """One frame that the host sent.

    at_ns : int
        When it left.
    octets : bytes
        The whole Ethernet frame.
    """

    at_ns: int
    octets: bytes


class Manual(Port):
    """A wire held in the hand.

    >>> port = Manual()
    >>> port.inject(bytes(60), at_ns=1_000)
    >>> port.next_ns(), port.recv(now_ns=999), len(port.recv(now_ns=1_000).frame)
    (1000, None, 1)
    """

    moderated = False

    def __init__(self):
        self._in = FrameStore()
        self._order = np.empty(0, np.int64)
        self._arranged = 0
        self._out = FrameStore()

    def inject(self, frame_octets, at_ns=0, csum=CSUM_UNKNOWN):
        """Let a frame arrive, or a whole burst.

        Parameters
        ----------
        frame_octets : bytes-like or Burst
            A whole Ethernet frame (copied); or a burst, whose rows say when each frame arrives.
        at_ns : int
            When it arrives; a time that has passed means at once. For a burst: none arrives earlier.
        csum : int
            Who vouches for the checksums of a single frame: nobody, so the NIC verifies them.

        Raises
        ------
        ValueError
            The frame is empty.
        """
        if isinstance(frame_octets, Burst):
            self._in.append(frame_octets, not_before_ns=at_ns)
        elif len(frame_octets) == 0:
            raise ValueError("an empty frame cannot arrive; give the octets of an Ethernet frame")
        else:
            self._in.append_octets(frame_octets, at_ns, csum)

    def _arrange(self):
        """Put the rows that wait in order of arrival.

        Returns
        -------
        times : int64[waiting]
            When each arrives.
        """
        times = self._in.burst().frame.at_ns
        if self._arranged < self._in.count:
            order = np.concatenate([self._order, np.arange(self._arranged, self._in.count)])
            self._order = order[np.argsort(times[order], kind="stable")]
            self._arranged = self._in.count
        return times[self._order]

    def recv(self, now_ns):
        """Take the injected frames that are due; see `Port.recv`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.

        Returns
        -------
        burst : Burst or None
            It stays as it is for ever.
        """
        due = int(np.searchsorted(self._arrange(), now_ns, side="right"))
        if due == 0:
            return None
        waiting = self._in.burst()
        burst = Burst(waiting.octets, waiting.frame[self._order[:due]])
        self._order = self._order[due:]
        if len(self._order) == 0:
            self._in.clear()
            self._arranged = 0
        elif self._in.count > KEPT_FRAMES and 4 * len(self._order) < self._in.count:
            kept = FrameStore()
            kept.append(Burst(waiting.octets, waiting.frame[self._order]))
            self._in, self._order, self._arranged = kept, np.arange(kept.count), kept.count
        return burst

    @property
    def waiting(self):
        """int: frames that have not been received."""
        return len(self._arrange())

    @property
    def injected(self):
        """int: rows of `all_waiting`, the number that the next injected frame gets there."""
        return self._in.count

    def all_waiting(self):
        """Show what was injected, in the order it was, and has not been forgotten yet.

        Returns
        -------
        burst : Burst
            Views; what has been received already may still be among them.
        """
        return self._in.burst()

    def send(self, now_ns, burst):
        """Keep what the host sends; see `Port.send`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.
        burst : Burst
            Frames.
        """
        self._out.append(burst, not_before_ns=now_ns)

    def take_burst(self):
        """Take what the host has sent, as a burst.

        Returns
        -------
        burst : Burst
            Empty when it sent nothing.
        """
        burst = self._out.burst()
        self._out.clear()
        return burst

    def take(self):
        """Take what the host has sent, frame by frame.

        Returns
        -------
        frames : list of Sent
            With ``at_ns`` and ``octets``, in order of sending.
        """
        octets, frame = self.take_burst()
        return [Sent(int(row.at_ns), octets[row.offset:row.offset + row.length].tobytes()) for row in frame]

    def next_ns(self):
        """Tell when the next injected frame arrives; see `Port.next_ns`.

        Returns
        -------
        at_ns : int or None
            None when nothing is waiting.
        """
        times = self._arrange()
        return int(times[0]) if len(times) else None

    def __repr__(self):
        return f"Manual(waiting={self.waiting}, sent={self._out.count})"
