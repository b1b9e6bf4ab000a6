"""bench control: the whole receive path into device memory, with only the copy of the payload left out.

Law.   Every table, descriptor, token and row of the ledger is as in rx; the octets of the payload stay on the wire.
Reads. interfaces section 3; `devmemlab.nic.dma.UNMOVED`.
Omits. A case for payload that goes to host pages: there the program reads it.

The switch is a field of the bound queue's row, which this bench sets and no face of the lab does. That nothing was copied is
proved once for each MTU: what lies in device memory has another digest than the source.
"""

from contextlib import contextmanager

from numba import config

from devmemlab.lab.bench.rx import MIB, MTUS, RxCase, make_source
from devmemlab.nic.dma import UNMOVED

NBYTES, INTERPRETED_NBYTES = 64 * MIB, 1 << 14
WIRE_BYTES = 14 + 4 + 8 + 12
REPEATS = (31, 7)
CONTRASTS, QUOTED = {}, {}
NOTES = """\
ns_per_packet: steering, header split, descriptors, page_pool, skbs, GRO, TCP, recvmsg, tokens and their return, for each frame
with payload; its payload is not copied. The stream is one connection's bulk, cut as TSO cuts it: nearly every frame is like the
one before, and is received as a train (`devmemlab.nic.train`); the singles of bench scale are not. gbps_sustainable: what a
wire may carry when its packets come no faster than that, with Ethernet header, FCS, preamble and gap."""


class ControlCase(RxCase):
    """The path at one MTU.

    Parameters
    ----------
    mtu : int
        Largest IP packet.
    nbytes : int
        Payload.
    """

    def __init__(self, mtu, nbytes):
        source, port = make_source(nbytes, mtu)
        super().__init__(f"mtu_{mtu}", source, "devmem", unmoved=UNMOVED, port=port)

    def figures(self, runs):
        """Name the figures.

        Parameters
        ----------
        runs : list of Sample
            Of this case.

        Returns
        -------
        figures : dict of str to list of float
            Contract of control.
        """
        wire_bits = (self.source.mtu + WIRE_BYTES) * 8
        return {"ns_per_packet": [run.ns / run.elements for run in runs],
                "packets_per_s": [1e9 * run.elements / run.ns for run in runs],
                "gbps_sustainable": [wire_bits * run.elements / run.ns for run in runs]}


@contextmanager
def cases(quick=False):
    """Make a receiver for each MTU.

    Parameters
    ----------
    quick : bool
        Says nothing here: fewer repeats are quick enough.

    Yields
    ------
    cases : list of Case
        By MTU.
    """
    made = []
    try:
        for mtu in MTUS:
            made.append(ControlCase(mtu, INTERPRETED_NBYTES if config.DISABLE_JIT else NBYTES))
        yield made
    finally:
        for case in made:
            case.close()
