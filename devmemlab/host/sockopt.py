"""Socket options, SO_DEVMEM_DONTNEED among them.

Law.   An option that the lab does not model is refused, never remembered and ignored.
Reads. Linux net/socket.c (do_sock_setsockopt), net/core/sock.c (sk_setsockopt) for the order of the checks.
Omits. Timestamps, marks, filters; options of IP.
"""

import numpy as np

from devmemlab.base.errno import EBADF, EFAULT, EINVAL, ENOPROTOOPT, ENOTSOCK, error
from devmemlab.host.entry import machine_dontneed
from devmemlab.host.genl.core import GenlSock
from devmemlab.host.receive_options import FIELDS, get_receive_option, set_receive_option
from devmemlab.host.tcp_options import IPPROTO_TCP, get_tcp_option, set_keepalive, set_tcp_option
from devmemlab.sock.token_batch import named_ids
from devmemlab.sock.uapi import (
    DMABUF_TOKEN_BYTES,
    MAX_DONTNEED_TOKENS,
    SO_DEVMEM_DONTNEED,
    SO_ERROR,
    SO_KEEPALIVE,
    SO_RCVBUF,
    SO_REUSEADDR,
    SO_REUSEPORT,
    SO_SNDBUF,
    SO_ZEROCOPY,
    SO_SNDLOWAT,
    SOL_SOCKET,
)

INT_BYTES = 4
SIGN_BIT = 1 << 31


def option_value(value, optlen=None):
    """Spell an option value as the system call gets it: octets, and a length that need not be theirs.

    Parameters
    ----------
    value : int, bytes or None
        An int is one C int; None is memory that the program may not read.
    optlen : int, optional
        The length that the call is told, when it is not that of `value`; a C int, so 2**31 and above are negative.

    Returns
    -------
    octets, optlen : bytes or None, int
        What the kernel can read, and how much it is told to.
    """
    octets = int(value).to_bytes(INT_BYTES, "little", signed=value < SIGN_BIT) if isinstance(value, int) else value
    octets = None if octets is None else bytes(octets)
    length = len(octets or b"") if optlen is None else int(optlen)
    return octets, (length + SIGN_BIT) % (2 * SIGN_BIT) - SIGN_BIT


def check_option(level, option, octets, optlen):
    """Check what every socket checks before it looks at an option of SOL_SOCKET.

    Parameters
    ----------
    level, option : int
        Which option.
    octets, optlen : bytes or None, int
        From `option_value`.

    Raises
    ------
    OSError
        EINVAL, ENOPROTOOPT for another level, EFAULT.
    """
    if optlen < 0:
        raise error(EINVAL, f"option length {optlen}: a length is 0 or more")
    if level != SOL_SOCKET:
        raise error(ENOPROTOOPT, f"option {option} at level {level} is not known here")
    if optlen < INT_BYTES:
        raise error(EINVAL, f"{optlen} octets: an option at SOL_SOCKET has at least {INT_BYTES}")
    if octets is None or len(octets) < INT_BYTES:
        raise error(EFAULT, "the option value cannot be read; pass an int or bytes")


