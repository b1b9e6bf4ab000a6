"""The send queue: what was written and is not yet acknowledged, in skbs of one segment each.

Law.   The queue is in sequence order, ``send_head`` is its first skb that was never sent, and every counter of packets
       out is a count over the skbs before that one.
Reads. Linux net/ipv4/tcp_output.c (tcp_rtx_queue), include/net/tcp.h (tcp_packets_in_flight); RFC 6675 section 4 (pipe).
Omits. Skbs longer than a segment: the stack sends what the wire carries, and a NIC may cut longer ones itself.

::

    sndq_head                      send_head              sndq_tail
       |  sent, not acknowledged      |   not sent yet        |
    snd_una                        snd_nxt               write_seq
"""

from devmemlab.base.kernel import kernel
from devmemlab.net.skb import skb_free

SACKED, RETRANS, LOST, EVER_RETRANS = 1, 2, 4, 8
"""Bits of ``skb.sacked``: the peer has it out of order; it was sent again and that copy may still arrive; it is given
up for lost; it was sent more than once at some time."""


@kernel
def sndq_append(tcbs, skbs, tcb, skb):
    """Put an skb at the end of the send queue and charge it.

    Parameters
    ----------
    tcbs : Tcbs
        Queue ends, ``write_seq``, ``wmem_queued`` of the row.
    skbs : Skbs
        List links, ``seq`` and ``end_seq`` of the skb; a FIN in its flags takes one sequence number.
    tcb, skb : int64
        Rows.
    """
    row = tcbs.tcb[tcb]
    s = skbs.skb[skb]
    s.seq = row.write_seq
    s.end_seq = (s.seq + s.length + (s.tcp_flags & 1)) & 0xFFFFFFFF
    s.sacked = 0
    row.write_seq = s.end_seq
    s.next = 0
    s.prev = row.sndq_tail
    if row.sndq_tail:
        skbs.skb[row.sndq_tail].next = skb
    else:
        row.sndq_head = skb
    row.sndq_tail = skb
    if row.send_head == 0:
        row.send_head = skb
    row.wmem_queued += s.truesize


@kernel
def sndq_pop(tcbs, skbs, tcb, pools, netmems, providers, trace):
    """Free the first skb of the send queue: it is acknowledged.

    Parameters
    ----------
    tcbs : Tcbs
        Queue ends and all counters of packets out.
    skbs : Skbs
        The skb loses the queue as its user.
    tcb : int64
        Row with a queue whose first skb was sent.
    pools : PagePools
        Passed on.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        Gets pages back.
    trace : Trace or None
        Receives skb_free.
    """
    row = tcbs.tcb[tcb]
    skb = row.sndq_head
    s = skbs.skb[skb]
    row.sndq_head = s.next
    if s.next:
        skbs.skb[s.next].prev = 0
    else:
        row.sndq_tail = 0
    row.wmem_queued -= s.truesize
    row.packets_out -= 1
    sndq_untag(row, s, SACKED | RETRANS | LOST)
    skb_free(skbs, skb, pools, netmems, providers, trace, 0)


@kernel
def sndq_tag(row, s, bits):
    """Set bits of ``skb.sacked`` and count.

    Parameters
    ----------
    row : TCB
        ``sacked_out``, ``lost_out`` and ``retrans_out``.
    s : SKB
        A sent skb.
    bits : int64
        Of SACKED, RETRANS, LOST, EVER_RETRANS; those set already change nothing.
    """
    fresh = bits & ~s.sacked
    row.sacked_out += fresh & SACKED
    row.retrans_out += (fresh & RETRANS) >> 1
    row.lost_out += (fresh & LOST) >> 2
    s.sacked |= bits


@kernel
def sndq_untag(row, s, bits):
    """Clear bits of ``skb.sacked`` and count.

    Parameters
    ----------
    row : TCB
        ``sacked_out``, ``lost_out`` and ``retrans_out``.
    s : SKB
        A sent skb.
    bits : int64
        Those not set change nothing.
    """
    gone = bits & s.sacked
    row.sacked_out -= gone & SACKED
    row.retrans_out -= (gone & RETRANS) >> 1
    row.lost_out -= (gone & LOST) >> 2
    s.sacked &= ~bits


@kernel
def sndq_purge(tcbs, skbs, tcb, pools, netmems, providers, trace):
    """Free everything that waits to be sent or acknowledged.

    Parameters
    ----------
    tcbs : Tcbs
        The queue becomes empty and its counters 0.
    skbs : Skbs
        Lose the queue as their user.
    tcb : int64
        Row.
    pools : PagePools
        Passed on.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        Gets pages back.
    trace : Trace or None
        Receives skb_free.
    """
    row = tcbs.tcb[tcb]
    while row.sndq_head:
        skb = row.sndq_head
        row.sndq_head = skbs.skb[skb].next
        skb_free(skbs, skb, pools, netmems, providers, trace, 0)
    row.sndq_tail = 0
    row.send_head = 0
    row.wmem_queued = 0
    row.packets_out = 0
    row.sacked_out = 0
    row.lost_out = 0
    row.retrans_out = 0


@kernel
def packets_in_flight(row):
    """Estimate how many packets are on the way: sent, neither with the peer nor lost, plus those sent again.

    Parameters
    ----------
    row : TCB
        A connection.

    Returns
    -------
    packets : int64
        RFC 6675 calls it the pipe.
    """
    return row.packets_out - row.sacked_out - row.lost_out + row.retrans_out


@kernel
def sndq_space(row):
    """Tell how much more a program may write.

    Parameters
    ----------
    row : TCB
        A connection.

    Returns
    -------
    room : int64
        Octets of send buffer, 0 or more.
    """
    return max(row.sndbuf - row.wmem_queued, 0)
