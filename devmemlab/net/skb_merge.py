"""Merging: the frags of one skb move behind those of another, and its head is let go.

Law.   Frags move as they are: none is cut, joined or copied, so each wire segment keeps its own frags and tokens.
Reads. Linux net/core/skbuff.c (skb_try_coalesce), net/core/gro.c (skb_gro_receive); spec sections 13.4 and 13.5.
Omits. Copying into the tail room; heads that become frags (ours are no pages: a linear part stays where it is);
       frags of a cloned skb, which no queue that merges holds.
"""

from devmemlab.base.kernel import kernel
from devmemlab.net.skb import MAX_SKB_FRAGS, SKB_OVERHEAD


@kernel
def skb_give_back_head(skbs, skb):
    """Free the row of an skb whose frags have gone elsewhere.

    Parameters
    ----------
    skbs : Skbs
        The row becomes free.
    skb : int64
        Row with one user, without frags and frag list.
    """
    ctl = skbs.ctl[0]
    row = skbs.skb[skb]
    row.active = 0
    row.users = 0
    row.next = ctl.recycled
    ctl.recycled = skb
    ctl.live -= 1


@kernel
def skb_move_frags(skbs, to, skb):
    """Move all frags of an skb behind those of another one, and free what is left of it.

    Parameters
    ----------
    skbs : Skbs
        `to` grows; `skb` becomes free.
    to, skb : int64
        Rows; `skb` has no linear part, and the frags of both are 17 at most.

    Returns
    -------
    truesize : int64
        Octets by which what is charged for `to` grew.
    """
    a, b = skbs.skb[to], skbs.skb[skb]
    for i in range(b.nr_frags):
        skbs.frag[to, a.nr_frags + i] = skbs.frag[skb, i]
    grown = b.truesize - SKB_OVERHEAD
    a.nr_frags += b.nr_frags
    a.length += b.length
    a.data_len += b.data_len
    a.truesize += grown
    if b.unreadable:
        a.unreadable = 1
    b.nr_frags = 0
    skb_give_back_head(skbs, skb)
    return grown


@kernel
def skb_may_coalesce(skbs, to, skb):
    """Tell whether the frags of an skb may follow those of another one.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    to, skb : int64
        Rows.

    Returns
    -------
    may : bool
        False when either is shared or has a frag list, when references or readability differ, when `skb` has octets in
        its linear part, or when there would be more than 17 frags.

    References
    ----------
    Linux net/core/skbuff.c, skb_try_coalesce()
    """
    a, b = skbs.skb[to], skbs.skb[skb]
    if a.users > 1 or b.users > 1 or a.pp_recycle != b.pp_recycle or a.unreadable != b.unreadable:
        return False
    if a.frag_list or b.frag_list or b.headlen:
        return False
    return a.nr_frags + b.nr_frags <= MAX_SKB_FRAGS
