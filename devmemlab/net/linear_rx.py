"""The linear part on arrival: small packets are copied, sums that the NIC did not verify are made.

Law.   Bytes of a frag are read only when the skb is readable; an unreadable skb whose sum nobody verified is lost.
Reads. Linux net/core/skbuff.c (__skb_checksum), gve_utils.c (gve_rx_copy); spec sections 12.2 and 13.3.
Omits. CHECKSUM_COMPLETE.
"""

import numpy as np

from devmemlab.base.errno import EFAULT, EINVAL
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets, csum_fold, csum_partial
from devmemlab.mem.ledger import COPY_BREAK, ledger_add
from devmemlab.mem.netmem import PLACE_TOKEN, netmem_row
from devmemlab.mem.page_pool import page_pool_put_netmem
from devmemlab.net.skb import CHECKSUM_UNNECESSARY, HEAD_BYTES, SKB_OVERHEAD
from devmemlab.wire.csum import pseudo_header_sum
from devmemlab.wire.ipv4 import verify_ipv4_csum


@kernel
def skb_copy_break(memory, skbs, skb, pools, netmems, providers, ledger, trace):
    """Copy a small packet into the linear part and give its buffer back at once.

    Parameters
    ----------
    memory : uint8[n]
        The skb's head is written.
    skbs : Skbs
        Row `skb` has one frag and no linear part; afterwards the other way round.
    skb : int64
        Row.
    pools : PagePools
        The buffer returns.
    netmems : NETMEM[n_netmem]
        Address of the frag.
    providers : Providers
        May take memory back.
    ledger : LEDGER[n_stage]
        COPY_BREAK grows.
    trace : Trace or None
        Passed on.

    Returns
    -------
    err : int64
        0; ``-EFAULT`` when the skb is unreadable, ``-EINVAL`` when it is not small.
    """
    row = skbs.skb[skb]
    if row.unreadable:
        return -EFAULT
    if row.nr_frags != 1 or row.headlen + row.data_len > HEAD_BYTES:
        return -EINVAL
    frag = skbs.frag[skb, 0]
    mem = netmems[netmem_row(frag.netmem)]
    copy_octets(memory, row.head + row.headlen, memory, mem.dma_addr + frag.offset, frag.length)
    ledger_add(ledger, COPY_BREAK, frag.length)
    skbs.ctl[0].octets_freed += frag.length
    row.headlen += frag.length
    row.data_len = 0
    row.nr_frags = 0
    row.truesize = SKB_OVERHEAD
    mem.place = PLACE_TOKEN
    page_pool_put_netmem(pools, netmems, providers, trace, mem.pp - 1, frag.netmem, 1)
    return 0


@kernel
def _add(total, more, at):
    """Add the sum of a piece to that of what lies before it.

    Parameters
    ----------
    total, more : int64
        Sums, not folded; `more` as if its piece began at an even octet.
    at : int64
        Octets before the piece.

    Returns
    -------
    total : int64
        Sum of both.
    """
    if at & 1:
        more = ~csum_fold(more) & 0xFFFF
        more = ((more & 0xFF) << 8) | (more >> 8)
    return total + more


@kernel
def skb_csum_ok(memory, skbs, skb, netmems, pkt):
    """Tell whether the sums of a TCP packet are right, making them where the NIC has not verified them.

    Parameters
    ----------
    memory : uint8[n]
        Read, unless the NIC has verified or the skb is unreadable.
    skbs : Skbs
        Not changed; all headers are in the linear part.
    skb : int64
        Row.
    netmems : NETMEM[n_netmem]
        Addresses of the frags.
    pkt : PKT
        Parsed headers.

    Returns
    -------
    right : bool
        False for every unreadable skb that the NIC has not verified: there the kernel makes 0 of the payload.
    """
    row = skbs.skb[skb]
    if row.ip_summed == CHECKSUM_UNNECESSARY:
        return True
    if row.unreadable or not verify_ipv4_csum(memory, row.head, pkt):
        return False
    left = pkt.doff_bytes + pkt.payload_bytes
    total = pseudo_header_sum(pkt, left)
    done = min(row.headlen - pkt.tcp_at, left)
    total = csum_partial(memory, row.head + pkt.tcp_at, done, total)
    at = skb
    while at:
        for i in range(skbs.skb[at].nr_frags):
            frag = skbs.frag[at, i]
            piece = min(frag.length, left - done)
            if piece > 0:
                more = csum_partial(memory, netmems[netmem_row(frag.netmem)].dma_addr + frag.offset, piece, np.int64(0))
                total = _add(total, more, done)
                done += piece
        at = skbs.skb[at].frag_list if at == skb else skbs.skb[at].next
    return csum_fold(total) == 0
