"""Whole frames: octets to row. This is the room to import from.

Law.   Parsing reads headers only, and never an octet outside ``[at, at + nbytes)``.
Reads. Linux net/core/flow_dissector.c for how far a NIC looks.
Omits. Tunnels: what is inside another IP header, MPLS, PPPoE or GRE is "not TCP" here.

A frame is handed down as a view of just its own octets, so that a bounds-checked run catches any reader that strays.
The parsing kernels allocate nothing; ``_nrt=False`` tells Numba so, and spares two atomic counts a call.
"""

from devmemlab.base.errno import EINVAL
from devmemlab.base.kernel import kernel
from devmemlab.base.table import table
from devmemlab.wire.csum import finish_tcp_csum, patch_be16, patch_be32, rewrite_seq_ack, tcp_csum, verify_tcp_csum
from devmemlab.wire.emit import emit_bulk_burst, emit_bulk_frame, emit_tcp_frame, frame_header_bytes
from devmemlab.wire.ethernet import ETH_P_IP, ETH_P_IPV6, parse_ethernet
from devmemlab.wire.ipv4 import IPPROTO_TCP, IPPROTO_UDP, parse_ipv4, verify_ipv4_csum
from devmemlab.wire.ipv6 import parse_ipv6
from devmemlab.wire.plain import parse_plain
from devmemlab.wire.rows import (
    CSUM_PARTIAL,
    CSUM_UNKNOWN,
    CSUM_VERIFIED,
    FRAME,
    NOT_IP,
    NOT_TCP,
    PKT,
    REASONS,
    SEG,
    Burst,
    clear_options,
    clear_segment,
    make_segments,
)
from devmemlab.wire.tcp import parse_tcp, parse_udp_ports

__all__ = ["CSUM_PARTIAL", "CSUM_UNKNOWN", "CSUM_VERIFIED", "FRAME", "PKT", "REASONS", "SEG", "Burst",
           "clear_options", "clear_packet", "clear_segment", "emit_bulk_burst", "emit_bulk_frame", "emit_tcp_frame",
           "finish_tcp_csum", "frame_header_bytes", "make_packets", "make_segments", "parse_any", "parse_frame", "patch_be16",
           "patch_be32", "rewrite_seq_ack", "tcp_csum", "verify_ipv4_csum", "verify_tcp_csum"]


def make_packets(count=1):
    """Make rows for `parse_frame`.

    Parameters
    ----------
    count : int
        Rows.

    Returns
    -------
    packets : PKT[count]
        Zeros.
    """
    return table(PKT, count)


@kernel
def clear_packet(pkt):
    """Forget what a row said.

    Parameters
    ----------
    pkt : PKT row
        0 everywhere, and "absent" for the VLAN tag and the options.
    """
    pkt.dst_mac = 0
    pkt.src_mac = 0
    pkt.vlan_tci = -1
    pkt.ip_version = 0
    pkt.tos = 0
    pkt.ttl = 0
    pkt.saddr_hi = 0
    pkt.saddr_lo = 0
    pkt.daddr_hi = 0
    pkt.daddr_lo = 0
    pkt.sport = 0
    pkt.dport = 0
    pkt.seq = 0
    pkt.ack_seq = 0
    pkt.tcp_flags = 0
    pkt.window = 0
    pkt.urg_ptr = 0
    clear_options(pkt)
    pkt.payload_bytes = 0
    pkt.eth_type = 0
    pkt.ip_proto = 0
    pkt.ip_bytes = 0
    pkt.frag = 0
    pkt.ip_at = 0
    pkt.tcp_at = 0
    pkt.payload_at = 0
    pkt.header_bytes = 0
    pkt.doff_bytes = 0
    pkt.err = 0


@kernel(_nrt=False)
def parse_any(octets, at, nbytes, pkt):
    """Read the headers of one frame step by step, whatever they are.

    Parameters
    ----------
    octets, at, nbytes, pkt
        See `parse_frame`.

    Returns
    -------
    error : int64
        See `parse_frame`.
    """
    clear_packet(pkt)
    head = octets[at:at + nbytes]
    here = parse_ethernet(head, pkt)
    if here == 0:
        return -EINVAL
    if pkt.eth_type == ETH_P_IP:
        l4_at, l4_bytes = parse_ipv4(head, here, pkt)
    elif pkt.eth_type == ETH_P_IPV6:
        l4_at, l4_bytes = parse_ipv6(head, here, pkt)
    else:
        pkt.err = NOT_IP
        return -EINVAL
    if l4_at == 0:
        return -EINVAL
    if pkt.ip_proto != IPPROTO_TCP:
        if pkt.ip_proto == IPPROTO_UDP:
            parse_udp_ports(head, l4_at, l4_bytes, pkt)
        pkt.err = NOT_TCP
        return -EINVAL
    if not parse_tcp(head, l4_at, l4_bytes, pkt) or pkt.err:
        return -EINVAL
    return 0


@kernel(_nrt=False, forceinline=True)
def parse_frame(octets, at, nbytes, pkt):
    """Read the headers of one frame.

    Parameters
    ----------
    octets : uint8[n]
        Arena, read in ``[at, at + nbytes)`` only, and there no further than the headers.
    at : int64
        Where the frame starts.
    nbytes : int64
        Length of the frame as captured, 0 allowed.
    pkt : PKT row
        Every field is set. ``header_bytes`` counts what was understood, refused or not. ``payload_bytes`` counts
        octets that are there; when ``err`` is TRUNCATED, ``ip_bytes`` tells how many there were.

    Returns
    -------
    error : int64
        0 for a whole TCP segment, else ``-EINVAL`` and ``pkt.err`` says why (`REASONS`).
    """
    if parse_plain(octets, at, nbytes, pkt):
        return 0
    return parse_any(octets, at, nbytes, pkt)
