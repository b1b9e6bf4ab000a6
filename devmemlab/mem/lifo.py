"""lifo: a flat stack of net_iov indices, last in, first out.

Law.   The stack holds each free index once; a fresh one holds 0 to n-1 with n-1 on top.
Reads. Spec section 4.5 (the allocator after September 2026); the io_uring area has the same shape.
Omits. The spinlock.

Positions below `implicit` have never been popped and are not stored: position p holds p. So a
stack of 16 million indices costs nothing until it is used.
"""

import numpy as np

from devmemlab.base.errno import EINVAL
from devmemlab.base.kernel import kernel


@kernel
def lifo_pop(providers, binding):
    """Take the index on top.

    Parameters
    ----------
    providers : Providers
        The stack of `binding` is one lower.
    binding : int64
        Binding row.

    Returns
    -------
    index : int64
        Net_iov index inside the binding, -1 when the stack is empty.
    """
    own = providers.binding[binding]
    if own.free_count == 0:
        return np.int64(-1)
    own.free_count -= 1
    if own.free_count < own.implicit:
        own.implicit = own.free_count
        return own.free_count
    return providers.words[own.words_first + own.free_count].entry


@kernel
def lifo_push(providers, binding, index):
    """Put an index back on top.

    Parameters
    ----------
    providers : Providers
        The stack of `binding` is one higher.
    binding : int64
        Binding row.
    index : int64
        Net_iov index inside the binding.

    Returns
    -------
    err : int64
        0, or ``-EINVAL`` when the index is not the area's or the stack is full.
    """
    own = providers.binding[binding]
    if index < 0 or index >= own.niov_count or own.free_count >= own.niov_count:
        return -EINVAL
    providers.words[own.words_first + own.free_count].entry = index
    own.free_count += 1
    return 0
