"""Spelling types: words for what a kernel was compiled for.

Law.   What is spelled alike is the same, in this process or in another.
Reads. Numba's ``numba.core.types`` (its names of types say all, for the types listed here).
Omits. A spelling that is the same in every process for types that kernels of this package are not called with: for those a
       cache may miss.

In symbols Numba names a row's type by a number that it counts up, so two processes give one function two names, and code of the
one cannot be linked with code of the other. Here it is named by what it is made of, from `name_rows_by_content` on.
"""

import functools
import hashlib

from numba import types
from numba.core.serialize import dumps

from devmemlab.base.component import ComponentType

_NAMED = types.Integer, types.Float, types.Boolean, types.NoneType
_WORDS = type(None), bool, int, float, str


def _says_all(kind):
    """Tell whether the name of a type says all that is to be known of it.

    Parameters
    ----------
    kind : numba.types.Type
        The type.

    Returns
    -------
    says : bool
        False for whatever might be named alike and be another: functions and their addresses, classes, literals.
    """
    if type(kind) is types.Omitted:
        return type(kind.value) in _WORDS
    if type(kind) in (types.Array, types.NestedArray):
        return _says_all(kind.dtype)
    if type(kind) is types.Record:
        return all(_says_all(kind.typeof(name)) for name in kind.fields)
    if isinstance(kind, types.BaseTuple):
        return type(kind) in (types.Tuple, types.UniTuple) and all(map(_says_all, kind.types))
    if isinstance(kind, ComponentType):
        return "<locals>" not in kind.name and all(map(_says_all, kind.fields))
    return isinstance(kind, _NAMED)


_KNOWN = {}


def _spell(kind):
    if kind in _KNOWN:
        return _KNOWN[kind]
    if not _says_all(kind):
        return dumps(kind).hex()
    _KNOWN[kind] = str(kind)
    return _KNOWN[kind]


@functools.cache
def digest_of(words):
    """Shorten words.

    Parameters
    ----------
    words : str
        Any.

    Returns
    -------
    digest : str
        16 hexadecimal digits.
    """
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def name_rows_by_content():
    """Have Numba name types of rows in symbols as every process would."""
    types.Record.mangling_args = property(lambda kind: ("Record", (digest_of(kind.name),)))


def spell(kinds):
    """Spell types.

    Parameters
    ----------
    kinds : tuple of numba.types.Type
        The types.

    Returns
    -------
    words : str
        Equal only for equal types.
    """
    return "\0".join(map(_spell, kinds))
