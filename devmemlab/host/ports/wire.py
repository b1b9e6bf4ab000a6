"""A wire between two hosts of the lab: it takes time, it has a rate, and it may spoil what it carries.

Law.   What a wire does to a frame depends only on its seed and on the frames before it.
Reads. Linux net/sched/sch_netem.c for the kinds of harm; interfaces section 2 (``lab.connect``).
Omits. Queueing in switches; more than two ends.

::

    host A --send--> [rate: busy until] --delay--> [loss, copies, damage, detours] --recv--> host B
"""

from devmemlab.host.ports.harm import make_link, pass_on
from devmemlab.host.ports.manual import Manual


class WireEnd(Manual):
    """One end of a wire: a port whose frames reach the other end later, or not at all. Made by `wire`.

    Attributes
    ----------
    link : LINK
        The way from this end to the other, with its counters.
    """

    moderated = True

    def __init__(self, link):
        super().__init__()
        self.link, self.far = link, None

    def send(self, now_ns, burst):
        """Let frames travel; see `Port.send`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.
        burst : Burst
            Frames.
        """
        pass_on(self.link, burst, self.far, now_ns)

    def __repr__(self):
        return f"<WireEnd: {self.link.frames} frames sent, {self.link.lost} lost>"


def wire(gbps=0, delay_us=0.0, loss=0.0, reorder=0.0, duplicate=0.0, corrupt=0.0, seed=0):
    """Make a wire.

    Parameters
    ----------
    gbps : float
        Rate of each direction, 0: no limit.
    delay_us : float
        Time from one end to the other.
    loss, reorder, duplicate, corrupt : float
        Probabilities from 0 to 1, each direction by itself. A reordered frame arrives later by the delay, at least 10 us.
    seed : int
        Decides which frames.

    Returns
    -------
    ends : tuple of WireEnd
        Both ports.
    """
    harms = {"loss": loss, "reorder": reorder, "duplicate": duplicate, "corrupt": corrupt}
    ends = [WireEnd(make_link(gbps, delay_us, seed, side, **harms)) for side in range(2)]
    ends[0].far, ends[1].far = ends[1], ends[0]
    return tuple(ends)
