"""Bits: sets of up to 64 things in one int64.

Law.   An int64 is read as 64 bits; its sign is bit 63.
Reads. Linux include/linux/bitops.h (``__ffs``).
Omits. Sets wider than a word.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from devmemlab.base.kernel import kernel


@intrinsic
def _cttz(typingctx, bits):
    """Count trailing zeros: one instruction."""
    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


def _search(bits):
    """Halve what is left until the bit is found."""
    index = np.int64(0)
    if bits & 0xFFFFFFFF == 0:
        bits >>= 32
        index += 32
    if bits & 0xFFFF == 0:
        bits >>= 16
        index += 16
    if bits & 0xFF == 0:
        bits >>= 8
        index += 8
    if bits & 0xF == 0:
        bits >>= 4
        index += 4
    if bits & 0x3 == 0:
        bits >>= 2
        index += 2
    if bits & 0x1 == 0:
        index += 1
    return index


@overload(_search)
def _search_compiled(bits):
    """Have the processor search."""
    def found(bits):
        return _cttz(bits)
    return found


@kernel(inline="always")
def lowest_bit(bits):
    """Find the lowest set bit.

    Parameters
    ----------
    bits : int64
        Not 0; read as 64 bits.

    Returns
    -------
    index : int64
        0 to 63.
    """
    return _search(bits)
