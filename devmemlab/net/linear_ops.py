"""The linear part and the guards: what reads, writes or moves octets past the head refuses an unreadable skb.

Law.   The linear part is always served; past it, an unreadable skb gets the kernel's error before any octet is touched.
Reads. Linux net/core/skbuff.c, net/core/datagram.c, net/core/dev.c (skb_checksum_help); spec section 13.3.
Omits. Pages for copies: what needs one (linearize, copy) says whether it would be made, within the room of one head.
"""

import numpy as np

from devmemlab.base.errno import EFAULT, ENOMEM
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets, csum_fold, csum_partial
from devmemlab.mem.ledger import HEADER_COPY, ledger_add
from devmemlab.mem.netmem import netmem_row
from devmemlab.net.linear import skb_copy_bits
from devmemlab.net.skb import HEAD_BYTES


@kernel
def skb_store_bits(memory, skbs, skb, netmems, offset, octets, at, length):
    """Write octets into an skb.

    Parameters
    ----------
    memory : uint8[n]
        Written.
    skbs, skb, netmems, offset
        As for `skb_copy_bits`.
    octets : uint8[m]
        Read in ``[at, at + length)``.
    at, length : int64
        Which.

    Returns
    -------
    err : int64
        0, or ``-EFAULT`` as for `skb_copy_bits`.
    """
    row = skbs.skb[skb]
    if offset < 0 or length < 0 or offset + length > row.length:
        return -EFAULT
    if offset + length > row.headlen and row.unreadable:
        return -EFAULT
    start = np.int64(0)
    for i in range(-1, row.nr_frags):
        piece_bytes = row.headlen
        address = row.head
        if i >= 0:
            frag = skbs.frag[skb, i]
            piece_bytes = frag.length
            address = netmems[netmem_row(frag.netmem)].dma_addr + frag.offset
        if length > 0 and offset < start + piece_bytes:
            piece = min(start + piece_bytes - offset, length)
            copy_octets(memory, address + offset - start, octets, at, piece)
            offset += piece
            at += piece
            length -= piece
        start += piece_bytes
    return 0


@kernel
def pskb_may_pull(memory, skbs, skb, netmems, length, ledger):
    """Make sure that the first octets of an skb are in its linear part, pulling them out of frags where needed.

    Parameters
    ----------
    memory : uint8[n]
        The head is written.
    skbs : Skbs
        Row `skb` and its frags are changed.
    skb : int64
        Row.
    netmems : NETMEM[n_netmem]
        Addresses of the frags.
    length : int64
        Octets wanted.
    ledger : LEDGER[n_stage]
        HEADER_COPY grows.

    Returns
    -------
    may : bool
        False when the skb is too short, the head has no room, or octets of an unreadable frag would be needed: the caller
        drops the packet.

    References
    ----------
    Linux net/core/skbuff.c, __pskb_pull_tail()
    """
    row = skbs.skb[skb]
    if length <= row.headlen:
        return True
    # Headers that were pulled off have moved the head towards the end of its room.
    if length > row.length or row.unreadable or row.head + length > skbs.ctl[0].head_start + (skb + 1) * HEAD_BYTES:
        return False
    for i in range(row.nr_frags):
        frag = skbs.frag[skb, i]
        piece = min(frag.length, length - row.headlen)
        if piece > 0:
            copy_octets(memory, row.head + row.headlen, memory, netmems[netmem_row(frag.netmem)].dma_addr + frag.offset, piece)
            ledger_add(ledger, HEADER_COPY, piece)
            frag.offset += piece
            frag.length -= piece
            row.headlen += piece
            row.data_len -= piece
            skbs.ctl[0].octets_freed += piece
    return row.headlen >= length


@kernel
def skb_linearize(memory, skbs, skb, netmems, ledger):
    """Bring all octets of an skb into its linear part.

    Parameters
    ----------
    memory, skbs, skb, netmems, ledger
        As for `pskb_may_pull`.

    Returns
    -------
    err : int64
        0, or ``-ENOMEM`` when the pull fails.
    """
    return 0 if pskb_may_pull(memory, skbs, skb, netmems, skbs.skb[skb].length, ledger) else -ENOMEM


@kernel
def skb_copy(memory, skbs, skb, netmems, octets):
    """Copy a whole skb, as ``skb_copy`` and ``skb_copy_expand`` do.

    Parameters
    ----------
    memory : uint8[n]
        Read.
    skbs, skb, netmems
        As for `skb_copy_bits`.
    octets : uint8[m]
        Written from 0 on.

    Returns
    -------
    length : int64
        Octets copied; 0 (Linux: NULL) for every unreadable skb, however much of it is linear, or without room.
    """
    row = skbs.skb[skb]
    if row.unreadable or row.length > len(octets):
        return np.int64(0)
    if skb_copy_bits(memory, skbs, skb, netmems, 0, octets, 0, row.length) != 0:
        return np.int64(0)
    return row.length


@kernel
def skb_copy_and_csum_bits(memory, skbs, skb, netmems, offset, octets, at, length):
    """Copy octets out of an skb and sum them.

    Parameters
    ----------
    memory, skbs, skb, netmems, offset, octets, at, length
        As for `skb_copy_bits`.

    Returns
    -------
    total : int64
        Folded sum; 0 when octets past the head of an unreadable skb are wanted, without a warning.
    """
    if skb_copy_bits(memory, skbs, skb, netmems, offset, octets, at, length) != 0:
        return np.int64(0)
    return np.int64(csum_fold(csum_partial(octets, at, length, np.int64(0))))


@kernel
def skb_checksum(memory, skbs, skb, netmems, offset, length, octets):
    """Sum octets of an skb.

    Parameters
    ----------
    memory, skbs, skb, netmems, offset
        As for `skb_copy_bits`.
    length : int64
        Octets to sum.
    octets : uint8[m]
        Scratch, at least `length` long.

    Returns
    -------
    total, warned : int64
        Folded sum and 0; 0 and 1 when octets past the head of an unreadable skb are wanted: Linux warns once.
    """
    row = skbs.skb[skb]
    if row.unreadable and offset + length > row.headlen:
        return np.int64(0), np.int64(1)
    return skb_copy_and_csum_bits(memory, skbs, skb, netmems, offset, octets, 0, length), np.int64(0)


@kernel
def skb_seq_read(skbs, skb, consumed):
    """Find the next stretch for a reader that goes through an skb from its front.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    consumed : int64
        Octets read so far.

    Returns
    -------
    length : int64
        Octets of the next stretch; 0 at the end, which for an unreadable skb is that of its linear part.

    Notes
    -----
    A splice to a pipe walks in the same way: it takes the head of an unreadable skb and stops without an error.
    """
    row = skbs.skb[skb]
    if consumed < row.headlen:
        return row.headlen - consumed
    if row.unreadable:
        return np.int64(0)
    start = row.headlen
    for i in range(row.nr_frags):
        start += skbs.frag[skb, i].length
        if consumed < start:
            return start - consumed
    return np.int64(0)