class Options:
    """The options of `devmemlab.host.socket.Socket`."""

    def setsockopt(self, level, option, value, optlen=None):
        """Set an option.

        Parameters
        ----------
        level, option : int
            SOL_SOCKET and SO_RCVBUF, SO_SNDBUF, SO_KEEPALIVE, SO_ZEROCOPY, SO_REUSEADDR, SO_REUSEPORT, SO_DEVMEM_DONTNEED or what
            `devmemlab.host.receive_options` knows; IPPROTO_TCP and what `devmemlab.host.tcp_options` knows.
        value : int, bytes or None
            Its value; for SO_DEVMEM_DONTNEED elements of ``{u32 token_start, u32 token_count}``. None, with a length, is a
            pointer to nothing.
        optlen : int, optional
            A length other than that of `value`, as a C program can give it.

        Returns
        -------
        result : int or None
            For SO_DEVMEM_DONTNEED the number of references released (Linux returns it; Python's socket hides it).

        Raises
        ------
        OSError
            EBADF after close; EINVAL for a length below 0 or too short for the option; EFAULT; ENOPROTOOPT.
        """
        sock = self._open
        octets, optlen = option_value(value, optlen)
        if level == IPPROTO_TCP and optlen >= 0:
            if octets is None or len(octets) < optlen:
                raise error(EFAULT, "the option value cannot be read; pass an int or bytes")
            return set_tcp_option(self, option, octets[:optlen])
        check_option(level, option, octets, optlen)
        if option == SO_DEVMEM_DONTNEED:
            optval = np.frombuffer(bytearray(octets), np.uint8)
            # A length that the kernel accepts must be there to be read; one that it refuses is never read.
            if len(octets) < optlen <= MAX_DONTNEED_TOKENS * DMABUF_TOKEN_BYTES and optlen % DMABUF_TOKEN_BYTES == 0:
                raise error(EFAULT, f"only {len(octets)} of {optlen} octets can be read")
            freed = machine_dontneed(self.host.machine, self.host.trace, sock, optval, optlen, self.host.clock.now_ns)
            if freed < 0:
                self.calls.refuse(self.host.clock.now_ns, "dontneed", freed)
                raise error(freed, f"{optlen} octets: 1 to 128 whole elements of 8 octets are possible")
            self.calls.returned(self.host.clock.now_ns, optval[:optlen].view("<u4")[1::2].sum(), freed)
            if self.host.token_watch is not None:
                self.host.token_watch.returned(sock, named_ids(optval[:optlen]))
            return int(freed)
        number = int.from_bytes(octets[:INT_BYTES], "little", signed=True)
        if option == SO_RCVBUF:
            self._row.rcvbuf, self._row.rcvbuf_locked = max(2 * number, 2304), 1
            self.host.tcbs.ctl[0].tight |= int(self._row.rmem_alloc > self._row.rcvbuf)
            return None
        if option == SO_SNDBUF:
            self._row.sndbuf = max(2 * number, 4608)
            return None
        if option == SO_KEEPALIVE:
            return set_keepalive(self, number)
        if option == SO_ZEROCOPY:
            if number not in (0, 1):
                raise error(EINVAL, f"SO_ZEROCOPY {number}: 0 and 1 are possible")
            self._row.zerocopy = number
            return None
        if option in FIELDS:
            return set_receive_option(self, option, octets[:optlen])
        if option in (SO_REUSEADDR, SO_REUSEPORT):
            return None
        raise error(ENOPROTOOPT, f"option {option} at level {level} is not known here")

    def getsockopt(self, level, option, buflen=0):
        """Read an option.

        Parameters
        ----------
        level, option : int
            SOL_SOCKET and SO_RCVBUF, SO_SNDBUF, SO_KEEPALIVE, SO_ZEROCOPY, SO_ERROR (reading it clears it), SO_SNDLOWAT or what
            `devmemlab.host.receive_options` knows; IPPROTO_TCP as for setting.
        buflen : int
            Ignored.

        Returns
        -------
        value : int or bytes
            Its value.
        """
        row = self._row
        if level == IPPROTO_TCP:
            return get_tcp_option(self, option)
        if level == SOL_SOCKET and option == SO_ERROR:
            pending, row.error = int(row.error), 0
            return pending
        fields = {SO_RCVBUF: "rcvbuf", SO_SNDBUF: "sndbuf", SO_KEEPALIVE: "keepalive", SO_ZEROCOPY: "zerocopy"}
        if level == SOL_SOCKET and option in fields:
            return int(getattr(row, fields[option]))
        if level == SOL_SOCKET and (option in FIELDS or option == SO_SNDLOWAT):
            return get_receive_option(self, option)
        raise error(ENOPROTOOPT, f"option {option} at level {level} cannot be read here")


def setsockopt_fd(host, fd, level, option, value, optlen=None):
    """Set an option by file descriptor, as the system call does.

    Parameters
    ----------
    host : Host
        Whose descriptor it is.
    fd : int
        File descriptor.
    level, option, value, optlen : int, int, int or bytes or None, int
        See `Options.setsockopt`.

    Returns
    -------
    result : int or None
        See there.

    Raises
    ------
    OSError
        EBADF when it is not open, ENOTSOCK when it names no socket, and what `Options.setsockopt` raises; EBADF too for
        SO_DEVMEM_DONTNEED on a netlink socket, which has no tokens.
    """
    thing = host.fds.get(fd)
    if isinstance(thing, GenlSock):
        check_option(level, option, *option_value(value, optlen))
        if option == SO_DEVMEM_DONTNEED:
            raise error(EBADF, "only a TCP socket has tokens to return; this is a netlink socket")
        raise error(ENOPROTOOPT, f"option {option} of SOL_SOCKET is not known to netlink sockets here")
    return host.fds.get(fd, Options, ENOTSOCK, "a socket").setsockopt(level, option, value, optlen)
