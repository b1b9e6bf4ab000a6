"""Octets: the only place that knows how bytes are loaded, stored, summed and copied.

Law.   Every payload byte that moves in the lab moves through `copy_octets`, or past the caches with `devmemlab.base.streaming`.
Reads. RFC 1071 (the Internet checksum), RFC 1624 (its incremental form).
Omits. Copies that overlap.

Memory is a flat ``uint8[n]``; an address is an index into it. Wire integers are big endian,
the user API's are little endian; both are read into int64.
"""

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from devmemlab.base.kernel import kernel
from devmemlab.base.words import get8, get_be16, get_be32, get_le32, put_be16, put_be32, put_le32, put_le64


@intrinsic
def _memcpy(typingctx, dst, dst_at, src, src_at, nbytes):
    """LLVM's memcpy between two contiguous byte arrays."""
    def codegen(context, builder, signature, args):
        d, d_at, s, s_at, n = args
        d_ptr = builder.gep(context.make_array(signature.args[0])(context, builder, d).data, [d_at])
        s_ptr = builder.gep(context.make_array(signature.args[2])(context, builder, s).data, [s_at])
        cgutils.raw_memcpy(builder, d_ptr, s_ptr, n, ir.Constant(ir.IntType(64), 1))
        return context.get_dummy_value()

    return types.void(dst, types.int64, src, types.int64, types.int64), codegen


def copy_octets(dst, dst_at, src, src_at, nbytes):
    """Copy octets: the copy primitive of the lab; `devmemlab.base.streaming` is its form past the caches.

    Parameters
    ----------
    dst : uint8[n]
        Written in ``[dst_at, dst_at + nbytes)``.
    dst_at : int64
        Address in `dst`.
    src : uint8[m]
        Read in ``[src_at, src_at + nbytes)``; must not overlap the destination.
    src_at : int64
        Address in `src`.
    nbytes : int64
        Octets to copy, 0 allowed. The caller has checked both ranges.
    """
    if nbytes > 0:
        if dst_at < 0 or src_at < 0 or dst_at + nbytes > len(dst) or src_at + nbytes > len(src):
            raise IndexError("copy_octets outside its arrays")
        np.copyto(dst[dst_at:dst_at + nbytes], src[src_at:src_at + nbytes])


@overload(copy_octets)
def _copy_octets(dst, dst_at, src, src_at, nbytes):
    """Choose the compiled form: memcpy, preceded by two probes when bounds are checked."""
    if config.BOUNDSCHECK:
        def checked(dst, dst_at, src, src_at, nbytes):
            if nbytes > 0:
                if dst_at < 0 or src_at < 0 or dst_at + nbytes > len(dst) or src_at + nbytes > len(src):
                    raise IndexError("copy_octets outside its arrays")
                _memcpy(dst, dst_at, src, src_at, nbytes)
        return checked

    def unchecked(dst, dst_at, src, src_at, nbytes):
        _memcpy(dst, dst_at, src, src_at, nbytes)
    return unchecked


@kernel
def load8(octets, at):
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
    return get8(octets, at)


@kernel
def load_be16(octets, at):
    """Load a big-endian 16-bit integer.

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
    return get_be16(octets, at)


@kernel
def load_be32(octets, at):
    """Load a big-endian 32-bit integer.

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
    return get_be32(octets, at)


@kernel(inline="always")
def load_le32(octets, at):
    """Load a little-endian 32-bit integer.

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
    return get_le32(octets, at)


@kernel
def store8(octets, at, value):
    """Store one octet.

    Parameters
    ----------
    octets : uint8[n]
        Memory, written at `at`.
    at : int64
        Address.
    value : int64
        The low 8 bits are stored.
    """
    octets[at] = value & 0xFF


@kernel
def store_be16(octets, at, value):
    """Store a big-endian 16-bit integer.

    Parameters
    ----------
    octets : uint8[n]
        Memory, written in ``[at, at + 2)``.
    at : int64
        Address.
    value : int64
        The low 16 bits are stored.
    """
    put_be16(octets, at, value)


@kernel
def store_be32(octets, at, value):
    """Store a big-endian 32-bit integer.

    Parameters
    ----------
    octets : uint8[n]
        Memory, written in ``[at, at + 4)``.
    at : int64
        Address.
    value : int64
        The low 32 bits are stored.
    """
    put_be32(octets, at, value)


@kernel(inline="always")
def store_le32(octets, at, value):
    """Store a little-endian 32-bit integer.

    Parameters
    ----------
    octets : uint8[n]
        Memory, written in ``[at, at + 4)``.
    at : int64
        Address.
    value : int64
        The low 32 bits are stored.
    """
    put_le32(octets, at, value)


@kernel(inline="always")
def store_le64(octets, at, value):
    """Store a little-endian 64-bit integer.

    Parameters
    ----------
    octets : uint8[n]
        Memory, written in ``[at, at + 8)``.
    at : int64
        Address.
    value : int64
        All 64 bits are stored.
    """
    put_le64(octets, at, value)


@kernel
def csum_partial(octets, at, nbytes, total):
    """Add a range to an unfolded Internet checksum.

    Parameters
    ----------
    octets : uint8[n]
        Memory, read in ``[at, at + nbytes)``.
    at : int64
        Address; the range counts as starting on an even octet of the message.
    nbytes : int64
        Octets; an odd last one is padded with zero.
    total : int64
        Sum so far.

    Returns
    -------
    total : int64
        Unfolded sum of big-endian 16-bit words.
    """
    # A slice indexed from 0 shows LLVM that no index wraps around: ten times faster than octets[at + i].
    piece = octets[at:at + nbytes]
    high = low = np.int64(0)
    for i in range(nbytes >> 1):
        high += np.int64(piece[2 * i])
        low += np.int64(piece[2 * i + 1])
    total += (high << 8) + low
    if nbytes & 1:
        total += np.int64(piece[nbytes - 1]) << 8
    return total


@kernel
def csum_fold(total):
    """Fold a sum to 16 bits and complement it (RFC 1071 section 1).

    Parameters
    ----------
    total : int64
        From `csum_partial`.

    Returns
    -------
    checksum : int64
        What a header field carries; 0 when the range included a right checksum.
    """
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
