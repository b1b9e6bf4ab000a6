"""Delivery of frags: pieces of device memory become control messages and tokens.

Law.   A piece is described, counted and referenced in one breath, or not at all.
Reads. Linux net/ipv4/tcp.c (tcp_recvmsg_dmabuf).
Omits. Nothing of its own; what goes before and after is `devmemlab.sock.deliver`'s business.

The first piece is looked at from all sides; those behind it are mostly like it, and go in a run.
"""

import numpy as np

from devmemlab.base.bits import lowest_bit
from devmemlab.base.errno import ENODEV, ETOOSMALL
from devmemlab.base.kernel import kernel
from devmemlab.base.prefetch import LINE_BYTES, prefetch_row
from devmemlab.base.trace import CMSG_DMABUF, emit
from devmemlab.base.xarray import xa_find_free, xa_taken
from devmemlab.mem.netmem import NIOV_DMABUF, netmem_is_net_iov, netmem_row
from devmemlab.mem.provider_table import net_iov_owner
from devmemlab.net.skb import FRAG, MAX_SKB_FRAGS
from devmemlab.sock.tokens import token_commit
from devmemlab.sock.uapi import CMSG_HEADER_BYTES, DMABUF_CMSG_BYTES, SCM_DEVMEM_DMABUF, put_devmem_cmsg

CMSG_BYTES = CMSG_HEADER_BYTES + DMABUF_CMSG_BYTES
FRAG_BYTES = FRAG.itemsize


@kernel
def _deliver_run(frags, i, count, netmems, slots, marks, control, at, room_end, left, sock, first, owner, chunk, trace):
    """Describe whole frags, one after the other, as long as each is like the one before.

    Parameters
    ----------
    frags : FRAG[17]
        Of the skb.
    i, count : int64
        The first of them that may be described, and how many there are.
    netmems : NETMEM[n_netmem]
        Each piece takes a reference.
    slots : SLOT[64]
        The leaf that tokens come from.
    marks : int64
        Its free slots.
    control : uint8[k]
        The control buffer.
    at, room_end : int64
        Where the next control message goes, and where the room ends.
    left : int64
        Octets wanted.
    sock : int64
        For the trace.
    first : int64
        The leaf's first id.
    owner : int64
        Chunk that all of them are in.
    chunk : (int64, int64, int64)
        What `net_iov_owner` says of it.
    trace : Trace or None
        Receives cmsg_dmabuf.

    Returns
    -------
    next, marks, left : int64
        The frag that was not described, and what is free and wanted then. It may be anything: a part is wanted, it lies
        elsewhere, it is no net_iov, there is no room, or the leaf is full.
    """
    base, shift, dmabuf_id = chunk
    while i < count and marks != 0 and at + CMSG_BYTES <= room_end:
        frag = frags[i]
        netmem = frag.netmem
        piece = frag.length
        niov = netmems[netmem_row(netmem)]
        if netmem <= 0 or not netmem_is_net_iov(netmem) or niov.niov_type != NIOV_DMABUF or niov.owner != owner:
            break
        if piece <= 0 or piece > left:
            break
        slot = lowest_bit(marks)
        marks &= ~(np.int64(1) << slot)
        slots[slot].entry = netmem
        put_devmem_cmsg(control, at, SCM_DEVMEM_DMABUF, base + (netmem_row(netmem) << shift) + frag.offset, piece, first | slot,
                        dmabuf_id)
        token_commit(netmems, netmem)
        emit(trace, CMSG_DMABUF, sock, first | slot, netmem, piece)
        at += CMSG_BYTES
        left -= piece
        i += 1
    return i, marks, left


@kernel
def deliver_frags(skbs, skb, netmems, providers, tokens, offset, want, control, msg, trace, sock):
    """Describe pieces of an skb's frags by control messages with tokens.

    Ids are taken from the table a leaf at a time, and a binding is asked for its id once for all neighbours in one chunk.
    The rows of all frags are on their way into the cache before the first is needed, and so are the next skb's frags.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    netmems : NETMEM[n_netmem]
        Each piece takes a reference.
    providers : Providers
        Tell offsets and bindings.
    tokens : XArrays
        Each piece takes a token.
    offset, want : int64
        Where in the skb, behind its linear part, and how much.
    control : uint8[k]
        The control buffer.
    msg : MSGHDR
        The control cursor advances.
    trace : Trace or None
        Receives cmsg_dmabuf.
    sock : int64
        Row of the connection.

    Returns
    -------
    sent, end, err : int64
        Octets; where the frags that were looked at end; 0, ``-ENODEV`` for a frag that is no dmabuf net_iov, ``-ENOMEM`` or
        ``-EBUSY`` when there is no token, ``-ETOOSMALL`` when there is no room: what is not delivered has not changed then.
    """
    row = skbs.skb[skb]
    frags = skbs.frag[skb]
    count = row.nr_frags
    for i in range(count):
        prefetch_row(netmems, netmem_row(frags[i].netmem))
    for beyond in range(0, count * FRAG_BYTES, LINE_BYTES):
        prefetch_row(skbs.frag, row.next * MAX_SKB_FRAGS, beyond)
    start = row.headlen
    sought = offset
    stop = offset + want
    at = msg.control_at
    room_end = at + msg.control_left
    err = leaf = first = marks = taken = np.int64(0)
    owner = base = shift = dmabuf_id = np.int64(0)
    slots = tokens.slot[0]
    i = np.int64(0)
    while i < count:
        frag = frags[i]
        netmem = frag.netmem
        niov = netmems[netmem_row(netmem)]
        if netmem <= 0 or not netmem_is_net_iov(netmem) or niov.niov_type != NIOV_DMABUF:
            err = np.int64(-ENODEV)
            break
        end = start + frag.length
        if offset < end:
            if marks == 0:
                if leaf:
                    xa_taken(tokens, sock, leaf, marks, taken)
                leaf, first = xa_find_free(tokens, sock)
                if leaf < 0:
                    err = leaf
                    leaf = np.int64(0)
                    break
                marks = tokens.node[leaf].free_marks
                slots = tokens.slot[leaf]
                taken = np.int64(0)
            if at + CMSG_BYTES > room_end:
                err = np.int64(-ETOOSMALL)
                break
            if niov.owner != owner:
                owner = niov.owner
                base, shift, dmabuf_id = net_iov_owner(providers, owner)
            slot = lowest_bit(marks)
            marks &= ~(np.int64(1) << slot)
            taken += 1
            slots[slot].entry = netmem
            piece = min(end, stop) - offset
            put_devmem_cmsg(control, at, SCM_DEVMEM_DMABUF, base + (netmem_row(netmem) << shift) + frag.offset + offset - start,
                            piece, first | slot, dmabuf_id)
            at += CMSG_BYTES
            token_commit(netmems, netmem)
            emit(trace, CMSG_DMABUF, sock, first | slot, netmem, piece)
            offset += piece
            if offset == stop:
                break
        start = end
        i += 1
        if marks != 0:
            following, marks, left = _deliver_run(frags, i, count, netmems, slots, marks, control, at, room_end, stop - offset,
                                                  sock, first, owner, (base, shift, dmabuf_id), trace)
            taken += following - i
            at += (following - i) * CMSG_BYTES
            i = following
            offset = start = stop - left
            if left == 0:
                break
    if leaf:
        xa_taken(tokens, sock, leaf, marks, taken)
    msg.frags += (at - msg.control_at) // CMSG_BYTES
    msg.control_at = at
    msg.control_left = room_end - at
    return offset - sought, start, err
