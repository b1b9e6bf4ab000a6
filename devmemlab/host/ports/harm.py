"""What a wire does to frames: it takes time, it has a rate, and it may lose, double, damage or delay what it carries.

Law.   What happens to a frame depends only on the seed and on the frames before it; every frame is counted once.
Reads. Linux net/sched/sch_netem.c for the kinds of harm.
Omits. Bursts of loss (the Gilbert model); queues that overflow.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table
from devmemlab.wire.rows import CSUM_UNKNOWN, FRAME, Burst

PER_MILLION = 1_000_000
FRAMING_BYTES = 24
"""Preamble, check sequence and gap: what a frame takes on an Ethernet besides its octets."""
LEAST_DETOUR_NS = 10_000
CSUM_DAMAGED = -1
"""In a row between `carry` and `spoil`: this frame is to be damaged. Nobody else ever sees it."""
ETHERNET_BYTES = 14

LINK = schema("rate_mbps", "delay_ns", "busy_until_ns", "rng", "loss", "duplicate", "corrupt", "reorder", "detour_ns",
              "frames", "lost", "duplicated", "corrupted", "reordered")
"""One direction. Harm is in millionths; a reordered frame takes ``detour_ns`` longer."""

HARMS = ("loss", "reorder", "duplicate", "corrupt")
COUNTS = ("frames", "lost", "duplicated", "corrupted", "reordered")


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
        Written: what arrives and when. ``csum`` is `CSUM_DAMAGED` for a frame that is to be damaged, else as sent.
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
            row.wire_length = max(sent.wire_length, sent.length)
            row.csum = sent.csum
            if link.corrupt and draw(link) < link.corrupt:
                link.corrupted += 1
                row.csum = CSUM_DAMAGED
            if link.reorder and draw(link) < link.reorder:
                link.reordered += 1
                row.at_ns += link.detour_ns
            arriving += 1
    return arriving


@kernel
def spoil(link, octets, frame):
    """Turn one bit of each frame that `carry` chose to damage; nobody vouches for its checksums any more.

    Parameters
    ----------
    link : LINK
        The generator moves on.
    octets : uint8[n]
        Arena, in which every frame has octets of its own.
    frame : FRAME[count]
        Rows.
    """
    for k in range(len(frame)):
        row = frame[k]
        if row.csum != CSUM_DAMAGED:
            continue
        row.csum = CSUM_UNKNOWN
        # Behind the Ethernet header, so that it still reaches the host it was for.
        first = min(ETHERNET_BYTES, row.length - 1)
        at = row.offset + first + draw(link) % (row.length - first)
        octets[at] ^= np.uint8(1 << (draw(link) % 8))


def make_link(gbps=0, delay_us=0.0, seed=0, side=0, **harms):
    """Make one direction of a wire.

    Parameters
    ----------
    gbps : float
        Its rate, 0: no limit.
    delay_us : float
        Time from one end to the other.
    seed : int
        Decides which frames are harmed.
    side : int
        0 or 1: the two directions of one wire are harmed each by itself.
    **harms : float
        ``loss``, ``reorder``, ``duplicate``, ``corrupt``: probabilities from 0 to 1. A reordered frame arrives later by
        the delay, at least by 10 us.

    Returns
    -------
    link : LINK
        One row.

    Raises
    ------
    ValueError
        A probability is not from 0 to 1; a rate or a delay is below 0.
    """
    if gbps < 0 or delay_us < 0:
        raise ValueError(f"gbps {gbps!r}, delay_us {delay_us!r}: neither can be below 0")
    link = table(LINK, 1)[0]
    link.rate_mbps, link.delay_ns = max(round(gbps * 1000), int(gbps > 0)), round(delay_us * 1000)
    link.detour_ns = max(link.delay_ns, LEAST_DETOUR_NS)
    link.rng = ((seed * 2 + side + 1) * 0x9E3779B9 + 0x7F4A7C15) & 0xFFFFFFFF or 1
    for name, value in harms.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} {value!r}: a probability is from 0 to 1")
        setattr(link, name, round(value * PER_MILLION))
    return link


def harmless(link):
    """Tell whether a direction passes every frame as it is and at once.

    Parameters
    ----------
    link : LINK
        The direction.

    Returns
    -------
    harmless : bool
        True: neither harm nor time.
    """
    return not (link.rate_mbps or link.delay_ns or any(link[name] for name in HARMS))


def pass_on(link, burst, far, now_ns):
    """Let the frames of a burst travel to where they wait for their time.

    Parameters
    ----------
    link : LINK
        The way.
    burst : Burst
        Frames; not changed.
    far : Manual
        Gets a copy of what arrives.
    now_ns : int
        Present time, ns.
    """
    out = table(FRAME, 2 * len(burst.frame))
    arriving = int(carry(link, burst.frame, out, now_ns))
    first = far.injected
    far.inject(Burst(burst.octets, out[:arriving]))
    if link.corrupt:
        octets, frame = far.all_waiting()
        spoil(link, octets, frame[first:])


def counters(link):
    """Show what has happened on the way.

    Parameters
    ----------
    link : LINK
        The way.

    Returns
    -------
    counts : dict of str to int
        ``frames`` handed over, of them ``lost``, ``duplicated``; of what went on ``corrupted`` and ``reordered``.
    """
    return {name: int(link[name]) for name in COUNTS}
