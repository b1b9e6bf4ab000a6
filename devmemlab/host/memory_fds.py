"""Memory as file descriptors: udmabuf, export, mmap, sync.

Law.   A dmabuf lives as long as an fd or an attachment refers to it.
Reads. Linux drivers/dma-buf/{udmabuf,dma-buf}.c, include/uapi/linux/dma-buf.h.
Omits. The ioctl numbers themselves; seeking.
"""

from devmemlab.base.errno import EINVAL

SYNC_READ, SYNC_WRITE, SYNC_RW, SYNC_START, SYNC_END = 1, 2, 3, 0, 4


class DmabufFd:
    """What the file descriptor of a dmabuf names.

    Parameters
    ----------
    host : Host
        Whose descriptor it is.
    dmabuf : int
        Row of the dmabuf.
    """

    def __init__(self, host, dmabuf):
        self.host, self.dmabuf = host, dmabuf

    def release(self):
        """Drop the reference of the descriptor."""
        self.host.mem.put_dmabuf(self.dmabuf)


class MemoryFds:
    """The part of a host that turns memory into file descriptors."""

    def udmabuf(self, size):
        """Make a dmabuf of host pages (memfd, seals, create).

        Parameters
        ----------
        size : int or str
            Octets, a multiple of the page size; ``"64MiB"``.

        Returns
        -------
        fd : int
            File descriptor.

        Raises
        ------
        OSError
            EINVAL: size not a page multiple, or above the cap of the kernel profile.
        """
        return self.fds.install(DmabufFd(self, self.mem.udmabuf(size)))

    def export(self, memory):
        """Make a dmabuf of other memory.

        Parameters
        ----------
        memory : Region, path, array or scatter list
            For example `devmemlab.DeviceMemory`.

        Returns
        -------
        fd : int
            File descriptor.
        """
        return self.fds.install(DmabufFd(self, self.mem.export(memory)))

    def dmabuf_of(self, fd):
        """Resolve a dmabuf's file descriptor.

        Parameters
        ----------
        fd : int
            File descriptor.

        Returns
        -------
        dmabuf : int
            Row.

        Raises
        ------
        OSError
            EBADF when it is not open, EINVAL when it names something else.
        """
        return self.fds.get(fd, DmabufFd, EINVAL, "a dmabuf").dmabuf

    def mmap(self, fd):
        """Map a dmabuf for the host's CPU.

        Parameters
        ----------
        fd : int
            Of a dmabuf.

        Returns
        -------
        octets : uint8[n] or DmabufMap
            The memory itself, not a copy; a DmabufMap where host and device do not see the same bytes by themselves.

        Raises
        ------
        OSError
            EBADF, EINVAL (not a dmabuf, or memory that cannot be mapped in one piece).
        """
        dmabuf = self.dmabuf_of(fd)
        mapping = self.mem.dma_buf_mmap(dmabuf)
        region = self.mem.backing.get(dmabuf)
        return region.octets if region is not None and region.coherent else mapping

    def dmabuf_sync(self, fd, flags):
        """Bracket CPU access to a dmabuf.

        Parameters
        ----------
        fd : int
            Of a dmabuf.
        flags : int
            SYNC_READ and/or SYNC_WRITE, with SYNC_START or SYNC_END.

        Raises
        ------
        OSError
            EINVAL for other bits, or neither direction.
        """
        self.mem.dma_buf_sync(self.dmabuf_of(fd), flags)
