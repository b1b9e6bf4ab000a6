"""IPv4: where the datagram ends, whatever the link added behind it.

Law.   The datagram is as long as its total length says; octets behind it are padding, octets missing are an error. A length
       of 0 in a frame that no 16 bits could describe (BIG TCP from a virtual device) means all of the frame.
Reads. RFC 791; Linux net/ipv4/ip_input.c ip_rcv_core().
Omits. Meaning of IP options (they are stepped over) and reassembly.

::

     0       1       2       4       6       8   9   10      12      16      20
    +-------+-------+-------+-------+-------+---+---+-------+-------+-------+
    |ver ihl|  tos  |length |  id   |frag   |ttl|pro| csum  | saddr | daddr | options
    +-------+-------+-------+-------+-------+---+---+-------+-------+-------+
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import csum_fold, csum_partial, load8, load_be16, load_be32, store8, store_be16, store_be32
from devmemlab.wire.rows import BAD_IP_HEADER, BAD_IP_LENGTH, BAD_IP_VERSION, FRAGMENT, SHORT_IP, TRUNCATED

IP4_VERSION_IHL = 0
IP4_TOS = 1
IP4_LENGTH = 2
IP4_ID = 4
IP4_FRAG = 6
IP4_TTL = 8
IP4_PROTO = 9
IP4_CSUM = 10
IP4_SADDR = 12
IP4_DADDR = 16
IP4_BYTES = 20
IP_BYTES_MAX = 65535

IP4_DF = 0x4000
IP4_MF_OR_OFFSET = 0x3FFF

IPPROTO_TCP = 6
IPPROTO_UDP = 17


@kernel(_nrt=False, inline="always")
def parse_ipv4(head, here, pkt):
    """Read an IPv4 header and find the end of the datagram.

    Parameters
    ----------
    head : uint8[n]
        The frame.
    here : int64
        Where this header starts.
    pkt : PKT row
        The IP fields and ``header_bytes payload_at payload_bytes`` are set; ``err`` on refusal.

    Returns
    -------
    l4_at, l4_bytes : int64
        Where the transport header starts and how much of the datagram is there from that point on;
        0, 0 when none follows. ``err`` may be TRUNCATED all the same.
    """
    captured = len(head) - here
    if captured < IP4_BYTES:
        pkt.err = SHORT_IP
        return np.int64(0), np.int64(0)
    first = load8(head, here + IP4_VERSION_IHL)
    ihl = (first & 15) * 4
    if first >> 4 != 4:
        pkt.err = BAD_IP_VERSION
        return np.int64(0), np.int64(0)
    if ihl < IP4_BYTES:
        pkt.err = BAD_IP_HEADER
        return np.int64(0), np.int64(0)
    total = load_be16(head, here + IP4_LENGTH)
    pkt.ip_version = 4
    pkt.tos = load8(head, here + IP4_TOS)
    pkt.ttl = load8(head, here + IP4_TTL)
    pkt.ip_proto = load8(head, here + IP4_PROTO)
    pkt.saddr_lo = load_be32(head, here + IP4_SADDR)
    pkt.daddr_lo = load_be32(head, here + IP4_DADDR)
    pkt.ip_bytes = total
    if captured < ihl:
        pkt.err = SHORT_IP
        return np.int64(0), np.int64(0)
    if total < ihl:
        if total or captured <= IP_BYTES_MAX:
            pkt.err = BAD_IP_LENGTH
            return np.int64(0), np.int64(0)
        total = np.int64(captured)
        pkt.ip_bytes = total
    if total > captured:
        pkt.err = TRUNCATED
        total = captured
    l4_at = here + ihl
    pkt.header_bytes = l4_at
    pkt.payload_at = l4_at
    pkt.payload_bytes = total - ihl
    if load_be16(head, here + IP4_FRAG) & IP4_MF_OR_OFFSET:
        pkt.frag = 1
        pkt.err = FRAGMENT
        return np.int64(0), np.int64(0)
    return l4_at, total - ihl


@kernel
def emit_ipv4(octets, at, seg, proto, l4_bytes):
    """Write an IPv4 header without options, checksum included.

    Parameters
    ----------
    octets : uint8[n]
        Arena, written in ``[at, at + 20)``.
    at : int64
        Where the IP header starts.
    seg : SEG row
        ``tos ttl ip_id dont_fragment saddr_lo daddr_lo`` are read.
    proto : int64
        Transport protocol.
    l4_bytes : int64
        Octets behind this header, transport header included.

    Returns
    -------
    nbytes : int64
        20.
    """
    store8(octets, at + IP4_VERSION_IHL, 0x45)
    store8(octets, at + IP4_TOS, seg.tos)
    store_be16(octets, at + IP4_LENGTH, IP4_BYTES + l4_bytes)
    store_be16(octets, at + IP4_ID, seg.ip_id)
    store_be16(octets, at + IP4_FRAG, IP4_DF if seg.dont_fragment else 0)
    store8(octets, at + IP4_TTL, seg.ttl)
    store8(octets, at + IP4_PROTO, proto)
    store_be16(octets, at + IP4_CSUM, 0)
    store_be32(octets, at + IP4_SADDR, seg.saddr_lo)
    store_be32(octets, at + IP4_DADDR, seg.daddr_lo)
    store_be16(octets, at + IP4_CSUM, csum_fold(csum_partial(octets, at, IP4_BYTES, 0)))
    return np.int64(IP4_BYTES)


@kernel
def verify_ipv4_csum(octets, at, pkt):
    """Tell whether the IPv4 header sum is right.

    Parameters
    ----------
    octets : uint8[n]
        Arena.
    at : int64
        Where the frame starts.
    pkt : PKT row
        From `parse_frame`, which has checked that the header is there.

    Returns
    -------
    right : bool
        True for IPv6, which has no such sum; False when no IP header was parsed.
    """
    if pkt.ip_version != 4:
        return pkt.ip_version == 6
    ip = at + pkt.ip_at
    ihl = (load8(octets, ip) & 15) * 4
    if pkt.header_bytes < pkt.ip_at + ihl:
        return False
    return csum_fold(csum_partial(octets, ip, ihl, 0)) == 0
