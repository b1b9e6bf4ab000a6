"""Words: one or two machine instructions for an integer in a byte array, on a machine that is little endian itself.

Law.   What is stored and loaded is the same octets as one by one would be.
Reads. LLVM's load and store with alignment 1, its ``llvm.bswap``.
Omits. Big-endian machines' own shortcut: there, and with bounds checks, it goes octet by octet.

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


def _swapped(builder, word):
    """Reverse the octets of a word."""
    return builder.bswap(word) if word.type.width > 8 else word


def _storing(bits, big=False):
    """Make the intrinsic that stores so many bits."""
    @intrinsic
    def store(typingctx, octets, at, value):
        def codegen(context, builder, signature, args):
            word = args[2] if bits == 64 else builder.trunc(args[2], ir.IntType(bits))
            builder.store(_swapped(builder, word) if big else word,
                          _pointer(context, builder, signature.args[0], args[0], args[1], bits), align=1)
            return context.get_dummy_value()

        return types.void(octets, types.int64, types.int64), codegen

    return store


def _loading(bits, big=False):
    """Make the intrinsic that loads so many bits, without sign."""
    @intrinsic
    def load(typingctx, octets, at):
        def codegen(context, builder, signature, args):
            word = builder.load(_pointer(context, builder, signature.args[0], args[0], args[1], bits), align=1)
            return builder.zext(_swapped(builder, word) if big else word, ir.IntType(64))

        return types.int64(octets, types.int64), codegen

    return load


_load8, _load32, _load_be16, _load_be32 = _loading(8), _loading(32), _loading(16, True), _loading(32, True)
_store32, _store64, _store_be16, _store_be32 = _storing(32), _storing(64), _storing(16, True), _storing(32, True)


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


def get8(octets, at):
    """Load one octet.

    Parameters
    ----------
    octets : uint8[n]
        Memory.
    at : int64
        Address.

    Returns
    -------
    value : int64
        0 to 255.
    """
    return np.int64(octets[at])


def get_be16(octets, at):
    """Load 16 bits, the high ones first.

    Parameters
    ----------
    octets : uint8[n]
        Memory.
    at : int64
        Address.

    Returns
    -------
    value : int64
        0 to 65535.
    """
    return (np.int64(octets[at]) << 8) | np.int64(octets[at + 1])


def get_be32(octets, at):
    """Load 32 bits, the high ones first.

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
    return ((np.int64(octets[at]) << 24) | (np.int64(octets[at + 1]) << 16)
            | (np.int64(octets[at + 2]) << 8) | np.int64(octets[at + 3]))


def put_be16(octets, at, value):
    """Store the low 16 bits of an integer, the high ones first.

    Parameters
    ----------
    octets : uint8[n]
        Written in ``[at, at + 2)``.
    at, value : int64
        Address, and what.
    """
    octets[at] = (value >> 8) & 0xFF
    octets[at + 1] = value & 0xFF


def put_be32(octets, at, value):
    """Store the low 32 bits of an integer, the high ones first.

    Parameters
    ----------
    octets : uint8[n]
        Written in ``[at, at + 4)``.
    at, value : int64
        Address, and what.
    """
    for i in range(4):
        octets[at + i] = (value >> (24 - 8 * i)) & 0xFF


def _compiled(plain, loads, stores=None):
    """Choose the compiled form of a word's function; with bounds checks it goes octet by octet."""
    if loads is not None:
        @overload(plain)
        def choose(octets, at):
            return plain if config.BOUNDSCHECK or not NATIVE else lambda octets, at: loads(octets, at)
    else:
        @overload(plain)
        def choose(octets, at, value):
            return plain if config.BOUNDSCHECK or not NATIVE else lambda octets, at, value: stores(octets, at, value)


_compiled(get8, _load8)
_compiled(get_le32, _load32)
_compiled(get_be16, _load_be16)
_compiled(get_be32, _load_be32)
_compiled(put_le32, None, _store32)
_compiled(put_le64, None, _store64)
_compiled(put_be16, None, _store_be16)
_compiled(put_be32, None, _store_be32)
