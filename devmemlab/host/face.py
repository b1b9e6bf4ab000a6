"""The Linux face of a host: what a program calls to get sockets, netlink and configuration.

Law.   A program written against these names runs on a real kernel that offers the same ones.
Reads. interfaces section 2.
Omits. mmap of sockets: `Socket.zerocopy_receive` gives pages at once.
"""

from devmemlab.base.errno import ENOTTY
from devmemlab.host.commands_of import commands_of
from devmemlab.host.counters import Counting
from devmemlab.host.ethtool import ethtool_of
from devmemlab.host.io_uring import SETUP, IoUring
from devmemlab.host.inspect import inspect_queue, inspect_skb
from devmemlab.host.memory_fds import MemoryFds
from devmemlab.host.netlink import NetlinkSocket
from devmemlab.host.readiness import fd_of
from devmemlab.host.receive_options import socket_ioctl
from devmemlab.host.selector import Readiness
from devmemlab.host.shell import run_shell
from devmemlab.host.socket import Socket, check_socket_arguments
from devmemlab.host.sysctl import Sysctls
from devmemlab.host.tap import Tap
from devmemlab.host.token_face import Tokens
from devmemlab.host.zerocopy_calls import ZerocopyCalls
from devmemlab.sock.uapi import AF_INET, SOCK_STREAM


class LinuxFace(MemoryFds, Tokens, Readiness, Counting, Sysctls, ZerocopyCalls):
    """The part of a host that programs see."""

    def socket(self, family=AF_INET, type=SOCK_STREAM, proto=0):
        """Make a TCP socket.

        Parameters
        ----------
        family, type, proto : int
            As for ``socket.socket``.

        Returns
        -------
        sock : Socket
            Unconnected.
        """
        check_socket_arguments(family, type, proto)
        return Socket(self, family)

    def io_uring(self, entries=64, flags=SETUP):
        """Make an io_uring, for zero-copy receive.

        Parameters
        ----------
        entries : int
            Requests that can be prepared at a time; completions there is room for are twice as many.
        flags : int
            IORING_SETUP_*; SINGLE_ISSUER, DEFER_TASKRUN and CQE32 when left out.

        Returns
        -------
        ring : IoUring
            ``register_ifq``, ``recv_zc``, ``submit``, ``cqes``, ``close``.
        """
        return IoUring(self, entries, flags)

    def ioctl(self, fd, request):
        """Ask a socket about its queues.

        Parameters
        ----------
        fd : int or Socket
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
            EBADF; ENOTTY for another request, or what is no socket; EINVAL for a listener.
        """
        return socket_ioctl(self.fds.get(fd_of(fd), Socket, ENOTTY, "a socket"), request)

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
        """
        return self.device(ifname).ifindex

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
        """
        return ethtool_of(self.device(ifname), self.poke)

    def explain(self, frame, ifname=None):
        """Explain which queue of an interface a frame goes to, step by step.

        Parameters
        ----------
        frame : bytes
            The frame, from its destination MAC address on.
        ifname : str, optional
            Name of the interface; the host's first NIC when left out.

        Returns
        -------
        told : devmemlab.nic.explain.Explanation
            ``queue``, ``rule``, ``hash`` and the steps; prints as a table.
        """
        return self.ethtool(ifname or self.netdev.name).explain(frame)

    def tap(self, snaplen=65535, packets=4096):
        """Open a packet socket: received packets are captured, unreadable ones by their headers only.

        Parameters
        ----------
        snaplen : int
            Most octets of a packet.
        packets : int
            Packets there is room for.

        Returns
        -------
        tap : devmemlab.host.tap.Tap
            ``capture()``, ``save(path)``, ``close()``.
        """
        return Tap(self, snaplen, packets)

    def inspect(self, skb):
        """Look at an skb, or at all that wait in a connection: octets, frags, owners, readable or not.

        Parameters
        ----------
        skb : int or Socket
            Row of ``host.skbs``, or a connection.

        Returns
        -------
        found : devmemlab.host.inspect.Inspection or devmemlab.host.inspect.Queue
            Prints as text.
        """
        return inspect_queue(self, skb) if hasattr(skb, "sock") else inspect_skb(self, int(skb))

    def sh(self, text, **variables):
        """Run command lines as an administrator types them: ``ethtool``, ``ip link`` and ``ynl``.

        Parameters
        ----------
        text : str
            One command or several lines.
        **variables
            Values of ``$NAME``, for example ``DMABUF_FD=fd``.

        Returns
        -------
        result : devmemlab.host.shell.Result
            ``stdout``, ``stderr``, ``returncode`` as the real tools answer; ``error`` says more.
            Nothing is raised.
        """
        return run_shell(self, text, variables)

    def as_commands(self):
        """Write the present configuration as the commands that make it on a real machine.

        Returns
        -------
        text : str
            Lines of ``ethtool``, ``ip`` and ``ynl``; ``sh`` understands them too.
        """
        return commands_of(self)

    def netlink(self, family="netdev"):
        """Open a generic netlink socket.

        Parameters
        ----------
        family : str
            ``"netdev"``.

        Returns
        -------
        socket : NetlinkSocket
            do, dump, bind_rx, close.
        """
        return NetlinkSocket(self, family)

    def close(self, fd):
        """Close a file descriptor.

        Parameters
        ----------
        fd : int
            Of a socket, a dmabuf or a netlink socket.
        """
        self.fds.close(fd)
        self.poke()
