"""Segmentation offload: several segments cross to the NIC as one packet, and the NIC cuts it into frames.

Law.   The frames are those that would have left without it, octet for octet; headers and descriptors cross once for all.
Reads. Linux Documentation/networking/segmentation-offloads.rst, include/net/sock.h (sk_gso_max_size), net/ipv4/tcp_offload.c
       (tcp_gso_segment) for what differs from frame to frame; RFC 3168 section 6.1.2 (CWR).
Omits. Segmentation in software for NICs without it: the stack's segments are what the wire carries already.

Linux's TCP makes large skbs and has them cut. The TCP here keeps an skb for each segment, since scoreboard and timers look at
segments, and neighbours join where the stack's queue meets the driver: on the bus it is the same packet. It has

* at most 17 frags, where octets that lie behind one another are one frag,
* payload below ``gso_max_size`` less 321, which is what Linux keeps for headers: 45 segments of 1448 octets at 65536,
* one header: that of the first segment, with PSH and FIN of the last.

Segments join when they are of one connection, follow one another and differ in nothing but sequence number, IP id, PSH or FIN
(on the last) and CWR (on the first). All but the last are of one size, the gso_size.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.seq import seq_add
from devmemlab.mem.ledger import DMA_READ, DMA_READ_DEVICE, ledger_add
from devmemlab.mem.netmem import netmem_is_net_iov, netmem_row
from devmemlab.wire.frame import emit_tcp_frame
from devmemlab.wire.rows import get_sack
from devmemlab.wire.tcp import ACK, CWR, ECE, FIN, PSH

GSO_LEGACY_MAX_SIZE = 65536
GSO_MAX_SEGS = 65535
TSO_MAX_SIZE = 0x3FFFF
TSO_MAX_SEGS = 1024
"""What this NIC takes in one packet: octets as gve says it for DQO, and frames."""
MAX_TCP_HEADER = 320
TSO_OFF = 0
FRAGS_MAX = 17


@kernel
def tso_limit(ctl, seg):
    """Tell how much payload a packet may have that begins with a segment.

    Parameters
    ----------
    ctl : NIC
        Features and limits.
    seg : SEG
        The first segment.

    Returns
    -------
    limit : int64
        Octets; ``TSO_OFF`` when the segment can only leave by itself.
    """
    if seg.payload_bytes == 0 or seg.tcp_flags & ~(ECE | CWR) != ACK:
        return np.int64(TSO_OFF)
    if seg.ip_version == 4:
        return ctl.gso_ipv4_max_size - MAX_TCP_HEADER - 1 if ctl.tso else np.int64(TSO_OFF)
    return ctl.gso_max_size - MAX_TCP_HEADER - 1 if ctl.tso6 else np.int64(TSO_OFF)


@kernel
def _alike(head, seg):
    """Tell whether a segment's header says what the first one's says.

    Parameters
    ----------
    head, seg : SEG
        The first segment, and one behind it.

    Returns
    -------
    alike : bool
        But for sequence number, IP id, PSH and FIN.
    """
    if (seg.tcp_flags | PSH | FIN) != (head.tcp_flags & ~CWR | PSH | FIN) or seg.sack_count != head.sack_count:
        return False
    for k in range(head.sack_count):
        if get_sack(seg, k) != get_sack(head, k):
            return False
    return (seg.ack_seq == head.ack_seq and seg.window == head.window and seg.opt_timestamp == head.opt_timestamp
            and seg.ts_val == head.ts_val and seg.ts_ecr == head.ts_ecr and seg.tos == head.tos and seg.ttl == head.ttl
            and seg.dst_mac == head.dst_mac and seg.vlan_tci == head.vlan_tci and seg.sport == head.sport
            and seg.dport == head.dport and seg.daddr_lo == head.daddr_lo and seg.daddr_hi == head.daddr_hi
            and seg.saddr_lo == head.saddr_lo and seg.saddr_hi == head.saddr_hi and seg.ip_version == head.ip_version
            and seg.opt_mss < 0 and seg.opt_wscale < 0 and seg.urg_ptr == head.urg_ptr and seg.csum == head.csum
            and seg.opt_layout == head.opt_layout and seg.dont_fragment == head.dont_fragment)


@kernel
def _frags_more(skbs, before, skb):
    """Count the frags that a packet gets with one more skb.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    before : int64
        The skb in front of it, 0 for none.
    skb : int64
        Row.

    Returns
    -------
    frags : int64
        One less when its first frag goes on where the last one ends.
    """
    frags = skbs.skb[skb].nr_frags
    if before and frags:
        last, following = skbs.frag[before, skbs.skb[before].nr_frags - 1], skbs.frag[skb, 0]
        if last.netmem == following.netmem and last.offset + last.length == following.offset:
            frags -= 1
    return frags


@kernel
def tso_extent(segments, whose, first, count, segs_max, limit, skbs, desc):
    """Take the segments that leave together with the first one into its packet.

    Parameters
    ----------
    segments : SEG[n_seg]
        The stack's queue; the first one's header becomes that of the packet.
    whose : TXQ_NIC[n_seg]
        Not changed.
    first, count : int64
        The first segment, and where the queue ends.
    segs_max : int64
        Segments of a packet.
    limit : int64
        Its payload, octets.
    skbs : Skbs
        Not changed.
    desc : TXDESC
        ``segments``, ``payload_bytes``, ``gso_size``.
    """
    head, mine = segments[first], whose[first]
    size = head.payload_bytes
    total = size
    frags = _frags_more(skbs, 0, mine.skb)
    i = np.int64(first + 1)
    while i < count and i - first < segs_max:
        seg, w = segments[i], whose[i]
        if (w.tcb != mine.tcb or w.nic != mine.nic or w.ring or w.skb == 0 or seg.payload_bytes == 0 or seg.payload_bytes > size
                or seg.seq != seq_add(head.seq, total) or seg.ip_id != (head.ip_id + i - first) & 0xFFFF
                or total + seg.payload_bytes > limit or not _alike(head, seg)):
            break
        frags += _frags_more(skbs, whose[i - 1].skb, w.skb)
        if frags > FRAGS_MAX:
            break
        total += seg.payload_bytes
        i += 1
        if seg.tcp_flags & (PSH | FIN) or seg.payload_bytes < size:
            break
    if i - first > 1:
        head.tcp_flags |= segments[i - 1].tcp_flags & (PSH | FIN)
        desc.segments = i - first
        desc.payload_bytes = total
        desc.gso_size = size


@kernel
def tso_cut(memory, wire, at, frames, sent, seg, desc, whose, skbs, netmems, ledger):
    """Cut a packet into frames.

    Parameters
    ----------
    memory : uint8[k]
        Payload is read from here.
    wire : uint8[n]
        Arena, written from `at` on; it has room for all.
    at : int64
        Where the first frame starts.
    frames : FRAME[limit]
        Rows from `sent` on: offsets and lengths.
    sent : int64
        Rows that are taken.
    seg : SEG
        Header of the packet; its sequence number, IP id and flags are those of the last frame afterwards.
    desc : TXDESC
        The packet.
    whose : TXQ_NIC[n_seg]
        The skbs that hold its payload.
    skbs : Skbs
        Not changed.
    netmems : NETMEM[n_netmem]
        Addresses.
    ledger : LEDGER[n_stage]
        DMA_READ grows, or DMA_READ_DEVICE.

    Returns
    -------
    count, end : int64
        Frames, and the address behind the last.
    """
    count = np.int64(0)
    left = desc.payload_bytes
    tcp_flags = seg.tcp_flags
    row, frag, begun = desc.segment, np.int64(0), np.int64(0)
    while left > 0:
        piece = min(left, desc.gso_size)
        left -= piece
        seg.payload_bytes = piece
        seg.tcp_flags = tcp_flags
        if left:
            seg.tcp_flags &= ~(PSH | FIN)
        if count:
            seg.tcp_flags &= ~CWR
        here = at + desc.header_bytes
        while piece > 0:
            if frag == skbs.skb[whose[row].skb].nr_frags:
                row += 1
                frag = np.int64(0)
                continue
            f = skbs.frag[whose[row].skb, frag]
            part = min(piece, f.length - begun)
            copy_octets(wire, here, memory, netmems[netmem_row(f.netmem)].dma_addr + f.offset + begun, part)
            ledger_add(ledger, DMA_READ_DEVICE if netmem_is_net_iov(f.netmem) else DMA_READ, part)
            here += part
            piece -= part
            begun += part
            if begun == f.length:
                frag += 1
                begun = np.int64(0)
        frame = frames[sent + count]
        frame.offset = at
        frame.length = emit_tcp_frame(wire, at, seg)
        at += frame.length
        count += 1
        if left:
            seg.seq = seq_add(seg.seq, desc.gso_size)
            seg.ip_id = (seg.ip_id + 1) & 0xFFFF
    return count, at
