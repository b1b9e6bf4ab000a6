"""Private namespaces on the running kernel, and callers with fewer rights than ours.

Law.   A caller with fewer rights is another process; this one keeps its own. What is made goes when this process goes.
Reads. network_namespaces(7), user_namespaces(7), capabilities(7); Documentation/networking/tuntap.rst.
Omits. netdevsim and NICs: a private namespace has none.
"""

import ctypes
import fcntl
import os
import pickle
import struct
import subprocess

from devmemlab.lab.conformance.answers import NotModelled

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
IFF_TUN, IFF_TAP, IFF_MULTI_QUEUE, IFF_NO_PI, TUNSETIFF = 1, 2, 0x100, 0x1000, 0x400454CA
CAP_NET_ADMIN, CAP_VERSION_3 = 12, 0x20080522
NOBODY = 65534
PAIR = ["link", "add", "v0", "numrxqueues", "2", "numtxqueues", "2", "type", "veth", "peer", "name", "v1", "numrxqueues", "2",
        "numtxqueues", "2"]
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    """Run the ip command.

    Parameters
    ----------
    *words : str
        Its arguments.
    """
    subprocess.run(["ip", *words], check=True, capture_output=True)


def open_tun(name, bits):
    """Make a tun or tap device that lives as long as its descriptor.

    Parameters
    ----------
    name : str
        Interface name.
    bits : int
        ``IFF_*``.

    Returns
    -------
    fd : int
        One attached queue.
    """
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), bits | IFF_NO_PI))
    return fd


def build_namespace(machine):
    """Enter a new network namespace and put a recorded machine's interfaces into it.

    Parameters
    ----------
    machine : str
        ``"alone"`` or one that begins with ``"netns"``.

    Raises
    ------
    NotModelled
        Another machine.
    """
    if machine != "alone" and not machine.startswith("netns"):
        raise NotModelled("a private namespace has no such NIC")
    if _libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "no private network namespace")
    ip("link", "set", "lo", "up")
    if machine == "alone":
        return
    ip(*PAIR)
    ip("link", "add", "br0", "type", "bridge")
    for name, bits in (("tap0", IFF_TAP), ("tun0", IFF_TUN), ("tapmq", IFF_TAP | IFF_MULTI_QUEUE)):
        open_tun(name, bits)
    for name in ("v1", "v0", "tap0", "tun0", "tapmq"):
        ip("link", "set", name, "up")
    if "-gro" in machine:
        subprocess.run(["ethtool", "-K", "v0", "gro", "on"], check=True, capture_output=True)


def become(user):
    """Give up rights, for good.

    Parameters
    ----------
    user : str
        As records name callers.
    """
    if user.startswith("uid"):
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    elif user.startswith("root-without"):
        header = struct.pack("=II", CAP_VERSION_3, 0)
        words = ctypes.create_string_buffer(24)
        _libc.capget(header, words)
        sets = list(struct.unpack("=6I", words.raw))
        sets[:3] = [word & ~(1 << CAP_NET_ADMIN) for word in sets[:3]]
        if _libc.capset(header, struct.pack("=6I", *sets)):
            raise OSError(ctypes.get_errno(), "capset")
    elif user.startswith("userns"):
        if _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
    else:
        raise NotModelled(f"a caller called {user!r} is not known here")


def as_caller(user, call, *args):
    """Call a function in a process with a caller's rights.

    Parameters
    ----------
    user : str
        ``"root"``: in this process.
    call : callable
        What it returns must survive pickling.
    *args : object
        Its arguments.

    Returns
    -------
    result : object
        What the call returned.
    """
    if user == "root":
        return call(*args)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            become(user)
            outcome = call(*args), None
        except BaseException as problem:
            outcome = None, problem
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pickle.dumps(outcome))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        octets = pipe.read()
    os.waitpid(pid, 0)
    result, problem = pickle.loads(octets)
    if problem is not None:
        raise problem
    return result
