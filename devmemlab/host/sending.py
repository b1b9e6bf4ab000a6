"""Sending: connect, send and their relatives.

Law.   Waiting happens here, never in a kernel; what a call reports as sent is queued, and nothing else.
Reads. Python's socket module; Linux net/ipv4/tcp.c (tcp_sendmsg), af_inet.c (inet_stream_connect).
Omits. What is sent without a copy: `devmemlab.host.zerocopy` does that.
"""

import numpy as np

from devmemlab.base.errno import (
    EADDRNOTAVAIL,
    EAFNOSUPPORT,
    EAGAIN,
    EALREADY,
    EINPROGRESS,
    EINVAL,
    EISCONN,
    ENETUNREACH,
    ENOMEM,
    ENOTCONN,
    EPIPE,
    error,
)
from devmemlab.host.entry_send import machine_connect, machine_sendmsg
from devmemlab.mem.region import memory
from devmemlab.sock.uapi import AF_INET, MSG_DONTWAIT, MSG_MORE, MSG_ZEROCOPY
from devmemlab.tcp.sndq import sndq_space
from devmemlab.tcp.states import CLOSE, CLOSE_WAIT, ESTABLISHED, LISTEN, SYN_RECV, SYN_SENT
from devmemlab.wire.address import parse_address

_ADVICE = {
    EAGAIN: "the send buffer is full, and the socket does not block",
    EPIPE: "the connection is over, or was shut down for sending",
    ENOMEM: "no memory for what is to be sent",
}


def _octets_of(data):
    """See a buffer as octets: as it is where that may be written, since kernels know one kind of array only, else a copy.

    Parameters
    ----------
    data : buffer
        What a program sends.

    Returns
    -------
    octets : uint8[n]
        The same octets.
    """
    view = memoryview(data)
    return np.frombuffer(bytearray(data) if view.readonly or not view.c_contiguous else data, np.uint8)


