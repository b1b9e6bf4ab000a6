"""Settings of a real network by the kernel's names, and how a program waits on real descriptors.

Law.   What is read is what the file below /proc/sys shows; what is written is what the kernel takes.
Reads. Linux Documentation/networking/ip-sysctl.rst; Python's select, selectors, asyncio.
Omits. Settings that are not below /proc/sys.
"""

import asyncio
import pathlib
import select
import selectors

from devmemlab.base.errno import EACCES, EINVAL, ENOENT, error


class Settings:
    """The part of `devmemlab.linux.kernel.Kernel` about settings and readiness."""

    sysctl_root = "/proc/sys"

    def sysctl(self, name, value=None):
        """Read a setting, or write it.

        Parameters
        ----------
        name : str
            For example ``"net.ipv4.tcp_sack"``; slashes may stand for the points.
        value : str, int or sequence of int, optional
            None: only read.

        Returns
        -------
        value : str
            What it is afterwards.

        Raises
        ------
        OSError
            ENOENT for a name that this kernel does not have, EINVAL, EACCES.
        """
        parts = (name if "/" in name else name.replace(".", "/")).strip("/").split("/")
        path = pathlib.Path(self.sysctl_root, *parts)
        if ".." in parts or not path.is_file():
            raise error(ENOENT, f"sysctl {name!r}: this kernel, or this network namespace, has no such setting")
        try:
            if value is not None:
                words = value if isinstance(value, str) else " ".join(map(str, [value] if isinstance(value, int) else value))
                path.write_text(f"{words}\n")
            return path.read_text().rstrip("\n")
        except PermissionError as problem:
            raise error(problem.errno or EACCES, f"sysctl {name!r} may not be {'read' if value is None else 'written'} by this "
                                                 "process: run as root, or in a network namespace of your own") from None
        except OSError as problem:
            raise error(problem.errno or EINVAL, f"sysctl {name} = {value!r} is refused") from None

    @property
    def local_ports(self):
        """range: local ports that ``connect`` may choose."""
        low, high = map(int, self.sysctl("net.ipv4.ip_local_port_range").split())
        return range(low, high + 1)

    def selector(self):
        """Make a selector.

        Returns
        -------
        selector : selectors.DefaultSelector
            Python's own.
        """
        return selectors.DefaultSelector()

    def poll(self):
        """Make a polling object.

        Returns
        -------
        poll : select.poll
            Python's own.
        """
        return select.poll()

    def select(self, rlist, wlist, xlist, timeout=None):
        """Wait until a descriptor is ready.

        Parameters
        ----------
        rlist, wlist, xlist, timeout
            As for ``select.select``.

        Returns
        -------
        ready : tuple of three lists
            The members that are.
        """
        return select.select(rlist, wlist, xlist, timeout)

    def event_loop(self):
        """Make an asyncio event loop.

        Returns
        -------
        loop : asyncio.AbstractEventLoop
            ``asyncio.Runner(loop_factory=k.event_loop)`` runs programs on it.
        """
        return asyncio.new_event_loop()
