"""What a call answered, spelled as the records spell it.

Law.   An errno is an answer like any other; a call that cannot be made is no answer at all.
Reads. Nothing of Linux.
Omits. Which parts of an answer count: that is `devmemlab.lab.conformance.compare`.
"""

from typing import NamedTuple

from devmemlab.base.errno import name_of


class Answer(NamedTuple):
    """What came back.

    Attributes
    ----------
    errno : str or None
        Name, None for success.
    result : object
        Returned value.
    extack : dict or None
        What netlink added.
    note : str
        What of the record could not be asked.
    """

    errno: str | None
    result: object = None
    extack: dict | None = None
    note: str = ""

    def as_dict(self):
        """Spell it for the JSON rows.

        Returns
        -------
        fields : dict
            ``errno``, ``result``, ``extack``.
        """
        return {"errno": self.errno, "result": self.result, "extack": self.extack}


class NotModelled(Exception):
    """The call cannot be made on this side; the text says why."""


def attempt(call, *args):
    """Make a call and keep what it answers.

    Parameters
    ----------
    call : callable
        Raises OSError as system calls set errno.
    *args : object
        Its arguments.

    Returns
    -------
    answer : Answer
        The errno, or the returned value.
    """
    try:
        return Answer(None, call(*args))
    except OSError as problem:
        return Answer(name_of(problem.errno), -1, getattr(problem, "extack_fields", None))
