"""readv, writev and the clock, called from kernels: one system call fills many places.

Law.   The answer is the system call's: octets moved, or -errno. Pieces are ranges of one arena, in the order of the octets.
Reads. readv(2), clock_gettime(2).
Omits. More than 1024 pieces, which the system refuses.

As in `devmemlab.host.ports.syscalls`: compiled, the C library by name; interpreted, `os.readv`, `os.writev` and `time`.
"""

import os
import time

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from devmemlab.base.table import schema
from devmemlab.host.ports.syscalls import errno_or

PIECE = schema("offset", "length")
"""A range of an arena. The compiled form turns ``offset`` into an address for the call, and back."""

_I64 = ir.IntType(64)
_I32 = ir.IntType(32)
_CLOCK_MONOTONIC = 1


@intrinsic
def _address(typingctx, octets):
    """Where an array lies."""
    def codegen(context, builder, signature, args):
        return builder.ptrtoint(context.make_array(signature.args[0])(context, builder, args[0]).data, _I64)

    return types.int64(octets), codegen


def _emit_vector(name, context, builder, signature, args):
    """Emit ``name(fd, pieces, count)``; a row of PIECE is a ``struct iovec`` where addresses have 64 bits.

    Parameters
    ----------
    name : str
        ``"readv"`` or ``"writev"``.
    context, builder, signature, args : object
        As Numba hands them to an intrinsic.

    Returns
    -------
    result : llvmlite value
        int64.
    """
    fd, pieces, count = args
    place = builder.bitcast(context.make_array(signature.args[1])(context, builder, pieces).data, cgutils.voidptr_t)
    call_type = ir.FunctionType(_I64, [_I32, cgutils.voidptr_t, _I32])
    function = cgutils.get_or_insert_function(builder.module, call_type, name)
    return errno_or(builder, builder.call(function, [builder.trunc(fd, _I32), place, builder.trunc(count, _I32)]))


@intrinsic
def _readv(typingctx, fd, pieces, count):
    """C library's readv."""
    def codegen(context, builder, signature, args):
        return _emit_vector("readv", context, builder, signature, args)

    return types.int64(types.int64, pieces, types.int64), codegen


@intrinsic
def _writev(typingctx, fd, pieces, count):
    """C library's writev."""
    def codegen(context, builder, signature, args):
        return _emit_vector("writev", context, builder, signature, args)

    return types.int64(types.int64, pieces, types.int64), codegen


@intrinsic
def _clock(typingctx):
    """C library's clock_gettime(CLOCK_MONOTONIC), ns."""
    def codegen(context, builder, signature, args):
        spec = cgutils.alloca_once(builder, _I64, 2)
        call_type = ir.FunctionType(_I32, [_I32, cgutils.voidptr_t])
        function = cgutils.get_or_insert_function(builder.module, call_type, "clock_gettime")
        builder.call(function, [ir.Constant(_I32, _CLOCK_MONOTONIC), builder.bitcast(spec, cgutils.voidptr_t)])
        seconds = builder.load(spec)
        rest = builder.load(builder.gep(spec, [ir.Constant(_I32, 1)]))
        return builder.add(builder.mul(seconds, ir.Constant(_I64, 1_000_000_000)), rest)

    return types.int64(), codegen


def readv_octets(fd, octets, pieces, count):
    """Read from a non-blocking descriptor into many places.

    Parameters
    ----------
    fd : int64
        Descriptor.
    octets : uint8[n]
        Written where the pieces are.
    pieces : PIECE[m]
        Where; as before when the call returns.
    count : int64
        The first so many count.

    Returns
    -------
    got : int64
        Octets read, or -errno.
    """
    try:
        return np.int64(os.readv(int(fd), [octets[piece.offset:piece.offset + piece.length]
                                                for piece in pieces[:int(count)]]))
    except OSError as error:
        return np.int64(-error.errno)


def write_behind(fd, head, octets, at, nbytes, pieces):
    """Write one frame behind a header that lies elsewhere, to a non-blocking descriptor.

    Parameters
    ----------
    fd : int64
        Descriptor.
    head : uint8[k]
        The header.
    octets : uint8[n]
        Read in ``[at, at + nbytes)``.
    at : int64
        Address.
    nbytes : int64
        Octets of the frame.
    pieces : PIECE[2]
        Scratch.

    Returns
    -------
    done : int64
        Octets written, the header's among them, or -errno.
    """
    try:
        return np.int64(os.writev(int(fd), [head, octets[at:at + nbytes]]))
    except OSError as error:
        return np.int64(-error.errno)


def clock_ns():
    """Tell the time of the monotonic clock.

    Returns
    -------
    now_ns : int64
        ns.
    """
    return np.int64(time.monotonic_ns())


@overload(readv_octets)
def _readv_octets(fd, octets, pieces, count):
    """The compiled form of `readv_octets`."""
    def call(fd, octets, pieces, count):
        base = _address(octets)
        for i in range(count):
            pieces[i].offset += base
        got = _readv(fd, pieces, count)
        for i in range(count):
            pieces[i].offset -= base
        return got
    return call


@overload(write_behind)
def _write_behind(fd, head, octets, at, nbytes, pieces):
    """The compiled form of `write_behind`."""
    def call(fd, head, octets, at, nbytes, pieces):
        pieces[0].offset = _address(head)
        pieces[0].length = len(head)
        pieces[1].offset = _address(octets) + at
        pieces[1].length = nbytes
        return _writev(fd, pieces, 2)
    return call


@overload(clock_ns)
def _clock_ns():
    """The compiled form of `clock_ns`."""
    def call():
        return _clock()
    return call
