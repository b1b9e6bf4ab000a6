"""What hardware GRO holds back: buffers that fill, and how they are let go.

Law.   A buffer that is held back is completed exactly once, before the driver runs.
Reads. Linux drivers/net/ethernet/google/gve/gve_rx_dqo.c (RSC completions).
Omits. Which segments join: `devmemlab.nic.gro_hw` decides.

Of each flow that is held back, the completions wait behind the ring (`RxQueues.cqe`), the first one with what is said of the
whole, and the headers of the first segment wait in `RxQueues.parsed`, ``payload_bytes`` being the sum so far.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import csum_fold, csum_partial, load8, store8, store_be16
from devmemlab.base.trace import RXQ_COMPLETE, emit
from devmemlab.mem.netmem import netmem_row
from devmemlab.nic.dma import dma_payload
from devmemlab.nic.rxq import GRO_BUFFERS, GRO_FLOWS, PARSED_ROWS
from devmemlab.wire.ipv4 import IP4_CSUM, IP4_LENGTH, IP4_VERSION_IHL
from devmemlab.wire.ipv6 import IP6_BYTES, IP6_LENGTH
from devmemlab.wire.tcp import TCP_FLAGS


@kernel
def gro_hw_flush_flow(memory, rxqs, queue, flow, trace):
    """Complete what is held back of one flow.

    Parameters
    ----------
    memory : uint8[n]
        The header buffer gets the length of the whole.
    rxqs : RxQueues
        Completions enter the ring.
    queue : int64
        Row.
    flow : int64
        Which of the queue's flows; it is open.
    trace : Trace or None
        Receives rxq_complete.
    """
    q = rxqs.ctl[queue]
    mask = q.desc_count - 1
    at = rxqs.cqe.shape[1] - (GRO_FLOWS - flow) * GRO_BUFFERS
    head = rxqs.cqe[queue, at]
    pkt = rxqs.parsed[len(rxqs.ctl) * PARSED_ROWS + queue * GRO_FLOWS + flow]
    if head.gso_segs > 1:
        ip = head.header_at + pkt.ip_at
        ip_bytes = pkt.header_bytes - pkt.ip_at + pkt.payload_bytes
        if pkt.ip_version == 4:
            store_be16(memory, ip + IP4_LENGTH, ip_bytes)
            store_be16(memory, ip + IP4_CSUM, 0)
            words = (load8(memory, ip + IP4_VERSION_IHL) & 15) * 4
            store_be16(memory, ip + IP4_CSUM, csum_fold(csum_partial(memory, ip, words, 0)))
        else:
            store_be16(memory, ip + IP6_LENGTH, ip_bytes - IP6_BYTES)
        store8(memory, head.header_at + pkt.tcp_at + TCP_FLAGS, pkt.tcp_flags)
        q.rx_hw_gro_packets += 1
        q.rx_hw_gro_bytes += pkt.header_bytes + pkt.payload_bytes
        q.rx_hw_gro_wire_packets += head.gso_segs
        q.rx_hw_gro_wire_bytes += head.frame_bytes
    else:
        head.gso_size = 0
        head.gso_segs = 0
    for i in range(head.held):
        rxqs.cqe[queue, q.complete & mask] = rxqs.cqe[queue, at + i]
        cqe = rxqs.cqe[queue, q.complete & mask]
        cqe.eop = i == head.held - 1
        cqe.frame_bytes = head.frame_bytes
        cqe.gso_segs = head.gso_segs
        q.complete += 1
        emit(trace, RXQ_COMPLETE, queue, cqe.slot, cqe.netmem, cqe.payload_bytes)
    q.gro_open &= ~(1 << flow)
    q.irq_waiting += 1


@kernel
def gro_hw_flush(memory, rxqs, queue, trace):
    """Complete everything that is held back: the queue is about to interrupt.

    Parameters
    ----------
    memory : uint8[n]
        Header buffers.
    rxqs : RxQueues
        Completions enter the ring.
    queue : int64
        Row.
    trace : Trace or None
        Receives rxq_complete.
    """
    for flow in range(GRO_FLOWS):
        if rxqs.ctl[queue].gro_open >> flow & 1:
            gro_hw_flush_flow(memory, rxqs, queue, flow, trace)


@kernel
def gro_hw_fits(memory, rxqs, queue, netmems, room, payload):
    """Tell how many new buffers a segment takes, if the NIC can write them all.

    Parameters
    ----------
    memory : uint8[n]
        For its length.
    rxqs : RxQueues
        Posted descriptors.
    queue : int64
        Row.
    netmems : NETMEM[n_netmem]
        DMA addresses.
    room : int64
        Octets that still go into the last buffer.
    payload : int64
        Octets.

    Returns
    -------
    buffers : int64
        -1 when there are too few, or one is outside the map.
    """
    q = rxqs.ctl[queue]
    buffers = (max(payload - room, 0) + q.buffer_bytes - 1) // q.buffer_bytes
    if q.active == 0 or q.tail - q.used < buffers:
        return np.int64(-1)
    for i in range(buffers):
        address = netmems[netmem_row(rxqs.desc[queue, (q.used + i) & (q.desc_count - 1)].netmem)].dma_addr
        if address < 0 or address + q.buffer_bytes > len(memory):
            return np.int64(-1)
    return buffers


@kernel
def gro_hw_take(memory, wire, source, payload, room, rxqs, queue, flow, netmems, ledger, trace):
    """Write the payload of a segment that joins; `gro_hw_fits` has looked.

    Parameters
    ----------
    memory : uint8[n]
        Buffers are written by DMA.
    wire : uint8[m]
        Frame octets.
    source, payload : int64
        First octet of the payload and how many.
    room : int64
        Octets that still go into the last buffer.
    rxqs : RxQueues
        Descriptors are used, completions held back.
    queue, flow : int64
        Rows.
    netmems : NETMEM[n_netmem]
        DMA addresses.
    ledger : LEDGER[n_stage]
        Octets moved.
    trace : Trace or None
        Receives dma_payload.
    """
    q = rxqs.ctl[queue]
    at = rxqs.cqe.shape[1] - (GRO_FLOWS - flow) * GRO_BUFFERS
    head = rxqs.cqe[queue, at]
    done = np.int64(0)
    if room:
        last = rxqs.cqe[queue, at + head.held - 1]
        done = min(room, payload)
        dma_payload(memory, wire, source, done, netmems, last.netmem, last.payload_bytes, q.buffer_bytes,
                    q.unreadable - q.host_pages + q.unmoved, ledger, trace, queue)
        last.payload_bytes += done
    while done < payload:
        slot = q.used & (q.desc_count - 1)
        cqe = rxqs.cqe[queue, at + head.held]
        cqe.netmem = rxqs.desc[queue, slot].netmem
        rxqs.desc[queue, slot].netmem = 0
        cqe.slot = slot
        cqe.error = 0
        piece = min(payload - done, q.buffer_bytes)
        dma_payload(memory, wire, source + done, piece, netmems, cqe.netmem, 0, q.buffer_bytes,
                    q.unreadable - q.host_pages + q.unmoved, ledger, trace, queue)
        cqe.payload_bytes = piece
        head.held += 1
        q.used += 1
        done += piece
