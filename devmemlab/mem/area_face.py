"""Areas of io_uring, for Python: the program's own pages, or a dmabuf, become the buffers of one queue.

Law.   Pages of an area stay pinned until the last buffer of it is home.
Reads. Linux io_uring/zcrx.c (io_import_area, io_zcrx_create_area); spec sections 7.1 and 22.4.
Omits. What pinning costs the program's memlock limit; large folios.
"""

from devmemlab.base.errno import EFAULT, EINVAL, EOVERFLOW, ERANGE, error
from devmemlab.mem.dmabuf import USER_PAGES
from devmemlab.mem.netmem import PAGE_SIZE
from devmemlab.mem.pool_table import PROVIDER_IOURING
from devmemlab.mem.region import HOST

LONGEST = 1 << 30
_U64 = 1 << 64


class PinnedPages:
    """Memory that an area keeps, whoever else forgets it.

    Parameters
    ----------
    region : Region
        Memory of the program.
    """

    def __init__(self, region):
        self.region = region

    def pin(self):
        """Hold it: this object does, by being there."""

    def unpin(self):
        """Let go of it."""
        self.region = None


class Areas:
    """The part of `Mem` that makes io_uring areas."""

    def io_import_area(self, ifindex, region, address, length, dmabuf=0, rq_entries=4096, niov_bytes=PAGE_SIZE, trace=None):
        """Make an area.

        Parameters
        ----------
        ifindex : int
            The device that will write into it.
        region : Region or None
            Memory of the program that `address` lies in; None for a dmabuf.
        address, length : int
            The pages; of a dmabuf 0 and its whole length.
        dmabuf : int
            Row, 0 for pages.
        rq_entries : int
            Slots of the refill ring.
        niov_bytes : int
            Size of a buffer; above a page where the release has larger ones.
        trace : Trace, optional
            Records it.

        Returns
        -------
        binding : int
            Row.

        Raises
        ------
        OSError
            EFAULT no such memory, nothing, or more than 1 GiB; EOVERFLOW; EINVAL not whole pages, not the whole dmabuf, an
            impossible buffer size; ERANGE a buffer size that the memory is not aligned to; and what `bind` raises.
        """
        self.check_area_range(address, length)
        if dmabuf:
            if address or length != self.dmabuf(dmabuf).length:
                raise error(EINVAL, f"[{address}, {address + length}) of a dmabuf of {self.dmabuf(dmabuf).length} bytes; an area "
                                    "takes the whole")
            return self._area(ifindex, dmabuf, rq_entries, niov_bytes, trace)
        if (region is None or not region.alive or region.kind != HOST
                or not region.start <= address <= address + length <= region.start + region.length):
            raise error(EFAULT, f"[{address:#x}, {address + length:#x}) is no memory of the program that could be pinned")
        row = self._export([(address, length)], USER_PAGES, [PinnedPages(region)])
        try:
            binding = self._area(ifindex, row, rq_entries, niov_bytes, trace)
        finally:
            self.put_dmabuf(row)
        self.providers.binding[binding].user_pages = 1
        return binding

    @staticmethod
    def check_area_range(address, length):
        """Check what can be checked without looking at the memory.

        Parameters
        ----------
        address, length : int
            Of an area.

        Raises
        ------
        OSError
            EFAULT, EOVERFLOW, EINVAL; see `io_import_area`.
        """
        if not 0 < length <= LONGEST:
            raise error(EFAULT, f"an area of {length} bytes; 1 to {LONGEST} are possible")
        if address + length > _U64:
            raise error(EOVERFLOW, f"{address:#x} + {length:#x} is beyond the end of every address space")
        if (address | length) % PAGE_SIZE:
            raise error(EINVAL, f"[{address:#x}, {address + length:#x}) is not made of whole pages of {PAGE_SIZE} bytes")

    def _area(self, ifindex, dmabuf, rq_entries, niov_bytes, trace):
        """Bind the memory of an area; its buffers must not straddle segments."""
        buf = self.dmabuf(dmabuf)
        shift = niov_bytes.bit_length() - 1
        if niov_bytes == 1 << shift and niov_bytes > PAGE_SIZE and self.profile.rx_page_size:
            for segment in self.dmabufs.sg[buf.sg_first:buf.sg_first + buf.sg_count]:
                if (int(segment.dma_addr) | int(segment.length)) % niov_bytes:
                    raise error(ERANGE, f"buffers of {niov_bytes} bytes in a segment of {segment.length} bytes at "
                                        f"{segment.dma_addr:#x}; align it, or ask for smaller ones")
        return self.bind(ifindex, dmabuf, provider=PROVIDER_IOURING, rq_entries=rq_entries, niov_bytes=niov_bytes, trace=trace)
