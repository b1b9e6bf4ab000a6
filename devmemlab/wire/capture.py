"""Captures in memory: recorded frames, whatever the file they came in.

Law.   A capture is Ethernet frames and their rows, whatever link it was recorded on (see `linktype`).
Reads. Nothing itself: `pcap` reads files, `writer` writes them.
Omits. Filters.
"""

import collections

from devmemlab.wire.frame import make_packets
from devmemlab.wire.linktype import linktype_text
from devmemlab.wire.rows import CSUM_VERIFIED, REASONS, Burst
from devmemlab.wire.survey import repair_frames, survey_frames
from devmemlab.wire.writer import CaptureWriter


class CaptureError(ValueError):
    """A capture that cannot be read; the text says why and, where it helps, at which frame and byte."""


class Capture:
    """Recorded frames.

    Attributes
    ----------
    octets : uint8[n]
        The arena. It may be written to.
    frame : FRAME[count]
        One row a frame; ``at_ns`` is as recorded (since 1970, mostly).
    linktype : int
        What the (first) frames were recorded on, before they became Ethernet frames.
    path : str
        Where it came from; empty when it was made in memory.
    cut : str
        Why reading stopped before the end (``partial=True``); empty when it did not.
    """

    def __init__(self, octets, frame, linktype=1, path="", source=None):
        self.octets = octets
        self.frame = frame
        self.linktype = linktype
        self.path = path
        self.cut = ""
        self._source = source

    def __len__(self):
        return len(self.frame)

    def __repr__(self):
        span_ns = int(self.frame.at_ns.max() - self.frame.at_ns.min()) if len(self) else 0
        return (f"Capture({self.path!r}: {len(self)} frames, {int(self.frame.wire_length.sum())} octets on the wire, "
                f"{span_ns / 1e9:.6f} s, {linktype_text(self.linktype)})")

    @property
    def burst(self):
        """All frames, as they travel."""
        return Burst(self.octets, self.frame)

    def frame_bytes(self, k):
        """Copy one frame out.

        Parameters
        ----------
        k : int
            Row number.

        Returns
        -------
        octets : bytes
            The Ethernet frame.
        """
        row = self.frame[k]
        return self.octets[row.offset:row.offset + row.length].tobytes()

    def comment(self, k):
        """Read a frame's comment.

        Parameters
        ----------
        k : int
            Row number.

        Returns
        -------
        text : str
            Empty when there is none; only pcapng files have comments.
        """
        if self._source is None:
            return ""
        raw, found = self._source
        row = found[k]
        return raw[row.comment_at:row.comment_at + row.comment_length].tobytes().decode(errors="replace")

    def packets(self):
        """Parse every frame.

        Returns
        -------
        packets : PKT[count]
            In the frames' order; ``err`` tells which are no whole TCP segments.
        """
        packets = make_packets(len(self))
        survey_frames(self.octets, self.frame, packets, False)
        return packets

    def verify(self):
        """Check every sum once, so that a NIC need not: right ones make a frame CSUM_VERIFIED, others CSUM_UNKNOWN.

        Returns
        -------
        verified : int
            Frames that are whole TCP segments with right sums.
        """
        survey_frames(self.octets, self.frame, make_packets(1), True)
        return int((self.frame.csum == CSUM_VERIFIED).sum())

    def repair(self):
        """Give right sums to segments recorded on their way into a NIC that would have summed them.

        Returns
        -------
        repaired : int
            Frames changed (in memory); only fields that hold just what checksum offload leaves there are touched.
        """
        return int(repair_frames(self.octets, self.frame, make_packets(1)))

    def require_tcp(self):
        """Refuse a capture that holds no TCP.

        Returns
        -------
        packets : PKT[count]
            See `packets`.

        Raises
        ------
        CaptureError
            There is no TCP segment in it; the text counts what there is.
        """
        packets = self.packets()
        if not (packets.tcp_at > 0).any():
            kinds = collections.Counter(REASONS[int(err)] for err in packets.err)
            there = "; ".join(f"{count} x {words}" for words, count in kinds.most_common())
            raise CaptureError(f"{self.path or 'the capture'} holds no TCP: of {len(self)} frames, {there}")
        return packets

    def save(self, path, comments=None):
        """Write the frames to a file.

        Parameters
        ----------
        path : str or path
            ``.pcapng`` gives pcapng, anything else pcap with nanoseconds.
        comments : sequence of str or None, optional
            One for each frame; pcapng only.
        """
        with CaptureWriter(path) as writer:
            writer.write(self.burst, comments)
