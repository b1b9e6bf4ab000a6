"""Receive: one frame from the wire to completions, or to a drop with its reason.

Law.   Either every descriptor of a frame is completed and the last one has ``eop``, or none is touched.
Reads. Linux drivers/net/ethernet/google/gve/gve_rx_dqo.c; spec section 12.2.
Omits. Copy-break, hardware GRO.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.trace import FRAME_IN, HDS_MISS, HDS_SPLIT, NIC_DROP, RXQ_COMPLETE, STEER, emit
from devmemlab.nic.device import (
    DROP_ADDRESS,
    DROP_CSUM,
    DROP_CUT,
    DROP_DMA_FAULT,
    DROP_DOWN,
    DROP_HEADER_OVERFLOW,
    DROP_MALFORMED,
    DROP_NO_DESC,
    DROP_TOO_LONG,
    DROP_UNREADABLE_HEADER,
)
from devmemlab.nic.dma import dma_header, dma_payload
from devmemlab.nic.hds import MISS_OVERFLOW, SPLIT, hds_decide
from devmemlab.nic.steer import steer
from devmemlab.wire.frame import CSUM_UNKNOWN, parse_frame, verify_ipv4_csum, verify_tcp_csum

BROADCAST = 0xFFFFFFFFFFFF
TCP = 6


@kernel
def nic_drop(nics, nic, reason, length, trace, queue, frame):
    """Count a dropped frame.

    Parameters
    ----------
    nics : Nics
        ``rx_dropped`` and the reason's row grow.
    nic : int64
        Which NIC.
    reason : int64
        One of ``DROP_``.
    length : int64
        Octets of the frame.
    trace : Trace or None
        Receives nic_drop.
    queue : int64
        Queue row, -1 when none was chosen yet.
    frame : int64
        Frame number in its burst.

    Returns
    -------
    reason : int64
        As given.
    """
    nics.ctl[nic].rx_dropped += 1
    row = nics.drop[nic, reason]
    row.packets += 1
    row.octets += length
    emit(trace, NIC_DROP, queue, reason, length, frame)
    return reason


@kernel
def nic_rx_frame(memory, wire, frame, number, pkt, nics, nic, rxqs, netmems, ledger, trace):
    """Receive one frame.

    Parameters
    ----------
    memory : uint8[n]
        Header buffers and payload buffers are written by DMA.
    wire : uint8[m]
        Octets of the burst.
    frame : FRAME
        Row of the frame.
    number : int64
        Its number, for the trace.
    pkt : PKT
        Scratch row: the parsed headers.
    nics : Nics
        Counters.
    nic : int64
        Which NIC.
    rxqs : RxQueues
        Descriptors are used and completions written.
    netmems : NETMEM[n_netmem]
        DMA addresses.
    ledger : LEDGER[n_stage]
        Octets moved.
    trace : Trace or None
        frame_in, steer, hds_split, hds_miss, dma_*, rxq_complete, nic_drop.

    Returns
    -------
    reason : int64
        0 when delivered, else the ``DROP_`` reason.
    """
    ctl = nics.ctl[nic]
    at = frame.offset
    length = frame.length
    emit(trace, FRAME_IN, nic, number, length, 0)
    if ctl.up == 0:
        return nic_drop(nics, nic, DROP_DOWN, length, trace, -1, number)
    if frame.wire_length > length:
        return nic_drop(nics, nic, DROP_CUT, length, trace, -1, number)
    parsed = parse_frame(wire, at, length, pkt)
    if pkt.dst_mac != ctl.mac and pkt.dst_mac != BROADCAST:
        return nic_drop(nics, nic, DROP_ADDRESS, length, trace, -1, number)
    is_tcp = parsed == 0 and pkt.ip_proto == TCP and pkt.frag == 0
    if parsed != 0 and pkt.ip_proto == TCP and pkt.frag == 0:
        return nic_drop(nics, nic, DROP_MALFORMED, length, trace, -1, number)
    if is_tcp and ctl.rx_csum and frame.csum == CSUM_UNKNOWN:
        if not verify_ipv4_csum(wire, at, pkt) or not verify_tcp_csum(wire, at, pkt):
            return nic_drop(nics, nic, DROP_CSUM, length, trace, -1, number)
    index, rule, rss = steer(nics, nic, pkt)
    queue = ctl.first_queue + index
    q = rxqs.ctl[queue]
    emit(trace, STEER, queue, rule, rss, number)
    outcome = hds_decide(pkt, parsed, q.hds, q.hds_thresh, q.header_bytes)
    header = np.int64(0)
    if outcome == SPLIT:
        header = pkt.header_bytes
    elif q.unreadable:
        q.rx_dropped_pkt += 1
        if outcome == MISS_OVERFLOW:
            q.rx_hsplit_unsplit_pkt += 1
            return nic_drop(nics, nic, DROP_HEADER_OVERFLOW, length, trace, queue, number)
        return nic_drop(nics, nic, DROP_UNREADABLE_HEADER, length, trace, queue, number)
    payload = length
    if outcome == SPLIT:
        payload = pkt.payload_bytes
    needed = max((payload + q.buffer_bytes - 1) // q.buffer_bytes, 1)
    if needed > q.desc_count and q.active:
        q.rx_dropped_pkt += 1
        return nic_drop(nics, nic, DROP_TOO_LONG, length, trace, queue, number)
    if q.active == 0 or q.post - q.used < needed:
        q.rx_dropped_pkt += 1
        return nic_drop(nics, nic, DROP_NO_DESC, length, trace, queue, number)
    header_at = q.header_start + (q.used & (q.desc_count - 1)) * q.header_bytes
    if outcome == SPLIT:
        if dma_header(memory, wire, at, header, header_at, q.header_bytes, ledger, trace, queue) != 0:
            q.rx_dropped_pkt += 1
            return nic_drop(nics, nic, DROP_DMA_FAULT, length, trace, queue, number)
        q.rx_hsplit_pkt += 1
        q.rx_hsplit_bytes += header
        emit(trace, HDS_SPLIT, queue, header, payload, number)
    else:
        emit(trace, HDS_MISS, queue, length, outcome, number)
    done = np.int64(0)
    for i in range(needed):
        slot = (q.used + i) & (q.desc_count - 1)
        netmem = rxqs.desc[queue, slot].netmem
        piece = min(payload - done, q.buffer_bytes)
        if piece == 0:
            break
        err = dma_payload(memory, wire, at + header + done, piece, netmems, netmem, q.buffer_bytes, q.unreadable,
                          ledger, trace, queue)
        if err != 0:
            q.rx_dropped_pkt += 1
            q.rx_dropped_octets += done
            return nic_drop(nics, nic, DROP_DMA_FAULT, length, trace, queue, number)
        done += piece
    for i in range(needed):
        slot = (q.used + i) & (q.desc_count - 1)
        cqe = rxqs.cqe[queue, q.complete & (q.desc_count - 1)]
        cqe.netmem = rxqs.desc[queue, slot].netmem
        rxqs.desc[queue, slot].netmem = 0
        cqe.header_at = header_at
        cqe.header_bytes = header if i == 0 else 0
        cqe.payload_bytes = min(payload - i * q.buffer_bytes, q.buffer_bytes)
        cqe.split = outcome == SPLIT
        cqe.eop = i == needed - 1
        cqe.hash = rss
        cqe.frame_bytes = length
        q.complete += 1
        emit(trace, RXQ_COMPLETE, queue, slot, cqe.netmem, cqe.payload_bytes)
    q.used += needed
    q.rx_packets += 1
    q.rx_bytes += length
    ctl.rx_packets += 1
    ctl.rx_bytes += length
    return 0
