"""A store of frames: a burst that grows.

Law.   A frame that was put in stays as it was; rows are numbered in the order they came.
Reads. Nothing of Linux.
Omits. Giving room back: a store lives as long as the run that it keeps.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.table import grown, table
from devmemlab.wire.rows import FRAME, Burst


@kernel
def burst_bytes(frame):
    """Add up the octets of a burst.

    Parameters
    ----------
    frame : FRAME[count]
        Rows.

    Returns
    -------
    nbytes : int64
        Sum of their lengths.
    """
    nbytes = np.int64(0)
    for k in range(len(frame)):
        nbytes += frame[k].length
    return nbytes


@kernel
def pack_frames(dst, at, rows, first, octets, frame, not_before_ns):
    """Copy frames, one behind the other.

    Parameters
    ----------
    dst : uint8[n]
        Arena with room for all of them, written from `at`.
    at : int64
        Where the first one goes.
    rows : FRAME[m]
        Written from `first`.
    first : int64
        Row of the first one.
    octets : uint8[k]
        Arena that they are in.
    frame : FRAME[count]
        Their rows.
    not_before_ns : int64
        Frames of an earlier ``at_ns`` get this time.

    Returns
    -------
    end : int64
        Address behind the last.
    """
    for k in range(len(frame)):
        old = frame[k]
        new = rows[first + k]
        copy_octets(dst, at, octets, old.offset, old.length)
        new.at_ns = max(old.at_ns, not_before_ns)
        new.offset = at
        new.length = old.length
        new.csum = old.csum
        new.wire_length = max(old.wire_length, old.length)
        at += old.length
    return at


class FrameStore:
    """Frames kept for later.

    Attributes
    ----------
    count : int
        Frames.
    nbytes : int
        Octets.
    """

    def __init__(self, octets_capacity=1 << 16, rows_capacity=64):
        self.count = 0
        self.nbytes = 0
        self._octets = np.empty(octets_capacity, np.uint8)
        self._frame = table(FRAME, rows_capacity)

    def append(self, burst, not_before_ns=0):
        """Put a copy of a burst at the end.

        Parameters
        ----------
        burst : Burst
            Not changed, not kept.
        not_before_ns : int
            Frames of an earlier ``at_ns`` get this time.
        """
        need = self.nbytes + int(burst_bytes(burst.frame))
        if need > len(self._octets):
            bigger = np.empty(max(need, 2 * len(self._octets)), np.uint8)
            np.copyto(bigger[: self.nbytes], self._octets[: self.nbytes])
            self._octets = bigger
        self._frame = grown(self._frame, self.count + len(burst.frame))
        self.nbytes = int(pack_frames(self._octets, self.nbytes, self._frame, self.count,
                                      burst.octets, burst.frame, not_before_ns))
        self.count += len(burst.frame)

    def append_octets(self, octets, at_ns, csum):
        """Put one frame at the end.

        Parameters
        ----------
        octets : bytes-like
            A whole Ethernet frame.
        at_ns : int
            Its time.
        csum : int
            Who vouches for its checksums, see `FRAME`.
        """
        # A read-only array would have every kernel compiled a second time.
        data = np.frombuffer(bytearray(octets), np.uint8)
        row = table(FRAME, 1)
        row[0].at_ns, row[0].length, row[0].csum, row[0].wire_length = at_ns, len(data), csum, len(data)
        self.append(Burst(data, row))

    def burst(self):
        """Show what is kept.

        Returns
        -------
        burst : Burst
            Views; they stay valid and unchanged when more is appended.
        """
        return Burst(self._octets[: self.nbytes], self._frame[: self.count])

    def clear(self):
        """Forget everything; bursts shown before stay as they are."""
        self.__init__()
