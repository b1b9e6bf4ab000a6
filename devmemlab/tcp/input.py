"""Segment arrives: the steps of RFC 9293, on header fields and an skb's row number.

Law.   The skb given to `tcp_rcv` is either queued or freed; `rcv_nxt` only moves over bytes that are queued.
Reads. RFC 9293 section 3.10.7; RFC 7323 section 5 (PAWS); RFC 5961 (challenge ACKs);
       Linux net/ipv4/tcp_input.c (tcp_rcv_established, tcp_data_queue).
Omits. Urgent data, ECN.
"""

from devmemlab.base.errno import ECONNRESET
from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after, seq_before, seq_diff
from devmemlab.base.trace import TCP_DROP, TCP_OFO, TCP_RCV, emit
from devmemlab.net.skb import skb_free
from devmemlab.tcp.ack import tcp_ack_later
from devmemlab.tcp.acked import tcp_ack_arrives
from devmemlab.tcp.connect import tcp_rcv_synsent
from devmemlab.tcp.listen import tcp_child_established, tcp_listen_rcv
from devmemlab.tcp.lookup import tcp_lookup
from devmemlab.tcp.output import ACK, FIN, RST, SYN, tcp_send_ack, tcp_send_reset, tcp_send_synack
from devmemlab.tcp.queues import ofo_drain, ofo_insert, rcvq_append
from devmemlab.tcp.reap import tcp_done, tcp_enter_time_wait
from devmemlab.tcp.sndq import sndq_purge
from devmemlab.tcp.states import (
    CLOSE,
    ESTABLISHED,
    EV_FIN,
    EV_RST,
    FIN_WAIT1,
    FIN_WAIT2,
    LISTEN,
    SYN_RECV,
    SYN_SENT,
    TIME_WAIT,
    tcp_event,
)
from devmemlab.tcp.window import tcp_measure_segment, tcp_receive_window

DROP_REASONS = ("no socket", "outside the window", "PAWS", "no ACK flag", "reset", "receive buffer full",
                "nothing new", "state takes no data", "listen queue full", "SYN in window")
(NO_SOCKET, OUTSIDE_WINDOW, PAWS, NO_ACK, RESET, RCVBUF_FULL, NOTHING_NEW, NO_DATA_STATE, BACKLOG_FULL,
 SYN_IN_WINDOW) = range(len(DROP_REASONS))


@kernel
def _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, reason):
    """Free the skb of a segment that is not queued.

    Parameters
    ----------
    tcbs : Tcbs
        ``drops`` of the row grows for reasons that are not routine.
    skbs : Skbs
        The skb is freed.
    tcb, skb : int64
        Rows; `tcb` 0: no connection.
    pools : PagePools
        Frags return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives tcp_drop unless `reason` is negative (a segment that carried nothing to queue).
    reason : int64
        One of `DROP_REASONS`, or -1.
    """
    if reason >= 0:
        tcbs.tcb[tcb].drops += 1
        emit(trace, TCP_DROP, tcb, skbs.skb[skb].seq, reason, skb)
    skb_free(skbs, skb, pools, netmems, providers, trace, 1)


