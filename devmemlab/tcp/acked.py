"""Acknowledgements of the peer's: what has arrived, how long it took, what is lost, and what may be sent now.

Law.   ``snd_una`` only moves forward; an skb leaves the send queue when every sequence number of it is acknowledged.
Reads. RFC 9293 section 3.10.7.4 (fifth, check the ACK field); RFC 5961 section 5; Linux net/ipv4/tcp_input.c (tcp_ack).
Omits. Rate samples.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import U32, seq_add, seq_after, seq_before, seq_diff
from devmemlab.tcp.congestion import cong_avoid
from devmemlab.tcp.output import ECE, SYN, TIMER_PROBE0, TIMER_RTO, timer_at
from devmemlab.tcp.reap import tcp_done, tcp_enter_time_wait, tcp_reap_later
from devmemlab.tcp.recovery import tcp_enter_cwr, tcp_fastretrans_alert
from devmemlab.tcp.retransmit import tcp_xmit_retransmit_queue
from devmemlab.tcp.rtt import tcp_rtt_sample
from devmemlab.tcp.sack import rack_advance, tcp_sacktag
from devmemlab.tcp.sndq import EVER_RETRANS, SACKED, packets_in_flight, sndq_pop
from devmemlab.tcp.split import tcp_sync_mss
from devmemlab.tcp.states import CLOSING, EV_ACK_OF_FIN, FIN_WAIT1, FIN_WAIT2, LAST_ACK, TIME_WAIT, tcp_event
from devmemlab.tcp.tcb import FAR_FUTURE, NS_PER_MS
from devmemlab.tcp.undo import (
    DUPLICATE_ACK,
    DUPLICATE_SACK,
    ECN_ECHO,
    ECHO_IS_OLD,
    FRTO_WAIT,
    ORIGINAL_ACKED,
    RETRANS_ACKED,
    SND_UNA_ADVANCED,
)
from devmemlab.tcp.validate import tcp_challenge
from devmemlab.tcp.xmit import tcp_rearm_rto, tcp_schedule_probe_of_tail, tcp_write_xmit

FIN_TIMEOUT_NS = 60_000 * NS_PER_MS
ISS_IS_NEAR = 1 << 30
"""Octets acknowledged until which the initial sequence number can be told from later ones."""


@kernel
def _take_window(tcbs, row, pkt):
    """Take in the peer's window unless a later segment told it already.

    Parameters
    ----------
    tcbs : Tcbs
        The path MTU.
    row : TCB
        ``snd_wnd``, ``snd_wl1``, ``snd_wl2``; segments grow with the largest window ever offered.
    pkt : PKT
        The segment.

    Returns
    -------
    changed : int64
        1 when the window is another one now.
    """
    window = pkt.window << max(row.snd_wscale, 0)
    if seq_before(pkt.seq, row.snd_wl1) or (pkt.seq == row.snd_wl1 and seq_before(pkt.ack_seq, row.snd_wl2)):
        return 0
    row.snd_wl1 = pkt.seq
    row.snd_wl2 = pkt.ack_seq
    if window == row.snd_wnd:
        return 0
    row.snd_wnd = window
    if window > row.max_window:
        row.max_window = window
        tcp_sync_mss(tcbs, row)
    return 1


@kernel
def _clean_send_queue(tcbs, skbs, tcb, pools, netmems, providers, trace, now_ns):
    """Free what ``snd_una`` covers.

    Parameters
    ----------
    tcbs, skbs, tcb, pools, netmems, providers, trace
        See `devmemlab.tcp.sndq.sndq_pop`.
    now_ns : int64
        Time.

    Returns
    -------
    fresh, flag, rtt_ns : int64
        Segments freed that no SACK had reported; RETRANS_ACKED when one had been sent again, ORIGINAL_ACKED when one of
        before the loss had not; a round-trip time from a segment sent once, or -1.
    """
    row = tcbs.tcb[tcb]
    acked = np.int64(0)
    fresh = np.int64(0)
    flag = np.int64(0)
    rtt_ns = np.int64(-1)
    while row.sndq_head and row.sndq_head != row.send_head:
        s = skbs.skb[row.sndq_head]
        if seq_after(s.end_seq, row.snd_una):
            break
        if s.sacked & EVER_RETRANS:
            flag |= RETRANS_ACKED
        elif s.sacked & SACKED == 0:
            rtt_ns = now_ns - s.sent_ns
            if not seq_after(s.end_seq, row.high_seq):
                flag |= ORIGINAL_ACKED
        if s.sacked & SACKED == 0:
            rack_advance(row, s, now_ns)
            row.delivered += 1
            fresh += 1
        acked += 1
        row.bytes_acked += s.length
        sndq_pop(tcbs, skbs, tcb, pools, netmems, providers, trace)
    if row.sack_permitted == 0 and acked > 0:
        # Each of these may have been one of the duplicate ACKs counted.
        row.sacked_out = max(min(row.sacked_out - (acked - 1), row.packets_out - 1), 0)
    return fresh, flag, rtt_ns


@kernel
def _fin_acknowledged(tcbs, trace, tcb, now_ns):
    """Move on when the peer has acknowledged our FIN.

    Parameters
    ----------
    tcbs : Tcbs
        State and timers of the row.
    trace : Trace or None
        Receives tcp_state.
    tcb : int64
        Row whose FIN was sent and is covered by ``snd_una``.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    before = row.state
    after = tcp_event(tcbs, trace, tcb, EV_ACK_OF_FIN)
    if before == FIN_WAIT1 and after == FIN_WAIT2 and row.orphaned:
        row.timewait_at_ns = timer_at(tcbs, now_ns + FIN_TIMEOUT_NS)
        # Linux has only a small timewait sock from here on: tokens do not wait for the peer's FIN.
        tcp_reap_later(tcbs, tcb)
    elif before == CLOSING and after == TIME_WAIT:
        tcp_enter_time_wait(tcbs, tcb, now_ns)
    elif before == LAST_ACK:
        tcp_done(tcbs, tcb)


