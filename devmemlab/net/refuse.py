"""Refusals that need no octet: who may orphan, append to, condense or send an unreadable skb, and through which device.

Law.   The answer follows from the skb's row, its frags' kinds and the device; no payload is asked for.
Reads. Linux net/core/skbuff.c (skb_copy_ubufs, skb_condense), net/core/datagram.c, net/core/dev.c (validate_xmit_unreadable_skb,
       skb_checksum_help), include/linux/skbuff.h (skb_frag_page, skb_frag_dma_map); spec sections 13.3 and 17.5.
Omits. Doing what is allowed, where the lab has no use for it: these tell Linux's answer.
"""

import numpy as np

from devmemlab.base.errno import EFAULT, EINVAL
from devmemlab.base.kernel import kernel
from devmemlab.mem.netmem import netmem_is_net_iov, netmem_row
from devmemlab.mem.provider_table import net_iov_binding
from devmemlab.net.skb import HEAD_BYTES


@kernel
def skb_copy_ubufs(skbs, skb):
    """Tell whether the frags of an skb can be replaced by copies (to loop it back, or for taps that keep it).

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    skb : int64
        Row.

    Returns
    -------
    err : int64
        0; ``-EINVAL`` for a shared skb, which is looked at first; ``-EFAULT`` for an unreadable one.
    """
    if skbs.skb[skb].users > 1:
        return -EINVAL
    return -EFAULT if skbs.skb[skb].unreadable else 0


@kernel
def skb_may_append_pages(skbs, skb):
    """Tell whether pages of a program may be appended (MSG_ZEROCOPY).

    Parameters
    ----------
    skbs, skb
        As for `skb_copy_ubufs`.

    Returns
    -------
    err : int64
        0, or ``-EFAULT`` for an unreadable skb.
    """
    return -EFAULT if skbs.skb[skb].unreadable else 0


@kernel
def skb_may_condense(skbs, skb):
    """Tell whether the frags of an skb may be moved into the room behind its head.

    Parameters
    ----------
    skbs, skb
        As for `skb_copy_ubufs`.

    Returns
    -------
    may : bool
        Never for an unreadable or shared skb.
    """
    row = skbs.skb[skb]
    return row.data_len > 0 and row.users == 1 and row.unreadable == 0 and row.headlen + row.data_len <= HEAD_BYTES


@kernel
def skb_frag_address(skbs, skb, number, netmems):
    """Address at which the CPU can read a frag.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    skb, number : int64
        Row and which frag.
    netmems : NETMEM[n_netmem]
        Addresses.

    Returns
    -------
    address : int64
        0 (Linux: NULL) for a net_iov, so that GRO's shortcut to headers in the first frag and all page helpers stay away.
    """
    frag = skbs.frag[skb, number]
    if netmem_is_net_iov(frag.netmem):
        return np.int64(0)
    return netmems[netmem_row(frag.netmem)].dma_addr + frag.offset


@kernel
def skb_frag_dma_map(skbs, skb, number, netmems):
    """Address at which a device can read a frag.

    Parameters
    ----------
    skbs, skb, number, netmems
        As for `skb_frag_address`.

    Returns
    -------
    address : int64
        What was stored when the memory was bound, or that of the page.
    """
    frag = skbs.frag[skb, number]
    return netmems[netmem_row(frag.netmem)].dma_addr + frag.offset


@kernel
def skb_checksum_help(skbs, skb):
    """Tell whether the stack can fill in a checksum that the device cannot.

    Parameters
    ----------
    skbs, skb
        As for `skb_copy_ubufs`.

    Returns
    -------
    err : int64
        0; ``-EINVAL`` when segmentation is due first; ``-EFAULT`` for an unreadable skb.
    """
    row = skbs.skb[skb]
    if row.gso_size:
        return -EINVAL
    return -EFAULT if row.unreadable else 0


@kernel
def skb_may_xmit(skbs, skb, netmem_tx, ifindex, netmems, providers):
    """Tell whether a device may transmit an skb.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    skb : int64
        Row.
    netmem_tx : int64
        1 when the device declares that it sends net_iovs; loopback and other simple devices do not.
    ifindex : int64
        The device's number.
    netmems : NETMEM[n_netmem]
        Whose a net_iov is.
    providers : Providers
        Bindings, each for one device.

    Returns
    -------
    may : bool
        Always for a readable skb; an unreadable one passes only through the device that its frags' binding names.

    References
    ----------
    Linux net/core/dev.c, validate_xmit_unreadable_skb()
    """
    row = skbs.skb[skb]
    if row.unreadable == 0:
        return True
    if netmem_tx == 0:
        return False
    first = skbs.frag[skb, 0].netmem
    if row.nr_frags == 0 or not netmem_is_net_iov(first):
        return True
    return providers.binding[net_iov_binding(netmems, providers, first)].ifindex == ifindex
