"""Operators on machine words: Numba is asked once what ``a + b`` gives.

Law.   The answer is Numba's own, for the same operator, the same types and the same target.
Reads. Numba's ``numba.core.types.functions`` (private to Numba, hence the version cap in pyproject.toml).
Omits. Whatever else may be called: what Numba finds there may depend on more than types.

Numba keeps no answer: for each ``+`` in each kernel it asks some dozen templates in turn, those for sets, lists, strings and
arrays among them, most of them twice. That was a sixth of the time in which all kernels are compiled.
"""

import operator

from numba import types

WORDS = types.Integer, types.Boolean, types.IntegerLiteral, types.BooleanLiteral
ANSWERED = frozenset(getattr(operator, name) for name in (
    "add", "iadd", "sub", "isub", "mul", "imul", "and_", "iand", "or_", "ior", "xor", "ixor", "lshift", "ilshift", "rshift",
    "irshift", "eq", "ne", "lt", "le", "gt", "ge", "invert", "neg", "not_"))


def _remember(ask):
    """Keep the answers of Numba's ``BaseFunction.get_call_type``.

    Parameters
    ----------
    ask : callable
        That method.

    Returns
    -------
    ask : callable
        To be put in its place.
    """
    answers = {}

    def get_call_type(self, context, args, kws):
        if kws or self.typing_key not in ANSWERED or not all(isinstance(arg, WORDS) for arg in args):
            return ask(self, context, args, kws)
        question = id(self), context, tuple(args)
        if question not in answers:
            answers[question] = ask(self, context, args, kws), self     # whoever is kept keeps its number
        return answers[question][0]

    get_call_type.asks = ask
    return get_call_type


def remember_operators():
    """Have Numba remember, in this process, what it answered; once."""
    if not hasattr(types.BaseFunction.get_call_type, "asks"):
        types.BaseFunction.get_call_type = _remember(types.BaseFunction.get_call_type)
