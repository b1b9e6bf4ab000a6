"""TX rings: segments wait as descriptors until the NIC has read them, and come back as completions.

Law.   A descriptor is a packet of the stack, cut or not; who has posted and not cleaned as many as the ring holds must wait.
Reads. Linux drivers/net/ethernet/google/gve/gve_tx_dqo.c (gve_maybe_stop_tx_dqo); Documentation/netlink/specs/netdev.yaml.
Omits. Descriptors for each frag; completions that the driver is slow to look at; a queueing discipline for each queue: the
       stack keeps its packets in one line for a NIC, and a stopped queue holds those behind it.

::

    stack --tx_post--> | clean ... complete ... used ... tail ... post | --doorbell--> NIC --> wire
                         driver    NIC          NIC      doorbell driver

All five run free, as those of an RX ring do; a slot is ``pointer & (tx_ring - 1)``. A NIC whose link partner has sent PAUSE
(``tx_paused``) reads no descriptor, and then a ring fills up.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table
from devmemlab.nic.tso import TSO_OFF, tso_extent, tso_limit
from devmemlab.wire.emit import frame_header_bytes

TXR = schema("desc_count", "post", "tail", "used", "complete", "clean", "stopped", "doorbells", "tx_stop", "tx_wake",
             "tx_packets", "tx_bytes", "tx_header_bytes", "tx_hw_gso_packets", "tx_hw_gso_bytes", "tx_hw_gso_wire_packets",
             "tx_hw_gso_wire_bytes")
TXDESC = schema("segment", "segments", "header_bytes", "payload_bytes", "gso_size")
IP4_TCP_BYTES, IP6_TCP_BYTES = 40, 60


@component
class TxRings(NamedTuple):
    """TX queues of all NICs of a host; rows are those of the RX queues of the same numbers.

    ctl : TXR[n_queue]
        Pointers and counters; ``tx_packets`` and ``tx_bytes`` are those of the wire, ``tx_header_bytes`` octets of headers that
        the NIC has read.
    desc : TXDESC[n_queue, n_desc]
        ``segment`` is the first row of the stack's queue that the packet is made of, ``segments`` how many there are;
        ``gso_size`` is 0 for a packet that is one frame.
    """

    ctl: np.recarray
    desc: np.recarray


def make_tx_rings(count, descriptors):
    """Make empty rings.

    Parameters
    ----------
    count : int
        Queues.
    descriptors : int
        Largest ring that one of them may have, a power of two.

    Returns
    -------
    rings : TxRings
        Empty.
    """
    return TxRings(table(TXR, count), table(TXDESC, count, descriptors))


@kernel
def tx_pick(ctl, seg):
    """Choose the queue of a segment: always the same one for a connection, so that nothing overtakes.

    Parameters
    ----------
    ctl : NIC
        How many TX queues there are.
    seg : SEG
        Its ports and peer.

    Returns
    -------
    index : int64
        Within the NIC.

    References
    ----------
    Linux net/core/dev.c, skb_tx_hash(); its hash is a random number of the socket, which a repeatable run cannot have.
    """
    if ctl.tx_queue_count <= 1:
        return np.int64(0)
    mixed = (seg.sport * 0x9E3779B1) ^ (seg.dport * 0x85EBCA6B) ^ ((seg.daddr_lo & 0xFFFFF) * 0xC2B2AE35)
    return (((mixed ^ (mixed >> 15)) & 0xFFFFFFFF) * ctl.tx_queue_count) >> 32


@kernel
def tx_forget(q):
    """Empty a ring; what it held is lost.

    Parameters
    ----------
    q : TXR
        Pointers.
    """
    q.tail = q.post
    q.used = q.post
    q.complete = q.post
    q.clean = q.post
    q.stopped = 0


@kernel
def tx_doorbell(q):
    """Tell the NIC how far a ring is filled.

    Parameters
    ----------
    q : TXR
        ``tail`` follows ``post``.
    """
    if q.tail != q.post:
        q.tail = q.post
        q.doorbells += 1


@kernel
def tx_post(segments, whose, first, count, nics, nic, rings, skbs):
    """Give waiting segments of one NIC to its rings, until one of them is full.

    Parameters
    ----------
    segments : SEG[n_seg]
        The stack's queue; what is left to the interface is filled in, and the first segment of a large one speaks for all.
    whose : TXQ_NIC[n_seg]
        ``ring`` (row + 1) and ``at`` say where each segment has gone.
    first, count : int64
        The segments that wait are ``[first, count)``.
    nics : Nics
        Not changed.
    nic : int64
        Row.
    rings : TxRings
        Descriptors are written, doorbells rung: once for segments of one queue that follow one another.
    skbs : Skbs
        Not changed.
    """
    ctl = nics.ctl[nic]
    if ctl.up == 0:
        return
    mask = ctl.tx_ring - 1
    ringing = np.int64(-1)
    i = np.int64(first)
    while i < count:
        w = whose[i]
        if w.nic != nic or w.ring:
            i += 1
            continue
        seg = segments[i]
        ring = ctl.first_queue + tx_pick(ctl, seg)
        q = rings.ctl[ring]
        if ring != ringing:
            if ringing >= 0:
                tx_doorbell(rings.ctl[ringing])
            ringing = ring
        if q.desc_count != ctl.tx_ring:
            tx_forget(q)
            q.desc_count = ctl.tx_ring
        if q.post - q.clean >= ctl.tx_ring:
            q.tx_stop += q.stopped == 0
            q.stopped = 1
            break
        seg.src_mac = ctl.mac
        if seg.opt_mss == 0:
            seg.opt_mss = ctl.mtu - (IP4_TCP_BYTES if seg.ip_version == 4 else IP6_TCP_BYTES)
        desc = rings.desc[ring, q.post & mask]
        desc.segment = i
        desc.segments = 1
        desc.gso_size = 0
        desc.payload_bytes = seg.payload_bytes
        limit = tso_limit(ctl, seg)
        if limit != TSO_OFF:
            tso_extent(segments, whose, i, count, ctl.gso_max_segs, limit, skbs, desc)
        desc.header_bytes = frame_header_bytes(seg)
        for k in range(i, i + desc.segments):
            whose[k].ring = ring + 1
            whose[k].at = q.post
        q.post += 1
        i += desc.segments
    if ringing >= 0:
        tx_doorbell(rings.ctl[ringing])


@kernel
def tx_clean(q):
    """Take completions back: their slots are free, and a stopped queue goes on.

    Parameters
    ----------
    q : TXR
        ``clean`` reaches ``complete``.
    """
    q.clean = q.complete
    if q.stopped and q.post - q.clean < q.desc_count:
        q.stopped = 0
        q.tx_wake += 1


@kernel
def tx_keep(segments, whose, ctl, rings):
    """Close the ranks of the stack's queue: what has left is forgotten, what waits moves to its beginning.

    Parameters
    ----------
    segments : SEG[n_seg]
        Rows move.
    whose : TXQ_NIC[n_seg]
        Rows move; a row that has left has ``nic`` -1.
    ctl : TXQ_CTL
        ``count`` shrinks.
    rings : TxRings
        Descriptors follow their segments.
    """
    kept = np.int64(0)
    for i in range(ctl.count):
        w = whose[i]
        if w.nic < 0:
            continue
        if w.ring:
            desc = rings.desc[w.ring - 1, w.at & (rings.ctl[w.ring - 1].desc_count - 1)]
            if w.at >= rings.ctl[w.ring - 1].used and desc.segment == i:
                desc.segment = kept
        if kept != i:
            segments[kept] = segments[i]
            whose[kept] = w
            w.ring = 0
        kept += 1
    ctl.count = kept
