"""Link types: every captured frame is turned into an Ethernet frame, so that nobody else need ask.

Law.   What follows the link header is kept octet for octet; a synthesised Ethernet header is 14 octets.
Reads. The tcpdump.org link-type registry; LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2 and LINKTYPE_RAW pages.
Omits. Every other link type: such a capture is refused by name.

A cooked header knows the sender's address at most, raw IP knows none: unknown addresses are 0, and a
broadcast's destination is ff:ff:ff:ff:ff:ff::

    SLL   type(2) hardware(2) length(2) address(8) protocol(2)
    SLL2  protocol(2) 0(2) interface(4) hardware(2) type(1) length(1) address(8)
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets, load8, load_be16
from devmemlab.wire.ethernet import BROADCAST, ETH_BYTES, ETH_P_IP, ETH_P_IPV6, emit_ethernet, load_mac

LINKTYPE_ETHERNET = 1
LINKTYPE_SLL = 113
LINKTYPE_SLL2 = 276
LINKTYPE_RAW_OLD = 12
LINKTYPE_RAW = 101
LINKTYPE_IPV4 = 228
LINKTYPE_IPV6 = 229

LINKTYPES = {
    LINKTYPE_ETHERNET: "Ethernet",
    LINKTYPE_RAW_OLD: "raw IP",
    LINKTYPE_RAW: "raw IP",
    LINKTYPE_SLL: "Linux cooked v1",
    LINKTYPE_IPV4: "raw IPv4",
    LINKTYPE_IPV6: "raw IPv6",
    LINKTYPE_SLL2: "Linux cooked v2",
}
"""The link types that can be read."""

OTHER_LINKTYPES = {0: "BSD loopback", 9: "PPP", 105: "802.11", 108: "OpenBSD loopback", 127: "802.11 radiotap",
                   147: "user 0", 189: "Linux USB", 195: "802.15.4", 201: "Bluetooth", 220: "Linux USB", 253: "netlink"}
"""Some that cannot, so that the error can name them."""

SLL_PACKET_TYPE = 0
SLL_ADDRESS_LENGTH = 4
SLL_ADDRESS = 6
SLL_PROTOCOL = 14
SLL_BYTES = 16
SLL2_PROTOCOL = 0
SLL2_PACKET_TYPE = 10
SLL2_ADDRESS_LENGTH = 11
SLL2_ADDRESS = 12
SLL2_BYTES = 20
SLL_BROADCAST = 1
MAC_BYTES = 6


def linktype_text(linktype):
    """Spell a link type.

    Parameters
    ----------
    linktype : int
        Its number.

    Returns
    -------
    text : str
        Number and, where known, name.
    """
    name = LINKTYPES.get(int(linktype)) or OTHER_LINKTYPES.get(int(linktype))
    return f"{int(linktype)} ({name})" if name else str(int(linktype))


@kernel
def link_header_bytes(linktype):
    """Say how long the link header is that gives way to an Ethernet one.

    Parameters
    ----------
    linktype : int64
        One of `LINKTYPES`.

    Returns
    -------
    nbytes : int64
        0 for raw IP, -1 for a link type that cannot be read.
    """
    if linktype == LINKTYPE_ETHERNET:
        return ETH_BYTES
    if linktype == LINKTYPE_SLL:
        return SLL_BYTES
    if linktype == LINKTYPE_SLL2:
        return SLL2_BYTES
    if linktype == LINKTYPE_RAW or linktype == LINKTYPE_RAW_OLD or linktype == LINKTYPE_IPV4 or linktype == LINKTYPE_IPV6:
        return 0
    return -1


@kernel
def _cooked(raw, at, out, to, packet_type, protocol, address_at, address_length):
    """Write an Ethernet header from what a cooked one says.

    Parameters
    ----------
    raw : uint8[n]
        The file.
    at : int64
        Where the cooked header starts.
    out : uint8[m]
        Arena, written in ``[to, to + 14)``.
    to : int64
        Address.
    packet_type, protocol : int64
        Fields of the cooked header.
    address_at, address_length : int64
        Where the sender's address is within it, and how long.
    """
    src_mac = load_mac(raw, at + address_at) if address_length == MAC_BYTES else np.int64(0)
    emit_ethernet(out, to, BROADCAST if packet_type == SLL_BROADCAST else 0, src_mac, -1, protocol)


@kernel
def frame_to_ethernet(raw, at, nbytes, linktype, out, to):
    """Copy one captured frame as an Ethernet frame.

    Parameters
    ----------
    raw : uint8[n]
        The file.
    at, nbytes : int64
        Where the frame is, and its length.
    linktype : int64
        One of `LINKTYPES`.
    out : uint8[m]
        Arena, written from `to`; must hold `nbytes` + 14.
    to : int64
        Address.

    Returns
    -------
    length : int64
        Of the Ethernet frame. A frame cut inside its link header becomes a frame of no octets.
    """
    skip = link_header_bytes(linktype)
    if linktype == LINKTYPE_ETHERNET:
        copy_octets(out, to, raw, at, nbytes)
        return nbytes
    if nbytes <= skip:
        return np.int64(0)
    if linktype == LINKTYPE_SLL:
        _cooked(raw, at, out, to, load_be16(raw, at + SLL_PACKET_TYPE), load_be16(raw, at + SLL_PROTOCOL),
                SLL_ADDRESS, load_be16(raw, at + SLL_ADDRESS_LENGTH))
    elif linktype == LINKTYPE_SLL2:
        _cooked(raw, at, out, to, load8(raw, at + SLL2_PACKET_TYPE), load_be16(raw, at + SLL2_PROTOCOL),
                SLL2_ADDRESS, load8(raw, at + SLL2_ADDRESS_LENGTH))
    else:
        emit_ethernet(out, to, 0, 0, -1, ETH_P_IPV6 if load8(raw, at) >> 4 == 6 else ETH_P_IP)
    copy_octets(out, to + ETH_BYTES, raw, at + skip, nbytes - skip)
    return nbytes - skip + ETH_BYTES


@kernel
def frames_to_ethernet(raw, found, out, frame):
    """Copy captured frames as Ethernet frames, one behind the other.

    Parameters
    ----------
    raw : uint8[n]
        The file.
    found : FOUND[count]
        Where its frames are.
    out : uint8[m]
        Arena; must hold every frame and 14 octets more for each.
    frame : FRAME[count]
        All fields but ``csum`` are set.

    Returns
    -------
    end : int64
        Octets of the arena in use.
    """
    to = np.int64(0)
    for k in range(len(found)):
        record = found[k]
        row = frame[k]
        row.at_ns = record.at_ns
        row.offset = to
        row.length = frame_to_ethernet(raw, record.offset, record.length, record.linktype, out, to)
        row.wire_length = max(record.wire_length - record.length, 0) + row.length
        to += row.length
    return to
