"""One short run of the ports, so that ``devmemlab warm`` has them compiled before the first frame.

Law.   Every kernel of this room is reached, with the types that it meets in earnest; no privilege is needed.
Reads. Nothing of Linux.
Omits. Any check of results: that is what tests are for.
"""

import os

import numpy as np

from devmemlab.base.table import table
from devmemlab.host.ports.faults import Faults
from devmemlab.host.ports.manual import Manual
from devmemlab.host.ports.pcap import Pcap
from devmemlab.host.ports.record import Record
from devmemlab.host.ports.tap import FRAME_LIMIT_BYTES, tap_read, tap_write
from devmemlab.wire.frame import emit_tcp_frame, make_segments
from devmemlab.wire.rows import CSUM_UNKNOWN, FRAME
from devmemlab.wire.tcp import ACK


def wires():
    """The ports: by hand, recorded, replayed, and a pipe in the place of a TAP device."""
    seg = make_segments()[0]
    seg.saddr_lo, seg.daddr_lo, seg.sport, seg.dport, seg.tcp_flags = 1, 2, 3, 4, ACK
    octets, frame = np.zeros(128, np.uint8), table(FRAME, 4)
    nbytes = int(emit_tcp_frame(octets, 0, seg))
    recorded = Record(Manual())
    recorded.port.inject(octets[:nbytes], at_ns=1)
    burst = recorded.recv(1)
    recorded.send(2, burst)
    behind = Manual()
    bad = Faults(behind, corrupt=1.0, duplicate=1.0, reorder=1.0, delay_us=1.0, gbps=1.0)
    behind.inject(burst)
    bad.recv(1)
    bad.send(2, burst)
    for to in (None, "0.0.0.2"):
        replay = Pcap(recorded.capture(), to)
        replay.recv(0)
        replay.next_ns()
        replay.send(0, burst)
    arena = np.zeros(FRAME_LIMIT_BYTES, np.uint8)
    out, into = os.pipe()
    try:
        os.set_blocking(out, False)
        tap_write(into, burst.octets, burst.frame)
        tap_read(out, arena, frame, 0, CSUM_UNKNOWN)
    finally:
        os.close(out)
        os.close(into)
