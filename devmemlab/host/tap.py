"""A packet socket on a host, and its capture.

Law.   A tap changes nothing of what it sees, and sees no octet of device memory.
Reads. Linux net/packet/af_packet.c; `devmemlab.net.linear_tap`, where packets are captured.
Omits. Several taps at once: opening another one ends the first one's capture.
"""

import contextlib

from devmemlab.base.errno import EINVAL, error
from devmemlab.net.linear_tap import make_taps
from devmemlab.wire.capture import Capture
from devmemlab.wire.rows import Burst
from devmemlab.wire.writer import CaptureWriter


class Tap:
    """Received packets of a host as a packet socket sees them. Made by ``host.tap()``; a context manager.

    Parameters
    ----------
    host : Host
        Whose.
    snaplen : int
        Most octets of a packet.
    packets : int
        Packets there is room for.

    Attributes
    ----------
    taps : Taps
        What was captured; it stays when the tap is closed.
    """

    def __init__(self, host, snaplen=65535, packets=4096):
        if snaplen < 1 or packets < 1:
            raise error(EINVAL, f"snaplen {snaplen}, packets {packets}: both are 1 or more")
        self.host = host
        self.taps = host.taps = make_taps(snaplen, packets, packets * min(snaplen, 2048))

    def __len__(self):
        return int(self.taps.ctl[0].count)

    @property
    def lost(self):
        """Packets that found no room."""
        return int(self.taps.ctl[0].lost)

    def capture(self):
        """Show what was captured so far.

        Returns
        -------
        capture : Capture
            Unchanged by what comes later. ``length`` of an unreadable packet is that of its headers, ``wire_length`` the
            whole.
        """
        ctl = self.taps.ctl[0]
        return Capture(self.taps.arena[:ctl.used].copy(), self.taps.frame[:ctl.count].copy())

    def save(self, path):
        """Write what was captured so far to a file.

        Parameters
        ----------
        path : str or os.PathLike
            ``.pcapng``, or anything else for pcap with nanoseconds.

        Returns
        -------
        count : int
            Packets written.
        """
        with contextlib.closing(CaptureWriter(path)) as writer:
            writer.write(Burst(*self.capture().burst))
            return writer.count

    def close(self):
        """Stop capturing."""
        self.taps.ctl[0].active = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, where):
        self.close()

    def __repr__(self):
        return f"<Tap on {self.host.name!r}: {len(self)} packets, {self.lost} lost>"
