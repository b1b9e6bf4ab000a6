"""Listening: a SYN makes a child, the ACK of our SYN hands it to the listener.

Law.   A listener never changes state because of a segment; a child exists from its SYN on.
Reads. RFC 9293 section 3.10.7.2; RFC 6191 and RFC 1122 section 4.2.2.13 (a SYN for a connection in TIME-WAIT);
       Linux net/ipv4/tcp_minisocks.c.
Omits. SYN cookies, TCP Fast Open, data on a SYN (the peer sends it again).
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after
from devmemlab.tcp.ecn import ecn_take_syn
from devmemlab.tcp.lookup import tcp_hash
from devmemlab.tcp.output import ACK, RST, SYN, tcp_send_reset, tcp_send_synack, timer_at
from devmemlab.tcp.rtt import tcp_handshake_rtt
from devmemlab.tcp.split import tcp_sync_mss
from devmemlab.tcp.states import EV_ACK_OF_SYN, EV_SYN, LISTEN, tcp_event
from devmemlab.tcp.tcb import FAR_FUTURE, TCP_MSS_DEFAULT, next_iss, tcb_alloc
from devmemlab.tcp.validate import paws_rejects
from devmemlab.tcp.window import MAX_WSCALE, select_wscale, tcp_fit_scale


@kernel
def tcp_listen_rcv(tcbs, txq, skbs, trace, listener, pkt, nic, now_ns):
    """Take a segment that is for a listener.

    Parameters
    ----------
    tcbs : Tcbs
        A SYN takes a row.
    txq : TxQueue
        Grows by a SYN-ACK or a reset.
    skbs : Skbs
        Passed on.
    trace : Trace or None
        Receives tcp_state, tcp_send.
    listener : int64
        Row in LISTEN.
    pkt : PKT
        The segment.
    nic : int64
        Where it came in.
    now_ns : int64
        Time.

    Returns
    -------
    full : int64
        1 when a SYN was ignored because the backlog or the table is full.
    """
    if pkt.tcp_flags & RST:
        return 0
    if pkt.tcp_flags & ACK:
        tcp_send_reset(tcbs, txq, trace, pkt, nic)
        return 0
    if pkt.tcp_flags & SYN == 0:
        return 0
    parent = tcbs.tcb[listener]
    if parent.accept_count > parent.backlog:
        tcbs.ctl[0].listen_overflows += 1
        tcbs.ctl[0].listen_drops += 1
        return 1
    tcb = tcb_alloc(tcbs)
    if tcb == 0:
        tcbs.ctl[0].listen_drops += 1
        return 1
    row = tcbs.tcb[tcb]
    row.listener = listener
    row.nic = nic
    row.ip_version = pkt.ip_version
    row.laddr_hi = pkt.daddr_hi
    row.laddr_lo = pkt.daddr_lo
    row.raddr_hi = pkt.saddr_hi
    row.raddr_lo = pkt.saddr_lo
    row.lport = pkt.dport
    row.rport = pkt.sport
    row.peer_mac = pkt.src_mac
    row.rcvbuf = parent.rcvbuf
    row.sndbuf = parent.sndbuf
    row.advmss = parent.advmss
    row.congestion = parent.congestion
    row.nodelay = parent.nodelay
    row.zerocopy = parent.zerocopy
    row.keepalive = parent.keepalive
    row.user_timeout_ns = parent.user_timeout_ns
    tcp_inherit_reading(row, parent)
    row.rx_queue = tcbs.ctl[0].rx_queue
    tcp_take_syn(row, pkt, now_ns)
    tcp_fit_scale(tcbs, row)
    ecn_take_syn(tcbs.ctl[0], row, pkt)
    tcp_take_iss(tcbs, row)
    tcp_event(tcbs, trace, tcb, EV_SYN)
    tcp_hash(tcbs, tcb)
    tcp_send_synack(tcbs, txq, skbs, trace, tcb, now_ns)
    return 0


@kernel
def tcp_inherit_reading(row, parent):
    """Give a child what its listener was told about reading.

    Parameters
    ----------
    row : TCB
        The child.
    parent : TCB
        The listener.
    """
    row.rcvlowat = parent.rcvlowat
    row.rcvbuf_locked = parent.rcvbuf_locked
    row.rcvtimeo_ns = parent.rcvtimeo_ns
    row.sndtimeo_ns = parent.sndtimeo_ns
    row.peek_off = parent.peek_off
    row.oobinline = parent.oobinline
    row.recvmsg_inq = parent.recvmsg_inq


@kernel
def tcp_may_follow(row, pkt, now_ns):
    """Tell whether a SYN may open a new connection in the place of one in TIME_WAIT.

    Parameters
    ----------
    row : TCB
        A connection in TIME_WAIT.
    pkt : PKT
        The segment.
    now_ns : int64
        Time.

    Returns
    -------
    may : bool
        Its sequence number or its timestamp is later than all that the old connection saw, so that no old segment can be
        taken for one of the new.
    """
    if pkt.tcp_flags & (SYN | ACK | RST) != SYN or paws_rejects(row, pkt, now_ns):
        return False
    later = row.timestamps and pkt.opt_timestamp and seq_after(pkt.ts_val, row.ts_recent)
    return bool(later) or seq_after(pkt.seq, row.rcv_nxt)


@kernel
def tcp_take_iss(tcbs, row):
    """Choose the initial sequence number and begin to send behind it.

    Parameters
    ----------
    tcbs : Tcbs
        The generator advances.
    row : TCB
        Send side.
    """
    row.iss = next_iss(tcbs)
    row.snd_una = row.iss
    row.snd_nxt = seq_add(row.iss, 1)
    row.write_seq = row.snd_nxt
    row.snd_sml = row.snd_nxt


@kernel
def tcp_init_transfer(tcbs, row, now_ns):
    """Fix what both sides' options decide: how much fits a segment, and when to look after a silent peer.

    Parameters
    ----------
    tcbs : Tcbs
        The path MTU; the earliest timer.
    row : TCB
        A connection about to be established.
    now_ns : int64
        Time.
    """
    row.max_window = max(row.max_window, row.snd_wnd)
    tcp_sync_mss(tcbs, row)
    row.heard_at_ns = now_ns
    if row.keepalive:
        row.keepalive_at_ns = timer_at(tcbs, now_ns + row.keepidle_ns)


@kernel
def tcp_take_syn(row, pkt, now_ns):
    """Note what a SYN says about the peer.

    Parameters
    ----------
    row : TCB
        Receive side, options and window of the connection.
    pkt : PKT
        A segment with SYN.
    now_ns : int64
        Time.
    """
    row.irs = pkt.seq
    row.rcv_nxt = seq_add(pkt.seq, 1)
    row.rcv_wup = row.rcv_nxt
    row.copied_seq = row.rcv_nxt
    row.snd_wnd = pkt.window
    row.snd_wl1 = pkt.seq
    row.max_window = pkt.window
    row.mss = pkt.opt_mss if pkt.opt_mss > 0 else TCP_MSS_DEFAULT
    # What is switched off here is not taken from the peer either.
    row.snd_wscale = min(pkt.opt_wscale, MAX_WSCALE) if row.snd_wscale >= 0 else -1    # RFC 7323 section 2.3
    row.rcv_wscale = select_wscale(row.rcvbuf) if row.snd_wscale >= 0 else 0
    row.sack_permitted &= pkt.opt_sack_permitted
    row.timestamps &= pkt.opt_timestamp
    row.ts_recent = pkt.ts_val
    row.ts_recent_at_ns = now_ns


@kernel
def tcp_child_established(tcbs, trace, tcb, pkt, now_ns):
    """Hand a child whose handshake is complete to its listener.

    Parameters
    ----------
    tcbs : Tcbs
        State of the child, accept queue of the listener.
    trace : Trace or None
        Receives tcp_state.
    tcb : int64
        Row in SYN_RECV.
    pkt : PKT
        The segment that completes the handshake.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    tcp_event(tcbs, trace, tcb, EV_ACK_OF_SYN)
    row.snd_wl1 = pkt.seq
    row.snd_wl2 = pkt.ack_seq
    row.snd_wnd = pkt.window if pkt.tcp_flags & SYN else pkt.window << max(row.snd_wscale, 0)
    row.rto_at_ns = FAR_FUTURE
    tcp_handshake_rtt(row, pkt, now_ns)
    tcp_init_transfer(tcbs, row, now_ns)
    if row.listener == 0:
        return
    parent = tcbs.tcb[row.listener]
    if parent.state != LISTEN:
        return
    row.accept_next = 0
    if parent.accept_tail:
        tcbs.tcb[parent.accept_tail].accept_next = tcb
    else:
        parent.accept_head = tcb
    parent.accept_tail = tcb
    parent.accept_count += 1
