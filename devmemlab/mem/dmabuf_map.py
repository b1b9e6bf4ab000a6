"""A mapping of a dma-buf: what a program sees of it, which may be old.

Law.   On memory that is not coherent the CPU sees what it saw before, until it asks.
Reads. Spec section 3.2; Linux Documentation/driver-api/dma-buf.rst on CPU access.
Omits. Eviction of cached lines by chance, so that the demonstration of a stale read is certain.
"""

import numpy as np

from devmemlab.base.octets import copy_octets
from devmemlab.mem.region import PAGE_SIZE, memory


class DmabufMap:
    """A mapping of a dmabuf into a program, with the slices of an ``mmap`` object.

    Parameters
    ----------
    segments : list of tuple of int
        (address, length), in order.
    offset, length : int
        Which part of the dmabuf.
    coherent : bool
        False: what was read stays as it was until `invalidate`, what was written stays here until `flush`.
    """

    def __init__(self, segments, offset, length, coherent):
        self.segments, self.offset, self.length, self.coherent = segments, offset, length, coherent
        self._cached = {}
        self._dirty = set()

    def _address(self, at):
        """Find where a byte lies.

        Parameters
        ----------
        at : int
            Offset in the mapping.

        Returns
        -------
        address, room : int
            Index into memory, and how many bytes follow in the same segment.
        """
        at += self.offset
        for start, length in self.segments:
            if at < length:
                return start + at, length - at
            at -= length
        raise IndexError("outside the mapping")

    def _page(self, at):
        """Get the cached copy of the page that a byte lies in, reading it if need be.

        Parameters
        ----------
        at : int
            Offset in the mapping.

        Returns
        -------
        page : uint8[4096]
            The CPU's copy.
        """
        number = at // PAGE_SIZE
        if number not in self._cached:
            page = np.zeros(PAGE_SIZE, np.uint8)
            self._move(page, number * PAGE_SIZE, False)
            self._cached[number] = page
        return self._cached[number]

    def _move(self, octets, at, write):
        """Move bytes between an array and memory.

        Parameters
        ----------
        octets : uint8[n]
            The array.
        at : int
            Offset in the mapping.
        write : bool
            True towards memory.
        """
        done = 0
        end = min(len(octets), self.length - at)
        while done < end:
            address, room = self._address(at + done)
            n = min(room, end - done)
            if write:
                copy_octets(memory(), address, octets, done, n)
            else:
                copy_octets(octets, done, memory(), address, n)
            done += n

    def read(self, at, length):
        """Read bytes as the CPU sees them.

        Parameters
        ----------
        at : int
            Offset in the mapping.
        length : int
            How many.

        Returns
        -------
        data : bytes
            A copy.
        """
        if at < 0 or length < 0 or at + length > self.length:
            raise IndexError(f"[{at}, {at + length}) is outside the mapping of {self.length} bytes")
        out = np.zeros(length, np.uint8)
        if self.coherent:
            self._move(out, at, False)
        else:
            for i in range(at, at + length):
                out[i - at] = self._page(i)[i % PAGE_SIZE]
        return out.tobytes()

    def write(self, at, data):
        """Write bytes as the CPU does.

        Parameters
        ----------
        at : int
            Offset in the mapping.
        data : bytes
            What.
        """
        if at < 0 or at + len(data) > self.length:
            raise IndexError(f"[{at}, {at + len(data)}) is outside the mapping of {self.length} bytes")
        octets = np.frombuffer(bytes(data), np.uint8)
        if self.coherent:
            self._move(octets, at, True)
        else:
            for i in range(at, at + len(octets)):
                self._page(i)[i % PAGE_SIZE] = octets[i - at]
                self._dirty.add(i // PAGE_SIZE)

    def invalidate(self):
        """Forget what was cached, except what was written here."""
        self._cached = {number: page for number, page in self._cached.items() if number in self._dirty}

    def flush(self):
        """Send what was written here to memory."""
        for number in sorted(self._dirty):
            self._move(self._cached[number], number * PAGE_SIZE, True)
        self._dirty.clear()

    def view(self):
        """Look at the bytes without copying, where they lie in one piece and the memory is coherent.

        Returns
        -------
        octets : uint8[n]
            The bytes.
        """
        address, room = self._address(0)
        if not self.coherent or room < self.length:
            raise ValueError("the mapping is not one coherent piece; use read() and write()")
        return memory()[address:address + self.length]

    def __len__(self):
        return self.length

    def __getitem__(self, key):
        if isinstance(key, slice):
            start, stop, step = key.indices(self.length)
            return self.read(start, max(stop - start, 0))[::step]
        return self.read(range(self.length)[key], 1)[0]

    def __setitem__(self, key, data):
        if isinstance(key, slice):
            start, stop, _ = key.indices(self.length)
            if stop - start != len(data):
                raise IndexError("the slice and the data differ in length")
            self.write(start, data)
        else:
            self.write(range(self.length)[key], bytes([data]))
