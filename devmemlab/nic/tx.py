"""Transmit: segment rows become frames on the wire.

Law.   A segment leaves the queue as exactly one frame, or is counted as dropped.
Reads. Linux net/core/dev.c (dev_hard_start_xmit).
Omits. TSO, descriptors and completions.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.trace import FRAME_OUT, emit
from devmemlab.mem.ledger import DMA_READ, ledger_add
from devmemlab.mem.netmem import netmem_row
from devmemlab.wire.emit import frame_header_bytes
from devmemlab.wire.frame import CSUM_VERIFIED, emit_tcp_frame

FRAME_ROOM = 128


@kernel
def dma_read(memory, wire, at, skbs, skb, netmems, ledger):
    """Read the frags of an skb behind the place of a frame's headers.

    Parameters
    ----------
    memory : uint8[n]
        All memory.
    wire : uint8[m]
        Arena, written from `at` on.
    at : int64
        Where the payload begins.
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    netmems : NETMEM[n_netmem]
        Addresses.
    ledger : LEDGER[n_stage]
        DMA_READ grows.
    """
    for i in range(skbs.skb[skb].nr_frags):
        frag = skbs.frag[skb, i]
        copy_octets(wire, at, memory, netmems[netmem_row(frag.netmem)].dma_addr + frag.offset, frag.length)
        ledger_add(ledger, DMA_READ, frag.length)
        at += frag.length


@kernel
def nic_transmit(memory, wire, frames, segments, whose, first, count, nics, nic, skbs, netmems, ledger, trace, now_ns):
    """Write waiting segments of one NIC as frames, as many as the arena holds.

    Parameters
    ----------
    memory : uint8[k]
        Payload is read from here.
    wire : uint8[n]
        Arena, written from 0 on.
    frames : FRAME[limit]
        One row a frame.
    segments : SEG[n_seg]
        The queue; source MAC and the like are filled in.
    whose : TXQ_NIC[n_seg]
        Which NIC sends each, and the skb it carries.
    first, count : int64
        The segments that wait are ``[first, count)``.
    nics : Nics
        Counters.
    nic : int64
        Which NIC.
    skbs : Skbs
        Not changed.
    netmems : NETMEM[n_netmem]
        Addresses of frags.
    ledger : LEDGER[n_stage]
        DMA_READ grows.
    trace : Trace or None
        Receives frame_out.
    now_ns : int64
        Time to stamp.

    Returns
    -------
    sent, following : int64
        Rows of `frames` that are valid; the segment to begin with next time, `count` when all had their turn.
    """
    ctl = nics.ctl[nic]
    sent = np.int64(0)
    at = np.int64(0)
    for i in range(first, count):
        if whose[i].nic != nic:
            continue
        seg = segments[i]
        room = FRAME_ROOM + seg.payload_bytes
        if ctl.up == 0 or room > len(wire):
            ctl.tx_dropped += 1
            continue
        if at + room > len(wire) or sent == len(frames):
            return sent, np.int64(i)
        seg.src_mac = ctl.mac
        if seg.opt_mss == 0:
            seg.opt_mss = ctl.mtu - (40 if seg.ip_version == 4 else 60)
        if seg.payload_bytes:
            dma_read(memory, wire, at + frame_header_bytes(seg), skbs, whose[i].skb, netmems, ledger)
        length = emit_tcp_frame(wire, at, seg)
        frame = frames[sent]
        frame.at_ns = now_ns
        frame.offset = at
        frame.length = length
        frame.wire_length = length
        frame.csum = CSUM_VERIFIED
        emit(trace, FRAME_OUT, nic, sent, length, 0)
        ctl.tx_packets += 1
        ctl.tx_bytes += length
        at += length
        sent += 1
    return sent, np.int64(count)
