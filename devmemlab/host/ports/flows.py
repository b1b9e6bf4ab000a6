"""Flows: who talks to whom in a capture.

Law.   A flow is one direction of one connection; every TCP frame belongs to exactly one.
Reads. RFC 9293 section 3.3.1: a connection is a pair of sockets.
Omits. A pair of sockets used for a second connection in the same capture: it counts as the same flow.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.ring import SLOT
from devmemlab.base.table import schema, table
from devmemlab.wire.address import address_text
from devmemlab.wire.ethernet import mac_text
from devmemlab.wire.frame import make_packets, parse_frame
from devmemlab.wire.rows import TRUNCATED
from devmemlab.wire.tcp import ACK, SYN

KEY = ("ip_version", "saddr_hi", "saddr_lo", "daddr_hi", "daddr_lo", "sport", "dport")
FLOW = schema(*KEY, "src_mac", "dst_mac", "frames", "payload_bytes", "mss", "first", "syn", "wscale")
"""``first`` is the first frame; ``syn`` is 0 (none seen), 1 (it opens the connection), 2 (it accepts); ``wscale`` as in PKT."""

OPENS, ACCEPTS = 1, 2


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


@kernel
def is_tcp(pkt):
    """Tell whether a parsed frame has a whole TCP header, cut payload or not.

    Parameters
    ----------
    pkt : PKT row
        From `parse_frame`.

    Returns
    -------
    tcp : bool
        True for what has a flow.
    """
    return pkt.tcp_at > 0 and (pkt.err == 0 or pkt.err == TRUNCATED)


@kernel
def find_flow(flow, slot, version, saddr_hi, saddr_lo, daddr_hi, daddr_lo, sport, dport):
    """Look a flow up.

    Parameters
    ----------
    flow : FLOW[n]
        Flows.
    slot : SLOT[m]
        Hash table of rows + 1, never full; m is a power of 2.
    version, saddr_hi, saddr_lo, daddr_hi, daddr_lo, sport, dport : int64
        Its key.

    Returns
    -------
    place : int64
        Slot that holds it, or the empty slot where it belongs.
    """
    mask = np.int64(len(slot) - 1)
    place = saddr_lo ^ (saddr_lo >> 16) ^ (daddr_lo << 3) ^ (daddr_lo >> 13) ^ (sport * 41) ^ (dport * 577) ^ (sport << 9)
    place &= mask
    while slot[place].entry:
        row = flow[slot[place].entry - 1]
        if (row.sport == sport and row.dport == dport and row.saddr_lo == saddr_lo and row.daddr_lo == daddr_lo
                and row.saddr_hi == saddr_hi and row.daddr_hi == daddr_hi and row.ip_version == version):
            break
        place = (place + 1) & mask
    return place


@kernel
def index_flows(flow, count, slot):
    """Fill an empty hash table with flows that are there already.

    Parameters
    ----------
    flow : FLOW[n]
        Flows.
    count : int64
        How many of them.
    slot : SLOT[m]
        See `find_flow`.
    """
    for k in range(count):
        row = flow[k]
        place = find_flow(flow, slot, row.ip_version, row.saddr_hi, row.saddr_lo, row.daddr_hi, row.daddr_lo,
                          row.sport, row.dport)
        slot[place].entry = k + 1


@kernel
def sort_into_flows(octets, frame, pkts, flow, slot, of_frame):
    """Give every TCP frame its flow.

    Parameters
    ----------
    octets : uint8[n]
        Arena.
    frame : FRAME[count]
        Frames.
    pkts : PKT[1]
        Scratch.
    flow : FLOW[count]
        Filled from the first row on.
    slot : SLOT[m]
        Empty hash table, see `find_flow`.
    of_frame : SLOT[count]
        Flow row + 1 of each frame; 0 for what is not TCP.

    Returns
    -------
    flows : int64
        How many there are.
    """
    pkt = pkts[0]
    flows = np.int64(0)
    for k in range(len(frame)):
        parse_frame(octets, frame[k].offset, frame[k].length, pkt)
        if not is_tcp(pkt):
            continue
        place = find_flow(flow, slot, pkt.ip_version, pkt.saddr_hi, pkt.saddr_lo, pkt.daddr_hi, pkt.daddr_lo,
                          pkt.sport, pkt.dport)
        if slot[place].entry == 0:
            row = flow[flows]
            flows += 1
            slot[place].entry = flows
            row.ip_version = pkt.ip_version
            row.saddr_hi = pkt.saddr_hi
            row.saddr_lo = pkt.saddr_lo
            row.daddr_hi = pkt.daddr_hi
            row.daddr_lo = pkt.daddr_lo
            row.sport = pkt.sport
            row.dport = pkt.dport
            row.src_mac = pkt.src_mac
            row.dst_mac = pkt.dst_mac
            row.first = k
            row.wscale = -1
        entry = slot[place].entry
        row = flow[entry - 1]
        row.frames += 1
        row.payload_bytes += pkt.payload_bytes
        row.mss = max(row.mss, pkt.payload_bytes)
        if pkt.tcp_flags & SYN:
            row.syn = ACCEPTS if pkt.tcp_flags & ACK else OPENS
            row.wscale = pkt.opt_wscale
        of_frame[k].entry = entry
    return flows


def make_slots(count):
    """Make an empty hash table.

    Parameters
    ----------
    count : int
        Flows that it will hold.

    Returns
    -------
    slot : SLOT[m]
        At most half full then.
    """
    return table(SLOT, 1 << max(4, (2 * count).bit_length()))


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
                int(row.payload_bytes), int(row.mss), bool(row.syn), bool(row.syn == ACCEPTS))


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
    return sorted((describe(row) for row in sorted_flows(capture)[0]), key=lambda f: -f.payload_bytes)
