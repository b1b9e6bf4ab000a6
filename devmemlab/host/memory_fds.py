"""Memory as file descriptors: memfd, udmabuf, export.

Law.   A dmabuf lives as long as an fd or an attachment refers to it.
Reads. Linux drivers/dma-buf/udmabuf.c, include/uapi/linux/udmabuf.h; memfd_create(2).
Omits. The ioctl numbers themselves; reading, writing and resizing memfds (map their dmabuf).
"""

from devmemlab.base.errno import EFAULT, EINVAL, error
from devmemlab.host.dmabuf_calls import SYNC_END, SYNC_READ, SYNC_RW, SYNC_START, SYNC_WRITE, DmabufCalls, DmabufFd

__all__ = ["SYNC_END", "SYNC_READ", "SYNC_RW", "SYNC_START", "SYNC_WRITE", "DmabufFd", "MemoryFds"]
MFD_CLOEXEC, MFD_ALLOW_SEALING = 1, 2


class MemfdFd:
    """What the file descriptor of a memory file names.

    Parameters
    ----------
    file : Memfd
        The file.
    """

    def __init__(self, file):
        self.file = file

    def release(self):
        """Close the file; a dmabuf of its pages keeps them."""
        self.file.close()


class OtherFd:
    """What the file descriptor of anything else names: a file that is open and is no memory.

    Parameters
    ----------
    path : str
        For people.
    """

    def __init__(self, path):
        self.path = path

    def release(self):
        """Do nothing: nothing is held."""

    def __repr__(self):
        return f"<{self.path}>"


class MemoryFds(DmabufCalls):
    """The part of a host that turns memory into file descriptors."""

    def memfd_create(self, name="memfd", flags=MFD_CLOEXEC | MFD_ALLOW_SEALING, length=0):
        """Make a memory file of a fixed length.

        Parameters
        ----------
        name : str
            For people.
        flags : int
            Without MFD_ALLOW_SEALING it cannot be sealed, and so makes no udmabuf.
        length : int or str
            Octets; the lab's memory files do not grow.

        Returns
        -------
        fd : int
            File descriptor.
        """
        return self.fds.install(MemfdFd(self.mem.memfd(length, 0, bool(flags & MFD_ALLOW_SEALING), name)))

    def add_seals(self, fd, seals):
        """Seal a memory file.

        Parameters
        ----------
        fd : int
            Of a memfd.
        seals : int
            Sum of ``F_SEAL_*``.

        Raises
        ------
        OSError
            EBADF; EINVAL when it is no memfd; EPERM when it takes no more seals.
        """
        self.fds.get(fd, MemfdFd, EINVAL, "a memfd").file.add_seals(seals)

    def open_other(self, path="/dev/null"):
        """Open something that is no memory: it can be passed where a dmabuf or a memfd is wanted, and is refused.

        Parameters
        ----------
        path : str
            For people.

        Returns
        -------
        fd : int
            File descriptor.
        """
        return self.fds.install(OtherFd(path))

    def udmabuf_create(self, items):
        """Make a dmabuf of pieces of memory files: the requests UDMABUF_CREATE and UDMABUF_CREATE_LIST.

        Parameters
        ----------
        items : sequence of (int, int, int) or None
            File descriptor, offset and size of each piece; None is a request that the kernel cannot read.

        Returns
        -------
        fd : int
            Of the dmabuf.

        Raises
        ------
        OSError
            EFAULT; EINVAL and EBADFD, see `devmemlab.mem.udmabuf.check_udmabuf`.
        """
        if items is None:
            raise error(EFAULT, "the request cannot be read; pass a list of pieces")
        files = [self.fds.things.get(fd) for fd, _, _ in items]
        pieces = [(file.file if isinstance(file, MemfdFd) else file, offset, size)
                  for file, (_, offset, size) in zip(files, items, strict=True)]
        return self.fds.install(DmabufFd(self, self.mem.udmabuf_create(pieces)))

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
