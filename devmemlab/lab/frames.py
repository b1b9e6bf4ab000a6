"""Frames by hand: any pile of headers, taken apart again, and where a card would cut it.

Law.   What `make_frame` writes is what a network would carry: lengths and both sums are right.
Reads. IEEE 802.3 and 802.1Q, RFC 791, RFC 8200, RFC 9293, RFC 7323, RFC 2018.
Omits. Captures (`devmemlab.wire.pcap`), and everything that only a whole connection has.

::

    +----------+-----+------+---------+-----+---------+---------+
    | Ethernet | tag |  IP  |  more   | TCP | options | payload |
    +----------+-----+------+---------+-----+---------+---------+
                                                      ^ the cut
"""

import ipaddress
import struct
from typing import NamedTuple

import numpy as np

from devmemlab.nic.hds import HDS_ENABLED, MISS_NAMES, SPLIT, hds_decide
from devmemlab.wire.ethernet import ETH_BYTES, ETH_P_8021Q, ETH_P_IP, ETH_P_IPV6, VLAN_BYTES
from devmemlab.wire.frame import make_packets, parse_frame
from devmemlab.wire.ipv4 import IPPROTO_TCP, IPPROTO_UDP
from devmemlab.wire.rows import NOT_TCP, REASONS

HERE, THERE = {4: "192.0.2.1", 6: "2001:db8::1"}, {4: "192.0.2.2", 6: "2001:db8::2"}
MACS = bytes.fromhex("020000000001 020000000002")
PORTS = (40000, 5201)
_STAMPS = struct.pack(">BBBBII", 1, 1, 8, 10, 1000, 999)
_SACKS = struct.pack(">BBBB6I", 1, 1, 5, 26, 9000, 10448, 12000, 13448, 15000, 16448)
TCP_OPTIONS = {"none": b"", "timestamps": _STAMPS, "timestamps, 3 SACK blocks": _STAMPS + _SACKS}
"""What TCP headers may carry: 0, 12 and 40 octets."""
IPV6_FIXED, IPV4_FIXED, TCP_FIXED, UDP_BYTES, ACK = 40, 20, 20, 8, 0x10
IPV4_MORE_MAX, HOP_BY_HOP, FRAGMENT_HEADER = 40, 0, 44


class Layer(NamedTuple):
    """A stretch of a frame.

    name : str
        What it is.
    at, length : int
        Octets from the start of the frame.
    """

    name: str
    at: int
    length: int


class Cut(NamedTuple):
    """Where a frame is cut.

    at : int or None
        The first octet of payload; None: it is not cut.
    why : str
        ``"split"``, or why not.
    """

    at: object
    why: str


