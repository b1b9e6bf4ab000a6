"""sendmsg without a copy: pages of the program, of a file, or of device memory become frags of the send queue.

Law.   A frag lies in one page and refers to one piece of what was asked for; pieces that touch are never joined.
Reads. Linux net/core/datagram.c (zerocopy_fill_skb_from_devmem), net/core/skbuff.c (skb_zerocopy_iter_stream), net/ipv4/tcp.c
       (tcp_sendmsg_locked), net/core/devmem.c (net_devmem_get_binding); spec sections 17.3 and 17.4.
Omits. Skbs longer than a segment. Linux fills one of up to 17 frags and cuts it later; here what it would fill at once
       (`_extent`) is looked at as a whole and then queued as segments, so that it fails as a whole too.
"""

import numpy as np

from devmemlab.base.errno import EAGAIN, EFAULT, EHOSTUNREACH, EINVAL, ENODEV, ENOMEM, EPIPE
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema
from devmemlab.mem.binding import net_devmem_dmabuf_binding_put, net_devmem_get_niov_at, net_devmem_lookup_dmabuf
from devmemlab.mem.dmabuf import TO_DEVICE
from devmemlab.mem.netmem import PAGE_SHIFT, PAGE_SIZE, netmem_is_net_iov, page_netmem
from devmemlab.mem.tx_frag import tx_frag_ref
from devmemlab.net.skb import MAX_SKB_FRAGS, skb_alloc
from devmemlab.net.zerocopy import net_zcopy_get
from devmemlab.tcp.output import PSH
from devmemlab.tcp.sndq import sndq_append, sndq_space
from devmemlab.tcp.states import CLOSE_WAIT, ESTABLISHED, SYN_RECV, SYN_SENT
from devmemlab.tcp.xmit import tcp_write_xmit

IOV = schema("start", "length", "row", "origin")
"""A piece of what is to be sent: offset in a dmabuf, or address. Addresses lie in memory whose pages are known as netmem rows
from ``row`` on (0: nobody can read there), the first one at ``origin``."""
CURSOR = schema("number", "at")
"""How far a send has come: which piece, and octets of it."""


@kernel
def net_devmem_get_binding(providers, dmabuf_id, route_ifindex):
    """Find the binding to send from, and take a reference.

    Parameters
    ----------
    providers : Providers
        The binding found gets a reference.
    dmabuf_id : int64
        What the program passed.
    route_ifindex : int64
        The device that leads to the peer; 0 when there is no way.

    Returns
    -------
    binding : int64
        Row; ``-EINVAL`` for an id that is unknown, gone or for receiving, ``-EHOSTUNREACH``, ``-ENODEV`` for another device.
    """
    binding = net_devmem_lookup_dmabuf(providers, dmabuf_id)
    if binding == 0:
        return np.int64(-EINVAL)
    own = providers.binding[binding]
    err = np.int64(0)
    if own.direction != TO_DEVICE:
        err = np.int64(-EINVAL)
    elif route_ifindex == 0:
        err = np.int64(-EHOSTUNREACH)
    elif route_ifindex != own.ifindex:
        err = np.int64(-ENODEV)
    if err:
        net_devmem_dmabuf_binding_put(providers, binding)
        return err
    return binding


@kernel
def _netmem_at(netmems, providers, binding, piece, at):
    """Find the page, or the net_iov, of an octet that is to be sent.

    Parameters
    ----------
    netmems : NETMEM[n_netmem]
        A net_iov that is used for the first time is filled in.
    providers : Providers
        See `net_devmem_get_niov_at`.
    binding : int64
        Binding row, 0 for pages.
    piece : IOV
        The piece.
    at : int64
        Which octet of it.

    Returns
    -------
    netmem, inside, room : int64
        Handle, offset in the page, octets to its end; (``-EFAULT``, 0, 0) when nothing is there.
    """
    if binding:
        return net_devmem_get_niov_at(netmems, providers, binding, piece.start + at)
    if piece.row == 0:
        return np.int64(-EFAULT), np.int64(0), np.int64(0)
    offset = piece.start + at - piece.origin
    inside = offset & (PAGE_SIZE - 1)
    return page_netmem(piece.row + (offset >> PAGE_SHIFT)), inside, PAGE_SIZE - inside


@kernel
def _extent(netmems, providers, binding, iov, number, at, frags, goal):
    """Measure what Linux would fill into one skb.

    Parameters
    ----------
    netmems, providers, binding
        See `_netmem_at`.
    iov : IOV[n]
        Pieces.
    number, at : int64
        Where to begin.
    frags, goal : int64
        Frags that the skb has already, and octets that it may still get.

    Returns
    -------
    length : int64
        Octets; ``-EFAULT`` when one of them is nowhere: then the skb gets none.
    """
    length = np.int64(0)
    while length < goal and number < len(iov):
        piece = iov[number]
        if at == piece.length:
            number += 1
            at = np.int64(0)
            continue
        if frags == MAX_SKB_FRAGS:
            break
        netmem, _, room = _netmem_at(netmems, providers, binding, piece, at)
        if netmem < 0:
            return netmem
        part = min(room, goal - length, piece.length - at)
        frags += 1
        length += part
        at += part
    return length


