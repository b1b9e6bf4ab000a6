"""bench rx: a stream received into device memory, with host copies, and as plain copies of the same octets.

Law.   All cases of a group receive the same frames; each delivered the right digest before, and each run every octet.
Reads. interfaces section 3; performance-anchors section 5.3.
Omits. The sender: what its port does, the handshake, and the time after the last octet are not timed.

A group is one footprint (so many octets of payload, none of which is sent twice) at one MTU. ``memcpy`` copies these octets
from where the frames lie into as many pages, one behind the other, as devmem's page_pool has in use.
"""

from contextlib import contextmanager

from numba import config

from devmemlab.base.errno import EIO, error
from devmemlab.base.units import format_size
from devmemlab.host.ports.pcap import Pcap
from devmemlab.lab.bench.measure import StreamCase
from devmemlab.lab.inputs import describe_input
from devmemlab.lab.passes import MAX_FRAMES, PLAIN, Passes
from devmemlab.lab.synthetic import bulk_capture
from devmemlab.mem.netmem import PAGE_SIZE

MIB = 1 << 20
FOOTPRINTS, QUICK_FOOTPRINTS, INTERPRETED_FOOTPRINTS = (MIB, 16 * MIB, 128 * MIB), (128 * MIB,), (1 << 14,)
MTUS, QUICK_MTUS = (1500, 4096, 9000), (1500, 9000)
APP_BUFFERS, QUICK_APP_BUFFERS, INTERPRETED_APP_BUFFERS = (1 << 16, MIB, 64 * MIB), (64 * MIB,), (1 << 13,)
COPYING = ("host_copy", "host_copy_pageable")
DMABUF_BYTES = 64 * MIB
HOST = {"rx_ring": 32, "sockets": 8} if config.DISABLE_JIT else {"rx_ring": 2048}
REPEATS = (15, 3)
CONTRASTS, QUOTED = {}, {}
NOTES = """\
Names: way, octets of distinct payload, MTU, buffer of the program. ratio_to_X: throughput divided by that of X in the same
group, round by round; bigger is better. Device memory is written past the caches: by the NIC, by memcpy, by the last copy of the
host ways. memcpy_cached: the same copies as C's memcpy makes them, through the caches; the faster line only where the payload
fits a cache. copied_bytes_per_payload_byte is counted,
not measured. device_bytes: pages of device memory in use. The lab's own speed on this machine: it says nothing about devmem TCP
on hardware."""


class RxCase(StreamCase):
    """One way of receiving a source.

    Parameters
    ----------
    name : str
        Of the case.
    source : Source
        What is received.
    mode : str
        One of those of `Passes`.
    app_buffer : int
        Buffer of the copying modes, octets.
    dmabuf : int
        Device memory, octets.
    contrasts : sequence of (str, str)
        See `devmemlab.lab.bench.measure.Case`.
    more : dict
        Further keys of the row.
    unmoved : int
        Of the bound queues, see `devmemlab.nic.dma.UNMOVED`: `check_digest` then wants another digest than the source's.
    **options
        Of `Passes`.
    """

    def __init__(self, name, source, mode, app_buffer=1 << 16, dmabuf=DMABUF_BYTES, contrasts=(), more=None, unmoved=0,
                 **options):
        self.name, self.source, self.elements, self.contrasts = name, source, source.data_frames, tuple(contrasts)
        self.passes = Passes(source, mode, dmabuf, app_buffer, **HOST | options)
        self.more = {"mode": mode, "mtu": source.mtu, "footprint_bytes": source.payload_bytes, "burst": MAX_FRAMES,
                     "device_writes": f"{'through' if mode == 'memcpy_cached' else 'past'} the caches",
                     **({"rx_ring": HOST["rx_ring"]} if mode not in PLAIN else {}),
                     **(more or {})}
        if unmoved:
            bound = self.passes.host.rxqs.ctl
            bound.unmoved[bound.unreadable == 1] = unmoved
        self.facts = self.passes.check()
        if self.facts["sha256_ok"] == bool(unmoved):
            raise error(EIO, f"{name}: the digest is {'' if unmoved else 'not '}that of the source")
        self.copied, self.stream_bytes = self.facts["copied_bytes_per_payload_byte"], source.payload_bytes

    @property
    def device_bytes(self):
        """int: octets of device memory that page_pools have taken from providers."""
        mem = self.passes.host.mem
        bound = self.passes.host.rxqs.ctl
        return sum(mem.inflight(int(pool)) for pool in set(bound.pool[bound.unreadable == 1].tolist())) * PAGE_SIZE

    def run(self):
        """Receive the source once; gives the time that counts."""
        return self.passes.run()

    def check(self, result):
        """See that every token came back.

        Parameters
        ----------
        result : int
            Not looked at: octets were counted by `Passes.run`.

        Raises
        ------
        OSError
            EIO: tokens are missing.
        """
        receiver = getattr(self.passes, "receiver", None)
        if receiver and receiver.tokens_issued != receiver.tokens_returned:
            raise error(EIO, f"{self.name}: {receiver.tokens_issued} tokens were issued, {receiver.tokens_returned} returned")

    def close(self):
        """Audit the host and give everything back."""
        self.passes.close()


