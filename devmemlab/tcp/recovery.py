"""Recovery: from the first sign of loss until everything that was out then is acknowledged.

Law.   The window falls once for each round trip with losses, and comes back when the losses turn out to be none.
Reads. RFC 6675, RFC 6582 (without SACK), RFC 6937 (proportional rate reduction), RFC 3522 (Eifel), RFC 5682 (F-RTO);
       Linux net/ipv4/tcp_input.c (tcp_fastretrans_alert, tcp_cwnd_reduction, tcp_process_loss).
Omits. Holding on to Recovery without SACK until something beyond its end is acknowledged.

::

    Open --SACK or duplicate ACK--> Disorder --loss--> Recovery --all acknowledged--> Open
      \\________________________ timeout ____________> Loss ______________________/
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_before
from devmemlab.tcp.congestion import cong_ssthresh
from devmemlab.tcp.rack import rack_mark_lost
from devmemlab.tcp.sndq import LOST, RETRANS, SACKED, packets_in_flight, sndq_tag, sndq_untag
from devmemlab.tcp.tcb import TCP_INFINITE_SSTHRESH, TCP_REORDERING
from devmemlab.tcp.undo import (
    DUPLICATE_ACK,
    DUPLICATE_SACK,
    ECN_ECHO,
    FRTO_NEW,
    FRTO_OFF,
    SND_UNA_ADVANCED,
    forward_rto,
    may_undo,
    tcp_undo,
)
from devmemlab.tcp.xmit import CA_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, CA_RECOVERY


@kernel
def _begin(row, state):
    """Enter a state in which the window is smaller.

    Parameters
    ----------
    row : TCB
        Window, threshold, and what is needed to undo both.
    state : int64
        CA_RECOVERY, CA_CWR or CA_LOSS.
    """
    again = state == CA_LOSS and (row.ca_state == CA_LOSS or row.ca_state == CA_RECOVERY)
    if not again or not seq_before(row.snd_una, row.high_seq):
        row.prior_ssthresh = row.ssthresh
        row.prior_cwnd = row.cwnd
        row.ssthresh = cong_ssthresh(row)
        row.undo_marker = 0 if state == CA_CWR else row.snd_una + 1
        row.undo_retrans = row.retrans_out if row.retrans_out else -1
        row.retrans_stamp = 0
    row.high_seq = row.snd_nxt
    row.ecn_cwr = row.ecn
    row.tlp_high_seq = 0
    row.prr_delivered = 0
    row.prr_out = 0
    row.cwnd_cnt = 0
    row.frto = FRTO_OFF
    row.ca_state = state


@kernel
def tcp_enter_recovery(row):
    """Start fast recovery.

    Parameters
    ----------
    row : TCB
        See `_begin`.
    """
    _begin(row, CA_RECOVERY)


@kernel
def tcp_enter_loss(tcbs, skbs, tcb):
    """Answer a retransmission timeout: what is out is lost, and one packet may go.

    Parameters
    ----------
    tcbs : Tcbs
        State, window and counters of the row.
    skbs : Skbs
        Marks.
    tcb : int64
        Row.

    References
    ----------
    RFC 5681 section 3.1 equation 4, RFC 6675 section 5.1 (what the peer has selectively acknowledged stays so).
    """
    row = tcbs.tcb[tcb]
    _begin(row, CA_LOSS)
    # A second timeout of the same data leaves no doubt (RFC 5682 section 2.1).
    row.frto = FRTO_NEW if row.retries <= 1 else FRTO_OFF
    if row.sack_permitted == 0:
        row.sacked_out = 0
    # A peer that reported the very first octets and does not acknowledge them has dropped what it reported.
    forgets = row.sndq_head and skbs.skb[row.sndq_head].sacked & SACKED
    skb = row.sndq_head
    while skb and skb != row.send_head:
        s = skbs.skb[skb]
        if forgets:
            sndq_untag(row, s, SACKED)
        if s.sacked & SACKED == 0:
            sndq_untag(row, s, RETRANS)
            sndq_tag(row, s, LOST)
        skb = s.next
    row.cwnd = packets_in_flight(row) + 1


@kernel
def tcp_enter_cwr(row):
    """Make the window smaller without anything to send again: the network asked for it, or a probe repaired a loss.

    Parameters
    ----------
    row : TCB
        See `_begin`; nothing changes while the window is being made smaller already.
    """
    if row.ca_state < CA_CWR:
        _begin(row, CA_CWR)


@kernel
def tcp_cwnd_reduction(row, delivered, lost, flag):
    """Let the window follow what is delivered down to the threshold.

    Parameters
    ----------
    row : TCB
        ``cwnd`` in Recovery.
    delivered : int64
        Packets that this acknowledgement shows delivered.
    lost : int64
        Packets newly marked lost.
    flag : int64
        What the acknowledgement was.

    References
    ----------
    RFC 6937, with the slow-start reduction bound when progress is made without new losses.
    """
    if delivered <= 0 or row.prior_cwnd == 0:
        return
    flight = packets_in_flight(row)
    delta = row.ssthresh - flight
    row.prr_delivered += delivered
    if delta < 0:
        allowed = (row.ssthresh * row.prr_delivered + row.prior_cwnd - 1) // row.prior_cwnd - row.prr_out
    else:
        allowed = max(row.prr_delivered - row.prr_out, delivered)
        if flag & SND_UNA_ADVANCED and lost == 0:
            allowed += 1
        allowed = min(delta, allowed)
    row.cwnd = flight + max(allowed, 0 if row.prr_out else 1)


@kernel
def _mark_head_lost(row, skbs):
    """Without SACK, the third duplicate ACK says that the first segment is missing.

    Parameters
    ----------
    row : TCB
        Counters.
    skbs : Skbs
        The first sent skb is marked.
    """
    if row.sndq_head and row.sndq_head != row.send_head:
        s = skbs.skb[row.sndq_head]
        sndq_untag(row, s, RETRANS)
        sndq_tag(row, s, LOST)


@kernel
def _add_duplicate_ack(row):
    """Without SACK, a duplicate ACK stands for one segment that has arrived.

    Parameters
    ----------
    row : TCB
        ``sacked_out``, never so large that nothing would be missing.
    """
    row.sacked_out = min(row.sacked_out + 1, max(row.packets_out - 1, 0))


@kernel
def tcp_fastretrans_alert(tcbs, skbs, tcb, flag, delivered, now_ns):
    """Take in what an acknowledgement says about loss.

    Parameters
    ----------
    tcbs : Tcbs
        State and window of the row.
    skbs : Skbs
        Marks of loss.
    tcb : int64
        Row.
    flag : int64
        What the acknowledgement was.
    delivered : int64
        Packets newly acknowledged, selectively or not.
    now_ns : int64
        Time.

    Returns
    -------
    reduced : int64
        1 when the window was set here, 0 when it may grow by the congestion rule.
    """
    row = tcbs.tcb[tcb]
    lost_before = row.lost_out
    if flag & ECN_ECHO:
        row.prior_ssthresh = 0
    # The data that say CWR lie behind the end of a reduction: until they are acknowledged ECE is no news.
    over = row.ca_state >= CA_CWR and not seq_before(row.snd_una, row.high_seq)
    if over and (row.ca_state != CA_CWR or row.snd_una != row.high_seq):
        if may_undo(row, flag):
            tcp_undo(tcbs, skbs, tcb)
        elif row.ca_state != CA_LOSS:
            row.cwnd = max(row.ssthresh, 2) if row.ssthresh < TCP_INFINITE_SSTHRESH else row.cwnd
        row.ca_state = CA_DISORDER if row.sacked_out else CA_OPEN
        row.retrans_stamp = 0
        row.frto = FRTO_OFF
        if row.sack_permitted == 0:
            row.undo_marker = 0
            row.sacked_out = 0
    elif row.ca_state >= CA_RECOVERY and may_undo(row, flag):
        tcp_undo(tcbs, skbs, tcb)
    elif row.ca_state == CA_LOSS and forward_rto(row, flag):
        tcp_undo(tcbs, skbs, tcb)
    elif row.ca_state <= CA_DISORDER and flag & DUPLICATE_SACK and row.undo_marker and row.undo_retrans == 0:
        tcp_undo(tcbs, skbs, tcb)       # the report came after all had been acknowledged
    if row.sack_permitted == 0:
        if flag & SND_UNA_ADVANCED and row.ca_state <= CA_DISORDER:
            row.sacked_out = 0
        if flag & DUPLICATE_ACK:
            _add_duplicate_ack(row)
    if row.sack_permitted:
        rack_mark_lost(tcbs, skbs, tcb, now_ns)
    elif row.ca_state == CA_RECOVERY and flag & SND_UNA_ADVANCED:
        _mark_head_lost(row, skbs)      # a partial acknowledgement: the next hole, RFC 6582
    elif row.ca_state <= CA_DISORDER and row.sacked_out >= TCP_REORDERING:
        _mark_head_lost(row, skbs)
    if row.ca_state <= CA_DISORDER:
        if row.lost_out == 0:
            row.ca_state = CA_DISORDER if row.sacked_out else CA_OPEN
            if flag & ECN_ECHO == 0:
                return 0
            tcp_enter_cwr(row)
        else:
            tcp_enter_recovery(row)
    if row.ca_state == CA_LOSS:
        return 0
    tcp_cwnd_reduction(row, delivered, row.lost_out - lost_before, flag)
    return 1
