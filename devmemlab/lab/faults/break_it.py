"""Break it: read the question, say what you expect, see what happened, ask why, mend it.

Law.   The run does not know the answer that was given; the answer is kept before anything is shown.
Reads. Features L6 and L12.
Omits. Marks; `devmemlab grade` has the exercises.
"""

import zlib
from typing import NamedTuple

from devmemlab.lab.faults import card_faults, control_faults, program_faults, wire_faults
from devmemlab.lab.faults.fault import LETTERS

def turned(fault):
    """Turn the answers of a fault, so that no letter is right more often than the others.

    Parameters
    ----------
    fault : Fault
        As it was written down.

    Returns
    -------
    fault : Fault
        Its name decides by how much.
    """
    by = zlib.crc32(fault.name.encode()) % len(fault.choices)
    at = (LETTERS.index(fault.answer) + by) % len(fault.choices)
    return fault._replace(choices=fault.choices[-by:] + fault.choices[:-by] if by else fault.choices, answer=LETTERS[at])


AREAS = {area: tuple(map(turned, faults)) for area, faults in (
    ("the bind", control_faults.FAULTS), ("the card", card_faults.FAULTS), ("the program", program_faults.FAULTS),
    ("the wire", wire_faults.FAULTS))}
"""Where something is wrong -> its faults."""
FAULTS = {fault.name: fault for faults in AREAS.values() for fault in faults}
"""Name -> fault, in the order in which a transfer would meet them."""


class Row(NamedTuple):
    """A line of the table of faults.

    area, name, title, switch, happens, fix, source : str
        Where, which, what is wrong, what happens, what mends it, and where it comes from.
    """

    area: str
    name: str
    title: str
    switch: str
    happens: str
    fix: str
    source: str


class Catalogue(tuple):
    """All faults; prints as a table. ``dml.break_it(name)`` opens one."""

    def __str__(self):
        lines = []
        for row in self:
            lines += [f"{row.name} ({row.area}): {row.switch}", f"    then: {row.happens}", f"    do: {row.fix}"]
        return "\n".join(lines)

    __repr__ = __str__


def catalogue():
    """List every fault with what happens; nothing is run.

    Returns
    -------
    rows : Catalogue
        One `Row` a fault.
    """
    return Catalogue(Row(area, fault.name, fault.title, fault.switch, fault.right, fault.fix, fault.source)
                     for area, faults in AREAS.items() for fault in faults)


class BreakIt:
    """One fault, to be played with. Made by ``dml.break_it(name)``.

    Parameters
    ----------
    name : str
        One of `FAULTS`.

    Attributes
    ----------
    fault : Fault
        What is wrong.
    said : str
        Your answer, a letter; empty before you have given one.
    job : Job or None
        The run, once there was one.
    mended : bool
        Whether the fix has been applied.
    """

    def __init__(self, name):
        if name not in FAULTS:
            raise ValueError(f"no fault {name!r}; there are {', '.join(FAULTS)}")
        self.fault, self.said, self.job, self.mended = FAULTS[name], "", None, False

    def predict(self, letter):
        """Answer the question; then it is run, and what happened is shown.

        Parameters
        ----------
        letter : str
            ``"a"``, ``"b"``, ...

        Returns
        -------
        self : BreakIt
            Shows the outcome beside your answer.
        """
        letters = LETTERS[:len(self.fault.choices)]
        if not isinstance(letter, str) or letter.strip().lower() not in list(letters):
            raise ValueError(f"{letter!r} is no answer here; say one of {', '.join(letters)}")
        self.said = letter.strip().lower()
        return self.run()

    def run(self):
        """Run it with the fault, unless that was done already.

        Returns
        -------
        self : BreakIt
            ``seen`` has what a person would see.
        """
        if self.job is None:
            self.job = self.fault.broken()
            self._seen = self.job.seen()
        return self

    @property
    def right(self):
        """bool or None: whether your answer was right; None before you gave one."""
        return self.said == self.fault.answer if self.said else None

    @property
    def seen(self):
        """dict: what was seen in the broken run."""
        self.run()
        return self._seen

    def why(self):
        """Ask the lab why.

        Returns
        -------
        answer : devmemlab.lab.why.answer.Answer
            It does not know the name of the fault.
        """
        self.run()
        return self.job.lab.why(self.fault.ask(self.job))

    def mend(self):
        """Apply the fix where it stands, and let the job go on.

        Returns
        -------
        seen : dict
            What is seen now.
        """
        self.run()
        if not self.mended:
            self.job, self.mended = self.fault.mend(self.job), True
        return self.job.seen()

    @property
    def symptom(self):
        """bool: whether the symptom is there now."""
        self.run()
        return bool(self.fault.shows(self.job))

    def close(self):
        """End its lab."""
        if self.job is not None:
            self.job.close()

    @property
    def text(self):
        """str: the question, or the outcome once you have answered."""
        fault = self.fault
        lines = [f"{fault.title}: {fault.switch}", f"  {fault.question}"]
        for letter, words in zip(LETTERS, fault.choices):
            mark = " <- you" if letter == self.said else ""
            lines.append(f"  {letter}) {words}{mark}")
        if not self.said:
            return "\n".join([*lines, f"  your answer: .predict({LETTERS[0]!r}), ..."])
        verdict = "right" if self.right else f"no: {fault.answer})"
        seen = ", ".join(f"{name} {value}" for name, value in self.seen.items())
        return "\n".join([*lines, f"  {verdict}. {fault.told}", f"  seen: {seen}"])

    def __str__(self):
        return self.text

    __repr__ = __str__


def break_it(name=None):
    """Open a fault, or list them all.

    Parameters
    ----------
    name : str, optional
        Which; see ``dml.break_it()`` for the names.

    Returns
    -------
    fault : BreakIt or Catalogue
        The question of one fault; or the table of all, with what happens.
    """
    return catalogue() if name is None else BreakIt(name)