@kernel
def _data_arrives(tcbs, txq, skbs, tcb, skb, pkt, pools, netmems, providers, trace, now_ns):
    """Queue the payload of an acceptable segment, in order or early.

    Parameters
    ----------
    tcbs : Tcbs
        Queues, ``rcv_nxt``, accounting.
    txq : TxQueue
        Grows when an acknowledgement cannot wait.
    skbs : Skbs
        The skb is queued or freed.
    tcb, skb : int64
        Rows.
    pkt : PKT
        The segment.
    pools : PagePools
        Frags of freed skbs return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        May take memory back.
    trace : Trace or None
        tcp_rcv, tcp_ofo, tcp_drop.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[skb]
    row.data_segs_in += 1
    if not seq_after(s.end_seq, row.rcv_nxt):
        row.rcv_rexmit += 1
        row.dsack_start = s.seq
        row.dsack_end = s.end_seq
        row.ack_now = 1
        tcp_ack_later(tcbs, tcb)
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, NOTHING_NEW)
        return
    if row.rmem_alloc > row.rcvbuf:
        row.ack_now = 1
        tcp_ack_later(tcbs, tcb)
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, RCVBUF_FULL)
        return
    tcp_measure_segment(row, pkt.payload_bytes, s.truesize)
    if seq_after(s.seq, row.rcv_nxt):
        row.rcv_ooopack += 1
        row.ofo_newest = s.seq
        emit(trace, TCP_OFO, tcb, s.seq, pkt.payload_bytes, skb)
        ofo_insert(tcbs, skbs, tcb, skb, pools, netmems, providers, trace)
        tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
        return
    emit(trace, TCP_RCV, tcb, s.seq, pkt.payload_bytes, skb)
    row.bytes_received += seq_diff(s.end_seq, row.rcv_nxt)
    row.rcv_nxt = s.end_seq
    rcvq_append(tcbs, skbs, tcb, skb)
    if row.ofo_head:
        before = row.rcv_nxt
        ofo_drain(tcbs, skbs, tcb, pools, netmems, providers, trace)
        row.bytes_received += seq_diff(row.rcv_nxt, before)
        row.ack_now = 1
    tcp_ack_later(tcbs, tcb)


@kernel
def _fin_arrives(tcbs, txq, skbs, trace, tcb, now_ns):
    """Take in the peer's FIN, all its data being queued.

    Parameters
    ----------
    tcbs : Tcbs
        ``rcv_nxt`` passes the FIN and the state changes.
    txq : TxQueue
        Grows by the acknowledgement.
    skbs : Skbs
        Read for SACK blocks.
    trace : Trace or None
        Receives tcp_state, tcp_send.
    tcb : int64
        Row.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    row.rcv_nxt = seq_add(row.rcv_nxt, 1)
    row.fin_received = 1
    after = tcp_event(tcbs, trace, tcb, EV_FIN)
    tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
    if after == TIME_WAIT:
        tcp_enter_time_wait(tcbs, tcb, now_ns)


