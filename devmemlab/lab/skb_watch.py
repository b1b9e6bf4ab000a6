"""Watching the skbs of a connection: what waits in it after everything that happens, and who may touch it.

Law.   What is noted was found by the inspector at that moment; a question is put to the skb itself, and changes nothing.
Reads. devmemlab.host.inspect; devmemlab.net.guards for the rules, scenes_guards.py for the questions.
Omits. Questions that would change a readable skb (pull, linearize, store): they are put to unreadable ones, which refuse.
"""

from typing import NamedTuple

from devmemlab.host.inspect import inspect_queue
from devmemlab.lab.scenes_guards import ask_one

ASKED = (1, 5, 6, 7, 10, 14, 21, 22, 23, 24)
"""Rules that can be asked of any skb and leave it as it is."""

CHANGING = (3, 4)
"""Rules that would move octets of a readable skb."""


class Moment(NamedTuple):
    """What waits in a connection at one moment.

    at_ns : int
        When.
    line, amount, item : str, int, int
        What has just happened, with ``{amount}`` and ``{item}`` where the numbers belong.
    queue : devmemlab.host.inspect.Queue
        What the inspector found.
    answers : dict of int to tuple of (int, str)
        Row of an skb -> rule and answer.
    """

    at_ns: int
    line: str
    amount: int
    item: int
    queue: object
    answers: dict


def _change(old, new):
    """Tell what has changed in a queue.

    Parameters
    ----------
    old, new : Queue
        Before and after.

    Returns
    -------
    line, amount, item : str, int, int
        See `Moment`.
    """
    early, before = ({one.skb: one for one in queue.early} for queue in (new, old))
    came = [skb for skb in early if skb not in before]
    if len(new.early) < len(old.early):
        moved = len(old.early) - len(new.early)
        if new.length > old.length:
            said = "the hole is filled: {amount} octets more in order, {item} early skbs have joined them"
            return said, new.length - old.length, moved
        return "{amount} early skbs are thrown away", moved, 0
    if came:
        return "skb {item} comes early: {amount} octets wait for what is missing", early[came[0]].length, came[0]
    if early != before:
        return "an early skb grows: {amount} octets are early now", sum(one.length for one in new.early), 0
    if new.length > old.length:
        return "{amount} octets more in order, in skb {item}", new.length - old.length, new.skbs[-1].skb
    if new.length < old.length or len(new.skbs) < len(old.skbs):
        return "{amount} octets have left the queue", old.length - new.length, 0
    return "references have changed", 0, 0


class SkbWatch:
    """Notes what waits in a connection, moment by moment.

    Parameters
    ----------
    lab : Lab
        Runs.
    host : Host
        Who receives.
    conn : Socket
        One of its connections.

    Attributes
    ----------
    moments : list of Moment
        So far; the first one is when the watch began.
    """

    def __init__(self, lab, host, conn):
        self.lab, self.host, self.conn, self._asked = lab, host, conn, {}
        self.moments = []
        self.note("the watch begins")

    def _answers(self, found):
        """Ask an skb everything, unless one that was just like it was asked before."""
        if found not in self._asked:
            numbers = sorted(ASKED + (() if found.readable else CHANGING))
            self._asked[found] = tuple((number, ask_one(self.host, found.skb, number)) for number in numbers)
        return self._asked[found]

    def note(self, line, amount=0, item=0):
        """Look at the connection now.

        Parameters
        ----------
        line : str
            What has just happened.
        amount, item : int
            Stand for ``{amount}`` and ``{item}`` in it.
        """
        queue = inspect_queue(self.host, self.conn)
        answers = {found.skb: self._answers(found) for found in queue.skbs + queue.early}
        self.moments.append(Moment(self.lab.clock.now_ns, line, int(amount), int(item), queue, answers))

    def run(self, until_ns):
        """Let the lab run from event to event, and note what changes.

        Parameters
        ----------
        until_ns : int
            Virtual time.
        """
        while (at_ns := self.lab.next_ns()) is not None and at_ns <= until_ns:
            self.lab.run(until_ns=max(at_ns, self.lab.clock.now_ns))
            new, old = inspect_queue(self.host, self.conn), self.moments[-1].queue
            if (new.skbs, new.early) != (old.skbs, old.early):
                self.note(*_change(old, new))
        self.lab.run(until_ns=until_ns)
