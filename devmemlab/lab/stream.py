"""The stream: octets that anybody can make again, so that a transfer can be checked anywhere in it.

Law.   An octet depends on its position and nothing else; no word comes twice.
Reads. Steele, Lea, Flood: Fast splittable pseudorandom number generators (OOPSLA 2014), the SplitMix64 finaliser.
Omits. Secrecy: it only looks random.

The octets are the little-endian 64-bit outputs of SplitMix64 seeded with 0, one after the other: octets
``[8 i, 8 i + 8)`` are output i. A short period would hide a segment delivered in the place of another one.
"""

import hashlib

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)


def stream_words(count, first=0):
    """Make words of the stream.

    Parameters
    ----------
    count : int
        How many.
    first : int
        Number of the first one.

    Returns
    -------
    words : uint64[count]
        In the machine's own byte order.
    """
    with np.errstate(over="ignore"):
        z = (np.arange(first, first + count, dtype=np.uint64) + np.uint64(1)) * GOLDEN
        z = (z ^ (z >> np.uint64(30))) * MIX_1
        z = (z ^ (z >> np.uint64(27))) * MIX_2
        return z ^ (z >> np.uint64(31))


def stream_octets(nbytes, start=0):
    """Make octets of the stream.

    Parameters
    ----------
    nbytes : int
        How many.
    start : int
        Position of the first one.

    Returns
    -------
    octets : uint8[nbytes]
        The same for ever.
    """
    first = start // 8
    words = stream_words((start + nbytes + 7) // 8 - first, first)
    return words.astype("<u8").view(np.uint8)[start - 8 * first:][:nbytes]


def stream_digest(nbytes):
    """Digest the beginning of the stream.

    Parameters
    ----------
    nbytes : int
        Its length.

    Returns
    -------
    sha256 : str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    step = 1 << 22
    for start in range(0, nbytes, step):
        digest.update(stream_octets(min(step, nbytes - start), start))
    return digest.hexdigest()
