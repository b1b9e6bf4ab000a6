"""Transmit: descriptors become frames on the wire, and completions.

Law.   Every segment leaves in exactly one frame, in the order in which the stack queued them, or is counted as dropped.
Reads. Linux net/core/dev.c (dev_hard_start_xmit); drivers/net/ethernet/google/gve/gve_tx_dqo.c.
Omits. How long a frame takes: the NIC reads what is posted at once, and the wire has a queue of its own. Between its rings the
       NIC takes what was posted first.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.trace import FRAME_OUT, emit
from devmemlab.mem.ledger import DMA_READ, DMA_READ_DEVICE, ledger_add
from devmemlab.mem.netmem import netmem_is_net_iov, netmem_row
from devmemlab.nic.tso import tso_cut
from devmemlab.nic.tx_ring import tx_forget
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
        DMA_READ grows, or DMA_READ_DEVICE.
    """
    for i in range(skbs.skb[skb].nr_frags):
        frag = skbs.frag[skb, i]
        copy_octets(wire, at, memory, netmems[netmem_row(frag.netmem)].dma_addr + frag.offset, frag.length)
        ledger_add(ledger, DMA_READ_DEVICE if netmem_is_net_iov(frag.netmem) else DMA_READ, frag.length)
        at += frag.length


@kernel
def _count(ctl, q, desc, count, nbytes):
    """Count a packet that has left.

    Parameters
    ----------
    ctl : NIC
        Frames and octets.
    q : TXR
        The same of its ring, and what was cut.
    desc : TXDESC
        The packet.
    count, nbytes : int64
        Its frames and their octets.
    """
    q.used += 1
    q.complete += 1
    q.tx_packets += count
    q.tx_bytes += nbytes
    q.tx_header_bytes += desc.header_bytes
    if desc.gso_size:
        q.tx_hw_gso_packets += 1
        q.tx_hw_gso_bytes += desc.header_bytes + desc.payload_bytes
        q.tx_hw_gso_wire_packets += count
        q.tx_hw_gso_wire_bytes += nbytes
    ctl.tx_packets += count
    ctl.tx_bytes += nbytes


@kernel
def nic_transmit(memory, wire, frames, segments, whose, first, count, nics, nic, rings, skbs, netmems, ledger, trace, now_ns):
    """Write the frames of posted packets of one NIC, as many as the arena holds.

    Parameters
    ----------
    memory : uint8[k]
        Payload is read from here.
    wire : uint8[n]
        Arena, written from 0 on.
    frames : FRAME[limit]
        One row a frame.
    segments : SEG[n_seg]
        The stack's queue, which descriptors refer to.
    whose : TXQ_NIC[n_seg]
        Which NIC sends each, by which descriptor and with which skb; ``nic`` is -1 for what has left or was dropped.
    first, count : int64
        The segments that wait are ``[first, count)``.
    nics : Nics
        Counters.
    nic : int64
        Which NIC.
    rings : TxRings
        Descriptors are used, completions written.
    skbs : Skbs
        Not changed.
    netmems : NETMEM[n_netmem]
        Addresses of frags.
    ledger : LEDGER[n_stage]
        DMA_READ grows, or DMA_READ_DEVICE.
    trace : Trace or None
        Receives frame_out.
    now_ns : int64
        Time to stamp.

    Returns
    -------
    sent, following : int64
        Rows of `frames` that are valid; the first segment that still waits, `count` when none does.
    """
    ctl = nics.ctl[nic]
    sent = np.int64(0)
    at = np.int64(0)
    i = np.int64(first)
    while i < count:
        w = whose[i]
        if w.nic != nic:
            i += 1
            continue
        if w.ring == 0 and ctl.up:
            break
        q = rings.ctl[w.ring - 1] if w.ring else rings.ctl[ctl.first_queue]
        if w.ring and (ctl.up == 0 or q.desc_count != ctl.tx_ring):
            tx_forget(q)
        if ctl.up == 0 or w.at < q.used:
            ctl.tx_dropped += 1
            w.nic = -1
            i += 1
            continue
        if ctl.tx_paused:
            break
        desc = rings.desc[w.ring - 1, q.used & (q.desc_count - 1)]
        room = desc.segments * FRAME_ROOM + desc.payload_bytes
        if room > len(wire):
            ctl.tx_dropped += 1
            q.used += 1
            q.complete += 1
            w.nic = -1
            i += 1
            continue
        if at + room > len(wire) or sent + desc.segments > len(frames):
            break
        seg = segments[i]
        begun = at
        cut = np.int64(1)
        if desc.gso_size:
            cut, at = tso_cut(memory, wire, at, frames, sent, seg, desc, whose, skbs, netmems, ledger)
        else:
            if seg.payload_bytes:
                dma_read(memory, wire, at + desc.header_bytes, skbs, w.skb, netmems, ledger)
            frames[sent].offset = at
            frames[sent].length = emit_tcp_frame(wire, at, seg)
            at += frames[sent].length
        for k in range(sent, sent + cut):
            frame = frames[k]
            frame.at_ns = now_ns
            frame.wire_length = frame.length
            frame.csum = CSUM_VERIFIED
            emit(trace, FRAME_OUT, nic, k, frame.length, 0)
        sent += cut
        for k in range(i, i + desc.segments):
            whose[k].nic = -1
        i += desc.segments
        _count(ctl, q, desc, cut, at - begun)
    return sent, i
