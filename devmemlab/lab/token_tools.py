"""Tools for what recvmsg hands out: pieces as arrays, neighbours joined to runs.

Law.   The order of the stream is kept; what is joined is adjacent in the stream and in the dmabuf.
Reads. Spec section 14.1.
Omits. Sorting by offset: it would lose the order of the stream.
"""

import numpy as np

from devmemlab.sock.token_batch import token_ranges
from devmemlab.sock.uapi import SCM_DEVMEM_DMABUF

__all__ = ["RUN_DTYPE", "coalesce", "pieces_of", "token_ranges"]
RUN_DTYPE = np.dtype([("dmabuf_id", np.uint32), ("frag_offset", np.int64), ("frag_size", np.int64), ("first", np.int64),
                      ("count", np.int64)])
"""A run: where it is, how long, and which records of the input it joins: ``first`` and ``count``."""


def pieces_of(frags):
    """Read offsets and lengths of whatever holds some.

    Parameters
    ----------
    frags : recarray of FRAG_DTYPE or RUN_DTYPE, or sequence of (offset, length)
        Pieces in device memory.

    Returns
    -------
    offsets, lengths : int64[n]
        In the same order.

    Raises
    ------
    ValueError
        A record is of host bytes, or a length is negative.
    """
    names = getattr(getattr(frags, "dtype", None), "names", None)
    if names:
        if "kind" in names and (frags["kind"] != SCM_DEVMEM_DMABUF).any():
            at = int(np.flatnonzero(frags["kind"] != SCM_DEVMEM_DMABUF)[0])
            raise ValueError(f"record {at} has kind {int(frags['kind'][at])}: its octets are in the host's buffer, not in device "
                             "memory")
        offsets, lengths = frags["frag_offset"].astype(np.int64), frags["frag_size"].astype(np.int64)
    else:
        pairs = np.asarray(frags, np.int64).reshape(-1, 2)
        offsets, lengths = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
    if (lengths < 0).any():
        at = int(np.flatnonzero(lengths < 0)[0])
        raise ValueError(f"piece {at} has length {int(lengths[at])}")
    return offsets, lengths


def coalesce(frags):
    """Join pieces that follow one another in the stream and in the dmabuf.

    Parameters
    ----------
    frags : recarray of FRAG_DTYPE, or sequence of (offset, length)
        Pieces in the order of the stream; records of host bytes are left out, and end a run.

    Returns
    -------
    runs : recarray of RUN_DTYPE
        ``frag_offset``, ``frag_size``, ``dmabuf_id`` and the input's records ``first`` to ``first + count``. Tokens are not
        joined: each still has to be returned.
    """
    names = getattr(getattr(frags, "dtype", None), "names", None)
    index = np.flatnonzero(frags["kind"] == SCM_DEVMEM_DMABUF) if names else np.arange(len(frags))
    offsets, lengths = pieces_of(frags[index] if names else frags)
    ids = frags["dmabuf_id"][index] if names else np.zeros(len(index), np.uint32)
    begins = np.ones(len(index), bool)
    begins[1:] = (offsets[1:] != offsets[:-1] + lengths[:-1]) | (ids[1:] != ids[:-1]) | (np.diff(index) != 1)
    first = np.flatnonzero(begins)
    runs = np.zeros(len(first), RUN_DTYPE)
    runs["dmabuf_id"], runs["frag_offset"], runs["first"] = ids[first], offsets[first], index[first]
    runs["count"] = np.diff(np.append(first, len(index)))
    if len(first):
        runs["frag_size"] = np.add.reduceat(lengths, first)
    return runs.view(np.recarray)