class Sending:
    """The sending half of `devmemlab.host.socket.Socket`."""

    def connect(self, address):
        """Connect to a peer.

        Parameters
        ----------
        address : tuple
            ``(host, port, ...)``.

        Raises
        ------
        OSError
            EISCONN, EALREADY, EINPROGRESS (a socket that does not block), ECONNREFUSED, ETIMEDOUT, ENETUNREACH when nobody
            on the wire has that address, EADDRNOTAVAIL when the same two ends are connected already, EAFNOSUPPORT, EINVAL.
        """
        row = self._row
        if row.state == SYN_SENT:
            raise error(EALREADY, "a connection is being made already; wait until the socket is writable")
        if row.state == LISTEN or row.state != CLOSE or row.rport:
            raise error(EISCONN, f"the socket is, or was, used: {self.state}")
        self._aim(row, address)
        machine_connect(self.host.machine, self.host.trace, self._open, self.host.clock.now_ns)
        self.host.flush()
        if self.timeout == 0:
            raise error(EINPROGRESS, "the SYN is on its way; the socket becomes writable when it is answered")
        self._wait(lambda: row.state not in (SYN_SENT, SYN_RECV), "connection", self.timeout)
        if row.error:
            err = int(row.error)
            row.error = 0
            raise error(err, f"{address[0]} port {address[1]} does not take the connection")

    def _aim(self, row, address):
        """Set addresses, ports and the next hop of a connection to be.

        Parameters
        ----------
        row : TCB
            Its row.
        address : tuple
            As for `connect`.
        """
        name, port = address[0], int(address[1])
        if not 0 < port < 65536:
            raise error(EINVAL, f"port {port}: 1 to 65535 is possible")
        name = name.removeprefix("::ffff:") if "." in name else name
        version, high, low = parse_address(name)
        if version == 6 and self.family == AF_INET:
            raise error(EAFNOSUPPORT, f"{name} is an IPv6 address; make the socket with AF_INET6")
        local = [a for a in self.host.addresses if a.ip_version == version]
        route = self.host.route(name)
        if not local or route is None:
            raise error(ENETUNREACH, f"no way to {name}: connect the hosts with lab.connect, or give the host a gateway_mac")
        if row.laddr_lo == 0 and row.laddr_hi == 0:
            row.laddr_hi, row.laddr_lo = local[0].addr_hi, local[0].addr_lo
        row.ip_version, row.raddr_hi, row.raddr_lo, row.rport = version, high, low, port
        row.nic, row.peer_mac = route
        if row.lport == 0:
            row.lport = self._free_port(row)
        tcbs = self.host.tcbs.tcb[1:int(self.host.tcbs.ctl[0].watermark)]
        same = (tcbs.state != CLOSE) & (tcbs.state != 0)
        for field in ("laddr_hi", "laddr_lo", "lport", "raddr_hi", "raddr_lo", "rport"):
            same &= tcbs[field] == row[field]
        if same.any():
            row.rport = 0
            raise error(EADDRNOTAVAIL, f"a connection from port {row.lport} to {name} port {port} is there already; wait for its "
                                       "end, or let the host choose the port")

    def _free_port(self, row):
        """Choose a local port that no connection to the same peer uses.

        Parameters
        ----------
        row : TCB
            Its peer is set.

        Returns
        -------
        port : int
            The lowest free one.
        """
        tcbs = self.host.tcbs
        rows = tcbs.tcb[1:int(tcbs.ctl[0].watermark)]
        used = set(rows.lport[(rows.state != 0)].tolist())
        ports = self.host.local_ports
        for port in ports:
            if port not in used:
                return port
        raise error(EADDRNOTAVAIL, f"all ports from {ports.start} to {ports.stop - 1} are in use; close some sockets")

    @staticmethod
    def _writable(row):
        return row.error or row.state not in (SYN_SENT, SYN_RECV, ESTABLISHED, CLOSE_WAIT) or (
            row.state in (ESTABLISHED, CLOSE_WAIT) and sndq_space(row) > 0)

    def _send(self, octets, at, length, flags):
        """Queue some octets, waiting for room when the socket may wait.

        Parameters
        ----------
        octets : uint8[n]
            The program's octets.
        at, length : int
            Which of them.
        flags : int
            MSG_DONTWAIT, MSG_MORE.

        Returns
        -------
        taken : int
            Octets queued, at least 1 unless `length` is 0.
        """
        host, row = self.host, self._row
        if row.state in (CLOSE, LISTEN) and not row.rport:
            raise error(ENOTCONN if row.state == LISTEN else EPIPE, "the socket is not connected")
        timeout = 0 if flags & MSG_DONTWAIT else self.timeout
        while True:
            taken = machine_sendmsg(memory(), host.machine, host.trace, self._open, octets, at, length,
                                    int(bool(flags & MSG_MORE)), host.clock.now_ns)
            host.flush()
            if taken != -EAGAIN:
                break
            self._wait(lambda: self._writable(row), "room in the send buffer", timeout, int(row.sndtimeo_ns))
        if taken < 0:
            raise error(taken, _ADVICE.get(-taken, "the connection ended"))
        return int(taken)

    def send(self, data, flags=0):
        """Send data.

        Parameters
        ----------
        data : buffer
            Octets.
        flags : int
            MSG_DONTWAIT, MSG_MORE, MSG_ZEROCOPY.

        Returns
        -------
        sent : int
            Octets that were queued; a socket that may wait queues all of them.

        Raises
        ------
        OSError
            EAGAIN, EPIPE, ENOMEM, ECONNRESET, ETIMEDOUT.
        """
        if flags & MSG_ZEROCOPY:
            return self.sendmsg([data], (), flags)
        octets = _octets_of(data)
        sent = 0
        while True:
            try:
                sent += self._send(octets, sent, len(octets) - sent, flags)
            except OSError:
                if not sent:
                    raise
                return sent             # the next call tells why
            if sent == len(octets) or self.timeout == 0 or flags & MSG_DONTWAIT:
                return sent

    def sendall(self, data, flags=0):
        """Send all data.

        Parameters
        ----------
        data : buffer
            Octets.
        flags : int
            MSG_MORE.
        """
        octets = _octets_of(data)
        sent = 0
        while sent < len(octets):
            sent += self._send(octets, sent, len(octets) - sent, flags)
