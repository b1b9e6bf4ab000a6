"""Time travel: a run that has been recorded, to be looked at at any of its events, and gone on with otherwise.

Law.   A moment is rebuilt by running again what led to it, from the nearest memento; it is the moment that was, by hash.
Reads. rr and its reverse execution; rebuilt.py.
Omits. A state in the middle of a move: kernels are not stopped half-way. At an event inside one the lab is that before the move,
       and `Journey.inside` says what the move had done by then. Changes that are made to a lab that is only looked at.

::

    moment   0       1       2       3     ...      (between moves; every table is consistent)
    event    | 0..86 | 87 88 | 89 .. 95 |            (numbers go through all hosts)
                       ^ at(event=88): the lab of moment 1, and event 87 as what was going on

A run that was live is travelled through its recording: ``dml.journey(record)`` or of a capture file.
"""

import os

import numpy as np

from devmemlab.base.trace import NAMES
from devmemlab.lab.program import Program, program_of
from devmemlab.lab.rebuilt import EVERY, Rebuilt
from devmemlab.lab.scenario_keys import meant
from devmemlab.lab.scenario_run import trace_digest
from devmemlab.lab.settings import check_settings
from devmemlab.lab.state_file import write_state


class Journey(Rebuilt):
    """A recorded run. Made by `journey`; a context manager.

    Parameters
    ----------
    program : Program
        What is run.
    every : int
        Moves from one memento to the next; grows in long runs.

    Attributes
    ----------
    event, moment : int
        Where we are: events that have happened, and moves (none after the setting up is moment 0).
    events, moments : int
        How many there are.
    first : int
        Events of the setting up, which is not looked into.
    flows : list of Flow
        What came of each traffic at the end.
    stopped : str
        Why the run ended before all was done; empty when it was.
    trace_sha256 : str
        Digest of every event at every host.
    """

    def __init__(self, program, every=EVERY):
        super().__init__(program, every)
        self.flows, self.stopped = program.flows(self._course), self._course.stopped
        self.trace_sha256, self.event = trace_digest(self.lab), self.events

    @property
    def whole(self):
        """bool: whether all traffic arrived, and was right."""
        return all(flow.whole for flow in self.flows)

    @property
    def hosts(self):
        """dict of str to Host: as they are at this event."""
        return {host.name: host for host in self.lab.hosts}

    def clamp(self, event):
        """Make the number of an event out of a number.

        Parameters
        ----------
        event : int
            Negative numbers count from the end, as in a list: -1 is the end.

        Returns
        -------
        event : int
            From `first` to `events`.
        """
        event = int(event)
        return min(max(event + self.events + 1 if event < 0 else event, self.first), self.events)

    def at(self, event):
        """Go to an event, forward or back.

        Parameters
        ----------
        event : int
            So many events have happened; see `clamp`.

        Returns
        -------
        lab : Lab
            To be looked at: the next call takes it along. What is to be turned, `fork` turns.
        """
        event = self.clamp(event)
        return self.stand(self._moment_of(event), event)

    def _moment_of(self, event):
        """The last moment that is not after an event."""
        return int(np.searchsorted(self._ends, event, side="right")) - 1

    def has(self, moment, event):
        """Tell whether an event belongs to a moment.

        Parameters
        ----------
        moment, event : int
            Any numbers.

        Returns
        -------
        has : bool
            Whether `stand` can go there.
        """
        return 0 <= moment <= self.moments and self._ends[moment] <= event <= self._ends[min(moment + 1, self.moments)]

    def stand(self, moment, event=None):
        """Go to a moment, and look at an event of the move behind it.

        Parameters
        ----------
        moment : int
            Moves since the setting up.
        event : int, optional
            The last one before the move when left out.

        Returns
        -------
        lab : Lab
            See `at`.
        """
        self.go(moment)
        self.event = int(self._ends[moment]) if event is None else event
        return self.lab

    def seek(self, ns):
        """Go to a time.

        Parameters
        ----------
        ns : int
            Virtual time.

        Returns
        -------
        lab : Lab
            As it was then: at the last moment that began by that time.
        """
        return self.stand(max(int(np.searchsorted(self._marks[:, 0], ns, side="right")) - 1, 0))

    def step(self, events=1):
        """Go on.

        Parameters
        ----------
        events : int
            By so many; negative: back.

        Returns
        -------
        lab : Lab
            See `at`.
        """
        return self.at(min(max(self.event + events, self.first), self.events))

    def back(self, events=1):
        """Go back.

        Parameters
        ----------
        events : int
            By so many.

        Returns
        -------
        lab : Lab
            See `at`.
        """
        return self.step(-events)

    def numbers(self, host=None, *names):
        """Find events.

        Parameters
        ----------
        host : str, optional
            Only those at this host.
        *names : str
            Only these tracepoints; all when none is named.

        Returns
        -------
        events : int64[n]
            Numbers for `at`: the event is the last one that has happened then.

        Raises
        ------
        ValueError
            There is no such host or tracepoint.
        """
        for word, known in ((host, self._names), *((name, NAMES) for name in names)):
            if word is not None and word not in known:
                raise ValueError(f"{word!r} is neither a host nor a tracepoint here; {meant(word, known)}")
        wanted = np.isin(self._trace["kind"], [NAMES.index(name) for name in names]) if names else np.ones(self.events, bool)
        if host is not None:
            wanted &= self._of_host == self._names.index(host)
        return np.flatnonzero(wanted) + 1

    @property
    def inside(self):
        """list of dict: what had happened by this event of the move that was going on; the tables do not show it yet."""
        return self.happened(int(self._ends[self.moment]), self.event)

    def fork(self, event=None, **settings):
        """Go on from a moment with other settings.

        Parameters
        ----------
        event : int, optional
            From the moment of this event; where we are when left out.
        **settings
            See `devmemlab.lab.settings.check_settings`; none: the same run once more.

        Returns
        -------
        journey : Journey
            Another run in a lab of its own, which has been run to its end, and stands at the moment where it forked. This
            journey stays as it is.

        Raises
        ------
        ValueError
            A setting cannot be.
        """
        check_settings(settings)
        moment = self.moment if event is None else self._moment_of(self.clamp(event))
        kept = tuple(change for change in self.program.changes if change[0] <= moment)
        branch = Journey(self.program._replace(changes=(*kept, (moment, settings)) if settings else kept), self._every)
        branch.stand(moment)
        return branch

    def save(self, path):
        """Write what leads to this event to a file; see ``Lab.save``.

        Parameters
        ----------
        path : str or os.PathLike
            Usually ends in ``.dml``.
        """
        write_state(os.fspath(path), self.program, self.moment, self.event, self.lab.state_hash(), self.trace_sha256)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __repr__(self):
        stopped = f", stopped: {self.stopped}" if self.stopped else ""
        return (f"<Journey {self.program.name}: at event {self.event} of {self.events}, moment {self.moment} of {self.moments}, "
                f"{self.lab.clock.now_ns} ns{stopped}>")


def journey(source, every=EVERY, **options):
    """Run something and record it, to travel through it.

    Parameters
    ----------
    source : Scenario, dict, Record, Capture, str or os.PathLike
        A scenario or its file; or a recording (also of a live run), or a capture file, whose largest flow is played to a host.
    every : int
        Moves from one memento to the next: fewer make travelling quicker and take more memory.
    **options
        For a recording: ``memory`` (of the device, ``"1MiB"``), ``keep`` (tokens that the program keeps), ``trace`` (events).

    Returns
    -------
    journey : Journey
        Run to its end; close it when done.

    Raises
    ------
    ValueError
        The source cannot be run, or the trace of a host was too small.
    """
    return Journey(source if isinstance(source, Program) else program_of(source, **options), every)
