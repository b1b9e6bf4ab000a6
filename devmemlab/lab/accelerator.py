"""The accelerator: who consumes the payload, and the copies that bring it there.

Law.   Every copy of the baselines is made here or in recvmsg, as the devmem path makes its own, and is in the ledger.
Reads. performance-anchors section 5.3 for which copies a staging receiver makes.
Omits. Gather, which is a chapter of its own, and a real GPU.

What is written to device memory passes the caches by, whoever writes it (`devmemlab.nic.dma`).
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.streaming import stream_end, stream_octets
from devmemlab.base.table import schema
from devmemlab.mem.ledger import HOST_TO_DEVICE, MEMCPY, ledger_add
from devmemlab.sock.token_batch import token_ranges

__all__ = ["PIECE", "memcpy_pieces", "staged_copy", "token_ranges"]
PIECE = schema("offset", "length")


@kernel
def staged_copy(memory, target, source, length, ledger, stage):
    """Copy between two buffers of the host, from the host to the device, or within the device.

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
        PAGEABLE_COPY, HOST_TO_DEVICE, GATHER or GATHER_IN.
    """
    if stage == HOST_TO_DEVICE:
        stream_octets(memory, target, memory, source, length)
        stream_end()
    else:
        copy_octets(memory, target, memory, source, length)
    ledger_add(ledger, stage, length)


@kernel
def memcpy_pieces(memory, start, length, stride, wire, pieces, past_caches, ledger):
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
    past_caches : int64
        1: the region is device memory, 0: memory of the host, such as a card's arena.
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
            if past_caches:
                stream_octets(memory, start + at, wire, pieces[i].offset + done, part)
            else:
                copy_octets(memory, start + at, wire, pieces[i].offset + done, part)
            done += part
            at += stride
        ledger_add(ledger, MEMCPY, pieces[i].length)
    stream_end()
