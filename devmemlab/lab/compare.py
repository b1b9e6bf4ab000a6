"""Compare: device memory beside host copies, on the same frames.

Law.   All modes replay one input; what is checked is not timed, what is timed was checked on the same frames before.
Reads. interfaces sections 3 and 4.
Omits. Figures of real hardware: everything here is the lab's own speed, label "measured".
"""

from statistics import median
from typing import NamedTuple

from devmemlab.base.units import parse_size
from devmemlab.commands.about import about
from devmemlab.lab.inputs import find_input
from devmemlab.lab.passes import Passes
from devmemlab.lab.receivers import MODES

WARM_PASSES = 2


class Row(NamedTuple):
    """What one mode did.

    mode : str
        One of `MODES`.
    ns_per_packet : float
        Time of the receiving thread for each frame with payload, median of the repeats.
    payload_gbytes_per_s : float
        The same as a rate, 10^9 octets a second.
    copied_bytes_per_payload_byte : float
        Payload octets moved, by the ledger, for each one received. Headers have lines of their own.
    tokens_issued, tokens_returned : int
        In the checked pass.
    netmems_in_flight : int
        Skb frags and tokens left at the end.
    sha256_ok : bool
        The payload, read where the accelerator would read it, has the input's digest.
    label : str
        ``"measured"``.
    stages : dict of str to tuple of int
        Ledger of the checked pass: octets and copies by stage.
    """

    mode: str
    ns_per_packet: float
    payload_gbytes_per_s: float
    copied_bytes_per_payload_byte: float
    tokens_issued: int
    tokens_returned: int
    netmems_in_flight: int
    sha256_ok: bool
    label: str
    stages: dict


class Result:
    """The comparison; notebooks show it as a table, `table` prints it.

    Attributes
    ----------
    rows : list of Row
        One a mode.
    input : dict
        ``kind`` (live, capture, synthetic), ``bytes``, ``frames``, ``sha256``.
    machine : dict
        Where it ran.
    settings : dict
        MTU, buffers, repeats.
    """

    def __init__(self, rows, input, machine, settings):
        self.rows, self.input, self.machine, self.settings = rows, input, machine, settings
        self.picture = None

    def __getitem__(self, mode):
        return next(row for row in self.rows if row.mode == mode)

    def as_dict(self):
        """The object that ``devmemlab demo --json`` writes."""
        rows = [{name: getattr(row, name) for name in Row._fields if name != "stages"} for row in self.rows]
        return {"machine": self.machine, "input": self.input, "settings": self.settings, "rows": rows,
                "picture": self.picture}

    def table(self):
        """Spell the comparison.

        Returns
        -------
        text : str
            Lines for a terminal.
        """
        heads = ("mode", "bytes", "frames", "ns/packet", "GB/s", "copied/byte", "tokens", "returned", "in flight", "SHA-256")
        lines = [heads] + [
            (row.mode, f"{self.input['bytes']:,}", f"{self.input['frames']:,}", f"{row.ns_per_packet:.0f}",
             f"{row.payload_gbytes_per_s:.2f}", f"{row.copied_bytes_per_payload_byte:.2f}", f"{row.tokens_issued:,}",
             f"{row.tokens_returned:,}", str(row.netmems_in_flight), "match" if row.sha256_ok else "DIFFERS")
            for row in self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        return "\n".join("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                                   for i, (cell, w) in enumerate(zip(line, widths))) for line in lines)

    def __repr__(self):
        return f"<Result: {', '.join(row.mode for row in self.rows)} over {self.input['bytes']:,} octets ({self.input['kind']})>"


def compare(size="8MiB", mtu=9000, live="no", input=None, dmabuf="64MiB", app_buffer="64MiB", repeats=5, modes=MODES,
            progress=None):
    """Receive one stream in every mode and say what each did.

    Parameters
    ----------
    size : int or str
        Payload wanted, octets; a capture is received as often as it takes.
    mtu : int
        1500 and 9000 use the recorded captures, others a synthetic sender.
    live : {"no", "auto", "yes"}
        Record a transfer of this machine's kernel first and replay that.
    input : path or Capture, optional
        Replay this one instead.
    dmabuf : int or str
        Device memory to bind.
    app_buffer : int or str
        The program's buffer in the copying modes.
    repeats : int
        Timed rounds; the modes take turns in each.
    modes : sequence of str
        Some of `MODES`.
    progress : callable, optional
        Called with a sentence before each step.

    Returns
    -------
    result : Result
        Rows in the order of `modes`.

    Raises
    ------
    OSError
        No privilege for a live run; data that did not arrive.
    ValueError
        An impossible argument.
    """
    for mode in modes:
        if mode not in MODES:
            raise ValueError(f"mode {mode!r} is none of {', '.join(MODES)}")
    if repeats < 1:
        raise ValueError(f"{repeats} repeats: at least 1 is needed")
    say = progress or (lambda text: None)
    source = find_input(parse_size(size), mtu, live, input, say)
    rounds = max(1, -(-parse_size(size) // source.payload_bytes))
    benches, facts, times = [], {}, {mode: [] for mode in modes}
    try:
        for mode in modes:
            say(f"checking {mode}")
            benches.append(Passes(source, mode, dmabuf, app_buffer))
            facts[mode] = benches[-1].check()
            for _ in range(WARM_PASSES):
                benches[-1].run()
        for repeat in range(repeats):
            say(f"timing, round {repeat + 1} of {repeats}")
            for bench in benches:
                times[bench.mode].append(median(bench.run() for _ in range(rounds)))
    finally:
        for bench in benches:
            bench.close()
    rows = []
    for mode in modes:
        ns = median(times[mode])
        rows.append(Row(mode=mode, ns_per_packet=ns / source.data_frames, payload_gbytes_per_s=source.payload_bytes / ns,
                        label="measured", **facts[mode]))
    seen = {"kind": source.kind, "bytes": source.payload_bytes, "frames": source.frames, "sha256": source.sha256}
    settings = {"mtu": source.mtu, "dmabuf": parse_size(dmabuf), "app_buffer": parse_size(app_buffer), "repeats": repeats,
                "rounds": rounds, "name": source.name}
    return Result(rows, seen, about().as_dict(), settings)
