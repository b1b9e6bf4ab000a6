"""Placing: a frame goes into the buffers that are next, and completions say where it lies.

Law.   A descriptor is used once; its buffer leaves the ring with the completion that names it.
Reads. Linux drivers/net/ethernet/google/gve/gve_rx_dqo.c; spec section 12.2.
Omits. Out-of-order completions of one frame.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.prefetch import prefetch_row
from devmemlab.base.trace import RXQ_COMPLETE, emit
from devmemlab.mem.netmem import netmem_row
from devmemlab.nic.dma import MACS_BYTES, dma_header, dma_payload
from devmemlab.nic.drops import DROP_DMA_FAULT

DESCRIPTORS_AHEAD = 16
"""Rows of so many buffers to come are on their way into the cache: programs give buffers back in any order."""


@kernel(forceinline=True)
def place_frame(memory, wire, at, length, tag, header, payload, q, rxqs, queue, needed, netmems, ledger, trace):
    """Write a frame into its buffers and complete them.

    Parameters
    ----------
    memory : uint8[n]
        Buffers are written by DMA.
    wire : uint8[m]
        Frame octets.
    at, length : int64
        The frame.
    tag : int64
        Octets of a VLAN tag that is taken off.
    header, payload : int64
        Octets for the header buffer, and for the others.
    q : RXQ
        Row of the queue.
    rxqs : RxQueues
        Descriptors are used and completions written.
    queue : int64
        Row.
    needed : int64
        Descriptors to use; they are posted.
    netmems : NETMEM[n_netmem]
        DMA addresses.
    ledger : LEDGER[n_stage]
        Octets moved.
    trace : Trace or None
        dma_header, dma_payload, rxq_complete.

    Returns
    -------
    first : int64
        Place in the ring of the first completion.
    """
    mask, buffer_bytes, unreadable = q.desc_count - 1, q.buffer_bytes, q.unreadable - q.host_pages + q.unmoved
    used, complete = q.used, q.complete
    first = complete & mask
    header_at = q.header_start + (used & mask) * q.header_bytes
    err = np.int64(0)
    if header:
        err = np.int64(dma_header(memory, wire, at, header, header_at, q.header_bytes, tag, ledger, trace, queue))
    done = np.int64(0)
    source = at + header + tag
    for i in range(needed):
        slot = used & mask
        netmem = rxqs.desc[queue, slot].netmem
        rxqs.desc[queue, slot].netmem = 0
        prefetch_row(netmems, netmem_row(rxqs.desc[queue, (used + DESCRIPTORS_AHEAD) & mask].netmem))
        piece = min(payload - done, buffer_bytes)
        if err == 0 and piece > 0:
            if tag and header == 0 and i == 0 and piece > MACS_BYTES:
                err = np.int64(dma_payload(memory, wire, at, MACS_BYTES, netmems, netmem, 0, buffer_bytes, unreadable, ledger,
                                           trace, queue))
                if err == 0:
                    err = np.int64(dma_payload(memory, wire, source + MACS_BYTES, piece - MACS_BYTES, netmems, netmem,
                                               MACS_BYTES, buffer_bytes, unreadable, ledger, trace, queue))
            else:
                err = np.int64(dma_payload(memory, wire, source + done, piece, netmems, netmem, 0, buffer_bytes, unreadable,
                                           ledger, trace, queue))
        cqe = rxqs.cqe[queue, complete & mask]
        cqe.netmem = netmem
        cqe.slot = slot
        cqe.header_at = header_at
        cqe.header_bytes = header if i == 0 else 0
        cqe.payload_bytes = piece if err == 0 else 0
        cqe.error = DROP_DMA_FAULT if err else 0
        cqe.eop = i == needed - 1 or err != 0
        cqe.frame_bytes = length
        cqe.gso_segs = 0
        cqe.parsed = 0
        complete += 1
        used += 1
        done += piece
        emit(trace, RXQ_COMPLETE, queue, slot, netmem, cqe.payload_bytes)
        if err != 0:
            break
    q.used = used
    q.complete = complete
    return first
