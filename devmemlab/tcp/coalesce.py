"""Coalescing: a segment that follows the last one queued gives its frags to it.

Law.   Frags are concatenated, never joined: ranges that touch stay two frags, with two tokens.
Reads. Linux net/ipv4/tcp_input.c (tcp_try_coalesce); spec section 13.4.
Omits. MPTCP and decryption, which must agree too; copying small segments into the tail room: TCP sees no payload here.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_diff
from devmemlab.net.skb_merge import skb_may_coalesce


@kernel
def tcp_may_coalesce(skbs, to, skb):
    """Tell whether a segment may become part of the one queued before it.

    Parameters
    ----------
    skbs : Skbs
        Not changed.
    to, skb : int64
        Rows.

    Returns
    -------
    may : bool
        They are neighbours to the octet, alike in readability, and their frags are 17 at most.

    References
    ----------
    Linux net/ipv4/tcp_input.c, tcp_try_coalesce()
    """
    a, b = skbs.skb[to], skbs.skb[skb]
    if a.end_seq != b.seq or seq_diff(a.end_seq, a.seq) != a.length or seq_diff(b.end_seq, b.seq) != b.length:
        return False
    return skb_may_coalesce(skbs, to, skb)
