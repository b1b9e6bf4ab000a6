"""Segment arrives: the steps of RFC 9293, on header fields and an skb's row number.

Law.   The skb given to `tcp_rcv` is either queued or freed, and what it says counts only when it has been validated.
Reads. RFC 9293 section 3.10.7; Linux net/ipv4/tcp_input.c (tcp_rcv_established, tcp_data_queue).
Omits. Header prediction: every segment takes the slow path.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after, seq_before
from devmemlab.tcp.ack import tcp_ack_later
from devmemlab.tcp.acked import tcp_ack_arrives
from devmemlab.tcp.connect import tcp_rcv_synsent
from devmemlab.tcp.data import (
    BACKLOG_FULL,
    DROP_REASONS,
    NO_ACK,
    NO_DATA_STATE,
    NO_SOCKET,
    OUTSIDE_WINDOW,
    PAWS,
    RESET,
    SYN_IN_WINDOW,
    tcp_data_arrives,
    tcp_discard,
    tcp_fin_arrives,
)
from devmemlab.tcp.dsack import tcp_note_duplicate
from devmemlab.tcp.ecn import ecn_count
from devmemlab.tcp.listen import tcp_child_established, tcp_listen_rcv, tcp_may_follow
from devmemlab.tcp.lookup import tcp_lookup, tcp_lookup_listener
from devmemlab.tcp.output import ACK, FIN, RST, SYN, tcp_send_ack, tcp_send_reset, tcp_send_synack
from devmemlab.tcp.reap import tcp_done, tcp_enter_time_wait, tcp_reset
from devmemlab.tcp.states import (
    CLOSE,
    ESTABLISHED,
    EV_2MSL,
    EV_RST,
    FIN_WAIT1,
    FIN_WAIT2,
    LISTEN,
    SYN_RECV,
    SYN_SENT,
    TIME_WAIT,
    tcp_event,
)
from devmemlab.tcp.urgent import tcp_urg
from devmemlab.tcp.validate import PAWS_24_DAYS_NS, RESET_NOW, tcp_validate

__all__ = ["DROP_REASONS", "tcp_rcv"]
REASON_OF = (-1, PAWS, OUTSIDE_WINDOW, RESET, RESET, SYN_IN_WINDOW)
"""The reason for each verdict of `devmemlab.tcp.validate.tcp_validate`."""


@kernel
def _succeed(tcbs, trace, tcb, pkt):
    """Let a new connection take the place of one in TIME_WAIT, when somebody listens.

    Parameters
    ----------
    tcbs : Tcbs
        The old connection ends; the next initial sequence number lies beyond all it used.
    trace : Trace or None
        Receives tcp_state.
    tcb : int64
        Row in TIME_WAIT.
    pkt : PKT
        A SYN that `tcp_may_follow` took.

    Returns
    -------
    listener : int64
        Who takes the SYN; `tcb` when nobody does.
    """
    listener = tcp_lookup_listener(tcbs, pkt.ip_version, pkt.daddr_hi, pkt.daddr_lo, pkt.dport)
    if listener == 0:
        return tcb
    tcbs.ctl[0].iss_next = seq_add(tcbs.tcb[tcb].snd_nxt, 65537)
    tcp_event(tcbs, trace, tcb, EV_2MSL)
    tcp_done(tcbs, tcb)
    return listener


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
    tcbs.ctl[0].in_segs += 1
    tcbs.ctl[0].rx_queue = s.queue + 1
    ecn_count(tcbs.ctl[0], pkt, max(s.gso_segs, 1))
    tcb = tcp_lookup(tcbs, pkt)
    if tcb == 0:
        tcp_send_reset(tcbs, txq, trace, pkt, nic)
        tcp_discard(tcbs, skbs, 0, skb, pools, netmems, providers, trace, NO_SOCKET)
        return tcb
    if tcbs.tcb[tcb].state == TIME_WAIT and tcp_may_follow(tcbs.tcb[tcb], pkt, now_ns):
        tcb = _succeed(tcbs, trace, tcb, pkt)
    row = tcbs.tcb[tcb]
    row.segs_in += 1
    row.rx_queue = s.queue + 1
    if row.state == LISTEN:
        full = tcp_listen_rcv(tcbs, txq, skbs, trace, tcb, pkt, nic, now_ns)
        tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, BACKLOG_FULL if full else -1)
        return tcb
    if row.state == SYN_SENT:
        tcp_rcv_synsent(tcbs, txq, skbs, trace, tcb, pkt, nic, now_ns)
        tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, -1)
        return tcb
    reset = pkt.tcp_flags & RST
    if row.state == SYN_RECV and pkt.tcp_flags & SYN and pkt.seq == row.irs and not reset:
        if pkt.tcp_flags & ACK and pkt.ack_seq == row.snd_nxt:
            # Both called at once and this acknowledges our SYN.
            tcp_child_established(tcbs, trace, tcb, pkt, now_ns)
            row.snd_una = pkt.ack_seq
            tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
            tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, -1)
            return tcb
        tcp_send_synack(tcbs, txq, skbs, trace, tcb, now_ns)
        tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, -1)
        return tcb
    verdict = tcp_validate(tcbs, txq, skbs, trace, tcb, pkt, now_ns)
    if verdict == RESET_NOW:
        tcp_reset(tcbs, skbs, tcb, pools, netmems, providers, trace)
    if verdict:
        tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, REASON_OF[verdict])
        return tcb
    if pkt.tcp_flags & ACK == 0:
        tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, NO_ACK)
        return tcb
    newer = not seq_before(pkt.ts_val, row.ts_recent) or now_ns - row.ts_recent_at_ns >= PAWS_24_DAYS_NS
    if row.timestamps and pkt.opt_timestamp and not seq_after(pkt.seq, row.rcv_wup) and newer:
        row.ts_recent = pkt.ts_val
        row.ts_recent_at_ns = now_ns
    if row.state == SYN_RECV:
        if pkt.ack_seq != row.snd_nxt:
            tcp_send_reset(tcbs, txq, trace, pkt, nic)
            tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, OUTSIDE_WINDOW)
            return tcb
        tcp_child_established(tcbs, trace, tcb, pkt, now_ns)
    if tcp_ack_arrives(tcbs, txq, skbs, tcb, pkt, pools, netmems, providers, trace, now_ns) == 0:
        tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, OUTSIDE_WINDOW)
        return tcb
    tcp_urg(tcbs, skbs, tcb, pkt, pools, netmems, providers, trace)
    if pkt.payload_bytes == 0:
        tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, -1)
    elif row.state == ESTABLISHED or row.state == FIN_WAIT1 or row.state == FIN_WAIT2:
        if row.orphaned and seq_after(s.end_seq, row.rcv_nxt):
            tcp_send_reset(tcbs, txq, trace, pkt, nic)
            tcp_event(tcbs, trace, tcb, EV_RST)
            tcp_done(tcbs, tcb)
            tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, NO_DATA_STATE)
            return tcb
        tcp_data_arrives(tcbs, txq, skbs, tcb, skb, pkt, pools, netmems, providers, trace, now_ns)
    else:
        # Behind the peer's FIN nothing is new: what is old is acknowledged again, the rest is ignored.
        if row.state == TIME_WAIT or seq_before(pkt.seq, row.rcv_nxt):
            row.ack_now = 1
            tcp_ack_later(tcbs, tcb)
        if row.state != TIME_WAIT and seq_before(pkt.seq, row.rcv_nxt):
            tcp_note_duplicate(tcbs, skbs, tcb, s.seq, s.end_seq)
        tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, NO_DATA_STATE)
    fin_seq = seq_add(pkt.seq, pkt.payload_bytes)
    if pkt.tcp_flags & FIN and not seq_before(fin_seq, row.rcv_nxt):
        row.fin_seq = fin_seq
        row.fin_seen = 1
    if row.fin_seen and row.fin_received == 0 and row.rcv_nxt == row.fin_seq and row.state != CLOSE:
        tcp_fin_arrives(tcbs, txq, skbs, trace, tcb, now_ns)
    elif row.fin_received and pkt.tcp_flags & FIN:
        row.ack_now = 1
        tcp_ack_later(tcbs, tcb)
        if row.state == TIME_WAIT:
            tcp_enter_time_wait(tcbs, tcb, now_ns)
    elif pkt.tcp_flags & FIN and pkt.payload_bytes == 0 and row.state != CLOSE:
        tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)       # early: the peer learns what is missing
    return tcb
