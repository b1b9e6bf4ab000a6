"""A film: what happened, as columns that can be asked for any moment without looking at the rest.

Law.   What is shown at a position depends on the events before it alone, and is found by binary search, never by a loop.
Reads. Jupyter's binary buffers: one block of octets, and where in it each column lies.
Omits. What is drawn: flow_film.py, heat_film.py and pool_film.py draw scenes; static/player.js moves them.

A position is a number of events: at 0 nothing has happened, at ``len(film)`` everything. A *track* is a count that changes
now and then: the events that change it, and what it is after each. A *line* is an event in words.
"""

from typing import NamedTuple

import numpy as np

LINES = 6
KINDS = {"u1": np.uint8, "i4": np.int32, "f8": np.float64}


class Track(NamedTuple):
    """A count over time.

    label : str
        What is counted.
    event : int32[m]
        Events that changed it, ascending.
    value : float64[m]
        The count after each; before the first it is 0.
    """

    label: str
    event: np.ndarray
    value: np.ndarray


def running(label, event, amount):
    """Make a track that adds up.

    Parameters
    ----------
    label : str
        What is counted.
    event : int64[m]
        Events that add something, ascending.
    amount : int64[m]
        How much.

    Returns
    -------
    track : Track
        Sums.
    """
    return Track(label, np.asarray(event, np.int32), np.cumsum(np.asarray(amount, np.int64)).astype(np.float64))


def changing(label, level):
    """Make a track of a count that is known after every event.

    Parameters
    ----------
    label : str
        What is counted.
    level : int64[n]
        After each event.

    Returns
    -------
    track : Track
        Where it changed.
    """
    changed = np.flatnonzero(np.diff(level, prepend=0))
    return Track(label, changed.astype(np.int32), np.asarray(level)[changed].astype(np.float64))


def spell_time(ns):
    """Spell a time as the player does.

    Parameters
    ----------
    ns : int or float
        Nanoseconds.

    Returns
    -------
    text : str
        Three decimals of the largest unit that fits.
    """
    for unit, size in (("s", 10**9), ("ms", 10**6), ("\u00b5s", 10**3)):
        if abs(ns) >= size:
            return f"{ns / size:.3f} {unit}"
    return f"{int(ns)} ns"


