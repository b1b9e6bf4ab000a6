"""The one question for rtnetlink: whether an interface is up, its MTU, its XDP program.

Law.   What is not told is not there: an interface without the attribute has no program.
Reads. rtnetlink(7); Linux include/uapi/linux/if_link.h (IFLA_XDP_*).
Omits. Everything else that ip link shows. (/sys may show another network namespace than the one that we are in.)
"""

import struct

from devmemlab.base.errno import ENODEV
from devmemlab.host.genl.extack import read_outcome
from devmemlab.host.genl.wire import NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, NLMSGHDR, attributes, message, messages
from devmemlab.linux.carrier import NETLINK_ROUTE, ask

RTM_GETLINK, RTM_NEWLINK, IFLA_XDP, IFLA_XDP_ATTACHED, IFLA_XDP_PROG_ID = 18, 16, 43, 2, 4
IFINFOMSG = struct.Struct("=BxHiII")
IFF_UP, IFLA_MTU, IFLA_OPERSTATE = 1, 4, 16
OPERSTATES = ("unknown", "not present", "down", "lower layer down", "testing", "dormant", "up")
MODES = {1: "driver", 2: "generic", 3: "offloaded", 4: "several"}


def xdp_in(octets):
    """Read the XDP program out of a link message.

    Parameters
    ----------
    octets : bytes
        A RTM_NEWLINK message.

    Returns
    -------
    program : dict or None
        ``mode`` and ``id``; None without one.
    """
    for one in attributes(octets, NLMSGHDR.size + IFINFOMSG.size, len(octets))[0]:
        if one.number != IFLA_XDP:
            continue
        inner = {part.number: octets[part.start:part.end] for part in attributes(octets, one.start, one.end)[0]}
        mode = inner.get(IFLA_XDP_ATTACHED, b"\0")[0]
        if mode:
            number = inner.get(IFLA_XDP_PROG_ID)
            return {"mode": MODES.get(mode, str(mode)), "id": struct.unpack("=I", number)[0] if number else 0}
    return None


def link_in(octets):
    """Read a link message.

    Parameters
    ----------
    octets : bytes
        A RTM_NEWLINK message.

    Returns
    -------
    link : dict
        ``up``, ``mtu``, ``operstate`` (a word) and ``xdp``, see `xdp_in`.
    """
    bits = IFINFOMSG.unpack_from(octets, NLMSGHDR.size)[3]
    found = {one.number: octets[one.start:one.end]
             for one in attributes(octets, NLMSGHDR.size + IFINFOMSG.size, len(octets))[0]}
    state = found.get(IFLA_OPERSTATE, b"\0")[0]
    return {"up": bool(bits & IFF_UP), "mtu": struct.unpack("=I", found[IFLA_MTU])[0] if IFLA_MTU in found else None,
            "operstate": OPERSTATES[state] if state < len(OPERSTATES) else str(state), "xdp": xdp_in(octets)}


def link_of(ifindex):
    """Ask for the state of an interface.

    Parameters
    ----------
    ifindex : int
        Its number.

    Returns
    -------
    link : dict
        See `link_in`.

    Raises
    ------
    OSError
        ENODEV.
    """
    request = message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0, IFINFOMSG.pack(0, 0, ifindex, 0, 0))
    for reply in messages(ask(request, NETLINK_ROUTE)):
        if reply.kind == NLMSG_ERROR and read_outcome(reply)[0]:
            raise OSError(read_outcome(reply)[0], "the kernel does not know this interface")
        if reply.kind == RTM_NEWLINK:
            return link_in(reply.octets)
    raise OSError(ENODEV, "the kernel tells nothing about this interface")
