"""The accelerator: who consumes the payload, and the copies that bring it there.

Law.   Every copy of the baselines is made here or in recvmsg, with the one copy primitive, and is in the ledger.
Reads. performance-anchors section 5.3 for which copies a staging receiver makes.
Omits. Gather, and a real GPU.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.table import schema
from devmemlab.mem.ledger import MEMCPY, ledger_add
from devmemlab.sock.uapi import MAX_DONTNEED_FRAGS, MAX_DONTNEED_TOKENS

PIECE = schema("offset", "length")


@kernel
def staged_copy(memory, target, source, length, ledger, stage):
    """Copy between two buffers of the host, or from the host to the device.

    Parameters
    ----------
    memory : uint8[n]
        All memory.
    target, source : int64
        Addresses.
    length : int64
        Octets.
    ledger : LEDGER[n_stage]
        Row `stage` grows.
    stage : int64
        PAGEABLE_COPY or HOST_TO_DEVICE.
    """
    copy_octets(memory, target, memory, source, length)
    ledger_add(ledger, stage, length)


@kernel
def memcpy_pieces(memory, start, length, stride, wire, pieces, ledger):
    """Copy payloads one after the other into strided slots: what the bus alone would cost.

    Parameters
    ----------
    memory : uint8[n]
        Written in ``[start, start + length)``, round and round.
    start, length : int64
        The region.
    stride : int64
        Slot size: the same pages that devmem would fill.
    wire : uint8[m]
        Frames.
    pieces : PIECE[count]
        Where payloads lie in `wire`.
    ledger : LEDGER[n_stage]
        MEMCPY grows.
    """
    at = np.int64(0)
    for i in range(len(pieces)):
        done = np.int64(0)
        while done < pieces[i].length:
            part = min(pieces[i].length - done, stride)
            if at + stride > length:
                at = np.int64(0)
            copy_octets(memory, start + at, wire, pieces[i].offset + done, part)
            done += part
            at += stride
        ledger_add(ledger, MEMCPY, pieces[i].length)


def token_ranges(tokens):
    """Pack tokens into as few DONTNEED calls as its limits allow.

    Parameters
    ----------
    tokens : sequence of int
        Tokens to return.

    Returns
    -------
    calls : list of uint32[n, 2]
        Each an argument for one ``dontneed``: at most 128 ranges and 1024 tokens.
    """
    tokens = np.asarray(tokens, np.int64)
    if len(tokens) == 0:
        return []
    steps = np.diff(tokens)
    if (steps == 1).all():
        # The usual case, and this runs for every burst: ids are dense, so one read's are one run.
        first, count = int(tokens[0]), len(tokens)
        return [np.array([(first + at, min(MAX_DONTNEED_FRAGS, count - at))]) for at in range(0, count, MAX_DONTNEED_FRAGS)]
    at = np.arange(len(tokens))
    breaks = np.flatnonzero(steps != 1) + 1
    starts = np.unique(np.concatenate(([0], breaks, at[::MAX_DONTNEED_FRAGS])))
    counts = np.diff(np.append(starts, len(tokens)))
    ranges = np.stack((tokens[starts], counts), axis=1)
    calls, first, taken = [], 0, 0
    for i, count in enumerate(counts):
        if i > first and (i - first == MAX_DONTNEED_TOKENS or taken + count > MAX_DONTNEED_FRAGS):
            calls.append(ranges[first:i])
            first, taken = i, 0
        taken += count
    calls.append(ranges[first:])
    return calls
