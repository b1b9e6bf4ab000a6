"""Binding, creation: a dmabuf is cut into net_iovs.

Law.   Segments in order become chunks in order; the first begins at virtual offset 0, the next right behind it.
Reads. Linux net/core/devmem.c; spec section 4.2.
Omits. The order of the checks: `Mem.bind` walks through them and calls these.
"""

import numpy as np

from devmemlab.base.errno import E2BIG, EINVAL
from devmemlab.base.kernel import kernel

ID_MAX = 0xFFFFFFFF


@kernel
def binding_measure(dmabufs, dmabuf, niov_shift, aligned):
    """Count what a dmabuf comes to in net_iovs, and check that it can be cut.

    Parameters
    ----------
    dmabufs : Dmabufs
        Not changed.
    dmabuf : int64
        Dmabuf row.
    niov_shift : int64
        Log2 of the net_iov size.
    aligned : int64
        1 where the release demands multiples of the net_iov size.

    Returns
    -------
    niovs, words : int64
        Net_iovs, and bitmap words if each segment begins a new one; or (``-EINVAL``, 0), (``-E2BIG``, 0).
    """
    buf = dmabufs.buf[dmabuf]
    mask = (np.int64(1) << niov_shift) - 1
    if aligned and buf.length & mask != 0:
        return np.int64(-EINVAL), np.int64(0)
    if aligned and buf.length >> niov_shift > ID_MAX:
        return np.int64(-E2BIG), np.int64(0)
    niovs = np.int64(0)
    words = np.int64(0)
    for i in range(buf.sg_first, buf.sg_first + buf.sg_count):
        sg = dmabufs.sg[i]
        if aligned and (sg.dma_addr | sg.length) & mask != 0:
            return np.int64(-EINVAL), np.int64(0)
        niovs += sg.length >> niov_shift
        words += ((sg.length >> niov_shift) + 63) >> 6
    return niovs, words


@kernel
def binding_carve(providers, dmabufs, binding):
    """Turn the segments of a mapped dmabuf into chunks of net_iovs.

    Parameters
    ----------
    providers : Providers
        The chunk rows of the binding are written; its ranges and `dmabuf` are set already.
    dmabufs : Dmabufs
        Not changed.
    binding : int64
        Binding row.
    """
    own = providers.binding[binding]
    buf = dmabufs.buf[own.dmabuf]
    virtual = np.int64(0)
    row = own.niov_first
    word = own.words_first
    own.aligned = 1
    for i in range(buf.sg_count):
        sg = dmabufs.sg[buf.sg_first + i]
        chunk = providers.chunk[own.chunk_first + i]
        chunk.binding = binding
        chunk.dma_addr = sg.dma_addr
        chunk.base_virtual = virtual
        chunk.length = sg.length
        chunk.niov_first = row
        chunk.niov_count = sg.length >> own.niov_shift
        chunk.avail_bytes = sg.length
        chunk.word_first = word
        chunk.word_hint = 0
        if sg.length & ((np.int64(1) << own.niov_shift) - 1):
            own.aligned = 0
        row += chunk.niov_count
        word += (chunk.niov_count + 63) >> 6
        virtual += sg.length
    own.length = virtual
    own.chunk_hint = own.chunk_first + own.chunk_count - 1
    own.free_count = own.niov_count
    own.implicit = own.niov_count
    own.touched_low = own.niov_first + own.niov_count
    own.touched_high = own.niov_first - 1


@kernel
def binding_alloc_id(providers):
    """Choose the next id, never one in use.

    Parameters
    ----------
    providers : Providers
        The last id given moves on.

    Returns
    -------
    id : int64
        1 to 2^32 - 1, cyclic: an id is not used again until the numbers have gone round.
    """
    ctl = providers.ctl[0]
    while True:
        ctl.last_id = ctl.last_id + 1 if ctl.last_id < ID_MAX else 1
        used = False
        for i in range(1, len(providers.binding)):
            row = providers.binding[i]
            if row.kind != 0 and row.live and row.id == ctl.last_id:
                used = True
        if not used:
            return ctl.last_id
