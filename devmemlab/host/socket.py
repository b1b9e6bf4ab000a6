"""Sockets with the methods, arguments and results of Python's own.

Law.   A call here returns what the system call would, or raises the OSError it would set.
Reads. Python's socket module; Linux net/ipv4/tcp.c, net/core/sock.c for options.
Omits. Sockets other than TCP.
"""

import numpy as np

from devmemlab.base.errno import (
    EADDRINUSE,
    EADDRNOTAVAIL,
    EAFNOSUPPORT,
    EAGAIN,
    EBADF,
    EINVAL,
    ENOMEM,
    ENOTCONN,
    EPROTONOSUPPORT,
    error,
)
from devmemlab.base.table import word
from devmemlab.host.call_record import Calls
from devmemlab.host.entry import machine_close
from devmemlab.host.receiving import Receiving
from devmemlab.host.sending import Sending
from devmemlab.host.socket_names import Names
from devmemlab.host.sockopt import Options
from devmemlab.host.zerocopy import Zerocopy
from devmemlab.host.zerocopy_receive import ZerocopyReceiving
from devmemlab.sock.uapi import AF_INET, AF_INET6, SHUT_RD, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM
from devmemlab.tcp.lookup import tcp_lookup_listener
from devmemlab.tcp.states import CLOSE, EV_LISTEN, LISTEN, STATES, tcp_event
from devmemlab.tcp.tcb import tcb_alloc
from devmemlab.wire.address import parse_address


