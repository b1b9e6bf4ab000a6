"""Checking an attempt: the first case that it gets wrong, with all its numbers.

Law.   The same attempt gets the same verdict, every time and in every mode; a wrong one gets an answer, never a traceback.
Reads. Nothing of Linux.
Omits. Marks for parts: an attempt keeps its specification or does not.
"""

from typing import NamedTuple

from numba import config

from devmemlab.base.errno import ENOSYS, name_of
from devmemlab.lab.exercises.attempt import compiled, misfit, plain, run_compiled, run_plain
from devmemlab.lab.exercises.case import as_arrays, as_lists, spell

RIGHT, WRONG, NOT_YET = "right", "wrong", "not yet"


class Step(NamedTuple):
    """One call of an attempt, with everything around it.

    case : str
        Name of the case.
    number : int
        Which call of the case, from 1.
    call : Call
        What was called.
    before : dict of str to list
        Arrays before it.
    wanted : Wanted
        What the specification says.
    returned : int or None
        What came.
    after : dict of str to list
        Arrays after it.
    """

    case: str
    number: int
    call: object
    before: dict
    wanted: object
    returned: int
    after: dict


class Result:
    """The verdict on an attempt.

    Parameters
    ----------
    exercise : Exercise
        What was asked.
    status : str
        ``"right"``, ``"wrong"`` or ``"not yet"``.
    complaint : str
        What is wrong, in a sentence.
    step : Step or None
        The call to look at; the first one of an exercise that is right.
    passed, total : int
        Cases.
    """

    def __init__(self, exercise, status, complaint="", step=None, passed=0, total=0):
        self.exercise, self.status, self.complaint, self.step = exercise, status, complaint, step
        self.passed, self.total = passed, total

    def __bool__(self):
        return self.status == RIGHT

    @property
    def title(self):
        """The verdict in a line."""
        if self.status == RIGHT:
            return f"{self.exercise.name}: right in all {self.total} cases"
        if self.status == NOT_YET:
            return f"{self.exercise.name}: not yet. The blank still answers -{ENOSYS} (ENOSYS)."
        return f"{self.exercise.name}: not right yet; {self.passed} of {self.total} cases passed before this one"

    def rows(self):
        """Lay the failing call out.

        Returns
        -------
        rows : list of (str, str)
            What, and its numbers; empty when there is nothing to show.
        """
        if self.step is None or self.status != WRONG:
            return []
        step, told = self.step, self.exercise.spell
        rows = [("case", step.case + (f", call {step.number}" if step.number > 1 else "")),
                ("called", f"{step.call.function}({', '.join(self.exercise.shown_arguments(step.call))})")]
        rows += [(f"{name} before", told(name, values)) for name, values in step.before.items()]
        rows += [("wanted", with_name(step.wanted.returned)),
                 ("came", "nothing" if step.returned is None else with_name(step.returned))]
        for name, values in step.after.items():
            wanted = step.wanted.arrays.get(name, step.before[name])
            if values[:len(wanted)] != wanted:
                rows += [(f"{name} wanted", told(name, wanted)), (f"{name} came", told(name, values[:len(wanted)]))]
        return rows

    def as_dict(self):
        """Give what a program wants to know.

        Returns
        -------
        verdict : dict
            For JSON.
        """
        return {"exercise": self.exercise.name, "status": self.status, "passed": self.passed, "cases": self.total,
                "case": self.step.case if self.step and self.status == WRONG else None, "complaint": self.complaint}

    def __repr__(self):
        lines = [self.title] + ([self.complaint] if self.complaint else [])
        return "\n".join(lines + [f"  {what:16} {numbers}" for what, numbers in self.rows()])


def with_name(number):
    """Write a result, with the name of its errno.

    Parameters
    ----------
    number : int
        What a kernel returned.

    Returns
    -------
    text : str
        For example ``-22 (-EINVAL)``.
    """
    return f"{number} (-{name_of(number)})" if number < 0 and not name_of(number).isdigit() else str(number)


def difference(before, call, wanted, returned, after):
    """Compare what came with what was wanted.

    Parameters
    ----------
    before : dict of str to list
        Arrays before the call.
    call : Call
        What was called.
    wanted : Wanted
        What the specification says.
    returned : int
        What came.
    after : dict of str to list
        Arrays after the call.

    Returns
    -------
    complaint : str
        Empty when there is none.
    """
    if returned != wanted.returned:
        return f"{call.function} returned {with_name(returned)} instead of {with_name(wanted.returned)}"
    for name, values in after.items():
        expected = wanted.arrays.get(name, before[name])
        for i, number in enumerate(expected):
            if values[i] != number:
                why = "" if name in wanted.arrays else ", though this call changes nothing there"
                return f"{name}[{i}] is {spell(values[i])} instead of {spell(number)}{why}"
    return ""


def _walk(exercise, case, call_it):
    """Run one case; gives its last step and the complaint about it."""
    arrays = as_arrays(case.arrays)
    for number, call in enumerate(case.calls, 1):
        before = as_lists(arrays)
        wanted = exercise.twin({name: list(values) for name, values in before.items()}, call)
        values = [arrays[p] if p in arrays else call.numbers[p] for p in exercise.functions[call.function]]
        answer = call_it(call.function, values)
        step = Step(case.name, number, call, before, wanted, answer.returned, as_lists(arrays))
        trouble = answer.trouble or difference(before, call, wanted, answer.returned, step.after)
        if trouble:
            return step, trouble
    return step, ""


def check(exercise, attempts, machine_code=True):
    """Check an attempt.

    Parameters
    ----------
    exercise : Exercise
        What was asked.
    attempts : sequence of callable
        One for each function of the exercise, in their order.
    machine_code : bool
        Whether what is right as plain Python is compiled, too.

    Returns
    -------
    result : Result
        True when it is right.
    """
    names = list(exercise.functions)
    if len(attempts) != len(names):
        return Result(exercise, WRONG, f"check() wants {len(names)} kernels: {', '.join(names)}")
    for attempt, name in zip(attempts, names):
        trouble = misfit(attempt, name, exercise.functions[name])
        if trouble:
            return Result(exercise, WRONG, trouble)
    cases, seen = exercise.cases(), {}
    plains = {name: plain(attempt, seen) for name, attempt in zip(names, attempts)}
    ways = [lambda name, values: run_plain(plains[name], name, values)]
    if machine_code and not config.DISABLE_JIT:
        quick = {name: compiled(attempt) for name, attempt in zip(names, attempts)}
        ways.append(lambda name, values: run_compiled(quick[name], name, values))
    first = None
    for way in ways:
        for passed, case in enumerate(cases):
            step, trouble = _walk(exercise, case, way)
            first = first or step
            if step.returned == -ENOSYS:
                return Result(exercise, NOT_YET, f"Write {step.call.function} and check again.", step, 0, len(cases))
            if trouble:
                return Result(exercise, WRONG, trouble, step, passed, len(cases))
    return Result(exercise, RIGHT, "", first, len(cases), len(cases))
