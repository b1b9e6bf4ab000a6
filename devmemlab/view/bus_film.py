"""The film of the buses: the same frames received in several ways, and every link that an octet crosses, as it crosses it.

Law.   In the end each link has been crossed as often as `devmemlab.lab.crossings` works out from the ledger.
Reads. flow_film.py for what happened; lab/crossings.py for the links of each stage, to which this adds the direction.
Omits. Caches and how long a crossing takes; links that carry requests and interrupts instead of octets.

::

    host memory == CPU
                    | uplink
        NIC --- PCIe switch --- device
"""

import numpy as np

from devmemlab.view.film import Film, running
from devmemlab.view.flow_film import LINES, RATE, WIRE, merge

WAYS = {
    "DMA_HEADER": ("nic", "up", "written"),
    "DMA_HOST": ("nic", "up", "written"),
    "DMA_DEVICE": ("nic", "device"),
    "HEADER_COPY": ("read", "written"),
    "RECV_COPY": ("read", "written"),
    "PAGEABLE_COPY": ("read", "written"),
    "HOST_TO_DEVICE": ("read", "down", "device"),
}
"""Stage -> the stretches that each of its octets travels, in order."""

STRETCHES = {
    "wire": ("the wire", ()),
    "nic": ("NIC to PCIe switch", ()),
    "up": ("uplink, towards the CPU", ("uplink",)),
    "down": ("uplink, away from the CPU", ("uplink",)),
    "written": ("CPU to host memory", ("dram_written",)),
    "read": ("host memory to CPU", ("dram_read",)),
    "device": ("PCIe switch to device memory", ("device_written",)),
}
"""Stretch -> its name, and which links of ``devmemlab.lab.crossings.LINKS`` it is."""

LOADS = {"wire": ("wire",), "host memory, written": ("written",), "host memory, read": ("read",), "uplink": ("up", "down"),
         "device memory, written": ("device",)}
"""Row of the chart -> the stretches that it adds up."""

WHAT = {"wire": "W", "DMA_HEADER": "h", "HEADER_COPY": "h", "DMA_HOST": "P", "DMA_DEVICE": "P"}
"""What happens -> the letter on what travels; everything else is one more copy, C."""
SAID = {"nic": "NIC > switch", "up": "> uplink > CPU", "written": "> host memory", "read": "host memory > CPU",
        "down": "> uplink > switch", "device": "> device"}


def way_of(stage):
    """Say which way the octets of a stage take.

    Parameters
    ----------
    stage : str
        One of the ledger's.

    Returns
    -------
    words : str
        Empty when they take none.
    """
    return " ".join(SAID[stretch] for stretch in WAYS.get(stage, ()))


def _lane(letter, event, what, amount):
    """Count what one reception has crossed.

    Parameters
    ----------
    letter : str
        Of its mode.
    event, what, amount : int64[m]
        Its events, by number in the film.

    Returns
    -------
    tracks : dict of str to Track
        ``"A.up"`` counts; ``"A.up.P"`` is what travels there with that letter; ``"A/uplink"`` is a row of the chart.
    """
    names, tracks = list(LINES), {}
    crossed = {name: (name,) if name == WIRE else WAYS.get(name, ()) for name in names}
    for stretch, (label, _) in STRETCHES.items():
        uses = np.array([stretch in crossed[name] for name in names])
        mine = np.flatnonzero(uses[what])
        tracks[f"{letter}.{stretch}"] = running(f"{letter} {label}, octets", event[mine], amount[mine])
        for mark in "WhPC":
            those = uses & np.array([WHAT.get(name, "C") == mark for name in names])
            mine = np.flatnonzero(those[what])
            if len(mine):
                tracks[f"{letter}.{stretch}.{mark}"] = running("", event[mine], amount[mine])
    for row, stretches in LOADS.items():
        times = np.array([sum(stretch in crossed[name] for stretch in stretches) for name in names])
        mine = np.flatnonzero(times[what])
        tracks[f"{letter}/{row}"] = running("", event[mine], (times[what] * amount)[mine])
    return tracks


def bus_film(receptions):
    """Make the film of what receptions cross.

    Parameters
    ----------
    receptions : sequence of Reception
        Of the same frames.

    Returns
    -------
    film : Film
        Tracks as `_lane` names them.

    Raises
    ------
    ValueError
        Trace and ledger disagree, or they did not receive the same frames.
    """
    letters, frames, at, which, what, amount, item = merge(receptions)
    tracks = {"frame": running("", np.flatnonzero((what == 0) & (which == 0)), np.ones(len(frames)))}
    for i, letter in enumerate(letters):
        mine = np.flatnonzero(which == i)
        tracks |= _lane(letter, mine, what[mine], amount[mine])
    ways = {name: way_of(name) for name in LINES}
    lines = [f"{letter}  {line}" + (f" ({ways[name]})" if ways[name] else "") for letter in letters
             for name, line in LINES.items()]
    most = max(int(track.value[-1]) for name, track in tracks.items() if "/" in name and len(track.value))
    return Film("Which link every octet crosses", at, lines, which * len(LINES) + what, amount, item, tracks,
                f"frame {{frame}} of {len(frames):,}, event {{k}} of {{n}}", RATE,
                facts={"lanes": [[letter, one.mode] for letter, one in zip(letters, receptions)], "most": most})


def links_of(film, letter, position=-1):
    """Add up links as `devmemlab.lab.crossings.crossings` does.

    Parameters
    ----------
    film : Film
        From `bus_film`.
    letter : str
        Of a reception.
    position : int
        How many events have happened.

    Returns
    -------
    octets : dict of str to int
        For each link that a reception can cross.
    """
    values, links = film.values(position), {}
    for stretch, (_, crossed) in STRETCHES.items():
        for link in crossed:
            links[link] = links.get(link, 0) + values[f"{letter}.{stretch}"]
    return links
