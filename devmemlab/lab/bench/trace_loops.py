"""bench trace: the loops that compare a step with a tracepoint, a trace or none, and the same step without the argument.

Law.   `bare_header` is `devmemlab.nic.dma.dma_header` line by line, but for the tracepoint and the argument it needs.
Reads. House law 11.
Omits. VLAN tags.
"""

import numpy as np

from devmemlab.base.errno import EFAULT
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.trace import STEER, emit
from devmemlab.mem.ledger import DMA_HEADER, ledger_add
from devmemlab.nic.dma import MACS_BYTES, dma_header

STRIDE = 128


@kernel
def bare_header(memory, wire, at, length, address, limit, tag, ledger):
    """Write headers into a header buffer, with no trace to tell.

    Parameters
    ----------
    memory, wire : uint8[n]
        Target and source.
    at, length, address, limit, tag : int64
        As `dma_header` has them.
    ledger : LEDGER[n_stage]
        DMA_HEADER grows.

    Returns
    -------
    err : int64
        0 or ``-EFAULT``.
    """
    if length > limit:
        return -EFAULT
    if tag:
        copy_octets(memory, address, wire, at, MACS_BYTES)
        copy_octets(memory, address + MACS_BYTES, wire, at + MACS_BYTES + tag, length - MACS_BYTES)
    else:
        copy_octets(memory, address, wire, at, length)
    ledger_add(ledger, DMA_HEADER, length)
    return 0


@kernel
def headers(memory, wire, start, slots, length, ledger, trace, count):
    """Write headers, one after the other, into slots that take turns.

    Parameters
    ----------
    memory : uint8[n]
        Written.
    wire : uint8[m]
        Source.
    start, slots : int64
        First address, and how many slots of 128 octets; a power of two.
    length : int64
        Octets of a header.
    ledger : LEDGER[n_stage]
        DMA_HEADER grows.
    trace : Trace or None
        Receives dma_header.
    count : int64
        How many.

    Returns
    -------
    written : int64
        Headers.
    """
    written = np.int64(0)
    for k in range(count):
        at = (k & (slots - 1)) * STRIDE
        if dma_header(memory, wire, at, length, start + at, STRIDE, 0, ledger, trace, 0) == 0:
            written += 1
    return written


@kernel
def bare_headers(memory, wire, start, slots, length, ledger, count):
    """Do the same without the argument.

    Parameters
    ----------
    memory, wire : uint8[n]
        See `headers`.
    start, slots, length : int64
        See `headers`.
    ledger : LEDGER[n_stage]
        DMA_HEADER grows.
    count : int64
        How many.

    Returns
    -------
    written : int64
        Headers.
    """
    written = np.int64(0)
    for k in range(count):
        at = (k & (slots - 1)) * STRIDE
        if bare_header(memory, wire, at, length, start + at, STRIDE, 0, ledger) == 0:
            written += 1
    return written


@kernel
def emit_events(trace, count):
    """Record events.

    Parameters
    ----------
    trace : Trace
        Grows.
    count : int64
        How many.
    """
    for k in range(count):
        emit(trace, STEER, k, 0, 0, 0)
