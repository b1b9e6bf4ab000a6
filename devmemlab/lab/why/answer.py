"""An answer: what is wrong, the chain of events that led to it, and what to do.

Law.   Every link of the chain names where it was read; a time stands only beside what the trace timed.
Reads. Nothing of Linux.
Omits. Degrees of certainty: what is not certain is not said.
"""

from typing import NamedTuple


def some(count, word):
    """Spell a number of things.

    Parameters
    ----------
    count : int
        How many.
    word : str
        One of them.

    Returns
    -------
    text : str
        In the plural, unless it is one.
    """
    return f"{int(count):,} {word}{'' if count == 1 else 's'}"


class Event(NamedTuple):
    """A link of the chain.

    at_ns : int or None
        Virtual time; None: no event, but how things are.
    what : str
        What happened, or what there is.
    source : str
        Where it was read: a counter, a table, a call, the trace.
    """

    at_ns: object
    what: str
    source: str

    def __str__(self):
        at = f"{self.at_ns / 1e6:12.3f} ms" if self.at_ns is not None else " " * 12 + "now"
        return f"{at}  {self.what}  [{self.source}]"


class Finding(NamedTuple):
    """Something that is wrong.

    key : str
        One word for it, always the same.
    cause, fix : str
        In a sentence each.
    chain : tuple of Event
        From cause to effect.
    over : bool
        It was wrong, and is not any more.
    """

    key: str
    cause: str
    fix: str
    chain: tuple = ()
    over: bool = False


class Answer:
    """What ``lab.why(thing)`` found. Prints as text, shows as a table in a notebook.

    Parameters
    ----------
    thing : str
        What was asked about.
    findings : sequence of Finding
        The first is the cause; empty: nothing is wrong.
    story : sequence of Event
        What is told when nothing is wrong.

    Attributes
    ----------
    ok : bool
        Nothing is wrong now.
    key, cause, fix : str
        Of the first finding; empty when nothing is wrong.
    chain : list of Event
        From cause to effect, by time where there is one.
    also : list of Finding
        What else is wrong.
    past : list of Finding
        What was wrong before, and is over.
    """

    def __init__(self, thing, findings=(), story=()):
        now = [finding for finding in findings if not finding.over]
        self.thing, self.past = thing, [finding for finding in findings if finding.over]
        self.ok = not now
        first = now[0] if now else Finding("", "", "", tuple(story))
        self.key, self.cause, self.fix, self.chain = first.key, first.cause, first.fix, list(first.chain)
        self.also = [finding for finding in now[1:] if finding.key != first.key]

    @property
    def text(self):
        """str: the answer in lines of text."""
        lines = [f"{self.thing}: {'nothing is wrong' if self.ok else self.cause}"]
        lines += [f"  {event}" for event in self.chain]
        lines += [f"  also: {finding.cause}" for finding in self.also]
        lines += [f"  over: {finding.cause}" for finding in self.past]
        return "\n".join(lines if self.ok else [*lines, f"  do: {self.fix}"])

    def __str__(self):
        return self.text

    def __repr__(self):
        return f"<Answer {'ok' if self.ok else self.key}>\n{self.text}"
