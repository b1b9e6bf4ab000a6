"""The server of ncdevmem: from an idle NIC to an accepted connection, and back.

Law.   Only the Linux face of a host is used; whatever was changed is changed back in reverse order, also after a failure.
Reads. Spec section 20.1 (server); Linux tools/testing/selftests/drivers/net/hw/ncdevmem.c.
Omits. The loop around accept that the kernel's tool does not have either: one connection.
"""

import contextlib

from devmemlab.lab.ncdevmem_reader import Reader
from devmemlab.lab.ncdevmem_setup import bind_request, chosen_queues, make_memory, rx_queues, split_headers
from devmemlab.sock.uapi import AF_INET6, SO_REUSEADDR, SO_REUSEPORT, SOCK_STREAM, SOL_SOCKET

HOPE_SECONDS = 0.2


class Server:
    """A NIC set up as the kernel's tool does it, and a listening socket. Use it in a ``with`` statement.

    Parameters
    ----------
    k : Host
        The Linux face.
    wanted : Wanted
        See `devmemlab.lab.ncdevmem_reader`.
    say : callable
        Takes a message for people.
    pay : callable, optional
        Takes payload octets, without a modulus.

    Attributes
    ----------
    queues : range
        What is bound.
    reader : Reader
        What receives.
    """

    def __init__(self, k, wanted, say, pay=None):
        self.k, self.wanted, self.say, self.pay = k, wanted, say, pay

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            self._set_up(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exc_info):
        self._undo.close()

    def _set_up(self, undo):
        k, wanted = self.k, self.wanted
        ifindex = k.ifindex(wanted.ifname)
        self.queues = chosen_queues(wanted, rx_queues(k, ifindex))
        fd = make_memory(k, wanted, undo)
        if wanted.configure:
            self._configure(undo)
        # Closing this socket is what unbinds, and that comes before the NIC gets its old configuration back.
        netdev = undo.enter_context(contextlib.closing(k.netlink("netdev")))
        reply = netdev.bind_rx(bind_request(ifindex, fd, self.queues, wanted.page_size))
        self.say(f"got dmabuf id={reply['id']}")
        self.reader = Reader(k, fd, reply["id"], wanted, self.say, self.pay)
        self._listener = undo.enter_context(contextlib.closing(k.socket(AF_INET6, SOCK_STREAM)))
        for option in (SO_REUSEPORT, SO_REUSEADDR):
            self._listener.setsockopt(SOL_SOCKET, option, 1)
        self._listener.bind((wanted.server if ":" in wanted.server else f"::ffff:{wanted.server}", wanted.port))
        self._listener.listen(1)
        self.say(f"binding to address {wanted.server}:{wanted.port}")

    def _configure(self, undo):
        """Header split on, RSS away from the bound queues, and a rule towards them."""
        nic, wanted = self.k.ethtool(self.wanted.ifname), self.wanted
        split_headers(nic, undo)
        undo.callback(nic.set_rxfh_indir, default=True)
        nic.set_rxfh_indir(equal=self.queues.start)
        target = {"flow_type": "tcp6" if ":" in wanted.server else "tcp4", "queue": self.queues.start, "dst_ip": wanted.server,
                  "dst_port": wanted.port}
        source = {"src_ip": wanted.client, "src_port": wanted.port} if wanted.client else {}
        try:
            rule = nic.add_rule(**target, **source)
        except OSError:
            # Some NICs know no rules with a source; the destination alone does as well.
            rule = nic.add_rule(**target)
        undo.callback(nic.delete_rule, rule)

    def accept(self, hopeful=None):
        """Wait for a connection.

        Parameters
        ----------
        hopeful : callable, optional
            Asked a few times a second whether one can still come.

        Returns
        -------
        conn : Socket or None
            None when there is no more hope.
        """
        self._listener.settimeout(HOPE_SECONDS if hopeful else None)
        while True:
            try:
                conn, peer = self._listener.accept()
            except TimeoutError:
                if not hopeful:
                    raise
                if not hopeful():
                    return None
                continue
            self.say(f"got connection from {peer[0]}:{peer[1]}")
            return conn
