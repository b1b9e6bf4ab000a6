"""The kernel that this process runs on, with the face of a lab host.

Law.   ``k = dml.linux.Kernel()`` stands where ``k = lab.host(...)`` stood, and the lines behind it stay as they are.
Reads. House law 10; interfaces section 2.
Omits. Processes (os.fork has them), namespaces (a process is in one), and what only a simulation can show: audit, explain,
       inspect, the clock, configuration written out as commands.
"""

import os
import socket
import subprocess
import sys

from devmemlab.base.errno import ENODEV, error
from devmemlab.linux.completions import DeviceSends
from devmemlab.linux.counters import Counting
from devmemlab.linux.ethtool import Ethtool
from devmemlab.linux.memory import MemoryFds
from devmemlab.linux.netlink import NetlinkSocket
from devmemlab.linux.settings import Settings
from devmemlab.linux.tcp_socket import OPEN, Socket

ONLY_IN_THE_LAB = ("audit", "explain", "inspect", "tap", "as_commands", "process", "clock", "lab", "trace", "netdev", "add_nic",
                   "add_device", "model_device", "watch_tokens", "token_report", "token_watch")


class Kernel(MemoryFds, DeviceSends, Counting, Settings):
    """The running Linux kernel, as this process sees it.

    Raises
    ------
    NotImplementedError
        This is not Linux.

    Examples
    --------
    >>> k = Kernel()                                                # doctest: +SKIP
    >>> netdev = k.netlink("netdev")                                # doctest: +SKIP
    """

    name = "this machine"

    def __init__(self):
        if sys.platform != "linux":
            raise NotImplementedError(f"dml.linux.Kernel is the running Linux kernel, and this is {sys.platform}; "
                                      "dml.Lab().host(...) takes the same calls everywhere")

    def __getattr__(self, name):
        if name in ONLY_IN_THE_LAB:
            raise AttributeError(f"a real kernel has no {name!r}: only a lab host shows it")
        raise AttributeError(f"'Kernel' object has no attribute {name!r}")

    @property
    def pid(self):
        """int: number of this process."""
        return os.getpid()

    @property
    def admin(self):
        """bool: whether this process has CAP_NET_ADMIN."""
        from devmemlab.linux.probe_process import has_capability

        return has_capability("net_admin")

    def socket(self, family=socket.AF_INET, type=socket.SOCK_STREAM, proto=0):
        """Make a socket.

        Parameters
        ----------
        family, type, proto : int
            As for ``socket.socket``.

        Returns
        -------
        sock : Socket
            Unconnected.
        """
        return Socket(family, type, proto)

    def netlink(self, family="netdev"):
        """Open a generic netlink socket.

        Parameters
        ----------
        family : str
            ``"netdev"``.

        Returns
        -------
        socket : NetlinkSocket
            do, dump, bind_rx, bind_tx, subscribe, close.

        Raises
        ------
        NetlinkError
            ENOENT: this kernel has no such family.
        """
        made = NetlinkSocket(family)
        OPEN.add(made)
        return made

    def ethtool(self, ifname):
        """Configuration of an interface.

        Parameters
        ----------
        ifname : str
            Its name.

        Returns
        -------
        ethtool : Ethtool
            set_rings, set_rxfh_indir, add_rule, ...

        Raises
        ------
        OSError
            ENODEV.
        """
        self.ifindex(ifname)
        return Ethtool(ifname)

    def ifindex(self, ifname):
        """Number of an interface.

        Parameters
        ----------
        ifname : str
            Its name.

        Returns
        -------
        ifindex : int
            1 or more.

        Raises
        ------
        OSError
            ENODEV: this network namespace has no such interface.
        """
        try:
            return socket.if_nametoindex(ifname)
        except OSError:
            there = ", ".join(name for _, name in socket.if_nameindex())
            raise error(ENODEV, f"no interface {ifname!r} in this network namespace; there are {there}") from None

    def ioctl(self, fd, request):
        """Ask a socket about its queues.

        Parameters
        ----------
        fd : int or socket.socket
            Which.
        request : int
            SIOCINQ, SIOCATMARK, SIOCOUTQ or SIOCOUTQNSD.

        Returns
        -------
        value : int
            The C int that the kernel writes.

        Raises
        ------
        OSError
            With the kernel's errno.
        """
        import fcntl                    # Linux only, as this object is

        return int.from_bytes(fcntl.ioctl(fd, request, bytes(4)), sys.byteorder, signed=True)

    def sh(self, text, **variables):
        """Run command lines in a shell of this machine, with the rights of this process.

        Parameters
        ----------
        text : str
            One command or several lines.
        **variables
            Values of ``$NAME``; one that is an open file descriptor is handed to the commands.

        Returns
        -------
        result : subprocess.CompletedProcess
            ``stdout``, ``stderr`` as text, ``returncode``.
        """
        return subprocess.run(["/bin/sh", "-c", text], text=True, capture_output=True, check=False,
                              env={**os.environ, **{name: str(value) for name, value in variables.items()}},
                              pass_fds=[value for value in variables.values() if isinstance(value, int) and _is_open(value)])

    def close(self, fd):
        """Close a file descriptor.

        Parameters
        ----------
        fd : int
            Of a socket, a dmabuf or a netlink socket.
        """
        for thing in list(OPEN):
            # The object knows that it is closed, so that it does not close the number again.
            if thing.fileno() == fd:
                thing.close()
                return
        os.close(fd)

    def __repr__(self):
        system = os.uname()
        return f"<Kernel {system.release} {system.machine}>"


def _is_open(number):
    """Whether a number is an open descriptor beyond standard input, output and error."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return number > 2
