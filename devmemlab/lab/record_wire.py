"""The wire of a recording: it carries between two live ports, and says afterwards whether what passed is fit to be kept.

Law.   A frame that arrived is handed on at once, or when the harm that is wanted lets it go.
Reads. Nothing of Linux.
Omits. More than two ends.
"""

import select

import numpy as np

from devmemlab.base.table import table
from devmemlab.host.ports.base import monotonic_ns
from devmemlab.host.ports.faults import Faults
from devmemlab.host.ports.manual import Manual
from devmemlab.host.ports.record import Record
from devmemlab.lab.in_order import in_order
from devmemlab.wire.rows import FRAME, Burst
from devmemlab.wire.tcp import FIN, SYN

PORT = 5201
QUIET_S = 0.3
PATIENCE_S = 60


class NotClean(RuntimeError):
    """A recording in which something was lost, sent twice or damaged."""


def warm(*ports):
    """Have everything compiled before the first frame: a wire that thinks for a second loses a SYN.

    Parameters
    ----------
    *ports : Tap
        The ends of the wire; nothing is sent.
    """
    nothing = Burst(np.zeros(64, np.uint8), table(FRAME, 0))
    Record(Manual()).send(0, nothing)
    behind = Manual()
    bad = Faults(behind, delay_us=1.0)
    behind.inject(Burst(np.zeros(64, np.uint8), table(FRAME, 1)))
    bad.recv(1)
    bad.send(2, nothing)
    for port in ports:
        port.recv()
        port.send(0, nothing)


def carry(left, right, done):
    """Be the wire until both programs have ended and the wire has been quiet for a while.

    Parameters
    ----------
    left, right : Port
        Live ports.
    done : callable
        Tells whether the programs have ended.

    Raises
    ------
    TimeoutError
        They have not after a minute.
    """
    start = quiet_since = monotonic_ns()
    while not done() or monotonic_ns() - quiet_since < QUIET_S * 1e9:
        if monotonic_ns() - start > PATIENCE_S * 1e9:
            raise TimeoutError(f"the transfer has not ended after {PATIENCE_S} s")
        waiting = [at_ns for at_ns in (left.next_ns(), right.next_ns()) if at_ns is not None]
        wait_ns = min([at_ns - monotonic_ns() for at_ns in waiting] + [50_000_000])
        select.select([left, right], [], [], max(wait_ns, 0) / 1e9)
        for here, there in ((left, right), (right, left)):
            while (burst := here.recv(monotonic_ns())) is not None:
                there.send(monotonic_ns(), burst)
                quiet_since = monotonic_ns()


def insist(capture, payload_bytes, taps, namespaces, bad=None):
    """Refuse a recording that is not what was wanted: whole, and clean but for the harm that was asked for.

    Parameters
    ----------
    capture : Capture
        What passed.
    payload_bytes : int
        What should have.
    taps : list of Tap
        The two ends of the wire.
    namespaces : list of Namespace
        Where they are.
    bad : Faults, optional
        What harmed the frames before they were recorded.

    Raises
    ------
    NotClean
        The text says what is wrong with it.
    """
    packets = capture.packets()
    chosen = np.flatnonzero(packets.dport == PORT)
    found = in_order(packets, chosen)
    faults = {
        "frames that are not TCP": int((packets.err != 0).sum()),
        "frames with wrong checksums": len(capture) - capture.verify(),
        "frames that a kernel refused": sum(tap.refused for tap in taps),
        "frames that a kernel dropped": sum(n.statistics("wire0")[f"{way}_dropped"] for n in namespaces for way in ("rx", "tx")),
        "SYNs too many or too few": int((packets.tcp_flags & SYN > 0).sum()) - 2,
        "FINs too many or too few": int((packets.tcp_flags & FIN > 0).sum()) - 2,
        "gaps": found.gaps,
    }
    if bad is None:
        faults["payload octets too many or too few"] = int(packets[chosen].payload_bytes.sum()) - payload_bytes
    else:
        faults["payload octets too few"] = payload_bytes - found.reached
        faults |= {f"kinds of harm ({name}) that never happened": int(bad.counters["in"][name] == 0)
                   for name in ("lost", "reordered")}
    problems = [f"{number} {what}" for what, number in faults.items() if number]
    if problems:
        raise NotClean(f"the recording is not clean ({', '.join(problems)}): record again, on a machine that is less busy")
