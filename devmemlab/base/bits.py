"""Bits: sets of up to 64 things in one int64.

Law.   An int64 is read as 64 bits; its sign is bit 63.
Reads. Linux include/linux/bitops.h (``__ffs``).
Omits. Sets wider than a word.
"""

import numpy as np

from devmemlab.base.kernel import kernel


@kernel
def lowest_bit(bits):
    """Find the lowest set bit.

    Parameters
    ----------
    bits : int64
        Not 0; read as 64 bits.

    Returns
    -------
    index : int64
        0 to 63.
    """
    index = np.int64(0)
    if bits & 0xFFFFFFFF == 0:
        bits >>= 32
        index += 32
    if bits & 0xFFFF == 0:
        bits >>= 16
        index += 16
    if bits & 0xFF == 0:
        bits >>= 8
        index += 8
    if bits & 0xF == 0:
        bits >>= 4
        index += 4
    if bits & 0x3 == 0:
        bits >>= 2
        index += 2
    if bits & 0x1 == 0:
        index += 1
    return index
