"""Netlink on the wire: message headers, generic headers, attributes.

Law.   A length is believed only after it has been compared with what is there.
Reads. Linux include/uapi/linux/{netlink,genetlink}.h; lib/nlattr.c for where an attribute ends.
Omits. Big-endian machines: netlink is in host order and the lab's kernel is little endian.

A message is ``len u32 | type u16 | flags u16 | seq u32 | pid u32``, then ``cmd u8 | version u8 | reserved u16``, then attributes
``len u16 | type u16 | payload``; everything starts at a multiple of four.
"""

import struct
from typing import NamedTuple

NLMSGHDR = struct.Struct("<IHHII")
GENLMSGHDR = struct.Struct("<BBH")
NLATTR = struct.Struct("<HH")
HEADERS = NLMSGHDR.size + GENLMSGHDR.size

NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE, NLMSG_MIN_TYPE = 1, 2, 3, 16
NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_ECHO = 0x1, 0x2, 0x4, 0x8
NLM_F_DUMP = 0x300
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLA_F_NESTED, NLA_TYPE_MASK = 0x8000, 0x3FFF


class Attribute(NamedTuple):
    """Where one attribute lies in a message.

    number : int
        Its type, without the flag bits.
    nested : bool
        Whether it says that it holds attributes.
    offset : int
        Of its header.
    start, end : int
        Of its payload.
    """

    number: int
    nested: bool
    offset: int
    start: int
    end: int


class Message(NamedTuple):
    """One netlink message.

    kind : int
        Message type: NLMSG_ERROR, NLMSG_DONE or the number of a family.
    bits : int
        NLM_F_*.
    seq, pid : int
        Sequence number and port of the one who asked.
    octets : bytes
        All of it, header included, padding not.
    """

    kind: int
    bits: int
    seq: int
    pid: int
    octets: bytes

    @property
    def command(self):
        """Generic netlink command."""
        return self.octets[NLMSGHDR.size]


def aligned(length):
    """Round up to a multiple of four.

    Parameters
    ----------
    length : int
        Octets.

    Returns
    -------
    length : int
        Octets.
    """
    return length + 3 & ~3


def padded(octets):
    """Pad to a multiple of four.

    Parameters
    ----------
    octets : bytes
        Anything.

    Returns
    -------
    octets : bytes
        With up to three zeros behind.
    """
    return octets + b"\0" * (-len(octets) % 4)


def attribute(number, payload, nested=False):
    """Write an attribute.

    Parameters
    ----------
    number : int
        Type.
    payload : bytes
        What it holds.
    nested : bool
        Whether that is attributes.

    Returns
    -------
    octets : bytes
        Padded.
    """
    kind = number & NLA_TYPE_MASK | (NLA_F_NESTED if nested else 0)
    return padded(NLATTR.pack(NLATTR.size + len(payload), kind) + payload)


def attributes(octets, start, end):
    """Find the attributes in a stretch of a message.

    Parameters
    ----------
    octets : bytes
        The message.
    start, end : int
        Where they are.

    Returns
    -------
    found : list of Attribute
        In order.
    leftover : int
        Octets behind the last one that make no attribute.
    """
    found = []
    while end - start >= NLATTR.size:
        length, kind = NLATTR.unpack_from(octets, start)
        if not NLATTR.size <= length <= end - start:
            break
        found.append(Attribute(kind & NLA_TYPE_MASK, bool(kind & NLA_F_NESTED), start, start + NLATTR.size, start + length))
        start += aligned(length)
    return found, max(end - start, 0)


def message(kind, bits, seq, pid, body):
    """Write a message.

    Parameters
    ----------
    kind, bits, seq, pid : int
        See `Message`.
    body : bytes
        What follows the header.

    Returns
    -------
    octets : bytes
        Padded; the length field does not count the padding.
    """
    return padded(NLMSGHDR.pack(NLMSGHDR.size + len(body), kind, bits, seq & 0xFFFFFFFF, pid & 0xFFFFFFFF) + body)


def generic(kind, bits, seq, pid, command, payload, version=1):
    """Write a generic netlink message.

    Parameters
    ----------
    kind : int
        Number of the family.
    bits, seq, pid : int
        See `Message`.
    command : int
        Of the family.
    payload : bytes
        Attributes.
    version : int
        Of the family.

    Returns
    -------
    octets : bytes
        Padded.
    """
    return message(kind, bits, seq, pid, GENLMSGHDR.pack(command, version, 0) + payload)


def messages(octets):
    """Cut a buffer into messages, as the kernel does: what is too short or says so ends it.

    Parameters
    ----------
    octets : bytes
        Any number of messages.

    Yields
    ------
    message : Message
        One after the other.
    """
    at = 0
    while len(octets) - at >= NLMSGHDR.size:
        length, kind, bits, seq, pid = NLMSGHDR.unpack_from(octets, at)
        if not NLMSGHDR.size <= length <= len(octets) - at:
            return
        yield Message(kind, bits, seq, pid, bytes(octets[at:at + length]))
        at += aligned(length)
