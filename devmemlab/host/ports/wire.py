"""A wire between two hosts of the lab: it takes time, it has a rate, and it may spoil what it carries.

Law.   What a wire does to a frame depends only on its seed and on the frames before it.
Reads. Linux net/sched/sch_netem.c for the kinds of harm; interfaces section 2 (``lab.connect``).
Omits. Queueing in switches; more than two ends.

::

    host A --send--> [rate: busy until] --delay--> [loss, copies, damage, detours] --recv--> host B
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table
from devmemlab.host.ports.manual import Manual
from devmemlab.host.ports.store import FrameStore
from devmemlab.wire.rows import CSUM_UNKNOWN, FRAME, Burst

PER_MILLION = 1_000_000
FRAMING_BYTES = 24
"""Preamble, check sequence and gap: what a frame takes on an Ethernet besides its octets."""

LINK = schema("rate_mbps", "delay_ns", "busy_until_ns", "rng", "loss", "duplicate", "corrupt", "reorder", "detour_ns",
              "frames", "lost", "duplicated", "corrupted", "reordered")
"""One direction. Harm is in millionths; a reordered frame takes ``detour_ns`` longer."""


@kernel
def draw(link):
    """Draw a number below a million.

    Parameters
    ----------
    link : LINK
        The generator moves on.

    Returns
    -------
    number : int64
        0 to 999999.
    """
    x = link.rng
    x = (x ^ (x << 13)) & 0xFFFFFFFF
    x = x ^ (x >> 17)
    x = (x ^ (x << 5)) & 0xFFFFFFFF
    link.rng = x
    return x % PER_MILLION


@kernel
def carry(link, frame, out, now_ns):
    """Decide what becomes of each frame of a burst.

    Parameters
    ----------
    link : LINK
        Its rate, its generator and its counters.
    frame : FRAME[count]
        What was sent.
    out : FRAME[2 * count]
        Written: what arrives and when. ``csum`` is `CSUM_UNKNOWN` for a frame that is to be damaged, else as sent.
    now_ns : int64
        When the burst was handed over.

    Returns
    -------
    arriving : int64
        Rows of `out`.
    """
    arriving = np.int64(0)
    for k in range(len(frame)):
        sent = frame[k]
        link.frames += 1
        start = max(max(now_ns, sent.at_ns), link.busy_until_ns)
        link.busy_until_ns = start
        if link.rate_mbps:
            link.busy_until_ns += (sent.length + FRAMING_BYTES) * 8000 // link.rate_mbps
        at_ns = link.busy_until_ns + link.delay_ns
        if link.loss and draw(link) < link.loss:
            link.lost += 1
            continue
        copies = 1
        if link.duplicate and draw(link) < link.duplicate:
            link.duplicated += 1
            copies = 2
        for _ in range(copies):
            row = out[arriving]
            row.at_ns = at_ns
            row.offset = sent.offset
            row.length = sent.length
            row.wire_length = sent.length
            row.csum = sent.csum
            if link.corrupt and draw(link) < link.corrupt:
                link.corrupted += 1
                row.csum = CSUM_UNKNOWN
            if link.reorder and draw(link) < link.reorder:
                link.reordered += 1
                row.at_ns += link.detour_ns
            arriving += 1
    return arriving


def _share(name, value):
    """Turn a probability into millionths.

    Parameters
    ----------
    name : str
        For the message.
    value : float
        0 to 1.

    Returns
    -------
    share : int
        Millionths.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name} {value!r}: a probability is from 0 to 1")
    return round(value * PER_MILLION)


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
        out = table(FRAME, 2 * len(burst.frame))
        arriving = int(carry(self.link, burst.frame, out, now_ns))
        damaged = np.flatnonzero((out.csum[:arriving] == CSUM_UNKNOWN)) if self.link.corrupt else ()
        first = self.far._in.count
        self.far.inject(Burst(burst.octets, out[:arriving]))
        octets, frame = self.far._in.burst()
        for k in damaged:
            row = frame[first + int(k)]
            # Behind the Ethernet header, so that it still reaches the host it was for.
            octets[row.offset + 14 + draw(self.link) % max(int(row.length) - 14, 1)] ^= 1 << draw(self.link) % 8

    def recv(self, now_ns):
        """Take what has arrived; see `Port.recv`.

        Parameters
        ----------
        now_ns : int
            Present time, ns.

        Returns
        -------
        burst : Burst or None
            Frames due at or before `now_ns`.
        """
        burst = super().recv(now_ns)
        if self._in.count > 4096 and 4 * len(self._order) < self._in.count:
            kept = FrameStore()
            waiting = self._in.burst()
            kept.append(Burst(waiting.octets, waiting.frame[self._order]))
            self._in, self._order, self._arranged = kept, np.arange(kept.count), kept.count
        return burst

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
    ends = []
    for side in range(2):
        link = table(LINK, 1)[0]
        link.rate_mbps, link.delay_ns = round(gbps * 1000), round(delay_us * 1000)
        link.detour_ns = max(link.delay_ns, 10_000)
        link.rng = ((seed * 2 + side + 1) * 0x9E3779B9 + 0x7F4A7C15) & 0xFFFFFFFF or 1
        for name, value in (("loss", loss), ("reorder", reorder), ("duplicate", duplicate), ("corrupt", corrupt)):
            setattr(link, name, _share(name, value))
        ends.append(WireEnd(link))
    ends[0].far, ends[1].far = ends[1], ends[0]
    return tuple(ends)
