"""Zero-copy receive: whole pages change hands, where a packet left its payload on whole pages.

Law.   A page is given to the program with a reference of its own; not an octet of it is copied, and none is skipped.
Reads. Linux net/ipv4/tcp.c (tcp_zerocopy_receive, can_map_frag, find_next_mappable_frag); spec section 13.3.
Omits. The address space: pages are named, not mapped at an address, so nothing has to be unmapped first and no vm_area limits
       the length. Receive timestamps.

A frag can be given away when it is exactly one page of one page: offset 0, 4096 octets. That takes a header split and a sender
whose segments are multiples of 4096. The walk stops at what cannot be given away; ``recv_skip_hint`` says how far to read by
other means before trying again. Device memory has no pages for a CPU: the walk stops there without a hint, and a copy is EFAULT.
"""

import numpy as np

from devmemlab.base.errno import EIO, ENOTCONN
from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add, seq_diff
from devmemlab.base.table import schema
from devmemlab.mem.netmem import PAGE_SHIFT, netmem_is_net_iov, netmem_row
from devmemlab.mem.pages import get_page, put_page
from devmemlab.tcp.ack import tcp_cleanup_rbuf
from devmemlab.tcp.queues import rcvq_eat
from devmemlab.tcp.states import LISTEN
from devmemlab.tcp.urgent import tcp_inq

PAGE_BYTES = 1 << PAGE_SHIFT
ZEROCOPY = schema("inq", "wanted", "mapped", "left")


@kernel
def can_map_frag(netmems, frag):
    """Tell whether a frag is a whole page.

    Parameters
    ----------
    netmems : NETMEM[n_netmem]
        Tells the order of the page.
    frag : FRAG
        Of a readable skb.

    Returns
    -------
    may : bool
        One page, from its first octet to its last, and no part of a bigger one.
    """
    if frag.length != PAGE_BYTES or frag.offset != 0 or netmem_is_net_iov(frag.netmem):
        return False
    return netmems[netmem_row(frag.netmem)].niov_type & 0xFF == 0


@kernel
def _frag_at(skbs, skb, offset):
    """Find the frag that begins at an offset.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    offset : int64
        Octets from the front of the skb.

    Returns
    -------
    i : int64
        Index; -1 when `offset` is in the linear part, within a frag, or the skb has a frag list.
    """
    start = skbs.skb[skb].headlen
    if skbs.skb[skb].frag_list or offset < start:
        return np.int64(-1)
    for i in range(skbs.skb[skb].nr_frags):
        if offset == start:
            return np.int64(i)
        start += skbs.frag[skb, i].length
    return np.int64(-1)


@kernel
def _to_next_mappable(skbs, skb, netmems, first, left):
    """Measure how far the next whole page is.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    netmems : NETMEM[n_netmem]
        Not changed.
    first : int64
        Index of a frag.
    left : int64
        Octets from there to the end of the skb.

    Returns
    -------
    octets : int64
        0 when `first` is one.
    """
    octets = np.int64(0)
    for i in range(first, skbs.skb[skb].nr_frags):
        if octets >= left or can_map_frag(netmems, skbs.frag[skb, i]):
            break
        octets += skbs.frag[skb, i].length
    return octets


@kernel
def tcp_zerocopy_receive(tcbs, txq, skbs, pools, netmems, providers, trace, sock, pages, zc, length, now_ns):
    """Give the program as many whole pages as lie next in the stream.

    Parameters
    ----------
    tcbs : Tcbs
        ``copied_seq`` and the receive queue of the row.
    txq : TxQueue
        Grows by an acknowledgement when one is due.
    skbs : Skbs
        Skbs read to their end are freed.
    pools : PagePools
        Frags of freed skbs return; a page that the program has too leaves its pool.
    netmems : NETMEM[n_netmem]
        Each page given away takes a reference of its own.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives skb_free.
    sock : int64
        Row of the connection.
    pages : SLOT[n]
        Handles of the pages given away are written, from row 0 on.
    zc : ZEROCOPY
        Written: octets that could be read, octets asked for in whole pages, octets given away, and octets from there to the
        next page that could be given away, or to the end of the skb.
    length : int64
        Octets wanted; `pages` has a row for each page of them.
    now_ns : int64
        Time.

    Returns
    -------
    err : int64
        0; ``-ENOTCONN`` a listener, ``-EIO`` the end of the stream.
    """
    row = tcbs.tcb[sock]
    zc.inq = zc.wanted = zc.mapped = zc.left = 0
    if row.state == LISTEN:
        return np.int64(-ENOTCONN)
    zc.inq = tcp_inq(row)
    available = min(length, zc.inq)
    zc.wanted = available & ~(PAGE_BYTES - 1)
    seq = row.copied_seq
    skb = row.rcvq_head
    i = np.int64(0)
    if zc.wanted == 0:
        zc.left = zc.inq if zc.inq < PAGE_BYTES else available
    while zc.mapped < zc.wanted:
        if zc.left < PAGE_BYTES:
            if zc.left > 0:
                break
            while skb and seq_diff(seq, skbs.skb[skb].seq) >= skbs.skb[skb].length:
                skb = skbs.skb[skb].next
            if skb == 0 or skbs.skb[skb].unreadable:
                break
            offset = seq_diff(seq, skbs.skb[skb].seq)
            zc.left = skbs.skb[skb].length - offset
            i = _frag_at(skbs, skb, offset)
            if i < 0:
                break
        away = _to_next_mappable(skbs, skb, netmems, i, zc.left)
        if away > 0:
            zc.left = away
            break
        pages[zc.mapped >> PAGE_SHIFT].entry = skbs.frag[skb, i].netmem
        get_page(netmems, skbs.frag[skb, i].netmem)
        seq = seq_add(seq, PAGE_BYTES)
        zc.mapped += PAGE_BYTES
        zc.left -= PAGE_BYTES
        i += 1
    if zc.mapped > 0:
        row.copied_seq = seq
        row.bytes_copied += zc.mapped
        while row.rcvq_head and seq_diff(seq, skbs.skb[row.rcvq_head].seq) >= skbs.skb[row.rcvq_head].length:
            rcvq_eat(tcbs, skbs, sock, pools, netmems, providers, trace)
        tcp_cleanup_rbuf(tcbs, txq, skbs, trace, sock, now_ns)
    elif zc.left == 0 and row.fin_received and zc.inq == 0:
        return np.int64(-EIO)
    return np.int64(0)


@kernel
def put_user_pages(netmems, providers, pages, count):
    """Take pages back that a program had.

    Parameters
    ----------
    netmems : NETMEM[n_netmem]
        Each page loses a reference.
    providers : Providers
        Pages without another one are free.
    pages : SLOT[n]
        Handles.
    count : int64
        How many.

    Returns
    -------
    freed : int64
        Pages that were free afterwards.
    """
    freed = np.int64(0)
    for i in range(count):
        freed += put_page(netmems, providers, pages[i].entry)
    return freed
