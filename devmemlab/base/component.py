"""Components in kernels: a tuple of tables travels as one address.

Law.   A component's tables never change place while a kernel runs; what a kernel is given is where they are noted.
Reads. Numba's extension interface (``numba.extending``); house laws 2 and 5.
Omits. Making a component inside a kernel, and indexing one by number: kernels say ``skbs.frag``.

To Numba a tuple is a value: seven words for each table, pushed and popped by every call that is not inlined, and taken
apart once more at each crossing from Python. A receive hands six components of some twenty tables down eight storeys.
So a class that is marked `component` has another type in kernels: the address of a note that says where each table lies.
Who writes the note is `devmemlab.base.crossing`'s business.
"""

import hashlib

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, lower_getattr_generic, models, register_model, typeof_impl

POINTER = ir.IntType(8).as_pointer()


class ComponentType(types.Type):
    """The type of a component.

    Parameters
    ----------
    cls : type
        The NamedTuple.
    fields : tuple of numba.types.Type
        Of its tables, in order.
    names : tuple of str
        Of its tables. They are part of the type, so that a cache notices when a class has changed them.
    """

    outside_time = True

    def __init__(self, cls, fields, names):
        self.cls = cls
        self.fields = fields
        self.names = names
        self._hash = hash(self.key)
        tables = ", ".join(f"{name}: {field}" for name, field in zip(names, fields))
        super().__init__(f"{cls.__module__}.{cls.__qualname__}({tables}){' or sealed' if getattr(cls, 'SEALED', False) else ''}")

    @property
    def key(self):
        """What makes two of them the same."""
        return self.cls, self.fields, self.names

    def __hash__(self):
        """Once for all: a crossing asks for it, and the types of all tables go into it."""
        return self._hash

    def __eq__(self, other):
        return self is other or super().__eq__(other)

    def __reduce__(self):
        return ComponentType, self.key

    @property
    def mangling_args(self):
        """What stands for it in the names of functions: a digest, for in full it is thousands of letters.

        A function down the storeys takes six components. LLVM is told the names of all that is called, again for each call.
        """
        return self.cls.__name__, (hashlib.sha256(self.name.encode()).hexdigest()[:16],)

    def field(self, name):
        """Find a table by its name.

        Parameters
        ----------
        name : str
            As in the class.

        Returns
        -------
        number : int
            -1: there is none.
        """
        return self.names.index(name) if name in self.names else -1


@register_model(ComponentType)
class _ComponentModel(models.PrimitiveModel):
    """An address."""

    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, POINTER)


def note_of(context, typ):
    """Lay out the note.

    Parameters
    ----------
    context : numba.core.base.BaseContext
        What is compiled for.
    typ : ComponentType
        Of what.

    Returns
    -------
    note : llvmlite.ir.LiteralStructType
        One field a table; components within lie inside.
    """
    return ir.LiteralStructType([note_of(context, field) if isinstance(field, ComponentType) else context.get_value_type(field)
                                 for field in typ.fields])


def place_in(builder, note, address, *steps):
    """Point at a part of a note.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
        Where code is written.
    note : llvmlite.ir.Type
        From `note_of`.
    address : llvmlite.ir.Value
        Of the note.
    *steps : int
        Which field, which field of that, ...

    Returns
    -------
    place : llvmlite.ir.Value
        A pointer.
    """
    word = ir.IntType(32)
    return builder.gep(builder.bitcast(address, note.as_pointer()), [word(0), *map(word, steps)], inbounds=True)


@infer_getattr
class _Fields(AttributeTemplate):
    """``skbs.frag`` in a kernel."""

    key = ComponentType

    def generic_resolve(self, typ, name):
        """Type a field.

        Parameters
        ----------
        typ : ComponentType
            Of the component.
        name : str
            The field.

        Returns
        -------
        field : numba.types.Type or None
            None: no such field.
        """
        number = typ.field(name)
        return typ.fields[number] if number >= 0 else None


@lower_getattr_generic(ComponentType)
def _read_field(context, builder, typ, address, name):
    """Read from the note where a table lies, or point at the note within."""
    number = typ.field(name)
    field = typ.fields[number]
    note = note_of(context, typ)
    if isinstance(field, ComponentType):
        return builder.bitcast(place_in(builder, note, address, number), POINTER)
    steady = builder.module.add_metadata([])

    def word(*steps):
        loaded = builder.load(place_in(builder, note, address, number, *steps))
        loaded.set_metadata("invariant.load", steady)
        return loaded

    if not isinstance(field, types.Array):
        return word()
    # Only what cannot be known from the type is read.
    array = context.make_array(field)(context, builder)
    members = dict(zip(array._datamodel._fields, context.get_value_type(field).elements))
    order = list(members)
    array.meminfo = ir.Constant(members["meminfo"], None)
    array.parent = ir.Constant(members["parent"], None)
    array.data = word(order.index("data"))
    array.nitems = word(order.index("nitems"))
    size = context.get_abi_sizeof(context.get_data_type(field.dtype))
    array.itemsize = ir.Constant(members["itemsize"], size)
    shape = [word(order.index("shape"), i) for i in range(field.ndim)]
    strides = [word(order.index("strides"), i) for i in range(field.ndim)]
    if field.layout == "C":
        strides[-1] = ir.Constant(members["strides"].element, size)
    array.shape = cgutils.pack_array(builder, shape)
    array.strides = cgutils.pack_array(builder, strides)
    return array._getvalue()


def component(cls=None, sealed=False):
    """Mark a NamedTuple of tables as a component.

    Parameters
    ----------
    cls : type
        The NamedTuple; its fields are record tables, arrays, and other components.
    sealed : bool
        Whether `Sealed` ones occur.

    Returns
    -------
    cls : type
        As it was: Python sees a tuple, kernels an address.
    """
    if cls is None:
        return lambda c: component(c, sealed)
    cls.SEALED = sealed
    typeof_impl.register(cls)(_typeof_component)
    return cls


_TABLES = {}
_MADE = {}


def _typeof_field(field, context):
    """Type a field; tables of one schema are typed once."""
    if type(field) not in (np.ndarray, np.recarray):
        return typeof_impl(field, context)
    flags, dtype = field.flags, field.dtype
    if not flags.c_contiguous or field.ndim == 0:
        return typeof_impl(field, context)
    seen = dtype, dtype.isalignedstruct, field.ndim, flags.writeable, flags.aligned
    if seen not in _TABLES:
        _TABLES[seen] = typeof_impl(field, context)
    return _TABLES[seen]


def _typeof_component(value, context):
    fields = tuple([_typeof_field(field, context) for field in value])
    if None in fields:
        return None
    made = type(value), fields
    if made not in _MADE:
        _MADE[made] = ComponentType(type(value), fields, value._fields)
    return _MADE[made]
