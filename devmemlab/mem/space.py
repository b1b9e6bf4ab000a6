"""The address space: one reservation that every region is a piece of.

Law.   What lies behind a range can be replaced (by a file, by zeros); the range itself never moves.
Reads. mmap(2) MAP_NORESERVE and MAP_FIXED, memfd_create(2).
Omits. Translation: what the CPU calls an address and what a device calls one are the same number here.

::

    0      1 MiB                                                                N
    | tests | region: host DRAM | region: device memory | ....... untouched ....|

The array is reserved, not committed: a 64 GiB device costs what is written to it.
"""

import ctypes
import mmap
import os
import sys
from collections import deque

import numpy as np

from devmemlab.base.table import schema, table
from devmemlab.mem.ranges import Ranges

FIRST_ADDRESS = 1 << 20
LARGE_PAGE = 1 << 21
TRY_BYTES = tuple(1 << shift for shift in (40, 38, 36, 34, 32, 30))
REGION = schema("start", "length", "kind", "alive")
_LINUX = sys.platform.startswith("linux")
_MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if _LINUX else 0)
_MAP_FIXED = 0x10

_space = None


class Space:
    """The address space of this process: one reservation and its ranges.

    Attributes
    ----------
    block : mmap.mmap
        The reservation.
    octets : uint8[N]
        The same, as an array.
    ranges : Ranges
        What is free.
    region : REGION[n]
        One row a region, row 0 unused.
    given : deque of tuple of int
        Ranges that came back and are not in the books yet: (row, first address, length).
    """

    def __init__(self):
        flags = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE} if _LINUX else {}
        for nbytes in TRY_BYTES:
            try:
                self.block = mmap.mmap(-1, nbytes, **flags)
                break
            except (OSError, ValueError, OverflowError):
                continue
        else:
            raise MemoryError("cannot reserve 1 GiB of address space; raise the limit (ulimit -v) and start again")
        self.octets = np.frombuffer(self.block, dtype=np.uint8)
        self.ranges = Ranges(FIRST_ADDRESS, nbytes)
        self.region = table(REGION, 4096)
        self.rows = Ranges(1, len(self.region))
        self.given = deque()

    def take(self, nbytes):
        """Take a range and a row, or neither.

        Parameters
        ----------
        nbytes : int
            Length, whole pages.

        Returns
        -------
        place : tuple of int, or None
            ``(start, row)``; None when either is used up.
        """
        self.settle()
        start = self.ranges.take(nbytes, min(1 << (nbytes.bit_length() - 1), LARGE_PAGE))
        if start is None:
            return None
        row = self.rows.take(1)
        if row is None:
            self.ranges.give(start, nbytes)
            return None
        return start, row

    def give(self, row, start, nbytes, fd=None):
        """Give a range and its row back; what was in it is lost.

        The garbage collector calls this in the middle of anything, `take` included: so it touches no books.

        Parameters
        ----------
        row : int
            Row of the region table.
        start, nbytes : int
            The range.
        fd : int, optional
            The file behind it, closed.
        """
        self.region[row].alive = 0
        self.remap(start, nbytes)
        if fd is not None:
            os.close(fd)
        self.given.append((row, start, nbytes))

    def settle(self):
        """Enter into the books what came back."""
        while self.given:
            row, start, nbytes = self.given.popleft()
            self.ranges.give(start, nbytes)
            self.rows.give(row, 1)

    def remap(self, base, nbytes, fd=None):
        """Replace what lies behind a range: a file, or fresh zeros.

        Parameters
        ----------
        base : int
            Address, page aligned.
        nbytes : int
            Length, page aligned.
        fd : int, optional
            A file to share; zeros without it.

        Returns
        -------
        done : bool
            False where the system cannot do it; nothing has changed then, except that zeros are written by hand.
        """
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            call = libc.mmap
        except (OSError, AttributeError, TypeError):
            call = None
        if call is not None and _LINUX:
            call.restype = ctypes.c_void_p
            call.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
            if fd is None:
                flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE | _MAP_FIXED
            else:
                flags = mmap.MAP_SHARED | _MAP_NORESERVE | _MAP_FIXED
            want = self.octets.ctypes.data + base
            if call(want, nbytes, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1 if fd is None else fd, 0) == want:
                return True
        if fd is None:
            self.octets[base:base + nbytes] = 0
        return False


def the_space():
    """Return the address space, reserving it on first use.

    Returns
    -------
    space : Space
        The only one.
    """
    global _space
    if _space is None:
        _space = Space()
    return _space
