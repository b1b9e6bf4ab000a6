"""The running kernel's side of generic netlink: interfaces in the private namespace, sockets of several callers.

Law.   Every request is a socket of its own, so no binding outlives its record.
Reads. netlink(7), genetlink; Documentation/netlink/specs/netdev.yaml.
Omits. Multicast groups.
"""

import os
import shlex
import socket
import subprocess
import tempfile

from devmemlab.lab.conformance.answers import NotModelled
from devmemlab.lab.conformance.messages import CONTROLLER, attribute, attributes_of, number, read_answer, request
from devmemlab.lab.conformance.real_namespace import as_caller
from devmemlab.linux import calls
from devmemlab.linux.carrier import ask
from devmemlab.sock.uapi import SO_DEVMEM_DONTNEED, SOL_SOCKET


def return_tokens(optval):
    """Call setsockopt(SO_DEVMEM_DONTNEED) on a fresh TCP socket.

    Parameters
    ----------
    optval : bytes
        The option value.

    Returns
    -------
    released : int
        What the system call returns.
    """
    with socket.socket() as sock:
        return calls.setsockopt(sock.fileno(), SOL_SOCKET, SO_DEVMEM_DONTNEED, optval)


class RealSock:
    """Netlink requests of one caller.

    Parameters
    ----------
    user : str
        See `become`.
    family : int
        Number of the family netdev.
    """

    def __init__(self, user, family):
        self.user, self.family = user, family

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
        return as_caller(self.user, ask, octets)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        pass


class RealNetlink:
    """The part of `RealFace` that speaks netlink."""

    def machine(self, name):
        """Check that the namespace is the right one.

        Parameters
        ----------
        name : str
            Machine that a record needs.

        Returns
        -------
        face : RealFace
            This one.
        """
        if name != self._machine:
            raise NotModelled(f"the namespace is {self._machine!r}, not {name!r}")
        return self

    def netlink(self, user="root"):
        """Prepare requests of a caller; see `devmemlab.lab.conformance.lab_netlink.LabNetlink.netlink`.

        Parameters
        ----------
        user : str
            Who asks.

        Returns
        -------
        sock : RealSock
            To be closed.
        """
        _, bodies = read_answer(ask(request(CONTROLLER, 3, attribute(2, b"netdev\0"), version=2)))
        if not bodies:
            raise NotModelled("this kernel has no family netdev")
        return RealSock(user, number(dict(attributes_of(bodies[0][1]))[1]))

    def dontneed_as(self, user, optval):
        """Return tokens on a fresh TCP socket of a caller.

        Parameters
        ----------
        user, optval : str, bytes
            Who, and the option value.

        Returns
        -------
        released : int
            What the system call returns.
        """
        return as_caller(user, return_tokens, optval)

    def shell(self, words):
        """Run a command in the namespace.

        Parameters
        ----------
        words : str
            As for a shell, without its operators.

        Returns
        -------
        done : dict
            ``rc`` and ``stderr``.
        """
        try:
            done = subprocess.run(shlex.split(words), capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise NotModelled(f"{words.split()[0]} is not installed here") from None
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
        try:
            return socket.if_nametoindex(name)
        except OSError:
            raise NotModelled(f"the namespace has no {name}") from None

    def fd(self, name):
        """Find, or open, what a record calls by name.

        Parameters
        ----------
        name : str
            As for the lab.

        Returns
        -------
        fd : int
            Open as long as this process.
        """
        # What has a Python object around it is kept: the object closes its number when it goes.
        openers = {"memfd-unsealed": lambda: os.memfd_create("memfd"), "dev-null": lambda: os.open("/dev/null", os.O_RDWR),
                   "tcp-socket": lambda: self.keep(socket.socket()), "eventfd": lambda: os.eventfd(0),
                   "regular-file": lambda: self.keep(tempfile.TemporaryFile())}
        if name not in openers:
            raise NotModelled(f"this machine makes no {name}")
        if name not in self._fds:
            self._fds[name] = openers[name]()
        return self._fds[name]

    def keep(self, thing):
        """Hold an object as long as this face.

        Parameters
        ----------
        thing : object
            With ``fileno``.

        Returns
        -------
        fd : int
            Its descriptor.
        """
        self._kept.append(thing)
        return thing.fileno()
