"""The linear part: the one room of this floor that touches bytes.

Law.   Bytes of a frag are read only when the skb is readable; otherwise the kernel's error comes first.
Reads. Linux net/core/skbuff.c (skb_copy_bits, __pskb_pull_tail); spec section 13.3.
Omits. The rest of the guard table: `devmemlab.net.linear_ops`, `devmemlab.net.linear_tap`, `devmemlab.net.refuse`.
"""

import numpy as np

from devmemlab.base.errno import EFAULT, EINVAL
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.mem.ledger import HEADER_COPY, ledger_add
from devmemlab.mem.netmem import netmem_row
from devmemlab.net.skb import HEAD_BYTES
from devmemlab.wire.frame import parse_frame
from devmemlab.wire.rows import TRUNCATED


@kernel(forceinline=True)
def skb_put_header(memory, skbs, skb, address, length, ledger):
    """Copy headers from a header buffer to the end of the linear part.

    Parameters
    ----------
    memory : uint8[n]
        The skb's head is written.
    skbs : Skbs
        Row `skb` grows.
    skb : int64
        Row.
    address : int64
        Where the headers are.
    length : int64
        Octets.
    ledger : LEDGER[n_stage]
        HEADER_COPY grows.

    Returns
    -------
    err : int64
        0, or ``-EINVAL`` when the head has no room.
    """
    row = skbs.skb[skb]
    if row.headlen + length > HEAD_BYTES:
        return -EINVAL
    copy_octets(memory, row.head + row.headlen, memory, address, length)
    row.headlen += length
    row.length += length
    ledger_add(ledger, HEADER_COPY, length)
    return 0


@kernel
def skb_pull_headers(memory, skbs, skb, netmems, length, ledger):
    """Move the first octets of the first frag into the linear part.

    Parameters
    ----------
    memory : uint8[n]
        The skb's head is written.
    skbs : Skbs
        Row `skb` and its first frag are changed.
    skb : int64
        Row with an empty linear part.
    netmems : NETMEM[n_netmem]
        Address of the frag.
    length : int64
        Octets to pull, at most the first frag's length.
    ledger : LEDGER[n_stage]
        HEADER_COPY grows.

    Returns
    -------
    err : int64
        0; ``-EFAULT`` when the skb is unreadable, ``-EINVAL`` when there is not that much.
    """
    row = skbs.skb[skb]
    if row.unreadable:
        return -EFAULT
    frag = skbs.frag[skb, 0]
    if row.nr_frags == 0 or frag.length < length or row.headlen + length > HEAD_BYTES:
        return -EINVAL
    address = netmems[netmem_row(frag.netmem)].dma_addr + frag.offset
    copy_octets(memory, row.head + row.headlen, memory, address, length)
    frag.offset += length
    frag.length -= length
    row.headlen += length
    row.data_len -= length
    skbs.ctl[0].octets_freed += length
    ledger_add(ledger, HEADER_COPY, length)
    return 0


@kernel
def skb_parse_headers(memory, skbs, skb, pkt):
    """Read the headers of an skb from its linear part.

    Parameters
    ----------
    memory : uint8[n]
        Read within the skb's head only.
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    pkt : PKT
        Written.

    Returns
    -------
    err : int64
        0, or ``-EINVAL`` when the headers are not all in the linear part or promise more payload than there is.
    """
    row = skbs.skb[skb]
    err = parse_frame(memory, row.head, row.headlen, pkt)
    if err != 0 and (pkt.err != TRUNCATED or pkt.tcp_at == 0):
        return err
    pkt.payload_bytes = pkt.ip_bytes - (pkt.payload_at - pkt.ip_at)
    if pkt.payload_bytes > row.length - pkt.header_bytes:
        return -EINVAL
    return 0


@kernel
def skb_headers_in_frag(memory, skbs, skb, netmems, pkt):
    """Find how long the headers at the front of an unsplit packet are.

    Parameters
    ----------
    memory : uint8[n]
        Read in the first frag.
    skbs : Skbs
        Not changed.
    skb : int64
        Row with an empty linear part.
    netmems : NETMEM[n_netmem]
        Address of the frag.
    pkt : PKT
        Written.

    Returns
    -------
    header_bytes : int64
        Octets to pull; ``-EFAULT`` when the skb is unreadable, ``-EINVAL`` when the headers make no sense.
    """
    if skbs.skb[skb].unreadable:
        return np.int64(-EFAULT)
    if skbs.skb[skb].nr_frags == 0:
        return np.int64(-EINVAL)
    frag = skbs.frag[skb, 0]
    err = parse_frame(memory, netmems[netmem_row(frag.netmem)].dma_addr + frag.offset, frag.length, pkt)
    if err != 0 and pkt.err != TRUNCATED:
        return np.int64(err)
    return pkt.header_bytes


@kernel(forceinline=True)
def skb_pull(skbs, skb, length):
    """Drop octets from the front of the linear part (headers already understood).

    Parameters
    ----------
    skbs : Skbs
        Row `skb` is changed.
    skb : int64
        Row.
    length : int64
        Octets.

    Returns
    -------
    err : int64
        0, or ``-EINVAL`` when the linear part is shorter.
    """
    row = skbs.skb[skb]
    if row.headlen < length:
        return -EINVAL
    row.head += length
    row.headlen -= length
    row.length -= length
    return 0


@kernel
def skb_copy_bits(memory, skbs, skb, netmems, offset, octets, at, length):
    """Copy octets out of an skb.

    Parameters
    ----------
    memory : uint8[n]
        Read.
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    netmems : NETMEM[n_netmem]
        Addresses of the frags.
    offset : int64
        First octet wanted, counted from the front of the skb.
    octets : uint8[m]
        Written in ``[at, at + length)``.
    at : int64
        Where to write.
    length : int64
        Octets wanted.

    Returns
    -------
    err : int64
        0; ``-EFAULT`` when octets past the linear part of an unreadable skb, or past its end, are wanted.

    References
    ----------
    Linux net/core/skbuff.c, skb_copy_bits()
    """
    row = skbs.skb[skb]
    if offset < 0 or length < 0 or offset + length > row.length:
        return -EFAULT
    if offset + length > row.headlen and row.unreadable:
        return -EFAULT
    if offset < row.headlen:
        piece = min(row.headlen - offset, length)
        copy_octets(octets, at, memory, row.head + offset, piece)
        offset += piece
        at += piece
        length -= piece
    start = row.headlen
    link = skb
    while link and length > 0:
        for i in range(skbs.skb[link].nr_frags):
            frag = skbs.frag[link, i]
            if length > 0 and offset < start + frag.length:
                skip = offset - start
                piece = min(frag.length - skip, length)
                copy_octets(octets, at, memory, netmems[netmem_row(frag.netmem)].dma_addr + frag.offset + skip, piece)
                offset += piece
                at += piece
                length -= piece
            start += frag.length
        link = row.frag_list if link == skb else skbs.skb[link].next
    return 0
