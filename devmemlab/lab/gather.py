"""Gather: pieces that lie scattered in device memory become one stretch, in three ways.

Law.   Every octet is moved by the one copy primitive, or its form past the caches, and is in the ledger; nothing is written
       before everything is checked.
Reads. The unpack kernels of NCCL's and UCCL's devmem plugins, as far as the three ways go; spec section 14.1 for frags.
Omits. Launch costs of a device: in the lab a "kernel" is one crossing into compiled code, a "copy" one crossing each.
       Memory of a real GPU gathers itself: `devmemlab.cuda.gathering`.

==========  ==========================================================  ================================
mode        what happens                                                copies of an octet
==========  ==========================================================  ================================
``copies``  one device-to-device copy for each piece, one call each     1 (GATHER)
``host``    pieces to a staging buffer in host memory, that to device   2 (GATHER_OUT, GATHER_IN)
``kernel``  one kernel goes through the list of pieces                  1 (GATHER)
==========  ==========================================================  ================================
"""

import hashlib
from typing import NamedTuple

import numpy as np

from devmemlab.base.errno import EIO, error
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.prefetch import LINE_BYTES, prefetch_octets
from devmemlab.base.streaming import stream_end, stream_octets
from devmemlab.base.table import table
from devmemlab.lab.accelerator import PIECE, staged_copy
from devmemlab.lab.token_tools import pieces_of
from devmemlab.mem.ledger import GATHER, GATHER_IN, GATHER_OUT, NAMES, ledger_add, make_ledger
from devmemlab.mem.poison import REGION_GUARDS
from devmemlab.mem.region import host_memory, memory
from devmemlab.mem.staging import StagedMemory

MODES = ("copies", "host", "kernel")
AHEAD_LINES = 8
STREAM_TOTAL, STREAM_PIECE = 4 << 20, 4096
"""From these sizes on the stretch is written past the caches, as C's memcpy does with much."""


class Gathered(NamedTuple):
    """What a gather did.

    ``offset`` and ``octets`` say where the stretch is in ``region``; ``stages`` is what the ledger counted: stage -> (octets,
    copies).
    """

    mode: str
    region: object
    offset: int
    octets: int
    pieces: int
    stages: dict

    def sha256(self):
        """Digest the stretch.

        Returns
        -------
        digest : str
            In hexadecimal digits.
        """
        return hashlib.sha256(_octets(self.region, self.offset, self.octets)).hexdigest()

    def __repr__(self):
        counted = ", ".join(f"{name} {octets:,} octets in {copies:,}" for name, (octets, copies) in self.stages.items())
        return f"<gathered {self.octets:,} octets of {self.pieces:,} pieces by {self.mode!r}: {counted or 'nothing to do'}>"


def _octets(region, offset, length):
    """Look at memory where its user does, unwatched."""
    if isinstance(region, StagedMemory):
        return region.view(np.uint8, length, offset).copy_to_host()
    return memory()[region.start + offset:region.start + offset + length]


@kernel
def gather_pieces(memory, source, pieces, target, ledger, stage):
    """Copy pieces one behind the other.

    Parameters
    ----------
    memory : uint8[n]
        Written in the target.
    source : int64
        Address that the pieces' offsets count from.
    pieces : PIECE[count]
        What, in order.
    target : int64
        Address.
    ledger : LEDGER[n_stage]
        Row `stage` grows.
    stage : int64
        GATHER or GATHER_OUT.
    """
    at = target
    total = np.int64(0)
    for i in range(len(pieces)):
        total += pieces[i].length
    for i in range(len(pieces)):
        # A processor does not look ahead from one piece to another: without this every piece begins with waiting.
        ahead = source + pieces[min(i + 1, len(pieces) - 1)].offset
        for k in range(AHEAD_LINES):
            prefetch_octets(memory, ahead + k * LINE_BYTES)
        piece = pieces[i]
        if total >= STREAM_TOTAL and piece.length >= STREAM_PIECE:
            stream_octets(memory, at, memory, source + piece.offset, piece.length)
        else:
            copy_octets(memory, at, memory, source + piece.offset, piece.length)
        at += piece.length
    stream_end()
    ledger[stage].copies += len(pieces) - 1
    ledger_add(ledger, stage, at - target)


