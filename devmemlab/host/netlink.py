"""Generic netlink for programs: requests by name, real messages underneath.

Law.   A binding lives exactly as long as the netlink socket that made it; nothing reaches the kernel's side except octets.
Reads. Linux tools/net/ynl (names, and how replies are shown); net/netlink/af_netlink.c; spec sections 9.1 to 9.7.
Omits. Reading a dump in several pieces; sequence numbers that a program chooses.

``do`` and ``dump`` spell a request, ``send`` carries it, and what comes back is read again: the same octets that
`NetlinkSocket.send` takes from anybody who spells messages by hand.
"""

import os

from devmemlab.base.errno import EBADF, EINVAL, EOPNOTSUPP, error, name_of
from devmemlab.host.genl.extack import Extack, read_outcome
from devmemlab.host.genl.operations import CTRL_ID, NEWEST
from devmemlab.host.genl.sets import RX, SETS, TX, decode, encode, name_at
from devmemlab.host.genl.wire import HEADERS, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, generic, messages
from devmemlab.host.netlink_controller import FAMILY, Controller
from devmemlab.host.netlink_listen import SOL_NETLINK, Listening

__all__ = ["FAMILY", "RX", "SOL_NETLINK", "TX", "Extack", "NetlinkError", "NetlinkSocket"]


class NetlinkError(OSError):
    """A refused netlink request.

    Parameters
    ----------
    number : int
        Errno.
    extack : Extack
        The kernel's own words, as far as it has any.
    advice : str
        What to do.
    """

    def __init__(self, number, extack, advice=""):
        said = "; ".join(part for part in (extack.msg, advice) if part)
        super().__init__(number, f"{os.strerror(number)} ({name_of(number)}){': ' if said else ''}{said}")
        self.extack = extack


class NetlinkSocket(Controller, Listening):
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
    words : bool
        Whether enumerations are shown as words ("rx") or as their numbers.
    """

    def __init__(self, host, family=FAMILY, sock=None):
        self.host, self.family, self.words = host, family, True
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

    def request(self, name, attrs=None, dump=False):
        """Spell a request without sending it.

        Parameters
        ----------
        name : str or int
            Command.
        attrs : dict, optional
            Attributes by name, or by number with octets as value.
        dump : bool
            Whether everything is asked for.

        Returns
        -------
        octets : bytes
            One message.

        Raises
        ------
        NetlinkError
            EOPNOTSUPP, EINVAL: a name that nobody knows.
        """
        op = self._operation(name)
        bits = NLM_F_REQUEST | (NLM_F_DUMP if dump else NLM_F_ACK)
        return self._spell(op, attrs or {}, bits, self.number)

    def _operation(self, name):
        """Look a command up."""
        if isinstance(name, int):
            known = next((op for op in self.commands.values() if op.number == name), None)
            return known or NEWEST["dev-get"]._replace(number=name, name=f"command {name}", set="nothing")
        if name not in self.commands:
            raise NetlinkError(EOPNOTSUPP, Extack(), f"{name!r} is not known; {', '.join(self.commands)} are")
        return self.commands[name]

    def _spell(self, op, attrs, bits, family):
        """Write a request."""
        self._seq += 1
        try:
            body = encode(op.set, attrs)
        except KeyError as no:
            raise NetlinkError(EINVAL, Extack(msg="Unknown attribute type"),
                               f"{op.name} has no attribute {no.args[0]!r}; its names are {', '.join(SETS[op.set])}") from None
        return generic(family, bits, self._seq, 0, op.number, body)

    def _replies(self, op, request):
        """Send one request; gives its replies, or raises what ended it."""
        out = []
        for reply in messages(self.send(request)):
            if reply.kind in (NLMSG_ERROR, NLMSG_DONE):
                number, extack = read_outcome(reply)
                if number:
                    path = name_at(op.set, request, HEADERS, extack.bad_attr_offset)
                    extack.bad_attr = path[-1] if path else None
                    path = name_at(op.set, request, HEADERS, extack.miss_nest_offset)
                    extack.miss_nest = path[-1] if path else None
                    raise NetlinkError(number, extack, self.sock.why)
            else:
                out.append(reply.octets)
        return out

    def _do(self, op, attrs, family):
        """Send a request; gives its first reply."""
        replies = self._replies(op, self._spell(op, attrs, NLM_F_REQUEST | NLM_F_ACK, family))
        return decode(op.set, replies[0], HEADERS, words=self.words) if replies else {}

    def do(self, name, attrs=None):
        """Send one request.

        Parameters
        ----------
        name : str or int
            Command: ``"bind-rx"``, ``"queue-get"``, ...
        attrs : dict, optional
            Attributes by their YAML names, in the order in which they are sent; an int as a name is a raw attribute number.

        Returns
        -------
        reply : dict
            Attributes; empty when there are none.

        Raises
        ------
        NetlinkError
            With ``extack``.
        """
        return self._do(self._operation(name), attrs or {}, self.number)

    def dump(self, name, attrs=None):
        """List everything of a kind.

        Parameters
        ----------
        name : str or int
            Command: ``"queue-get"``, ``"page-pool-get"``, ...
        attrs : dict, optional
            What narrows it: ``{"ifindex": 2}``.

        Returns
        -------
        replies : list of dict
            Attributes of each.

        Raises
        ------
        NetlinkError
            With ``extack``.
        """
        op = self._operation(name)
        request = self._spell(op, attrs or {}, NLM_F_REQUEST | NLM_F_DUMP, self.number)
        return [decode(op.set, reply, HEADERS, words=self.words) for reply in self._replies(op, request)]

    def bind_rx(self, attrs):
        """Bind a dmabuf to RX queues.

        Parameters
        ----------
        attrs : dict
            ``ifindex``, ``fd``, ``queues`` (list of ``{"type": "rx", "id": n}``), ``rx-page-size`` perhaps.

        Returns
        -------
        reply : dict
            ``{"id": binding id}``.

        Raises
        ------
        NetlinkError
            See `devmemlab.host.genl.bind_rx`.
        """
        return self.do("bind-rx", attrs)

    def bind_tx(self, attrs):
        """Bind a dmabuf for sending.

        Parameters
        ----------
        attrs : dict
            ``ifindex``, ``fd``.

        Returns
        -------
        reply : dict
            ``{"id": binding id}``.

        Raises
        ------
        NetlinkError
            See `devmemlab.host.genl.bind_tx`.
        """
        return self.do("bind-tx", attrs)

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
