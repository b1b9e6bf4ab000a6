"""Crossing from Python into kernels with a component: its note is written on the stack, or was written before.

Law.   A note that is kept is used only as long as the tuple that it is of.
Reads. Numba's extension interface (``numba.extending``); house law 5.
Omits. Components on the way back: kernels return numbers.

To note where some sixty tables of a host lie takes tens of microseconds, each time. `seal` does it once.
"""

from array import array

import numpy as np
from llvmlite import ir
from numba import config, typeof
from numba.core import cgutils
from numba.extending import NativeValue, typeof_impl, unbox

from devmemlab.base.component import POINTER, ComponentType, note_of, place_in


def _opaque(builder, address):
    """Hide where an address comes from.

    What is read through it is declared steady, which is true from here on only.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
        Where code is written.
    address : llvmlite.ir.Value
        An address.

    Returns
    -------
    address : llvmlite.ir.Value
        The same.
    """
    hide = ir.InlineAsm(ir.FunctionType(POINTER, [POINTER]), "", "=r,0,~{memory}", side_effect=True)
    return builder.call(hide, [builder.bitcast(address, POINTER)])


@unbox(ComponentType)
def _write_note(typ, component, c):
    """Note on the stack where the tables of a tuple lie, or take the address that is `Sealed`."""
    builder, note = c.builder, note_of(c.context, typ)
    wrong = cgutils.alloca_once_value(builder, cgutils.false_bit)
    slot = cgutils.alloca_once(builder, note)
    found = cgutils.alloca_once_value(builder, builder.bitcast(slot, POINTER))
    cleanups = []

    def write():
        for number, field in enumerate(typ.fields):
            native = c.unbox(field, c.pyapi.tuple_getitem(component, number))
            with builder.if_then(native.is_error, likely=False):
                builder.store(cgutils.true_bit, wrong)
            value = native.value
            if isinstance(field, ComponentType):
                inner = note_of(c.context, field)
                value = builder.load(builder.bitcast(value, inner.as_pointer()))
            builder.store(value, place_in(builder, note, slot, number))
            if native.cleanup is not None:
                cleanups.append(native.cleanup)

    if not getattr(typ.cls, "SEALED", False):
        write()
    else:
        number = c.pyapi.object_getattr_string(component, "address")
        with builder.if_else(cgutils.is_null(builder, number)) as (tuple_, sealed):
            with tuple_:
                c.pyapi.err_clear()
                write()
            with sealed:
                builder.store(builder.inttoptr(c.pyapi.long_as_longlong(number), POINTER), found)
                c.pyapi.decref(number)
    address = _opaque(builder, builder.load(found))

    def cleanup():
        for each in reversed(cleanups):
            each()

    return NativeValue(address, is_error=builder.load(wrong), cleanup=cleanup if cleanups else None)


def note_words(component):
    """Write a component's note as numbers: what `_write_note` has a kernel's wrapper write on the stack.

    Parameters
    ----------
    component : NamedTuple
        Of a class marked `devmemlab.base.component.component`.

    Returns
    -------
    words : list of int
        For each array its seven words or more, in the order of Numba's array structure; the first two, which count
        references, stay 0: nothing reads them.
    """
    words = []
    for part in component:
        if isinstance(part, np.ndarray):
            words += [0, 0, part.size, part.itemsize, part.ctypes.data, *part.shape, *part.strides]
        else:
            words += note_words(part)
    return words


class Sealed(array):
    """A component whose note is kept: to pass it costs what one number costs, however many tables it has.

    Parameters
    ----------
    component : NamedTuple
        Of a class marked ``component(sealed=True)``; its fields are this object's too.

    Notes
    -----
    Numba's dispatcher, which is C, knows a buffer again by its class, and asks Python what anything else is, each time. So this
    is a buffer, of one octet that means nothing, and every type of component has a class of its own (`seal`). An `array` it has
    to be: of a bytearray the dispatcher does not look at the class.
    """

    outside_time = True                 # it says where tables lie, and they stay there when they are put back in time

    __hash__, __eq__ = object.__hash__, object.__eq__

    def __new__(cls, component):
        """Make the buffer."""
        return super().__new__(cls, "b", b"\0")

    def __init__(self, component):
        self.component = component
        self._note = np.array(note_words(component), np.int64)
        self.address = self._note.ctypes.data
        self.numba_type = typeof(component)
        self.__dict__.update(component._asdict())


_CLASSES = {}


@typeof_impl.register(Sealed)
def _typeof_sealed(sealed, context):
    return sealed.numba_type


def seal(component):
    """Keep the note of a component.

    Parameters
    ----------
    component : NamedTuple
        Of a class marked ``component(sealed=True)``.

    Returns
    -------
    sealed : Sealed, or `component` itself under ``NUMBA_DISABLE_JIT=1``
        Valid as long as it lives.
    """
    if config.DISABLE_JIT:
        return component
    kind = typeof(component)
    if kind not in _CLASSES:
        _CLASSES[kind] = type("Sealed", (Sealed,), {"__module__": __name__})
    return _CLASSES[kind](component)
