"""Running what a learner wrote, so that it can do no harm.

Law.   An attempt runs as plain Python first: with every index checked, a number of steps that ends, and copies for arrays. Only
       what passes every case that way is run as machine code.
Reads. Python's ``sys.settrace``.
Omits. Steps inside of C (``sum(range(10**12))``) and of functions that an attempt closes over.
"""

import inspect
import linecache
import sys
import types
from typing import NamedTuple

import numpy as np

from devmemlab.base.kernel import kernel

STEPS = 1_000_000


class _Endless(BaseException):
    """The steps are used up; no ``except Exception`` of an attempt catches it."""


class Answer(NamedTuple):
    """What one call gave.

    returned : int or None
        None when it gave nothing that counts.
    trouble : str
        Why; empty when all went well.
    """

    returned: int
    trouble: str = ""


def _ours(function):
    return (getattr(function, "__module__", None) or "").split(".")[0] == "devmemlab"


def plain(attempt, seen=None):
    """Take the compiler off an attempt and off the kernels beside it that it calls.

    Parameters
    ----------
    attempt : callable
        A kernel, or a plain function.
    seen : dict, optional
        Those that were done before.

    Returns
    -------
    function : function
        Runs interpreted; kernels of the lab stay as they are.
    """
    seen = {} if seen is None else seen
    source = getattr(attempt, "py_func", attempt)
    if id(source) in seen:
        return seen[id(source)]
    world = dict(source.__globals__)
    function = types.FunctionType(source.__code__, world, source.__name__, source.__defaults__, source.__closure__)
    seen[id(source)] = function
    for name in source.__code__.co_names:
        other = world.get(name)
        if isinstance(getattr(other, "py_func", other), types.FunctionType) and not _ours(other):
            world[name] = plain(other, seen)
    return function


def compiled(attempt):
    """Put the compiler on an attempt that lacks it.

    Parameters
    ----------
    attempt : callable
        A kernel, or a plain function.

    Returns
    -------
    attempt : callable
        A kernel.
    """
    return attempt if hasattr(attempt, "py_func") else kernel(attempt)


def misfit(attempt, name, parameters):
    """Tell why something cannot be called as the exercise will call it.

    Parameters
    ----------
    attempt : object
        Whatever was given.
    name : str
        Of the function that was asked for.
    parameters : sequence of str
        What it is to take.

    Returns
    -------
    trouble : str
        Empty when it fits.
    """
    source = getattr(attempt, "py_func", attempt)
    if not isinstance(source, types.FunctionType):
        return f"{name} is not a function but {type(source).__name__}: give check() the kernel itself, without calling it"
    takes = list(inspect.signature(source).parameters)
    if len(takes) != len(parameters):
        return f"{name} takes ({', '.join(takes)}); the exercise calls it with ({', '.join(parameters)})"
    return ""


def _where(error, function):
    """The line of an attempt that an exception left, with its text when there is one."""
    line, trace = None, error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == function.__code__.co_filename:
            line = trace.tb_lineno, linecache.getline(code.co_filename, trace.tb_lineno).strip()
        trace = trace.tb_next
    if line is None:
        return "before its first line"
    number = line[0] - function.__code__.co_firstlineno + 1
    return f"in line {number} of the function" + (f" ({line[1]})" if line[1] else "")


def _counted(returned, name):
    """Accept an integer, and say what is wrong with everything else."""
    if isinstance(returned, (bool, np.bool_, int, np.integer)):
        return Answer(int(returned))
    if returned is None:
        return Answer(None, f"{name} returned nothing: every way through a kernel ends with `return` and a number")
    return Answer(None, f"{name} returned {returned!r}, which is no integer (// divides integers, / does not)")


def run_plain(function, name, arguments, steps=STEPS):
    """Call an attempt interpreted, and come back whatever it does.

    Parameters
    ----------
    function : function
        From `plain`.
    name : str
        For what is said.
    arguments : sequence
        Numbers and arrays of its own.
    steps : int
        Instructions that it may run.

    Returns
    -------
    answer : Answer
        Never an exception of the attempt, but for an interruption.
    """
    left = steps

    def step(frame, event, argument):
        nonlocal left
        # Lines are not enough: a loop that is one line long may begin no other.
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left < 0:
                raise _Endless
        return step

    before = sys.gettrace()
    try:
        with np.errstate(all="ignore"):
            sys.settrace(step)
            try:
                returned = function(*arguments)
            finally:
                sys.settrace(before)
    except _Endless:
        return Answer(None, f"{name} was stopped after {steps:,} instructions: does its loop end?")
    except Exception as error:
        return Answer(None, f"{name} stopped {_where(error, function)}: {type(error).__name__}: {error}")
    return _counted(returned, name)


def run_compiled(attempt, name, arguments):
    """Call an attempt as machine code, which its interpreted run has shown to be harmless.

    Parameters
    ----------
    attempt : callable
        From `compiled`.
    name : str
        For what is said.
    arguments : sequence
        Numbers and arrays of its own.

    Returns
    -------
    answer : Answer
        A refusal of the compiler is told in its own first words.
    """
    try:
        returned = attempt(*arguments)
    except Exception as error:
        said = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("Failed in")]
        return Answer(None, f"{name} is right as plain Python, and Numba cannot compile it: {' '.join(said[:2])[:300]}")
    return _counted(returned, name)