class Socket(Receiving, ZerocopyReceiving, Sending, Zerocopy, Options, Names):
    """A TCP socket of a lab host. Made by ``host.socket(...)`` and ``accept``.

    Parameters
    ----------
    host : Host
        Whose socket it is.
    family : int
        AF_INET or AF_INET6.
    sock : int, optional
        Row of an accepted connection.

    Attributes
    ----------
    sock : int
        Row of the connection in the host's tables.
    calls : Calls
        What its calls answered lately, see `devmemlab.host.call_record`.
    """

    def __init__(self, host, family=AF_INET, sock=0):
        self.host, self.family, self.sock = host, family, sock
        self.timeout, self.calls = None, Calls()
        self._words = {}
        self._control = np.zeros(0, np.uint8)
        self._user = np.zeros(0, np.uint8)
        if not sock:
            self.sock = int(tcb_alloc(host.tcbs))
            if not self.sock:
                raise error(ENOMEM, "every connection of this host is in use; close some or ask lab.host for more")
            host.tcbs.tcb[self.sock].ip_version = 0 if family == AF_INET6 else 4
        self._fd = host.fds.install(self)

    @property
    def _open(self):
        # The row belongs to somebody else as soon as this connection is over.
        if self._fd < 0:
            raise error(EBADF, "the socket is closed")
        return self.sock

    @property
    def _row(self):
        return self.host.tcbs.tcb[self._open]

    def _word(self, name):
        """Point at a field of the connection's row.

        Parameters
        ----------
        name : str
            Of TCB.

        Returns
        -------
        word : memoryview of one int64
            Valid until the socket is closed.
        """
        if name not in self._words:
            self._words[name] = word(self.host.tcbs.tcb, name, self._open)
        return self._words[name]

    @property
    def state(self):
        """Name of the connection's state; ``"closed"`` once the program has let go of it."""
        return STATES[self._row.state] if self._fd >= 0 else "closed"

    def fileno(self):
        """Return the file descriptor, -1 after close."""
        return self._fd

    @property
    def type(self):
        """int: SOCK_STREAM."""
        return SOCK_STREAM

    @property
    def proto(self):
        """int: 0, the only protocol of a stream."""
        return 0

    def gettimeout(self):
        """Tell how long a call may wait.

        Returns
        -------
        seconds : float or None
            As `settimeout` takes it.
        """
        return self.timeout

    def getblocking(self):
        """Tell whether a call may wait.

        Returns
        -------
        blocking : bool
            False when the timeout is 0.
        """
        return self.timeout != 0

    def settimeout(self, seconds):
        """Set how long a call may wait.

        Parameters
        ----------
        seconds : float or None
            None: for ever (in virtual time: 300 s without progress); 0: not at all.
        """
        self.timeout = None if seconds is None else float(seconds)

    def setblocking(self, flag):
        """Wait for ever or not at all.

        Parameters
        ----------
        flag : bool
            True to wait.
        """
        self.timeout = None if flag else 0.0

    def bind(self, address):
        """Choose the local address.

        Parameters
        ----------
        address : tuple
            ``(host, port, ...)``; an empty host means every address, port 0 is not possible.

        Raises
        ------
        OSError
            EADDRNOTAVAIL, EADDRINUSE, EINVAL.
        """
        name, port = address[0], int(address[1])
        if self._row.state != CLOSE or self._row.lport:
            raise error(EINVAL, "the socket is bound already")
        if not 0 < port < 65536:
            raise error(EINVAL, f"port {port}: 1 to 65535 is possible")
        version, high, low = (4 if self.family == AF_INET else 0, 0, 0)
        if name not in ("", "0.0.0.0", "::"):
            # An IPv6 socket spells an IPv4 address ::ffff:10.0.0.2.
            version, high, low = parse_address(name.removeprefix("::ffff:") if self.family == AF_INET6 and "." in name else name)
            if not any((a.ip_version, a.addr_hi, a.addr_lo) == (version, high, low) for a in self.host.addresses):
                raise error(EADDRNOTAVAIL, f"{name} is no address of {self.host.name}; it has {self.host.ip}")
        if tcp_lookup_listener(self.host.tcbs, max(version, 4), high, low, port):
            raise error(EADDRINUSE, f"port {port} has a listener already")
        row = self._row
        row.ip_version, row.laddr_hi, row.laddr_lo, row.lport = version, high, low, port

    def listen(self, backlog=128):
        """Wait for connections.

        Parameters
        ----------
        backlog : int
            Connections that may wait to be accepted.
        """
        row = self._row
        if row.lport == 0:
            raise error(EINVAL, "bind the socket to a port first")
        if row.rport:
            raise error(EINVAL, "the socket is, or was, a connection")
        if row.state == CLOSE:
            tcp_event(self.host.tcbs, self.host.trace, self.sock, EV_LISTEN)
        row.backlog = max(int(backlog), 0)

    def accept(self):
        """Take a connection.

        Returns
        -------
        conn, address : Socket, tuple
            The connection and its peer's ``(ip, port)``.

        Raises
        ------
        OSError
            EINVAL when the socket does not listen; BlockingIOError, TimeoutError.
        """
        row = self._row
        if row.state != LISTEN:
            raise error(EINVAL, "the socket does not listen")
        self._wait(lambda: row.accept_head != 0, "a connection", self.timeout, int(row.rcvtimeo_ns))
        child = int(row.accept_head)
        row.accept_head = self.host.tcbs.tcb[child].accept_next
        if row.accept_head == 0:
            row.accept_tail = 0
        row.accept_count -= 1
        self.host.tcbs.tcb[child].listener = 0
        conn = Socket(self.host, self.family, child)
        return conn, conn.getpeername()

    def _wait(self, ready, what, timeout, kernel_ns=0):
        if timeout == 0:
            if ready():
                return
            raise error(EAGAIN, f"no {what} yet, and the socket does not block")
        lab, patience_ns = self.host.lab, kernel_ns if timeout is None and kernel_ns else None
        if patience_ns is None:
            lab.wait(ready, what, None if timeout is None else int(timeout * 1e9))
            return
        limit_ns = lab.clock.now_ns + patience_ns
        try:
            lab.wait(ready, what, patience_ns)
        except TimeoutError:
            lab.clock.advance_to(limit_ns)
            raise error(EAGAIN, f"no {what} within SO_RCVTIMEO or SO_SNDTIMEO, {patience_ns / 1e9:g} s") from None

    def shutdown(self, how):
        """Say that nothing more will be sent.

        Parameters
        ----------
        how : int
            SHUT_WR or SHUT_RDWR; SHUT_RD does nothing.
        """
        if self._row.rport == 0 or self._row.state == CLOSE:
            raise error(ENOTCONN, "the socket is not connected")
        if how != SHUT_RD:
            machine_close(self.host.machine, self.host.trace, self._open, 1, self.host.clock.now_ns)
            self.host.flush()

    def close(self):
        """Close the socket; its tokens go back when the connection is really over."""
        if self._fd >= 0:
            self.host.close(self._fd)

    def release(self):
        """Let go of the connection: the last file descriptor is closed."""
        if self._fd >= 0:
            self._fd = -1
            machine_close(self.host.machine, self.host.trace, self.sock, 0, self.host.clock.now_ns)
            self.host.flush()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __repr__(self):
        return f"<Socket fd={self._fd} {self.state} of {self.host.name}>"


def check_socket_arguments(family, kind, proto):
    """Refuse sockets that the lab does not model.

    Parameters
    ----------
    family, kind, proto : int
        As for ``socket.socket``.

    Raises
    ------
    OSError
        EAFNOSUPPORT, EPROTONOSUPPORT.
    """
    if family not in (AF_INET, AF_INET6):
        raise error(EAFNOSUPPORT, f"address family {family}: AF_INET and AF_INET6 are possible")
    if kind & ~(SOCK_NONBLOCK | SOCK_CLOEXEC) != SOCK_STREAM or proto not in (0, 6):
        raise error(EPROTONOSUPPORT, f"type {kind}, protocol {proto}: SOCK_STREAM with TCP is possible")