class Film:
    """Events, and what they add up to.

    Parameters
    ----------
    title : str
        Of the picture.
    at : float64[n]
        When each event is played, never falling; its unit is the film's own.
    lines : sequence of str
        One for each kind of event; ``{amount}`` and ``{item}`` are numbers of the event.
    kind, amount, item : int64[n]
        Of each event.
    tracks : dict of str to Track
        What is counted.
    readout : str
        Where we are; ``{k}``, ``{n}``, ``{time}`` and names of tracks stand for numbers.
    rate : float
        Units of `at` played in a second at speed 1.
    time_ns : int64[n], optional
        When each event happened.
    columns : dict of str to ndarray, optional
        More for the scene.
    facts : dict, optional
        More for the scene, JSON.
    number : int64[n], optional
        Which event of the trace each is; stays in Python.
    """

    def __init__(self, title, at, lines, kind, amount, item, tracks, readout, rate, time_ns=None, columns=None, facts=None,
                 number=None):
        self.title, self.lines, self.tracks, self.readout, self.rate = title, tuple(lines), dict(tracks), readout, float(rate)
        self.at = np.asarray(at, np.float64)
        self.kind, self.amount, self.item = np.asarray(kind, np.uint8), np.asarray(amount, np.float64), np.asarray(item, np.int32)
        self.time_ns = np.zeros(0) if time_ns is None else np.asarray(time_ns, np.float64)
        self.columns, self.facts, self.number = dict(columns or {}), dict(facts or {}), number
        if not len(self.at) == len(self.kind) == len(self.amount) == len(self.item):
            raise ValueError("an event has a time, a kind, an amount and an item: the columns are not equally long")
        if (np.diff(self.at) < 0).any():
            raise ValueError("time falls: events are given in the order in which they are played")

    def __len__(self):
        return len(self.at)

    def clamp(self, position):
        """Make a position out of a number.

        Parameters
        ----------
        position : int
            Negative numbers count from the end, as in a list.

        Returns
        -------
        position : int
            From 0 to ``len(film)``.
        """
        position = int(position)
        return min(max(position + len(self) + 1 if position < 0 else position, 0), len(self))

    def value(self, name, position):
        """Look a count up.

        Parameters
        ----------
        name : str
            A track.
        position : int
            How many events have happened.

        Returns
        -------
        value : int
            Then.
        """
        track = self.tracks[name]
        seen = int(np.searchsorted(track.event, position))
        return int(track.value[seen - 1]) if seen else 0

    def values(self, position=-1):
        """Look every count up.

        Parameters
        ----------
        position : int
            How many events have happened.

        Returns
        -------
        values : dict of str to int
            By track.
        """
        position = self.clamp(position)
        return {name: self.value(name, position) for name in self.tracks}

    def line(self, number):
        """Say what an event was.

        Parameters
        ----------
        number : int
            From 0.

        Returns
        -------
        text : str
            A line.
        """
        words = self.lines[self.kind[number]]
        return words.replace("{amount}", f"{int(self.amount[number]):,}").replace("{item}", f"{int(self.item[number]):,}")

    def log(self, position):
        """Say what happened last.

        Parameters
        ----------
        position : int
            How many events have happened.

        Returns
        -------
        lines : list of str
            The newest first.
        """
        return [self.line(i) for i in range(position - 1, max(position - 1 - LINES, -1), -1)]

    def place(self, position):
        """Say where in the film a position is.

        Parameters
        ----------
        position : int
            How many events have happened.

        Returns
        -------
        text : str
            A line.
        """
        text = self.readout.replace("{k}", f"{position:,}").replace("{n}", f"{len(self):,}")
        if "{time}" in text:
            text = text.replace("{time}", spell_time(self.time_ns[position - 1] if position else 0))
        for name in self.tracks:
            if f"{{{name}}}" in text:
                text = text.replace(f"{{{name}}}", f"{self.value(name, position):,}")
        return text

    def words(self, position=-1):
        """Say everything that is shown at a position.

        Parameters
        ----------
        position : int
            How many events have happened.

        Returns
        -------
        text : str
            For screen readers and terminals; the player says the same.
        """
        position = self.clamp(position)
        counts = [f"{track.label}: {self.value(name, position):,}" for name, track in self.tracks.items() if track.label]
        return "\n".join([f"{self.title}; {self.place(position)}", *(f"  {line}" for line in counts)])

    def packed(self):
        """Pack the film for the browser.

        Returns
        -------
        facts, octets : dict, bytes
            What there is, and one block of little-endian columns, each at a multiple of 8.
        """
        columns = {"at": self.at, "kind": self.kind, "amount": self.amount, "item": self.item, "time_ns": self.time_ns}
        for name, track in self.tracks.items():
            columns[f"{name}.event"] = np.asarray(track.event, np.int32)
            columns[f"{name}.value"] = np.asarray(track.value, np.float64)
        columns |= self.columns
        where, pieces, end = {}, [], 0
        for name, column in columns.items():
            kind = next((k for k, dtype in KINDS.items() if column.dtype == dtype), None)
            if kind is None:
                raise ValueError(f"column {name} has dtype {column.dtype}, and only {', '.join(KINDS)} travel")
            octets = np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<"), copy=False).tobytes()
            where[name] = [kind, end, column.size]
            pieces += [octets, bytes(-len(octets) % 8)]
            end += len(octets) + -len(octets) % 8
        facts = {"title": self.title, "lines": list(self.lines), "readout": self.readout, "rate": self.rate, "n": len(self),
                 "tracks": {name: track.label for name, track in self.tracks.items()}, "columns": where, **self.facts}
        return facts, b"".join(pieces)
