"""The dma-buf as a file: seek for the size, mmap to look inside, the sync ioctl around looking.

Law.   Every system call that a dmabuf fd answers is here, with the errno it answers.
Reads. Linux drivers/dma-buf/dma-buf.c, include/uapi/linux/dma-buf.h; spec section 3.2.
Omits. Sync files.
"""

import numpy as np

from devmemlab.base.errno import EFAULT, EINVAL, error
from devmemlab.base.octets import copy_octets
from devmemlab.mem.dmabuf import SCATTER, UDMABUF, dma_check
from devmemlab.mem.dmabuf_map import DmabufMap
from devmemlab.mem.region import PAGE_SIZE, memory

DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW = 1, 2, 3
DMA_BUF_SYNC_START, DMA_BUF_SYNC_END = 0, 4
DMA_BUF_SYNC_VALID = 7
SEEK_SET, SEEK_CUR, SEEK_END = 0, 1, 2


class DmabufFiles:
    """The part of `Mem` that answers system calls on a dmabuf fd."""

    def dma_buf_llseek(self, row, offset, whence):
        """Seek, which only serves to ask for the size.

        Parameters
        ----------
        row : int
            Dmabuf row.
        offset, whence : int
            Only (0, SEEK_END) and (0, SEEK_SET) are accepted.

        Returns
        -------
        position : int
            The size, or 0.
        """
        if whence not in (SEEK_SET, SEEK_END) or offset != 0:
            raise error(EINVAL, f"lseek({offset}, {whence}): a dmabuf takes only offset 0 from its start or its end")
        return int(self.dmabuf(row).length) if whence == SEEK_END else 0

    def dma_buf_mmap(self, row, length=None, offset=0, shared=True):
        """Map a dmabuf into the program.

        Parameters
        ----------
        row : int
            Dmabuf row.
        length : int, optional
            To the end when left out.
        offset : int
            A multiple of a page.
        shared : bool
            udmabuf demands a shared mapping.

        Returns
        -------
        mapping : DmabufMap
            What the program sees.
        """
        buf = self.dmabuf(row)
        length = int(buf.length) - offset if length is None else length
        if buf.exporter == SCATTER or row in self.staged:
            raise error(EINVAL, "this exporter has no mmap; export a region of the lab, or use udmabuf")
        if offset % PAGE_SIZE or offset < 0 or length <= 0 or offset + length > buf.length:
            raise error(EINVAL, f"[{offset}, {offset + length}) is not inside the dmabuf of {buf.length} bytes on page bounds")
        if buf.exporter == UDMABUF and not shared:
            raise error(EINVAL, "udmabuf can only be mapped shared; leave MAP_PRIVATE out")
        if offset + length > buf.reach:
            raise error(EINVAL, f"the aperture of the device shows only its first {buf.reach} bytes")
        rows = self.dmabufs.sg[buf.sg_first:buf.sg_first + buf.sg_count]
        region = self.backing.get(row)
        mapping = DmabufMap([(int(sg.dma_addr), int(sg.length)) for sg in rows], offset, length,
                            region is None or region.coherent)
        self.maps.setdefault(row, []).append(mapping)
        return mapping

    def dma_buf_sync(self, row, flags):
        """Bracket the program's own accesses: begin (START) invalidates, end (END) flushes.

        Parameters
        ----------
        row : int
            Dmabuf row.
        flags : int
            ``DMA_BUF_SYNC_*``; READ, WRITE or both must be there.
        """
        buf = self.dmabuf(row)
        if flags & ~DMA_BUF_SYNC_VALID:
            raise error(EINVAL, f"sync flags {flags:#x}: only {DMA_BUF_SYNC_VALID:#x} mean anything")
        if not flags & DMA_BUF_SYNC_RW:
            raise error(EINVAL, "sync with neither READ nor WRITE; say which")
        if buf.exporter == UDMABUF:
            if flags & DMA_BUF_SYNC_END and row not in self.begun:
                raise error(EINVAL, "sync END before any START; bracket the access: START, look, END")
            self.begun.add(row)
        for mapping in self.maps.get(row, []):
            if flags & DMA_BUF_SYNC_END and flags & DMA_BUF_SYNC_WRITE:
                mapping.flush()
            elif not flags & DMA_BUF_SYNC_END:
                mapping.invalidate()

    def dma_write(self, ifindex, address, data):
        """Let a device write, through what is mapped for it.

        Parameters
        ----------
        ifindex : int
            The device.
        address : int
            DMA address.
        data : bytes
            What.

        Raises
        ------
        OSError
            EFAULT: the IOMMU stopped it.
        """
        octets = np.frombuffer(bytes(data), np.uint8)
        if dma_check(self.dmabufs, ifindex, address, len(octets), 1) < 0:
            raise error(EFAULT, f"device {ifindex} may not write [{address:#x}, {address + len(octets):#x}): not mapped for it")
        copy_octets(memory(), address, octets, 0, len(octets))

    def dma_read(self, ifindex, address, length):
        """Let a device read, through what is mapped for it.

        Parameters
        ----------
        ifindex : int
            The device.
        address : int
            DMA address.
        length : int
            How many bytes.

        Returns
        -------
        data : bytes
            A copy.
        """
        if dma_check(self.dmabufs, ifindex, address, length, 0) < 0:
            raise error(EFAULT, f"device {ifindex} may not read [{address:#x}, {address + length:#x}): not mapped for it")
        return memory()[address:address + length].tobytes()
