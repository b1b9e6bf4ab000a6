"""The error queue as programs read it: an extended error in a control message, and what it says about sends.

Law.   The octets of the control message are Linux's own, for either family of socket.
Reads. Linux include/uapi/linux/errqueue.h, net/ipv4/ip_sockglue.c (ip_recv_error), net/ipv6/datagram.c (ipv6_recv_error);
       spec section 17.6.
Omits. Extended errors of other origins (ICMP, time stamps): nothing here makes them, and they are left out when read.
"""

import struct
from typing import NamedTuple

from devmemlab.base.errno import EAGAIN
from devmemlab.sock.uapi import AF_INET, CMSG_HEADER_BYTES, MSG_CTRUNC, MSG_DONTWAIT, MSG_ERRQUEUE

IP_RECVERR, IPV6_RECVERR = (0, 11), (41, 25)
"""Level and type of an extended error."""
SO_EE_ORIGIN_ZEROCOPY, SO_EE_CODE_ZEROCOPY_COPIED = 5, 1
EXTENDED = struct.Struct("=IBBBBII")
"""struct sock_extended_err: errno, origin, type, code, pad, info, data."""
OFFENDER_BYTES = {IP_RECVERR: 16, IPV6_RECVERR: 28}
"""Octets of the address behind it, which a completion leaves zero."""
CONTROL_BYTES = 512


class Completion(NamedTuple):
    """One notification of the error queue.

    first, last : int
        Numbers of the sends that are complete; the first successful one on a socket is 0.
    copied : bool
        Whether the kernel copied after all; never for device memory.
    """

    first: int
    last: int
    copied: bool


def recverr_message(family, first, last, copied, room):
    """Write the control message of a completion.

    Parameters
    ----------
    family : int
        AF_INET or AF_INET6, of the socket.
    first, last : int
        Numbers.
    copied : bool
        What the code says.
    room : int
        Octets of the program's control buffer.

    Returns
    -------
    ancdata, msg_flags : list of (int, int, bytes), int
        As ``recvmsg`` returns them; a message that does not fit is cut off, and MSG_CTRUNC says so.
    """
    level, kind = IP_RECVERR if family == AF_INET else IPV6_RECVERR
    code = SO_EE_CODE_ZEROCOPY_COPIED if copied else 0
    body = EXTENDED.pack(0, SO_EE_ORIGIN_ZEROCOPY, 0, code, 0, first, last) + bytes(OFFENDER_BYTES[level, kind])
    if room >= CMSG_HEADER_BYTES + len(body):
        return [(level, kind, body)], MSG_ERRQUEUE
    if room < CMSG_HEADER_BYTES:
        return [], MSG_ERRQUEUE | MSG_CTRUNC
    return [(level, kind, body[:room - CMSG_HEADER_BYTES])], MSG_ERRQUEUE | MSG_CTRUNC


def completions_in(ancdata):
    """Read what the control messages of one recvmsg tell about sends.

    Parameters
    ----------
    ancdata : sequence of (int, int, bytes)
        From ``recvmsg(..., MSG_ERRQUEUE)`` of the lab or of a real socket.

    Returns
    -------
    completions : list of Completion
        One for each message of this kind.
    """
    found = []
    for level, kind, body in ancdata:
        if (level, kind) in OFFENDER_BYTES and len(body) >= EXTENDED.size:
            _, origin, _, code, _, first, last = EXTENDED.unpack_from(body)
            if origin == SO_EE_ORIGIN_ZEROCOPY:
                found.append(Completion(first, last, bool(code & SO_EE_CODE_ZEROCOPY_COPIED)))
    return found


def read_completions(conn):
    """Read an error queue until it is empty.

    Parameters
    ----------
    conn : Socket
        Of the lab, or a real one.

    Returns
    -------
    completions : list of Completion
        In the order in which they were told.
    """
    found = []
    while True:
        try:
            _, ancdata, _, _ = conn.recvmsg(0, CONTROL_BYTES, MSG_ERRQUEUE | MSG_DONTWAIT)
        except OSError as problem:
            if problem.errno != EAGAIN:
                raise
            return found
        found += completions_in(ancdata)
