"""gen_pool: first fit in a bitmap, newest chunk first.

Law.   A set bit is a net_iov that is out; `avail_bytes` counts the declared bytes that are not.
Reads. Linux lib/genalloc.c as net/core/devmem.c uses it; spec section 4.4.
Omits. Other fit algorithms, and requests above one net_iov.

Chunks are tried from the last segment of the dmabuf to the first, because each new chunk goes to the
head of the pool's list (quirk Q8); inside a chunk the lowest address goes first. A chunk at DMA
address 0 loses its first net_iov, because address 0 is how failure is told (quirk Q7). Two hints,
one a binding and one a chunk, skip what is known to be full; they never change the choice.
"""

import numpy as np

from devmemlab.base.errno import EINVAL
from devmemlab.base.kernel import kernel
from devmemlab.base.xarray import lowest_bit


@kernel
def _first_clear(providers, chunk):
    """Find the lowest clear bit of a chunk.

    Parameters
    ----------
    providers : Providers
        The chunk's hint moves past full words.
    chunk : int64
        Chunk row.

    Returns
    -------
    bit : int64
        -1 when every net_iov is out.
    """
    row = providers.chunk[chunk]
    words = (row.niov_count + 63) >> 6
    while row.word_hint < words:
        clear = ~providers.words[row.word_first + row.word_hint].entry
        if clear != 0:
            bit = (row.word_hint << 6) + lowest_bit(clear)
            return bit if bit < row.niov_count else np.int64(-1)
        row.word_hint += 1
    return np.int64(-1)


@kernel
def gen_pool_alloc(providers, binding):
    """Take one net_iov.

    Parameters
    ----------
    providers : Providers
        A bit is set and its chunk has less available.
    binding : int64
        Binding row.

    Returns
    -------
    row, chunk : int64
        Netmem row and chunk row; (0, 0) when there is none, or when its address is 0.
    """
    own = providers.binding[binding]
    nbytes = np.int64(1) << own.niov_shift
    while own.chunk_hint >= own.chunk_first:
        chunk = own.chunk_hint
        row = providers.chunk[chunk]
        if row.avail_bytes >= nbytes:
            bit = _first_clear(providers, chunk)
            if bit >= 0:
                providers.words[row.word_first + (bit >> 6)].entry |= np.int64(1) << (bit & 63)
                row.avail_bytes -= nbytes
                if row.dma_addr + (bit << own.niov_shift) == 0:
                    return np.int64(0), np.int64(0)
                return row.niov_first + bit, chunk
        own.chunk_hint -= 1
    return np.int64(0), np.int64(0)


@kernel
def gen_pool_free(providers, binding, row, chunk):
    """Give one net_iov back.

    Parameters
    ----------
    providers : Providers
        Its bit is cleared.
    binding : int64
        Binding row.
    row : int64
        Netmem row.
    chunk : int64
        Chunk row that owns it.

    Returns
    -------
    err : int64
        0, or ``-EINVAL`` when the chunk does not contain it or the bit is not set (fatal in the kernel).
    """
    own = providers.binding[binding]
    if chunk < own.chunk_first or chunk >= own.chunk_first + own.chunk_count:
        return -EINVAL
    piece = providers.chunk[chunk]
    bit = row - piece.niov_first
    if bit < 0 or bit >= piece.niov_count:
        return -EINVAL
    word = providers.words[piece.word_first + (bit >> 6)]
    mask = np.int64(1) << (bit & 63)
    if word.entry & mask == 0:
        return -EINVAL
    word.entry &= ~mask
    piece.avail_bytes += np.int64(1) << own.niov_shift
    if bit >> 6 < piece.word_hint:
        piece.word_hint = bit >> 6
    if chunk > own.chunk_hint:
        own.chunk_hint = chunk
    return 0


@kernel
def gen_pool_avail(providers, binding):
    """Sum what is available.

    Parameters
    ----------
    providers : Providers
        Not changed.
    binding : int64
        Binding row.

    Returns
    -------
    avail_bytes : int64
        Declared bytes not handed out, tails of unaligned segments included (quirk Q20).
    """
    own = providers.binding[binding]
    total = np.int64(0)
    for chunk in range(own.chunk_first, own.chunk_first + own.chunk_count):
        total += providers.chunk[chunk].avail_bytes
    return total
