"""Indexing in kernels: a row number is taken as it is.

Law.   No kernel counts rows from the end: an index below 0 is an error, which a bounds-checked run reports.
Reads. Numba's ``numba.np.arrayobj`` (private to Numba, hence the version cap in pyproject.toml).
Omits. Slices, and functions outside this package, a notebook's among them: there Python's rules hold.

Python lets ``rows[-1]`` mean the last row, so Numba has each index looked at, and the length added where it is negative. A
packet's way through the tables has some hundred of them: they were a quarter of its time.
"""

import operator

from numba import types
from numba.core.typing import signature
from numba.extending import lower_builtin
from numba.np.arrayobj import getitem_array_tuple, getitem_arraynd_intp

PREFIX = f"_ZN{len(__name__.partition('.')[0])}{__name__.partition('.')[0]}"
"""How the symbols of this package's functions begin."""


def _ours(builder):
    """Tell whether code is written for a kernel of this package."""
    return builder.function.name.startswith(PREFIX)


def _as_it_is(context, builder, kind, index):
    """Make an index one that Numba takes as it is.

    Parameters
    ----------
    context, builder
        Numba's.
    kind : numba.types.Type
        Of the index.
    index : llvmlite.ir.Value
        The index.

    Returns
    -------
    kind, index
        Unsigned where it was an integer; what it is below 0, no array is long enough for.
    """
    if isinstance(kind, types.Integer) and kind.signed:
        return types.uintp, context.cast(builder, index, kind, types.intp)
    return kind, index


@lower_builtin(operator.getitem, types.Array, types.Integer)
def _row(context, builder, sig, args):
    """``rows[i]``."""
    rows, kind = sig.args
    if _ours(builder):
        kind, index = _as_it_is(context, builder, kind, args[1])
        sig, args = signature(sig.return_type, rows, kind), (args[0], index)
    return getitem_arraynd_intp(context, builder, sig, args)


@lower_builtin(operator.getitem, types.Array, types.BaseTuple)
def _slot(context, builder, sig, args):
    """``rows[i, k]``."""
    rows, kinds = sig.args
    if _ours(builder) and all(isinstance(kind, types.Integer) for kind in kinds):
        pairs = [_as_it_is(context, builder, kind, builder.extract_value(args[1], i)) for i, kind in enumerate(kinds)]
        kinds = types.Tuple([kind for kind, _ in pairs])
        args = (args[0], context.make_tuple(builder, kinds, [index for _, index in pairs]))
        sig = signature(sig.return_type, rows, kinds)
    return getitem_array_tuple(context, builder, sig, args)
