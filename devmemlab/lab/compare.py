"""Compare: device memory beside host copies, on the same frames.

Law.   All modes replay one input; what is checked is not timed, what is timed was checked on the same frames before.
Reads. interfaces sections 3 and 4.
Omits. Figures of real hardware: everything here is the lab's own speed, label "measured".
"""

import time
from statistics import median
from typing import NamedTuple

import numpy as np

from devmemlab.base.table import table
from devmemlab.base.units import parse_size
from devmemlab.commands.about import about
from devmemlab.host.ports.pcap import Pcap
from devmemlab.lab.accelerator import PIECE, memcpy_pieces
from devmemlab.lab.inputs import find_input
from devmemlab.lab.lab import Lab
from devmemlab.lab.receivers import MODES, make_receiver
from devmemlab.lab.stopwatch import Untimed
from devmemlab.mem.ledger import NAMES, copied_per_payload, make_ledger
from devmemlab.mem.netmem import PAGE_SIZE
from devmemlab.mem.region import DeviceMemory, memory

MAX_FRAMES = 1024
WARM_PASSES = 2


class Row(NamedTuple):
    """What one mode did.

    mode : str
        One of `MODES`.
    ns_per_packet : float
        Wall time for each frame with payload, median of the repeats.
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


class _Bench:
    """One mode with everything it keeps between passes."""

    def __init__(self, source, mode, dmabuf, app_buffer):
        self.source, self.mode = source, mode
        self.port = Pcap(source.capture, source.flow, speed=None, max_frames=MAX_FRAMES)
        self.flow = self.port.flow
        self.ledger = None
        if mode == "memcpy":
            self.device = DeviceMemory(dmabuf)
            self.pieces = payload_pieces(source.capture, self.flow)
        else:
            self.lab = Lab()
            self.host = self.lab.host("receiver", ip=self.flow.dst, mac=self.flow.dst_mac, mtu=9000, rx_queues=2,
                                      ifname="eth1", port=Untimed(self.port))
            self.receiver = make_receiver(mode, self.host, self.flow, dmabuf, app_buffer, check=True)
            self.server = self.host.socket()
            self.server.bind(("", self.flow.dport))
            self.server.listen()

    def run(self):
        """Receive the input once.

        Returns
        -------
        elapsed_ns : int
            Wall time from the accepted connection to the end of the stream; digests and the sender's port left out.
        """
        if self.mode == "memcpy":
            ledger = make_ledger()
            started = time.perf_counter_ns()
            memcpy_pieces(memory(), self.device.start, self.device.length, PAGE_SIZE, self.source.capture.octets, self.pieces,
                          ledger)
            elapsed = time.perf_counter_ns() - started
            self.ledger = ledger
            return elapsed
        self.port.rewind()
        before, checked = self.receiver.octets, self.receiver.checking_ns
        conn, _ = self.server.accept()
        playing, started = self.host.port.spent_ns, time.perf_counter_ns()
        self.receiver.drain(conn)
        elapsed = time.perf_counter_ns() - started
        elapsed -= self.receiver.checking_ns - checked + self.host.port.spent_ns - playing
        conn.close()
        if self.receiver.octets - before != self.source.payload_bytes:
            raise OSError(5, f"{self.mode}: {self.receiver.octets - before} of {self.source.payload_bytes} octets arrived")
        self.lab.run(until_ns=self.lab.clock.now_ns + 120_000_000_000)
        return elapsed

    def check(self):
        """Receive the input once and compare digests.

        Returns
        -------
        facts : dict
            Fields of `Row` that need no stopwatch.
        """
        self.run()
        if self.mode == "memcpy":
            payload = int(self.pieces.length.sum())
            return {"tokens_issued": 0, "tokens_returned": 0, "netmems_in_flight": 0, "sha256_ok": self._memcpy_ok(),
                    "copied_bytes_per_payload_byte": copied_per_payload(self.ledger, payload), "stages": stages(self.ledger)}
        receiver = self.receiver
        same = receiver.digest.hexdigest() == self.source.sha256
        receiver.digest = None
        facts = {"tokens_issued": receiver.tokens_issued, "tokens_returned": receiver.tokens_returned,
                 "netmems_in_flight": self.host.audit().netmems_in_flight, "sha256_ok": same,
                 "copied_bytes_per_payload_byte": copied_per_payload(self.host.ledger, receiver.octets),
                 "stages": stages(self.host.ledger)}
        return facts

    def _memcpy_ok(self):
        fits = sum(-(-int(n) // PAGE_SIZE) for n in self.pieces.length) * PAGE_SIZE <= self.device.length
        if not fits:
            return int(self.ledger.length.sum()) == int(self.pieces.length.sum())
        at = self.device.start
        for piece in self.pieces:
            octets = self.source.capture.octets[piece.offset:piece.offset + piece.length]
            if not np.array_equal(memory()[at:at + piece.length], octets):
                return False
            at += -(-int(piece.length) // PAGE_SIZE) * PAGE_SIZE
        return True

    def close(self):
        """Check conservation once more, then give everything back."""
        if self.mode == "memcpy":
            self.device.close()
            return
        self.host.audit()
        self.server.close()
        self.receiver.close()
        self.lab.close()


def stages(ledger):
    """Spell a ledger.

    Parameters
    ----------
    ledger : LEDGER[n_stage]
        A ledger.

    Returns
    -------
    stages : dict of str to tuple of int
        Octets and copies of each stage that was used.
    """
    return {name: (int(row.length), int(row.copies)) for name, row in zip(NAMES, ledger) if row.copies}


def payload_pieces(capture, flow):
    """Find the payloads of a flow.

    Parameters
    ----------
    capture : Capture
        Frames.
    flow : Flow
        Which ones.

    Returns
    -------
    pieces : PIECE[count]
        In the order of the capture.
    """
    packets = capture.packets()
    chosen = np.flatnonzero((packets.payload_bytes > 0) & (packets.sport == flow.sport) & (packets.dport == flow.dport)
                            & (packets.err == 0))
    pieces = table(PIECE, len(chosen))
    pieces.offset = capture.frame.offset[chosen] + packets.payload_at[chosen]
    pieces.length = packets.payload_bytes[chosen]
    return pieces


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
            benches.append(_Bench(source, mode, dmabuf, app_buffer))
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
