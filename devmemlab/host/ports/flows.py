"""Flows: who talks to whom in a capture.

Law.   A flow is one direction of one connection; what is said of it is counted from the frames.
Reads. RFC 9293 section 3.3.1.
Omits. Conversations that are not TCP.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.ring import SLOT
from devmemlab.base.table import table
from devmemlab.host.ports.flow_table import ACCEPTS, FLOW, make_slots, sort_into_flows
from devmemlab.wire.address import address_text
from devmemlab.wire.ethernet import mac_text
from devmemlab.wire.frame import make_packets


class Flow(NamedTuple):
    """One direction of one connection, spelled out.

    src, dst : str
        Addresses.
    sport, dport : int
        Ports.
    src_mac, dst_mac : str
        MAC addresses of the first frame.
    frames, payload_bytes : int
        What was captured of it, retransmissions included.
    mss : int
        Longest payload of a frame.
    handshake : bool
        True when its SYN was captured.
    host_connects : bool
        True when the receiver of this flow opened the connection: replayed to it, it must ``connect``, not ``listen``.
    first : int
        Number of its first frame in the capture: it tells connections apart that used the same pair of sockets.
    """

    src: str
    dst: str
    sport: int
    dport: int
    src_mac: str
    dst_mac: str
    frames: int
    payload_bytes: int
    mss: int
    handshake: bool
    host_connects: bool
    first: int = 0


def sorted_flows(capture):
    """Sort a capture's frames into flows.

    Parameters
    ----------
    capture : Capture or Burst
        Frames.

    Returns
    -------
    flow : FLOW[n]
        In order of appearance.
    of_frame : SLOT[len(capture.frame)]
        See `sort_into_flows`.
    """
    count = len(capture.frame)
    flow, of_frame = table(FLOW, max(count, 1)), table(SLOT, max(count, 1))
    found = sort_into_flows(capture.octets, capture.frame, make_packets(), flow, make_slots(count), of_frame)
    return flow[:found], of_frame[:count]


def describe(row):
    """Spell one flow out.

    Parameters
    ----------
    row : FLOW row
        A flow.

    Returns
    -------
    flow : Flow
        The same for people.
    """
    src = address_text(row.ip_version, row.saddr_hi, row.saddr_lo)
    dst = address_text(row.ip_version, row.daddr_hi, row.daddr_lo)
    return Flow(src, dst, int(row.sport), int(row.dport), mac_text(row.src_mac), mac_text(row.dst_mac), int(row.frames),
                int(row.payload_bytes), int(row.mss), bool(row.syn), bool(row.syn == ACCEPTS),
                int(row.first))


def frames_of(capture):
    """Sort a capture's frames into flows, spelled out.

    Parameters
    ----------
    capture : Capture or Burst
        Frames.

    Returns
    -------
    flows : list of tuple
        Most payload first: each a `Flow`, and an int64 array with the numbers of its frames.
    """
    flow, of_frame = sorted_flows(capture)
    order = np.argsort(of_frame.entry, kind="stable")
    bounds = np.searchsorted(of_frame.entry[order], np.arange(1, len(flow) + 2))
    found = [(describe(row), order[bounds[k]:bounds[k + 1]]) for k, row in enumerate(flow)]
    return sorted(found, key=lambda pair: -pair[0].payload_bytes)


def flows_of(capture):
    """List who talks to whom.

    Parameters
    ----------
    capture : Capture or Burst
        Frames.

    Returns
    -------
    flows : list of Flow
        Most payload first.
    """
    return [flow for flow, _ in frames_of(capture)]
