"""Pins: pages of a program's memory, or of a file, that frags of the send queue refer to.

Law.   A pinned page is the program's own: what is written to it changes what is still to be sent.
Reads. Linux mm/gup.c (pin_user_pages_fast), Documentation/core-api/pin_user_pages.rst; net/core/skbuff.c (skb_splice_from_iter).
Omits. Limits on locked memory. A region that is closed by name (`Region.close`) although something of it waits to be sent.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.units import parse_size
from devmemlab.mem.netmem import PAGE_SHIFT
from devmemlab.mem.region import HOST, memory, regions


class Pin(NamedTuple):
    """The pages of one region.

    row, count : int
        Netmem rows: of the first page, and how many there are.
    start, length : int
        The region.
    keep : object
        What keeps it alive while its pages are referred to.
    """

    row: int
    count: int
    start: int
    length: int
    keep: object


def address_of(octets):
    """Find where an array lies in the lab's memory.

    Parameters
    ----------
    octets : uint8[n]
        For example a view of a `Region`.

    Returns
    -------
    address : int
        -1 when it lies elsewhere.
    """
    first = memory().__array_interface__["data"][0]
    address = octets.__array_interface__["data"][0] - first
    return address if 0 <= address and address + len(octets) <= len(memory()) else -1


class Pins:
    """All pins of a host.

    Parameters
    ----------
    mem : Mem
        Its memory.
    """

    def __init__(self, mem):
        self.mem, self.pins = mem, {}

    def find(self, address, length, keep=None):
        """Find the pages of a piece of memory, and pin its region when it is met for the first time.

        Parameters
        ----------
        address, length : int
            The piece.
        keep : object, optional
            What keeps the memory alive; it is held as long as frags refer to a page of the region.

        Returns
        -------
        row, origin : int
            As `devmemlab.sock.sendmsg_zerocopy.IOV` has them; (0, 0) when the CPU cannot read there.
        """
        table = regions()
        inside = (table.start <= address) & (address + length <= table.start + table.length) & (table.alive != 0)
        found = np.nonzero(inside & (table.kind == HOST))[0]
        if len(found) == 0 or length < 0:
            return 0, 0
        start, nbytes = int(table.start[found[0]]), int(table.length[found[0]])
        pin = self.pins.get(start)
        if pin is not None and pin.length != nbytes:
            self.sweep()
            pin = self.pins.get(start)
            if pin is not None:
                return 0, 0
        if pin is None:
            count = parse_size(nbytes) >> PAGE_SHIFT
            row = self.mem.take("rows", count)
            rows = self.mem.netmems[row:row + count]
            for name in rows.dtype.names:
                rows[name] = 0
            rows["dma_addr"] = start + (np.arange(count) << PAGE_SHIFT)
            rows["page_refcount"] = 1
            pin = Pin(row, count, start, nbytes, keep)
        self.pins[start] = pin._replace(keep=keep if pin.keep is None else pin.keep)
        return pin.row, start

    def sweep(self):
        """Let go of regions that nothing refers to any more.

        Returns
        -------
        pages : int
            Pages that frags still refer to.
        """
        waiting = 0
        for start, pin in list(self.pins.items()):
            used = int(np.count_nonzero(self.mem.netmems[pin.row:pin.row + pin.count].page_refcount > 1))
            waiting += used
            if used == 0:
                self.mem.netmems[pin.row:pin.row + pin.count].page_refcount = 0
                self.mem.ranges["rows"].give(pin.row, pin.count)
                del self.pins[start]
        return waiting
