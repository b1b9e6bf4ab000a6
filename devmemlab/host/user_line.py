"""The user's line: where in a program a call came from.

Law.   The innermost frame that is not the machine's own; programs of the package (lab, commands, view) are programs too.
Reads. sys._getframe; IPython's names of cells.
Omits. Calls made by threads that a program never wrote.
"""

import pathlib
import sys
from functools import lru_cache
from typing import NamedTuple

_PACKAGE = str(pathlib.Path(__file__).resolve().parents[1])
_PROGRAMS = tuple(f"{_PACKAGE}/{room}/" for room in ("lab", "commands", "view"))


class UserLine(NamedTuple):
    """A line of a program: file or cell, number, function (empty outside of any)."""

    file: str
    line: int
    function: str

    def __str__(self):
        place = f"{self.file}, line {self.line}" if self.file.startswith("cell ") else f"{self.file}:{self.line}"
        return f"{place} in {self.function}" if self.function else place


NOT_RECORDED = UserLine("line not recorded", 0, "")


@lru_cache(maxsize=256)
def _is_program(filename):
    """Tell a program from the package's machinery."""
    return not filename.startswith(_PACKAGE) or filename.startswith(_PROGRAMS)


def _name(filename):
    """Name a file as its reader knows it: a notebook's cell by its number."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    label = getattr(getattr(shell, "compile", None), "format_code_name", lambda name: None)(filename)
    if label and label[0] == "Cell":
        return f"cell {label[1]}"
    return pathlib.PurePath(filename).name


def user_line(depth=1):
    """Find the line of the program that called.

    Parameters
    ----------
    depth : int
        Frames to leave out: this function's caller is 1.

    Returns
    -------
    line : UserLine
        Of the innermost frame of a program.
    """
    frame = sys._getframe(depth)
    while frame is not None and not _is_program(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return NOT_RECORDED
    code = frame.f_code
    return UserLine(_name(code.co_filename), frame.f_lineno, "" if code.co_name == "<module>" else code.co_name)
