"""The completion ring of an io_uring: what happened, in the order it happened, until the program has looked.

Law.   A completion is never overwritten and never overtaken: with no room, nothing is written.
Reads. Linux io_uring/io_uring.c (io_cqe_cache_refill), include/uapi/linux/io_uring.h (struct io_uring_cqe).
Omits. Completions of 16 octets; the octets themselves: a completion is a row.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table

IORING_CQE_F_MORE = 2

CQ_CTL = schema("head", "tail", "entries", "overflown")
CQE = schema("user_data", "res", "cqe_flags", "off")


@component
class Completions(NamedTuple):
    """The completion ring of one io_uring: memory that its program maps, so each ring has its own.

    ctl : CQ_CTL[1]
        The program moves ``head``, the kernel ``tail``; ``overflown``: completions of requests that found no room.
    cqe : CQE[entries]
        ``res`` octets, or a negative errno; ``off`` is where, in the words of `devmemlab.mem.iouring.zcrx_offset`.
    """

    ctl: np.recarray
    cqe: np.recarray


def make_completions(entries):
    """Make an empty completion ring.

    Parameters
    ----------
    entries : int
        A power of two.

    Returns
    -------
    completions : Completions
        Empty.
    """
    completions = Completions(table(CQ_CTL, 1), table(CQE, entries))
    completions.ctl[0].entries = entries
    return completions


@kernel
def cq_room(completions):
    """Count the completions that there is room for; none may overtake those that wait for room.

    Parameters
    ----------
    completions : Completions
        Not changed.

    Returns
    -------
    room : int64
        0 also while some wait.
    """
    ctl = completions.ctl[0]
    return np.int64(0) if ctl.overflown else ctl.entries - (ctl.tail - ctl.head)


@kernel
def cq_post(completions, user_data, res, cqe_flags, off):
    """Write one completion; the caller has looked whether there is room.

    Parameters
    ----------
    completions : Completions
        The tail moves.
    user_data, res, cqe_flags, off : int64
        Its words.
    """
    ctl = completions.ctl[0]
    cqe = completions.cqe[ctl.tail & (ctl.entries - 1)]
    cqe.user_data = user_data
    cqe.res = res
    cqe.cqe_flags = cqe_flags
    cqe.off = off
    ctl.tail += 1
