"""Transmit: segment rows become frames on the wire.

Law.   A segment leaves the queue as exactly one frame, or is counted as dropped.
Reads. Linux net/core/dev.c (dev_hard_start_xmit).
Omits. Payload (nothing sends any yet), TSO, descriptors.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.trace import FRAME_OUT, emit
from devmemlab.wire.frame import CSUM_VERIFIED, emit_tcp_frame

FRAME_ROOM = 128


@kernel
def nic_transmit(wire, frames, segments, whose, count, nics, nic, trace, now_ns):
    """Write the waiting segments of one NIC as frames.

    Parameters
    ----------
    wire : uint8[n]
        Arena, written from 0 on.
    frames : FRAME[limit]
        One row a frame.
    segments : SEG[n_seg]
        The queue; source MAC and the like are filled in.
    whose : TXQ_NIC[n_seg]
        Which NIC sends each.
    count : int64
        Segments that wait.
    nics : Nics
        Counters.
    nic : int64
        Which NIC.
    trace : Trace or None
        Receives frame_out.
    now_ns : int64
        Time to stamp.

    Returns
    -------
    sent : int64
        Rows of `frames` that are valid.
    """
    ctl = nics.ctl[nic]
    sent = np.int64(0)
    at = np.int64(0)
    for i in range(count):
        if whose[i].nic != nic:
            continue
        if ctl.up == 0 or at + FRAME_ROOM > len(wire) or sent == len(frames):
            ctl.tx_dropped += 1
            continue
        seg = segments[i]
        seg.src_mac = ctl.mac
        if seg.opt_mss == 0:
            seg.opt_mss = ctl.mtu - (40 if seg.ip_version == 4 else 60)
        length = emit_tcp_frame(wire, at, seg)
        frame = frames[sent]
        frame.at_ns = now_ns
        frame.offset = at
        frame.length = length
        frame.wire_length = length
        frame.csum = CSUM_VERIFIED
        emit(trace, FRAME_OUT, nic, sent, length, 0)
        ctl.tx_packets += 1
        ctl.tx_bytes += length
        at += length
        sent += 1
    return sent
