"""Sending: when the next unsent segment may go.

Law.   Nothing leaves beyond the peer's window, nor more packets than the congestion window; small segments wait as Nagle says.
Reads. RFC 9293 section 3.8.6.2.1 and 3.7.4 (silly window, Nagle); RFC 5681; Linux net/ipv4/tcp_output.c (tcp_write_xmit,
       tcp_snd_wnd_test, tcp_mss_split_point, tcp_write_wakeup).
Omits. Pacing, autocorking, probing for a larger path MTU.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after, seq_diff
from devmemlab.tcp.congestion import cwnd_after_idle
from devmemlab.tcp.output import ACK, PSH, TIMER_PROBE0, TIMER_RTO, TIMER_TLP, tcp_transmit, tcp_transmit_skb, timer_at
from devmemlab.tcp.sndq import packets_in_flight
from devmemlab.tcp.split import sndq_split
from devmemlab.tcp.states import CLOSE, CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT1, LAST_ACK
from devmemlab.tcp.tcb import FAR_FUTURE, NS_PER_MS, RTO_MAX_NS

CA_OPEN, CA_DISORDER, CA_CWR, CA_RECOVERY, CA_LOSS = range(5)
CA_STATES = ("Open", "Disorder", "CWR", "Recovery", "Loss")
TLP_ALONE_NS = 200 * NS_PER_MS


@kernel
def tcp_may_send(row):
    """Tell whether a connection is in a state that carries its data.

    Parameters
    ----------
    row : TCB
        A connection.

    Returns
    -------
    may : bool
        True from ESTABLISHED until our FIN is acknowledged.
    """
    return (row.state == ESTABLISHED or row.state == CLOSE_WAIT or row.state == FIN_WAIT1 or row.state == CLOSING
            or row.state == LAST_ACK)


@kernel
def _small_may_not(row):
    """Tell whether a small segment would have to wait now.

    Parameters
    ----------
    row : TCB
        A connection.

    Returns
    -------
    wait : bool
        It is corked, or Nagle's rule is on and another small one is out.
    """
    small_out = seq_after(row.snd_sml, row.snd_una) and not seq_after(row.snd_sml, row.snd_nxt)
    return bool(row.cork) or (row.nodelay == 0 and row.packets_out > 0 and small_out)


@kernel
def _held_back(row, s):
    """Tell whether Nagle, Minshall's version of it, or a cork holds a small segment back.

    Parameters
    ----------
    row : TCB
        A connection.
    s : SKB
        The next unsent skb.

    Returns
    -------
    held : bool
        Never for a full segment, nor for one with FIN, nor for one that others wait behind.
    """
    if s.length >= row.mss_now or s.tcp_flags & 1 or s.next:
        return False
    return _small_may_not(row)


@kernel
def tcp_send_skb(tcbs, txq, skbs, trace, tcb, skb, now_ns):
    """Put a copy of an skb on the wire and note when.

    Parameters
    ----------
    tcbs, txq, skbs, trace, tcb, skb, now_ns
        See `devmemlab.tcp.output.tcp_transmit_skb`.

    Returns
    -------
    sent : int64
        1, or 0 when the queue of segments is full.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[skb]
    if tcp_transmit_skb(tcbs, txq, skbs, trace, tcb, skb, s.tcp_flags | ACK, s.seq, now_ns) == 0:
        return 0
    s.sent_ns = now_ns
    row.last_sent_ns = now_ns
    if s.length:
        row.data_segs_out += 1
        row.bytes_sent += s.length
    return 1


