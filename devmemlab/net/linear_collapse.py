"""The linear part under memory pressure: octets of several skbs are copied together into the pages of one.

Law.   Octets of readable skbs only; an unreadable one is refused before anything moves, and without every page nothing begins.
Reads. Linux net/ipv4/tcp_input.c (tcp_collapse, the part that copies); spec sections 13.3 and 13.6.
Omits. Linear parts as target: Linux fills heads of one page each, here an skb of pages takes up to 17 of them.
"""

import numpy as np

from devmemlab.base.errno import EFAULT, EINVAL
from devmemlab.base.kernel import kernel
from devmemlab.mem.ledger import COLLAPSE_COPY, ledger_add
from devmemlab.mem.netmem import PAGE_SHIFT, netmem_row
from devmemlab.mem.pages import page_alloc, put_page
from devmemlab.net.linear import skb_copy_bits
from devmemlab.net.skb import MAX_SKB_FRAGS, skb_alloc
from devmemlab.net.skb_merge import skb_give_back_head

PAGE_BYTES = 1 << PAGE_SHIFT
MOST_OCTETS = MAX_SKB_FRAGS * PAGE_BYTES
"""What one skb of pages can take."""


@kernel
def skb_alloc_pages(skbs, netmems, providers, length):
    """Take an skb with pages of the host for so many octets, none of them in it yet.

    Parameters
    ----------
    skbs : Skbs
        One row becomes active; its frags are pages of no pool, each empty, and charged whole.
    netmems : NETMEM[n_netmem]
        Each page has one reference.
    providers : Providers
        Pages are taken.
    length : int64
        Octets, 1 to `MOST_OCTETS`.

    Returns
    -------
    skb : int64
        Row; 0 when there is no row, not enough pages or no such length: then nothing was taken.
    """
    pages = (length + PAGE_BYTES - 1) >> PAGE_SHIFT
    if pages <= 0 or pages > MAX_SKB_FRAGS:
        return np.int64(0)
    skb = skb_alloc(skbs)
    if skb == 0:
        return np.int64(0)
    row = skbs.skb[skb]
    row.pp_recycle = 0
    row.tcp_flags = 0
    while row.nr_frags < pages:
        page = page_alloc(netmems, providers, 0)
        if page == 0:
            for i in range(row.nr_frags):
                put_page(netmems, providers, skbs.frag[skb, i].netmem)
            row.nr_frags = 0
            skb_give_back_head(skbs, skb)
            return np.int64(0)
        frag = skbs.frag[skb, row.nr_frags]
        frag.netmem = page
        frag.offset = 0
        frag.length = 0
        row.nr_frags += 1
        row.truesize += PAGE_BYTES
    return skb


@kernel
def skb_fill(memory, skbs, to, skb, netmems, offset, length, ledger):
    """Copy octets of an skb behind those that an skb of pages has.

    Parameters
    ----------
    memory : uint8[n]
        Read, and written in the pages.
    skbs : Skbs
        `to` grows.
    to, skb : int64
        Rows; `to` is from `skb_alloc_pages`.
    netmems : NETMEM[n_netmem]
        Addresses of frags.
    offset, length : int64
        Which octets of `skb`.
    ledger : LEDGER[n_stage]
        COLLAPSE_COPY grows.

    Returns
    -------
    err : int64
        0; ``-EFAULT`` when one of the two is unreadable, ``-EINVAL`` when there are not so many octets, or not so much room.
    """
    row = skbs.skb[to]
    if row.unreadable or skbs.skb[skb].unreadable:
        return -EFAULT
    if offset < 0 or length < 0 or offset + length > skbs.skb[skb].length or row.length + length > row.nr_frags * PAGE_BYTES:
        return -EINVAL
    left = length
    while left > 0:
        frag = skbs.frag[to, row.length >> PAGE_SHIFT]
        piece = min(left, PAGE_BYTES - frag.length)
        skb_copy_bits(memory, skbs, skb, netmems, offset, memory, netmems[netmem_row(frag.netmem)].dma_addr + frag.length, piece)
        frag.length += piece
        row.length += piece
        row.data_len += piece
        offset += piece
        left -= piece
    ledger_add(ledger, COLLAPSE_COPY, length)
    return 0
