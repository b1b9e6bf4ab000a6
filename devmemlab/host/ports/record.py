"""Recording: a port in front of another one, which keeps everything that passes.

Law.   Nothing that passes is changed, delayed or lost by being recorded.
Reads. House law 9.
Omits. A limit: a recording grows with what passes.
"""

import numpy as np

from devmemlab.host.ports.base import Port
from devmemlab.host.ports.store import FrameStore
from devmemlab.wire.pcap import Capture, CaptureWriter, read_capture
from devmemlab.wire.rows import Burst


class Record(Port):
    """A port that is another port, with a memory.

    Parameters
    ----------
    port : Port
        The wire; it is closed with the recording.
    path : str or os.PathLike, optional
        Capture file, written as frames pass (``.pcapng`` or pcap with nanoseconds); None: they are kept in memory.

    Attributes
    ----------
    port : Port
        The wire.
    count : int
        Frames that have passed.
    """

    def __init__(self, port, path=None):
        self.port = port
        self.path = path
        self.live = port.live
        self.moderated = port.moderated
        self.count = 0
        self._store = None if path else FrameStore()
        self._writer = CaptureWriter(path) if path else None

    def recv(self, now_ns):
        """Take what has arrived, and keep it; see `Port.recv`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.

        Returns
        -------
        burst : Burst or None
            The wire's own.
        """
        burst = self.port.recv(now_ns)
        if burst is not None:
            self._keep(burst, 0)
        return burst

    def send(self, now_ns, burst):
        """Put frames on the wire, and keep them; see `Port.send`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.
        burst : Burst
            Frames.
        """
        self._keep(burst, now_ns)
        self.port.send(now_ns, burst)

    def next_ns(self):
        """Ask the wire; see `Port.next_ns`.

        Returns
        -------
        at_ns : int or None
            The wire's own answer.
        """
        return self.port.next_ns()

    def fileno(self):
        """Ask the wire; see `Port.fileno`.

        Returns
        -------
        fd : int or None
            The wire's own answer.
        """
        return self.port.fileno()

    def _keep(self, burst, not_before_ns):
        """Remember a burst.

        Parameters
        ----------
        burst : Burst
            Frames.
        not_before_ns : int
            Frames of an earlier ``at_ns`` are recorded at this time.
        """
        self.count += len(burst.frame)
        if self._store:
            self._store.append(burst, not_before_ns)
        elif self._writer:
            frame = burst.frame.copy()
            frame.at_ns = np.maximum(frame.at_ns, not_before_ns)
            self._writer.write(Burst(burst.octets, frame))

    def capture(self):
        """Show what has passed so far, both directions, in the order it passed.

        Returns
        -------
        capture : Capture
            Unchanged by what passes later.

        Raises
        ------
        CaptureError
            A file was written, and there is no frame in it.
        """
        return Capture(*self._store.burst()) if self._store else read_capture(self.path)

    def close(self):
        """Finish the file and close the wire; closing twice is allowed. What was kept in memory stays."""
        if self._writer:
            self._writer.close()
            self._writer = None
        self.port.close()

    def __repr__(self):
        return f"Record({self.port!r}, {self.count} frames)"
