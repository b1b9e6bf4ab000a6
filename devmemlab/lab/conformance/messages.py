"""Generic netlink messages, written and read octet by octet: the same for the lab and for a real kernel.

Law.   This is a second hand: it shares no table with the lab's own netlink room.
Reads. Linux include/uapi/linux/{netlink,genetlink,netdev}.h; netlink(7).
Omits. Notifications.
"""

import struct

from devmemlab.base.errno import name_of
from devmemlab.lab.conformance.answers import Answer

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLA_NESTED, NLA_KIND = 0x8000, 0x3FFF
HEADER, GENERIC = struct.Struct("=IHHII"), struct.Struct("=BBH")
CONTROLLER = 16
COMMANDS = {"dev-get": 1, "page-pool-get": 5, "page-pool-stats-get": 9, "queue-get": 10, "napi-get": 11, "qstats-get": 12,
            "bind-rx": 13, "napi-set": 14, "bind-tx": 15, "queue-create": 16, "cmd99": 99}
SETS = {
    1: {1: "ifindex", 3: "xdp-features", 4: "xdp-zc-max-segs", 5: "xdp-rx-metadata-features", 6: "xsk-features"},
    5: {1: "id", 2: "ifindex", 3: "napi-id", 4: "inflight", 5: "inflight-mem", 6: "detach-time", 7: "dmabuf"},
    9: {8: "alloc-fast", 9: "alloc-slow", 10: "alloc-slow-high-order", 11: "alloc-empty", 12: "alloc-refill", 13: "alloc-waive",
        14: "recycle-cached", 15: "recycle-cache-full", 16: "recycle-ring", 17: "recycle-ring-full",
        18: "recycle-released-refcnt"},
    10: {1: "id", 2: "ifindex", 3: "type", 4: "napi-id", 5: "dmabuf"},
    11: {1: "ifindex", 2: "id", 3: "irq", 4: "pid", 5: "defer-hard-irqs", 6: "gro-flush-timeout", 7: "irq-suspend-timeout",
         8: "threaded"},
    12: {1: "ifindex", 2: "queue-type", 3: "queue-id", 8: "rx-packets", 9: "rx-bytes", 10: "tx-packets", 11: "tx-bytes",
         12: "rx-alloc-fail", 13: "rx-hw-drops"},
    13: {4: "id"},
    15: {4: "id"},
    16: {1: "id"},
}
"""Command -> number and name of the attributes in its replies; others are left out."""


def attribute(kind, payload=b"", nested=False):
    """Write an attribute.

    Parameters
    ----------
    kind : int
        Its number.
    payload : bytes or int
        An int is a u32.
    nested : bool
        Say that it is a nest.

    Returns
    -------
    octets : bytes
        Padded to four.
    """
    body = struct.pack("=I", payload) if isinstance(payload, int) else payload
    return struct.pack("=HH", 4 + len(body), kind | (NLA_NESTED if nested else 0)) + body + bytes(-len(body) % 4)


def request(family, command, attributes=b"", dump=False, version=1):
    """Write a request.

    Parameters
    ----------
    family, command : int
        Whom to ask, and what.
    attributes : bytes
        From `attribute`.
    dump : bool
        Ask for everything.
    version : int
        Of the family.

    Returns
    -------
    octets : bytes
        One message.
    """
    bits = NLM_F_REQUEST | (NLM_F_DUMP if dump else NLM_F_ACK)
    body = GENERIC.pack(command, version, 0) + attributes
    return HEADER.pack(HEADER.size + len(body), family, bits, 1, 0) + body


def attributes_of(octets):
    """Read attributes.

    Parameters
    ----------
    octets : bytes
        One behind the other.

    Returns
    -------
    pairs : list of (int, bytes)
        Number without its flags, payload.
    """
    pairs, at = [], 0
    while at + 4 <= len(octets):
        length, kind = struct.unpack_from("=HH", octets, at)
        if length < 4:
            break
        pairs.append((kind & NLA_KIND, octets[at + 4:at + length]))
        at += (length + 3) & ~3
    return pairs


def number(octets):
    """Read an unsigned number of any width.

    Parameters
    ----------
    octets : bytes
        This machine's order, which is little endian wherever records were taken.

    Returns
    -------
    value : int
        0 or more.
    """
    return int.from_bytes(octets, "little")


def extack_of(octets):
    """Read the attributes that follow an acknowledgement.

    Parameters
    ----------
    octets : bytes
        They.

    Returns
    -------
    extack : dict or None
        ``msg``, ``bad_attr_offset``, ``miss_type``, ``miss_nest_offset``; None without any.
    """
    found = {}
    for kind, body in attributes_of(octets):
        if kind == 1:
            found["msg"] = body.split(b"\0")[0].decode("latin-1")
        elif kind in (2, 5, 6):
            found[{2: "bad_attr_offset", 5: "miss_type", 6: "miss_nest_offset"}[kind]] = number(body)
    return found or None


def split(octets):
    """Cut a buffer into messages.

    Parameters
    ----------
    octets : bytes
        What a socket returned.

    Yields
    ------
    kind, bits, body : int, int, bytes
        Type, flags, and what follows the header.
    """
    at = 0
    while at + HEADER.size <= len(octets):
        length, kind, bits, _, _ = HEADER.unpack_from(octets, at)
        yield kind, bits, octets[at + HEADER.size:at + length]
        at += (max(length, HEADER.size) + 3) & ~3


def read_answer(octets):
    """Read an answer whole.

    Parameters
    ----------
    octets : bytes
        Every message that came back, the last one included.

    Returns
    -------
    answer : Answer
        ``result`` is a list of (command, attributes as octets).
    bodies : list of (int, bytes)
        Command and attributes of each reply.
    """
    bodies, errno, extack = [], None, None
    for kind, bits, body in split(octets):
        if kind == NLMSG_ERROR:
            code = struct.unpack_from("=i", body)[0]
            errno = name_of(code) if code else None
            if bits & NLM_F_ACK_TLVS:
                original = struct.unpack_from("=I", body, 4)[0]
                extack = extack_of(body[4 + (HEADER.size if bits & NLM_F_CAPPED else (original + 3) & ~3):])
        elif kind == NLMSG_DONE:
            code = struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
            errno = name_of(code) if code else None
            extack = extack_of(body[4:]) if bits & NLM_F_ACK_TLVS else None
        else:
            bodies.append((body[0], body[GENERIC.size:]))
    return Answer(errno, None, extack), bodies


def named(bodies):
    """Name the attributes of replies.

    Parameters
    ----------
    bodies : list of (int, bytes)
        Command and attributes.

    Returns
    -------
    replies : list of dict or None
        None when there was none.
    """
    replies = []
    for command, octets in bodies:
        names = SETS.get(command, {})
        replies.append({names[kind]: number(body) for kind, body in attributes_of(octets) if kind in names})
    return replies or None
