"""dma-buf: memory with a name, which a device may be given as a list of segments.

Law.   Attach, map, unmap, detach, in that order; the list of segments does not change while anybody has it mapped.
Reads. Linux drivers/dma-buf/dma-buf.c; spec section 3.1.
Omits. Fences, move notification, dynamic attachments.

::

    offset    0          4096        8192                     The order of the segments defines the offsets,
    dmabuf    [segment 0 |segment 1  |segment 2        ]      the only addresses that user space ever sees.
              dma_addr a  dma_addr b  dma_addr c
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.errno import EFAULT, EINVAL, EREMOTEIO
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table

BIDIRECTIONAL, TO_DEVICE, FROM_DEVICE, DMA_NONE = 0, 1, 2, 3
DIRECTIONS = ("bidirectional", "to device", "from device", "none")
EXPORTERS = ("", "udmabuf", "device", "scatter", "file", "array", "pages")
UDMABUF, CONTIGUOUS, SCATTER, FILE, ARRAY, USER_PAGES = 1, 2, 3, 4, 5, 6

DMABUF = schema("length", "sg_first", "sg_count", "refs", "exporter", "attachments", "region", "mappings", "reach", "bus")
SG = schema("dma_addr", "length")
MAPPING = schema("dmabuf", "ifindex", "direction", "mapped", "sg_first", "sg_count")


@component
class Dmabufs(NamedTuple):
    """All dmabufs of one host.

    buf : DMABUF[n]
        One row a dmabuf, row 0 unused. ``refs``: fds and importers; ``reach``: bytes that peers on ``bus`` can address.
    sg : SG[n]
        Segments; a dmabuf has rows ``[sg_first, sg_first + sg_count)``.
    mapping : MAPPING[n]
        One row an attachment, row 0 unused; ``dmabuf`` 0 means the row is free.
    """

    buf: np.recarray
    sg: np.recarray
    mapping: np.recarray


def make_dmabufs(rows=1024, segments=1 << 24):
    """Make an empty set of dmabufs.

    Parameters
    ----------
    rows : int
        Dmabufs and attachments that there may be.
    segments : int
        Segments that they may have together; committed only where used.

    Returns
    -------
    dmabufs : Dmabufs
        Empty.
    """
    return Dmabufs(table(DMABUF, rows), table(SG, segments), table(MAPPING, rows))


@kernel
def sg_fill(dmabufs, sg_first, sg_count, dma_addr, nbytes):
    """Write segments of one size that follow one another in memory, as udmabuf does for its pages.

    Parameters
    ----------
    dmabufs : Dmabufs
        Segments ``[sg_first, sg_first + sg_count)`` are written.
    sg_first, sg_count : int64
        Which rows.
    dma_addr : int64
        Address of the first one.
    nbytes : int64
        Length of each.
    """
    for i in range(sg_count):
        row = dmabufs.sg[sg_first + i]
        row.dma_addr = dma_addr + i * nbytes
        row.length = nbytes


@kernel
def dma_buf_attach(dmabufs, dmabuf, ifindex, bus):
    """Tell an exporter that a device will want its memory.

    Parameters
    ----------
    dmabufs : Dmabufs
        An attachment row is taken; the dmabuf gets one more reference.
    dmabuf : int64
        Row.
    ifindex : int64
        Of the device, for people.
    bus : int64
        Number of the bus that the device is on.

    Returns
    -------
    attachment : int64
        Row, or ``-EREMOTEIO`` when the device cannot reach the memory over its bus, ``-EINVAL`` when rows are used up.
    """
    buf = dmabufs.buf[dmabuf]
    if buf.bus >= 0 and buf.bus != bus:
        return np.int64(-EREMOTEIO)
    for i in range(1, len(dmabufs.mapping)):
        row = dmabufs.mapping[i]
        if row.dmabuf == 0:
            row.dmabuf = dmabuf
            row.ifindex = ifindex
            row.direction = DMA_NONE
            row.mapped = 0
            buf.attachments += 1
            buf.refs += 1
            return np.int64(i)
    return np.int64(-EINVAL)


@kernel
def dma_buf_map_attachment(dmabufs, attachment, direction):
    """Make the memory reachable for the device and get its segments.

    Parameters
    ----------
    dmabufs : Dmabufs
        The attachment becomes mapped.
    attachment : int64
        Row.
    direction : int64
        ``FROM_DEVICE``, ``TO_DEVICE`` or ``BIDIRECTIONAL``: what the device may do.

    Returns
    -------
    err : int64
        0; ``-EINVAL`` for no direction or a second map; ``-EREMOTEIO`` when part lies beyond the aperture.
    """
    row = dmabufs.mapping[attachment]
    buf = dmabufs.buf[row.dmabuf]
    if direction < BIDIRECTIONAL or direction > FROM_DEVICE or row.mapped:
        return -EINVAL
    if buf.reach < buf.length:
        return -EREMOTEIO
    row.direction = direction
    row.mapped = 1
    row.sg_first = buf.sg_first
    row.sg_count = buf.sg_count
    buf.mappings += 1
    return 0


@kernel
def dma_buf_unmap_attachment(dmabufs, attachment):
    """Take the memory away from the device.

    Parameters
    ----------
    dmabufs : Dmabufs
        The attachment is no longer mapped.
    attachment : int64
        Row.

    Returns
    -------
    err : int64
        0, or ``-EINVAL`` when it was not mapped.
    """
    row = dmabufs.mapping[attachment]
    if row.mapped == 0:
        return -EINVAL
    row.mapped = 0
    row.direction = DMA_NONE
    dmabufs.buf[row.dmabuf].mappings -= 1
    return 0


@kernel
def dma_buf_detach(dmabufs, attachment):
    """Forget a device.

    Parameters
    ----------
    dmabufs : Dmabufs
        The row is free again and the dmabuf has one reference less.
    attachment : int64
        Row, not mapped.

    Returns
    -------
    err : int64
        0, or ``-EINVAL`` while it is mapped or was not attached.
    """
    row = dmabufs.mapping[attachment]
    if row.dmabuf == 0 or row.mapped:
        return -EINVAL
    buf = dmabufs.buf[row.dmabuf]
    buf.attachments -= 1
    buf.refs -= 1
    row.dmabuf = 0
    return 0


@kernel
def dma_check(dmabufs, ifindex, address, nbytes, writes):
    """Do what an IOMMU does: let a device reach what is mapped for it, and nothing else.

    Parameters
    ----------
    dmabufs : Dmabufs
        Not changed.
    ifindex : int64
        The device.
    address : int64
        DMA address of the first byte.
    nbytes : int64
        Length.
    writes : int64
        1 when the device writes, 0 when it reads.

    Returns
    -------
    err : int64
        0, or ``-EFAULT``: not mapped for this device, mapped for the other direction, or beyond a segment.
    """
    wanted = FROM_DEVICE if writes else TO_DEVICE
    for i in range(1, len(dmabufs.mapping)):
        row = dmabufs.mapping[i]
        if row.dmabuf and row.mapped and row.ifindex == ifindex and (row.direction == BIDIRECTIONAL
                                                                     or row.direction == wanted):
            for k in range(row.sg_first, row.sg_first + row.sg_count):
                sg = dmabufs.sg[k]
                if sg.dma_addr <= address and address + nbytes <= sg.dma_addr + sg.length:
                    return 0
    return -EFAULT
