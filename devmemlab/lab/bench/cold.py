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
and all of these find their files read before.
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
        """Start it and wait for it; gives status and what it said last."""
        with tempfile.TemporaryDirectory(prefix="devmemlab-bench-") as folder:
            home = {"NUMBA_CACHE_DIR": f"{folder}/cache"} if self.empty else {}
            with open(f"{folder}/said", "wb+") as said:
                words = [word.replace("{folder}", folder) for word in self.arguments]
                child = subprocess.Popen([sys.executable, *words], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                         env=os.environ | home)
                try:
                    _, status, used = os.wait4(child.pid, 0)
                    child.returncode = os.waitstatus_to_exitcode(status)
                finally:
                    if child.returncode is None:
                        child.send_signal(signal.SIGTERM)
                        child.wait()
                said.seek(0)
                words = said.read()[-TAIL:].decode(errors="replace")
        # Linux counts in KiB, macOS in octets.
        self.rss.append(used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10))
        return child.returncode, words

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
        result : (int, str)
            Of `run`.

        Raises
        ------
        OSError
            EIO: it did not.
        """
        status, said = result
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
            made.append(Process(f"lesson_{path.name[:2]}", "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute",
                                "--output-dir", "{folder}", str(path), most=1))
    yield made if hasattr(os, "wait4") else []
