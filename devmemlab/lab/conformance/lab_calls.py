"""The lab's side of the socket calls: as a C program makes them, with lengths and pointers of its own.

Law.   A call that the lab cannot make is refused before it is made, never answered.
Reads. setsockopt(2), recvmsg(2), sendmsg(2).
Omits. What the lab's sockets do not have, as it is found when they are asked.
"""

import struct

from devmemlab.base.errno import ENOPROTOOPT
from devmemlab.host.sockopt import setsockopt_fd
from devmemlab.lab.conformance.answers import NotModelled
from devmemlab.sock.uapi import IPPROTO_TCP, MSG_TRUNC, SOL_SOCKET, TCP_INQ

SO_ZEROCOPY = 60
UNTOUCHED = "(MSG_TRUNC leaves the buffer untouched)"


def set_if_known(conn, level, option, name):
    """Switch an option on, if the lab has it.

    Parameters
    ----------
    conn : Socket
        Of which socket.
    level, option : int
        Which.
    name : str
        How people call it.

    Raises
    ------
    NotModelled
        The lab refuses the option as unknown.
    """
    try:
        conn.setsockopt(level, option, 1)
    except OSError as problem:
        if problem.errno == ENOPROTOOPT:
            raise NotModelled(f"the lab does not model {name}") from None
        raise


class LabCalls:
    """The part of `LabFace` that makes socket calls."""

    def setsockopt(self, fd, level, option, optval, optlen):
        """Set an option as the system call does.

        Parameters
        ----------
        fd, level, option : int
            Of which socket, and which option.
        optval : bytes, int or None
            The value; a number stands for an address where the program has no memory, as None does.
        optlen : int
            Its length as the call is told.

        Returns
        -------
        result : int
            What the system call returns.
        """
        return setsockopt_fd(self.host, fd, level, option, optval if isinstance(optval, bytes) else None, optlen) or 0

    def getsockopt(self, fd, level, option, optlen):
        """Read an option as the system call does.

        Parameters
        ----------
        fd, level, option, optlen : int
            Of which socket, which option, and room for it.

        Returns
        -------
        result : int
            What the system call returns.
        """
        self.host.fds.get(fd).getsockopt(level, option, optlen)
        return 0

    def recvmsg(self, conn, length, controllen, flags):
        """Receive, and tell what the system call and its msghdr tell.

        Parameters
        ----------
        conn : Socket
            Which.
        length, controllen, flags : int
            Room for data and control messages; ``MSG_*``.

        Returns
        -------
        answer : dict
            ``len``, ``data``, ``cmsgs`` as (level, type, octets in hex), ``msg_flags``.
        """
        if flags & MSG_TRUNC:
            # recvmsg returns octets, not how many it dropped; recv_into tells.
            buffer = bytearray(length)
            copied = conn.recv_into(buffer, length, flags)
            seen = UNTOUCHED if not any(buffer) else bytes(buffer[:copied]).decode("latin-1")
            return {"len": copied, "data": seen, "cmsgs": [], "msg_flags": 0}
        data, ancdata, msg_flags, _ = conn.recvmsg(length, controllen, flags)
        cmsgs = [[level, kind, body.hex()] for level, kind, body in ancdata]
        taken = sum(struct.unpack_from("<QI", body)[1] for level, kind, body in ancdata if (level, kind) in ((1, 78), (1, 79)))
        return {"len": taken or len(data), "data": data.decode("latin-1"), "cmsgs": cmsgs, "msg_flags": msg_flags}

    def tell_queue_length(self, conn):
        """Ask for TCP_INQ messages.

        Parameters
        ----------
        conn : Socket
            Which.
        """
        set_if_known(conn, IPPROTO_TCP, TCP_INQ, "TCP_INQ")

    def sendmsg(self, conn, octets, cmsgs, flags):
        """Send octets with control messages.

        Parameters
        ----------
        conn : Socket
            Which.
        octets : bytes
            Payload.
        cmsgs : list of (int, int, bytes)
            Control messages.
        flags : int
            ``MSG_*``.

        Returns
        -------
        sent : int
            Octets.
        """
        return conn.sendmsg([octets], cmsgs, flags)

    def allow_zerocopy(self, conn):
        """Set SO_ZEROCOPY.

        Parameters
        ----------
        conn : Socket
            Which.
        """
        set_if_known(conn, SOL_SOCKET, SO_ZEROCOPY, "SO_ZEROCOPY")
