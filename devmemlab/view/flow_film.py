"""The film of memory flow: two receptions of the same frames, side by side, every octet counted when it moves.

Law.   Both are at the same frame at every moment, and in the end each stage is what the ledger counted.
Reads. Tracepoints frame_in, dma_header, dma_payload, skb_build, copy_user, cmsg_dmabuf, dontneed; the ledger for what the
      program moves, which has no tracepoint; lab/crossings.py.
Omits. Time: octets move when their frame is played, however long that took.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base import trace as tp
from devmemlab.lab.crossings import CROSSED
from devmemlab.mem.ledger import NOT_COPIES, STAGES
from devmemlab.view.film import Film, running
from devmemlab.view.flow import MODES, PATHS, PLACES

RATE = 8.0
WIRE, GIVEN, RETURNED = "wire", "given", "returned"
LINES = {
    WIRE: "frame {item}: {amount} octets come off the wire",
    "DMA_HEADER": "the card writes {amount} octets of headers into the header ring",
    "DMA_DEVICE": "the card writes {amount} octets of payload into device page {item}",
    "DMA_HOST": "the card writes {amount} octets of payload into a host page",
    "HEADER_COPY": "{amount} octets of headers are copied into skb {item}",
    "RECV_COPY": "recv copies {amount} octets from pages to the program's buffer",
    "PAGEABLE_COPY": "{amount} octets are copied from the program's buffer to a staging buffer",
    "HOST_TO_DEVICE": "{amount} octets are copied to device memory",
    GIVEN: "recvmsg hands out token {item}: {amount} octets, not one of them moved",
    RETURNED: "DONTNEED gives token {item} back: the card may use its page again",
}
"""What can happen -> how it is told."""

POINTS = {tp.FRAME_IN: (WIRE, "c", None), tp.DMA_HEADER: ("DMA_HEADER", "c", None), tp.SKB_BUILD: ("HEADER_COPY", "b", "a"),
          tp.COPY_USER: ("RECV_COPY", "c", None), tp.CMSG_DMABUF: (GIVEN, "d", "b"), tp.DONTNEED: (RETURNED, None, "b")}
"""Tracepoint -> what happened, and which arguments are the amount and the item; dma_payload depends on the page."""


class Reception(NamedTuple):
    """One reception, recorded.

    mode : str
        One of ``devmemlab.view.flow.MODES``.
    events : EVENT[n]
        Its whole trace.
    moved : list of (int, str, int)
        What only the ledger tells: after how many events, which stage, how many octets.
    stages : dict of str to (int, int)
        What the ledger counted in all: octets and copies.
    first_page : int
        Netmem row of the first device page.
    """

    mode: str
    events: np.ndarray
    moved: list
    stages: dict
    first_page: int


def happenings(reception):
    """List what a reception did, in order.

    Parameters
    ----------
    reception : Reception
        Recorded.

    Returns
    -------
    what : int64[m]
        Indices of `LINES`.
    amount, item : int64[m]
        Octets, and which page, token or frame.

    Raises
    ------
    ValueError
        Trace and ledger disagree.
    """
    names, events = list(LINES), reception.events
    parts = []
    for point, (name, amount, item) in POINTS.items():
        rows = np.flatnonzero(events["kind"] == point)
        parts.append((rows, np.full(len(rows), names.index(name)), events[amount][rows] if amount else np.zeros(len(rows), int),
                      events[item][rows] if item else np.zeros(len(rows), int)))
    rows = np.flatnonzero(events["kind"] == tp.DMA_PAYLOAD)
    device = events["b"][rows] & 1
    parts.append((rows, np.where(device, names.index("DMA_DEVICE"), names.index("DMA_HOST")), events["d"][rows],
                  np.where(device, (events["b"][rows] >> 1) - reception.first_page, 0)))
    moved = [(after - 0.5, names.index(stage), octets, 0) for after, stage, octets in reception.moved]
    parts.append(tuple(np.array(moved).reshape(-1, 4).T))
    order, what, amount, item = (np.concatenate(column) for column in zip(*parts))
    order = np.argsort(order, kind="stable")
    what, amount, item = (column[order].astype(np.int64) for column in (what, amount, item))
    item[what == 0] = np.arange(1, int((what == 0).sum()) + 1)      # the card counts anew in each burst
    counted = {name: int(amount[what == i].sum()) for i, name in enumerate(names) if name in STAGES}
    for stage in {**counted, **reception.stages}:
        told, octets = counted.get(stage, 0), reception.stages.get(stage, (0, 0))[0]
        if told != octets:
            raise ValueError(f"{reception.mode}: the trace tells of {told:,} octets of {stage}, the ledger of {octets:,}")
    keep = (amount > 0) | (what == names.index(RETURNED))
    return what[keep], amount[keep], item[keep]


def played(whats):
    """Say when each event is played: frame by frame, so that all receptions stay in step.

    Parameters
    ----------
    whats : sequence of int64[m]
        Of each reception, see `happenings`.

    Returns
    -------
    at : list of float64[m]
        A frame lasts as long as the reception that does most with it has events.
    """
    frames = [np.cumsum(what == 0) for what in whats]
    most = max(int(frame[-1]) for frame in frames if len(frame)) + 1
    each = [np.bincount(frame, minlength=most) for frame in frames]
    widest = np.max(each, axis=0)
    begins = np.cumsum(widest) - widest
    at = []
    for frame, events in zip(frames, each):
        within = np.arange(len(frame)) - (np.cumsum(events) - events)[frame]
        at.append(begins[frame] + widest[frame] * within / events[frame])
    return at


def _tracks(letter, mode, event, what, amount):
    """Count what one reception does.

    Parameters
    ----------
    letter, mode : str
        Which.
    event, what, amount : int64[m]
        Its events, by number in the film.

    Returns
    -------
    tracks : dict of str to Track
        Octets by stage, pieces, tokens, and how often host memory was crossed.
    """
    names, tracks = list(LINES), {}

    def total(name, label, weights):
        per = np.array(weights)[what]
        chosen = np.flatnonzero(per)
        tracks[f"{letter}.{name}"] = running(f"{letter} {label}", event[chosen], (per * amount)[chosen])

    for name in names:
        if name in STAGES and (what == names.index(name)).any():
            source, target = (PLACES[place][0] for place in PATHS[name])
            total(name, f"{name}, {source} -> {target}, octets", [one == name for one in names])
    total(WIRE, "wire -> NIC, octets", [one == WIRE for one in names])
    total("dram", "crossings of host memory, octets",
          [sum(link.startswith("dram") for link in CROSSED.get(one, ())) for one in names])
    total("copied", "copies of payload, octets",
          [one in STAGES and STAGES[one][1] == "payload" and one not in NOT_COPIES for one in names])
    given, back = (np.flatnonzero(what == names.index(name)) for name in (GIVEN, RETURNED))
    if len(given):
        tracks[f"{letter}.given"] = running(f"{letter} tokens handed out", event[given], np.ones(len(given)))
        tracks[f"{letter}.returned"] = running(f"{letter} tokens given back", event[back], np.ones(len(back)))
        both = np.sort(np.concatenate([given, back]))
        step = np.where(what[both] == names.index(GIVEN), 1, -1)
        tracks[f"{letter}.held"] = running(f"{letter} tokens held", event[both], step)
    return tracks


class Merged(NamedTuple):
    """Receptions as one list of events.

    letters : list of str
        Of the modes.
    frames : list of int
        Octets of each frame.
    at : float64[n]
        When each event is played.
    which, what, amount, item : int64[n]
        Reception, index of `LINES`, octets, and which page, token or frame.
    """

    letters: list
    frames: list
    at: np.ndarray
    which: np.ndarray
    what: np.ndarray
    amount: np.ndarray
    item: np.ndarray


def merge(receptions):
    """Put receptions of the same frames in step.

    Parameters
    ----------
    receptions : sequence of Reception
        Of the same frames.

    Returns
    -------
    merged : Merged
        In the order in which it is played.

    Raises
    ------
    ValueError
        Trace and ledger disagree, or they did not receive the same frames.
    """
    told = [happenings(reception) for reception in receptions]
    frames = [amount[what == 0].tolist() for what, amount, _ in told]
    if any(other != frames[0] for other in frames):
        raise ValueError("these receptions are not of the same frames")
    at = np.concatenate(played([what for what, _, _ in told]))
    which = np.concatenate([np.full(len(what), i) for i, (what, _, _) in enumerate(told)])
    order = np.lexsort((which, at))
    what, amount, item = (np.concatenate(column)[order] for column in zip(*told))
    return Merged([MODES[reception.mode][0] for reception in receptions], frames[0], at[order], which[order], what, amount, item)


def flow_film(receptions):
    """Make the film of some receptions.

    Parameters
    ----------
    receptions : sequence of Reception
        Of the same frames.

    Returns
    -------
    film : Film
        Tracks are called ``"A.DMA_DEVICE"`` and so on: the letter of the mode, and what is counted.

    Raises
    ------
    ValueError
        Trace and ledger disagree, or they did not receive the same frames.
    """
    letters, frames, at, which, what, amount, item = merge(receptions)
    tracks = {"frame": running("", np.flatnonzero((what == 0) & (which == 0)), np.ones(len(frames)))}
    for i, (reception, letter) in enumerate(zip(receptions, letters)):
        mine = np.flatnonzero(which == i)
        tracks |= _tracks(letter, reception.mode, mine, what[mine], amount[mine])
    lines = [f"{letter}  {line}" for letter in letters for line in LINES.values()]
    return Film("The same frames, received in two ways" if len(receptions) == 2 else "Where the octets go", at, lines,
                which * len(LINES) + what, amount, item, tracks,
                f"frame {{frame}} of {len(frames):,}, event {{k}} of {{n}}", RATE,
                facts={"lanes": [[letter, reception.mode] for letter, reception in zip(letters, receptions)]})
