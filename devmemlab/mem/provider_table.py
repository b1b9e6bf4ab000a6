"""Providers, vocabulary: bindings, chunks, and the words that allocators keep their books in.

Law.   A binding owns a range of netmem rows, a range of chunk rows and a range of words; ranges never overlap.
Reads. Linux net/core/devmem.h; spec section 4.1.
Omits. The mutex and the RCU head.

::

    BINDING  id 7, ref 2 ----> CHUNK 12  dma 0x40000000, virtual 0      ----> NETMEM rows 5000..5003
                               CHUNK 13  dma 0x7f000000, virtual 0x4000 ----> NETMEM rows 5004..5007
                          \\--> words: one bit a net_iov (gen_pool) or a stack of indices (lifo)
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table
from devmemlab.mem.netmem import NIOV_DMABUF, NIOV_IOURING
from devmemlab.mem.pool_table import PROVIDER_IOURING

GEN_POOL, LIFO, USER = 0, 1, 2
ALLOCATORS = ("gen_pool", "lifo", "user")
MAX_ORDER = 10

BINDING = schema(
    "id", "kind", "dmabuf", "attachment", "ifindex", "direction", "ref", "live", "dying", "length",
    "chunk_first", "chunk_count", "chunk_hint", "niov_first", "niov_count", "niov_shift", "aligned",
    "allocator", "batch", "words_first", "words_count", "free_count", "implicit", "touched_low", "touched_high",
    "hold_niov", "vdev", "warnings", "leaked", "pools",
    "user_alloc", "user_release", "user_init", "user_destroy", "state_first", "state_count",
    "refs_first", "rq_first", "rq_entries", "rq_head", "rq_tail", "area_id", "user_pages",
)
"""``live``: the id can be looked up. ``dying``: the last reference went and the work item waits. ``hold_niov``: every net_iov
out holds a reference (profile v9). ``leaked``: net_iovs that the provider refused to take back. ``pools``:
pools that use it. ``aligned``: offset >> shift is the net_iov's index. ``user_pages``: an area of the program's own pages."""

CHUNK = schema("binding", "dma_addr", "base_virtual", "length", "niov_first", "niov_count", "avail_bytes", "word_first",
               "word_hint")
PROVIDERS_CTL = schema("last_id", "pending")
PAGES = schema("head", "listed", "out", "next_addr", "end_addr", "next_row", "end_row", "node", "pressure")
WORD = schema("entry")


@component
class Providers(NamedTuple):
    """Where the pools of one host get their buffers from.

    ctl : PROVIDERS_CTL[1]
        Last binding id given; how many bindings wait to be freed.
    binding : BINDING[n]
        One row a binding or area, row 0 unused; ``kind`` 0 means the row is free.
    chunk : CHUNK[n]
        One row a segment, row 0 unused.
    words : WORD[n]
        Bitmaps, stacks, counters and the state of user providers, in ranges.
    pages : PAGES[11]
        The host's page allocator, one row an order; row 0 also knows where fresh pages come from.
    """

    ctl: np.recarray
    binding: np.recarray
    chunk: np.recarray
    words: np.recarray
    pages: np.recarray


def make_providers(bindings=256, chunks=1 << 22, words=1 << 26):
    """Make room for bindings.

    Parameters
    ----------
    bindings : int
        Bindings that may exist at once.
    chunks : int
        Segments of all of them; committed only where used.
    words : int
        Words of allocator books; committed only where used.

    Returns
    -------
    providers : Providers
        All rows free.
    """
    return Providers(table(PROVIDERS_CTL, 1), table(BINDING, bindings), table(CHUNK, chunks), table(WORD, words),
                     table(PAGES, MAX_ORDER + 1))


@kernel
def chunk_of_row(providers, binding, row):
    """Find the chunk that a net_iov lies in.

    Parameters
    ----------
    providers : Providers
        Not changed.
    binding : int64
        Binding row.
    row : int64
        Netmem row of the binding.

    Returns
    -------
    chunk : int64
        Chunk row.
    """
    own = providers.binding[binding]
    low = own.chunk_first
    high = low + own.chunk_count - 1
    while low < high:
        middle = (low + high + 1) >> 1
        if providers.chunk[middle].niov_first <= row:
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def niov_fill(netmems, providers, binding, row, chunk):
    """Write what a net_iov is, when it is first needed.

    Parameters
    ----------
    netmems : NETMEM[n]
        Row `row` is written, unless it was before.
    providers : Providers
        The binding notes how far its rows have been touched.
    binding : int64
        Binding row.
    row : int64
        Netmem row.
    chunk : int64
        Chunk row, 0 when it must be looked for.
    """
    niov = netmems[row]
    if niov.owner == 0:
        own = providers.binding[binding]
        if chunk == 0:
            chunk = chunk_of_row(providers, binding, row)
        piece = providers.chunk[chunk]
        niov.owner = chunk
        niov.dma_addr = piece.dma_addr + ((row - piece.niov_first) << own.niov_shift)
        niov.niov_type = NIOV_IOURING if own.kind == PROVIDER_IOURING else NIOV_DMABUF
        niov.page_refcount = 1
        if row < own.touched_low:
            own.touched_low = row
        if row > own.touched_high:
            own.touched_high = row


@kernel
def net_iov_binding(netmems, providers, netmem):
    """Find the binding of a net_iov.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    providers : Providers
        Not changed.
    netmem : int64
        Handle.

    Returns
    -------
    binding : int64
        Binding row; 0 for a page.
    """
    if netmem & 1 == 0:
        return np.int64(0)
    return providers.chunk[netmems[netmem >> 1].owner].binding


@kernel(inline="always")
def net_iov_binding_id(netmems, providers, netmem):
    """Find the id that user space knows the binding of a net_iov by.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    providers : Providers
        Not changed.
    netmem : int64
        Handle of a net_iov.

    Returns
    -------
    id : int64
        Binding id; it stays readable after unbind.
    """
    return providers.binding[providers.chunk[netmems[netmem >> 1].owner].binding].id


@kernel(inline="always")
def net_iov_virtual_offset(netmems, providers, netmem):
    """Find where in its dmabuf a net_iov begins.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    providers : Providers
        Not changed.
    netmem : int64
        Handle of a net_iov.

    Returns
    -------
    offset : int64
        Bytes from the start of the dmabuf.
    """
    row = netmem >> 1
    chunk = providers.chunk[netmems[row].owner]
    return chunk.base_virtual + ((row - chunk.niov_first) << providers.binding[chunk.binding].niov_shift)


@kernel(inline="always")
def net_iov_owner(providers, owner):
    """Tell what all net_iovs of a chunk have in common, for whoever looks at many.

    Parameters
    ----------
    providers : Providers
        Not changed.
    owner : int64
        Chunk row, see ``NETMEM.owner``.

    Returns
    -------
    base, shift, id : int64
        Net_iov row ``r`` begins ``base + (r << shift)`` octets behind the start of the dmabuf; binding id.
    """
    chunk = providers.chunk[owner]
    own = providers.binding[chunk.binding]
    return chunk.base_virtual - (chunk.niov_first << own.niov_shift), own.niov_shift, own.id
