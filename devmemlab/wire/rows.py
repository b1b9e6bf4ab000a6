"""Rows: the vocabulary of the wire. A frame, a parsed packet, a segment to be written.

Law.   A parsed frame is one row of integers; nothing refers to the octets but offsets from the frame's first one.
Reads. Nothing: these are the lab's own tables.
Omits. Payload. No row holds any.

IPv6 addresses are two int64 halves (high, low); an IPv4 address is the low half and the high one is 0.
A MAC address is a 48-bit integer. Sequence numbers and timestamps are in [0, 2^32).
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table

CSUM_UNKNOWN = 0
CSUM_VERIFIED = 1
CSUM_PARTIAL = 2

FRAME = schema("at_ns", "offset", "length", "csum", "wire_length")
"""A frame in an arena: arrival time, where and how long, who vouches for its sums, length on the wire."""

_SACKS = tuple(f"sack_{k}_{edge}" for k in range(4) for edge in ("start", "end"))
_ADDRESSES = ("dst_mac", "src_mac", "vlan_tci", "ip_version", "tos", "ttl",
              "saddr_hi", "saddr_lo", "daddr_hi", "daddr_lo")
_TCP = ("sport", "dport", "seq", "ack_seq", "tcp_flags", "window", "urg_ptr",
        "opt_mss", "opt_wscale", "opt_sack_permitted", "opt_timestamp", "ts_val", "ts_ecr", "sack_count", *_SACKS)

PKT = schema(*_ADDRESSES, *_TCP, "payload_bytes", "eth_type", "ip_proto", "ip_bytes", "frag", "ip_at", "tcp_at",
             "payload_at", "header_bytes", "doff_bytes", "err")
"""What `parse_frame` understood. ``vlan_tci`` (the outer tag), ``opt_mss`` and ``opt_wscale`` are -1 when absent."""

SEG = schema(*_ADDRESSES, *_TCP, "payload_bytes", "ip_id", "dont_fragment", "opt_layout", "csum")
"""What `emit_tcp_frame` writes; fields shared with PKT mean the same. ``csum`` is CSUM_UNKNOWN (sums are computed)
or CSUM_PARTIAL (the TCP field gets the pseudo-header sum only, for a NIC to finish)."""

LAYOUT_LINUX = 0
LAYOUT_FREEBSD = 1

FINE = 0
SHORT_ETHERNET = 1
NOT_IP = 2
SHORT_IP = 3
BAD_IP_VERSION = 4
BAD_IP_HEADER = 5
BAD_IP_LENGTH = 6
FRAGMENT = 7
ROUTED = 8
NOT_TCP = 9
SHORT_TCP = 10
BAD_DOFF = 11
TRUNCATED = 12

REASONS = {
    FINE: "fine",
    SHORT_ETHERNET: "shorter than its Ethernet header",
    NOT_IP: "neither IPv4 nor IPv6",
    SHORT_IP: "ends inside the IP header or its extensions",
    BAD_IP_VERSION: "IP version does not match the Ethernet type",
    BAD_IP_HEADER: "IPv4 header length is below 20",
    BAD_IP_LENGTH: "IP length is smaller than the IP header, or a jumbogram",
    FRAGMENT: "an IP fragment",
    ROUTED: "an IPv6 routing header has segments left",
    NOT_TCP: "not TCP",
    SHORT_TCP: "ends inside the TCP header",
    BAD_DOFF: "TCP data offset is below 20",
    TRUNCATED: "truncated: the IP length is larger than the frame",
}
"""Why `parse_frame` refused a frame: ``pkt.err`` in words."""


class Burst(NamedTuple):
    """Frames on their way: an arena and one row a frame; ``len(burst.frame)`` is their number.

    octets : uint8[n]
        The arena.
    frame : FRAME[count]
        Frame k is ``octets[offset : offset + length]``.
    """

    octets: np.ndarray
    frame: np.recarray


def make_segments(count=1):
    """Make rows for `emit_tcp_frame` with nothing but defaults in them.

    Parameters
    ----------
    count : int
        Rows.

    Returns
    -------
    segments : SEG[count]
        IPv4, hop limit 64, don't-fragment, no VLAN tag, no options, Linux option layout.
    """
    segments = table(SEG, count)
    for row in segments:
        clear_segment(row)
    return segments


@kernel
def clear_segment(seg):
    """Give a segment row its defaults.

    Parameters
    ----------
    seg : SEG row
        Every field is changed, see `make_segments`.
    """
    seg.dst_mac = seg.src_mac = 0
    seg.vlan_tci = -1
    seg.ip_version = 4
    seg.tos = 0
    seg.ttl = 64
    seg.saddr_hi = seg.saddr_lo = seg.daddr_hi = seg.daddr_lo = 0
    seg.sport = seg.dport = 0
    seg.seq = seg.ack_seq = 0
    seg.tcp_flags = seg.window = seg.urg_ptr = 0
    clear_options(seg)
    seg.payload_bytes = 0
    seg.ip_id = 0
    seg.dont_fragment = 1
    seg.opt_layout = LAYOUT_LINUX
    seg.csum = CSUM_UNKNOWN


@kernel
def clear_options(row):
    """Say "absent" for every TCP option.

    Parameters
    ----------
    row : PKT or SEG row
        Option fields are changed.
    """
    row.opt_mss = -1
    row.opt_wscale = -1
    row.opt_sack_permitted = 0
    row.opt_timestamp = 0
    row.ts_val = 0
    row.ts_ecr = 0
    row.sack_count = 0
    row.sack_0_start = 0
    row.sack_0_end = 0
    row.sack_1_start = 0
    row.sack_1_end = 0
    row.sack_2_start = 0
    row.sack_2_end = 0
    row.sack_3_start = 0
    row.sack_3_end = 0


@kernel
def set_sack(row, k, start, end):
    """Store one SACK block.

    Parameters
    ----------
    row : PKT or SEG row
        Block `k` is changed; ``sack_count`` is not.
    k : int64
        0 to 3.
    start, end : int64
        First sequence number of the block, and the one behind its last.
    """
    if k == 0:
        row.sack_0_start = start
        row.sack_0_end = end
    elif k == 1:
        row.sack_1_start = start
        row.sack_1_end = end
    elif k == 2:
        row.sack_2_start = start
        row.sack_2_end = end
    else:
        row.sack_3_start = start
        row.sack_3_end = end


@kernel
def get_sack(row, k):
    """Read one SACK block.

    Parameters
    ----------
    row : PKT or SEG row
        Not changed.
    k : int64
        0 to 3.

    Returns
    -------
    start, end : int64
        See `set_sack`.
    """
    if k == 0:
        return row.sack_0_start, row.sack_0_end
    if k == 1:
        return row.sack_1_start, row.sack_1_end
    if k == 2:
        return row.sack_2_start, row.sack_2_end
    return row.sack_3_start, row.sack_3_end
