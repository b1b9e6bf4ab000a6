"""The generic netlink family ``netdev``: bindings by request, in the kernel's order of checks.

Law.   A binding lives exactly as long as the netlink socket that made it.
Reads. Linux net/core/netdev-genl.c; Documentation/netlink/specs/netdev.yaml; spec sections 9.2 to 9.6.
Omits. The wire encoding, bind-tx, notifications, statistics, privileges (the caller is an administrator).
"""

from devmemlab.base.errno import EINVAL, ENODEV, ENOENT, EOPNOTSUPP, ERANGE
from devmemlab.net.netdev import ProviderError

FAMILY = "netdev"
RX, TX = "rx", "tx"
DMABUF_ATTRIBUTES = {"ifindex": 1, "queues": 2, "fd": 3, "id": 4}


class Extack:
    """What the kernel adds to a netlink error.

    Parameters
    ----------
    msg : str, optional
        A sentence.
    bad_attr : str, optional
        The attribute at fault.
    miss_type : int, optional
        Number of the attribute that is missing.
    """

    def __init__(self, msg=None, bad_attr=None, miss_type=None):
        self.msg, self.bad_attr, self.miss_type = msg, bad_attr, miss_type

    def __repr__(self):
        parts = [f"{k}={v!r}" for k, v in vars(self).items() if v is not None]
        return f"Extack({', '.join(parts)})"


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

    def __init__(self, number, extack, advice):
        super().__init__(number, f"{extack.msg or advice}{f' ({advice})' if extack.msg else ''}")
        self.extack = extack


def refuse(number, advice, **extack):
    """Make the error of a refused request.

    Parameters
    ----------
    number : int
        Errno.
    advice : str
        What to do.
    **extack
        See `Extack`.

    Returns
    -------
    error : NetlinkError
        To raise.
    """
    return NetlinkError(number, Extack(**extack), advice)