def make_source(nbytes, mtu):
    """Make a stream.

    Parameters
    ----------
    nbytes, mtu : int
        Payload, and largest IP packet.

    Returns
    -------
    source : Source
        Synthetic.
    port : Pcap
        It plays the stream as fast as the host takes it.
    """
    source = describe_input("synthetic", f"{format_size(nbytes)}, MTU {mtu}", bulk_capture(nbytes, mtu))
    return source, Pcap(source.capture, source.flow, speed=None, max_frames=MAX_FRAMES)


def groups(quick=False):
    """List footprints and MTUs.

    Parameters
    ----------
    quick : bool
        Only those with a target.

    Returns
    -------
    groups : list of (int, int)
        Octets of payload, and MTU.
    """
    sizes = INTERPRETED_FOOTPRINTS if config.DISABLE_JIT else QUICK_FOOTPRINTS if quick else FOOTPRINTS
    return [(size, mtu) for size in sizes for mtu in (QUICK_MTUS if quick else MTUS)]


def _name(mode, nbytes, mtu, app_buffer=None):
    """Name a case."""
    return "_".join((mode, format_size(nbytes), str(mtu), *([format_size(app_buffer)] if app_buffer else []))).replace(" ", "")


@contextmanager
def cases(quick=False, group=None, buffers=None):
    """Make the receivers of a group.

    Parameters
    ----------
    quick : bool
        Fewer buffers.
    group : (int, int), optional
        One of `groups`, or others; the first when left out.
    buffers : sequence of int, optional
        Of the copying modes; those of the bench when left out.

    Yields
    ------
    cases : list of Case
        memcpy first.
    """
    nbytes, mtu = group or groups(quick)[0]
    plain = {mode: _name(mode, nbytes, mtu) for mode in (PLAIN if buffers is None else PLAIN[:1])}
    buffers = buffers or (INTERPRETED_APP_BUFFERS if config.DISABLE_JIT else QUICK_APP_BUFFERS if quick else APP_BUFFERS)
    buffers = sorted({min(size, nbytes) for size in buffers})
    source, port = make_source(nbytes, mtu)
    beside_memcpy, made = [("ratio_to_memcpy", plain["memcpy"])], []
    try:
        to = [*plain.items(), *((mode, _name(mode, nbytes, mtu, buffers[-1])) for mode in COPYING)]
        to = [(f"ratio_to_{mode}", name) for mode, name in to]
        made.append(RxCase(_name("devmem", nbytes, mtu), source, "devmem", contrasts=to, port=port))
        used = made[0].device_bytes
        made[0].more |= {"device_bytes": used, "compared_app_buffer_bytes": buffers[-1]}
        for mode in COPYING:
            for size in buffers:
                to = [*beside_memcpy, ("ratio_to_devmem", made[0].name),
                      ("ratio_to_host_copy", _name("host_copy", nbytes, mtu, size))]
                made.append(RxCase(_name(mode, nbytes, mtu, size), source, mode, size, contrasts=to[:2 + (mode != "host_copy")],
                                   more={"app_buffer_bytes": size}, port=port))
        for mode, name in plain.items():
            first = mode == "memcpy"
            made.insert(0 if first else len(made), RxCase(name, source, mode, dmabuf=used, port=port, more={"device_bytes": used},
                                                          contrasts=() if first else beside_memcpy))
        yield made
    finally:
        for case in made:
            case.close()
