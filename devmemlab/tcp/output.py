"""Output: segments as rows, and those that carry no data: acknowledgements, SYN-ACK, RST.

Law.   TCP says what a segment's header holds; whoever owns the wire turns the row into octets.
Reads. RFC 9293 section 3.10.7; RFC 2018 section 4; Linux net/ipv4/tcp_output.c.
Omits. Pacing. What data to send when is `devmemlab.tcp.xmit`'s business.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.kernel import kernel
from devmemlab.base.seq import U32
from devmemlab.base.table import schema, table
from devmemlab.base.trace import TCP_SEND, emit
from devmemlab.tcp.sack_blocks import tcp_sack_blocks
from devmemlab.tcp.tcb import FAR_FUTURE, NS_PER_MS
from devmemlab.tcp.ecn import ecn_send
from devmemlab.tcp.page_room import tcp_promise_pages
from devmemlab.tcp.window import tcp_select_window
from devmemlab.wire.rows import SEG, clear_segment

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << _k for _k in range(8))
TIMER_RTO, TIMER_PROBE0, TIMER_TLP, TIMER_RACK = range(4)
"""What ``rto_at_ns`` is waiting for, in ``rto_kind``: one timer does for all, as in Linux."""
TXQ_CTL = schema("count", "limit", "lost")
TXQ_NIC = schema("nic", "tcb", "skb", "ring", "at")


@component
class TxQueue(NamedTuple):
    """Segments waiting for the wire.

    ctl : TXQ_CTL[1]
        ``count`` rows wait; ``lost`` counts segments that found no room.
    seg : SEG[limit]
        Header fields, ready for `devmemlab.wire.frame.emit_tcp_frame`.
    whose : TXQ_NIC[limit]
        Which NIC sends each, for which connection and with the octets of which skb (0: none); ``ring`` (a row of
        `devmemlab.nic.tx_ring` + 1) and ``at`` are the driver's, 0 until it posts the segment.
    """

    ctl: np.recarray
    seg: np.recarray
    whose: np.recarray


def make_tx_queue(limit):
    """Make an empty queue of segments.

    Parameters
    ----------
    limit : int
        Segments it holds.

    Returns
    -------
    txq : TxQueue
        Empty.
    """
    txq = TxQueue(table(TXQ_CTL, 1), table(SEG, limit), table(TXQ_NIC, limit))
    txq.ctl[0].limit = limit
    return txq


@kernel
def timer_at(tcbs, at_ns):
    """Note that some timer must run at a time.

    Parameters
    ----------
    tcbs : Tcbs
        ``next_timer_ns`` may come earlier.
    at_ns : int64
        Time, ns.

    Returns
    -------
    at_ns : int64
        As given, so that it can be stored in the same breath.
    """
    ctl = tcbs.ctl[0]
    ctl.next_timer_ns = min(ctl.next_timer_ns, at_ns)
    return at_ns


@kernel
def tcp_transmit(tcbs, txq, skbs, trace, tcb, tcp_flags, seq, now_ns):
    """Queue one segment without data.

    Parameters
    ----------
    tcbs : Tcbs
        The row notes the window it advertised and that its acknowledgement went out.
    txq : TxQueue
        Grows by one.
    skbs : Skbs
        Read for SACK blocks.
    trace : Trace or None
        Receives tcp_send.
    tcb : int64
        Row.
    tcp_flags : int64
        Bits of the header.
    seq : int64
        Sequence number.
    now_ns : int64
        Time; the timestamp option carries it in ms.

    Returns
    -------
    sent : int64
        1, or 0 when the queue is full.
    """
    return tcp_transmit_skb(tcbs, txq, skbs, trace, tcb, 0, tcp_flags, seq, now_ns)


@kernel
def tcp_transmit_skb(tcbs, txq, skbs, trace, tcb, skb, tcp_flags, seq, now_ns):
    """Queue one segment, with the octets of an skb or with none.

    Parameters
    ----------
    tcbs, txq : Tcbs, TxQueue
        See `tcp_transmit`.
    skbs : Skbs
        The skb gets one more user, until the segment has left.
    trace, tcb : Trace or None, int64
        See `tcp_transmit`.
    skb : int64
        Row, 0 for none.
    tcp_flags, seq, now_ns : int64
        See `tcp_transmit`.

    Returns
    -------
    sent : int64
        1, or 0 when the queue is full.
    """
    row = tcbs.tcb[tcb]
    ctl = txq.ctl[0]
    if ctl.count == ctl.limit:
        ctl.lost += 1
        return 0
    seg = txq.seg[ctl.count]
    whose = txq.whose[ctl.count]
    whose.nic = row.nic
    whose.tcb = tcb
    whose.skb = skb
    ctl.count += 1
    clear_segment(seg)
    seg.opt_layout = tcbs.ctl[0].opt_layout
    seg.dst_mac = row.peer_mac
    seg.ip_version = row.ip_version
    seg.saddr_hi = row.laddr_hi
    seg.saddr_lo = row.laddr_lo
    seg.daddr_hi = row.raddr_hi
    seg.daddr_lo = row.raddr_lo
    seg.sport = row.lport
    seg.dport = row.rport
    seg.seq = seq
    seg.tcp_flags = tcp_flags
    if tcp_flags & (SYN | ACK) != SYN | ACK:
        seg.ip_id = (row.iss + row.segs_out) & 0xFFFF      # counts up from a random number, as a Linux socket's does
    if skb:
        seg.payload_bytes = skbs.skb[skb].length
        skbs.skb[skb].users += 1
    if row.timestamps:
        seg.opt_timestamp = 1
        seg.ts_val = (now_ns // NS_PER_MS) & U32
        seg.ts_ecr = row.ts_recent
    window = tcp_select_window(tcbs, row)
    if tcp_flags & SYN:
        window = min(window, 65535)
        seg.window = window
        seg.opt_mss = row.advmss
        seg.opt_sack_permitted = row.sack_permitted
        if row.snd_wscale >= 0:
            seg.opt_wscale = row.rcv_wscale
        row.rcv_wnd = window
    else:
        seg.window = window >> row.rcv_wscale
        ecn_send(row, seg, seg.payload_bytes > 0 and seq == row.snd_nxt)
    if tcp_flags & ACK:
        seg.ack_seq = row.rcv_nxt
        if row.sack_permitted and tcp_flags & SYN == 0 and (row.ofo_head or row.dsack_end != row.dsack_start):
            tcp_sack_blocks(tcbs, skbs, tcb, seg, 3 if row.timestamps else 4)
        row.rcv_wnd = window
        row.rcv_wup = row.rcv_nxt
        row.ack_now = 0
        row.delack_at_ns = FAR_FUTURE
        if row.quickack > 0:
            row.quickack -= 1
    tcp_promise_pages(tcbs, row)
    row.segs_out += 1
    tcbs.ctl[0].out_segs += 1
    if tcp_flags & RST:
        tcbs.ctl[0].rst_out += 1
    emit(trace, TCP_SEND, tcb, seq, seg.ack_seq, tcp_flags)
    return 1


@kernel
def tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns):
    """Acknowledge what has arrived.

    Parameters
    ----------
    tcbs, txq, skbs, trace, tcb, now_ns
        See `tcp_transmit`.

    Returns
    -------
    sent : int64
        1, or 0 when the queue is full.
    """
    return tcp_transmit(tcbs, txq, skbs, trace, tcb, ACK, tcbs.tcb[tcb].snd_nxt, now_ns)


@kernel
def tcp_send_synack(tcbs, txq, skbs, trace, tcb, now_ns):
    """Answer a SYN, or answer it again, and arm the retransmission timer.

    Parameters
    ----------
    tcbs, txq, skbs, trace, tcb, now_ns
        See `tcp_transmit`; the row's timer is set.
    """
    row = tcbs.tcb[tcb]
    if row.retries == 0:
        row.syn_sent_ns = now_ns
    else:
        tcbs.ctl[0].retrans_segs += 1
    tcp_transmit(tcbs, txq, skbs, trace, tcb, SYN | ACK | (ECE if row.ecn else 0), row.iss, now_ns)
    row.rto_kind = TIMER_RTO
    row.rto_at_ns = timer_at(tcbs, now_ns + row.rto_ns)


@kernel
def tcp_send_reset(tcbs, txq, trace, pkt, nic):
    """Refuse a segment that belongs to no connection.

    Parameters
    ----------
    tcbs : Tcbs
        ``rst_out`` grows.
    txq : TxQueue
        Grows by one, unless the segment was itself a reset.
    trace : Trace or None
        Receives tcp_send.
    pkt : PKT
        The segment.
    nic : int64
        Where it came in.

    References
    ----------
    RFC 9293 section 3.10.7.1.
    """
    ctl = txq.ctl[0]
    if pkt.tcp_flags & RST or ctl.count == ctl.limit:
        return
    seg = txq.seg[ctl.count]
    txq.whose[ctl.count].nic = nic
    txq.whose[ctl.count].tcb = 0
    txq.whose[ctl.count].skb = 0
    ctl.count += 1
    clear_segment(seg)
    seg.dst_mac = pkt.src_mac
    seg.ip_version = pkt.ip_version
    seg.saddr_hi = pkt.daddr_hi
    seg.saddr_lo = pkt.daddr_lo
    seg.daddr_hi = pkt.saddr_hi
    seg.daddr_lo = pkt.saddr_lo
    seg.sport = pkt.dport
    seg.dport = pkt.sport
    if pkt.tcp_flags & ACK:
        seg.seq = pkt.ack_seq
        seg.tcp_flags = RST
    else:
        seg.tcp_flags = RST | ACK
        seg.ack_seq = (pkt.seq + pkt.payload_bytes + ((pkt.tcp_flags & SYN) >> 1) + (pkt.tcp_flags & FIN)) & U32
    tcbs.ctl[0].rst_out += 1
    tcbs.ctl[0].out_segs += 1
    emit(trace, TCP_SEND, 0, seg.seq, seg.ack_seq, seg.tcp_flags)
