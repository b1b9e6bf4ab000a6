"""Receive: one frame from the wire to completions, or to a drop with its reason.

Law.   A frame is parsed once; it ends in completions of which the last has ``eop``, or in one drop counter.
Reads. Linux drivers/net/ethernet/google/gve/gve_rx_dqo.c; spec section 12.2.
Omits. Placing it, and what is spared when the next one is alike: see `devmemlab.nic.place` and `devmemlab.nic.train`.

The NIC decides what it must (is there a descriptor, where is the cut, are the sums right) and completes; what to do with
a completion is the driver's decision (`devmemlab.net.napi`). A write that faults is completed too, with ``error`` set.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load_be16
from devmemlab.base.trace import FRAME_IN, HDS_MISS, HDS_SPLIT, NIC_DROP, STEER, emit
from devmemlab.nic.csum import CSUM_BAD, CSUM_GOOD, CSUM_NOT_SEEN, rx_csum
from devmemlab.nic.drops import (
    DROP_ADDRESS,
    DROP_CUT,
    DROP_DOWN,
    DROP_MALFORMED,
    DROP_NO_DESC,
    DROP_RULE,
    DROP_TOO_LONG,
)
from devmemlab.nic.gro_hw import gro_hw_receive
from devmemlab.nic.hds import MISS_OVERFLOW, SPLIT, hds_decide
from devmemlab.nic.place import place_frame
from devmemlab.nic.rxq import PARSED_ROWS
from devmemlab.nic.steer import steer
from devmemlab.nic.train import train_begins
from devmemlab.wire.ethernet import BROADCAST, ETH_P_8021Q, ETH_TYPE, VLAN_BYTES
from devmemlab.wire.frame import parse_frame

TCP = 6


@kernel
def nic_drop(nics, nic, reason, length, trace, queue, frame):
    """Count a frame that reaches no ring.

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


@kernel(inline="always")
def _take_tag_off(wire, at, pkt):
    """Decide whether a VLAN tag is taken off, and count as if it were.

    Parameters
    ----------
    wire : uint8[n]
        Frame octets.
    at : int64
        Where the frame starts.
    pkt : PKT
        Offsets move when there is an outer 802.1Q tag.

    Returns
    -------
    tag : int64
        4, or 0 when there is no such tag.
    """
    if pkt.vlan_tci < 0 or load_be16(wire, at + ETH_TYPE) != ETH_P_8021Q:
        return np.int64(0)
    pkt.header_bytes -= VLAN_BYTES
    pkt.ip_at -= VLAN_BYTES
    pkt.payload_at -= VLAN_BYTES
    if pkt.tcp_at:
        pkt.tcp_at -= VLAN_BYTES
    return np.int64(VLAN_BYTES)


@kernel(forceinline=True)
def nic_rx_frame(memory, wire, frame, number, nics, nic, rxqs, netmems, ledger, trace):
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
    nics : Nics
        Counters.
    nic : int64
        Which NIC.
    rxqs : RxQueues
        Descriptors are used and completions written; the parsed headers stay for those who come next.
    netmems : NETMEM[n_netmem]
        DMA addresses.
    ledger : LEDGER[n_stage]
        Octets moved.
    trace : Trace or None
        frame_in, steer, hds_split, hds_miss, dma_*, rxq_complete, nic_drop.

    Returns
    -------
    reason : int64
        0 when it is in a ring, else the ``DROP_`` reason.
    """
    ctl = nics.ctl[nic]
    at = frame.offset
    length = frame.length
    emit(trace, FRAME_IN, nic, number, length, 0)
    keeper = rxqs.ctl[ctl.first_queue]
    keeper.train = 0
    if ctl.up == 0:
        return nic_drop(nics, nic, DROP_DOWN, length, trace, -1, number)
    if frame.wire_length > length:
        return nic_drop(nics, nic, DROP_CUT, length, trace, -1, number)
    keeper.parsing = keeper.parsed + 1
    pkt = rxqs.parsed[ctl.first_queue * PARSED_ROWS + (keeper.parsed & (PARSED_ROWS - 1))]
    parsed = parse_frame(wire, at, length, pkt)
    if pkt.dst_mac != ctl.mac and pkt.dst_mac != BROADCAST:
        return nic_drop(nics, nic, DROP_ADDRESS, length, trace, -1, number)
    if parsed != 0 and pkt.ip_proto == TCP and pkt.frag == 0:
        return nic_drop(nics, nic, DROP_MALFORMED, length, trace, -1, number)
    csum = np.int64(CSUM_NOT_SEEN)
    if parsed == 0:
        csum = rx_csum(wire, at, pkt, frame.csum, ctl.rx_csum)
    index, rule, rss = steer(nics, nic, pkt)
    if index < 0:
        return nic_drop(nics, nic, DROP_RULE, length, trace, -1, number)
    queue = ctl.first_queue + index
    q = rxqs.ctl[queue]
    emit(trace, STEER, queue, rule, rss, number)
    tag = np.int64(0)
    if ctl.vlan_strip:
        tag = _take_tag_off(wire, at, pkt)
    outcome = hds_decide(pkt, parsed, q.hds, q.hds_thresh, q.header_bytes)
    header = np.int64(0)
    payload = np.int64(0)
    if outcome == SPLIT:
        header = pkt.header_bytes
        payload = pkt.payload_bytes
    elif q.unreadable == 0:
        payload = length - tag
    if ctl.gro_hw and gro_hw_receive(memory, wire, at, tag, length, pkt, outcome == SPLIT and csum == CSUM_GOOD, rss, ctl, q,
                                     rxqs, queue, netmems, ledger, trace):
        return np.int64(0)
    needed = max((payload + q.buffer_bytes - 1) // q.buffer_bytes, 1) if q.active else np.int64(1)
    if q.active == 0 or q.tail - q.used < needed:
        q.rx_dropped_pkt += 1
        q.rx_hw_drops += 1
        if q.active and needed > q.desc_count:
            return nic_drop(nics, nic, DROP_TOO_LONG, length, trace, queue, number)
        q.rx_hw_drop_overruns += 1
        return nic_drop(nics, nic, DROP_NO_DESC, length, trace, queue, number)
    cqe = rxqs.cqe[queue, place_frame(memory, wire, at, length, tag, header, payload, q, rxqs, queue, needed, netmems, ledger,
                                      trace)]
    if outcome == SPLIT:
        emit(trace, HDS_SPLIT, queue, header, payload, number)
    else:
        emit(trace, HDS_MISS, queue, length, outcome, number)
    overflow = outcome == MISS_OVERFLOW
    cqe.split = outcome == SPLIT or overflow
    cqe.overflow = overflow
    cqe.hash = rss
    cqe.csum = csum == CSUM_GOOD
    cqe.vlan_tci = pkt.vlan_tci if tag else -1
    cqe.gso_size = 0
    if parsed == 0:
        keeper.parsed += 1
        cqe.parsed = keeper.parsed
    if csum == CSUM_GOOD:
        if outcome == SPLIT and train_begins(ctl, pkt):
            keeper.train = queue + 1
            keeper.train_rule = rule
            keeper.train_hash = rss
        q.rx_csum_unnecessary += 1
    elif csum == CSUM_BAD:
        q.rx_csum_bad += 1
    else:
        q.rx_csum_none += 1
    q.irq_waiting += 1
    q.rx_packets += 1
    q.rx_bytes += length
    ctl.rx_packets += 1
    ctl.rx_bytes += length
    return np.int64(0)
