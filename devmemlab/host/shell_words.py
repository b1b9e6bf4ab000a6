"""What command lines are made of: words, numbers, and the two ways to fail.

Law.   Wrong usage is told before anything is changed.
Reads. ethtool's and iproute2's messages and exit status, as they print them.
Omits. Abbreviated options.
"""

import os

from devmemlab.base.errno import name_of

BAD_ARGUMENTS = "ethtool: bad command line argument(s)\nFor more information run ethtool -h"


class Usage(Exception):
    """The command line itself is wrong.

    Parameters
    ----------
    text : str
        What the tool says.
    code : int
        Its exit status.
    stdout : str
        What it had printed before.
    """

    def __init__(self, text=BAD_ARGUMENTS, code=1, stdout=""):
        super().__init__(text)
        self.code, self.stdout = code, stdout


class Refused(Exception):
    """The kernel refused.

    Parameters
    ----------
    text : str
        What the tool says.
    error : OSError
        The refusal.
    code : int
        Exit status.
    stdout : str
        What the tool prints nevertheless.
    """

    def __init__(self, text, error, code=1, stdout=""):
        super().__init__(text)
        self.error, self.code, self.stdout = error, code, stdout


def reason(err):
    """Spell an errno as strerror(3) does.

    Parameters
    ----------
    err : OSError
        A refusal.

    Returns
    -------
    text : str
        ``"Invalid argument"``.
    """
    return os.strerror(err.errno) if err.errno else name_of(0)


def netlink_words(err):
    """Tell a refusal as a netlink tool does: the kernel's sentence if there is one, then the errno.

    Parameters
    ----------
    err : OSError
        A refusal.

    Returns
    -------
    text : str
        One line or two.
    """
    message = getattr(err, "message", None)
    return (f"netlink error: {message}\n" if message else "") + f"netlink error: {reason(err)}"


def number(text, complaint=None, low=0):
    """Read a number as C programs do: decimal, 0x..., 0....

    Parameters
    ----------
    text : str
        A word.
    complaint : str, optional
        What the tool says when it is none.
    low : int
        Smallest number that is allowed.

    Returns
    -------
    value : int
        The number.
    """
    try:
        octal = len(text) > 1 and text[0] == "0" and text.isdigit()
        value = int(text, 8) if octal else int(text, 0)
        if value >= low:
            return value
    except ValueError:
        pass
    raise Usage(f"{complaint}\n{BAD_ARGUMENTS}" if complaint else BAD_ARGUMENTS)


def pairs(words, known, option):
    """Read ``name value`` words.

    Parameters
    ----------
    words : list of str
        The rest of the command line.
    known : collection of str
        Names that may occur.
    option : str
        The tool's option, for the message.

    Returns
    -------
    found : dict of str to str
        In order.
    """
    found, rest = {}, list(words)
    while rest:
        name = rest.pop(0)
        if name not in known:
            raise Usage(f"ethtool ({option}): unknown parameter '{name}'")
        if not rest:
            raise Usage(f"ethtool ({option}): no value for parameter '{name}'")
        found[name] = rest.pop(0)
    return found