def _refuse(region, offsets, lengths, target, target_offset, total):
    """Refuse a list that cannot be gathered.

    Parameters
    ----------
    region, target : Region
        From where, to where.
    offsets, lengths : int64[count]
        The list.
    target_offset, total : int
        Where in `target`, and how much.

    Raises
    ------
    ValueError
        Names the piece, or the range, that is wrong.
    """
    ends = offsets + lengths
    outside = np.flatnonzero((offsets < 0) | (ends > region.length))
    if len(outside):
        at, length = int(offsets[outside[0]]), int(lengths[outside[0]])
        raise ValueError(f"piece {int(outside[0])} is [{at}, {at + length}), which is not inside {region.name!r} "
                         f"of {region.length} bytes")
    if target_offset < 0 or target_offset + total > target.length:
        raise ValueError(f"{total} bytes at {target_offset} need [{target_offset}, {target_offset + total}), and {target.name!r} "
                         f"has {target.length} bytes")
    first = target.start + target_offset - region.start
    inside = np.flatnonzero((offsets < first + total) & (ends > first) & (lengths > 0))
    if len(inside):
        at, length = int(offsets[inside[0]]), int(lengths[inside[0]])
        raise ValueError(f"piece {int(inside[0])} is [{at}, {at + length}), which overlaps the target "
                         f"[{target_offset}, {target_offset + total})")


def gather(region, frags, target_offset, mode="kernel", target=None, host=None, check=False):
    """Bring scattered pieces of device memory into one stretch, in their order.

    Parameters
    ----------
    region : Region
        Where the pieces lie; offsets of frags count from its start.
    frags : recarray of FRAG_DTYPE, or sequence of (offset, length)
        From `devmemlab.frags` or `devmemlab.coalesce`; records of host bytes are refused.
    target_offset : int
        Where the stretch begins.
    mode : str
        ``"copies"``, ``"host"`` or ``"kernel"``.
    target : Region, optional
        Where it goes; `region` itself when left out.
    host : Host, optional
        Whose ledger counts it too.
    check : bool
        Compare a digest of the pieces with one of the stretch.

    Returns
    -------
    gathered : Gathered
        How much, and what was copied.

    Raises
    ------
    ValueError
        An unknown mode; a piece that is not inside of the region, or overlaps the target; a target that is too small. Nothing
        was written.
    OSError
        EIO: the digests differ.
    """
    if mode not in MODES:
        raise ValueError(f"no mode {mode!r}; there are {', '.join(MODES)}")
    target = region if target is None else target
    offsets, lengths = pieces_of(frags)
    pieces = table(PIECE, len(offsets))
    pieces.offset, pieces.length = offsets, lengths
    total = int(lengths.sum())
    _refuse(region, offsets, lengths, target, target_offset, total)
    for guard in REGION_GUARDS:
        for offset, length in zip(offsets.tolist(), lengths.tolist()):
            guard.guard(region, region.start + offset, length)
    octets, ledger, to = memory(), make_ledger(), target.start + int(target_offset)
    staged = isinstance(region, StagedMemory)
    if staged != isinstance(target, StagedMemory):
        raise ValueError(f"{region.name!r} and {target.name!r} are not memories of one device")
    wanted = digest_of(region, pieces) if check else None
    if total == 0:
        pass
    elif staged:
        region.gather_pieces(pieces, target, int(target_offset), mode, ledger)
    elif mode == "kernel":
        gather_pieces(octets, region.start, pieces, to, ledger, GATHER)
    elif mode == "copies":
        at = to
        for offset, length in zip(offsets.tolist(), lengths.tolist()):
            staged_copy(octets, at, region.start + offset, length, ledger, GATHER)
            at += length
    else:
        staging = host_memory(total, "gather's staging buffer")
        gather_pieces(octets, region.start, pieces, staging.start, ledger, GATHER_OUT)
        staged_copy(octets, to, staging.start, total, ledger, GATHER_IN)
        staging.close()
    if host is not None:
        host.ledger.length += ledger.length
        host.ledger.copies += ledger.copies
    done = Gathered(mode, target, int(target_offset), total, len(pieces),
                    {name: (octets, copies) for name, octets, copies in zip(NAMES, ledger.length.tolist(), ledger.copies.tolist())
                     if copies})
    if check and done.sha256() != wanted:
        raise error(EIO, f"what {mode!r} gathered is not what the pieces hold")
    return done


def digest_of(region, pieces):
    """Digest pieces in their order.

    Parameters
    ----------
    region : Region
        Where they lie.
    pieces : PIECE[count]
        The list.

    Returns
    -------
    digest : str
        In hexadecimal digits.
    """
    digest = hashlib.sha256()
    for offset, length in zip(pieces.offset.tolist(), pieces.length.tolist()):
        digest.update(_octets(region, offset, length))
    return digest.hexdigest()
