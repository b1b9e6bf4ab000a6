"""Batches: many small pieces of memory become few long copies.

Law.   Every octet of every piece is in exactly one run; what a run has besides is the unused end of a net_iov of the batch.
Reads. cudaMemcpyAsync: a copy costs microseconds to start, whatever its length.
Omits. Copies with a pitch (cudaMemcpy2D), which would skip those ends where frames have one size.
"""

import numpy as np

NIOV_BYTES = 4096


def runs(offsets, lengths, niov_bytes=NIOV_BYTES):
    """Join pieces to runs.

    A page_pool hands net_iovs out in order, and a frame fills the last of its own only in part: two pieces with nothing but
    such an end between them are one run. What lies in that end is undefined, on any NIC.

    Parameters
    ----------
    offsets, lengths : int64[n]
        The pieces, in any order.
    niov_bytes : int
        Length of a net_iov, a power of two.

    Returns
    -------
    starts, ends : int64[n_run]
        By offset; the runs neither overlap nor touch.
    """
    some = np.asarray(lengths) > 0
    offsets, ends = np.asarray(offsets)[some], (np.asarray(offsets) + lengths)[some]
    if len(offsets) == 0:
        return offsets, ends
    order = np.argsort(offsets, kind="stable")
    offsets, reach = offsets[order], np.maximum.accumulate(ends[order])
    first = np.ones(len(offsets), bool)
    first[1:] = offsets[1:] > (reach[:-1] + niov_bytes - 1 & -niov_bytes)
    last = np.append(np.flatnonzero(first)[1:] - 1, len(offsets) - 1)
    return offsets[first], reach[last]