@kernel
def _append(row, skbs, skb, netmems, providers, netmem, inside, length, ubuf):
    """Add a frag to the last skb of the send queue.

    Parameters
    ----------
    row : TCB
        Counters.
    skbs : Skbs
        The skb grows and belongs to the completion object.
    skb : int64
        Row; it has room for a frag.
    netmems, providers : NETMEM[n_netmem], Providers
        One more reference.
    netmem, inside, length : int64
        Handle, offset and octets.
    ubuf : int64
        Completion object; 0: what is lent is a file's, and nobody waits to hear of it.
    """
    s = skbs.skb[skb]
    frag = skbs.frag[skb, s.nr_frags]
    frag.netmem = netmem
    frag.offset = inside
    frag.length = length
    s.nr_frags += 1
    tx_frag_ref(netmems, providers, netmem)
    if netmem_is_net_iov(netmem):
        s.unreadable = 1
    if ubuf and s.ubuf == 0:
        s.ubuf = ubuf
        net_zcopy_get(skbs, ubuf)
    charge = PAGE_SIZE if ubuf else length
    s.truesize += charge
    s.length += length
    s.data_len += length
    s.end_seq = (s.end_seq + length) & 0xFFFFFFFF
    row.write_seq = s.end_seq
    row.wmem_queued += charge


@kernel
def _fill(tcbs, skbs, netmems, providers, sock, ubuf, binding, iov, cursor, length, fresh):
    """Queue octets that are known to be there, as segments.

    Parameters
    ----------
    tcbs, skbs, netmems, providers, sock, ubuf, binding, iov, cursor
        See `tcp_sendmsg_zerocopy`.
    length : int64
        Octets.
    fresh : bool
        Whether they begin a segment.

    Returns
    -------
    taken : int64
        Octets queued; fewer than `length` when no skb could be had.
    """
    row = tcbs.tcb[sock]
    taken = np.int64(0)
    while taken < length:
        piece = iov[cursor.number]
        if cursor.at == piece.length:
            cursor.number += 1
            cursor.at = 0
            continue
        if fresh or skbs.skb[row.sndq_tail].length >= row.mss_now:
            skb = skb_alloc(skbs)
            if skb == 0:
                break
            skbs.skb[skb].pp_recycle = 0
            skbs.skb[skb].tcp_flags = 0
            sndq_append(tcbs, skbs, sock, skb)
            fresh = False
        skb = row.sndq_tail
        netmem, inside, room = _netmem_at(netmems, providers, binding, piece, cursor.at)
        part = min(room, length - taken, piece.length - cursor.at, row.mss_now - skbs.skb[skb].length)
        _append(row, skbs, skb, netmems, providers, netmem, inside, part, ubuf)
        cursor.at += part
        taken += part
    return taken


@kernel
def tcp_sendmsg_zerocopy(tcbs, txq, skbs, netmems, providers, trace, sock, ubuf, binding, iov, cursor, goal, more, now_ns):
    """Queue pieces of memory without copying them, and send what may go.

    Parameters
    ----------
    tcbs : Tcbs
        The connection's send queue.
    txq : TxQueue
        Grows by what may go now.
    skbs : Skbs
        The last unsent skb grows when it belongs to the same completion object or to none; others are added.
    netmems : NETMEM[n_netmem]
        Reference counts of pages,
    providers : Providers
        and of the binding.
    trace : Trace or None
        Receives tcp_send.
    sock : int64
        Row of the connection.
    ubuf, binding : int64
        Completion object and binding, 0 for none.
    iov : IOV[n]
        Pieces.
    cursor : CURSOR
        Moves on.
    goal : int64
        Octets of an skb in Linux: as many whole segments as segmentation offload takes.
    more : int64
        1 when the program says that more follows at once (MSG_MORE).
    now_ns : int64
        Time.

    Returns
    -------
    taken : int64
        Octets queued; ``-EFAULT`` when some are nowhere, and what `devmemlab.sock.sendmsg.tcp_sendmsg` returns.
    """
    row = tcbs.tcb[sock]
    if row.error:
        err = row.error
        row.error = 0
        return -err
    if row.state == SYN_SENT or row.state == SYN_RECV:
        return np.int64(-EAGAIN)
    if (row.state != ESTABLISHED and row.state != CLOSE_WAIT) or row.fin_sent:
        return np.int64(-EPIPE)
    taken = np.int64(0)
    failed = np.int64(-EAGAIN)
    tail = skbs.skb[row.sndq_tail]
    fresh = row.send_head == 0 or tail.length >= row.mss_now or tail.nr_frags == MAX_SKB_FRAGS or (
        tail.ubuf != 0 and tail.ubuf != ubuf)
    cut = False
    while sndq_space(row) > 0:
        frags = np.int64(0) if fresh else tail.nr_frags
        room = max(goal, row.mss_now) - (np.int64(0) if fresh else tail.length)
        length = _extent(netmems, providers, binding, iov, cursor.number, cursor.at, frags, room)
        if length <= 0:
            failed = np.int64(length)
            break
        if cut:
            skbs.skb[row.sndq_tail].tcp_flags |= PSH        # an skb that was full of frags before it was full of octets
        done = _fill(tcbs, skbs, netmems, providers, sock, ubuf, binding, iov, cursor, length, fresh)
        taken += done
        if done < length:
            failed = np.int64(-ENOMEM)
            break
        cut = length < room
        fresh = True
    if taken and more == 0 and row.send_head:
        skbs.skb[row.sndq_tail].tcp_flags |= PSH
    corked = row.cork
    if more:
        row.cork = 1
    tcp_write_xmit(tcbs, txq, skbs, netmems, providers, trace, sock, now_ns)
    row.cork = corked
    return taken if taken else failed
