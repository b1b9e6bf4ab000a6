"""GRO: consecutive segments of a flow become one skb between NAPI and TCP, within one poll.

Law.   Only headers that say nothing new are lost: every frag arrives, in order, and nothing is held when the poll ends.
Reads. Linux net/core/gro.c (dev_gro_receive, skb_gro_receive), net/ipv4/tcp_offload.c (tcp_gro_receive); spec section 13.5.
Omits. Timers that hold packets across polls; comparing IP ids; payload in the linear part, which passes alone; packets that
       hardware GRO made or that have a frag list already.

A packet is held for each of up to 8 flows. What becomes of the next packet of such a flow:

========================================================  ===================================================
the next packet                                           outcome
========================================================  ===================================================
is the next segment and repeats the first one's header    its frags join; behind 17, as skbs of the frag list
... with PSH or FIN, or shorter than the first            it joins as the last one
is longer than the first, or carries nothing              what is held goes to TCP before it
differs in flags, window, options, TTL, class or tag      likewise
leaves a hole, or repeats something                       likewise
would make gro_max_size octets (65536) or more            likewise
differs in readability                                    likewise, and it is counted: the queue mixes memory
========================================================  ===================================================

Linux does not look at readability here: it relies on a queue's payload being all unreadable or all readable. So does nothing
here, but the lab counts what would break that (``mixed``), and an audit refuses it.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add
from devmemlab.base.table import schema, table
from devmemlab.base.trace import GRO_MERGE, emit
from devmemlab.net.frag_list import skb_chain
from devmemlab.net.skb import MAX_SKB_FRAGS
from devmemlab.net.skb_merge import skb_move_frags
from devmemlab.wire.frame import PKT
from devmemlab.wire.tcp import ACK, FIN, PSH

GRO_FLOWS = 8
GRO_LEGACY_MAX_SIZE = 65536
GRO_CTL = schema("held", "packets", "segments", "chained", "mixed", "max_size", "ipv4_max_size")
GRO_FLOW = schema("skb")


@component
class Gro(NamedTuple):
    """What GRO holds; nothing outside a poll.

    ctl : GRO_CTL[1]
        ``held`` counts packets that were held, ``packets`` those that became longer, ``segments`` what they were made of,
        ``chained`` skbs of their frag lists, ``mixed`` neighbours in a flow of which one only was readable;
        ``max_size`` and ``ipv4_max_size`` are the interface's `devmemlab.net.max_sizes`.
    flow : GRO_FLOW[8]
        ``skb`` is a row, 0 where nothing is held.
    pkt : PKT[8 + 1]
        Headers of the first segment; ``payload_bytes`` and ``tcp_flags`` are those of the whole. The last row is for a packet
        of a train, whose headers were those of another one.
    """

    ctl: np.recarray
    flow: np.recarray
    pkt: np.recarray


def make_gro():
    """Make a GRO engine.

    Returns
    -------
    gro : Gro
        It holds nothing.
    """
    gro = Gro(table(GRO_CTL, 1), table(GRO_FLOW, GRO_FLOWS), table(PKT, GRO_FLOWS + 1))
    gro.ctl[0].max_size = gro.ctl[0].ipv4_max_size = GRO_LEGACY_MAX_SIZE
    return gro


@kernel(forceinline=True)
def gro_find(gro, pkt):
    """Look for what is held of a packet's flow.

    Parameters
    ----------
    gro : Gro
        Not changed.
    pkt : PKT
        Headers of the packet.

    Returns
    -------
    flow : int64
        Row, -1 when nothing is held.
    """
    for flow in range(GRO_FLOWS):
        held = gro.pkt[flow]
        if (gro.flow[flow].skb and held.sport == pkt.sport and held.dport == pkt.dport and held.saddr_lo == pkt.saddr_lo
                and held.daddr_lo == pkt.daddr_lo and held.saddr_hi == pkt.saddr_hi and held.daddr_hi == pkt.daddr_hi
                and held.ip_version == pkt.ip_version):
            return np.int64(flow)
    return np.int64(-1)


@kernel(forceinline=True)
def gro_may_hold(skbs, pkt, skb):
    """Tell whether a packet is of the kind that can be held, or join what is.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    pkt : PKT
        Its headers.
    skb : int64
        Row; its headers are pulled off.

    Returns
    -------
    may : bool
        It is data with ACK and perhaps PSH or FIN, all of it in frags, without padding, and one segment of the wire.
    """
    row = skbs.skb[skb]
    return (pkt.tcp_flags & ~(PSH | FIN) == ACK and pkt.payload_bytes > 0 and pkt.sack_count == 0 and row.headlen == 0
            and row.length == pkt.payload_bytes and row.frag_list == 0 and row.gso_segs <= 1)


@kernel(forceinline=True)
def gro_joins(gro, skbs, flow, pkt, skb):
    """Tell whether a packet joins what is held of its flow.

    Parameters
    ----------
    gro : Gro
        ``mixed`` may grow.
    skbs : Skbs
        Not changed.
    flow : int64
        Row.
    pkt : PKT
        Its headers.
    skb : int64
        Row.

    Returns
    -------
    joins : bool
        It is the next segment, no longer than the first, and its headers say nothing new.
    """
    held = gro.pkt[flow]
    first = skbs.skb[gro.flow[flow].skb]
    if not gro_may_hold(skbs, pkt, skb):
        return False
    if skbs.skb[skb].unreadable != first.unreadable or skbs.skb[skb].pp_recycle != first.pp_recycle:
        gro.ctl[0].mixed += 1
        return False
    limit = gro.ctl[0].ipv4_max_size if pkt.ip_version == 4 else gro.ctl[0].max_size
    return (pkt.seq == seq_add(held.seq, held.payload_bytes) and pkt.payload_bytes <= first.gso_size
            and pkt.ack_seq == held.ack_seq and pkt.window == held.window and pkt.header_bytes == held.header_bytes
            and pkt.ip_at == held.ip_at and pkt.doff_bytes == held.doff_bytes and pkt.tos == held.tos and pkt.ttl == held.ttl
            and pkt.vlan_tci == held.vlan_tci and skbs.skb[skb].vlan_tci == first.vlan_tci and pkt.src_mac == held.src_mac
            and pkt.opt_timestamp == held.opt_timestamp and pkt.ts_val == held.ts_val and pkt.ts_ecr == held.ts_ecr
            and held.header_bytes - held.ip_at + held.payload_bytes + pkt.payload_bytes < limit)


@kernel(forceinline=True)
def gro_merge(gro, skbs, trace, flow, pkt, skb):
    """Let a packet join what is held of its flow; `gro_joins` has looked.

    Parameters
    ----------
    gro : Gro
        The flow's packet grows.
    skbs : Skbs
        The frags move to the last skb of the packet, or the skb becomes a link of its frag list.
    trace : Trace or None
        Receives gro_merge.
    flow : int64
        Row.
    pkt : PKT
        Headers of what joins.
    skb : int64
        Row.

    Returns
    -------
    last : bool
        True when nothing can join any more.
    """
    held = gro.pkt[flow]
    head = gro.flow[flow].skb
    row = skbs.skb[head]
    last = row.frag_tail if row.frag_list else head
    emit(trace, GRO_MERGE, skb, last, skbs.skb[skb].nr_frags, 0)
    if row.gso_segs == 1:
        gro.ctl[0].packets += 1
        gro.ctl[0].segments += 1
    gro.ctl[0].segments += 1
    row.gso_segs += 1
    length = skbs.skb[skb].length
    if skbs.skb[last].nr_frags + skbs.skb[skb].nr_frags > MAX_SKB_FRAGS:
        gro.ctl[0].chained += 1
        skbs.skb[skb].gso_size = row.gso_size
        skbs.skb[skb].gso_segs = 1
        skb_chain(skbs, head, skb)
    else:
        grown = skb_move_frags(skbs, last, skb)
        if last != head:
            row.length += length
            row.data_len += length
            row.truesize += grown
            skbs.skb[last].gso_segs += 1
    held.payload_bytes += length
    held.tcp_flags |= pkt.tcp_flags
    return pkt.tcp_flags & (PSH | FIN) != 0 or length < row.gso_size


@kernel
def gro_hold(gro, skbs, flow, pkt, skb):
    """Hold a packet: the first of a flow.

    Parameters
    ----------
    gro : Gro
        The row is taken.
    skbs : Skbs
        The packet's segment size is noted.
    flow : int64
        Row that holds nothing.
    pkt : PKT
        Its headers, copied.
    skb : int64
        Row.
    """
    gro.flow[flow].skb = skb
    gro.pkt[flow] = pkt
    gro.ctl[0].held += 1
    skbs.skb[skb].gso_size = pkt.payload_bytes
    skbs.skb[skb].gso_segs = 1


@kernel
def gro_slot(gro):
    """Choose the row for a flow of which nothing is held.

    Parameters
    ----------
    gro : Gro
        Not changed.

    Returns
    -------
    flow : int64
        A free row, or the one whose turn it is to be let go.
    """
    for flow in range(GRO_FLOWS):
        if gro.flow[flow].skb == 0:
            return np.int64(flow)
    return gro.ctl[0].held % GRO_FLOWS


@kernel
def gro_let_go(gro, skbs, flow):
    """Let go of what is held in a row.

    Parameters
    ----------
    gro : Gro
        The row becomes free; its `pkt` stays as it is until the row is taken again.
    skbs : Skbs
        A packet that nothing has joined is an ordinary one again.
    flow : int64
        Row.

    Returns
    -------
    skb : int64
        What was held; the caller gives it to TCP.
    """
    skb = gro.flow[flow].skb
    gro.flow[flow].skb = 0
    if skbs.skb[skb].gso_segs == 1:
        skbs.skb[skb].gso_size = 0
        skbs.skb[skb].gso_segs = 0
    return skb
