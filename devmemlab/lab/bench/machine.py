"""The machine a bench ran on, and what else it was busy with.

Law.   What may have spoiled a figure is said beside it.
Reads. getloadavg(3), /proc/cpuinfo.
Omits. Temperature and frequency scaling: a virtual machine is not told.
"""

import os
import pathlib
import time

from devmemlab.base.cycles import frequency, instant, missing_counter
from devmemlab.commands.about import about

BUSY_SHARE = 0.5
LOST_SHARE = 0.95


def load_average():
    """Look the load average up.

    Returns
    -------
    load : list of float or None
        Over 1, 5 and 15 minutes; None where the system keeps none.
    """
    try:
        return [round(value, 2) for value in os.getloadavg()]
    except (AttributeError, OSError):
        return None


def counter_is_steady():
    """Ask the processor whether its cycle counter always ticks at one rate.

    Returns
    -------
    steady : bool or None
        None where it does not say.
    """
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    words = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), None)
    return None if words is None else {"constant_tsc", "nonstop_tsc"} <= set(words)


class Machine:
    """What is known before a bench and after it.

    Attributes
    ----------
    load_before : list of float or None
        `load_average` before the bench added its own.
    """

    def __init__(self):
        self.load_before = load_average()
        self._began = instant(time.perf_counter_ns)

    def as_dict(self, rows):
        """Describe the machine, when all is measured.

        Parameters
        ----------
        rows : list of dict
            The results.

        Returns
        -------
        machine : dict
            `about`, the cycle counter, the load, and ``warnings``: sentences on what may have spoiled the figures.
        """
        why = missing_counter()
        hz = None if why else frequency(self._began, instant(time.perf_counter_ns))
        steady = None if why else counter_is_steady()
        facts = about().as_dict()
        shares = [row["cpu_share"] for row in rows if "cpu_share" in row]
        return facts | {"cycle_counter": f"none: {why}" if why else "TSC", "tsc_hz": hz, "tsc_steady": steady,
                        "load_average_before": self.load_before, "load_average_after": load_average(),
                        "cpu_share": min(shares, default=None),
                        "warnings": warnings(facts, self.load_before, min(shares, default=None), why, steady)}


def warnings(facts, load, share, why, steady):
    """Say what may have spoiled the figures.

    Parameters
    ----------
    facts : dict
        Of `about`: ``cores`` and ``jit`` are read.
    load : list of float or None
        Before the bench.
    share : float or None
        Of the time of the worst case, what it had a processor for.
    why : str or None
        Why there is no cycle counter.
    steady : bool or None
        Whether it ticks at one rate.

    Returns
    -------
    sentences : list of str
        None when all is well.
    """
    said = []
    if why:
        said.append(f"No cycle counter: {why}. cycles_per_elem is left empty; nanoseconds are measured all the same.")
    elif steady is False:
        said.append("This processor does not promise a constant cycle counter: trust nanoseconds rather than cycles.")
    if facts["jit"] != "on":
        said.append(f"JIT {facts['jit']}: kernels that are compiled, and not checked, are faster.")
    if load and load[0] > BUSY_SHARE * facts["cores"]:
        said.append(f"The machine was busy before the bench began (load average {load[0]:g} on {facts['cores']} cores): "
                    "the minimum is nearer the truth than the median.")
    if share is not None and share < LOST_SHARE:
        said.append(f"In half the runs of one case or more, the bench had a processor for {share:.0%} of the time or less.")
    return said
