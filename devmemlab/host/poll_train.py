"""Poll a train: completions that repeat the headers of what GRO holds join it without an skb of their own between.

Law.   Frags, lengths, counters and trace are those that an skb which GRO merges at once would have left.
Reads. Linux net/core/gro.c (napi_reuse_skb: the skb of a merged packet is the next one's); `devmemlab.nic.train`.
Omits. What begins a train, what does not fit the 17 frags of an skb, and all that is odd: that goes through an skb.

The headers of each packet are copied to the linear part of the skb that would have carried it, as a driver does before it
knows that they will not be needed.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add
from devmemlab.base.trace import GRO_MERGE, SKB_BUILD, emit
from devmemlab.mem.ledger import HEADER_COPY
from devmemlab.mem.netmem import PLACE_SKB, netmem_is_net_iov, netmem_row
from devmemlab.net.skb import HEAD_BYTES, MAX_SKB_FRAGS
from devmemlab.wire.plain import copy_headers


@kernel(forceinline=True)
def _buffers(rxqs, queue, q, at, unreadable, size):
    """Count the buffers of a packet of a train.

    Parameters
    ----------
    rxqs : RxQueues
        Not changed.
    queue : int64
        Row of the queue.
    q : RXQ
        That row.
    at : int64
        Its first completion.
    unreadable : int64
        1: each has to be a net_iov; 0: none may.
    size : int64
        Octets that there must be.

    Returns
    -------
    buffers : int64
        0 when anything is odd.
    """
    mask = q.desc_count - 1
    total = np.int64(0)
    for i in range(q.complete - at):
        cqe = rxqs.cqe[queue, (at + i) & mask]
        if (cqe.error or cqe.netmem == 0 or cqe.slot < 0 or cqe.slot > mask or cqe.payload_bytes <= 0
                or netmem_is_net_iov(cqe.netmem) != unreadable):
            return np.int64(0)
        total += cqe.payload_bytes
        if cqe.eop:
            return np.int64(i + 1) if total == size else np.int64(0)
    return np.int64(0)


@kernel(forceinline=True)
def poll_train(memory, queue, limit, flow, train, gro, rxqs, skbs, netmems, ledger, trace):
    """Let the next completions join what GRO holds, as long as they are of the train that its last packet belongs to.

    Parameters
    ----------
    memory : uint8[n]
        Header buffers are read, a linear part is written.
    queue : int64
        Row of the queue.
    limit : int64
        Packets that may be taken.
    flow : int64
        Row of what GRO holds.
    train : int64
        Number of the headers that the last packet had.
    gro : Gro
        The flow's packet grows.
    rxqs : RxQueues
        Completions are consumed.
    skbs : Skbs
        The last skb of the packet takes the frags.
    netmems : NETMEM[n_netmem]
        ``place`` is set.
    ledger : LEDGER[n_stage]
        HEADER_COPY grows.
    trace : Trace or None
        Receives skb_build, gro_merge.

    Returns
    -------
    taken : int64
        Packets that joined.
    """
    q, ctl, held = rxqs.ctl[queue], skbs.ctl[0], gro.pkt[flow]
    spare = ctl.recycled
    if spare == 0:
        return np.int64(0)
    head = gro.flow[flow].skb
    row = skbs.skb[head]
    last = row.frag_tail if row.frag_list else head
    to = skbs.skb[last]
    mask, size, unreadable = q.desc_count - 1, row.gso_size, row.unreadable
    room = (gro.ctl[0].ipv4_max_size if held.ip_version == 4 else gro.ctl[0].max_size) - (held.header_bytes - held.ip_at)
    nr_frags, octets, taken = to.nr_frags, held.payload_bytes, np.int64(0)
    header_bytes = held.header_bytes
    at = q.clean
    while taken < limit and at < q.complete:
        first = rxqs.cqe[queue, at & mask]
        if first.parsed != -train or first.seq != seq_add(held.seq, octets) or octets + size >= room:
            break
        buffers = _buffers(rxqs, queue, q, at, unreadable, size)
        if buffers == 0 or nr_frags + buffers > MAX_SKB_FRAGS:
            break
        copy_headers(memory, ctl.head_start + spare * HEAD_BYTES, memory, first.header_at, header_bytes)
        for i in range(buffers):
            cqe = rxqs.cqe[queue, (at + i) & mask]
            frag = skbs.frag[last, nr_frags + i]
            frag.netmem = cqe.netmem
            frag.offset = 0
            frag.length = cqe.payload_bytes
            netmems[netmem_row(cqe.netmem)].place = PLACE_SKB
            cqe.netmem = 0
        emit(trace, SKB_BUILD, spare, header_bytes, size, buffers)
        emit(trace, GRO_MERGE, spare, last, buffers, 0)
        at += buffers
        nr_frags += buffers
        octets += size
        taken += 1
    if taken == 0:
        return taken
    grown, buffers = octets - held.payload_bytes, at - q.clean
    q.clean = at
    q.rx_cont_packet_cnt += buffers - taken
    q.rx_hsplit_pkt += taken
    q.rx_hsplit_bytes += taken * header_bytes
    ledger[HEADER_COPY].length += taken * header_bytes
    ledger[HEADER_COPY].copies += taken
    ctl.octets_in += grown
    if row.gso_segs == 1:
        gro.ctl[0].packets += 1
        gro.ctl[0].segments += 1
    gro.ctl[0].segments += taken
    held.payload_bytes = octets
    to.nr_frags = nr_frags
    to.length += grown
    to.data_len += grown
    to.truesize += buffers * q.buffer_bytes
    to.gso_segs += taken
    if last != head:
        row.length += grown
        row.data_len += grown
        row.truesize += buffers * q.buffer_bytes
        row.gso_segs += taken
    return taken
