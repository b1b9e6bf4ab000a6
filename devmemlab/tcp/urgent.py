"""Urgent data: where the mark is, and how much can be read before it.

Law.   The mark is a sequence number; the octet stays where it lies, and nobody here looks at it.
Reads. RFC 9293 section 3.8.5, RFC 6093; Linux net/ipv4/tcp_input.c (tcp_urg, tcp_check_urg), net/ipv4/tcp.c (tcp_inq).
Omits. SIGURG and tcp_stdurg. Linux copies the urgent octet out of the segment when it arrives, which a released kernel did not
       survive where no CPU can read it; here it is looked for when the program asks (`devmemlab.sock.urgent`). An octet
       whose segment was dropped for lack of room is therefore there only when it has come again.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_after, seq_before, seq_diff
from devmemlab.tcp.output import URG
from devmemlab.tcp.queues import rcvq_eat
from devmemlab.tcp.states import SYN_RECV, SYN_SENT, TIME_WAIT

URG_NONE, URG_NOTYET, URG_VALID, URG_READ = range(4)


@kernel
def _check_urg(tcbs, skbs, tcb, pkt, pools, netmems, providers, trace):
    """Look at an urgent pointer.

    Parameters
    ----------
    tcbs : Tcbs
        The mark of the row may move; an old urgent octet at the reader's place is passed over.
    skbs : Skbs
        The first skb is freed when that octet was its last.
    tcb : int64
        Row.
    pkt : PKT
        A segment with URG.
    pools, netmems, providers, trace
        See `tcp_urg`.
    """
    row = tcbs.tcb[tcb]
    # Everybody sends a pointer to behind the octet, whatever the RFC meant.
    mark = seq_add(pkt.seq, pkt.urg_ptr - 1 if pkt.urg_ptr > 0 else 0)
    if seq_after(row.copied_seq, mark) or seq_before(mark, row.rcv_nxt):
        return
    if row.urg_state != URG_NONE and not seq_after(mark, row.urg_seq):
        return
    at_old_mark = row.urg_state != URG_NONE and row.urg_seq == row.copied_seq
    if at_old_mark and row.oobinline == 0 and row.copied_seq != row.rcv_nxt:
        # The old octet will not be asked for any more, and must not become data.
        row.copied_seq = seq_add(row.copied_seq, 1)
        head = row.rcvq_head
        if head and not seq_before(row.copied_seq, skbs.skb[head].end_seq):
            rcvq_eat(tcbs, skbs, tcb, pools, netmems, providers, trace)
    row.urg_state = URG_NOTYET
    row.urg_seq = mark


@kernel
def tcp_urg(tcbs, skbs, tcb, pkt, pools, netmems, providers, trace):
    """Take note of urgent data in a segment, before it is queued.

    Parameters
    ----------
    tcbs : Tcbs
        Mark and state of the row.
    skbs : Skbs
        See `_check_urg`.
    tcb : int64
        Row.
    pkt : PKT
        The segment.
    pools : PagePools
        Frags of a freed skb return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives skb_free.
    """
    row = tcbs.tcb[tcb]
    if row.state == TIME_WAIT:
        return
    if pkt.tcp_flags & URG:
        row.urgent_in += 1
        _check_urg(tcbs, skbs, tcb, pkt, pools, netmems, providers, trace)
    if row.urg_state == URG_NOTYET and 0 <= seq_diff(row.urg_seq, pkt.seq) < pkt.payload_bytes:
        row.urg_state = URG_VALID


@kernel
def tcp_inq(row):
    """Count what can be read before the mark (SIOCINQ).

    Parameters
    ----------
    row : TCB
        Receive side.

    Returns
    -------
    octets : int64
        In order and not read; the end of the stream does not count.
    """
    if row.state == SYN_SENT or row.state == SYN_RECV:
        return np.int64(0)
    waiting = np.int64(seq_diff(row.rcv_nxt, row.copied_seq))
    if row.oobinline == 0 and row.urg_state != URG_NONE:
        to_mark = np.int64(seq_diff(row.urg_seq, row.copied_seq))
        if 0 <= to_mark < waiting:
            return to_mark
    return waiting - 1 if waiting > 0 and row.fin_received else waiting
