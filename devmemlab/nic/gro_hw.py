"""Hardware GRO: consecutive segments of a flow become one packet before the host hears of any.

Law.   The bytes and their order are those of the wire; only headers that say nothing new are lost.
Reads. Linux Documentation/networking/netdev-features.rst (rx-gro-hw), net/ipv4/tcp_offload.c (tcp_gro_receive);
       gve_rx_dqo.c, gve_rx_complete_rsc().
Omits. Timers: what is held back is completed when the burst ends or the queue interrupts, whatever is first.

A NIC holds back up to 4 flows a queue, each a packet of up to 17 buffers and 65535 octets. A segment joins when it is the next
one and its headers differ from the first one's in nothing but the sequence number, PSH, checksums and IP id. PSH, or a segment
shorter than the first, ends the packet. Its header is the first segment's with the length and PSH of the whole.

Every segment starts a buffer of its own, so that frags and tokens are those of the wire. With ``gro_hw_packs`` a segment
starts where the last one ended: fewer and fuller frags, as devices do that gather payload into pages.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add
from devmemlab.base.trace import HDS_SPLIT, emit
from devmemlab.nic.dma import dma_header
from devmemlab.nic.gro_held import gro_hw_fits, gro_hw_flush_flow, gro_hw_take
from devmemlab.nic.rxq import GRO_BUFFERS, GRO_FLOWS, PARSED_ROWS
from devmemlab.wire.tcp import ACK, PSH

IP_BYTES_MAX = 65535


@kernel
def _same_flow(held, pkt):
    """Tell whether a packet is of a flow that is held back.

    Parameters
    ----------
    held, pkt : PKT
        First packet of the flow; the one that arrives.

    Returns
    -------
    same : bool
        Addresses and ports are equal.
    """
    return (held.sport == pkt.sport and held.dport == pkt.dport and held.saddr_lo == pkt.saddr_lo
            and held.daddr_lo == pkt.daddr_lo and held.saddr_hi == pkt.saddr_hi and held.daddr_hi == pkt.daddr_hi
            and held.ip_version == pkt.ip_version)


@kernel
def _says_nothing_new(held, pkt):
    """Tell whether a header may be lost.

    Parameters
    ----------
    held, pkt : PKT
        First packet of the flow; the one that arrives.

    Returns
    -------
    joins : bool
        It is the next segment and repeats the first one's fields.
    """
    return (pkt.seq == seq_add(held.seq, held.payload_bytes) and pkt.header_bytes == held.header_bytes
            and pkt.ip_at == held.ip_at and pkt.doff_bytes == held.doff_bytes and pkt.tos == held.tos and pkt.ttl == held.ttl
            and pkt.ack_seq == held.ack_seq and pkt.window == held.window and pkt.vlan_tci == held.vlan_tci
            and pkt.opt_timestamp == held.opt_timestamp and pkt.ts_val == held.ts_val and pkt.ts_ecr == held.ts_ecr
            and pkt.src_mac == held.src_mac)


@kernel
def _count(ctl, q, length):
    """Count a frame that was taken.

    Parameters
    ----------
    ctl : NIC
        Grows.
    q : RXQ
        Grows.
    length : int64
        Octets of the frame.
    """
    q.rx_csum_unnecessary += 1
    q.rx_packets += 1
    q.rx_bytes += length
    ctl.rx_packets += 1
    ctl.rx_bytes += length


@kernel
def gro_hw_receive(memory, wire, at, tag, length, pkt, good, rss, ctl, q, rxqs, queue, netmems, ledger, trace):
    """Take a frame into a packet that is held back, or let it pass.

    Parameters
    ----------
    memory : uint8[n]
        Buffers are written by DMA.
    wire : uint8[m]
        Frame octets.
    at : int64
        Where the frame starts.
    tag : int64
        Octets of a VLAN tag that is taken off.
    length : int64
        Octets of the frame.
    pkt : PKT
        Parsed headers.
    good : int64
        1 when the frame will be split and its sums are right.
    rss : int64
        Its hash.
    ctl : NIC
        Row of the NIC; counts.
    q : RXQ
        Row of the queue; counts.
    rxqs : RxQueues
        Open flows, descriptors, completions.
    queue : int64
        Row.
    netmems : NETMEM[n_netmem]
        DMA addresses.
    ledger : LEDGER[n_stage]
        Octets moved.
    trace : Trace or None
        dma_header, dma_payload, hds_split.

    Returns
    -------
    taken : bool
        False: the frame is to be completed by itself; nothing of its flow is held back any more.
    """
    first = rxqs.cqe.shape[1] - GRO_FLOWS * GRO_BUFFERS
    rows = len(rxqs.ctl) * PARSED_ROWS + queue * GRO_FLOWS
    joins = good and pkt.tcp_flags & ~PSH == ACK and pkt.payload_bytes > 0 and pkt.sack_count == 0
    source = at + pkt.header_bytes + tag
    free = np.int64(-1)
    for flow in range(GRO_FLOWS):
        if q.gro_open >> flow & 1 == 0:
            free = flow
            continue
        held = rxqs.parsed[rows + flow]
        if not _same_flow(held, pkt):
            continue
        head = rxqs.cqe[queue, first + flow * GRO_BUFFERS]
        room = np.int64(0)
        if ctl.gro_hw_packs:
            room = q.buffer_bytes - rxqs.cqe[queue, first + flow * GRO_BUFFERS + head.held - 1].payload_bytes
        if (joins and pkt.payload_bytes <= head.gso_size and _says_nothing_new(held, pkt)
                and held.header_bytes - held.ip_at + held.payload_bytes + pkt.payload_bytes <= IP_BYTES_MAX):
            buffers = gro_hw_fits(memory, rxqs, queue, netmems, room, pkt.payload_bytes)
            if buffers >= 0 and head.held + buffers <= GRO_BUFFERS:
                gro_hw_take(memory, wire, source, pkt.payload_bytes, room, rxqs, queue, flow, netmems, ledger, trace)
                held.payload_bytes += pkt.payload_bytes
                held.tcp_flags |= pkt.tcp_flags
                head.gso_segs += 1
                head.frame_bytes += length
                _count(ctl, q, length)
                if pkt.tcp_flags & PSH or pkt.payload_bytes < head.gso_size:
                    gro_hw_flush_flow(memory, rxqs, queue, flow, trace)
                return True
        gro_hw_flush_flow(memory, rxqs, queue, flow, trace)
        free = flow
        break
    if not joins or pkt.tcp_flags & PSH:
        return False
    buffers = gro_hw_fits(memory, rxqs, queue, netmems, 0, pkt.payload_bytes)
    if buffers < 0 or buffers > GRO_BUFFERS:
        return False
    if free < 0:
        free = q.rx_hw_gro_packets % GRO_FLOWS
        gro_hw_flush_flow(memory, rxqs, queue, free, trace)
    head = rxqs.cqe[queue, first + free * GRO_BUFFERS]
    head.header_at = q.header_start + (q.used & (q.desc_count - 1)) * q.header_bytes
    head.header_bytes = pkt.header_bytes
    if dma_header(memory, wire, at, pkt.header_bytes, head.header_at, q.header_bytes, tag, ledger, trace, queue) != 0:
        return False
    emit(trace, HDS_SPLIT, queue, pkt.header_bytes, pkt.payload_bytes, 0)
    rxqs.parsed[rows + free] = pkt
    head.held = 0
    head.split = 1
    head.overflow = 0
    head.hash = rss
    head.csum = 1
    head.vlan_tci = pkt.vlan_tci if tag else -1
    head.parsed = 0
    head.gso_size = pkt.payload_bytes
    head.gso_segs = 1
    head.frame_bytes = length
    gro_hw_take(memory, wire, source, pkt.payload_bytes, 0, rxqs, queue, free, netmems, ledger, trace)
    q.gro_open |= 1 << free
    _count(ctl, q, length)
    return True
