"""bench cold: what a newcomer waits for: importing, the first kernel, compiling all of them, the demo, each lesson.

Law.   Each case is a process of its own, which must end well; caches that have to be empty are made for it.
Reads. interfaces section 3; wait4(2) for the largest resident set.
Omits. The cache of files that the system keeps: nobody empties it, so files have been read before.
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager

from devmemlab.base.errno import EIO, error
from devmemlab.base.paths import notebooks_folder
from devmemlab.lab.bench.measure import Case

REPEATS = (3, 1)
CONTRASTS, QUOTED = {}, {}
NOTES = """\
seconds: from the start of the process to its end. peak_rss_mib: its largest resident set, or that of a process it started,
whichever is larger. first_kernel and warm begin with an empty cache; demo and start_64GiB have run once before; import, lessons
and all of these find their files read before. Python keeps what it makes of source files, as it does unless it is told
otherwise (PYTHONDONTWRITEBYTECODE): the first run of a fresh clone takes some seconds more.
start_64GiB: a host with 64 bound queues and a dmabuf of 64 GiB."""
START = """
import devmemlab as dml
with dml.Lab() as lab:
    host, device = lab.host("a", ip="10.0.0.1", rx_queues=65, ifname="eth1"), dml.DeviceMemory("64GiB")
    host.ethtool("eth1").set_rings(tcp_data_split="on", hds_thresh=0)
    host.ethtool("eth1").set_rxfh_indir(equal=1)
    queues = [{"type": "rx", "id": queue} for queue in range(1, 65)]
    host.netlink("netdev").bind_rx({"ifindex": host.netdev.ifindex, "fd": host.export(device), "queues": queues})
    host.audit()
"""
FIRST = "from devmemlab.base.seq import seq_add; assert seq_add(1, 2) == 3"
TAIL = 400
STARTER = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
began = time.perf_counter_ns()
child = subprocess.Popen(sys.argv[2:])
try:
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
finally:
    if child.returncode is None:
        child.terminate()
        child.wait()
with open(sys.argv[1], "w") as told:
    print(child.returncode, time.perf_counter_ns() - began, used.ru_maxrss, file=told)
"""
"""FILE PROGRAM ...: run it, and write status, nanoseconds and largest resident set to a file. The system counts into the last
one what the process held that a program was started from; so it is started from a small one."""


class Process(Case):
    """A program, run once a round.

    Parameters
    ----------
    name : str
        Of the case.
    *arguments : str
        Of this Python.
    empty : bool
        With an empty cache of kernels.
    most : int, optional
        Rounds at most.
    beforehand : bool
        Run it once before, so that whatever it needs has been compiled.
    """

    here = False

    def __init__(self, name, *arguments, empty=False, most=None, beforehand=False):
        self.name, self.arguments, self.empty, self.most, self.rss = name, arguments, empty, most, []
        self.beforehand = beforehand

    def run(self):
        """Start it and wait for it; gives status, what it said last, and nanoseconds."""
        with tempfile.TemporaryDirectory(prefix="devmemlab-bench-") as folder:
            environ = os.environ | ({"NUMBA_CACHE_DIR": f"{folder}/cache"} if self.empty else {})
            environ.pop("PYTHONDONTWRITEBYTECODE", None)
            words = [word.replace("{folder}", folder) for word in self.arguments]
            with open(f"{folder}/said", "wb+") as said:
                starter = subprocess.Popen([sys.executable, "-I", "-S", "-c", STARTER, f"{folder}/told", sys.executable, *words],
                                           stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environ)
                try:
                    starter.wait()
                finally:
                    if starter.returncode is None:
                        starter.send_signal(signal.SIGTERM)
                        starter.wait()
                said.seek(0)
                words = said.read()[-TAIL:].decode(errors="replace")
            try:
                status, ns, most = map(int, pathlib.Path(f"{folder}/told").read_text().split())
            except (OSError, ValueError):
                return starter.returncode or 1, words, 0
        # Linux counts in KiB, macOS in octets.
        self.rss.append(most / (1 << 20 if sys.platform == "darwin" else 1 << 10))
        return status, words, ns

    def spent(self, result):
        """Tell how long the program ran.

        Parameters
        ----------
        result : (int, str, int)
            Of `run`.

        Returns
        -------
        ns : int
            From its start to its end.
        """
        return result[2]

    def figures(self, runs):
        """Name the figures.

        Parameters
        ----------
        runs : list of Sample
            Of this case.

        Returns
        -------
        figures : dict of str to list of float
            Contract of cold.
        """
        return {"seconds": [run.ns / 1e9 for run in runs], "peak_rss_mib": self.rss[-len(runs):]}

    def check(self, result):
        """See that it ended well.

        Parameters
        ----------
        result : (int, str, int)
            Of `run`.

        Raises
        ------
        OSError
            EIO: it did not.
        """
        status, said, _ = result
        if status:
            raise error(EIO, f"{self.name}: the process ended with {status}: {said}")


def skipped(quick=False):
    """Say what is not measured.

    Parameters
    ----------
    quick : bool
        Leaves out what takes minutes.

    Returns
    -------
    reasons : dict of str to str
        By case.
    """
    if not hasattr(os, "wait4"):
        return {"cold": "this system has no wait4, which tells the largest resident set"}
    why = "it takes minutes: not with --quick"
    return {"warm": why, "lesson_*": why} if quick else {}


@contextmanager
def cases(quick=False):
    """List the processes.

    Parameters
    ----------
    quick : bool
        Leave out what takes minutes.

    Yields
    ------
    cases : list of Case
        In the order in which a newcomer meets them.
    """
    made = [Process("import", "-c", "import devmemlab"), Process("first_kernel", "-c", FIRST, empty=True),
            Process("demo", "-m", "devmemlab", "demo", "--live", "no", "--repeats", "1", "--picture", "{folder}/demo.svg",
                    beforehand=True),
            Process("start_64GiB", "-c", START, beforehand=True)]
    if not quick:
        made.insert(2, Process("warm", "-m", "devmemlab", "warm", empty=True, most=1))
        for path in sorted(pathlib.Path(notebooks_folder()).glob("*.ipynb")):
            short = path.name[:2] if path.name[0].isdigit() else path.stem
            made.append(Process(f"lesson_{short}", "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute",
                                "--output-dir", "{folder}", str(path), most=1))
    yield made if hasattr(os, "wait4") else []
