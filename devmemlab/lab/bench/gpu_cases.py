"""bench gpu: its cases.

Law.   A case checks the octets that the GPU has, not those that were sent to it.
Reads. `devmemlab.lab.passes`, `devmemlab.cuda.memory`.
Omits. Which cases there are, and on what: `devmemlab.lab.bench.gpu`.
"""

import numpy as np

from devmemlab.base.errno import EIO, error
from devmemlab.cuda.driver import device
from devmemlab.lab.bench.measure import Case, StreamCase
from devmemlab.lab.gather import gather
from devmemlab.lab.passes import Passes

WAYS = ("devmem", "host_copy", "host_copy_pageable")
H2D, D2H, D2D = "copy_h2d", "copy_d2h", "copy_d2d"
METHOD = ("Median of rounds in which the cases take turns; each run ends when the stream is synchronised. Payload is synthetic, "
          "none of it sent twice; devmem is the simulated NIC's write to page-locked staging and the copy to the GPU after it.")


def figures(runs):
    """Name the figure of every case.

    Parameters
    ----------
    runs : list of Sample
        Of one case; an element is an octet.

    Returns
    -------
    figures : dict of str to list of float
        ``payload_gbytes_per_s``, one a repeat.
    """
    return {"payload_gbytes_per_s": [run.elements / run.ns for run in runs]}


class GpuCase(Case):
    """What all cases tell of themselves.

    Parameters
    ----------
    name : str
        Of the case.
    elements : int
        Octets.
    **more
        Further keys of the row.
    """

    contrasts = ()

    def __init__(self, name, elements, **more):
        self.name, self.elements = name, elements
        self.more = {"device": device(), "method": METHOD, **more}

    def figures(self, runs):
        """Name the figures.

        Parameters
        ----------
        runs : list of Sample
            Of this case.

        Returns
        -------
        figures : dict of str to list of float
            See `figures` of the chapter.
        """
        return figures(runs)


class Delivery(GpuCase):
    """One way of receiving a stream into a GPU.

    Parameters
    ----------
    way : str
        One of `WAYS`.
    mtu : int
        Of the stream.
    source : Source
        The stream.
    dmabuf, app_buffer : int
        Memory of the GPU that is bound, and buffer of the copying ways.
    """

    def __init__(self, way, mtu, source, dmabuf, app_buffer):
        super().__init__(f"{way}_{mtu}", source.payload_bytes, mode=way, mtu=mtu,
                         footprint_bytes=source.payload_bytes, app_buffer_bytes=None if way == "devmem" else app_buffer)
        self.frames = source.data_frames
        others = WAYS[1:] if way == "devmem" else ()
        self.contrasts = (("ratio_to_device_copy", H2D), *((f"ratio_to_{other}", f"{other}_{mtu}") for other in others))
        self.passes = Passes(source, f"gpu_{way}", dmabuf, app_buffer)
        facts = self.passes.check()
        if not facts["sha256_ok"]:
            raise error(EIO, f"{self.name}: the digest of what the GPU has is not that of the stream")
        self.copied = facts["copied_bytes_per_payload_byte"]

    def run(self):
        """Receive the stream once; gives the time that counts."""
        return self.passes.run()

    spent = StreamCase.spent

    def figures(self, runs):
        """Name the figures.

        Parameters
        ----------
        runs : list of Sample
            Of this case.

        Returns
        -------
        figures : dict of str to list of float
            Those of rx.
        """
        return {**figures(runs), "ns_per_packet": [run.ns / self.frames for run in runs],
                "copied_bytes_per_payload_byte": [self.copied] * len(runs)}

    def check(self, result):
        """See that every token came back; octets were counted by `Passes.run`.

        Parameters
        ----------
        result : int
            Not looked at.

        Raises
        ------
        OSError
            EIO: tokens are missing.
        """
        receiver = self.passes.receiver
        if receiver.tokens_issued != receiver.tokens_returned:
            raise error(EIO, f"{self.name}: {receiver.tokens_issued} tokens were issued, {receiver.tokens_returned} returned")

    def close(self):
        """Audit the host and give everything back."""
        self.passes.close()


class OwnCopy(GpuCase):
    """A copy of the GPU's own.

    Parameters
    ----------
    name : str
        ``copy_h2d``, ``copy_d2h`` or ``copy_d2d``.
    source, target : DeviceMemory
        Of the GPU; both have staging.
    elements : int
        Octets.
    """

    def __init__(self, name, source, target, elements):
        super().__init__(name, elements)
        self.source, self.target, self.whole = source, target, (np.zeros(1, np.int64), np.full(1, elements, np.int64))

    def prepare(self):
        """Spoil what will be written."""
        if self.name == D2H:
            self.target.octets[:self.elements] = 0
        else:
            self.target.view(np.uint8, self.elements).copy_from(0)

    def run(self):
        """Copy."""
        if self.name == H2D:
            self.target.copy_in(self.source.octets[:self.elements])
        elif self.name == D2H:
            self.source.on_device[:self.elements].copy_to_host(self.target.octets[:self.elements], stream=self.source.stream)
            self.source.flush()
        else:
            self.target.on_device[:self.elements].copy_to_device(self.source.on_device[:self.elements],
                                                                 stream=self.target.stream)
        self.target.flush()

    def check(self, result):
        """Compare the octets.

        Parameters
        ----------
        result : None
            Not looked at.

        Raises
        ------
        OSError
            EIO: they differ.
        """
        there = self.target.octets[:self.elements]
        if self.name != D2H:
            there = self.target.view(np.uint8, self.elements).copy_to_host()
        if not np.array_equal(there, self.source.octets[:self.elements]):
            raise error(EIO, f"{self.name}: what was copied is not what was there")


class Gathering(GpuCase):
    """One mode of gather with pieces of one size.

    Parameters
    ----------
    mode : str
        Of `devmemlab.lab.gather`.
    piece, total : int
        Octets of a piece, and of all.
    source, target : DeviceMemory
        Of the GPU.
    """

    def __init__(self, mode, piece, total, source, target):
        super().__init__(f"gather_{mode}_{piece}", total // piece * piece, mode=mode, piece_bytes=piece)
        self.way, self.source, self.target, self.contrasts = mode, source, target, (("ratio_to_device_copy", D2D),)
        count = total // piece
        chosen = np.random.default_rng(piece).permutation(2 * count)[:count]
        self.list = np.stack((chosen * piece, np.full(count, piece)), axis=1)
        self.wanted = source.octets[:2 * count * piece].reshape(-1, piece)[chosen].ravel()

    def prepare(self):
        """Spoil the target."""
        self.target.view(np.uint8, self.elements).copy_from(0)

    def run(self):
        """Gather."""
        gather(self.source, self.list, 0, self.way, target=self.target)

    def check(self, result):
        """Compare the octets.

        Parameters
        ----------
        result : None
            Not looked at.

        Raises
        ------
        OSError
            EIO: they differ.
        """
        if not np.array_equal(self.target.view(np.uint8, self.elements).copy_to_host(), self.wanted):
            raise error(EIO, f"{self.name}: what was gathered is not what the pieces hold")
