"""The system calls on the file descriptor of a real dmabuf.

Law.   A dmabuf is looked at through a mapping; its descriptor tells the size and takes the sync ioctl, and nothing else.
Reads. Linux include/uapi/linux/dma-buf.h; mmap(2); spec section 3.2.
Omits. Sync files; poll on a dmabuf.
"""

import mmap
import os
import struct

from devmemlab.base.errno import EINVAL, error

DMA_BUF_IOCTL_SYNC = 0x40086200


def ioctl(fd, request, octets):
    """Call ioctl.

    Parameters
    ----------
    fd, request : int
        On what, and which.
    octets : bytes or bytearray
        Its argument; a bytearray is changed in place.

    Returns
    -------
    result : int
        0 or more.
    """
    import fcntl

    return fcntl.ioctl(fd, request, octets if isinstance(octets, bytearray) else bytearray(octets), True)


class DmabufCalls:
    """The part of `devmemlab.linux.kernel.Kernel` that makes calls on a dmabuf."""

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
        return os.dup(fd)

    def lseek(self, fd, offset, whence):
        """Seek a dmabuf, which only serves to ask for its size.

        Parameters
        ----------
        fd, offset, whence : int
            As for the system call.

        Returns
        -------
        position : int
            The size, or 0.
        """
        return os.lseek(fd, offset, whence)

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
        return os.fstat(fd).st_size

    def read(self, fd, nbytes):
        """Call read, which a dmabuf refuses.

        Parameters
        ----------
        fd, nbytes : int
            Of what, and how much.

        Returns
        -------
        octets : bytes
            From what can be read.
        """
        return os.read(fd, nbytes)

    def write(self, fd, octets):
        """Call write, which a dmabuf refuses.

        Parameters
        ----------
        fd : int
            To what.
        octets : bytes
            What.

        Returns
        -------
        written : int
            Octets.
        """
        return os.write(fd, octets)

    def ftruncate(self, fd, length):
        """Call ftruncate, which a dmabuf refuses.

        Parameters
        ----------
        fd, length : int
            Of what, and the length wanted.
        """
        os.ftruncate(fd, length)

    def mmap(self, fd):
        """Map a dmabuf, or a memory file, for the CPU.

        Parameters
        ----------
        fd : int
            Of it.

        Returns
        -------
        octets : uint8[n]
            The memory itself, not a copy; the mapping lives as long as the array.

        Raises
        ------
        OSError
            EBADF, EINVAL.
        """
        import numpy as np

        size = os.lseek(fd, 0, os.SEEK_END)
        if size <= 0:
            raise error(EINVAL, f"file descriptor {fd} names nothing with a size")
        return np.frombuffer(mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE), np.uint8)

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
            EINVAL for other bits, or neither direction; ENOTTY for what is no dmabuf.
        """
        ioctl(fd, DMA_BUF_IOCTL_SYNC, struct.pack("=Q", flags))
