"""One short run of the ports, so that ``devmemlab warm`` has them compiled before the first frame.

Law.   Every kernel of this room is reached, with the types that it meets in earnest; no privilege is needed.
Reads. Nothing of Linux.
Omits. Any check of results: that is what tests are for.
"""

import socket
import struct

import numpy as np

from devmemlab.base.table import table
from devmemlab.host.ports.faults import Faults
from devmemlab.host.ports.manual import Manual
from devmemlab.host.ports.pcap import Pcap
from devmemlab.host.ports.record import Record
from devmemlab.host.ports.tap_io import make_tap_tables, tap_recv, tap_send
from devmemlab.wire.frame import emit_tcp_frame, make_segments
from devmemlab.wire.rows import CSUM_UNKNOWN, FRAME
from devmemlab.wire.tcp import ACK


def wires():
    """The ports: by hand, recorded, replayed, and a cable in the place of a TAP device."""
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
    cable()


def cable():
    """A TAP device, played by a pair of sockets: a frame, a super-frame and another, with offload and without."""
    seg = make_segments()[0]
    seg.saddr_lo, seg.daddr_lo, seg.sport, seg.dport, seg.tcp_flags, seg.payload_bytes = 1, 2, 3, 4, ACK, 100
    octets = np.zeros(256, np.uint8)
    nbytes = int(emit_tcp_frame(octets, 0, seg))
    frame = octets[:nbytes].tobytes()
    headers = (bytes(10), struct.pack("<BBHHHH", 1, 1, 54, 40, 34, 16), struct.pack("<BBHHHH", 1, 0, 0, 0, 34, 16))
    for offload in (True, False):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with ours, theirs:
            ours.setblocking(False)
            tap = make_tap_tables(ours.fileno(), 4, CSUM_UNKNOWN, offload)
            for header in headers if offload else [b""]:
                theirs.send(header + frame)
            count = tap_recv(tap, 0)
            tap_send(tap, tap.octets, tap.frame[:count])
