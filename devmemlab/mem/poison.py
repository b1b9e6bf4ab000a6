"""Poison: what a buffer holds after its last token was returned, in a host that is asked to watch.

Law.   Only memory at rest is poisoned; every 16 octets say so, and name the token that let go of it.
Reads. Linux mm/page_poison.c and include/linux/poison.h, as far as the idea goes.
Omits. Looking for poison that was changed: a card may write into the buffer at any time.
"""

import weakref

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import store_le64

MAGIC = int.from_bytes(b"RETURNED", "little")
CELL_BYTES = 16
REGION_GUARDS = weakref.WeakSet()
"""Objects whose ``guard(region, address, octets)`` is called when a program reads a region, or makes a view of it."""


@kernel
def poison(memory, at, length, stamp):
    """Fill memory with a sentence that can be found again.

    Parameters
    ----------
    memory : uint8[n]
        Written in ``[at, at + length)``.
    at, length : int64
        The buffer, in whole cells of 16 octets.
    stamp : int64
        Who: a number that `find_poison` gives back.
    """
    for cell in range(at, at + length, CELL_BYTES):
        store_le64(memory, cell, MAGIC)
        store_le64(memory, cell + 8, stamp)


def find_poison(octets):
    """Look for poison in what a program has read.

    Parameters
    ----------
    octets : bytes-like or array
        Anything; 31 octets in a row that were poisoned are enough.

    Returns
    -------
    found : list of (int, int)
        Where a poisoned stretch begins, and its stamp; one pair a stamp, in the order of the octets.
    """
    data = np.ascontiguousarray(octets).tobytes() if isinstance(octets, np.ndarray) else bytes(octets)
    word, found, seen = MAGIC.to_bytes(8, "little"), [], set()
    at = data.find(word)
    while at >= 0 and at + CELL_BYTES <= len(data):
        stamp = int.from_bytes(data[at + 8:at + CELL_BYTES], "little")
        if stamp not in seen:
            seen.add(stamp)
            found.append((at, stamp))
        # The same stamp goes on: step over its cells, not over those of another.
        cell = data[at:at + CELL_BYTES]
        while data[at:at + CELL_BYTES] == cell:
            at += CELL_BYTES
        at = data.find(word, at)
    return found
