"""What was captured of a stream, in its order, and where it has holes.

Law.   Computed from sequence numbers alone, without NIC and TCP, for any number of octets: the numbers may wrap.
Reads. RFC 9293 section 3.4.
Omits. Octets on a SYN, which a host without TCP Fast Open ignores; which of two differing copies counts (here the first).
"""

from typing import NamedTuple

import numpy as np

from devmemlab.wire.tcp import SYN


class InOrder(NamedTuple):
    """Payload of one flow.

    frames : int64[n]
        Numbers of the frames that carry payload, in the order of the stream.
    starts, ends : int64[n]
        Which octets of the stream each carries; the stream begins with octet 0.
    gaps : int
        Holes; one more when the beginning is missing.
    reached : int
        Octets before the first hole.
    """

    frames: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    gaps: int
    reached: int


def in_order(packets, chosen):
    """Put the payload of a flow in order.

    Parameters
    ----------
    packets : PKT[n]
        Of a whole capture.
    chosen : int64[m]
        Numbers of the flow's frames that count, in the order of the capture.

    Returns
    -------
    found : InOrder
        From its SYN on, or from the lowest octet captured where there is no SYN.
    """
    rows = packets[chosen]
    # Each number's distance from the one before it adds up to a place that does not wrap.
    steps = (np.diff(rows.seq, prepend=rows.seq[:1]) + (1 << 31)) % (1 << 32) - (1 << 31)
    place = np.cumsum(steps)
    opening = np.flatnonzero(rows.tcp_flags & SYN)
    loaded = np.flatnonzero((rows.payload_bytes > 0) & (rows.tcp_flags & SYN == 0))
    if len(loaded) == 0:
        return InOrder(chosen[loaded], place[loaded], place[loaded], 0, 0)
    order = loaded[np.argsort(place[loaded], kind="stable")]
    first = int(place[opening[0]]) + 1 if len(opening) else int(place[order[0]])
    starts, ends = place[order] - first, place[order] - first + rows.payload_bytes[order]
    here = ends > 0
    order, starts, ends = order[here], starts[here], ends[here]
    so_far = np.maximum.accumulate(np.concatenate(([0], ends)))
    holes = np.flatnonzero(starts > so_far[:-1])
    reached = int(so_far[holes[0]] if len(holes) else so_far[-1])
    return InOrder(chosen[order], starts, ends, len(holes), reached)


def digest_in_order(digest, capture, packets, found):
    """Digest the stream up to its first hole.

    Parameters
    ----------
    digest : hashlib object
        Updated.
    capture : Capture
        Frames.
    packets : PKT[n]
        Of the whole capture.
    found : InOrder
        What to digest.
    """
    offsets = capture.frame.offset[found.frames] + packets.payload_at[found.frames]
    reached = 0
    for at, start, end in zip(offsets.tolist(), found.starts.tolist(), found.ends.tolist(), strict=True):
        if start > reached:
            return
        if end > reached:
            digest.update(capture.octets[at + reached - start:at + end - start])
            reached = end
