"""Listening: notifications of pools and devices, one by one or as they come.

Law.   A notification is read once, in the order in which things happened; what was lost is told once, as ENOBUFS.
Reads. Linux net/netlink/af_netlink.c (netlink_overrun); tools/net/ynl/cli.py --subscribe for how they are printed.
Omits. Filters; waiting in poll: the lab's clock is driven by whoever reads.
"""

import pprint

from devmemlab.base.errno import EAGAIN, EINVAL, ENOBUFS, ENOENT, ENOPROTOOPT, error
from devmemlab.host.genl.operations import MCAST, NOTIFICATIONS
from devmemlab.host.genl.sets import decode
from devmemlab.host.genl.wire import HEADERS, messages

SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 1, 2, 10, 11


class Listening:
    """The part of a netlink socket that listens."""

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
        self.sock.join(self._group(group))
        return self

    def unsubscribe(self, group):
        """Stop listening to a multicast group; what waits already stays.

        Parameters
        ----------
        group : str
            ``"page-pool"`` or ``"mgmt"``.
        """
        self.sock.join(self._group(group), member=False)

    def _group(self, group):
        """Number of a group."""
        if group not in MCAST:
            raise error(ENOENT, f"no multicast group {group!r}; there are {', '.join(MCAST)}")
        return MCAST[group]

    def setsockopt(self, level, option, value):
        """Change an option of the socket.

        Parameters
        ----------
        level : int
            SOL_NETLINK, 270.
        option : int
            1 and 2 join and leave a group by its number; 10 and 11 turn short and extended acknowledgements on and off.
        value : int
            Group, or 0 and 1.

        Raises
        ------
        OSError
            ENOPROTOOPT, EINVAL.
        """
        if level != SOL_NETLINK or option not in (1, 2, 10, 11):
            raise error(ENOPROTOOPT, f"option {option} of level {level} is not one of 270's 1, 2, 10 and 11")
        if option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK):
            setattr(self.sock, "cap_ack" if option == NETLINK_CAP_ACK else "ext_ack", bool(value))
        elif value not in MCAST.values():
            raise error(EINVAL, f"no multicast group {value}; there are {MCAST}")
        else:
            self.sock.join(value, option == NETLINK_ADD_MEMBERSHIP)

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
        self.host.genl.watch.look()
        if self.sock.overrun:
            self.sock.overrun = False
            raise error(ENOBUFS, "notifications were lost; read them sooner, and dump page-pool-get to see what is")
        octets = self.sock.next_heard()
        if octets is None:
            joined = [name for name, group in MCAST.items() if group in self.sock.groups]
            raise error(EAGAIN, f"no notification waits; groups: {', '.join(joined) or 'none, subscribe to one'}")
        return octets

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
        name, attribute_set = NOTIFICATIONS[told.command]
        return {"name": name, "msg": decode(attribute_set, told.octets, HEADERS, words=self.words)}

    def monitor(self, seconds=0.0, out=None):
        """Read notifications as they come.

        Parameters
        ----------
        seconds : float
            How long to let the clock run for more; 0 reads those that wait.
        out : callable, optional
            Called with each as text, as ``ynl --subscribe`` prints it: `print`, for example.

        Yields
        ------
        event : dict
            See `receive`.
        """
        clock = self.host.clock
        end_ns = clock.now_ns + int(seconds * 1e9)
        while True:
            try:
                event = self.receive()
            except BlockingIOError:
                if clock.now_ns >= end_ns:
                    return
                due_ns = self.host.next_ns()
                self.host.lab.run(until_ns=end_ns if due_ns is None else min(max(due_ns, clock.now_ns + 1), end_ns))
                continue
            if out is not None:
                out(pprint.pformat(event))
            yield event
