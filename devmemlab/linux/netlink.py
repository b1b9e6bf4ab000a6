"""Generic netlink of a real kernel, by the very names of a lab host's netlink socket.

Law.   A binding lives exactly as long as the netlink socket that made it.
Reads. Linux tools/net/ynl; spec sections 9.1 to 9.7. What is spelled and read: `devmemlab.host.genl.asking`.
Omits. Families whose attributes no table here names: their attributes go by number.
"""

import os
import pprint
import select
import time

from devmemlab.base.errno import EBADF, ENOENT, error
from devmemlab.host.genl.asking import Asking, NetlinkError
from devmemlab.host.genl.operations import CTRL_ID, NEWEST, NOTIFICATIONS
from devmemlab.host.genl.sets import decode
from devmemlab.host.genl.wire import HEADERS, messages
from devmemlab.host.netlink_controller import FAMILY, Controller
from devmemlab.linux.advice import netdev_advice
from devmemlab.linux.carrier import Carrier

BINDING = ("bind-rx", "bind-tx")


class NetlinkSocket(Asking, Controller):
    """A generic netlink socket of the running kernel. Made by ``Kernel.netlink("netdev")``.

    Parameters
    ----------
    family : str
        ``"netdev"``, ``"nlctrl"`` or another that this kernel has.
    fd : int, optional
        A descriptor of such a socket, to be taken over (``dup``).

    Attributes
    ----------
    bindings : list of int
        Ids of what was bound here.
    groups : dict of str to int
        Multicast groups of the family.
    words, commands, number
        See `devmemlab.host.genl.asking.Asking`.
    """

    def __init__(self, family=FAMILY, fd=None):
        self.family, self.bindings, self._seq = family, [], 0
        self.carrier = Carrier(fd=fd)
        self.commands, self.number = dict(NEWEST), CTRL_ID
        try:
            told = self._do(NEWEST["getfamily"], {"family-name": family}, CTRL_ID)
        except NetlinkError as problem:
            self.close()
            if problem.errno != ENOENT:
                raise
            advice = (f"this kernel has no generic netlink family {family!r}; netdev came with 6.3, its bind-rx with 6.12, "
                      "ethtool with 5.6")
            raise NetlinkError(ENOENT, problem.extack, advice) from None
        self.number = told["family-id"]
        self.groups = {group["name"]: group["id"] for group in told.get("mcast-groups", {}).values()}

    def advice(self, op, number, extack):
        """Say which piece is missing; see `devmemlab.host.genl.asking.Asking.advice`.

        Parameters
        ----------
        op, number, extack
            As there.

        Returns
        -------
        advice : str
            As there.
        """
        return netdev_advice(op.name, number, extack)

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
        if self.fileno() < 0:
            raise error(EBADF, "the netlink socket is closed; open another one with netlink()")
        return self.carrier.exchange(octets)

    def _do(self, op, attrs, family):
        """Send a request; a binding that it makes is remembered."""
        reply = super()._do(op, attrs, family)
        if op.name in BINDING and "id" in reply:
            self.bindings.append(reply["id"])
        return reply

    def fileno(self):
        """Return the file descriptor, -1 after close."""
        return self.carrier.sock.fileno()

    def dup(self):
        """Give the socket another file descriptor; its bindings live until both are closed.

        Returns
        -------
        socket : NetlinkSocket
            For the same socket.
        """
        twin = NetlinkSocket(self.family, os.dup(self.fileno()))
        twin.bindings = self.bindings
        return twin

    def _group(self, group):
        """Number of a group."""
        if group not in self.groups:
            raise error(ENOENT, f"no multicast group {group!r}; there are {', '.join(self.groups)}")
        return self.groups[group]

    def subscribe(self, group):
        """Listen to a multicast group from now on.

        Parameters
        ----------
        group : str
            ``"page-pool"`` or ``"mgmt"``.

        Returns
        -------
        self : NetlinkSocket
            So that ``k.netlink().subscribe("page-pool")`` is a listener.
        """
        self.carrier.member(self._group(group))
        return self

    def unsubscribe(self, group):
        """Stop listening to a multicast group; what waits already stays.

        Parameters
        ----------
        group : str
            ``"page-pool"`` or ``"mgmt"``.
        """
        self.carrier.member(self._group(group), join=False)

    def setsockopt(self, level, option, value):
        """Change an option of the socket.

        Parameters
        ----------
        level, option, value : int
            As for ``socket.setsockopt``.
        """
        self.carrier.sock.setsockopt(level, option, value)

    def recv(self):
        """Read the next notification as it is on the wire.

        Returns
        -------
        octets : bytes
            One message.

        Raises
        ------
        OSError
            EAGAIN: nothing waits. ENOBUFS, once: some were lost because nobody read.
        """
        return self.carrier.next_heard()

    def receive(self):
        """Read the next notification.

        Returns
        -------
        event : dict
            ``{"name": "page-pool-add-ntf", "msg": attributes}``.

        Raises
        ------
        OSError
            As `recv`.
        """
        (told,) = messages(self.recv())
        name, attribute_set = NOTIFICATIONS.get(told.command, (f"command {told.command}", "nothing"))
        return {"name": name, "msg": decode(attribute_set, told.octets, HEADERS, words=self.words)}

    def monitor(self, seconds=0.0, out=None):
        """Read notifications as they come.

        Parameters
        ----------
        seconds : float
            How long to wait for more; 0 reads those that wait.
        out : callable, optional
            Called with each as text, as ``ynl --subscribe`` prints it: `print`, for example.

        Yields
        ------
        event : dict
            See `receive`.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                event = self.receive()
            except BlockingIOError:
                left = end - time.monotonic()
                if left <= 0 or not select.select([self], [], [], left)[0]:
                    return
                continue
            if out is not None:
                out(pprint.pformat(event))
            yield event

    def close(self):
        """Close the file descriptor; with the last one of the socket everything it bound is unbound."""
        self.carrier.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __repr__(self):
        return f"<NetlinkSocket fd={self.fileno()} {self.family} of the running kernel: {len(self.bindings)} bindings>"
