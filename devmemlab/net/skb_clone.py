"""Clone and split: a second skb over the same frags, and one skb made two.

Law.   Every skb that names a frag owns a reference of its own, in the currency in which it will give it back.
Reads. Linux net/core/skbuff.c (skb_clone, skb_split, __skb_frag_ref, skb_frag_unref); spec section 13.2.
Omits. Sharing one frag table between clones: each row here has its own. Linear parts of clones are copied by nobody: a clone of
       ours has frags only, as the ones that wait to be sent have.

=========================  =============================  ==============================================
an skb that                has a frag freed               takes one more reference
=========================  =============================  ==============================================
was received (pp_recycle)  pp_ref_count falls             pp_ref_count grows (Linux: only where it coalesces;
                                                          elsewhere the binding's own, another currency)
is to be sent              the page's count falls, or     the page's count grows, or the binding's
                           the binding's
=========================  =============================  ==============================================
"""

import numpy as np

from devmemlab.base.errno import EINVAL
from devmemlab.base.kernel import kernel
from devmemlab.mem.netmem import netmem_get_pp_ref, netmem_row
from devmemlab.mem.tx_frag import tx_frag_ref
from devmemlab.net.skb import SKB_OVERHEAD, skb_alloc
from devmemlab.net.zerocopy import net_zcopy_get


@kernel
def skb_frag_ref(skbs, skb, number, netmems, providers):
    """Take one more reference of a frag, in the currency of its skb.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    skb, number : int64
        Row and which frag.
    netmems : NETMEM[n_netmem]
        A count grows,
    providers : Providers
        or that of a binding.
    """
    netmem = skbs.frag[skb, number].netmem
    if skbs.skb[skb].pp_recycle:
        netmem_get_pp_ref(netmems, netmem)
    else:
        tx_frag_ref(netmems, providers, netmem)


@kernel
def _like(skbs, skb):
    """Take an empty skb that says of itself what another one does.

    Parameters
    ----------
    skbs : Skbs
        One row becomes active.
    skb : int64
        Row of the model.

    Returns
    -------
    other : int64
        Row, 0 when all are in use.
    """
    other = skb_alloc(skbs)
    if other:
        a, b = skbs.skb[skb], skbs.skb[other]
        b.pp_recycle, b.queue, b.hash, b.at_ns = a.pp_recycle, a.queue, a.hash, a.at_ns
        b.seq, b.end_seq, b.tcp_flags, b.ip_summed, b.vlan_tci = a.seq, a.end_seq, a.tcp_flags, a.ip_summed, a.vlan_tci
        b.gso_size, b.unreadable, b.ubuf = a.gso_size, a.unreadable, a.ubuf
        net_zcopy_get(skbs, b.ubuf)
    return other


@kernel
def skb_clone(skbs, skb, netmems, providers):
    """Make a second skb over the same frags.

    Parameters
    ----------
    skbs : Skbs
        One row becomes active.
    skb : int64
        Row without linear part and frag list.
    netmems : NETMEM[n_netmem]
        The count of each frag grows,
    providers : Providers
        or that of its binding.

    Returns
    -------
    clone : int64
        Row; unreadable when `skb` is. ``-EINVAL`` for an skb of another shape, 0 when all rows are in use.
    """
    row = skbs.skb[skb]
    if row.headlen or row.frag_list:
        return np.int64(-EINVAL)
    clone = _like(skbs, skb)
    if clone == 0:
        return clone
    for i in range(row.nr_frags):
        skbs.frag[clone, i] = skbs.frag[skb, i]
        skb_frag_ref(skbs, skb, i, netmems, providers)
    other = skbs.skb[clone]
    other.nr_frags, other.length, other.data_len, other.truesize = row.nr_frags, row.length, row.data_len, row.truesize
    if row.pp_recycle:
        skbs.ctl[0].octets_in += row.data_len
        skbs.ctl[0].octets_cloned += row.data_len
    return clone


@kernel
def skb_split(skbs, skb, netmems, providers, length):
    """Cut an skb in two.

    Parameters
    ----------
    skbs : Skbs
        `skb` keeps its first octets; one row becomes active.
    skb : int64
        Row without frag list.
    netmems : NETMEM[n_netmem]
        The count of a frag that both name grows,
    providers : Providers
        or that of its binding.
    length : int64
        Octets that stay, at least those of the linear part.

    Returns
    -------
    rest : int64
        Row of the second half, as unreadable as the first. ``-EINVAL`` when the cut would fall into the linear part, before
        the first octet or behind the last; 0 when all rows are in use.
    """
    row = skbs.skb[skb]
    if length < row.headlen or length <= 0 or length >= row.length or row.frag_list:
        return np.int64(-EINVAL)
    rest = _like(skbs, skb)
    if rest == 0:
        return rest
    other = skbs.skb[rest]
    start = row.headlen
    kept = np.int64(0)
    charged = (row.truesize - SKB_OVERHEAD) // max(row.nr_frags, 1)
    for i in range(row.nr_frags):
        frag = skbs.frag[skb, i]
        end = start + frag.length
        if end > length:
            there = skbs.frag[rest, other.nr_frags]
            there.netmem = frag.netmem
            there.offset = frag.offset + max(length - start, 0)
            there.length = end - max(length, start)
            if start < length:
                skb_frag_ref(skbs, skb, i, netmems, providers)
                frag.length = length - start
                kept += 1
            other.nr_frags += 1
            other.length += there.length
        else:
            kept += 1
        start = end
    other.data_len = other.length
    other.truesize = SKB_OVERHEAD + charged * other.nr_frags
    row.truesize -= charged * (row.nr_frags - kept)
    row.nr_frags = kept
    row.length -= other.length
    row.data_len -= other.length
    other.seq = (row.seq + row.length) & 0xFFFFFFFF
    row.end_seq = other.seq
    return rest