@kernel
def tcp_rcv(tcbs, txq, skbs, pkt, skb, nic, pools, netmems, providers, trace, now_ns):
    """Process one segment.

    Parameters
    ----------
    tcbs : Tcbs
        Connections.
    txq : TxQueue
        Answers are queued here.
    skbs : Skbs
        The skb is queued or freed; its headers are pulled off already.
    pkt : PKT
        The segment's header fields.
    skb : int64
        Row of the skb that carries the segment.
    nic : int64
        Where it came in.
    pools : PagePools
        Frags of freed skbs return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        May take memory back.
    trace : Trace or None
        tcp_rcv, tcp_ofo, tcp_drop, tcp_state, tcp_send.
    now_ns : int64
        Time.

    Returns
    -------
    tcb : int64
        Row the segment was for, 0 when there was none.
    """
    s = skbs.skb[skb]
    s.seq = pkt.seq
    s.end_seq = seq_add(pkt.seq, pkt.payload_bytes)
    s.tcp_flags = pkt.tcp_flags
    tcb = tcp_lookup(tcbs, pkt)
    if tcb == 0:
        tcp_send_reset(tcbs, txq, trace, pkt, nic)
        _discard(tcbs, skbs, 0, skb, pools, netmems, providers, trace, NO_SOCKET)
        return tcb
    row = tcbs.tcb[tcb]
    row.segs_in += 1
    if row.state == LISTEN:
        full = tcp_listen_rcv(tcbs, txq, skbs, trace, tcb, pkt, nic, now_ns)
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, BACKLOG_FULL if full else -1)
        return tcb
    if row.state == SYN_SENT:
        tcp_rcv_synsent(tcbs, txq, skbs, trace, tcb, pkt, nic, now_ns)
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, -1)
        return tcb
    reset = pkt.tcp_flags & RST
    if row.state == SYN_RECV and pkt.tcp_flags & SYN and pkt.seq == row.irs and not reset:
        if pkt.tcp_flags & ACK and pkt.ack_seq == row.snd_nxt:
            # Both called at once and this acknowledges our SYN.
            tcp_child_established(tcbs, trace, tcb, pkt, now_ns)
            row.snd_una = pkt.ack_seq
            tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
            _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, -1)
            return tcb
        tcp_send_synack(tcbs, txq, skbs, trace, tcb, now_ns)
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, -1)
        return tcb
    if row.timestamps and pkt.opt_timestamp and not reset and seq_before(pkt.ts_val, row.ts_recent):
        tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, PAWS)
        return tcb
    last = seq_add(s.end_seq, pkt.tcp_flags & FIN)
    edge = seq_add(row.rcv_nxt, tcp_receive_window(row))
    if seq_before(last, row.rcv_wup) or seq_after(pkt.seq, edge):
        if not reset:
            tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, OUTSIDE_WINDOW)
        return tcb
    if reset:
        if pkt.seq == row.rcv_nxt:
            row.error = ECONNRESET
            if row.state == SYN_RECV and row.listener:
                row.orphaned = 1
            # What arrived before stays readable; it goes with the socket.
            sndq_purge(tcbs, skbs, tcb, pools, netmems, providers, trace)
            tcp_event(tcbs, trace, tcb, EV_RST)
            tcp_done(tcbs, tcb)
        else:
            tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, RESET)
        return tcb
    if pkt.tcp_flags & SYN:
        tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, SYN_IN_WINDOW)
        return tcb
    if pkt.tcp_flags & ACK == 0:
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, NO_ACK)
        return tcb
    if row.timestamps and pkt.opt_timestamp and not seq_after(pkt.seq, row.rcv_wup):
        row.ts_recent = pkt.ts_val
        row.ts_recent_at_ns = now_ns
    if row.state == SYN_RECV:
        if pkt.ack_seq != row.snd_nxt:
            tcp_send_reset(tcbs, txq, trace, pkt, nic)
            _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, OUTSIDE_WINDOW)
            return tcb
        tcp_child_established(tcbs, trace, tcb, pkt, now_ns)
    if tcp_ack_arrives(tcbs, txq, skbs, tcb, pkt, pools, netmems, providers, trace, now_ns) == 0:
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, OUTSIDE_WINDOW)
        return tcb
    if pkt.payload_bytes == 0:
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, -1)
    elif row.state == ESTABLISHED or row.state == FIN_WAIT1 or row.state == FIN_WAIT2:
        if row.orphaned:
            tcp_send_reset(tcbs, txq, trace, pkt, nic)
            tcp_event(tcbs, trace, tcb, EV_RST)
            tcp_done(tcbs, tcb)
            _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, NO_DATA_STATE)
            return tcb
        _data_arrives(tcbs, txq, skbs, tcb, skb, pkt, pools, netmems, providers, trace, now_ns)
    else:
        row.ack_now = 1
        tcp_ack_later(tcbs, tcb)
        _discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, NO_DATA_STATE)
    if pkt.tcp_flags & FIN:
        row.fin_seq = seq_add(pkt.seq, pkt.payload_bytes)
        row.fin_seen = 1
    if row.fin_seen and row.fin_received == 0 and row.rcv_nxt == row.fin_seq and row.state != CLOSE:
        _fin_arrives(tcbs, txq, skbs, trace, tcb, now_ns)
    elif row.fin_received and pkt.tcp_flags & FIN:
        row.ack_now = 1
        tcp_ack_later(tcbs, tcb)
        if row.state == TIME_WAIT:
            tcp_enter_time_wait(tcbs, tcb, now_ns)
    return tcb
