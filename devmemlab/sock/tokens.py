"""Tokens: the user's references to device memory, one table a socket.

Law.   A live token owns exactly one ``pp_ref_count`` of its netmem.
Reads. Linux net/ipv4/tcp.c (the xarray of user frags), net/core/sock.c (sock_devmem_dontneed).
Omits. What Linux loses when another thread returns an id that is only reserved: nothing else runs while a call of the lab
       does.

Ids are dense: the lowest free one is handed out, so a returned token's number comes back at once. A
program that returns a token twice may therefore free somebody else's, exactly as on Linux. Ids are handed out by
`devmemlab.sock.deliver_frags`, some at a time, and come back here, some at a time.
"""

import numpy as np

from devmemlab.base.errno import EINVAL
from devmemlab.base.kernel import kernel
from devmemlab.base.prefetch import prefetch_row
from devmemlab.base.trace import DONTNEED, emit
from devmemlab.base.xarray import FANOUT, xa_freed, xa_leaf
from devmemlab.mem.netmem import PLACE_SKB, PLACE_TOKEN, netmem_get_pp_ref, netmem_row
from devmemlab.mem.page_pool import page_pool_put_entries, page_pool_put_netmem
from devmemlab.sock.uapi import DMABUF_TOKEN_BYTES, MAX_DONTNEED_FRAGS, MAX_DONTNEED_TOKENS, get_dmabuf_token

AHEAD = 8


@kernel(inline="always")
def token_commit(netmems, netmem):
    """Take the reference of a token.

    Parameters
    ----------
    netmems : NETMEM[n_netmem]
        ``pp_ref_count`` grows by one.
    netmem : int64
        Handle.
    """
    netmem_get_pp_ref(netmems, netmem)
    netmems[netmem_row(netmem)].place = PLACE_TOKEN


@kernel
def _return_run(tokens, sock, pools, netmems, providers, trace, token, count):
    """Give back tokens whose ids share a leaf of the table.

    Parameters
    ----------
    tokens : XArrays
        Entries go.
    sock : int64
        Row of the connection.
    pools : PagePools
        The last reference sends a netmem back to its pool's ring.
    netmems : NETMEM[n_netmem]
        Each ``pp_ref_count`` falls by one.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives dontneed.
    token, count : int64
        The ids, any numbers within 64 that begin at a multiple of 64.

    Returns
    -------
    released : int64
        How many of them were live.
    """
    leaf = xa_leaf(tokens, sock, token)
    if leaf == 0:
        return np.int64(0)
    first = token & (FANOUT - 1)
    emptied = np.int64(token == 0)
    released = np.int64(0)
    slots = tokens.slot[leaf]
    end = min(first + count, np.int64(FANOUT))
    for slot in range(first + 1, min(first + AHEAD, end)):
        prefetch_row(netmems, netmem_row(slots[slot].entry))
    slot = first
    while slot < end:
        netmem = slots[slot].entry
        if netmem <= 0:
            slot += 1
            continue
        row = netmems[netmem_row(netmem)]
        pp = row.pp
        # A trace tells of each token before its buffer, and a token alone is no run.
        if trace is None and pp > 0 and slot + 1 < end:
            after = page_pool_put_entries(pools, netmems, slots, slot, end, pp)
            if after > slot:
                emptied |= ~(np.int64(-2) << (after - slot - 1)) << slot
                released += after - slot
                slot = after
                continue
        slots[slot].entry = 0
        emptied |= np.int64(1) << slot
        released += 1
        emit(trace, DONTNEED, sock, token - first + slot, netmem, 0)
        slot += 1
        row.place = PLACE_TOKEN
        if pp > 0 and page_pool_put_netmem(pools, netmems, providers, trace, pp - 1, netmem, 0) == 0:
            row.place = PLACE_SKB       # its skb is not read to the end yet
    xa_freed(tokens, sock, leaf, emptied, released)
    return released


@kernel
def sock_devmem_dontneed(tokens, sock, pools, netmems, providers, trace, optval, optlen):
    """Return ranges of tokens.

    Parameters
    ----------
    tokens : XArrays
        Entries of tree `sock` go.
    sock : int64
        Row of the connection or listener.
    pools : PagePools
        Netmems return to the rings of their pools.
    netmems : NETMEM[n_netmem]
        Reference counts fall.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives dontneed.
    optval : uint8[n]
        Elements of ``{u32 token_start, u32 token_count}``, little endian.
    optlen : int64
        Its length, octets.

    Returns
    -------
    released : int64
        References really released; ``-EINVAL`` for a length that is not 1 to 128 whole elements.

    Notes
    -----
    Unknown ids are skipped but use up the budget of 1024 ids a call.

    References
    ----------
    Linux net/core/sock.c, sock_devmem_dontneed().
    """
    if optlen < DMABUF_TOKEN_BYTES or optlen % DMABUF_TOKEN_BYTES != 0 or optlen > MAX_DONTNEED_TOKENS * DMABUF_TOKEN_BYTES:
        return np.int64(-EINVAL)
    released = np.int64(0)
    budget = np.int64(MAX_DONTNEED_FRAGS)
    for index in range(optlen // DMABUF_TOKEN_BYTES):
        start, count = get_dmabuf_token(optval, index)
        count = min(count, budget)
        budget -= count
        while count > 0:
            some = min(count, FANOUT - (start & (FANOUT - 1)))
            released += _return_run(tokens, sock, pools, netmems, providers, trace, start, some)
            start = (start + some) & 0xFFFFFFFF
            count -= some
    return released


@kernel
def tokens_release_all(tokens, sock, pools, netmems, providers, trace):
    """Return every token of a socket, as its destruction does.

    Parameters
    ----------
    tokens : XArrays
        Tree `sock` becomes empty.
    sock : int64
        Row of the connection.
    pools : PagePools
        Netmems return to the rings of their pools.
    netmems : NETMEM[n_netmem]
        Reference counts fall.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives dontneed.

    Returns
    -------
    released : int64
        References released.
    """
    released = np.int64(0)
    token = np.int64(0)
    while tokens.root[sock].live:
        released += _return_run(tokens, sock, pools, netmems, providers, trace, token, FANOUT)
        token += FANOUT
    return released
