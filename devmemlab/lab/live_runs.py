"""Runs against this machine's kernel, and the table of them: ``python -m devmemlab.lab.live_runs [--share 0.1] [--only WORDS]``.

Law.   A run counts as right only when the digest of what arrived is that of what was sent, or (iperf3) the counts agree.
Reads. ss(8), and /proc/net/snmp and netstat of the private network for the kernel's own account.
Omits. Judging speed: how long a run took is shown, and means little on a machine that does other things as well.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
from typing import NamedTuple

from devmemlab.lab.live import Station
from devmemlab.lab.live_bench import MANY, Bench
from devmemlab.lab.live_work import RUNS, missing
from devmemlab.lab.stream import stream_digest

HARM = {"loss": 0.01, "reorder": 0.01, "seed": 7}
FAMILIES = {"IPv4": "10.0.0.2", "IPv6": "fd00::2"}


class Run(NamedTuple):
    """One row of the table.

    what, direction, family, harm : str
        Which run; the direction is the lab's (``in``: the lab receives).
    nbytes : int
        Octets of payload that arrived.
    seconds : float
        From the first connection to the last octet, on this machine.
    kernel_retransmits, probes, lab_retransmits : int
        Segments that the kernel sent again, how many of them because it probed for a lost tail, and those of the lab.
    timeouts, dropped : int
        Retransmission timers of both that ran out, which on a machine that is busy elsewhere happens without any loss; frames
        that either side had no room for.
    ss : str
        What ``ss -ti`` said of a connection when most octets had moved: sent again now / ever, and the round trip.
    in_flight : int
        netmems that the lab held at the end; its audit was clean, or the run would have failed.
    right : bool
        Digests (or counts) are equal.
    """

    what: str
    direction: str
    family: str
    harm: str
    nbytes: int
    seconds: float
    kernel_retransmits: int
    probes: int
    lab_retransmits: int
    timeouts: int
    dropped: int
    ss: str
    in_flight: int
    right: bool


def run(name, family="IPv4", harm=None, share=1.0, folder=None):
    """Do one run in a private network of its own.

    Parameters
    ----------
    name : str
        One of `RUNS`.
    family : str
        ``"IPv4"`` or ``"IPv6"``.
    harm : dict, optional
        Arguments of `Faults`.
    share : float
        Part of the full size.
    folder : str, optional
        Where payload files are kept for the next run.

    Returns
    -------
    done : Run
        A row of the table.
    """
    do, full = RUNS[name]
    what, direction = name.split()
    with contextlib.ExitStack() as stack:
        folder = folder or stack.enter_context(tempfile.TemporaryDirectory())
        station = stack.enter_context(Station(ip=FAMILIES[family], harm=harm, sockets=4 * MANY))
        bench = Bench(station, max(int(full * share), 1), folder)
        moved, digest = do(bench)
        right = digest if isinstance(digest, bool) else digest == stream_digest(bench.nbytes)
        station.lab.run(until_ns=station.lab.clock.now_ns + 50_000_000)
        report = station.host.audit()
        kernel = station.counters()
        lab = station.host.nstat()
        words = ", ".join(f"{value:.0%} {which}" for which, value in (harm or {}).items() if which not in ("seed", "delay_us"))
        dropped = station.tap.refused + int(station.host.nics.ctl[0].rx_dropped)
        dropped += sum(station.namespace.statistics(station.tap.name)[f"{way}_dropped"] for way in ("rx", "tx"))
        return Run(what, direction, family, words or "none", moved, bench.seconds, kernel["RetransSegs"], kernel["TCPLossProbes"],
                   lab["TcpRetransSegs"], kernel["TCPTimeouts"] + lab["TcpExtTCPTimeouts"], dropped, bench.watcher.text(),
                   report.netmems_in_flight, right)


HEAD = ("what", "dir", "family", "harm", "octets", "seconds", "Mbit/s", "kernel sent again (probes)", "lab sent again",
        "timeouts", "dropped", "ss", "in flight", "right")


def line(row):
    """Write a row of the table.

    Parameters
    ----------
    row : Run
        A run.

    Returns
    -------
    text : str
        Markdown.
    """
    cells = (row.what, row.direction, row.family, row.harm, f"{row.nbytes:,}", f"{row.seconds:.2f}",
             f"{row.nbytes * 8e-6 / row.seconds:.0f}", f"{row.kernel_retransmits} ({row.probes})", row.lab_retransmits,
             row.timeouts, row.dropped, row.ss,
             row.in_flight, "yes" if row.right else "NO")
    return f"| {' | '.join(map(str, cells))} |"


def main(argv=None):
    """Do the runs and print the table line by line.

    Parameters
    ----------
    argv : list of str, optional
        Arguments; None: the program's own.
    """
    parser = argparse.ArgumentParser(prog="python -m devmemlab.lab.live_runs", description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="part of the full sizes")
    parser.add_argument("--only", default="", help="runs whose name, family and harm hold these words")
    arguments = parser.parse_args(argv)
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in RUNS:
            for family in FAMILIES:
                for harm in (None, HARM):
                    words = f"{name} {family} {'harm' if harm else 'clean'}".split()
                    if not set(arguments.only.split()) <= set(words):
                        continue
                    try:
                        if missing(name):
                            raise FileNotFoundError(missing(name))
                        row = run(name, family, harm, arguments.share, folder)
                        print(line(row), flush=True)
                        wrong += not row.right or row.in_flight > 0
                    except (OSError, ArithmeticError, AssertionError, subprocess.SubprocessError, ValueError) as problem:
                        wrong += 1
                        print(f"| {' | '.join(words)} | FAILED: {type(problem).__name__}: {problem} |", flush=True)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
