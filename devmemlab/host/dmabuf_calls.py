"""The system calls on the file descriptor of a dmabuf.

Law.   A dmabuf is looked at through a mapping; its descriptor tells the size and takes the sync ioctl, and nothing else.
Reads. Linux drivers/dma-buf/dma-buf.c, include/uapi/linux/dma-buf.h.
Omits. The ioctl numbers themselves, sync files, poll.
"""

from devmemlab.base.errno import EINVAL, error

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


class DmabufCalls:
    """The part of a host that answers system calls on a dmabuf."""

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

    def dup(self, fd):
        """Make another number for what a descriptor names.

        Parameters
        ----------
        fd : int
            Of anything.

        Returns
        -------
        fd : int
            The lowest free number.
        """
        return self.fds.dup(fd)

    def lseek(self, fd, offset, whence):
        """Seek a dmabuf, which only serves to ask for its size.

        Parameters
        ----------
        fd : int
            Of a dmabuf.
        offset, whence : int
            (0, SEEK_END) or (0, SEEK_SET).

        Returns
        -------
        position : int
            The size, or 0.
        """
        return self.mem.dma_buf_llseek(self.dmabuf_of(fd), offset, whence)

    def fstat_size(self, fd):
        """Tell the size of a dmabuf as fstat does.

        Parameters
        ----------
        fd : int
            Of a dmabuf.

        Returns
        -------
        size : int
            Octets.
        """
        return int(self.mem.dmabuf(self.dmabuf_of(fd)).length)

    def read(self, fd, nbytes):
        """Refuse to read a dmabuf.

        Parameters
        ----------
        fd : int
            Of a dmabuf.
        nbytes : int
            Octets wanted.

        Raises
        ------
        OSError
            EINVAL.
        """
        self.dmabuf_of(fd)
        raise error(EINVAL, f"read({fd}, {nbytes}): a dmabuf is looked at through mmap, not read")

    def write(self, fd, octets):
        """Refuse to write a dmabuf.

        Parameters
        ----------
        fd : int
            Of a dmabuf.
        octets : bytes
            What.

        Raises
        ------
        OSError
            EINVAL.
        """
        self.dmabuf_of(fd)
        raise error(EINVAL, f"write({fd}, {len(octets)} octets): a dmabuf is changed through mmap, not written")

    def ftruncate(self, fd, length):
        """Refuse to change the size of a dmabuf.

        Parameters
        ----------
        fd : int
            Of a dmabuf.
        length : int
            Size wanted.

        Raises
        ------
        OSError
            EINVAL.
        """
        self.dmabuf_of(fd)
        raise error(EINVAL, f"ftruncate({fd}, {length}): the size of a dmabuf is fixed; make another")

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
