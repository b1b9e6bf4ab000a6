"""The names of a socket's two ends, as Python's socket module spells them.

Law.   An IPv4 peer of an AF_INET6 socket has its mapped name.
Reads. Python's socket module; RFC 4291 section 2.5.5.2.
Omits. Flow labels and scopes: both are 0.
"""

from devmemlab.base.errno import ENOTCONN, error
from devmemlab.sock.uapi import AF_INET6
from devmemlab.wire.address import address_text


class Names:
    """The naming part of `devmemlab.host.socket.Socket`."""

    def getpeername(self):
        """Return the peer's ``(ip, port)``; for AF_INET6 with flow info and scope."""
        row = self._row
        if row.rport == 0:
            raise error(ENOTCONN, "the socket is not connected")
        return self._name(row.raddr_hi, row.raddr_lo, row.rport)

    def getsockname(self):
        """Return the local ``(ip, port)``; for AF_INET6 with flow info and scope."""
        row = self._row
        return self._name(row.laddr_hi, row.laddr_lo, row.lport)

    def _name(self, high, low, port):
        row = self._row
        text = address_text(row.ip_version or 6, int(high), int(low))
        if self.family == AF_INET6:
            return (f"::ffff:{text}" if row.ip_version == 4 else text), int(port), 0, 0
        return text, int(port)
