"""Tokens: the user's references to device memory, one table a socket.

Law.   A live token owns exactly one ``pp_ref_count`` of its netmem.
Reads. Linux net/ipv4/tcp.c (the xarray of user frags), net/core/sock.c (sock_devmem_dontneed).
Omits. Reservation of a batch of ids ahead of use: nothing else runs while a call of the lab does, so one id at a time is the
       same. What Linux loses when another thread returns an id that is only reserved cannot happen here.

Ids are dense: the lowest free one is handed out, so a returned token's number comes back at once. A
program that returns a token twice may therefore free somebody else's, exactly as on Linux.
"""

import numpy as np

from devmemlab.base.errno import EINVAL
from devmemlab.base.kernel import kernel
from devmemlab.base.trace import DONTNEED, emit
from devmemlab.base.xarray import xa_alloc, xa_erase
from devmemlab.mem.netmem import PLACE_SKB, PLACE_TOKEN, netmem_get_pp_ref, netmem_row
from devmemlab.mem.page_pool import page_pool_put_netmem
from devmemlab.sock.uapi import DMABUF_TOKEN_BYTES, MAX_DONTNEED_FRAGS, MAX_DONTNEED_TOKENS, get_dmabuf_token


@kernel(inline="always")
def token_reserve(tokens, sock, netmem):
    """Choose the id of the next token. It holds no reference until `token_commit`; `token_cancel` takes it back.

    Parameters
    ----------
    tokens : XArrays
        Tree `sock` gets an entry.
    sock : int64
        Row of the connection.
    netmem : int64
        Handle.

    Returns
    -------
    frag_token : int64
        0 or more; ``-ENOMEM`` or ``-EBUSY`` when the table is full.
    """
    return xa_alloc(tokens, sock, netmem)


@kernel(inline="always")
def token_commit(netmems, netmem):
    """Give a reserved token its reference.

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
def token_cancel(tokens, sock, frag_token):
    """Take back a reserved token whose message did not fit.

    Parameters
    ----------
    tokens : XArrays
        The entry goes.
    sock : int64
        Row of the connection.
    frag_token : int64
        From `token_reserve`.
    """
    xa_erase(tokens, sock, frag_token)


@kernel(inline="always")
def token_return(tokens, sock, pools, netmems, providers, trace, token):
    """Give one token back.

    Parameters
    ----------
    tokens : XArrays
        The entry goes.
    sock : int64
        Row of the connection.
    pools : PagePools
        The last reference sends the netmem back to its pool's ring.
    netmems : NETMEM[n_netmem]
        ``pp_ref_count`` falls by one.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Receives dontneed.
    token : int64
        Any number.

    Returns
    -------
    released : int64
        1, or 0 when no such token is live.
    """
    netmem = xa_erase(tokens, sock, token)
    if netmem == 0:
        return 0
    emit(trace, DONTNEED, sock, token, netmem, 0)
    row = netmems[netmem_row(netmem)]
    row.place = PLACE_TOKEN
    if page_pool_put_netmem(pools, netmems, providers, trace, row.pp - 1, netmem, 0) == 0:
        row.place = PLACE_SKB           # its skb is not read to the end yet
    return 1


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
    attempted = 0
    for index in range(optlen // DMABUF_TOKEN_BYTES):
        start, count = get_dmabuf_token(optval, index)
        for j in range(count):
            attempted += 1
            if attempted > MAX_DONTNEED_FRAGS:
                return released
            released += token_return(tokens, sock, pools, netmems, providers, trace, (start + j) & 0xFFFFFFFF)
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
        released += token_return(tokens, sock, pools, netmems, providers, trace, token)
        token += 1
    return released
