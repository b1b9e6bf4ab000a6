"""Prefetching: having octets on their way into the cache before they are read.

Law.   Nothing but time depends on it: a kernel means the same without.
Reads. LLVM's language reference (``llvm.prefetch``).
Omits. Prefetching for writing.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

LINE_BYTES = 64


@intrinsic
def _prefetch(typingctx, elements, at, beyond):
    """LLVM's prefetch, for reading, into every cache."""
    def codegen(context, builder, signature, args):
        array, offset, octets = args
        pointer = builder.gep(context.make_array(signature.args[0])(context, builder, array).data, [offset])
        pointer = builder.gep(builder.bitcast(pointer, ir.IntType(8).as_pointer()), [octets])
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, word, word, word])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(prefetch, [pointer, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(elements, types.int64, types.int64), codegen


def prefetch_octets(octets, at):
    """Have a cache line fetched that will be read soon; nothing but time depends on it.

    Parameters
    ----------
    octets : uint8[n]
        Memory.
    at : int64
        Address; it may lie outside.
    """


@overload(prefetch_octets, inline="always")
def _prefetch_octets_compiled(octets, at):
    return lambda octets, at: _prefetch(octets, at, 0)


def prefetch_row(rows, row, beyond=0):
    """Have a cache line of a row fetched that will be needed soon; nothing but time depends on it.

    Parameters
    ----------
    rows : numpy.recarray
        A table; of two dimensions, rows are numbered through.
    row : int64
        Which; it may lie outside.
    beyond : int64
        Octets from the row's start.
    """


@overload(prefetch_row, inline="always")
def _prefetch_row_compiled(rows, row, beyond=0):
    return lambda rows, row, beyond=0: _prefetch(rows, row, beyond)
