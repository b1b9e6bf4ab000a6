"""The table of flows: which connection, and which direction of it, a frame belongs to.

Law.   Every TCP frame belongs to exactly one flow.
Reads. RFC 9293 section 3.3.1: a connection is a pair of sockets; section 3.4.1: a SYN with another number opens another one.
Omits. A second connection of the same pair of sockets whose SYN was not captured: it counts as the first one.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.ring import SLOT
from devmemlab.base.seq import seq_before, seq_diff
from devmemlab.base.table import schema, table
from devmemlab.wire.frame import parse_frame
from devmemlab.wire.rows import TRUNCATED
from devmemlab.wire.tcp import ACK, SYN

KEY = ("ip_version", "saddr_hi", "saddr_lo", "daddr_hi", "daddr_lo", "sport", "dport")
FLOW = schema(*KEY, "src_mac", "dst_mac", "frames", "payload_bytes", "mss", "first", "syn", "wscale", "isn", "lowest")
"""``first`` is the first frame; ``syn`` is 0 (none seen), 1 (it opens the connection), 2 (it accepts); ``wscale`` as in PKT;
``isn`` is the number of the SYN, -1: none seen; ``lowest`` is the lowest number of the first frames, of payload if any."""

OPENS, ACCEPTS = 1, 2
FIRST_FRAMES = 64
ASTRAY_BYTES = 1 << 20
"""A SYN may be recorded after frames that follow it, but not further ahead of them than this."""


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
def opens_another(row, pkt):
    """Tell whether a SYN belongs to a later connection of the same pair of sockets.

    Parameters
    ----------
    row : FLOW row
        The connection known so far.
    pkt : PKT row
        A SYN.

    Returns
    -------
    another : bool
        False for a SYN sent again, and for one that was recorded a little late.
    """
    if row.isn >= 0:
        return pkt.seq != row.isn
    ahead = seq_diff(row.lowest, pkt.seq)
    return ahead < 0 or ahead > ASTRAY_BYTES


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
        entry = slot[place].entry
        if entry == 0 or (pkt.tcp_flags & SYN and opens_another(flow[entry - 1], pkt)):
            row = flow[flows]
            flows += 1
            entry = flows
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
            row.isn = -1
            row.lowest = pkt.seq
        row = flow[entry - 1]
        if pkt.payload_bytes and row.frames < FIRST_FRAMES and (row.payload_bytes == 0 or seq_before(pkt.seq, row.lowest)):
            row.lowest = pkt.seq
        row.frames += 1
        row.payload_bytes += pkt.payload_bytes
        row.mss = max(row.mss, pkt.payload_bytes)
        if pkt.tcp_flags & SYN:
            row.syn = ACCEPTS if pkt.tcp_flags & ACK else OPENS
            row.wscale = pkt.opt_wscale
            row.isn = pkt.seq
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