def _sum(octets):
    """Compute an Internet checksum.

    Parameters
    ----------
    octets : bytes
        What it covers; a missing last octet counts as 0.

    Returns
    -------
    checksum : int
        16 bits, ready to be written.
    """
    total = sum(struct.unpack(f">{(len(octets) + 1) // 2}H", octets + bytes(len(octets) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def make_frame(version=4, tags=0, ip_more=0, tcp_options="none", payload=b"payload!", protocol=IPPROTO_TCP, seq=1,
               fragment=False):
    """Write a frame for the card of `devmemlab.lab.scenes_nic.card`.

    Parameters
    ----------
    version : int
        4 or 6.
    tags : int
        VLAN tags, 0 to 2.
    ip_more : int
        Octets of IPv4 options (a multiple of 4, 40 at most) or of an IPv6 hop-by-hop header (a multiple of 8).
    tcp_options : str
        One of `TCP_OPTIONS`.
    payload : bytes
        Behind the TCP header; behind the IP header when `protocol` is not TCP.
    protocol : int
        What the IP header says is inside.
    seq : int
        TCP sequence number of the first octet.
    fragment : bool
        Say that more fragments follow.

    Returns
    -------
    octets : bytes
        The whole frame.

    Raises
    ------
    ValueError
        `ip_more` is impossible.
    """
    if ip_more % (4 if version == 4 else 8) or not 0 <= ip_more <= (IPV4_MORE_MAX if version == 4 else 256):
        raise ValueError(f"ip_more={ip_more}: IPv4 options are a multiple of 4 up to {IPV4_MORE_MAX}, an IPv6 header one of 8")
    source, target = (ipaddress.ip_address(side[version]).packed for side in (THERE, HERE))
    body = bytes(payload)
    if protocol == IPPROTO_TCP:
        options = TCP_OPTIONS[tcp_options]
        body = struct.pack(">HHIIBBHHH", *PORTS, seq, 1, (TCP_FIXED + len(options)) << 2, ACK, 65535, 0, 0) + options + body
        pseudo = source + target + struct.pack(">II", len(body), protocol)
        body = body[:16] + struct.pack(">H", _sum(pseudo + body)) + body[18:]
    if version == 4:
        total = IPV4_FIXED + ip_more + len(body)
        head = struct.pack(">BBHHHBBH", 0x45 + ip_more // 4, 0, total if total < 65536 else 0, 0, 0x2000 if fragment else 0x4000,
                           64, protocol, 0) + source + target + b"\x01" * ip_more
        head = head[:10] + struct.pack(">H", _sum(head)) + head[12:]
    else:
        inner = FRAGMENT_HEADER if fragment else protocol
        more = struct.pack(">BBBB", inner, ip_more // 8 - 1, 1, ip_more - 4) + bytes(ip_more - 4) if ip_more else b""
        more += struct.pack(">BBHI", protocol, 0, 1, 7) if fragment else b""
        length = len(more) + len(body)
        head = struct.pack(">IHBB", 6 << 28, length if length < 65536 else 0, HOP_BY_HOP if ip_more else inner, 64)
        head += source + target + more
    link = MACS + b"".join(struct.pack(">HH", ETH_P_8021Q, 7 + k) for k in range(tags))
    return link + struct.pack(">H", ETH_P_IP if version == 4 else ETH_P_IPV6) + head + body


def _parsed(octets):
    """Read the headers of a frame.

    Parameters
    ----------
    octets : bytes
        The frame.

    Returns
    -------
    pkt, error : PKT row, int
        As the card reads them.
    """
    pkt = make_packets(1)[0]
    return pkt, int(parse_frame(np.frombuffer(octets, np.uint8), 0, len(octets), pkt))


def layers(octets):
    """Take a frame apart.

    Parameters
    ----------
    octets : bytes
        The frame.

    Returns
    -------
    layers : list of Layer
        In order, without gaps, to the last octet; what the card does not understand is called ``"not looked at"``.
    """
    pkt, error = _parsed(octets)
    tagged = pkt.ip_at > ETH_BYTES
    named = [("Ethernet", 12 if tagged else min(ETH_BYTES, len(octets)))]
    if tagged:
        named += [("VLAN tag", VLAN_BYTES)] * ((int(pkt.ip_at) - ETH_BYTES) // VLAN_BYTES) + [("Ethernet type", 2)]
    ports = UDP_BYTES if pkt.ip_proto == IPPROTO_UDP and pkt.err == NOT_TCP and pkt.dport else 0
    if pkt.ip_version == 4:
        named += [("IPv4", IPV4_FIXED), ("IPv4 options", (octets[int(pkt.ip_at)] & 15) * 4 - IPV4_FIXED), ("UDP", ports)]
    elif pkt.ip_version == 6:
        end = int(pkt.tcp_at) or int(pkt.header_bytes) - ports
        named += [("IPv6", IPV6_FIXED), ("IPv6 extensions", end - int(pkt.ip_at) - IPV6_FIXED), ("UDP", ports)]
    if not error:
        named += [("TCP", TCP_FIXED), ("TCP options", int(pkt.doff_bytes) - TCP_FIXED), ("payload", int(pkt.payload_bytes))]
    found, at = [], 0
    for name, length in (*named, ("not looked at" if error else "padding", len(octets))):
        length = min(length, len(octets) - at)
        if length > 0:
            found.append(Layer(name, at, length))
            at += length
    return found


def cut_of(octets, hds_thresh=0, header_buffer=128):
    """Ask where a card would cut a frame.

    Parameters
    ----------
    octets : bytes
        The frame.
    hds_thresh : int
        Payloads of at most this many octets stay with their headers; 0: all are cut.
    header_buffer : int
        Octets for headers.

    Returns
    -------
    cut : Cut
        The answer of the kernel that the card runs.
    """
    pkt, error = _parsed(octets)
    outcome = int(hds_decide(pkt, error, HDS_ENABLED, hds_thresh, header_buffer))
    if outcome == SPLIT:
        return Cut(int(pkt.header_bytes), MISS_NAMES[outcome])
    detail = f": {REASONS[int(pkt.err)]}" if error and REASONS[int(pkt.err)] != MISS_NAMES[outcome] else ""
    return Cut(None, MISS_NAMES[outcome] + detail)
