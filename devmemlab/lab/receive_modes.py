"""Five ways to receive, side by side: what each copies, calls and says for the same stream.

Law.   What stands in the table is counted, so it is the same on every machine; what was measured is told apart from it.
Reads. performance-anchors sections 2 and 5.3; interfaces section 2.
Omits. Rates: ``dml.compare`` measures devmem beside host copies, ``devmemlab bench`` more of them.
"""

import time
from typing import NamedTuple

from devmemlab.base.units import parse_size
from devmemlab.host.ports.pcap import Pcap
from devmemlab.host.socket import Socket
from devmemlab.lab.inputs import find_input
from devmemlab.lab.lab import Lab
from devmemlab.lab.mode_readers import READERS, make_reader
from devmemlab.lab.passes import MAX_FRAMES, stages
from devmemlab.mem.ledger import STAGES, copied_per_payload

TITLES = {
    "recv": "recv: copy", "recv_trunc": "recv with MSG_TRUNC", "zerocopy_receive": "TCP_ZEROCOPY_RECEIVE: map",
    "zcrx": "io_uring: zero-copy receive", "devmem": "devmem: tokens",
}
"""What to call a way."""
KIB, MIB = 1 << 10, 1 << 20


class ReceiveMode(NamedTuple):
    """What one way came to.

    mode : str
        Key of `TITLES`.
    octets : int
        Payload taken.
    calls, pieces, control_bytes : int
        System calls; messages, completions or pages; octets that kernel and program told each other besides payload.
    copied_bytes_per_payload_byte : float
        By the ledger; the NIC's own write is 1 of it.
    stages : dict of str to tuple of int
        The ledger: octets and copies by stage.
    seen_by : str
        Who can see the payload.
    sha256_ok : bool or None
        The stream, read where its user reads it, has the input's digest; None: there is nothing to read.
    netmems_in_flight : int
        At the end.
    measured_ns : int
        Wall time of the reader, digests included: measured, once, on this machine.
    """

    mode: str
    octets: int
    calls: int
    pieces: int
    control_bytes: int
    copied_bytes_per_payload_byte: float
    stages: dict
    seen_by: str
    sha256_ok: bool | None
    netmems_in_flight: int
    measured_ns: int

    @property
    def calls_per_mib(self):
        """float: system calls for each MiB of payload."""
        return self.calls * MIB / self.octets

    @property
    def control_bytes_per_kib(self):
        """float: octets of control traffic for each KiB of payload."""
        return self.control_bytes * KIB / self.octets

    def copied(self, stage):
        """Tell how often a stage moved each octet of payload.

        Parameters
        ----------
        stage : str
            Of the ledger.

        Returns
        -------
        ratio : float
            Octets of that stage by octets of payload.
        """
        return self.stages.get(stage, (0, 0))[0] / self.octets


class ReceiveModes:
    """The ways side by side; notebooks show it as a table, `table` spells it.

    Attributes
    ----------
    rows : list of ReceiveMode
        One a way.
    input : dict
        ``kind``, ``bytes``, ``frames``, ``sha256`` of the stream.
    settings : dict
        MTU, octets asked for in a call, memory registered.
    """

    def __init__(self, rows, input, settings):
        self.rows, self.input, self.settings = rows, input, settings

    def __getitem__(self, mode):
        return next(row for row in self.rows if row.mode == mode)

    @property
    def stages(self):
        """list of str: ledger stages that moved payload in some way."""
        return [name for name, (_, carries) in STAGES.items()
                if carries == "payload" and any(name in row.stages for row in self.rows)]

    def lines(self):
        """Spell the figures that are counted.

        Returns
        -------
        heads, lines : list of str, list of list of str
            Column heads, and one line a way.
        """
        heads = ["way", *self.stages, "calls per MiB", "control octets per KiB", "pieces", "SHA-256", "who can see the payload"]
        return heads, [[TITLES[row.mode], *(f"{row.copied(stage):.2f}" for stage in self.stages), f"{row.calls_per_mib:.1f}",
                        f"{row.control_bytes_per_kib:.2f}", f"{row.pieces:,}",
                        {True: "match", False: "DIFFERS", None: "-"}[row.sha256_ok], row.seen_by] for row in self.rows]

    def table(self):
        """Spell the comparison.

        Returns
        -------
        text : str
            Lines for a terminal; copies are of each payload octet, by ledger stage.
        """
        heads, lines = self.lines()
        lines = [heads, *lines]
        widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        return "\n".join("  ".join(cell.ljust(w) if i in (0, len(heads) - 1) else cell.rjust(w)
                                   for i, (cell, w) in enumerate(zip(line, widths))).rstrip() for line in lines)

    def measured(self):
        """Spell what was measured.

        Returns
        -------
        text : str
            Wall time of each way, once, on this machine; digests are part of it.
        """
        return "\n".join(f"{TITLES[row.mode]}: {row.measured_ns / row.octets:.2f} ns for each octet (measured)"
                         for row in self.rows)

    def __repr__(self):
        return f"<ReceiveModes: {', '.join(row.mode for row in self.rows)} over {self.input['bytes']:,} octets>"


