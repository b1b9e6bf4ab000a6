"""IPv6: a fixed header and a chain of extensions to walk.

Law.   The chain is walked inside the payload length only, and every step moves forward by at least 8 octets.
Reads. RFC 8200, RFC 6946 (atomic fragments); Linux net/ipv6/exthdrs_core.c ipv6_skip_exthdr().
Omits. Jumbo options (a length of 0 means all of a frame above 64 KiB, as in Linux), authentication and encapsulation headers,
       reassembly.

::

     0               4       6   7   8               24              40
    +---+-------+---+-------+---+---+---------------+---------------+
    |ver| class |flow label |len|nxt|hop|  source   |  destination  | extensions
    +---+-------+---+-------+---+---+---------------+---------------+
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load8, load_be16, load_be32, store8, store_be16, store_be32
from devmemlab.wire.rows import BAD_IP_LENGTH, BAD_IP_VERSION, FINE, FRAGMENT, ROUTED, SHORT_IP, TRUNCATED

IP6_VERSION_CLASS = 0
IP6_LENGTH = 4
IP6_NEXT = 6
IP6_HOPS = 7
IP6_SADDR = 8
IP6_DADDR = 24
IP6_BYTES = 40
IP_BYTES_MAX = 65535

EXT_NEXT = 0
EXT_LENGTH = 1
EXT_SEGMENTS_LEFT = 3
EXT_FRAG_OFFSET = 2
EXT_UNIT = 8

NEXTHDR_HOP = 0
NEXTHDR_ROUTING = 43
NEXTHDR_FRAGMENT = 44
NEXTHDR_DEST = 60


@kernel
def load_be64(octets, at):
    """Load half an IPv6 address.

    Parameters
    ----------
    octets : uint8[n]
        Memory, read in ``[at, at + 8)``.
    at : int64
        Address.

    Returns
    -------
    half : int64
        All 64 bits, so that it may be negative.
    """
    return (load_be32(octets, at) << 32) | load_be32(octets, at + 4)


@kernel
def store_be64(octets, at, half):
    """Store half an IPv6 address.

    Parameters
    ----------
    octets : uint8[n]
        Memory, written in ``[at, at + 8)``.
    at : int64
        Address.
    half : int64
        All 64 bits.
    """
    store_be32(octets, at, half >> 32)
    store_be32(octets, at + 4, half)


@kernel(_nrt=False)
def parse_ipv6(head, here, pkt):
    """Read an IPv6 header and walk its extension headers.

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
    if captured < IP6_BYTES:
        pkt.err = SHORT_IP
        return np.int64(0), np.int64(0)
    class_word = load_be16(head, here + IP6_VERSION_CLASS)
    if class_word >> 12 != 6:
        pkt.err = BAD_IP_VERSION
        return np.int64(0), np.int64(0)
    total = IP6_BYTES + load_be16(head, here + IP6_LENGTH)
    proto = load8(head, here + IP6_NEXT)
    pkt.ip_version = 6
    pkt.tos = (class_word >> 4) & 0xFF
    pkt.ttl = load8(head, here + IP6_HOPS)
    pkt.saddr_hi = load_be64(head, here + IP6_SADDR)
    pkt.saddr_lo = load_be64(head, here + IP6_SADDR + 8)
    pkt.daddr_hi = load_be64(head, here + IP6_DADDR)
    pkt.daddr_lo = load_be64(head, here + IP6_DADDR + 8)
    if total == IP6_BYTES and captured > IP6_BYTES + IP_BYTES_MAX:
        total = np.int64(captured)
    pkt.ip_bytes = total
    pkt.ip_proto = proto
    pkt.header_bytes = here + IP6_BYTES
    if total == IP6_BYTES and proto == NEXTHDR_HOP:
        pkt.err = BAD_IP_LENGTH
        return np.int64(0), np.int64(0)
    if total > captured:
        pkt.err = TRUNCATED
        total = captured
    end = here + total
    l4_at = here + IP6_BYTES
    if proto == NEXTHDR_HOP or proto == NEXTHDR_ROUTING or proto == NEXTHDR_FRAGMENT or proto == NEXTHDR_DEST:
        l4_at = _skip_extensions(head, l4_at, end, pkt)
        if l4_at == 0:
            return np.int64(0), np.int64(0)
    pkt.header_bytes = l4_at
    pkt.payload_at = l4_at
    pkt.payload_bytes = end - l4_at
    return l4_at, end - l4_at


@kernel(_nrt=False)
def _skip_extensions(head, here, end, pkt):
    """Walk extension headers.

    Parameters
    ----------
    head : uint8[n]
        The frame.
    here : int64
        Where the first one starts; ``ip_proto`` says which it is.
    end : int64
        Where the octets of the datagram end.
    pkt : PKT row
        ``ip_proto header_bytes payload_at payload_bytes`` follow the walk; ``frag err`` on refusal.

    Returns
    -------
    here : int64
        Behind the last one; 0 on refusal.
    """
    proto = pkt.ip_proto
    refused = np.int64(FINE)
    while proto == NEXTHDR_HOP or proto == NEXTHDR_ROUTING or proto == NEXTHDR_FRAGMENT or proto == NEXTHDR_DEST:
        if here + EXT_UNIT > end:
            refused = np.int64(SHORT_IP)
            break
        nbytes = np.int64(EXT_UNIT)
        if proto == NEXTHDR_FRAGMENT:
            # RFC 6946: offset 0 without more fragments is a whole datagram that only looks like one.
            if load_be16(head, here + EXT_FRAG_OFFSET) & 0xFFF9:
                refused = np.int64(FRAGMENT)
                pkt.frag = 1
        else:
            nbytes *= load8(head, here + EXT_LENGTH) + 1
            if here + nbytes > end:
                refused = np.int64(SHORT_IP)
                break
            if proto == NEXTHDR_ROUTING and load8(head, here + EXT_SEGMENTS_LEFT):
                refused = np.int64(ROUTED)
        proto = load8(head, here + EXT_NEXT)
        here += nbytes
        if refused:
            break
    pkt.ip_proto = proto
    pkt.header_bytes = here
    pkt.payload_at = here
    pkt.payload_bytes = end - here
    if refused == FINE:
        return here
    # What was cut off by the capture is not the sender's mistake.
    if refused != SHORT_IP or pkt.err != TRUNCATED:
        pkt.err = refused
    return np.int64(0)


@kernel
def emit_ipv6(octets, at, seg, proto, l4_bytes):
    """Write an IPv6 header without extensions.

    Parameters
    ----------
    octets : uint8[n]
        Arena, written in ``[at, at + 40)``.
    at : int64
        Where the IP header starts.
    seg : SEG row
        ``tos ttl saddr_hi saddr_lo daddr_hi daddr_lo`` are read.
    proto : int64
        Transport protocol.
    l4_bytes : int64
        Octets behind this header, transport header included.

    Returns
    -------
    nbytes : int64
        40.
    """
    store_be32(octets, at + IP6_VERSION_CLASS, (6 << 28) | ((seg.tos & 0xFF) << 20))
    store_be16(octets, at + IP6_LENGTH, l4_bytes)
    store8(octets, at + IP6_NEXT, proto)
    store8(octets, at + IP6_HOPS, seg.ttl)
    store_be64(octets, at + IP6_SADDR, seg.saddr_hi)
    store_be64(octets, at + IP6_SADDR + 8, seg.saddr_lo)
    store_be64(octets, at + IP6_DADDR, seg.daddr_hi)
    store_be64(octets, at + IP6_DADDR + 8, seg.daddr_lo)
    return np.int64(IP6_BYTES)
