"""An exercise: what is asked, a blank to fill in, hints one at a time, and a checker.

Law.   The specification alone is enough to write an answer: nothing is checked that it does not say.
Reads. Nothing of Linux; each exercise says what it mirrors.
Omits. Keeping what a learner wrote: that is the notebook's.
"""

import random

from devmemlab.base.errno import ENOSYS
from devmemlab.lab.exercises import checking
from devmemlab.lab.exercises.case import spell

EXAMPLES = 3


class Specification:
    """What is asked, as rich text.

    Parameters
    ----------
    text : str
        Markdown.
    """

    def __init__(self, text):
        self.text = text

    def _repr_markdown_(self):
        return self.text

    def __repr__(self):
        return self.text


class Exercise:
    """One puzzle. Its chapter makes it; ``dml.exercise(name)`` hands out a fresh one.

    Parameters
    ----------
    name, title, lesson : str
        The name to ask for, a heading, and the number of the lesson it belongs to.
    functions : dict of str to tuple of str
        Each kernel to write, with its parameters.
    what : str
        The task, Markdown.
    arguments : dict of str to str
        What each parameter is.
    returns : str
        What is returned.
    errors : sequence of (str, str)
        Name of an errno, and when; in the order in which they are looked for.
    hints : sequence of str
        From gentle to plain.
    edges : callable
        Gives the cases that everybody gets wrong.
    more : callable
        Takes a seeded `random.Random`, gives further cases.
    twin : callable
        Takes arrays (lists of its own) and a call, gives what is `Wanted`: the independent witness.
    lanes : callable
        Takes arrays, call, result and arrays afterwards, gives lanes: once for what was wanted, once for what came.
    given : callable, optional
        Takes arrays and call, gives lanes of what was there before.
    unit : str
        What the picture counts.
    """

    def __init__(self, name, title, lesson, functions, what, arguments, returns, errors, hints, edges, more, twin, lanes,
                 given=None, unit=""):
        self.name, self.title, self.lesson, self.functions = name, title, lesson, functions
        self.what, self.arguments, self.returns, self.errors = what, arguments, returns, errors
        self.hints, self.edges, self.more, self.twin = tuple(hints), edges, more, twin
        self.lanes, self.given, self.unit = lanes, given, unit
        self._told = 0

    def fresh(self):
        """Hand out one whose hints nobody has asked for.

        Returns
        -------
        exercise : Exercise
            The same otherwise.
        """
        new = Exercise.__new__(Exercise)
        new.__dict__.update(self.__dict__, _told=0)
        return new

    def cases(self):
        """Make the cases: fixed ones first, then seeded random ones.

        Returns
        -------
        cases : list of Case
            The same every time.
        """
        return [*self.edges(), *self.more(random.Random(self.name))]

    @property
    def blank(self):
        """The text to begin with."""
        written = [f"@dml.kernel\ndef {name}({', '.join(takes)}):\n    return -{ENOSYS}      # ENOSYS: not yet\n"
                   for name, takes in self.functions.items()]
        return "\n\n".join(written)

    def spell(self, name, values):
        """Write an array.

        Parameters
        ----------
        name : str
            Which.
        values : list
            Its numbers.

        Returns
        -------
        text : str
            Hexadecimal for octets.
        """
        octets = "0 to 255" in self.arguments.get(name, "") and all(isinstance(v, int) and 0 <= v <= 255 for v in values)
        if octets and len(set(values)) > 1:
            return bytes(values[:64]).hex(" ") + (f" ... {len(values)} octets" if len(values) > 64 else "")
        return spell(values, 40)

    def shown_arguments(self, call):
        """Write the arguments of a call.

        Parameters
        ----------
        call : Call
            Any.

        Returns
        -------
        texts : list of str
            Numbers as ``name=5``, arrays by name.
        """
        return [f"{p}={call.numbers[p]}" if p in call.numbers else p for p in self.functions[call.function]]

    def _examples(self):
        for case in self.edges()[:EXAMPLES]:
            call = case.calls[0]
            wanted = self.twin({name: list(values) for name, values in case.arrays.items()}, call)
            said = [f"{name} = {self.spell(name, values)}" for name, values in case.arrays.items()]
            gives = "".join(f"; {name}: {self.spell(name, values)}" for name, values in wanted.arrays.items() if values)
            yield (f"- {case.name}: {', '.join(said)}; `{call.function}({', '.join(self.shown_arguments(call))})` gives "
                   f"{checking.with_name(wanted.returned)}{gives}")

    @property
    def specification(self):
        """What is asked, as rich text."""
        heads = "\n".join(f"{name}({', '.join(takes)})" for name, takes in self.functions.items())
        lines = [f"### {self.title}", "", self.what, "", f"```python\n{heads}\n```", ""]
        lines += [f"- `{name}`: {said}" for name, said in self.arguments.items()]
        lines += [f"- returns {self.returns}", ""]
        if self.errors:
            lines += ["Errors, looked for in this order, and then nothing is changed:", ""]
            lines += [f"- `-{name}`: {when}" for name, when in self.errors] + [""]
        lines += ["For example:", "", *self._examples(), "",
                  f"There are {len(self.hints)} hints: `exercise.hint()` tells the next one."]
        return Specification("\n".join(lines))

    def hint(self):
        """Tell the next hint.

        Returns
        -------
        hint : Specification
            A line; after the last one, the last one again.
        """
        self._told = min(self._told + 1, len(self.hints))
        return Specification(f"Hint {self._told} of {len(self.hints)}: {self.hints[self._told - 1]}")

    def check(self, *attempts, machine_code=True):
        """Check an attempt.

        Parameters
        ----------
        *attempts : callable
            The kernels, in the order of the blank.
        machine_code : bool
            Whether what is right as plain Python is compiled, too.

        Returns
        -------
        result : Result
            True when it is right; shows itself with the first wrong case and a picture.
        """
        return checking.check(self, attempts, machine_code)

    def _repr_markdown_(self):
        return self.specification.text

    def __repr__(self):
        return f"<exercise {self.name}: {self.title}>"
