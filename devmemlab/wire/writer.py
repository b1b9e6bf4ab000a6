"""Writing captures, burst by burst.

Law.   Whatever was written before a crash is a readable capture up to the last whole burst.
Reads. `pcap_records` and `pcapng_write` for the two formats.
Omits. Rotation, compression.
"""

import os

import numpy as np

from devmemlab.wire import pcap_records, pcapng_write


class CaptureWriter:
    """A capture file that is being written; a context manager.

    Attributes
    ----------
    path : str
        The file; ``.pcapng`` gives pcapng, anything else pcap with nanoseconds.
    count : int
        Frames written so far.
    """

    def __init__(self, path):
        self.path = os.fspath(path)
        self.pcapng = self.path.lower().endswith(".pcapng")
        self.count = 0
        self._file = open(self.path, "wb")  # noqa: SIM115 - it stays open for many bursts
        self._file.write(pcapng_write.blocks_header() if self.pcapng else pcap_records.records_header())
        self._file.flush()

    def write(self, burst, comments=None):
        """Add frames.

        Parameters
        ----------
        burst : Burst
            Ethernet frames; ``at_ns`` is written as it is.
        comments : sequence of str or None, optional
            One for each frame.

        Raises
        ------
        ValueError
            Comments for a pcap file, which has no place for them, or not one for each frame.
        """
        octets, frame = burst
        if comments is not None and not self.pcapng:
            raise ValueError(f"{self.path} is a pcap file, which holds no comments; name it .pcapng")
        if self.pcapng:
            text, note = pcapng_write.make_notes(comments, len(frame))
            out = np.empty(pcapng_write.blocks_room(frame, note), np.uint8)
            nbytes = pcapng_write.pack_blocks(octets, frame, text, note, out)
        else:
            out = np.empty(pcap_records.records_room(frame), np.uint8)
            nbytes = pcap_records.pack_records(octets, frame, out)
        self._file.write(memoryview(out)[:nbytes])
        self._file.flush()
        self.count += len(frame)

    def close(self):
        """Finish the file; closing twice is allowed."""
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
