"""The processor's cycle counter, and a barrier that the compiler respects.

Law.   Where there is no counter the answer is "none", never a number that was made up.
Reads. LLVM's ``llvm.readcyclecounter``, which on x86 is the instruction RDTSC.
Omits. Other processors: on ARM user space may not read the counter by default, and would be killed for trying.

The counter of today's x86 ticks at one constant rate, whatever speed the core runs at. So a "cycle" here is a unit of time,
as it is in the kernel's page-pool benchmark, and cycles of a faster core fit more work. Its rate is measured against a clock
that the caller brings: this floor has none of its own.
"""

import platform
from typing import NamedTuple

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic, overload

from devmemlab.base.kernel import kernel

X86 = frozenset({"x86_64", "amd64", "i386", "i686", "x86"})
TRIES = 16


def missing_counter():
    """Say why no cycle counter can be read here.

    Returns
    -------
    why : str or None
        None where it can.
    """
    if config.DISABLE_JIT:
        return "kernels run interpreted (NUMBA_DISABLE_JIT=1)"
    if platform.machine().lower() not in X86:
        return f"a {platform.machine()} processor has no counter that a program may read without asking"
    return None


@intrinsic
def _counter(typingctx):
    """LLVM's cycle counter."""
    def codegen(context, builder, signature, args):
        function = builder.module.declare_intrinsic("llvm.readcyclecounter", (), ir.FunctionType(ir.IntType(64), []))
        return builder.call(function, [])

    return types.int64(), codegen


@intrinsic
def _barrier(typingctx):
    """No instruction at all, of which LLVM must believe that it reads and writes memory."""
    def codegen(context, builder, signature, args):
        builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)
        return context.get_dummy_value()

    return types.void(), codegen


def compiler_barrier():
    """Forbid the compiler to move, merge or drop memory accesses across this point; the processor does not notice.

    What a benchmark's loop needs, so that an element is really taken before it is put back. Interpreted it does nothing.
    """


@overload(compiler_barrier)
def _compiler_barrier():
    """Choose the compiled form."""
    def compiled():
        _barrier()
    return compiled


def _read():
    """Answer for processors without a counter."""
    return 0


@overload(_read)
def _compiled_read():
    """Choose the compiled form."""
    if missing_counter():
        def absent():
            return 0
        return absent

    def compiled():
        return _counter()
    return compiled


@kernel
def read_cycles():
    """Read the cycle counter.

    Returns
    -------
    cycles : int64
        Ticks since some moment; 0, always, where `missing_counter` has a reason.
    """
    return _read()


class Instant(NamedTuple):
    """One moment on both clocks.

    ns : int
        By the clock that was brought.
    cycles : int
        By the cycle counter.
    """

    ns: int
    cycles: int


def instant(clock_ns, counter=read_cycles):
    """Read both clocks at (nearly) one moment.

    Parameters
    ----------
    clock_ns : callable
        Answers nanoseconds, such as ``time.perf_counter_ns``.
    counter : callable
        Answers cycles.

    Returns
    -------
    instant : Instant
        Of several tries the one in which least happened in between: somebody else may get the processor at any time.
    """
    best = None
    for _ in range(TRIES):
        before = counter()
        ns = clock_ns()
        after = counter()
        if best is None or after - before < best[0]:
            best = after - before, Instant(ns, (before + after) // 2)
    return best[1]


def frequency(first, second):
    """Find how fast the counter ticks, from two moments.

    Parameters
    ----------
    first, second : Instant
        The further apart, the better.

    Returns
    -------
    hz : float or None
        Ticks a second; None when one of the clocks stood still.
    """
    ns, cycles = second.ns - first.ns, second.cycles - first.cycles
    return cycles * 1e9 / ns if ns > 0 and cycles > 0 else None