def ways():
    """List the ways that sockets of the lab have.

    Returns
    -------
    modes : tuple of str
        Keys of `TITLES`.
    """
    return tuple(mode for mode in READERS if mode != "zerocopy_receive" or hasattr(Socket, "zerocopy_receive"))


def receive_modes(size="8MiB", mtu=9000, input=None, modes=None, chunk="256KiB", memory="64MiB", rx_ring=1024):
    """Receive one stream in every way.

    Parameters
    ----------
    size : int or str
        Payload wanted, octets, where the sender is synthetic.
    mtu : int
        1500 and 9000 use the recorded captures, others a synthetic sender.
    input : path or Capture, optional
        Receive this one instead.
    modes : sequence of str, optional
        Some of `ways`; all of them when left out.
    chunk : int or str
        Octets that a program asks for in a call.
    memory : int or str
        Memory that is registered (io_uring) or bound (devmem).
    rx_ring : int
        Descriptors of a queue.

    Returns
    -------
    result : ReceiveModes
        Rows in the order of `modes`.

    Raises
    ------
    OSError
        Data that did not arrive.
    ValueError
        An impossible argument.
    """
    modes = ways() if modes is None else tuple(modes)
    for mode in modes:
        if mode not in ways():
            raise ValueError(f"mode {mode!r} is none of {', '.join(ways())}")
    source = find_input(parse_size(size), mtu, "no", input, lambda text: None)
    rows = [_receive(source, mode, chunk, memory, rx_ring) for mode in modes]
    seen = {"kind": source.kind, "bytes": source.payload_bytes, "frames": source.frames, "sha256": source.sha256}
    return ReceiveModes(rows, seen, {"mtu": source.mtu, "chunk": parse_size(chunk), "memory": parse_size(memory),
                                     "name": source.name})


def _receive(source, mode, chunk, memory, rx_ring):
    """Receive the input in one way."""
    port = Pcap(source.capture, source.flow, speed=None, max_frames=MAX_FRAMES)
    flow = port.flow
    with Lab() as lab:
        host = lab.host("receiver", ip=flow.dst, mac=flow.dst_mac, mtu=9000, rx_queues=2, ifname="eth1", port=port,
                        rx_ring=rx_ring, sockets=16)
        reader = make_reader(mode, host, flow, chunk, memory)
        server = host.socket()
        server.bind(("", flow.dport))
        server.listen()
        conn, _ = server.accept()
        started = time.perf_counter_ns()
        reader.drain(conn)
        elapsed = time.perf_counter_ns() - started
        if reader.octets != source.payload_bytes:
            raise OSError(5, f"{mode}: {reader.octets} of {source.payload_bytes} octets arrived")
        conn.close()
        report = host.audit()
        row = ReceiveMode(
            mode, reader.octets, reader.calls, reader.pieces, reader.control_bytes,
            copied_per_payload(host.ledger, reader.octets), stages(host.ledger), reader.seen_by,
            None if reader.blind else reader.digest.hexdigest() == source.sha256,
            report.netmems_in_flight - report.user_refs, elapsed)
        reader.close()
        host.audit()
    return row
