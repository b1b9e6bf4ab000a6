"""Where every byte went, as data: a ledger's stages become arrows between places.

Law.   An arrow is a stage that was used, with the octets the ledger counted; nothing is drawn that was not counted.
Reads. devmemlab/mem/ledger.py, whose stages these are.
Omits. Coordinates: those are byte_flow's.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.mem.ledger import NOT_COPIES, STAGES, rows

PLACES = {
    "wire": ("wire", "wire"),
    "nic": ("NIC", "wire"),
    "header_buffers": ("header buffers", "host"),
    "skb_heads": ("skb heads", "host"),
    "pages": ("pages", "host"),
    "user": ("user buffer", "user"),
    "staging": ("staging buffer", "host"),
    "frames": ("the frames", "host"),
    "device": ("device memory", "device"),
}
"""Place -> its name for people, and the role it is drawn with."""

PATHS = {
    "DMA_HEADER": ("nic", "header_buffers"),
    "DMA_DEVICE": ("nic", "device"),
    "DMA_HOST": ("nic", "pages"),
    "MEMCPY": ("frames", "device"),
    "HEADER_COPY": ("header_buffers", "skb_heads"),
    "COPY_BREAK": ("pages", "skb_heads"),
    "LINEAR_COPY": ("skb_heads", "user"),
    "COLLAPSE_COPY": ("pages", "pages"),
    "RECV_COPY": ("pages", "user"),
    "PAGEABLE_COPY": ("user", "staging"),
    "HOST_TO_DEVICE": ("user", "device"),
    "GATHER": ("device", "device"),
    "GATHER_OUT": ("device", "device"),
    "GATHER_IN": ("device", "device"),
    "DEVICE_READ": ("device", "device"),
    "DEVICE_TO_HOST": ("device", "user"),
    "SEND_COPY": ("user", "pages"),
    "DMA_READ": ("pages", "nic"),
    "DMA_READ_DEVICE": ("device", "nic"),
    "STAGED_DMA": ("staging", "device"),
}
"""Stage -> from where to where, in the order in which an octet meets them."""

MODES = {
    "devmem": ("A", "device", "payload straight into device memory"),
    "host_copy": ("B", "host", "through a pinned buffer of the program"),
    "host_copy_pageable": ("C", "user", "through an ordinary buffer and a staging buffer"),
    "memcpy": ("D", "wire", "a plain copy of the same octets"),
}
"""Mode -> its letter in pictures, its role there, and what it does."""


class Arrow(NamedTuple):
    """One stage.

    stage, source, target : str
        See `PATHS`.
    carries : str
        ``"payload"`` or ``"header"``.
    octets, pieces : int
        What the ledger counted: octets, and in how many copies.
    number : int
        The how-manieth copy of a payload byte this is; 0 for headers and for reading in place.
    """

    stage: str
    source: str
    target: str
    carries: str
    octets: int
    pieces: int
    number: int


class Panel(NamedTuple):
    """One way of receiving.

    name, letter, note : str
        What is written above it.
    ratio : float or None
        Copied bytes for each payload byte, where it is known.
    arrows : tuple of Arrow
        In the order in which an octet meets them.
    """

    name: str
    letter: str
    note: str
    ratio: float
    arrows: tuple

    def octets(self, *stages):
        """Sum up stages.

        Parameters
        ----------
        *stages : str
            Their names.

        Returns
        -------
        octets : int
            In all.
        """
        return sum(arrow.octets for arrow in self.arrows if arrow.stage in stages)


def counted(pieces):
    """Spell a number of pieces.

    Parameters
    ----------
    pieces : int
        How many.

    Returns
    -------
    text : str
        Singular or plural.
    """
    return f"{pieces:,} piece{'' if pieces == 1 else 's'}"


def arrows(stages):
    """Make the arrows of a ledger.

    Parameters
    ----------
    stages : dict of str to (int, int)
        Octets and copies by stage.

    Returns
    -------
    arrows : tuple of Arrow
        Stages that were not used are left out.

    Raises
    ------
    ValueError
        A stage that no picture knows.
    """
    unknown = sorted(set(stages) - set(PATHS))
    if unknown:
        raise ValueError(f"stage {unknown[0]!r} is none of {', '.join(PATHS)}")
    used = {name: tuple(map(int, stages[name])) for name in PATHS if name in stages and stages[name][1]}
    depth, found = {}, []
    for name, (octets, pieces) in used.items():
        source, target = PATHS[name]
        if name == "HOST_TO_DEVICE" and "PAGEABLE_COPY" in used:
            source = "staging"
        carries = STAGES[name][1]
        number = 0
        if carries == "payload" and name not in NOT_COPIES:
            number = depth.get(source, 0) + 1
            depth[target] = max(depth.get(target, 0), number)
        found.append(Arrow(name, source, target, carries, octets, pieces, number))
    return tuple(found)


def panels(shown, modes=("devmem", "host_copy", "host_copy_pageable")):
    """Find what there is to draw.

    Parameters
    ----------
    shown : Result, Row, Host or LEDGER[n_stage]
        Whatever has stages.
    modes : sequence of str
        Which rows of a `Result`; those it does not have are left out.

    Returns
    -------
    panels : list of Panel
        At least one.

    Raises
    ------
    TypeError
        It has no stages.
    ValueError
        No row is left.
    """
    if hasattr(shown, "rows"):
        found = [
            panels(row)[0]
            for row in sorted((r for r in shown.rows if r.mode in modes), key=lambda r: list(modes).index(r.mode))
        ]
        if not found:
            raise ValueError(f"none of the modes {', '.join(modes)} is in {', '.join(row.mode for row in shown.rows)}")
        return found
    if hasattr(shown, "stages"):
        letter, _, note = MODES[shown.mode]
        return [Panel(shown.mode, letter, note, float(shown.copied_bytes_per_payload_byte), arrows(shown.stages))]
    ledger, name = (shown.ledger, shown.name) if hasattr(shown, "ledger") else (shown, "ledger")
    if not isinstance(ledger, np.ndarray) or ledger.dtype.names != ("length", "copies"):
        raise TypeError(f"{type(shown).__name__} has no stages: show a Result, one of its rows, a host or a ledger")
    return [
        Panel(
            name, "", "as its ledger stands now", None, arrows({r["stage"]: (r["length"], r["copies"]) for r in rows(ledger)})
        )
    ]


def describe(panel):
    """Say in words what a panel shows.

    Parameters
    ----------
    panel : Panel
        One way of receiving.

    Returns
    -------
    text : str
        A heading and a line for each arrow; the numbers in brackets are those of the picture.
    """
    ratio = "" if panel.ratio is None else f"{panel.ratio:.2f} copies of each payload byte, "
    lines = [f"{panel.letter + ' ' if panel.letter else ''}{panel.name}: {ratio}{panel.note}"]
    for arrow in panel.arrows:
        mark = f"copy {arrow.number}" if arrow.number else "headers" if arrow.carries == "header" else "in place"
        lines.append(
            f"  [{mark:>8}] {PLACES[arrow.source][0]:>14} -> {PLACES[arrow.target][0]:<14} "
            f"{arrow.octets:>12,} octets in {counted(arrow.pieces)}"
        )
    if not panel.arrows:
        lines.append("  nothing has moved yet")
    return "\n".join(lines)