@kernel
def _tail_probe_answered(row, pkt, flag):
    """See whether the probe of the tail had repaired a loss: then the window falls as for any other.

    Parameters
    ----------
    row : TCB
        ``tlp_high_seq`` becomes 0 when the question is settled.
    pkt : PKT
        The acknowledgement.
    flag : int64
        What it was.

    References
    ----------
    RFC 8985 section 7.4.
    """
    if seq_before(pkt.ack_seq, row.tlp_high_seq):
        return
    if row.tlp_retrans == 0 or flag & DUPLICATE_SACK:
        row.tlp_high_seq = 0
    elif seq_after(pkt.ack_seq, row.tlp_high_seq):
        row.tlp_high_seq = 0
        tcp_enter_cwr(row)
    elif flag & SND_UNA_ADVANCED == 0 and pkt.sack_count == 0 and pkt.payload_bytes == 0:
        row.tlp_high_seq = 0        # the original had arrived, and this is what the probe brought back


@kernel
def tcp_ack_arrives(tcbs, txq, skbs, tcb, pkt, pools, netmems, providers, trace, now_ns):
    """Take in the acknowledgement, the SACK blocks and the window of a segment.

    Parameters
    ----------
    tcbs : Tcbs
        Everything about sending and, when our FIN is covered, the state.
    txq : TxQueue
        Grows by what may be sent now.
    skbs : Skbs
        Acknowledged skbs are freed, others marked.
    tcb : int64
        Row.
    pkt : PKT
        The segment.
    pools : PagePools
        Passed on.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        Gets pages back.
    trace : Trace or None
        Receives tcp_state, tcp_send, skb_free.
    now_ns : int64
        Time.

    Returns
    -------
    fine : int64
        0 when the segment must be dropped: it acknowledged what was never sent, or an age ago, and has been answered.
    """
    row = tcbs.tcb[tcb]
    # What was acknowledged before anything was sent is no old acknowledgement, however large the peer's window.
    reach = row.max_window
    if row.bytes_acked < ISS_IS_NEAR:
        reach = min(reach, seq_diff(row.snd_una, seq_add(row.iss, 1)))
    if seq_after(pkt.ack_seq, row.snd_nxt) or seq_before(pkt.ack_seq, seq_add(row.snd_una, -reach)):
        tcp_challenge(tcbs, txq, skbs, trace, tcb, now_ns)
        return 0
    row.heard_at_ns = now_ns
    row.probes = 0
    flag = 0
    fresh = np.int64(0)
    rtt_ns = np.int64(-1)
    if seq_before(pkt.ack_seq, row.snd_una):
        if pkt.sack_count == 0 or row.sack_permitted == 0:
            return 1
    packets_before = row.packets_out
    limited = row.cwnd_used >= row.cwnd or packets_in_flight(row) >= row.cwnd
    if seq_after(pkt.ack_seq, row.snd_una):
        flag |= SND_UNA_ADVANCED
        row.snd_una = pkt.ack_seq
        row.retries = 0
        row.backoff = 0
    changed = _take_window(tcbs, row, pkt)
    if row.sack_permitted and pkt.sack_count:
        fresh, duplicate, original, rtt_ns = tcp_sacktag(tcbs, skbs, tcb, pkt, now_ns)
        flag |= DUPLICATE_SACK * duplicate | ORIGINAL_ACKED * original
    if row.sndq_head:
        unreported, found, seq_rtt_ns = _clean_send_queue(tcbs, skbs, tcb, pools, netmems, providers, trace, now_ns)
        fresh += unreported
        flag |= found
        if seq_rtt_ns >= 0 and found & RETRANS_ACKED == 0:
            rtt_ns = seq_rtt_ns
    if rtt_ns < 0 and flag & SND_UNA_ADVANCED and row.timestamps and pkt.opt_timestamp and pkt.ts_ecr:
        rtt_ns = (((now_ns // NS_PER_MS) - pkt.ts_ecr) & U32) * NS_PER_MS
    if rtt_ns >= 0:
        tcp_rtt_sample(row, rtt_ns)
    if row.timestamps and pkt.opt_timestamp and row.retrans_stamp and flag & SND_UNA_ADVANCED:
        if seq_diff(pkt.ts_ecr, (row.retrans_stamp // NS_PER_MS) & U32) < 0:
            flag |= ECHO_IS_OLD
    if flag & SND_UNA_ADVANCED == 0 and pkt.payload_bytes == 0 and changed == 0 and row.packets_out and pkt.tcp_flags & 1 == 0:
        flag |= DUPLICATE_ACK
    if row.ecn and pkt.tcp_flags & (ECE | SYN) == ECE:
        flag |= ECN_ECHO
    if row.tlp_high_seq:
        _tail_probe_answered(row, pkt, flag)
    if packets_before or flag & DUPLICATE_SACK:
        if flag & SND_UNA_ADVANCED:
            tcp_rearm_rto(tcbs, tcb, now_ns)
        reduced = tcp_fastretrans_alert(tcbs, skbs, tcb, flag, fresh, now_ns)
        if reduced == 0 and fresh > 0 and limited:
            cong_avoid(row, fresh, now_ns)
            row.cwnd_used = 0
    elif row.rto_kind == TIMER_PROBE0 and row.snd_wnd:
        row.rto_kind = TIMER_RTO
        row.rto_at_ns = FAR_FUTURE
        row.backoff = 0
    if row.fin_sent and row.snd_una == row.write_seq and row.sndq_head == 0:
        _fin_acknowledged(tcbs, trace, tcb, now_ns)
    if row.sndq_head:
        tried = 0
        if row.frto == FRTO_WAIT and row.snd_nxt == row.high_seq:
            tried = tcp_write_xmit(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns)
        if row.lost_out > row.retrans_out and tried == 0:
            tcp_xmit_retransmit_queue(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns)
        tcp_write_xmit(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns)
        tcp_schedule_probe_of_tail(tcbs, tcb, now_ns)
    return 1
