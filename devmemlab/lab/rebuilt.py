"""A run that can be rebuilt: notes of every move, and mementos of some; any moment is what running it again from there gives.

Law.   What is rebuilt is compared with the notes (time, and events at every host); a difference is never passed over.
Reads. Deterministic replay as in rr; course.py and memento.py.
Omits. Changes of what is no event, made to a lab that is only looked at, until they lead to another event.
"""

import contextlib

import numpy as np

from devmemlab.base.trace import NAMES, TRACEPOINTS
from devmemlab.lab.memento import Memento
from devmemlab.lab.settings import turn_settings

EVERY, MOST = 128, 12
"""Moves from one memento to the next at first, and how many are kept; then every second one goes."""


class Rebuilt:
    """A run, recorded, at any of its moments.

    Parameters
    ----------
    program : Program
        What is run.
    every : int
        Moves from one memento to the next; grows in long runs.

    Attributes
    ----------
    moment : int
        Where we are: moves that have been made.
    moments : int
        How many there are.
    first, events : int
        Events of the setting up; all events.

    Raises
    ------
    ValueError
        The trace of a host was too small.
    """

    outside_time = True                 # its lab refers to it, and it does not travel along

    def __init__(self, program, every=EVERY):
        self.program, self._every, self._mementos, self._course = program, every, {}, None
        try:
            self._begin()
            self._record()
        except BaseException:
            self.close()
            raise

    def _begin(self):
        """Start from the beginning."""
        self._course, self.moment = self.program.begin(), 0
        self.lab.journey = self
        self._arrive()

    @property
    def lab(self):
        """Lab: as it was at this moment; the next one takes it along."""
        return self._course.lab

    def _arrive(self):
        """Turn what is turned at this moment."""
        for at, settings in self.program.changes:
            if at == self.moment:
                turn_settings(self.lab, self._course.actors, settings)

    def _move(self):
        """Go on by one move."""
        self._course.move()
        self.moment += 1
        self._arrive()

    def _mark(self):
        """Say where we are, to be compared: time, and events at each host."""
        return [self.lab.clock.now_ns, *(int(host.trace.ctl[0].count) for host in self.lab.hosts)]

    def _record(self):
        """Run to the end, and take notes."""
        marks = [self._mark()]
        self._mementos[0] = last = Memento(self._course)
        while not self._course.over:
            self._move()
            marks.append(self._mark())
            if self.moment % self._every == 0:
                self._mementos[self.moment] = last = Memento(self._course, last)
                if len(self._mementos) > MOST:
                    self._every *= 2
                    self._mementos = {at: one for at, one in self._mementos.items() if at % self._every == 0}
        for host in self.lab.hosts:
            if host.trace.ctl[0].lost:
                raise ValueError(f"the trace of {host.name} is full, {int(host.trace.ctl[0].lost)} events are missing; give it "
                                 f"trace = {4 * int(host.trace.ctl[0].capacity)}")
        self._marks = np.array(marks, np.int64)
        self._ends = self._marks[:, 1:].sum(axis=1)
        self.first, self.events, self.moments = int(self._ends[0]), int(self._ends[-1]), len(marks) - 1
        self._order_events()

    def _order_events(self):
        """Put the events of all hosts in one order: by move, within one by time."""
        traces = [host.trace.event[:host.trace.ctl[0].count].copy() for host in self.lab.hosts]
        move = np.concatenate([np.searchsorted(self._marks[:, 1 + k], np.arange(len(one)), side="right")
                               for k, one in enumerate(traces)])
        everything = np.concatenate(traces)
        order = np.lexsort((everything["at_ns"], move))
        self._names = [host.name for host in self.lab.hosts]
        self._trace = everything[order]
        self._of_host = np.repeat(np.arange(len(traces)), [len(one) for one in traces])[order]

    def go(self, moment):
        """Rebuild a moment.

        Parameters
        ----------
        moment : int
            Which.

        Raises
        ------
        RuntimeError
            The run is not deterministic: running it again gave other events.
        """
        before = max(at for at in self._mementos if at <= moment)
        if not before <= self.moment <= moment or not self._right():
            self._restore(before)
        for again in (True, False):
            while self.moment < moment and self._right():
                self._move()
            if self._right():
                return
            if again:
                self._restore(before)
        raise RuntimeError(f"move {self.moment} gave other events than when it was recorded; a program that this run depends on "
                           "is not deterministic")

    def _right(self):
        """Tell whether events and time are those of the record."""
        return self._mark() == self._marks[self.moment].tolist()

    def _restore(self, moment):
        """Put a memento back; where it cannot be, begin again."""
        try:
            self._mementos[moment].restore()
        except ValueError:
            with contextlib.suppress(OSError, ValueError):
                self._course.close()
            self._mementos.clear()
            self._begin()
            self._mementos[0] = Memento(self._course)
            return
        self.moment = moment

    def happened(self, first, end):
        """Spell events out.

        Parameters
        ----------
        first, end : int
            From this one to that one, the latter left out.

        Returns
        -------
        events : list of dict
            ``host``, ``at_ns``, ``name`` and the tracepoint's own arguments, but for addresses: those differ from lab to lab.
        """
        rows = []
        for row, of in zip(self._trace[first:end], self._of_host[first:end]):
            name = NAMES[row["kind"]]
            fields = {word: int(row[key]) for word, key in zip(TRACEPOINTS[name], "abcd") if word and word != "address"}
            rows.append({"host": self._names[of], "at_ns": int(row["at_ns"]), "name": name, **fields})
        return rows

    def close(self):
        """End the lab and give its memory back."""
        self._mementos.clear()
        if self._course is not None:
            self._course.close()
