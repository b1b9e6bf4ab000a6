"""Sockets of a real kernel: Python's own, with what it hides shown.

Law.   Every method, argument and result is that of ``socket.socket``; only DONTNEED also tells what it released.
Reads. Python's socket module; Linux net/core/sock.c; spec sections 14 and 15.
Omits. Kinds of sockets that a lab host refuses: whatever this kernel has can be made.
"""

import socket
import weakref

from devmemlab.linux import calls
from devmemlab.sock.machines import GENERIC, numbers_of, to_generic, to_native

NUMBERS = numbers_of()
OPEN = weakref.WeakSet()
"""Objects that hold a descriptor of this process; `devmemlab.linux.kernel.Kernel.close` finds them here."""


class Socket(socket.socket):
    """A socket of the running kernel. Made by ``Kernel.socket`` and ``accept``.

    Parameters
    ----------
    *args, **options
        As for ``socket.socket``.
    """

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        OPEN.add(self)

    def accept(self):
        """Take a connection.

        Returns
        -------
        conn, address : Socket, tuple
            The connection and its peer.
        """
        fd, address = self._accept()
        conn = Socket(self.family, self.type, self.proto, fileno=fd)
        if socket.getdefaulttimeout() is None and self.gettimeout():
            conn.setblocking(True)
        return conn, address

    def setsockopt(self, level, option, value, optlen=None):
        """Set an option.

        Parameters
        ----------
        level, option : int
            In the lab's numbers, which are those of nearly every machine.
        value : int, bytes or None
            Its value.
        optlen : int, optional
            The length that the call is told.

        Returns
        -------
        result : int or None
            For SO_DEVMEM_DONTNEED the number of references released.

        Raises
        ------
        OSError
            With the kernel's errno.
        """
        dontneed = (level, option) == (GENERIC.sol_socket, GENERIC.dontneed)
        level, option = to_native(level, option, NUMBERS)
        if isinstance(value, int):
            value = (value & 0xFFFFFFFF).to_bytes(4, _ORDER)
        elif value is not None:
            value = bytes(value)
        result = calls.setsockopt(self.fileno(), level, option, value, optlen)
        return result if dontneed else None

    def getsockopt(self, level, option, buflen=0):
        """Read an option.

        Parameters
        ----------
        level, option, buflen : int
            As for ``socket.getsockopt``, in the lab's numbers.

        Returns
        -------
        value : int or bytes
            As there.
        """
        return super().getsockopt(*to_native(level, option, NUMBERS), *((buflen,) if buflen else ()))

    def recvmsg(self, bufsize, ancbufsize=0, flags=0):
        """Receive data and control messages.

        Parameters
        ----------
        bufsize, ancbufsize, flags : int
            As for ``socket.recvmsg``; MSG_SOCK_DEVMEM among the flags.

        Returns
        -------
        data, ancdata, msg_flags, address : bytes, list, int, object
            ``devmemlab.frags`` reads `ancdata`.
        """
        data, ancdata, msg_flags, address = super().recvmsg(bufsize, ancbufsize, flags)
        if NUMBERS != GENERIC:
            ancdata = [(*to_generic(level, kind, NUMBERS), body) for level, kind, body in ancdata]
        return data, ancdata, msg_flags, address


_ORDER = "little" if socket.htons(1) != 1 else "big"
