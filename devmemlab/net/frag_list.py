"""Frag lists: a packet of more than 17 frags is a chain of skbs behind the first one.

Law.   The first skb's lengths are those of the whole chain; a link has frags only, and is in no queue.
Reads. Linux include/linux/skbuff.h (skb_shinfo()->frag_list, skb_walk_frags); gve_rx_dqo.c, gve_rx_append_frags().
Omits. Links with frag lists of their own while they are in a chain.
"""

from devmemlab.base.kernel import kernel
from devmemlab.net.skb import LINKED


@kernel
def skb_chain(skbs, skb, child):
    """Put an skb without headers at the end of another one's frag list.

    Parameters
    ----------
    skbs : Skbs
        Both rows are changed; the lengths of `skb` grow by those of `child`.
    skb, child : int64
        Rows; `child` is in no queue and has no frag list.
    """
    row = skbs.skb[skb]
    link = skbs.skb[child]
    link.active = LINKED
    link.next = 0
    if row.frag_list == 0:
        row.frag_list = child
    else:
        skbs.skb[row.frag_tail].next = child
    row.frag_tail = child
    row.length += link.length
    row.data_len += link.length
    row.truesize += link.truesize
    if link.unreadable:
        row.unreadable = 1


@kernel
def skb_unchain(skbs, skb):
    """Take the first skb out of a frag list.

    Parameters
    ----------
    skbs : Skbs
        `skb` gets its lengths back; the skb taken out stands for itself and inherits the rest of the list.
    skb : int64
        Row.

    Returns
    -------
    child : int64
        Row, 0 when there is no frag list.
    """
    row = skbs.skb[skb]
    child = row.frag_list
    if child == 0:
        return child
    link = skbs.skb[child]
    link.active = 1
    link.frag_list = link.next
    link.frag_tail = row.frag_tail if link.next else 0
    link.next = 0
    at = link.frag_list
    while at:
        more = skbs.skb[at]
        link.length += more.length
        link.data_len += more.length
        link.truesize += more.truesize
        at = more.next
    row.frag_list = 0
    row.frag_tail = 0
    row.length -= link.length
    row.data_len -= link.length
    row.truesize -= link.truesize
    return child
