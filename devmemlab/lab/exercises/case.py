"""What an exercise is asked with: arrays, calls, and lanes to draw them in.

Law.   A case is numbers alone: whoever runs it works on copies, so that the same case can be asked again.
Reads. Nothing of Linux.
Omits. Anything but int64: an octet of a frame is one number from 0 to 255 here, so that shifts mean the same everywhere.
"""

from typing import NamedTuple

import numpy as np


class Call(NamedTuple):
    """One call of an attempt.

    function : str
        Which of the exercise's functions.
    numbers : dict of str to int
        Parameters that are numbers; the others are arrays of the case.
    """

    function: str
    numbers: dict


class Case(NamedTuple):
    """Arrays and the calls that meet them, one after the other.

    name : str
        What is special about it.
    arrays : dict of str to list
        Nested for two dimensions.
    calls : tuple of Call
        At least one.
    """

    name: str
    arrays: dict
    calls: tuple


class Wanted(NamedTuple):
    """What the specification says about one call.

    returned : int
        The result.
    arrays : dict of str to list
        Arrays that change, from their beginning as far as it matters; all others stay as they were.
    """

    returned: int
    arrays: dict = {}


class Cell(NamedTuple):
    """A box in a lane.

    length : int
        How long, in the units of the picture.
    role : str
        A colour of the theme; empty for none.
    label : str
        Written in it where there is room.
    """

    length: int
    role: str = ""
    label: str = ""


class Lane(NamedTuple):
    """A row of boxes.

    name : str
        Stands to the left of it.
    cells : list of Cell
        From left to right.
    """

    name: str
    cells: list


def one(name, function, numbers=None, **arrays):
    """Make a case of a single call.

    Parameters
    ----------
    name : str
        What is special about it.
    function : str
        Which function is called.
    numbers : dict of str to int, optional
        Its parameters that are numbers.
    **arrays
        Those that are arrays.

    Returns
    -------
    case : Case
        Of one call.
    """
    return Case(name, arrays, (Call(function, numbers or {}),))


def as_arrays(lists):
    """Make what a kernel takes.

    Parameters
    ----------
    lists : dict of str to list
        Of a case.

    Returns
    -------
    arrays : dict of str to int64[...]
        Fresh ones.
    """
    return {name: np.array(values, dtype=np.int64) for name, values in lists.items()}


def as_lists(arrays):
    """Read back what a kernel left.

    Parameters
    ----------
    arrays : dict of str to int64[...]
        From `as_arrays`.

    Returns
    -------
    lists : dict of str to list
        Python's own numbers.
    """
    return {name: values.tolist() for name, values in arrays.items()}


def spell(value, most=24):
    """Write numbers as a learner would.

    Parameters
    ----------
    value : int or list
        Nested lists are rows.
    most : int
        Numbers of a list that are written out.

    Returns
    -------
    text : str
        Short.
    """
    if not isinstance(value, list):
        return str(value)
    if len(value) > 4 and all(each == value[0] for each in value):
        return f"{len(value)} times {spell(value[0])}"
    inside = [spell(each, most) for each in value[:most]]
    return "[" + ", ".join(inside) + (f", ... {len(value)} in all" if len(value) > most else "") + "]"
