"""Undo: a loss that was declared, and turns out to be none.

Law.   What the window was before comes back whole, and only on proof: a duplicate report for every segment sent again,
       an echo older than the first of them, or the arrival of data that were never sent again.
Reads. RFC 3522 (Eifel), RFC 3708 (duplicate reports), RFC 5682 (F-RTO); Linux net/ipv4/tcp_input.c (tcp_may_undo,
       tcp_process_loss).
Omits. Undoing a timeout of the handshake.
"""

from devmemlab.base.kernel import kernel
from devmemlab.tcp.sndq import LOST, sndq_untag
from devmemlab.tcp.xmit import CA_DISORDER, CA_OPEN

SND_UNA_ADVANCED, DUPLICATE_ACK, DUPLICATE_SACK, RETRANS_ACKED, ECHO_IS_OLD, ORIGINAL_ACKED, ECN_ECHO = (
    1 << _k for _k in range(7))
"""What an acknowledgement was, as bits: it moved ``snd_una``; it moved nothing and carried nothing; it reported data that
came twice; it covered data sent more than once; its timestamp echo is older than the first retransmission;
it covered, or reported, data that were out when loss was declared and were sent only once; it said that a packet was marked."""
FRTO_OFF, FRTO_NEW, FRTO_WAIT = range(3)


@kernel
def tcp_undo(tcbs, skbs, tcb):
    """Give the window back: nothing had been lost.

    Parameters
    ----------
    tcbs : Tcbs
        Window, threshold, state.
    skbs : Skbs
        Marks of loss are taken back.
    tcb : int64
        Row.
    """
    row = tcbs.tcb[tcb]
    skb = row.sndq_head
    while skb and skb != row.send_head:
        sndq_untag(row, skbs.skb[skb], LOST)
        skb = skbs.skb[skb].next
    # A mark is no mistake: with one heard there is nothing to give back.
    if row.prior_ssthresh:
        row.cwnd = max(row.cwnd, row.prior_cwnd)
        row.ecn_cwr = 0
    if row.prior_ssthresh > row.ssthresh:
        row.ssthresh = row.prior_ssthresh
    row.undo_marker = 0
    row.retrans_stamp = 0
    row.frto = FRTO_OFF
    row.ca_state = CA_DISORDER if row.sacked_out else CA_OPEN


@kernel
def forward_rto(row, flag):
    """Find out whether a timeout was needless, by sending new data instead of old.

    Parameters
    ----------
    row : TCB
        ``frto`` and ``high_seq`` in Loss.
    flag : int64
        What the acknowledgement was.

    Returns
    -------
    needless : int64
        1 when data that were out at the timeout, and not sent again, have arrived.

    References
    ----------
    RFC 5682 sections 2.1 and 3.1: the first acknowledgement that makes progress lets two new segments go; the next decides.
    """
    if row.frto == FRTO_OFF:
        return 0
    if flag & ORIGINAL_ACKED:
        return 1
    if row.frto == FRTO_WAIT:
        row.frto = FRTO_OFF
    elif flag & SND_UNA_ADVANCED and row.send_head:
        row.high_seq = row.snd_nxt
        row.frto = FRTO_WAIT
    elif flag & (SND_UNA_ADVANCED | DUPLICATE_ACK):
        row.frto = FRTO_OFF
    return 0


@kernel
def may_undo(row, flag):
    """Tell whether every retransmission has proved needless.

    Parameters
    ----------
    row : TCB
        A connection.
    flag : int64
        What the acknowledgement was.

    Returns
    -------
    may : bool
        The peer reported each of them as a duplicate, or echoes a time before the first.
    """
    if row.undo_marker == 0:
        return False
    return row.undo_retrans == 0 or flag & ECHO_IS_OLD != 0
