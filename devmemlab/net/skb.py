"""skb: a packet as a linear part in host memory and up to 17 frags anywhere.

Law.   ``unreadable`` is 1 as soon as one frag is a net_iov; nothing ever clears it.
Reads. Linux include/linux/skbuff.h, net/core/skbuff.c.
Omits. Header/data offsets other than the one head pointer; clones are `devmemlab.net.skb_clone`'s business.

A frag of a received packet owns one ``pp_ref_count`` of its netmem, and freeing the skb gives each of them back
to the pool the netmem came from (``pp_recycle``); a frag to be sent owns one reference of the page itself or, in device
memory, of the binding. An skb to be sent whose octets a program has lent names their completion object, ``ubuf``.
``users`` counts who needs the skb: the queue it is in, and each copy of it that waits for the wire. A packet
of more than 17 frags goes on in the skbs of its frag list, a chain of rows that ``frag_list`` begins and
``next`` continues; the first skb's lengths include theirs.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.errno import EMSGSIZE
from devmemlab.base.kernel import kernel
from devmemlab.base.prefetch import prefetch_row
from devmemlab.base.table import schema, table
from devmemlab.base.trace import SKB_FREE, emit
from devmemlab.mem.netmem import PLACE_SKB, PLACE_TOKEN, netmem_is_net_iov, netmem_row
from devmemlab.mem.page_pool import page_pool_put_netmem
from devmemlab.mem.tx_frag import tx_frag_unref
from devmemlab.net.zerocopy import make_ubufs, net_zcopy_put

MAX_SKB_FRAGS = 17
HEAD_BYTES = 256
SKB_OVERHEAD = 768
SKB = schema("active", "head", "headlen", "length", "data_len", "truesize", "nr_frags", "unreadable", "pp_recycle",
             "queue", "hash", "next", "prev", "seq", "end_seq", "tcp_flags", "at_ns", "frag_list", "frag_tail", "ip_summed",
             "vlan_tci", "gso_size", "gso_segs", "frame_bytes", "parsed", "users", "sacked", "sent_ns", "arrival", "ubuf")
CHECKSUM_NONE, CHECKSUM_UNNECESSARY = 0, 1
LINKED = 2
FRAG = schema("netmem", "offset", "length")
SKB_CTL = schema("watermark", "recycled", "limit", "live", "head_start", "octets_in", "octets_freed",
                 "octets_cloned")


@component
class Skbs(NamedTuple):
    """All skbs of a host. Row 0 is never used, so that 0 means none.

    ctl : SKB_CTL[1]
        Rows never used start at ``watermark``; used ones wait in a list headed by ``recycled``. ``octets_in`` and
        ``octets_freed`` count frag data that came and went, for the audit; ``octets_cloned`` are those of ``octets_in``
        that no card wrote, as a clone names them once more.
    skb : SKB[n_skb]
        ``active`` is 1, or ``LINKED`` in a frag list; ``head`` is an address, ``next`` and ``prev`` are rows of the
        queue it is in. From the NIC come ``ip_summed``, ``vlan_tci`` (-1: no tag was taken off), ``gso_size`` and
        ``gso_segs`` (0: one segment), ``frame_bytes``, ``parsed`` and ``seq`` (see `devmemlab.nic.rxq`).
    frag : FRAG[n_skb, 17]
        Rows ``[0, nr_frags)`` are valid.
    ubuf_ctl, ubuf, errq : UBUF_CTL[1], UBUF[n_ubuf], ERRQ[n_tcb]
        Completion objects and error queues, see `devmemlab.net.zerocopy`.
    """

    ctl: np.recarray
    skb: np.recarray
    frag: np.recarray
    ubuf_ctl: np.recarray
    ubuf: np.recarray
    errq: np.recarray


def make_skbs(count, head_start, sockets=1025):
    """Make room for skbs.

    Parameters
    ----------
    count : int
        Most that can live at once, plus one.
    head_start : int
        Address of ``count * HEAD_BYTES`` octets of host memory for their linear parts.
    sockets : int
        Rows of connections, each with an error queue.

    Returns
    -------
    skbs : Skbs
        None in use.
    """
    skbs = Skbs(table(SKB_CTL, 1), table(SKB, count), table(FRAG, count, MAX_SKB_FRAGS), *make_ubufs(count, sockets))
    skbs.ctl[0].watermark = 1
    skbs.ctl[0].limit = count
    skbs.ctl[0].head_start = head_start
    return skbs


@kernel
def skb_alloc(skbs):
    """Take an empty skb.

    Parameters
    ----------
    skbs : Skbs
        One row becomes active.

    Returns
    -------
    skb : int64
        Row, 0 when all are in use.
    """
    ctl = skbs.ctl[0]
    skb = ctl.recycled
    if skb:
        following = skbs.skb[skb].next
        ctl.recycled = following
        prefetch_row(skbs.skb, following)
        prefetch_row(skbs.frag, following * MAX_SKB_FRAGS)
    elif ctl.watermark < ctl.limit:
        skb = ctl.watermark
        ctl.watermark += 1
    else:
        return np.int64(0)
    ctl.live += 1
    row = skbs.skb[skb]
    row.active = 1
    row.head = ctl.head_start + skb * HEAD_BYTES
    row.headlen = 0
    row.length = 0
    row.data_len = 0
    row.truesize = SKB_OVERHEAD
    row.nr_frags = 0
    row.unreadable = 0
    row.pp_recycle = 1
    row.users = 1
    row.sacked = 0
    row.next = 0
    row.prev = 0
    row.frag_list = 0
    row.frag_tail = 0
    row.ip_summed = CHECKSUM_NONE
    row.vlan_tci = -1
    row.gso_size = 0
    row.gso_segs = 0
    row.frame_bytes = 0
    row.parsed = 0
    row.ubuf = 0
    return skb


@kernel(forceinline=True)
def skb_add_rx_frag(skbs, skb, netmems, netmem, offset, length, truesize):
    """Append a frag, whose reference moves from the caller to the skb.

    Parameters
    ----------
    skbs : Skbs
        Row `skb` is changed.
    skb : int64
        Row.
    netmems : NETMEM[n_netmem]
        ``place`` is set.
    netmem : int64
        Handle; a net_iov makes the skb unreadable.
    offset, length : int64
        Octets within the buffer.
    truesize : int64
        Octets to charge: the buffer's size, not the data's.

    Returns
    -------
    err : int64
        0, or ``-EMSGSIZE`` when all 17 frags are used.

    References
    ----------
    Linux net/core/skbuff.c, skb_add_rx_frag_netmem()
    """
    row = skbs.skb[skb]
    if row.nr_frags == MAX_SKB_FRAGS:
        return -EMSGSIZE
    frag = skbs.frag[skb, row.nr_frags]
    frag.netmem = netmem
    frag.offset = offset
    frag.length = length
    row.nr_frags += 1
    row.length += length
    row.data_len += length
    row.truesize += truesize
    skbs.ctl[0].octets_in += length
    if netmem_is_net_iov(netmem):
        row.unreadable = 1
    netmems[netmem_row(netmem)].place = PLACE_SKB
    return 0


@kernel
def skb_trim(skbs, skb, pools, netmems, providers, trace, length):
    """Cut octets off the end (Ethernet padding).

    Parameters
    ----------
    skbs : Skbs
        Row `skb` and its last frags shrink; frags left empty go back to their pool.
    skb : int64
        Row.
    pools : PagePools
        Emptied frags return.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Passed on.
    length : int64
        Octets to keep, linear part included.
    """
    row = skbs.skb[skb]
    while row.length > length and row.nr_frags > 0:
        frag = skbs.frag[skb, row.nr_frags - 1]
        cut = min(row.length - length, frag.length)
        frag.length -= cut
        skbs.ctl[0].octets_freed += cut
        row.length -= cut
        row.data_len -= cut
        if frag.length > 0:
            break
        row.nr_frags -= 1
        mem = netmems[netmem_row(frag.netmem)]
        mem.place = PLACE_TOKEN
        page_pool_put_netmem(pools, netmems, providers, trace, mem.pp - 1, frag.netmem, 1)
    if row.length > length:
        row.headlen -= row.length - length
        row.length = length


@kernel
def _free_one(skbs, skb, pools, netmems, providers, trace, allow_direct):
    """Free one row with its own frags.

    Parameters
    ----------
    skbs, skb, pools, netmems, providers, trace, allow_direct
        See `skb_free`.
    """
    row = skbs.skb[skb]
    for i in range(row.nr_frags):
        netmem = skbs.frag[skb, i].netmem
        mem = netmems[netmem_row(netmem)]
        if row.pp_recycle:
            mem.place = PLACE_TOKEN
            page_pool_put_netmem(pools, netmems, providers, trace, mem.pp - 1, netmem, allow_direct)
        else:
            tx_frag_unref(netmems, providers, netmem)
    net_zcopy_put(skbs, trace, row.ubuf)
    row.ubuf = 0
    emit(trace, SKB_FREE, skb, row.nr_frags, 0, 0)
    row.active = 0
    row.nr_frags = 0
    ctl = skbs.ctl[0]
    row.next = ctl.recycled
    ctl.recycled = skb
    ctl.live -= 1


@kernel
def skb_free(skbs, skb, pools, netmems, providers, trace, allow_direct):
    """Drop a user of an skb; the last one frees it and its frag list, and gives back the reference of each frag.

    Parameters
    ----------
    skbs : Skbs
        The row becomes free.
    skb : int64
        Row.
    pools : PagePools
        Frags return to the pool their netmem names.
    netmems : NETMEM[n_netmem]
        Reference counts fall.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives skb_free, zerocopy_done.
    allow_direct : int64
        1 in NAPI context: frags may go to the pool's cache.
    """
    row = skbs.skb[skb]
    row.users -= 1
    if row.users > 0:
        return
    # The first skb's data_len covers its frag list.
    if row.pp_recycle:
        skbs.ctl[0].octets_freed += row.data_len
    at = skb
    rest = row.frag_list
    while at:
        _free_one(skbs, at, pools, netmems, providers, trace, allow_direct)
        at = rest
        if at:
            rest = skbs.skb[at].next
