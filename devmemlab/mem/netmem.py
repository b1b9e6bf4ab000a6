"""netmem: one kind of number for a page and for a net_iov.

Law.   Bit 0 says which: set for a net_iov, memory without a struct page that the CPU has no pointer to.
Reads. Linux include/net/netmem.h.
Omits. The debug warnings on wrong conversions; a wrong conversion answers 0 or -EFAULT.

::

    handle = row << 1 | is_net_iov        row 0 is never used, so handle 0 means "none"

Pages and net_iovs are rows of one table with the same fields in the same places, which is why
a page_pool can treat them alike.
"""

import numpy as np

from devmemlab.base.errno import EFAULT
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
PP_SIGNATURE = 0x40
NIOV_DMABUF, NIOV_IOURING = 0, 1
PLACE_PROVIDER, PLACE_CACHE, PLACE_RING, PLACE_POSTED, PLACE_SKB, PLACE_TOKEN = range(6)
PLACES = ("provider", "cache", "ring", "posted", "skb", "token")
PRESSURE = 1 << 32
NODE_SHIFT = 8

NETMEM = schema("pp_magic", "pp", "dma_addr", "pp_ref_count", "owner", "niov_type", "place", "page_refcount")
"""One row a buffer. ``pp``: pool row + 1, 0 for none. ``owner``: chunk row of a net_iov; next free row of a page that
waits in the page allocator. ``niov_type``: ``NIOV_DMABUF`` or ``NIOV_IOURING``; of a page its order, plus its node << 8.
``page_refcount``: a page's own count (plus ``PRESSURE`` if it came from the reserves); 1 for every net_iov."""


@kernel
def netmem_is_net_iov(netmem):
    """Tell a net_iov from a page.

    Parameters
    ----------
    netmem : int64
        Handle.

    Returns
    -------
    is_net_iov : int64
        1 or 0.
    """
    return netmem & 1


@kernel
def netmem_row(netmem):
    """Find the row of a handle.

    Parameters
    ----------
    netmem : int64
        Handle.

    Returns
    -------
    row : int64
        Row of the netmem table; 0 for the handle 0.
    """
    return netmem >> 1


@kernel
def page_netmem(row):
    """Make the handle of a page.

    Parameters
    ----------
    row : int64
        Row of the netmem table.

    Returns
    -------
    netmem : int64
        Handle.
    """
    return row << 1


@kernel
def net_iov_netmem(row):
    """Make the handle of a net_iov.

    Parameters
    ----------
    row : int64
        Row of the netmem table.

    Returns
    -------
    netmem : int64
        Handle.
    """
    return row << 1 | 1


@kernel
def netmem_address(netmems, netmem):
    """Find where the CPU may read a buffer.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    netmem : int64
        Handle.

    Returns
    -------
    address : int64
        Index into memory, or ``-EFAULT``: a net_iov has no CPU address, whatever its DMA address is.
    """
    if netmem & 1 or netmem == 0:
        return np.int64(-EFAULT)
    return netmems[netmem >> 1].dma_addr


@kernel
def netmem_get_pp_ref(netmems, netmem):
    """Take one more reference in the pool's currency.

    Parameters
    ----------
    netmems : NETMEM[n]
        One count goes up.
    netmem : int64
        Handle.
    """
    netmems[netmem >> 1].pp_ref_count += 1


@kernel
def netmem_ref_count(netmems, netmem):
    """Count the page's own references.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    netmem : int64
        Handle.

    Returns
    -------
    count : int64
        Always 1 for a net_iov.
    """
    return netmems[netmem >> 1].page_refcount & (PRESSURE - 1)


@kernel
def netmem_is_pref_nid(netmems, netmem, nid):
    """Tell whether a buffer lies on the wanted NUMA node.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    netmem : int64
        Handle.
    nid : int64
        Node, -1 when any will do.

    Returns
    -------
    preferred : bool
        Always true for a net_iov.
    """
    return netmem & 1 == 1 or nid < 0 or netmems[netmem >> 1].niov_type >> NODE_SHIFT == nid


@kernel
def netmem_is_pfmemalloc(netmems, netmem):
    """Tell whether a page came from the emergency reserves.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    netmem : int64
        Handle.

    Returns
    -------
    pressure : bool
        Always false for a net_iov.
    """
    return netmem & 1 == 0 and netmems[netmem >> 1].page_refcount >= PRESSURE


@kernel
def netmem_set_pp(netmems, netmem, pool):
    """Mark a buffer as a pool's, with its resting reference.

    Parameters
    ----------
    netmems : NETMEM[n]
        One row changes.
    netmem : int64
        Handle.
    pool : int64
        Pool row.
    """
    row = netmems[netmem >> 1]
    row.pp_magic = PP_SIGNATURE
    row.pp = pool + 1
    row.pp_ref_count = 1


@kernel
def netmem_clear_pp(netmems, netmem):
    """Mark a buffer as nobody's.

    Parameters
    ----------
    netmems : NETMEM[n]
        One row changes.
    netmem : int64
        Handle.
    """
    row = netmems[netmem >> 1]
    row.pp_magic = 0
    row.pp = 0
    row.place = PLACE_PROVIDER
