"""Data arrive: in order, early, late or twice.

Law.   ``rcv_nxt`` only moves over octets that are queued; nothing is queued that begins beyond the window.
Reads. RFC 9293 section 3.10.7.4 (seventh and eighth); Linux net/ipv4/tcp_input.c (tcp_data_queue, tcp_fin).
Omits. Collapsing when memory is short, which moves bytes: `devmemlab.sock.collapse` has done it before a segment comes here.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after, seq_before, seq_diff
from devmemlab.base.trace import TCP_DROP, TCP_OFO, TCP_RCV, emit
from devmemlab.net.skb import skb_free
from devmemlab.tcp.ack import tcp_ack_later
from devmemlab.tcp.collapse import tcp_note_tight
from devmemlab.tcp.dsack import tcp_note_duplicate
from devmemlab.tcp.ecn import ecn_accept_cwr, ecn_data
from devmemlab.tcp.output import tcp_send_ack
from devmemlab.tcp.page_room import tcp_measure_pages
from devmemlab.tcp.prune import tcp_prune_ofo_queue
from devmemlab.tcp.queues import ofo_drain, ofo_insert, rcvq_append
from devmemlab.tcp.reap import tcp_enter_time_wait
from devmemlab.tcp.states import EV_FIN, TIME_WAIT, tcp_event
from devmemlab.tcp.window import tcp_measure_segment, tcp_receive_window

DROP_REASONS = ("no socket", "outside the window", "PAWS", "no ACK flag", "reset", "receive buffer full",
                "nothing new", "state takes no data", "listen queue full", "SYN in window")
(NO_SOCKET, OUTSIDE_WINDOW, PAWS, NO_ACK, RESET, RCVBUF_FULL, NOTHING_NEW, NO_DATA_STATE, BACKLOG_FULL,
 SYN_IN_WINDOW) = range(len(DROP_REASONS))

@kernel
def tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, reason):
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
def tcp_data_arrives(tcbs, txq, skbs, tcb, skb, pkt, pools, netmems, providers, trace, now_ns):
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
    ecn_accept_cwr(row, pkt)
    if not seq_before(s.seq, seq_add(row.rcv_nxt, tcp_receive_window(row))):
        # The window is shut, or ends here: a probe is answered, and its octet comes again.
        row.ack_now = 1
        tcp_ack_later(tcbs, tcb)
        tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, OUTSIDE_WINDOW)
        return
    tcp_note_duplicate(tcbs, skbs, tcb, s.seq, s.end_seq)
    if row.dsack_start != row.dsack_end:
        row.ack_now = 1
    if not seq_after(s.end_seq, row.rcv_nxt):
        row.rcv_rexmit += 1
        tcp_ack_later(tcbs, tcb)
        tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, NOTHING_NEW)
        return
    if row.rmem_alloc > row.rcvbuf and row.ofo_head:
        tcp_prune_ofo_queue(tcbs, skbs, tcb, s.seq, pools, netmems, providers, trace)
    if row.rmem_alloc > row.rcvbuf:
        tcbs.ctl[0].rcv_pruned += 1
        row.ack_now = 1
        tcp_ack_later(tcbs, tcb)
        tcp_discard(tcbs, skbs, tcb, skb, pools, netmems, providers, trace, RCVBUF_FULL)
        return
    # What GRO made is measured by the segments of the wire it stands for.
    segment = s.gso_size if s.gso_size > 0 else pkt.payload_bytes
    tcp_measure_segment(row, segment, pkt.payload_bytes, s.truesize)
    ecn_data(row, pkt)
    if s.unreadable:
        tcp_measure_pages(tcbs, row, s.data_len, s.nr_frags)
    if seq_after(s.seq, row.rcv_nxt):
        row.rcv_ooopack += 1
        emit(trace, TCP_OFO, tcb, s.seq, pkt.payload_bytes, skb)
        ofo_insert(tcbs, skbs, tcb, skb, pools, netmems, providers, trace)
        tcp_note_tight(tcbs, tcb)
        tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
        return
    emit(trace, TCP_RCV, tcb, s.seq, pkt.payload_bytes, skb)
    row.bytes_received += seq_diff(s.end_seq, row.rcv_nxt)
    row.rcv_nxt = s.end_seq
    rcvq_append(tcbs, skbs, tcb, skb)
    tcp_note_tight(tcbs, tcb)
    if row.ofo_head:
        before = row.rcv_nxt
        ofo_drain(tcbs, skbs, tcb, pools, netmems, providers, trace)
        row.bytes_received += seq_diff(row.rcv_nxt, before)
        row.ack_now = 1
    tcp_ack_later(tcbs, tcb)


@kernel
def tcp_fin_arrives(tcbs, txq, skbs, trace, tcb, now_ns):
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
