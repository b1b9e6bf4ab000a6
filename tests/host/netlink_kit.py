"""What the netlink tests share: pyroute2's spelling of the family as a second pair of eyes, and answers in the recorded form."""

import struct

from pyroute2.netlink import NLA_F_NESTED, genlmsg, nla

from devmemlab.base.errno import name_of
from devmemlab.host.genl.extack import read_outcome
from devmemlab.host.genl.wire import HEADERS, NLMSG_DONE, NLMSG_ERROR, messages

REQUEST, ACK, DUMP = 1, 4, 0x300
BIND_RX, BIND_TX, QUEUE_GET, POOL_GET, POOL_STATS, NAPI_GET, NAPI_SET = 13, 15, 10, 5, 9, 11, 14


class Queue(nla):
    nla_flags = NLA_F_NESTED
    nla_map = (("UNSPEC", "none"), ("ID", "uint32"), ("IFINDEX", "uint32"), ("TYPE", "uint32"), ("NAPI", "uint32"),
               ("DMABUF", "uint32"))


class Dmabuf(genlmsg):
    nla_map = (("UNSPEC", "none"), ("IFINDEX", "uint32"), ("QUEUES", "queue"), ("FD", "uint32"), ("ID", "uint32"),
               ("RX_PAGE_SIZE", "uint32"))
    queue = Queue


class QueueMessage(genlmsg):
    nla_map = Queue.nla_map


class Pool(genlmsg):
    # pyroute2 has no number of free length; the lab's pools fit four octets.
    nla_map = (("UNSPEC", "none"), ("ID", "uint32"), ("IFINDEX", "uint32"), ("NAPI", "uint32"), ("INFLIGHT", "uint32"),
               ("INFLIGHT_MEM", "uint32"), ("DETACH", "uint32"), ("DMABUF", "uint32"))


def spelled(kind, family, command, attrs, flags=REQUEST | ACK, seq=1, pid=0):
    """Octets of a request as pyroute2 writes them."""
    told = kind()
    told["header"].update({"type": family, "flags": flags, "sequence_number": seq, "pid": pid})
    told["cmd"], told["version"], told["attrs"] = command, 1, attrs
    told.encode()
    return bytes(told.data)


def read(kind, octets):
    """A message as pyroute2 reads it."""
    told = kind(octets)
    told.decode()
    return told


def attr(number, payload, nested=False):
    """One attribute by hand."""
    payload = struct.pack("<I", payload) if isinstance(payload, int) else payload
    octets = struct.pack("<HH", 4 + len(payload), number | (0x8000 if nested else 0)) + payload
    return octets + b"\0" * (-len(octets) % 4)


def raw(family, command, body=b"", flags=REQUEST | ACK, seq=1, version=1, reserved=0):
    """One request by hand."""
    return struct.pack("<IHHIIBBH", 20 + len(body), family, flags, seq, 0, command, version, reserved) + body


def answer(nl, octets):
    """Name of the errno (None: success), extack in the recorded form, and replies."""
    number, told, replies = None, {}, []
    for reply in messages(nl.send(octets)):
        if reply.kind in (NLMSG_ERROR, NLMSG_DONE):
            number, extack = read_outcome(reply)
            told = extack.as_dict()
        else:
            replies.append(reply.octets[HEADERS:])
    return name_of(number) if number else None, told or None, replies
