"""The stopwatch, and a port that keeps the sender out of the receiver's time.

Law.   What a port does is the sender's work; its time is measured apart and left out of a receiver's figure.
Reads. House law 9; clock_gettime(2), CLOCK_THREAD_CPUTIME_ID.
Omits. What the hypervisor of a virtual machine takes away: the system does not know of it.

The stopwatch runs only while its thread has a processor, so that what a machine does besides, in between, is not counted.
On an idle machine that is the wall clock.
"""

import time
from functools import cache

from devmemlab.host.ports.base import Port

processor_ns = time.thread_time_ns


@cache
def look_ns(stopwatch=processor_ns):
    """Find out what a look at the stopwatch costs: of two looks, about one falls outside of what lies between.

    Parameters
    ----------
    stopwatch : callable
        The clock.

    Returns
    -------
    ns : int
        The least of many.
    """
    looks = [stopwatch() for _ in range(256)]
    return min(after - before for before, after in zip(looks, looks[1:]))


class Untimed(Port):
    """A port around another, with a stopwatch.

    Parameters
    ----------
    port : Port
        The port that does the work.

    Attributes
    ----------
    stopwatch : callable
        Which clock counts, ns.
    spent_ns : int
        Time spent in the port, ever, with what it cost to find out.
    """

    def __init__(self, port):
        self.port, self.stopwatch = port, processor_ns
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
        started = self.stopwatch()
        burst = self.port.recv(now_ns)
        self.spent_ns += self.stopwatch() - started + look_ns(self.stopwatch)
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
        started = self.stopwatch()
        self.port.send(now_ns, burst)
        self.spent_ns += self.stopwatch() - started + look_ns(self.stopwatch)

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
