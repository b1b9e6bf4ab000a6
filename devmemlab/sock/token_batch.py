"""Many tokens at once: packing them into DONTNEED calls, and making the calls.

Law.   However many tokens there are, each call is one that Linux accepts: 128 ranges, 1024 ids, in the caller's order.
Reads. Linux net/core/sock.c (sock_devmem_dontneed) for the limits.
Omits. Sorting: neighbours that the caller did not put beside each other stay apart.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load_le32, store_le32
from devmemlab.sock.tokens import sock_devmem_dontneed
from devmemlab.sock.uapi import (
    CMSG_HEADER_BYTES,
    DMABUF_CMSG_BYTES,
    DMABUF_TOKEN_BYTES,
    MAX_DONTNEED_FRAGS,
    MAX_DONTNEED_TOKENS,
    SCM_DEVMEM_DMABUF,
)

OPTVAL_BYTES = MAX_DONTNEED_TOKENS * DMABUF_TOKEN_BYTES


@kernel
def pack_dontneed(tokens, first, optval):
    """Fill one option value with as many tokens as it takes.

    Parameters
    ----------
    tokens : int64[n]
        Ids in the order in which they go back.
    first : int64
        Begin with this one.
    optval : uint8[1024]
        Written: elements of ``{u32 token_start, u32 token_count}``.

    Returns
    -------
    following, elements : int64
        The first token that did not fit, and how many elements were written.
    """
    at = first
    end = min(len(tokens), first + MAX_DONTNEED_FRAGS)
    elements = np.int64(0)
    while at < end and elements < MAX_DONTNEED_TOKENS:
        start = tokens[at]
        count = np.int64(1)
        while at + count < end and tokens[at + count] == start + count:
            count += 1
        store_le32(optval, elements * DMABUF_TOKEN_BYTES, start)
        store_le32(optval, elements * DMABUF_TOKEN_BYTES + 4, count)
        elements += 1
        at += count
    return at, elements


@kernel
def read_tokens(control, ids):
    """Read the devmem control messages of a recvmsg as a program does that only counts and returns.

    Parameters
    ----------
    control : uint8[n]
        Control messages of 40 octets each, see `devmemlab.sock.uapi.Ancdata`.
    ids : int64[m]
        Written: the tokens, in order; there is room for each.

    Returns
    -------
    tokens, octets : int64
        How many there are, and the octets of all messages, LINEAR among them.
    """
    count = octets = np.int64(0)
    for at in range(0, len(control), CMSG_HEADER_BYTES + DMABUF_CMSG_BYTES):
        octets += load_le32(control, at + 24)
        if load_le32(control, at + 12) == SCM_DEVMEM_DMABUF:
            ids[count] = load_le32(control, at + 28)
            count += 1
    return count, octets


@kernel
def sock_dontneed_tokens(tokens, sock, pools, netmems, providers, trace, ids, optval):
    """Return any number of tokens in calls of the size that Linux accepts.

    Parameters
    ----------
    tokens : XArrays
        Entries of tree `sock` go.
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
    ids : int64[n]
        Tokens, in the order in which they go back.
    optval : uint8[1024]
        Scratch.

    Returns
    -------
    released : int64
        References really released.
    """
    released = np.int64(0)
    at = np.int64(0)
    while at < len(ids):
        at, elements = pack_dontneed(ids, at, optval)
        released += sock_devmem_dontneed(tokens, sock, pools, netmems, providers, trace, optval, elements * DMABUF_TOKEN_BYTES)
    return released


def token_ids(tokens):
    """Make an array of token ids of whatever holds some.

    Parameters
    ----------
    tokens : recarray of FRAG_DTYPE, or sequence of int
        Records of `devmemlab.frags` (those of host bytes are left out), or ids.

    Returns
    -------
    ids : int64[n]
        In the same order.

    Raises
    ------
    ValueError
        A number is no token: below 0, or more than 32 bits.
    """
    if isinstance(tokens, np.ndarray) and tokens.dtype.names and "frag_token" in tokens.dtype.names:
        tokens = tokens["frag_token"][tokens["kind"] == SCM_DEVMEM_DMABUF]
    ids = np.ascontiguousarray(np.asarray(tokens, np.int64)).ravel()
    if len(ids) and ids.view(np.uint64).max() > 0xFFFFFFFF:
        wrong = ids[(ids < 0) | (ids > 0xFFFFFFFF)]
        raise ValueError(f"{int(wrong[0])} is no token: a token is an unsigned number of 32 bits")
    return ids


def named_ids(optval):
    """List the ids that one DONTNEED call looks at.

    Parameters
    ----------
    optval : uint8[n]
        Its option value, whole elements.

    Returns
    -------
    ids : list of int
        At most 1024, in order; some may be named twice, or be no tokens.
    """
    ids = []
    for start, count in optval.view("<u4").reshape(-1, 2).tolist():
        ids += [start + j & 0xFFFFFFFF for j in range(min(count, MAX_DONTNEED_FRAGS - len(ids)))]
    return ids


def token_ranges(tokens):
    """Pack tokens into as few DONTNEED calls as its limits allow, without changing their order.

    Parameters
    ----------
    tokens : recarray of FRAG_DTYPE, or sequence of int
        Tokens to return.

    Returns
    -------
    calls : list of int64[n, 2]
        Each an argument for one ``dontneed``: at most 128 ranges and 1024 tokens.
    """
    tokens = token_ids(tokens)
    if len(tokens) == 0:
        return []
    if (np.diff(tokens) == 1).all():
        # The usual case, and this runs for every burst: ids are dense, so one read's are one run.
        first, count = int(tokens[0]), len(tokens)
        return [np.array([(first + at, min(MAX_DONTNEED_FRAGS, count - at))]) for at in range(0, count, MAX_DONTNEED_FRAGS)]
    optval, calls, at = np.zeros(OPTVAL_BYTES, np.uint8), [], 0
    while at < len(tokens):
        at, elements = pack_dontneed(tokens, at, optval)
        calls.append(optval.view("<u4")[:2 * elements].reshape(-1, 2).astype(np.int64))
    return calls