class NetlinkSocket:
    """A socket of the family. Made by ``host.netlink("netdev")``.

    Parameters
    ----------
    host : Host
        Whose socket it is.
    family : str
        Must be ``"netdev"``.
    """

    def __init__(self, host, family=FAMILY):
        if family != FAMILY:
            raise refuse(ENOENT, f"there is no family {family!r}; there is {FAMILY!r}")
        self.host = host
        self.bindings = []
        self._fd = host.fds.install(self)

    def fileno(self):
        """Return the file descriptor, -1 after close."""
        return self._fd

    def do(self, name, attrs):
        """Send one request.

        Parameters
        ----------
        name : str
            ``"bind-rx"``, ``"queue-get"`` or ``"page-pool-get"``.
        attrs : dict
            Attributes by their YAML names.

        Returns
        -------
        reply : dict
            Attributes.

        Raises
        ------
        NetlinkError
            With ``extack``.
        """
        if name == "bind-rx":
            return self.bind_rx(attrs)
        if name == "queue-get":
            return self._queue_get(attrs)
        if name != "page-pool-get":
            raise refuse(EOPNOTSUPP, f"{name!r} is not known; bind-rx, queue-get and page-pool-get are")
        if "id" not in attrs:
            raise refuse(EINVAL, "the request lacks 'id'", miss_type=1)
        try:
            return self.host.mem.page_pool_get(attrs["id"])
        except OSError as err:
            raise refuse(err.errno, str(err.strerror)) from None

    def dump(self, name, attrs=None):
        """List everything of a kind.

        Parameters
        ----------
        name : str
            ``"queue-get"`` or ``"page-pool-get"``.
        attrs : dict, optional
            Ignored.

        Returns
        -------
        replies : list of dict
            Attributes.
        """
        if name == "queue-get":
            netdev = self.host.netdev
            queues = range(netdev.real_num_rx_queues) if netdev.running else ()
            return [self._queue(queue) for queue in queues]
        if name == "page-pool-get":
            return self.host.mem.page_pool_dump()
        raise refuse(EOPNOTSUPP, f"{name!r} is not known; bind-rx, queue-get and page-pool-get are")

    def _queue(self, queue):
        netdev = self.host.netdev
        reply = {"id": queue, "type": RX, "ifindex": netdev.ifindex}
        if queue in netdev.providers:
            reply["dmabuf"] = int(self.host.mem.providers.binding[netdev.providers[queue]].id)
        return reply

    def _queue_get(self, attrs):
        for name, number in (("ifindex", 2), ("type", 3), ("id", 1)):
            if name not in attrs:
                raise refuse(EINVAL, f"the request lacks {name!r}", miss_type=number)
        netdev = self._device(attrs["ifindex"])
        if not netdev.running:
            raise refuse(ENOENT, f"{netdev.name} is down")
        if attrs["type"] != RX or not 0 <= attrs["id"] < netdev.real_num_rx_queues:
            raise refuse(EINVAL, f"there is no {attrs['type']} queue {attrs['id']}")
        return self._queue(attrs["id"])

    def _device(self, ifindex):
        if ifindex == 0:
            raise refuse(ERANGE, "interface numbers begin at 1", msg="integer out of range", bad_attr="ifindex")
        if ifindex != self.host.netdev.ifindex:
            raise refuse(ENODEV, f"there is no interface number {ifindex}")
        return self.host.netdev

    def bind_rx(self, attrs):
        """Bind a dmabuf to RX queues.

        Parameters
        ----------
        attrs : dict
            ``ifindex``, ``fd``, ``queues`` (list of ``{"type": "rx", "id": n}``).

        Returns
        -------
        reply : dict
            ``{"id": binding id}``.

        Raises
        ------
        NetlinkError
            EINVAL (missing attributes 1, 3, 2 in that order; queues; split off), ERANGE, ENODEV, EBADF, EEXIST, ...;
            queues already switched have been switched back.

        References
        ----------
        Linux net/core/netdev-genl.c, netdev_nl_bind_rx_doit().
        """
        unknown = set(attrs) - set(DMABUF_ATTRIBUTES)
        if unknown:
            raise refuse(EINVAL, f"unknown attribute {sorted(unknown)[0]!r}", msg="Unknown attribute type")
        for name in ("ifindex", "fd", "queues"):
            if name not in attrs:
                raise refuse(EINVAL, f"the request lacks {name!r}", miss_type=DMABUF_ATTRIBUTES[name])
        netdev = self._device(attrs["ifindex"])
        wanted = set()
        for queue in attrs["queues"]:
            for name, number in (("id", 1), ("type", 3)):
                if name not in queue:
                    raise refuse(EINVAL, f"a queue of the request lacks {name!r}", miss_type=number)
            if queue["type"] != RX:
                raise refuse(EINVAL, f"queue type {queue['type']!r} cannot be bound, 'rx' can", bad_attr="type")
            if not 0 <= queue["id"] < netdev.real_num_rx_queues:
                raise refuse(EINVAL, f"queue {queue['id']} of {netdev.real_num_rx_queues}", bad_attr="id")
            wanted.add(queue["id"])
        try:
            dmabuf = self.host.dmabuf_of(attrs["fd"])
            binding = self.host.mem.bind(netdev.ifindex, dmabuf, trace=self.host.trace)
        except OSError as err:
            raise refuse(err.errno, str(err.strerror)) from None
        for queue in sorted(wanted):
            try:
                netdev.open_provider(queue, binding)
            except OSError as err:
                self._unbind(binding)
                message = err.message if isinstance(err, ProviderError) else None
                raise refuse(err.errno, f"queue {queue} of {netdev.name}: {err.strerror}", msg=message) from None
        self.bindings.append(binding)
        self.host.poke()
        return {"id": int(self.host.mem.providers.binding[binding].id)}

    def _unbind(self, binding):
        netdev = self.host.netdev

        def close_queues():
            for queue in [q for q, b in netdev.providers.items() if b == binding]:
                netdev.close_provider(queue, binding)

        self.host.mem.unbind(binding, close_queues, trace=self.host.trace)
        self.host.poke()

    def close(self):
        """Close the socket: everything it bound is unbound."""
        if self._fd >= 0:
            self.host.close(self._fd)

    def release(self):
        """Unbind everything: the last file descriptor is closed."""
        self._fd = -1
        while self.bindings:
            self._unbind(self.bindings.pop(0))

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __repr__(self):
        return f"<NetlinkSocket fd={self._fd} {FAMILY}: {len(self.bindings)} bindings>"
