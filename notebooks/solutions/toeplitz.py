"""A hash for a flow: a window of 32 bits slides along the key."""

import devmemlab as dml


@dml.kernel
def toeplitz(key, octets):
    if len(key) < len(octets) + 4:
        return -22
    window = key[0] << 24 | key[1] << 16 | key[2] << 8 | key[3]
    result = 0
    for i in range(len(octets)):
        for bit in range(7, -1, -1):
            if octets[i] >> bit & 1:
                result ^= window
            window = (window << 1 | key[i + 4] >> bit & 1) & 0xFFFFFFFF
    return result
