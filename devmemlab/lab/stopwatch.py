"""A port that keeps the sender out of the receiver's time.

Law.   What a port does is the sender's work; its time is measured apart and left out of a receiver's figure.
Reads. House law 9.
Omits. Nothing.
"""

import time

from devmemlab.host.ports.base import Port


class Untimed(Port):
    """A port around another, with a stopwatch.

    Parameters
    ----------
    port : Port
        The port that does the work.

    Attributes
    ----------
    spent_ns : int
        Time spent in the port, ever.
    """

    def __init__(self, port):
        self.port = port
        self.live = port.live
        self.spent_ns = 0

    def recv(self, now_ns):
        """Receive; see `Port.recv`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.

        Returns
        -------
        burst : Burst or None
            What the inner port has.
        """
        started = time.perf_counter_ns()
        burst = self.port.recv(now_ns)
        self.spent_ns += time.perf_counter_ns() - started
        return burst

    def send(self, now_ns, burst):
        """Send; see `Port.send`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.
        burst : Burst
            Frames.
        """
        started = time.perf_counter_ns()
        self.port.send(now_ns, burst)
        self.spent_ns += time.perf_counter_ns() - started

    def next_ns(self):
        """Tell when the inner port has something; see `Port.next_ns`.

        Returns
        -------
        at_ns : int or None
            Time.
        """
        return self.port.next_ns()

    def fileno(self):
        """Return what the inner port is waited for by."""
        return self.port.fileno()

    def close(self):
        """Close the inner port."""
        self.port.close()
