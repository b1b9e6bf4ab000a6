"""Socket options, SO_DEVMEM_DONTNEED among them.

Law.   An option that the lab does not model is refused, never remembered and ignored.
Reads. Linux net/core/sock.c (sk_setsockopt).
Omits. TCP-level options.
"""

import numpy as np

from devmemlab.base.errno import ENOPROTOOPT, error
from devmemlab.host.entry import machine_dontneed
from devmemlab.sock.uapi import SO_DEVMEM_DONTNEED, SO_RCVBUF, SO_REUSEADDR, SO_REUSEPORT, SOL_SOCKET


class Options:
    """The options of `devmemlab.host.socket.Socket`."""

    def setsockopt(self, level, option, value):
        """Set an option.

        Parameters
        ----------
        level, option : int
            SOL_SOCKET and SO_RCVBUF, SO_REUSEADDR, SO_REUSEPORT or SO_DEVMEM_DONTNEED.
        value : int or bytes
            Its value; for SO_DEVMEM_DONTNEED elements of ``{u32 token_start, u32 token_count}``.

        Returns
        -------
        result : int or None
            For SO_DEVMEM_DONTNEED the number of references released (Linux returns it; Python's socket hides it).

        Raises
        ------
        OSError
            ENOPROTOOPT, EINVAL.
        """
        if level == SOL_SOCKET and option == SO_DEVMEM_DONTNEED:
            optval = np.frombuffer(bytearray(value), np.uint8)
            freed = machine_dontneed(self.host.machine, self.host.trace, self._open, optval, len(optval),
                                     self.host.clock.now_ns)
            if freed < 0:
                raise error(freed, f"{len(optval)} octets: 1 to 128 whole elements of 8 octets are possible")
            return int(freed)
        if level == SOL_SOCKET and option == SO_RCVBUF:
            self._row.rcvbuf = max(2 * int(value), 2304)
            return None
        if level == SOL_SOCKET and option in (SO_REUSEADDR, SO_REUSEPORT):
            return None
        raise error(ENOPROTOOPT, f"option {option} at level {level} is not known here")

    def getsockopt(self, level, option, buflen=0):
        """Read an option.

        Parameters
        ----------
        level, option : int
            SOL_SOCKET and SO_RCVBUF.
        buflen : int
            Ignored.

        Returns
        -------
        value : int
            Its value.
        """
        if level == SOL_SOCKET and option == SO_RCVBUF:
            return int(self._row.rcvbuf)
        raise error(ENOPROTOOPT, f"option {option} at level {level} cannot be read here")
