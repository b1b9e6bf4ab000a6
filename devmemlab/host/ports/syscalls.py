"""read and write, called from kernels: one crossing a burst instead of one a frame.

Law.   The answer is the system call's: octets moved, or -errno. Nothing is retried.
Reads. read(2), write(2).
Omits. Blocking descriptors: a kernel that waits cannot be interrupted.

Compiled, these call the C library by name, so the machine code can be cached; interpreted, they are `os.readv` and `os.write`.
"""

import os

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

_I64 = ir.IntType(64)
_I32 = ir.IntType(32)


def _emit_call(name, context, builder, signature, args):
    """Emit ``name(fd, &octets[at], nbytes)`` and turn a failure into -errno.

    Parameters
    ----------
    name : str
        ``"read"`` or ``"write"``.
    context, builder, signature, args : object
        As Numba hands them to an intrinsic.

    Returns
    -------
    result : llvmlite value
        int64.
    """
    fd, octets, at, nbytes = args
    base = context.make_array(signature.args[1])(context, builder, octets).data
    pointer = builder.gep(base, [at])
    octet_pointer = cgutils.voidptr_t
    call_type = ir.FunctionType(_I64, [_I32, octet_pointer, _I64])
    function = cgutils.get_or_insert_function(builder.module, call_type, name)
    return errno_or(builder, builder.call(function, [builder.trunc(fd, _I32), builder.bitcast(pointer, octet_pointer), nbytes]))


def errno_or(builder, done):
    """Emit: the answer of a system call, or -errno in the place of -1.

    Parameters
    ----------
    builder : object
        Of the function that is made.
    done : llvmlite value
        int64: what the C library returned.

    Returns
    -------
    result : llvmlite value
        int64.
    """
    result = cgutils.alloca_once_value(builder, done)
    with builder.if_then(builder.icmp_signed("<", done, ir.Constant(_I64, 0)), likely=False):
        place_type = ir.FunctionType(_I32.as_pointer(), [])
        place = builder.call(cgutils.get_or_insert_function(builder.module, place_type, "__errno_location"), [])
        builder.store(builder.neg(builder.sext(builder.load(place), _I64)), result)
    return builder.load(result)


@intrinsic
def _read(typingctx, fd, octets, at, nbytes):
    """C library's read."""
    def codegen(context, builder, signature, args):
        return _emit_call("read", context, builder, signature, args)

    return types.int64(types.int64, octets, types.int64, types.int64), codegen


@intrinsic
def _write(typingctx, fd, octets, at, nbytes):
    """C library's write."""
    def codegen(context, builder, signature, args):
        return _emit_call("write", context, builder, signature, args)

    return types.int64(types.int64, octets, types.int64, types.int64), codegen


def read_octets(fd, octets, at, nbytes):
    """Read from a non-blocking descriptor.

    Parameters
    ----------
    fd : int64
        Descriptor.
    octets : uint8[n]
        Written in ``[at, at + nbytes)``.
    at : int64
        Address.
    nbytes : int64
        Room.

    Returns
    -------
    got : int64
        Octets read, or -errno.
    """
    try:
        return np.int64(os.readv(int(fd), [octets[at:at + nbytes]]))
    except OSError as error:
        return np.int64(-error.errno)


def write_octets(fd, octets, at, nbytes):
    """Write to a non-blocking descriptor.

    Parameters
    ----------
    fd : int64
        Descriptor.
    octets : uint8[n]
        Read in ``[at, at + nbytes)``.
    at : int64
        Address.
    nbytes : int64
        Octets.

    Returns
    -------
    done : int64
        Octets written, or -errno.
    """
    try:
        return np.int64(os.write(int(fd), octets[at:at + nbytes]))
    except OSError as error:
        return np.int64(-error.errno)


@overload(read_octets)
def _read_octets(fd, octets, at, nbytes):
    """The compiled form of `read_octets`."""
    def call(fd, octets, at, nbytes):
        return _read(fd, octets, at, nbytes)
    return call


@overload(write_octets)
def _write_octets(fd, octets, at, nbytes):
    """The compiled form of `write_octets`."""
    def call(fd, octets, at, nbytes):
        return _write(fd, octets, at, nbytes)
    return call
