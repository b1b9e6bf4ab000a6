"""Blocks: the octets of arrays that are mostly zero, kept and put back.

Law.   What is put back is what was kept, octet for octet; octets that are zero take no room.
Reads. Linux Documentation/admin-guide/mm/pagemap.rst (PAGEMAP_SCAN from 6.7 on; before, bits 62 and 63); lseek(2).
Omits. A quick way on other systems than Linux: there every octet is looked at, which takes seconds for a host.

The tables of a host are reserved far beyond what a run touches (a netmem table alone has 2 GiB), so the system is asked which
pages there are at all before anything is read.
"""

import os
import struct
from errno import ENXIO

import numpy as np

try:
    import fcntl
except ImportError:
    fcntl = None

BLOCK_BYTES = 4096
LARGE_BYTES = 1 << 20
"""Arrays below this are simply looked through."""
PAGEMAP_SCAN, SPANS, THERE = 0xC0606610, 512, 1 << 3 | 1 << 4
"""The request of that name; spans of one answer; PAGE_IS_PRESENT, PAGE_IS_SWAPPED."""


def octets_of_array(array):
    """Show the octets of an array.

    Parameters
    ----------
    array : numpy.ndarray
        Contiguous.

    Returns
    -------
    octets : uint8[nbytes]
        A view.
    """
    flat = array.view(np.ndarray).reshape(-1)
    if flat.size and not np.shares_memory(flat[:1], array.view(np.ndarray)):
        raise ValueError("an array that is not contiguous cannot be kept")
    return flat.view(np.uint8)


def touched_blocks(octets, fd=None):
    """Find the blocks that may hold something else than zeros.

    Parameters
    ----------
    octets : uint8[n]
        Any.
    fd : int, optional
        The file that is mapped there: what it holds may be in no page table.

    Returns
    -------
    block : int64[m]
        Numbers, ascending.
    """
    count = -(-len(octets) // BLOCK_BYTES)
    if len(octets) < LARGE_BYTES:
        return np.arange(count)
    start = octets.__array_interface__["data"][0]
    first, end = start // BLOCK_BYTES, -(-(start + len(octets)) // BLOCK_BYTES)
    spans = _data_of_file(fd, len(octets)) if fd is not None else _pages_there(first, end)
    if spans is None:
        return np.arange(count)
    page = np.concatenate([np.arange(low, high) for low, high in spans] or [np.zeros(0, np.int64)])
    block = page if start % BLOCK_BYTES == 0 else np.unique(np.concatenate([page - 1, page]))
    return block[(block >= 0) & (block < count)]


def _data_of_file(fd, nbytes):
    """Ask a file where its data are.

    Parameters
    ----------
    fd : int
        The file, mapped from its beginning.
    nbytes : int
        Its length.

    Returns
    -------
    spans : list of (int, int), or None
        Blocks; None where the system cannot tell.
    """
    spans, at = [], 0
    if not hasattr(os, "SEEK_DATA"):
        return None
    try:
        while at < nbytes:
            low = os.lseek(fd, at, os.SEEK_DATA)
            at = os.lseek(fd, low, os.SEEK_HOLE)
            spans.append((low // BLOCK_BYTES, -(-at // BLOCK_BYTES)))
    except OSError as problem:
        return spans if problem.errno == ENXIO else None
    return spans


def _pages_there(first, end):
    """Ask the page tables which pages there are.

    Parameters
    ----------
    first, end : int
        Pages of this process, the latter left out.

    Returns
    -------
    spans : list of (int, int), or None
        Pages, counted from the first; None where the system cannot tell.
    """
    if fcntl is None or BLOCK_BYTES != os.sysconf("SC_PAGE_SIZE"):
        return None
    try:
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            try:
                return _scanned(pagemap, first, end)
            except OSError:
                raw = b""
                while len(raw) < 8 * (end - first):
                    more = os.pread(pagemap.fileno(), 8 * (end - first) - len(raw), 8 * first + len(raw))
                    if not more:
                        return None
                    raw += more
    except OSError:
        return None
    there = np.frombuffer(raw, "<u8") >> np.uint64(62) != 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))


def _scanned(pagemap, first, end):
    """Do as `_pages_there` with one request for many pages."""
    spans, at, vec = [], first * BLOCK_BYTES, np.zeros((SPANS, 3), np.uint64)
    while at < end * BLOCK_BYTES:
        request = bytearray(struct.pack("12Q", 96, 0, at, end * BLOCK_BYTES, 0, vec.ctypes.data, SPANS, 0, 0, 0, THERE, THERE))
        found = fcntl.ioctl(pagemap, PAGEMAP_SCAN, request, True)
        spans += [(int(low) // BLOCK_BYTES - first, int(high) // BLOCK_BYTES - first) for low, high, _ in vec[:found]]
        at = struct.unpack_from("Q", request, 32)[0]
    return spans


def kept_blocks(octets, before=None, fd=None):
    """Keep what is not zero.

    Parameters
    ----------
    octets : uint8[n]
        Not changed.
    before : dict of int to bytes, optional
        An earlier answer for the same octets: blocks that are still the same are not kept twice.
    fd : int, optional
        As for `touched_blocks`.

    Returns
    -------
    kept : dict of int to bytes
        Number of a block -> its octets (the last one may be shorter).
    """
    before, kept = before or {}, {}
    for block in touched_blocks(octets, fd).tolist():
        piece = octets[block * BLOCK_BYTES:(block + 1) * BLOCK_BYTES]
        if piece.any():
            found, old = piece.tobytes(), before.get(block)
            kept[block] = old if old == found else found
    return kept


def put_back(octets, kept, fd=None):
    """Make octets what they were.

    Parameters
    ----------
    octets : uint8[n]
        Written.
    kept : dict of int to bytes
        From `kept_blocks`.
    fd : int, optional
        As for `touched_blocks`.
    """
    for block in touched_blocks(octets, fd).tolist():
        if block not in kept:
            piece = octets[block * BLOCK_BYTES:(block + 1) * BLOCK_BYTES]
            if piece.any():
                piece[:] = 0
    for block, data in kept.items():
        octets[block * BLOCK_BYTES:block * BLOCK_BYTES + len(data)] = np.frombuffer(data, np.uint8)
