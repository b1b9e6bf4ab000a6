"""Words: one machine instruction for a little-endian integer in a byte array, where the machine is little endian too.

Law.   What is stored and loaded is the same octets as one by one would be.
Reads. LLVM's load and store with alignment 1.
Omits. Big-endian words: headers are few, control messages are many.

`devmemlab.base.octets` has the names that others use.
"""

import sys

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic, overload

NATIVE = sys.byteorder == "little"


def _pointer(context, builder, kind, array, at, bits):
    """Address a word of an array."""
    data = builder.gep(context.make_array(kind)(context, builder, array).data, [at])
    return builder.bitcast(data, ir.IntType(bits).as_pointer())


def _storing(bits):
    """Make the intrinsic that stores so many bits."""
    @intrinsic
    def store(typingctx, octets, at, value):
        def codegen(context, builder, signature, args):
            word = args[2] if bits == 64 else builder.trunc(args[2], ir.IntType(bits))
            builder.store(word, _pointer(context, builder, signature.args[0], args[0], args[1], bits), align=1)
            return context.get_dummy_value()

        return types.void(octets, types.int64, types.int64), codegen

    return store


@intrinsic
def _load32(typingctx, octets, at):
    """Load 32 bits, without sign."""
    def codegen(context, builder, signature, args):
        word = builder.load(_pointer(context, builder, signature.args[0], args[0], args[1], 32), align=1)
        return builder.zext(word, ir.IntType(64))

    return types.int64(octets, types.int64), codegen


_store32, _store64 = _storing(32), _storing(64)


def put_le32(octets, at, value):
    """Store the low 32 bits of an integer.

    Parameters
    ----------
    octets : uint8[n]
        Written in ``[at, at + 4)``.
    at, value : int64
        Address, and what.
    """
    for i in range(4):
        octets[at + i] = (value >> (8 * i)) & 0xFF


def put_le64(octets, at, value):
    """Store 64 bits.

    Parameters
    ----------
    octets : uint8[n]
        Written in ``[at, at + 8)``.
    at, value : int64
        Address, and what.
    """
    for i in range(8):
        octets[at + i] = (value >> (8 * i)) & 0xFF


def get_le32(octets, at):
    """Load 32 bits.

    Parameters
    ----------
    octets : uint8[n]
        Memory.
    at : int64
        Address.

    Returns
    -------
    value : int64
        0 to 2^32 - 1.
    """
    return ((np.int64(octets[at + 3]) << 24) | (np.int64(octets[at + 2]) << 16)
            | (np.int64(octets[at + 1]) << 8) | np.int64(octets[at]))


@overload(put_le32)
def _put_le32(octets, at, value):
    """Choose the compiled form; with bounds checks it goes octet by octet."""
    if config.BOUNDSCHECK or not NATIVE:
        return put_le32

    def whole(octets, at, value):
        _store32(octets, at, value)
    return whole


@overload(put_le64)
def _put_le64(octets, at, value):
    """As `_put_le32`."""
    if config.BOUNDSCHECK or not NATIVE:
        return put_le64

    def whole(octets, at, value):
        _store64(octets, at, value)
    return whole


@overload(get_le32)
def _get_le32(octets, at):
    """As `_put_le32`."""
    if config.BOUNDSCHECK or not NATIVE:
        return get_le32

    def whole(octets, at):
        return _load32(octets, at)
    return whole
