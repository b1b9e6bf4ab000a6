"""Likely: telling the compiler which way a branch mostly goes.

Law.   Nothing but time depends on it: a kernel means the same without.
Reads. LLVM's language reference (``llvm.expect``); Linux include/linux/compiler.h (``likely``).
Omits. Its opposite, which is ``likely`` of the opposite.

What seldom happens is then laid out of the way, and what mostly happens is code in one piece.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload


@intrinsic
def _expect(typingctx, condition):
    """LLVM's expectation that a condition holds."""
    def codegen(context, builder, signature, args):
        bit = ir.IntType(1)
        expect = builder.module.declare_intrinsic("llvm.expect", [bit], ir.FunctionType(bit, [bit, bit]))
        return builder.call(expect, [args[0], bit(1)])

    return types.boolean(types.boolean), codegen


def likely(condition):
    """Say that a condition mostly holds.

    Parameters
    ----------
    condition : bool
        Of a branch.

    Returns
    -------
    condition : bool
        As it was.
    """
    return condition


@overload(likely, inline="always")
def _likely_compiled(condition):
    return lambda condition: _expect(condition)
