"""Sending again what was lost, as far as both windows allow.

Law.   What is sent again is counted, marked, and no longer than the peer's window: a window that shrank cuts it.
Reads. RFC 9293 section 3.8.6, RFC 6675; Linux net/ipv4/tcp_output.c (__tcp_retransmit_skb, tcp_xmit_retransmit_queue).
Omits. Whatever decides what is lost: `devmemlab.tcp.rack`, `devmemlab.tcp.recovery` and the timers do.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_diff
from devmemlab.tcp.sndq import EVER_RETRANS, LOST, RETRANS, SACKED, packets_in_flight, sndq_tag
from devmemlab.tcp.split import sndq_split, tcp_retrans_try_collapse
from devmemlab.tcp.xmit import CA_CWR, CA_RECOVERY, tcp_rearm_rto, tcp_send_skb


@kernel
def tcp_retransmit_skb(tcbs, txq, skbs, netmems, providers, trace, tcb, skb, now_ns):
    """Send an skb again.

    Parameters
    ----------
    tcbs : Tcbs
        Counters of the row.
    txq : TxQueue
        Grows by a segment.
    skbs : Skbs
        The skb is marked, cut where the peer's window ends, or joined by small ones behind it.
    netmems : NETMEM[n_netmem]
        Reference counts of pages,
    providers : Providers
        and of bindings.
    trace : Trace or None
        Receives tcp_send.
    tcb, skb : int64
        Rows of the connection and of an skb that was sent.
    now_ns : int64
        Time.

    Returns
    -------
    sent : int64
        1, or 0 when the peer's window or the queue of segments has no room.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[skb]
    edge = seq_add(row.snd_una, row.snd_wnd)
    usable = seq_diff(edge, s.seq)
    if usable <= 0 and s.seq != row.snd_una:
        return 0
    # The first segment goes whole when nothing fits: it is what probes a window that was shut behind it.
    if 0 < usable < s.length:
        if sndq_split(tcbs, skbs, netmems, providers, tcb, skb, usable) <= 0:
            return 0
    elif s.length < row.mss_now:
        tcp_retrans_try_collapse(tcbs, skbs, tcb, skb, edge)
    if tcp_send_skb(tcbs, txq, skbs, trace, tcb, skb, now_ns) == 0:
        return 0
    sndq_tag(row, s, RETRANS | EVER_RETRANS)
    if row.retrans_stamp == 0:
        row.retrans_stamp = max(now_ns, 1)
    row.undo_retrans = max(row.undo_retrans, 0) + 1
    row.total_retrans += 1
    tcbs.ctl[0].retrans_segs += 1
    row.bytes_retrans += s.length
    return 1


@kernel
def tcp_xmit_retransmit_queue(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns):
    """Send again what is marked lost, as far as the congestion window allows.

    Parameters
    ----------
    tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns
        See `tcp_retransmit_skb`.
    """
    row = tcbs.tcb[tcb]
    skb = row.sndq_head
    while skb and skb != row.send_head and row.lost_out > row.retrans_out:
        if packets_in_flight(row) >= row.cwnd:
            break
        s = skbs.skb[skb]
        if s.sacked & LOST and s.sacked & (SACKED | RETRANS) == 0:
            if tcp_retransmit_skb(tcbs, txq, skbs, netmems, providers, trace, tcb, skb, now_ns) == 0:
                break
            if row.ca_state == CA_RECOVERY or row.ca_state == CA_CWR:
                row.prr_out += 1
            if row.ca_state == CA_RECOVERY:
                tcbs.ctl[0].fast_retrans += 1
            if skb == row.sndq_head:
                tcp_rearm_rto(tcbs, tcb, now_ns)
        skb = s.next
