"""The lab's side of generic netlink: sockets of several callers, interfaces and descriptors by the names that records use.

Law.   A request reaches the host as octets.
Reads. interfaces section 2.
Omits. User namespaces.
"""

import numpy as np

from devmemlab.lab.conformance.answers import NotModelled
from devmemlab.sock.uapi import AF_INET, SO_DEVMEM_DONTNEED, SOCK_STREAM, SOL_SOCKET

UDMABUF_BYTES, FILE_BYTES = 1 << 20, 65536
SEALABLE = 3
NOT_MEMORY = ("dev-null", "eventfd")


class LabSock:
    """A netlink socket that takes requests as octets.

    Parameters
    ----------
    sock : NetlinkSocket
        The lab's.

    Attributes
    ----------
    family : int
        Number of the family netdev.
    """

    def __init__(self, sock):
        self.sock, self.family = sock, sock.number

    def ask(self, octets):
        """Send a request and take its answer.

        Parameters
        ----------
        octets : bytes
            One message.

        Returns
        -------
        octets : bytes
            Every message that came back.
        """
        return self.sock.send(octets)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.sock.close()


class LabNetlink:
    """The part of `LabFace` that speaks netlink."""

    def as_user(self, user):
        """Find a process of a caller.

        Parameters
        ----------
        user : str
            ``"root"``, or anybody without rights.

        Returns
        -------
        process : Host or Process
            The Linux face of that process.
        """
        if user == "root":
            return self.host
        if user not in self._users:
            if not hasattr(self.host, "process"):
                raise NotModelled("the lab does not model callers without rights yet")
            self._users[user] = self.host.process(user, admin=False)
        return self._users[user]

    def dontneed_as(self, user, optval):
        """Return tokens on a fresh TCP socket of a caller.

        Parameters
        ----------
        user : str
            See `as_user`.
        optval : bytes
            The option value.

        Returns
        -------
        released : int
            What the system call returns.
        """
        with self.as_user(user).socket(AF_INET, SOCK_STREAM) as sock:
            return sock.setsockopt(SOL_SOCKET, SO_DEVMEM_DONTNEED, optval)

    def netlink(self, user="root"):
        """Open a netlink socket.

        Parameters
        ----------
        user : str
            See `as_user`.

        Returns
        -------
        sock : LabSock
            To be closed.
        """
        sock = self.as_user(user).netlink("netdev")
        if not hasattr(sock, "send"):
            sock.close()
            raise NotModelled("the lab's netlink takes no messages as octets yet")
        return LabSock(sock)

    def shell(self, words):
        """Run a command on the host.

        Parameters
        ----------
        words : str
            As typed.

        Returns
        -------
        done : dict
            ``rc`` and ``stderr``.
        """
        done = self.host.sh(words)
        return {"rc": done.returncode, "stderr": done.stderr}

    def ifindex(self, name):
        """Number an interface.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        ifindex : int
            1 or more.
        """
        return self.host.ifindex(name)

    def fd(self, name):
        """Find, or open, what a record calls by name.

        Parameters
        ----------
        name : str
            ``"udmabuf"``, ``"udmabuf 4096"``, ``"dmaheap 100"``, ``"memfd-unsealed"``, ``"tcp-socket"``, ``"eventfd"``, ...

        Returns
        -------
        fd : int
            Open as long as the host.
        """
        if name not in self._fds:
            self._fds[name] = self._open(name)
        return self._fds[name]

    def _open(self, name):
        kind, _, size = name.partition(" ")
        if kind == "udmabuf":
            return self.host.udmabuf(int(size or UDMABUF_BYTES))
        if kind == "dmaheap":
            return self.host.export(np.zeros(int(size), np.uint8))
        if kind in ("memfd-unsealed", "regular-file"):
            return self.host.memfd_create(kind, SEALABLE if kind == "memfd-unsealed" else 0, FILE_BYTES)
        if kind == "tcp-socket":
            return self.new_socket(4).fileno()
        if kind in NOT_MEMORY:
            return self.host.open_other(kind)
        raise NotModelled(f"a descriptor called {name!r} is not known here")
