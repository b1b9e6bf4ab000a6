"""The running kernel's side: the same calls on real sockets, in the network namespace that this process is in.

Law.   Nothing outside the private namespace is changed; what this kernel or machine lacks is not asked.
Reads. setsockopt(2), recvmsg(2), udp(7), mptcp, packet(7), vsock(7).
Omits. Netlink and interfaces: `devmemlab.lab.conformance.real_netlink`.
"""

import os
import select
import socket

from devmemlab.lab.conformance.answers import NotModelled
from devmemlab.lab.conformance.lab_calls import SO_ZEROCOPY, UNTOUCHED
from devmemlab.lab.conformance.real_netlink import RealNetlink
from devmemlab.lab.conformance.real_peer import RealPeer
from devmemlab.linux import calls
from devmemlab.sock.uapi import MSG_TRUNC, TCP_INQ

IPPROTO_MPTCP, ETH_P_ALL = 262, 3
WAIT_S = 2.0

PLAIN = {
    "udp": lambda family: socket.socket(family, socket.SOCK_DGRAM), "tcp": lambda family: socket.socket(family),
    "mptcp": lambda family: socket.socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP),
    "raw": lambda family: socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP),
    "unix-stream": lambda family: socket.socket(socket.AF_UNIX), "vsock": lambda family: socket.socket(socket.AF_VSOCK),
    "unix-dgram": lambda family: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    "netlink": lambda family: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16),
    "packet": lambda family: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)),
}
"""Beginning of a recorded socket's name -> how to make one."""


class RealFace(RealNetlink):
    """Sockets of the running kernel.

    Parameters
    ----------
    machine : str
        Which interfaces the namespace has, see `devmemlab.lab.conformance.machines`.
    """

    lab_side = False

    def __init__(self, machine="alone"):
        self._machine, self._sockets, self._fds, self._kept = machine, {}, {}, []

    def new_socket(self, version, protocol=0):
        """Make a TCP socket.

        Parameters
        ----------
        version, protocol : int
            4 or 6; 0, or MPTCP's.

        Returns
        -------
        sock : socket.socket
            Not blocking.
        """
        sock = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_STREAM, protocol)
        sock.setblocking(False)
        return sock

    def listener(self, version, protocol=0):
        """Make a listening socket.

        Parameters
        ----------
        version, protocol : int
            As for `new_socket`.

        Returns
        -------
        sock, number : socket.socket, int
            The socket and its port.
        """
        sock = self.new_socket(version, protocol)
        sock.bind(("::1" if version == 6 else "127.0.0.1", 0))
        sock.listen(8)
        return sock, sock.getsockname()[1]

    def stream(self, version, protocol=0):
        """Make a connection through the loopback device.

        Parameters
        ----------
        version, protocol : int
            As for `new_socket`.

        Returns
        -------
        conn, peer : socket.socket, RealPeer
            Both ends.
        """
        listener, _ = self.listener(version, protocol)
        far = self.new_socket(version, protocol)
        far.setblocking(True)
        far.connect(listener.getsockname())
        select.select([listener], [], [], WAIT_S)
        near, _ = listener.accept()
        near.setblocking(False)
        listener.close()
        return near, RealPeer(near, far)

    def descriptor(self, name):
        """Find, or make, the socket that a record names.

        Parameters
        ----------
        name : str
            ``"tcp4"``, ``"unix-dgram"``, ``"mptcp4-conn"``, ...

        Returns
        -------
        fd : int
            Its file descriptor.
        """
        if name not in self._sockets:
            try:
                self._sockets[name] = self._make(name)
            except (OSError, AttributeError) as problem:
                raise NotModelled(f"no {name} socket can be made here: {problem}") from None
        made = self._sockets[name]
        return made if isinstance(made, int) else made.fileno()

    def _make(self, name):
        if name == "/dev/null fd":
            return os.open("/dev/null", os.O_RDWR)
        kind = next((start for start in PLAIN if name.startswith(start)), None)
        if kind is None:
            raise NotModelled(f"a socket called {name!r} is not known here")
        digit = name[len(kind):len(kind) + 1]
        version, state = (6 if digit == "6" else 4), name[len(kind) + len(digit.strip("- ")):].strip("- ")
        protocol = IPPROTO_MPTCP if kind == "mptcp" else 0
        if state in ("", "tcp") or kind not in ("tcp", "mptcp"):
            return PLAIN[kind](socket.AF_INET6 if version == 6 else socket.AF_INET)
        if state == "listen":
            return self.listener(version, protocol)[0]
        conn, peer = self.stream(version, protocol)
        self._kept.append(peer)
        if state == "CLOSE_WAIT":
            peer.finish()
        elif state == "after shutdown(RDWR)":
            conn.shutdown(socket.SHUT_RDWR)
        return conn

    def setsockopt(self, fd, level, option, optval, optlen):
        """Call setsockopt; see `devmemlab.lab.conformance.lab_face.LabFace.setsockopt`.

        Parameters
        ----------
        fd, level, option, optval, optlen : int, int, int, bytes or int or None, int
            As there.

        Returns
        -------
        result : int
            What the system call returns.
        """
        return calls.setsockopt(fd, level, option, optval, optlen)

    def getsockopt(self, fd, level, option, optlen):
        """Call getsockopt.

        Parameters
        ----------
        fd, level, option, optlen : int
            Of which socket, which option, and room for it.

        Returns
        -------
        result : int
            What the system call returns.
        """
        return calls.getsockopt(fd, level, option, optlen)

    def recvmsg(self, conn, length, controllen, flags):
        """Receive; see `devmemlab.lab.conformance.lab_face.LabFace.recvmsg`.

        Parameters
        ----------
        conn, length, controllen, flags : socket.socket, int, int, int
            As there.

        Returns
        -------
        answer : dict
            As there.
        """
        if flags & MSG_TRUNC:
            buffer = bytearray(length)
            copied = conn.recv_into(buffer, length, flags)
            seen = UNTOUCHED if not any(buffer) else bytes(buffer[:copied]).decode("latin-1")
            return {"len": copied, "data": seen, "cmsgs": [], "msg_flags": 0}
        data, ancdata, msg_flags, _ = conn.recvmsg(length, controllen, flags)
        cmsgs = [[level, kind, body.hex()] for level, kind, body in ancdata]
        return {"len": len(data), "data": data.decode("latin-1"), "cmsgs": cmsgs, "msg_flags": msg_flags}

    def tell_queue_length(self, conn):
        """Ask for TCP_INQ messages.

        Parameters
        ----------
        conn : socket.socket
            Which.
        """
        conn.setsockopt(socket.IPPROTO_TCP, TCP_INQ, 1)

    def sendmsg(self, conn, octets, cmsgs, flags):
        """Send octets with control messages.

        Parameters
        ----------
        conn, octets, cmsgs, flags : socket.socket, bytes, list of (int, int, bytes), int
            As for the lab.

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
        conn : socket.socket
            Which.
        """
        conn.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
