"""bench live: what the receivers have in common.

Law.   A receiver is timed only after a run whose octets had the sender's digest; every timed run got all octets.
Reads. interfaces section 3.
Omits. Who sends: see `devmemlab.lab.bench.live`.
"""

import os

from devmemlab.base.errno import EIO, error
from devmemlab.lab.bench.measure import Case
from devmemlab.lab.stream import stream_digest


class LiveCase(Case):
    """One receiver, and a program that sends to it.

    Parameters
    ----------
    name : str
        Of the case.
    mtu : int
        Of the wire.
    path : str
        File with what is sent.
    contrasts : sequence of (str, str)
        See `Case`.
    """

    here = False

    def __init__(self, name, mtu, path, contrasts=()):
        self.name, self.path, self.elements, self.contrasts = name, path, os.path.getsize(path), tuple(contrasts)
        self.more = {"mtu": mtu, "footprint_bytes": self.elements}

    def validated(self, digest):
        """Keep the outcome of the run whose octets were looked at.

        Parameters
        ----------
        digest : str
            Of what arrived.

        Raises
        ------
        OSError
            EIO: it is not that of what was sent.
        """
        if digest != stream_digest(self.elements):
            raise error(EIO, f"{self.name}: what arrived is not what was sent")
        self.more["sha256_ok"] = True

    def spent(self, result):
        """Tell the receiver's own time.

        Parameters
        ----------
        result : (int, int)
            Of `run`.

        Returns
        -------
        ns : int
            From the first frame to the end of the stream.
        """
        return result[0]

    def figures(self, runs):
        """Name the figures.

        Parameters
        ----------
        runs : list of Sample
            Of this case.

        Returns
        -------
        figures : dict of str to list of float
            Contract of live.
        """
        return {"payload_gbits_per_s": [8 * run.elements / run.ns for run in runs]}

    def check(self, result):
        """See that every octet came.

        Parameters
        ----------
        result : (int, int)
            Time, octets.

        Raises
        ------
        OSError
            EIO: some did not.
        """
        if result[1] != self.elements:
            raise error(EIO, f"{self.name}: {result[1]} of {self.elements} octets arrived")

    def close(self):
        """Give back what the case has."""
