"""Streaming: the copy primitive past the caches, for stretches that no cache would keep.

Law.   The octets are those that `devmemlab.base.octets.copy_octets` would have written; only the way there differs.
Reads. LLVM's language reference (``!nontemporal``); Drepper, What every programmer should know about memory, section 6.1.
Omits. Streaming loads: ordinary memory has none.

An ordinary store first fetches the line it writes to, so a copy moves three lines for every line. A streaming store does not,
and C's memcpy uses them too, from a size on that its authors chose.
"""

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from devmemlab.base.octets import _memcpy, copy_octets

WORD_BYTES, BLOCK_BYTES = 32, 128


def _address(context, builder, kind, array, at):
    """Point into an array of octets."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


@intrinsic
def _to_word(typingctx, octets, at):
    """Count the octets from an address to the next whole word of the machine's memory."""
    def codegen(context, builder, signature, args):
        number = builder.ptrtoint(_address(context, builder, signature.args[0], *args), ir.IntType(64))
        return builder.and_(builder.neg(number), ir.Constant(ir.IntType(64), WORD_BYTES - 1))

    return types.int64(octets, types.int64), codegen


@intrinsic
def _stream(typingctx, dst, dst_at, src, src_at, nbytes):
    """Copy whole blocks to a whole word."""
    def codegen(context, builder, signature, args):
        index, word = ir.IntType(64), ir.VectorType(ir.IntType(64), WORD_BYTES // 8)
        to = _address(context, builder, signature.args[0], args[0], args[1])
        at = _address(context, builder, signature.args[2], args[2], args[3])
        past = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
        with cgutils.for_range_slice(builder, index(0), args[4], index(BLOCK_BYTES), index) as (first, _):
            places = [builder.add(first, index(step)) for step in range(0, BLOCK_BYTES, WORD_BYTES)]
            words = [builder.load(builder.bitcast(builder.gep(at, [place]), word.as_pointer()), align=1) for place in places]
            for place, loaded in zip(places, words):
                store = builder.store(loaded, builder.bitcast(builder.gep(to, [place]), word.as_pointer()), align=WORD_BYTES)
                store.set_metadata("nontemporal", past)
        return context.get_dummy_value()

    return types.void(dst, types.int64, src, types.int64, types.int64), codegen


@intrinsic
def _fence(typingctx):
    """Order streaming stores before whatever follows."""
    def codegen(context, builder, signature, args):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


def stream_octets(dst, dst_at, src, src_at, nbytes):
    """Copy octets that nobody will read soon; `stream_end` comes behind the last.

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
    copy_octets(dst, dst_at, src, src_at, nbytes)


@overload(stream_octets)
def _stream_octets(dst, dst_at, src, src_at, nbytes):
    """Choose the compiled form; with bounds checks there is but one copy primitive."""
    if config.BOUNDSCHECK:
        return lambda dst, dst_at, src, src_at, nbytes: copy_octets(dst, dst_at, src, src_at, nbytes)

    def unchecked(dst, dst_at, src, src_at, nbytes):
        head = min(_to_word(dst, dst_at), nbytes)
        blocks = (nbytes - head) // BLOCK_BYTES * BLOCK_BYTES
        tail = nbytes - head - blocks
        if head:
            _memcpy(dst, dst_at, src, src_at, head)
        _stream(dst, dst_at + head, src, src_at + head, blocks)
        if tail:
            _memcpy(dst, dst_at + head + blocks, src, src_at + head + blocks, tail)
    return unchecked


def stream_end():
    """Make sure that whoever is told now sees what was streamed before."""


@overload(stream_end)
def _stream_end():
    """One instruction."""
    return lambda: _fence()
