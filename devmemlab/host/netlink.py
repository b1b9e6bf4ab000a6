"""Generic netlink for programs: requests by name, real messages underneath.

Law.   A binding lives exactly as long as the netlink socket that made it; nothing reaches the kernel's side except octets.
Reads. Linux tools/net/ynl (names, and how replies are shown); net/netlink/af_netlink.c; spec sections 9.1 to 9.7.
Omits. Sequence numbers that a program chooses.

``do`` and ``dump`` (`devmemlab.host.genl.asking`) spell a request, ``send`` carries it, and what comes back is read again: the
same octets that `NetlinkSocket.send` takes from anybody who spells messages by hand.
"""

from devmemlab.base.errno import EBADF, error
from devmemlab.host.genl.asking import Asking, NetlinkError
from devmemlab.host.genl.extack import Extack
from devmemlab.host.genl.operations import CTRL_ID, NEWEST
from devmemlab.host.genl.sets import RX, TX
from devmemlab.host.netlink_controller import FAMILY, Controller
from devmemlab.host.netlink_listen import SOL_NETLINK, Listening

__all__ = ["FAMILY", "RX", "SOL_NETLINK", "TX", "Extack", "NetlinkError", "NetlinkSocket"]


class NetlinkSocket(Asking, Controller, Listening):
    """A socket of a family. Made by ``host.netlink("netdev")``.

    Parameters
    ----------
    host : Host or Process
        Whose socket it is.
    family : str
        ``"netdev"`` or ``"nlctrl"``.
    sock : GenlSock, optional
        The kernel's side, when it is there already (``dup``).

    Attributes
    ----------
    words, commands, number
        See `devmemlab.host.genl.asking.Asking`.
    """

    def __init__(self, host, family=FAMILY, sock=None):
        self.host, self.family = host, family
        self.sock = sock if sock is not None else host.genl.open(host)
        self._seq = 0
        self._fd = host.fds.install(self.sock)
        self.commands = dict(NEWEST)
        try:
            # What the controller tells is what a program would know the family's number from.
            self.number = CTRL_ID
            self.number = self._do(NEWEST["getfamily"], {"family-name": family}, CTRL_ID)["family-id"]
        except NetlinkError:
            self.close()
            raise
        self.commands.update({op.name: op for op in host.genl.families[self.number][1].values()})

    @property
    def bindings(self):
        """Rows of the bindings that the socket owns."""
        return self.sock.bindings

    def advice(self, op, number, extack):
        """Say what the lab knows of the last refusal; see `devmemlab.host.genl.asking.Asking.advice`.

        Parameters
        ----------
        op, number, extack
            As there.

        Returns
        -------
        advice : str
            It did not travel.
        """
        return self.sock.why

    def fileno(self):
        """Return the file descriptor, -1 after close."""
        return self._fd

    def send(self, octets):
        """Send messages and take what comes back.

        Parameters
        ----------
        octets : bytes
            Netlink messages.

        Returns
        -------
        replies : bytes
            Netlink messages; empty when none was asked for.

        Raises
        ------
        OSError
            EBADF: the socket is closed.
        """
        if self._fd < 0 or self.host.fds.things.get(self._fd) is not self.sock:
            raise error(EBADF, "the netlink socket is closed; open another one with netlink()")
        return self.host.genl.answer(self.sock, self.host, octets)

    def dup(self):
        """Give the socket another file descriptor; its bindings live until both are closed.

        Returns
        -------
        socket : NetlinkSocket
            For the same socket.
        """
        return NetlinkSocket(self.host, self.family, self.host.fds.get(self._fd))

    def close(self):
        """Close the file descriptor; with the last one of the socket everything it bound is unbound."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            # Whoever closed the number before may have given it to something else.
            if self.host.fds.things.get(fd) is self.sock:
                self.host.close(fd)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __repr__(self):
        return f"<NetlinkSocket fd={self._fd} {self.family}: {len(self.bindings)} bindings>"
