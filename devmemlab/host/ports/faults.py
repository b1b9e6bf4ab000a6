"""Faults: a port in front of another one, which harms what passes as a bad wire would.

Law.   Both directions meet the very kernel that a wire of the lab runs; with nothing to harm, nothing is touched.
Reads. House law 9; smoltcp's FaultInjector for the place of it.
Omits. Harm that knows TCP; a rate that two directions share.

::

    host --send--> [harm, rate, delay] --> held until its time --> wrapped port
    host <--recv-- held until its time <-- [harm, rate, delay] <-- wrapped port
"""

from devmemlab.host.ports.base import Port
from devmemlab.host.ports.harm import counters, harmless, make_link, pass_on
from devmemlab.host.ports.manual import Manual

DIRECTIONS = ("both", "in", "out")


class Faults(Port):
    """A port that is another port behind a bad wire.

    Parameters
    ----------
    port : Port
        Any other port; it is closed with this one.
    loss, reorder, duplicate, corrupt : float
        Probabilities from 0 to 1, each direction by itself. A reordered frame arrives later by the delay, at least by 10 us.
    delay_us : float
        How much longer each frame takes.
    gbps : float
        Rate of each direction, 0: no limit.
    seed : int
        Decides which frames.
    direction : str
        ``"both"``, ``"in"`` (what the host receives) or ``"out"`` (what it sends): which way is harmed.

    Attributes
    ----------
    port : Port
        What is behind.
    arriving, leaving : LINK
        The two ways, with their counters; see `counters`.

    Raises
    ------
    ValueError
        A number that is no probability, a rate or a delay below 0, a direction that there is not.
    """

    def __init__(self, port, loss=0.0, reorder=0.0, duplicate=0.0, corrupt=0.0, delay_us=0.0, gbps=0.0, seed=0,
                 direction="both"):
        if direction not in DIRECTIONS:
            raise ValueError(f"direction {direction!r}: {', '.join(DIRECTIONS)} are possible")
        self.port = port
        self.live, self.moderated = port.live, port.moderated
        harms = {"loss": loss, "reorder": reorder, "duplicate": duplicate, "corrupt": corrupt}
        bad = [make_link(gbps, delay_us, seed, side, **harms) for side in range(2)]
        good = [make_link() for _ in range(2)]
        self.arriving = (good if direction == "out" else bad)[0]
        self.leaving = (good if direction == "in" else bad)[1]
        self._in, self._out = Manual(), Manual()

    def recv(self, now_ns):
        """Take what has come through; see `Port.recv`. What waited to leave and may, leaves now.

        Parameters
        ----------
        now_ns : int
            Present time, ns.

        Returns
        -------
        burst : Burst or None
            Of a way without harm: the wrapped port's own.
        """
        self._let_leave(now_ns)
        while True:
            burst = self.port.recv(now_ns)
            if burst is None:
                return self._in.recv(now_ns)
            if harmless(self.arriving):
                self.arriving.frames += len(burst.frame)
                return burst
            pass_on(self.arriving, burst, self._in, now_ns)
            due = self._in.recv(now_ns)
            if due is not None:
                return due

    def send(self, now_ns, burst):
        """Let frames go, at once or when their time comes; see `Port.send`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.
        burst : Burst
            Frames.
        """
        if harmless(self.leaving):
            self.leaving.frames += len(burst.frame)
            self.port.send(now_ns, burst)
            return
        pass_on(self.leaving, burst, self._out, now_ns)
        self._let_leave(now_ns)

    def _let_leave(self, now_ns):
        """Hand the wrapped port what is due.

        Parameters
        ----------
        now_ns : int
            Present time, ns.
        """
        due = self._out.recv(now_ns)
        if due is not None:
            self.port.send(now_ns, due)

    def next_ns(self):
        """Tell when something arrives, or leaves; see `Port.next_ns`.

        Returns
        -------
        at_ns : int or None
            None when neither the wrapped port nor this one has a frame that waits for its time.
        """
        times = (self.port.next_ns(), self._in.next_ns(), self._out.next_ns())
        return min((at_ns for at_ns in times if at_ns is not None), default=None)

    def fileno(self):
        """Ask the wrapped port; see `Port.fileno`.

        Returns
        -------
        fd : int or None
            Its own answer; frames that wait here are told by `next_ns`.
        """
        return self.port.fileno()

    @property
    def counters(self):
        """dict: ``"in"`` and ``"out"``, each with what `devmemlab.host.ports.harm.counters` shows, and ``waiting``.

        ``frames - lost + duplicated`` is what has come through and what still waits.
        """
        ways = (("in", self.arriving, self._in), ("out", self.leaving, self._out))
        return {name: {**counters(link), "waiting": store.waiting} for name, link, store in ways}

    def close(self):
        """Close the wrapped port; what still waits here is lost. Closing twice is allowed."""
        self._in, self._out = Manual(), Manual()
        self.port.close()

    def __repr__(self):
        return f"Faults({self.port!r}, {self.arriving.lost} of {self.arriving.frames} frames in and " \
               f"{self.leaving.lost} of {self.leaving.frames} out lost)"

