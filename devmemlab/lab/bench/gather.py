"""bench gather: scattered pieces of device memory brought into one stretch, in three ways, beside C's memmove.

Law.   A run counts only if the stretch has the digest of the pieces, taken before.
Reads. interfaces section 3; `devmemlab.lab.gather`.
Omits. A device's own launch costs: a copy here costs one call of compiled code from Python.

The same octets in every case. Places of pieces are in no order and every other one is left free, source and target lie far
apart, and both are larger than a second-level cache.
"""

import ctypes
from contextlib import contextmanager

import numpy as np
from numba import config

from devmemlab.base.errno import EIO, error
from devmemlab.base.table import table
from devmemlab.lab.accelerator import PIECE
from devmemlab.lab.bench.measure import Case
from devmemlab.lab.gather import MODES, digest_of, gather
from devmemlab.lab.scenes_tokens import scattered
from devmemlab.mem.region import DeviceMemory, memory

PIECES, TOTAL, INTERPRETED_TOTAL = (512, 1448, 4096, 65536), 1 << 24, 1 << 18
WHOLE = "memmove_whole"
REPEATS = (61, 9)
CONTRASTS = {f"{way}_{piece}": ("ratio_to_memcpy", WHOLE) for piece in PIECES for way in (*MODES, "memmove")}
QUOTED = {}
NOTES = """\
copies_N, host_N, kernel_N: the modes of dml.gather with pieces of N octets. memmove_N: C's memmove called from Python for each
piece of the same list. memmove_whole: one memmove of as many octets that lie together. ratio_to_memcpy: throughput divided by
that of memmove_whole, round by round; bigger is better. kernel_N writes pieces of 4096 octets or more past the caches when there
are 4 MiB or more, which C's memmove does only with more than this: what reading the stretch afterwards costs is not in it."""


def figures(runs):
    """Name the figures of this bench.

    Parameters
    ----------
    runs : list of Sample
        Of one case; an element is an octet.

    Returns
    -------
    figures : dict of str to list of float
        ``gbytes_per_s``, one a repeat.
    """
    return {"gbytes_per_s": [run.elements / run.ns for run in runs]}


class GatherCase(Case):
    """One way with pieces of one size.

    Parameters
    ----------
    way : str
        A mode of gather, ``"memmove"`` or ``"whole"``.
    piece, total : int
        Octets of a piece, and of all.
    source, target : DeviceMemory
        Where they lie, and where they go.
    """

    def __init__(self, way, piece, total, source, target):
        self.name = WHOLE if way == "whole" else f"{way}_{piece}"
        self.way, self.source, self.target, self.elements = way, source, target, total // piece * piece
        self.list = np.array([(0, total)]) if way == "whole" else scattered(source, total // piece, piece, seed=piece)
        pieces = table(PIECE, len(self.list))
        pieces.offset, pieces.length = self.list.T
        self.pieces, self.more = pieces, {"footprint_bytes": self.elements}
        self.digest = None
        base = memory().ctypes.data
        ends = np.concatenate(([0], np.cumsum(self.list[:, 1])[:-1]))
        self.moves = [(base + target.start + to, base + source.start + at, length)
                      for to, (at, length) in zip(ends.tolist(), self.list.tolist())]

    def prepare(self):
        """Spoil the target: what is there afterwards was put there. The pieces are digested once, when all cases have theirs."""
        self.digest = self.digest or digest_of(self.source, self.pieces)
        self.target.octets[:self.elements:4096] ^= 0xFF

    def run(self):
        """Gather."""
        if self.way in MODES:
            return gather(self.source, self.list, 0, self.way, target=self.target)
        for to, at, length in self.moves:
            ctypes.memmove(to, at, length)
        return None

    def check(self, result):
        """Compare digests.

        Parameters
        ----------
        result : Gathered or None
            Not looked at.

        Raises
        ------
        OSError
            EIO: what is there is not what the pieces hold.
        """
        whole = table(PIECE, 1)
        whole.length = self.elements
        if digest_of(self.target, whole) != self.digest:
            raise error(EIO, f"{self.name}: the octets are not those of the pieces")


@contextmanager
def cases(quick=False):
    """Make two regions.

    Parameters
    ----------
    quick : bool
        Says nothing here: fewer repeats are quick enough.

    Yields
    ------
    cases : list of Case
        By size of the pieces, then by way; C's memmove of everything comes first.
    """
    total = INTERPRETED_TOTAL if config.DISABLE_JIT else TOTAL
    with_gaps = 2 * total
    source, target = DeviceMemory(with_gaps, "bench pieces"), DeviceMemory(with_gaps, "bench stretch")
    try:
        yield [GatherCase("whole", total, total, source, target),
               *(GatherCase(way, piece, total, source, target) for piece in PIECES for way in (*MODES, "memmove"))]
    finally:
        source.close()
        target.close()
