"""The page of errors: which call answers what, and what to do.

Law.   The words are those of `devmemlab.lab.error_words`; here they are only sorted and printed.
Reads. errno(3).
Omits. Errors that the lab cannot meet.
"""

import textwrap

from devmemlab.base.errno import NAMES
from devmemlab.lab.error_words import LINES

WIDTH = 110


class Errors(tuple):
    """Lines of the page; prints as text, shows as a table in a notebook."""

    @property
    def numbers(self):
        """list of int: which errno there are, in order."""
        return sorted({line.number for line in self})

    @property
    def markdown(self):
        """str: the same as a page of documentation."""
        rows = ["| errno | call | what it means | what to do | source |", "|---|---|---|---|---|"]
        rows += [f"| {line.number} {line.name} | {line.call} | {line.means} | {line.do} | {line.source} |" for line in self]
        return "\n".join(rows) + "\n"

    def __str__(self):
        out = []
        for line in self:
            out.append(f"{line.number} {line.name}, {line.call}: {line.means}")
            out.append(textwrap.fill(f"do: {line.do}  [{line.source}]", WIDTH, initial_indent="    ", subsequent_indent="    "))
        return "\n".join(out)

    __repr__ = __str__


def errors_page(call=None):
    """Show every error that a user of device memory meets.

    Parameters
    ----------
    call : str, optional
        Only those whose call says this: ``"bind-rx"``, ``"recvmsg"``, ...

    Returns
    -------
    errors : Errors
        In the order in which a program would meet them.

    Raises
    ------
    ValueError
        No call says that.
    """
    found = Errors(line for line in LINES if call is None or call in line.call)
    if not found:
        raise ValueError(f"no call {call!r}; there are {', '.join(dict.fromkeys(line.call for line in LINES))}")
    return found


def explain_errno(number, call=None):
    """Explain an error.

    Parameters
    ----------
    number : int, str or OSError
        Errno, its name, or the exception that has it.
    call : str, optional
        Which call answered it.

    Returns
    -------
    errors : Errors
        Every cause, by call.

    Raises
    ------
    ValueError
        No call of this page answers that.
    """
    if isinstance(number, OSError):
        number = number.errno or 0
    if isinstance(number, str):
        numbers = {name: value for value, name in NAMES.items()}
        number = numbers.get(number.strip().upper(), 0)
    found = Errors(line for line in errors_page(call) if line.number == abs(int(number)))
    if not found:
        where = f" from {call}" if call else ""
        raise ValueError(f"{number}{where} is not on this page; {', '.join(map(str, errors_page(call).numbers))} are")
    return found
