"""The doctor's report: a table for people, an object for programs, and what stops you first.

Law.   The first stop is chosen on the interface that gets farthest; what cannot be known does not stop anybody.
Reads. interfaces section 1.
Omits. Colours.
"""

import textwrap
from typing import NamedTuple

from devmemlab.lab.doctor_words import STOPS, TELLS, UNABLE, WORDS
from devmemlab.linux.probe import FOUND, MISSING, UNKNOWN

SHOWN = {FOUND: "found", MISSING: "missing", UNKNOWN: "cannot know"}
WIDTH = 118


class Row(NamedTuple):
    """One question with its answer.

    key, state, value, able
        See `devmemlab.linux.probe.Finding`.
    ifname : str
        The interface it is about; empty for the machine.
    """

    key: str
    state: str
    value: str
    able: bool = True
    ifname: str = ""

    @classmethod
    def of(cls, finding, ifname=""):
        """Make a row of a finding.

        Parameters
        ----------
        finding : Finding
            From a probe.
        ifname : str
            The interface it is about.

        Returns
        -------
        row : Row
            With its words.
        """
        return cls(*finding, ifname)

    @property
    def word(self):
        """Word: what is said about the question."""
        return WORDS[self.key]

    @property
    def fix(self):
        """str: the command that helps."""
        if not self.able and self.key != "queues":
            return UNABLE
        return self.word.fix.replace("{ifname}", self.ifname or "IFNAME")

    @property
    def stops(self):
        """bool: whether devmem TCP cannot work because of it."""
        return self.state == MISSING and self.word.weight == STOPS

    def as_dict(self):
        """Spell the row for programs.

        Returns
        -------
        row : dict
            Of strings.
        """
        return {"key": self.key, "interface": self.ifname or None, "title": self.word.title, "state": self.state,
                "value": self.value, "weight": self.word.weight, "why": self.word.why,
                "fix": None if self.state == FOUND else self.fix}


class Report:
    """What the doctor found.

    Parameters
    ----------
    rows : list of Row
        In the order in which a program would meet them.
    """

    def __init__(self, rows):
        self.rows = rows

    @property
    def first(self):
        """Row or None: what stops you first, on the interface that gets farthest; None when nothing does."""
        machine = next((row for row in self.rows if row.stops and not row.ifname), None)
        if machine is not None:
            return machine
        names = list(dict.fromkeys(row.ifname for row in self.rows if row.ifname))
        stops = [next(((at, row) for at, row in enumerate(rows) if row.stops), (len(self.rows), None))
                 for rows in ([row for row in self.rows if row.ifname == name] for name in names)]
        return max(stops, key=lambda pair: pair[0], default=(0, None))[1]

    @property
    def ready(self):
        """bool: whether nothing that was found stops devmem TCP here."""
        return self.first is None

    def verdict(self):
        """Say what stops you first, and what to do.

        Returns
        -------
        text : str
            A sentence or two.
        """
        first, unknown = self.first, [row for row in self.rows if row.state == UNKNOWN and row.word.weight == STOPS]
        if first is not None:
            place = f" of {first.ifname}" if first.ifname else ""
            return f"What stops you here first: {first.word.title}{place}: {first.value}.\n  {first.fix}"
        if unknown:
            return f"Nothing that can be seen stops you here; unknown: {', '.join(row.word.title for row in unknown)}."
        return "Nothing stops you here: bind a queue."

    def __str__(self):
        lines, place = [], None
        for row in self.rows:
            if row.ifname != place:
                place = row.ifname
                lines += ([""] if lines else []) + [f"interface {place}" if place else "this machine"]
            mark = "" if row.stops or row.state == FOUND else " (not needed)" if row.word.weight != STOPS else ""
            lines += textwrap.wrap(f"{row.value}{mark}", WIDTH, initial_indent=f"  {SHOWN[row.state]:<12}{row.word.title:<28}",
                                   subsequent_indent=" " * 42, break_on_hyphens=False)
            if row.state != FOUND:
                lines += textwrap.wrap(f"why: {row.word.why}", WIDTH, initial_indent=" " * 14, subsequent_indent=" " * 19,
                                       break_on_hyphens=False)
            if row.state == MISSING or (row.state == UNKNOWN and row.word.weight != TELLS):
                lines += textwrap.wrap(f"fix: {row.fix}", WIDTH, initial_indent=" " * 14, subsequent_indent=" " * 19,
                                       break_on_hyphens=False)
        return "\n".join([*lines, "", self.verdict()])

    def as_dict(self):
        """Spell the report for programs.

        Returns
        -------
        report : dict
            ``ready``, ``first`` (a row or None), ``rows``.
        """
        return {"ready": self.ready, "first": self.first.as_dict() if self.first else None,
                "rows": [row.as_dict() for row in self.rows]}
