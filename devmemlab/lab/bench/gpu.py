"""bench gpu: a stream received into a GPU, with host copies beside it; pieces gathered there; the GPU's own copies.

Law.   Every case delivered the right octets before it was measured; a run ends when the GPU has them, not when copies start.
Reads. interfaces section 3; performance-anchors sections 5.1 to 5.3.
Omits. A NIC that writes to the GPU: ``devmem`` here has the copy from staging in its place (STAGED_DMA), so its figures say what
       the lab achieves, not what devmem TCP does.

Without a GPU there is nothing to measure, and `skipped` says so; the simulator of one is no GPU.
"""

from contextlib import contextmanager

from devmemlab.cuda.driver import unmeasurable
from devmemlab.cuda.memory import DeviceMemory
from devmemlab.lab.bench.gpu_cases import D2D, D2H, H2D, WAYS, Delivery, Gathering, OwnCopy, figures
from devmemlab.lab.gather import MODES
from devmemlab.lab.inputs import describe_input
from devmemlab.lab.stream import stream_octets
from devmemlab.lab.synthetic import bulk_capture

MIB = 1 << 20
MTUS, PIECES = (1500, 9000), (512, 1448, 4096, 65536)
FULL, QUICK = (128 * MIB, 64 * MIB), (16 * MIB, 16 * MIB)
BY_CALL = 65536
"""Smallest piece that is also gathered by a call for each: a million calls would take longer than anybody waits."""
__all__ = ["CONTRASTS", "NOTES", "QUOTED", "REPEATS", "cases", "figures", "make_cases", "skipped"]
REPEATS = (15, 3)
CONTRASTS, QUOTED = {}, {}
NOTES = """\
copy_h2d, copy_d2h, copy_d2d: one copy of as many octets, from and to page-locked memory, and within the GPU. devmem_MTU: tokens,
and copies from staging in place of the NIC's own DMA. host_copy_MTU: recv into a page-locked buffer, each lot copied while more
is received; host_copy_pageable_MTU from an ordinary buffer. gather_MODE_N: dml.gather on the GPU, pieces of N octets.
ratio_to_device_copy: throughput divided by that of copy_h2d or, for gather, of copy_d2d, round by round; bigger is better."""


def skipped(quick=False):
    """Say why nothing can be measured here.

    Parameters
    ----------
    quick : bool
        Makes no difference.

    Returns
    -------
    reasons : dict of str to str
        Empty where there is a GPU.
    """
    reason = unmeasurable()
    return {"all cases": reason} if reason else {}


@contextmanager
def make_cases(stream_bytes, gather_bytes):
    """Make the cases; under the simulator too, where their times mean nothing.

    Parameters
    ----------
    stream_bytes, gather_bytes : int
        Payload of a stream, and octets to be gathered.

    Yields
    ------
    cases : list of GpuCase
        The GPU's own copies first.
    """
    made, size = [], max(2 * gather_bytes, stream_bytes)
    source, target = DeviceMemory(size, "pieces"), DeviceMemory(size, "stretch")
    source.octets[:] = stream_octets(source.length)
    source.copy_in(source.octets)
    try:
        own = [OwnCopy(name, source, target, nbytes)
               for name, nbytes in ((H2D, stream_bytes), (D2H, stream_bytes), (D2D, gather_bytes))]
        for mtu in MTUS:
            stream = describe_input("synthetic", f"MTU {mtu}", bulk_capture(stream_bytes, mtu))
            for way in WAYS:
                made.append(Delivery(way, mtu, stream, max(stream_bytes, 64 * MIB), stream_bytes))
        yield own + made + [Gathering(mode, piece, gather_bytes, source, target) for piece in PIECES for mode in MODES
                            if mode == "kernel" or piece >= BY_CALL]
    finally:
        for one in (*made, source, target):
            one.close()


@contextmanager
def cases(quick=False):
    """Make the cases where there is a GPU.

    Parameters
    ----------
    quick : bool
        Fewer octets.

    Yields
    ------
    cases : list of Case
        None without a GPU.
    """
    if unmeasurable():
        yield []
        return
    with make_cases(*(QUICK if quick else FULL)) as made:
        yield made
