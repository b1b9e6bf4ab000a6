"""Connecting: our SYN goes first, and what may come back.

Law.   A connection leaves SYN_SENT only by a SYN that acknowledges ours, by a SYN that crossed ours, or by an end.
Reads. RFC 9293 section 3.10.7.3 and 3.5 (simultaneous open); Linux net/ipv4/tcp_input.c (tcp_rcv_synsent_state_process).
Omits. TCP Fast Open; data on a SYN.
"""

from devmemlab.base.errno import ECONNREFUSED
from devmemlab.base.kernel import kernel
from devmemlab.base.seq import U32, seq_after
from devmemlab.tcp.ecn import ecn_syn_flags, ecn_take_syn_ack
from devmemlab.tcp.listen import tcp_init_transfer, tcp_take_iss, tcp_take_syn
from devmemlab.tcp.lookup import tcp_hash
from devmemlab.tcp.output import ACK, RST, SYN, TIMER_RTO, tcp_send_ack, tcp_send_reset, tcp_send_synack, tcp_transmit, timer_at
from devmemlab.tcp.reap import tcp_done
from devmemlab.tcp.rtt import tcp_handshake_rtt
from devmemlab.tcp.states import EV_CONNECT, EV_RST, EV_SYN, EV_SYN_ACK, tcp_event
from devmemlab.tcp.tcb import FAR_FUTURE, NS_PER_MS
from devmemlab.tcp.window import select_wscale, tcp_fit_scale


@kernel
def tcp_connect(tcbs, txq, skbs, trace, tcb, now_ns):
    """Send our SYN.

    Parameters
    ----------
    tcbs : Tcbs
        The row, whose addresses and ports are set, goes to SYN_SENT and can be found.
    txq : TxQueue
        Grows by the SYN.
    skbs : Skbs
        Passed on.
    trace : Trace or None
        Receives tcp_state, tcp_send.
    tcb : int64
        Row in CLOSE.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    tcp_take_iss(tcbs, row)
    row.rcv_wscale = select_wscale(row.rcvbuf) if row.snd_wscale >= 0 else 0
    tcp_fit_scale(tcbs, row)
    tcp_event(tcbs, trace, tcb, EV_CONNECT)
    tcp_hash(tcbs, tcb)
    tcp_send_syn(tcbs, txq, skbs, trace, tcb, now_ns)


@kernel
def tcp_send_syn(tcbs, txq, skbs, trace, tcb, now_ns):
    """Send our SYN, or send it again, and arm the retransmission timer.

    Parameters
    ----------
    tcbs, txq, skbs, trace, tcb, now_ns
        See `tcp_connect`.
    """
    row = tcbs.tcb[tcb]
    if row.retries == 0:
        row.syn_sent_ns = now_ns
    else:
        tcbs.ctl[0].retrans_segs += 1
    tcp_transmit(tcbs, txq, skbs, trace, tcb, SYN | ecn_syn_flags(tcbs.ctl[0], row), row.iss, now_ns)
    row.rto_kind = TIMER_RTO
    row.rto_at_ns = timer_at(tcbs, now_ns + row.rto_ns)


@kernel
def tcp_rcv_synsent(tcbs, txq, skbs, trace, tcb, pkt, nic, now_ns):
    """Take a segment in SYN_SENT; whatever data it carries comes again.

    Parameters
    ----------
    tcbs : Tcbs
        State, options and sequence numbers of the row.
    txq : TxQueue
        Grows by the answer.
    skbs : Skbs
        Passed on.
    trace : Trace or None
        Receives tcp_state, tcp_send.
    tcb : int64
        Row.
    pkt : PKT
        The segment.
    nic : int64
        Where it came in.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    if pkt.tcp_flags & ACK:
        echo_is_wrong = (row.timestamps and pkt.opt_timestamp and pkt.ts_ecr
                         and seq_after(pkt.ts_ecr, (now_ns // NS_PER_MS) & U32))
        if not seq_after(pkt.ack_seq, row.snd_una) or seq_after(pkt.ack_seq, row.snd_nxt) or echo_is_wrong:
            tcp_send_reset(tcbs, txq, trace, pkt, nic)
            return
        if pkt.tcp_flags & RST:
            row.error = ECONNREFUSED
            tcp_event(tcbs, trace, tcb, EV_RST)
            tcp_done(tcbs, tcb)
            return
    if pkt.tcp_flags & RST or pkt.tcp_flags & SYN == 0:
        return
    row.nic = nic
    row.peer_mac = pkt.src_mac
    offered = row.rcv_wscale
    tcp_take_syn(row, pkt, now_ns)
    ecn_take_syn_ack(row, pkt)
    row.rcv_wscale = offered if pkt.opt_wscale >= 0 else 0
    if pkt.tcp_flags & ACK == 0:
        # Both sides called at once: answer the SYN and keep our number.
        tcp_event(tcbs, trace, tcb, EV_SYN)
        tcp_send_synack(tcbs, txq, skbs, trace, tcb, now_ns)
        return
    row.snd_una = pkt.ack_seq
    row.snd_wl2 = pkt.ack_seq
    row.rto_at_ns = FAR_FUTURE
    tcp_handshake_rtt(row, pkt, now_ns)
    tcp_event(tcbs, trace, tcb, EV_SYN_ACK)
    tcp_init_transfer(tcbs, row, now_ns)
    tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
