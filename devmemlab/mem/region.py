"""Regions: host memory and device memory, side by side in one address space.

Law.   An address is an index into one array of octets; a region is a page-aligned range of it that nobody else has.
Reads. Spec section 3.1; PCI base address registers, as far as aperture and reachability go.
Omits. Bus topology: a region is reachable from its own bus, or from everywhere.

Where the system has memfd, an exported region is a shared file mapped in place, so that other
mappings of the file see the same bytes. A region ends when it is closed, or when nobody holds it or a
view of it any more: a notebook cell that is run again does not use the address space up.
"""

import gc
import os
import weakref

import numpy as np

from devmemlab.base.units import format_size, parse_size
from devmemlab.mem.poison import REGION_GUARDS
from devmemlab.mem.space import REGION, the_space

PAGE_SIZE = 4096
HOST, DEVICE = 1, 2

__all__ = ["DEVICE", "HOST", "PAGE_SIZE", "REGION", "DeviceMemory", "Region", "host_memory", "memory", "regions"]


def memory():
    """Return the whole memory of the machine.

    Returns
    -------
    memory : uint8[N]
        The same array every time; addresses index it.
    """
    return the_space().octets


def regions():
    """Return the table of regions.

    Returns
    -------
    region : REGION[n]
        One row a region; row 0 is unused.
    """
    return the_space().region


class Region:
    """A range of memory with an owner.

    Parameters
    ----------
    nbytes : int or str
        Size, rounded up to whole pages.
    kind : int
        ``HOST`` or ``DEVICE``.
    name : str
        For people.
    shared : bool
        Back it with a file that other mappings can share, where the system can.
    bar_bytes : int or str, optional
        Aperture: how much of it, from the start, peers on the bus and the CPU can address. All of it by default.
    bus : str
        Peers reach it only from the same bus.
    coherent : bool
        False: the CPU caches it and must be told when a device has written.

    Attributes
    ----------
    row : int
        Row of the region table.
    start, length : int
        First address and length.
    fd : int or None
        The shared file.
    """

    def __init__(self, nbytes, kind=HOST, name="memory", shared=False, bar_bytes=None, bus="pci0", coherent=True):
        space = the_space()
        asked = parse_size(nbytes)
        if asked == 0:
            raise ValueError("a region needs at least one byte")
        nbytes = -(-asked // PAGE_SIZE) * PAGE_SIZE
        place = space.take(nbytes)
        if place is None:
            gc.collect()                # hosts are cycles of objects: those nobody holds may still be waiting for the collector
            place = space.take(nbytes)
        if place is None:
            raise MemoryError(f"no room for {format_size(nbytes)} in an address space of {format_size(len(space.octets))} "
                              f"with {len(space.region) - 1} regions; close regions that are no longer needed")
        base, row = place
        self.start, self.length, self.kind, self.name = base, nbytes, kind, name
        self.bar_bytes = nbytes if bar_bytes is None else min(parse_size(bar_bytes), nbytes)
        self.bus, self.coherent = bus, coherent
        self.fd = None
        if shared and hasattr(os, "memfd_create"):
            self._share()
        record = space.region[row]
        record.start, record.length, record.kind, record.alive = base, nbytes, kind, 1
        self._end = weakref.finalize(self, space.give, row, base, nbytes, self.fd)
        self._end.atexit = False

    def _share(self):
        """Put a memfd behind the range, or leave it private where that fails."""
        try:
            fd = os.memfd_create(self.name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.ftruncate(fd, self.length)
        except OSError:
            return
        if the_space().remap(self.start, self.length, fd):
            self.fd = fd
        else:
            os.close(fd)

    @property
    def row(self):
        """Row of the region table, 0 once it is closed."""
        end = self._end.peek()
        return end[2][0] if end else 0

    @property
    def alive(self):
        """False once it is closed."""
        return self._end.alive

    @property
    def octets(self):
        """The bytes, as a view that keeps the region; the owner's own eyes, so nothing is refused."""
        if not self.alive:
            raise ValueError(f"region {self.name!r} is closed")
        return np.asarray(_Span(self))

    def _check(self, offset, nbytes):
        """Refuse a range that is not wholly inside, or that somebody watches and objects to.

        Parameters
        ----------
        offset : int
            First byte.
        nbytes : int
            Length.
        """
        if offset < 0 or nbytes < 0 or offset + nbytes > self.length:
            raise ValueError(f"[{offset}, {offset + nbytes}) is not inside {self.name!r} of {self.length} bytes")
        for guard in REGION_GUARDS:
            guard.guard(self, self.start + offset, nbytes)

    def read(self, offset, nbytes):
        """Copy bytes out.

        Parameters
        ----------
        offset : int
            First byte, counted from the start of the region.
        nbytes : int
            Length.

        Returns
        -------
        data : bytes
            A copy.

        Raises
        ------
        ValueError
            The range is not inside the region.
        """
        self._check(offset, nbytes)
        return self.octets[offset:offset + nbytes].tobytes()

    def view(self, dtype=np.uint8, shape=None, offset=0):
        """Look at the bytes as an array, without copying.

        Parameters
        ----------
        dtype : dtype
            Element type.
        shape : int or tuple of int, optional
            As many elements as fit when left out.
        offset : int
            First byte.

        Returns
        -------
        array : numpy.ndarray
            A view.

        Raises
        ------
        ValueError
            The array would not be inside the region.
        """
        dtype = np.dtype(dtype)
        if shape is None:
            shape = (self.length - offset) // dtype.itemsize
        count = int(np.prod(shape))
        self._check(offset, count * dtype.itemsize)
        return np.frombuffer(self.octets, dtype=dtype, count=count, offset=offset).reshape(shape)

    def close(self):
        """Give the range back; what was in it is lost. Closing twice does nothing."""
        self._end()
        self.fd = None

    def __len__(self):
        return self.length

    def __repr__(self):
        state = "" if self.alive else ", closed"
        return f"<{type(self).__name__} {self.name!r} {format_size(self.length)} at {self.start:#x}{state}>"


class _Span:
    """The bytes of a region in NumPy's array protocol; the array keeps the span, the span the region.

    Parameters
    ----------
    region : Region
        Whose bytes.
    """

    def __init__(self, region):
        self.region = region
        self.__array_interface__ = memory()[region.start:region.start + region.length].__array_interface__


def host_memory(nbytes, name="host DRAM"):
    """Make a region of host memory.

    Parameters
    ----------
    nbytes : int or str
        Size.
    name : str
        For people.

    Returns
    -------
    region : Region
        Of kind ``HOST``.
    """
    return Region(nbytes, HOST, name)


class DeviceMemory(Region):
    """Memory on the far side of the bus: a device reads and writes it, the host's network stack must not.

    Parameters
    ----------
    nbytes : int or str
        Size.
    name : str
        For people.
    **options
        ``bar_bytes``, ``bus`` and ``coherent``, see `Region`.
    """

    def __init__(self, nbytes, name="device", **options):
        super().__init__(nbytes, DEVICE, name, shared=True, **options)