@kernel
def _send_new(tcbs, txq, skbs, trace, tcb, now_ns):
    """Send the first unsent skb and count it as out.

    Parameters
    ----------
    tcbs, txq, skbs, trace, tcb, now_ns
        See `tcp_write_xmit`; the row has an unsent skb.

    Returns
    -------
    sent : int64
        1, or 0 when the queue of segments is full.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[row.send_head]
    if tcp_send_skb(tcbs, txq, skbs, trace, tcb, row.send_head, now_ns) == 0:
        return 0
    if 0 < s.length < row.mss_now:
        row.snd_sml = s.end_seq
    row.snd_nxt = s.end_seq
    row.send_head = s.next
    row.packets_out += 1
    if row.packets_out == 1 or row.rto_at_ns == FAR_FUTURE:
        tcp_rearm_rto(tcbs, tcb, now_ns)
    return 1


@kernel
def tcp_write_xmit(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns):
    """Send what may go now.

    Parameters
    ----------
    tcbs : Tcbs
        ``snd_nxt``, ``send_head``, ``packets_out``, timers of the row.
    txq : TxQueue
        Grows by a segment for each skb sent.
    skbs : Skbs
        Sent ones carry their time; one that the peer's window ends in may be cut there.
    netmems : NETMEM[n_netmem]
        Reference counts of pages,
    providers : Providers
        and of bindings.
    trace : Trace or None
        Receives tcp_send.
    tcb : int64
        Row.
    now_ns : int64
        Time.

    Returns
    -------
    sent : int64
        Segments.
    """
    row = tcbs.tcb[tcb]
    sent = 0
    if not tcp_may_send(row):
        return sent
    edge = seq_add(row.snd_una, row.snd_wnd)
    if row.packets_out == 0 and row.send_head:
        cwnd_after_idle(row, now_ns)
    follows = False
    while row.send_head:
        s = skbs.skb[row.send_head]
        if packets_in_flight(row) >= row.cwnd:
            break
        usable = seq_diff(edge, s.seq)
        if s.length > usable:
            # What begins at the edge waits for room; what only reaches beyond it, behind full segments, is cut there.
            if not follows or usable <= 0 or _small_may_not(row):
                break
            if sndq_split(tcbs, skbs, netmems, providers, tcb, row.send_head, usable) <= 0:
                break
        elif _held_back(row, s):
            break
        follows = s.length >= row.mss_now
        if _send_new(tcbs, txq, skbs, trace, tcb, now_ns) == 0:
            break
        sent += 1
    row.cwnd_used = max(row.cwnd_used, packets_in_flight(row))
    if row.ca_state == CA_CWR or row.ca_state == CA_RECOVERY:
        row.prr_out += sent
    if sent:
        tcp_schedule_probe_of_tail(tcbs, tcb, now_ns)
    elif row.send_head and row.packets_out == 0 and row.rto_at_ns == FAR_FUTURE:
        row.rto_kind = TIMER_PROBE0
        row.rto_at_ns = timer_at(tcbs, now_ns + row.rto_ns)
    return sent


@kernel
def tcp_rearm_rto(tcbs, tcb, now_ns):
    """Start the retransmission timer again, or stop it when nothing is out.

    Parameters
    ----------
    tcbs : Tcbs
        The row's timer.
    tcb : int64
        Row.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    row.rto_kind = TIMER_RTO
    if row.packets_out == 0:
        row.rto_at_ns = FAR_FUTURE
        return
    row.rto_at_ns = timer_at(tcbs, now_ns + min(row.rto_ns, RTO_MAX_NS))


@kernel
def tcp_schedule_probe_of_tail(tcbs, tcb, now_ns):
    """Replace the retransmission timer by the earlier tail-loss probe where that is allowed.

    Parameters
    ----------
    tcbs : Tcbs
        The row's timer.
    tcb : int64
        Row.
    now_ns : int64
        Time.

    References
    ----------
    RFC 8985 section 7.2; a lone packet waits longer, for the peer may delay its ACK.
    """
    row = tcbs.tcb[tcb]
    if row.packets_out == 0 or row.sack_permitted == 0 or row.ca_state > CA_DISORDER or row.sacked_out:
        return
    if row.srtt_ns == 0 or row.tlp_high_seq:
        return
    timeout = 2 * row.srtt_ns + (TLP_ALONE_NS if row.packets_out == 1 else 2 * NS_PER_MS)
    # A probe takes the place of the timeout also where it would come later: it costs no window.
    if row.rto_kind == TIMER_RTO or now_ns + timeout < row.rto_at_ns:
        row.rto_kind = TIMER_TLP
        row.rto_at_ns = timer_at(tcbs, min(row.rto_at_ns, now_ns + timeout))


@kernel
def tcp_write_wakeup(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns):
    """Make the peer say where its window is.

    Parameters
    ----------
    tcbs : Tcbs
        Counters.
    txq : TxQueue
        Grows by a segment: the next data when the window takes it, else an empty one with an old sequence number.
    skbs : Skbs
        The next unsent skb may be cut.
    netmems : NETMEM[n_netmem]
        Reference counts of pages,
    providers : Providers
        and of bindings.
    trace : Trace or None
        Receives tcp_send.
    tcb : int64
        Row.
    now_ns : int64
        Time.

    Notes
    -----
    This is where silly-window avoidance ends: what was held back long enough goes, however little fits (RFC 9293 section
    3.8.6.2.1, the override timer).
    """
    row = tcbs.tcb[tcb]
    if row.state == CLOSE:
        return
    if row.send_head:
        if tcp_write_xmit(tcbs, txq, skbs, netmems, providers, trace, tcb, now_ns):
            return
        s = skbs.skb[row.send_head]
        usable = seq_diff(seq_add(row.snd_una, row.snd_wnd), s.seq)
        if usable > 0 and (s.length <= usable or sndq_split(tcbs, skbs, netmems, providers, tcb, row.send_head, usable) > 0):
            s.tcp_flags |= PSH
            if _send_new(tcbs, txq, skbs, trace, tcb, now_ns):
                return
    tcp_transmit(tcbs, txq, skbs, trace, tcb, ACK, seq_add(row.snd_una, -1), now_ns)
