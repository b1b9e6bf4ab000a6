"""Memory as file descriptors on a real kernel: memfd, udmabuf, a driver's own dmabufs.

Law.   What a lab host answers through its tables is answered here by the same system calls, with the kernel's errno.
Reads. memfd_create(2), fcntl(2), Linux include/uapi/linux/{udmabuf,dma-heap}.h; spec section 3.3.
Omits. Huge pages for memory files: ask memfd_create for them by its flags.
"""

import os
import struct

from devmemlab.base.errno import EFAULT, EOPNOTSUPP, error
from devmemlab.base.units import parse_size
from devmemlab.linux.advice import UDMABUF
from devmemlab.linux.dmabuf_calls import DmabufCalls, ioctl

UDMABUF_CREATE, UDMABUF_CREATE_LIST, DMA_HEAP_IOCTL_ALLOC = 0x40187542, 0x40087543, 0xC0184800
F_ADD_SEALS, F_SEAL_SHRINK = 1033, 2
MFD_CLOEXEC, MFD_ALLOW_SEALING = 1, 2
UDMABUF_FLAGS_CLOEXEC = 1


class MemoryFds(DmabufCalls):
    """The part of `devmemlab.linux.kernel.Kernel` that turns memory into file descriptors."""

    udmabuf_path = "/dev/udmabuf"

    def memfd_create(self, name="memfd", flags=MFD_CLOEXEC | MFD_ALLOW_SEALING, length=0):
        """Make a memory file.

        Parameters
        ----------
        name : str
            For people.
        flags : int
            MFD_*; without MFD_ALLOW_SEALING it makes no udmabuf.
        length : int or str
            Octets.

        Returns
        -------
        fd : int
            File descriptor.
        """
        fd = os.memfd_create(name, flags)
        try:
            os.ftruncate(fd, parse_size(length))
        except OSError:
            os.close(fd)
            raise
        return fd

    def add_seals(self, fd, seals):
        """Seal a memory file.

        Parameters
        ----------
        fd : int
            Of a memfd.
        seals : int
            Sum of ``F_SEAL_*``.
        """
        import fcntl

        fcntl.fcntl(fd, F_ADD_SEALS, seals)

    def open_other(self, path="/dev/null"):
        """Open something that is no memory.

        Parameters
        ----------
        path : str
            Which file.

        Returns
        -------
        fd : int
            File descriptor.
        """
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

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
            ENOENT where there is no /dev/udmabuf; EFAULT, EINVAL, EBADFD as the kernel has it.
        """
        if items is None:
            raise error(EFAULT, "the request cannot be read; pass a list of pieces")
        try:
            device = os.open(self.udmabuf_path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError as problem:
            raise error(problem.errno, UDMABUF) from None
        except PermissionError as problem:
            raise error(problem.errno, f"{self.udmabuf_path} may not be opened: sudo chmod a+rw {self.udmabuf_path}") from None
        try:
            if len(items) == 1:
                memfd, offset, size = items[0]
                return ioctl(device, UDMABUF_CREATE, struct.pack("=IIQQ", memfd, UDMABUF_FLAGS_CLOEXEC, offset, size))
            body = b"".join(struct.pack("=IIQQ", memfd, 0, offset, size) for memfd, offset, size in items)
            return ioctl(device, UDMABUF_CREATE_LIST, struct.pack("=II", UDMABUF_FLAGS_CLOEXEC, len(items)) + body)
        finally:
            os.close(device)

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
            ENOENT where there is no /dev/udmabuf; EINVAL: not a page multiple, or above the kernel's cap (64 MiB up to 6.18).
        """
        length = parse_size(size)
        memfd = self.memfd_create("udmabuf", length=length)
        try:
            self.add_seals(memfd, F_SEAL_SHRINK)
            return self.udmabuf_create([(memfd, 0, length)])
        finally:
            os.close(memfd)

    def dma_heap(self, size, heap="system"):
        """Make a dmabuf from a DMA heap, which a lab host does not have.

        Parameters
        ----------
        size : int or str
            Octets.
        heap : str
            A file in /dev/dma_heap.

        Returns
        -------
        fd : int
            File descriptor.
        """
        device = os.open(f"/dev/dma_heap/{heap}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            answer = bytearray(struct.pack("=QIIQ", parse_size(size), 0, os.O_RDWR | os.O_CLOEXEC, 0))
            ioctl(device, DMA_HEAP_IOCTL_ALLOC, answer)
            return struct.unpack("=QIIQ", answer)[1]
        finally:
            os.close(device)

    def export(self, memory):
        """Get a dmabuf of memory that a driver owns.

        Parameters
        ----------
        memory : object
            With ``dmabuf_fd()``, which makes a descriptor: memory of a GPU.

        Returns
        -------
        fd : int
            File descriptor.

        Raises
        ------
        OSError
            EOPNOTSUPP for memory of the lab, which no real device can reach.
        """
        if not hasattr(memory, "dmabuf_fd"):
            raise error(EOPNOTSUPP, f"{type(memory).__name__} has no dmabuf_fd(): a real NIC reaches memory of the host through "
                                    "udmabuf(size), and memory of a GPU through the dmabuf that its driver exports")
        return int(memory.dmabuf_fd())
