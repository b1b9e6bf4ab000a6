"""Carrying generic netlink messages to the running kernel and back.

Law.   Every message that asks for a last word gets one before `Carrier.exchange` returns; notifications are kept apart.
Reads. netlink(7); Linux net/netlink/af_netlink.c; Documentation/userspace-api/netlink/intro.rst.
Omits. Dumps that a change interrupted are not asked again.
"""

import collections
import select
import socket

from devmemlab.base.errno import EPROTONOSUPPORT, error
from devmemlab.host.genl.wire import NLM_F_ACK, NLM_F_DUMP, NLMSG_DONE, NLMSG_ERROR, messages

NETLINK_ROUTE, NETLINK_GENERIC, SOL_NETLINK = 0, 16, 270
NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 1, 2, 10, 11
ROOM = 1 << 18
WAIT_S = 10.0


def open_netlink(protocol=NETLINK_GENERIC, fd=None):
    """Open a netlink socket that tells extended errors.

    Parameters
    ----------
    protocol : int
        NETLINK_GENERIC or NETLINK_ROUTE.
    fd : int, optional
        A descriptor of such a socket, to be taken over.

    Returns
    -------
    sock : socket.socket
        Bound; it does not block.
    """
    if not hasattr(socket, "AF_NETLINK"):
        raise error(EPROTONOSUPPORT, "netlink is Linux's; use a lab host here")
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol, fileno=fd)
    if fd is None:
        sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        sock.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        sock.bind((0, 0))
    sock.setblocking(False)
    return sock


class Carrier:
    """A netlink socket of the running kernel.

    Parameters
    ----------
    protocol, fd : int
        See `open_netlink`.

    Attributes
    ----------
    heard : collections.deque of bytes
        Notifications that came while an answer was awaited.
    """

    def __init__(self, protocol=NETLINK_GENERIC, fd=None):
        self.sock = open_netlink(protocol, fd)
        self.heard = collections.deque()

    def exchange(self, octets):
        """Send messages and take what comes back.

        Parameters
        ----------
        octets : bytes
            One or several messages.

        Returns
        -------
        replies : bytes
            Netlink messages, without notifications.

        Raises
        ------
        OSError
            EBADF on a closed socket; TimeoutError when a last word does not come.
        """
        waiting = {one.seq for one in messages(octets) if one.bits & NLM_F_ACK or one.bits & NLM_F_DUMP == NLM_F_DUMP}
        self.sock.send(octets)
        replies = b""
        while True:
            # What was answered without being asked for a last word lies there already.
            try:
                replies += self._take(waiting)
            except BlockingIOError:
                if not waiting:
                    return replies
                if not select.select([self.sock], [], [], WAIT_S)[0]:
                    raise TimeoutError(f"the kernel has not answered within {WAIT_S:g} s") from None

    def _take(self, waiting):
        """Read one datagram; notifications are put aside, last words crossed off."""
        kept = b""
        for one in messages(self.sock.recv(ROOM)):
            if one.seq == 0 and one.pid == 0 and one.kind > NLMSG_DONE:
                self.heard.append(one.octets)
                continue
            kept += one.octets + bytes(-len(one.octets) % 4)
            if one.kind in (NLMSG_ERROR, NLMSG_DONE):
                waiting.discard(one.seq)
        return kept

    def next_heard(self):
        """Read the next notification.

        Returns
        -------
        octets : bytes
            One message.

        Raises
        ------
        OSError
            EAGAIN: none waits. ENOBUFS: some were lost because nobody read.
        """
        while not self.heard:
            self._take(set())
        return self.heard.popleft()

    def member(self, group, join=True):
        """Join or leave a multicast group.

        Parameters
        ----------
        group : int
            Its number.
        join : bool
            Or leave.
        """
        self.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP if join else NETLINK_DROP_MEMBERSHIP, group)

    def close(self):
        """Close the socket: whatever it bound is unbound."""
        self.sock.close()


def ask(octets, protocol=NETLINK_GENERIC):
    """Send messages on a socket of their own.

    Parameters
    ----------
    octets : bytes
        One or several messages.
    protocol : int
        See `open_netlink`.

    Returns
    -------
    replies : bytes
        Every message that came back.
    """
    carrier = Carrier(protocol)
    try:
        return carrier.exchange(octets)
    finally:
        carrier.close()
