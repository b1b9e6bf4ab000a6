"""The clock: virtual nanoseconds, or the machine's own when a wire is live.

Law.   Below the ports time is an argument; only this object and the ports know where it comes from.
Reads. House law 7.
Omits. Wall-clock dates.
"""

HORIZON_NS = 300 * 1_000_000_000


class VirtualClock:
    """A clock that jumps from event to event.

    Attributes
    ----------
    now_ns : int
        Present time, ns.
    source : callable or None
        Returns monotonic ns when a live port drives the lab; None while time is virtual.
    """

    def __init__(self, source=None):
        self.source = source
        self._now_ns = 0
        self._origin_ns = source() if source else 0

    @property
    def now_ns(self):
        """Present time, ns from the clock's making."""
        if self.source:
            self._now_ns = max(self._now_ns, self.source() - self._origin_ns)
        return self._now_ns

    @property
    def origin_ns(self):
        """What the source said when this clock was 0."""
        return self._origin_ns

    @property
    def live(self):
        """True when time passes by itself."""
        return self.source is not None

    def go_live(self, source):
        """Hand the clock over to a monotonic source, continuing from the present time.

        Parameters
        ----------
        source : callable
            Returns monotonic ns.
        """
        if self.source is None:
            self._origin_ns = source() - self._now_ns
            self.source = source

    def advance_to(self, at_ns):
        """Jump forward; a live clock ignores it, and no clock ever goes back.

        Parameters
        ----------
        at_ns : int
            Time of the next event, ns.

        Returns
        -------
        now_ns : int
            The time afterwards.
        """
        if self.source is None:
            self._now_ns = max(self._now_ns, int(at_ns))
        return self.now_ns

    def __repr__(self):
        return f"VirtualClock(now_ns={self.now_ns}{', live' if self.live else ''})"
