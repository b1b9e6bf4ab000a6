"""Measuring: cases take turns, and each proves what it did before its time counts.

Law.   Every case runs once in every round, there and back again; a run whose books do not balance ends the bench.
Reads. House section 5 (a loop that nobody looks at is deleted), section 6 (ratios within one run).
Omits. Choosing a processor, its speed or its neighbours: what they did is reported instead.

Where one thread does all the work, only the time counts for which it had a processor: what else the machine did in between is
no property of the program. What neighbours do to caches, and to the other half of a core, stays in.

Round 1 goes through the cases forwards, round 2 backwards, and so on. Whatever the machine is busy with in some second then
falls on all of them, and no case always follows the same other one. Neighbouring cases, of which ratios are made, are at
most one run apart.
"""

import gc
import time
from typing import NamedTuple

from devmemlab.base.cycles import missing_counter, read_cycles
from devmemlab.lab.stopwatch import look_ns, processor_ns

NAP_SECONDS = 0.0002


class Case:
    """Something to be measured.

    Attributes
    ----------
    name : str
        As in the results.
    elements : int
        How many elements one run handles.
    most : int or None
        Rounds at most, for what takes long; None: as many as the others.
    beforehand : bool
        Whether it runs once before it is measured.
    here : bool
        Whether this thread does all the work: then its time on the processor counts, else the wall clock.
    contrasts : tuple of (str, str)
        Names of ratios it gets, each with the case that it is compared with.
    more : dict
        Further keys of its row.
    """

    name = ""
    elements = 1
    most = None
    beforehand = True
    here = True
    contrasts = ()
    more = {}

    def prepare(self):
        """Get ready for one run; not timed."""

    def run(self):
        """Do it; timed.

        Returns
        -------
        result : object
            Whatever `check` wants to see.
        """
        raise NotImplementedError

    def spent(self, result):
        """Tell what a run took, where the case has a stopwatch of its own.

        Parameters
        ----------
        result : object
            What `run` returned.

        Returns
        -------
        ns : int or None
            In the time that counts, see `here`; None: from before `run` to after it.
        """

    def figures(self, runs):
        """Name the figures of its row.

        Parameters
        ----------
        runs : list of Sample
            Of this case.

        Returns
        -------
        figures : dict of str to list of float, or None
            The main one first; None: the bench, or `devmemlab.lab.bench.rows.per_element`, names them.
        """

    def check(self, result):
        """Prove that the run did what it claims; not timed.

        Parameters
        ----------
        result : object
            What `run` returned.

        Raises
        ------
        OSError
            It did not.
        """
        raise NotImplementedError


class StreamCase(Case):
    """One way of moving a stream, whose `run` gives the time that counts.

    Attributes
    ----------
    stream_bytes : int
        Payload of the stream.
    copied : float
        Copies of a payload octet, by the ledger.
    """

    def spent(self, result):
        """Leave out what is not this side's.

        Parameters
        ----------
        result : int
            Of `run`.

        Returns
        -------
        ns : int
            As it is.
        """
        return result

    def figures(self, runs):
        """Name the figures.

        Parameters
        ----------
        runs : list of Sample
            Of this case.

        Returns
        -------
        figures : dict of str to list of float
            Contract of rx and tx.
        """
        return {"ns_per_packet": [run.ns / run.elements for run in runs],
                "payload_gbytes_per_s": [self.stream_bytes / run.ns for run in runs],
                "copied_bytes_per_payload_byte": [self.copied] * len(runs)}


class Sample(NamedTuple):
    """One run of one case.

    ns : int
        What counts, see `Case.here`.
    cycles : int or None
        Cycle counter, for the same time.
    share : float
        Of the wall clock, what this thread had a processor for; 0 to 1.
    elements : int
        Handled in this run.
    """

    ns: int
    cycles: int | None
    share: float
    elements: int


def time_once(case):
    """Run a case once.

    On a busy machine a process that comes back from a nap has a whole time slice before it: longer than a run should be.

    Parameters
    ----------
    case : Case
        Prepared, run and checked.

    Returns
    -------
    sample : Sample
        Its times.
    """
    case.prepare()
    counted = missing_counter() is None
    time.sleep(NAP_SECONDS)
    started = time.perf_counter_ns()
    on = processor_ns()
    cycles = read_cycles()
    result = case.run()
    cycles = read_cycles() - cycles
    on = processor_ns() - on - look_ns()
    spent = time.perf_counter_ns() - started
    own = case.spent(result)
    case.check(result)
    share = min(1.0, max(on, 1) / spent)
    if own is not None:
        return Sample(max(int(own), 1), None, share, case.elements)
    if not case.here:
        return Sample(spent, int(cycles) if counted else None, share, case.elements)
    return Sample(max(on, 1), int(cycles * share) if counted else None, share, case.elements)


def turns(count, repeats):
    """List whose turn it is.

    Parameters
    ----------
    count : int
        Cases.
    repeats : int
        Rounds.

    Returns
    -------
    order : list of list of int
        Numbers of cases, a list for each round.
    """
    return [list(range(count)) if repeat % 2 == 0 else list(range(count))[::-1] for repeat in range(repeats)]


def measure(cases, repeats, progress=None):
    """Measure cases against each other.

    Parameters
    ----------
    cases : list of Case
        Each is also run once beforehand, which compiles it and brings it to its steady state.
    repeats : int
        Rounds.
    progress : callable, optional
        Called with a sentence and the share that is done, 0 to 1, before each run.

    Returns
    -------
    samples : dict of str to list of Sample
        By case, in the order of the rounds.

    Raises
    ------
    ValueError
        No round at all, or two cases of one name.
    OSError
        A case could not prove what it did.
    """
    if repeats < 1:
        raise ValueError(f"{repeats} repeats: at least 1 is needed")
    if len({case.name for case in cases}) != len(cases):
        raise ValueError(f"cases of the same name among {', '.join(case.name for case in cases)}")
    say = progress or (lambda text, share: None)
    samples = {case.name: [] for case in cases}
    runs, done = len(cases) * (repeats + 1), 0
    for case in cases:
        if case.beforehand:
            say(f"preparing {case.name}", done / runs)
            time_once(case)
        done += 1
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number, order in enumerate(turns(len(cases), repeats), 1):
            for which in order:
                if cases[which].most is None or number <= cases[which].most:
                    say(f"round {number} of {repeats}" if cases[which].beforehand else cases[which].name, done / runs)
                    samples[cases[which].name].append(time_once(cases[which]))
                done += 1
    finally:
        if collecting:
            gc.enable()
    say("done", 1.0)
    return samples
