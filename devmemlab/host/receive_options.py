"""The options of SOL_SOCKET that decide how a program reads, and the questions of ioctl.

Law.   An option acts from the call on, and a child begins with what its listener has.
Reads. Linux net/core/sock.c (sk_setsockopt, sock_set_timeout), net/ipv4/tcp.c (tcp_set_rcvlowat, tcp_ioctl); socket(7), tcp(7).
Omits. The 64-bit timeouts of 32-bit programs; rounding of timeouts to ticks of the kernel.
"""

import struct

from devmemlab.base.errno import EDOM, EINVAL, ENOTTY, error
from devmemlab.sock.uapi import (
    SIOCATMARK,
    SIOCINQ,
    SIOCOUTQ,
    SIOCOUTQNSD,
    SO_OOBINLINE,
    SO_PEEK_OFF,
    SO_RCVLOWAT,
    SO_RCVTIMEO,
    SO_SNDLOWAT,
    SO_SNDTIMEO,
)
from devmemlab.tcp.states import LISTEN, SYN_RECV, SYN_SENT
from devmemlab.tcp.urgent import URG_NONE, tcp_inq

INT_MAX, NS_PER_S, NS_PER_US = (1 << 31) - 1, 1_000_000_000, 1000
FIELDS = {SO_OOBINLINE: "oobinline", SO_PEEK_OFF: "peek_off", SO_RCVLOWAT: "rcvlowat", SO_RCVTIMEO: "rcvtimeo_ns",
          SO_SNDTIMEO: "sndtimeo_ns"}
TIMES = (SO_RCVTIMEO, SO_SNDTIMEO)


def set_rcvlowat(sock, octets):
    """Set how much must wait before a program is woken.

    Parameters
    ----------
    sock : Socket
        The socket; its receive buffer grows when it could never hold that much, unless SO_RCVBUF has fixed it.
    octets : int
        How much; at most half the receive buffer that is possible.
    """
    row = sock._row
    most = int(row.rcvbuf) if row.rcvbuf_locked else int(sock.host.sysctl("net.ipv4.tcp_rmem").split()[2])
    row.rcvlowat = max(min(INT_MAX if octets < 0 else octets, most >> 1), 1)
    if not row.rcvbuf_locked:
        row.rcvbuf = max(int(row.rcvbuf), (int(row.rcvlowat) << 8) // int(row.scaling_ratio))


def set_receive_option(sock, option, octets):
    """Set an option.

    Parameters
    ----------
    sock : Socket
        The socket.
    option : int
        A key of `FIELDS`.
    octets : bytes
        Its value; for a timeout a ``struct timeval`` of two C longs.

    Raises
    ------
    OSError
        EINVAL for a timeout of another length, EDOM for microseconds that are none.
    """
    number = int.from_bytes(octets[:4], "little", signed=True)
    if option == SO_RCVLOWAT:
        set_rcvlowat(sock, number)
    elif option in TIMES:
        if len(octets) < 16:
            raise error(EINVAL, f"{len(octets)} octets: a timeout is struct.pack('qq', seconds, microseconds)")
        seconds, micros = struct.unpack_from("<qq", octets)
        if not 0 <= micros < 1_000_000:
            raise error(EDOM, f"{micros} microseconds: 0 to 999999 is possible")
        # 0 means for ever, and Linux lets a time in the past be none at all.
        nanos = 1 if seconds < 0 else min(seconds * NS_PER_S + micros * NS_PER_US, 1 << 60)
        setattr(sock._row, FIELDS[option], nanos)
    else:
        setattr(sock._row, FIELDS[option], int(bool(number)) if option == SO_OOBINLINE else number)


def get_receive_option(sock, option):
    """Read an option.

    Parameters
    ----------
    sock : Socket
        The socket.
    option : int
        A key of `FIELDS`, or SO_SNDLOWAT.

    Returns
    -------
    value : int or bytes
        Its value; a timeout as ``struct timeval``.
    """
    if option == SO_SNDLOWAT:
        return 1
    value = int(getattr(sock._row, FIELDS[option]))
    if option in TIMES:
        return struct.pack("<qq", value // NS_PER_S, value % NS_PER_S // NS_PER_US)
    return value


def socket_ioctl(sock, request):
    """Answer a question about the queues of a socket.

    Parameters
    ----------
    sock : Socket
        The socket.
    request : int
        SIOCINQ (FIONREAD): octets that can be read before the urgent mark; SIOCATMARK: whether the reader is at it; SIOCOUTQ
        (TIOCOUTQ): octets that nobody has acknowledged; SIOCOUTQNSD: octets not sent yet.

    Returns
    -------
    value : int
        What the kernel would have put where the argument points.

    Raises
    ------
    OSError
        EINVAL for a listener, ENOTTY for another request.
    """
    row = sock._row
    if request == SIOCATMARK:
        return int(row.urg_state != URG_NONE and row.urg_seq == row.copied_seq)
    if request not in (SIOCINQ, SIOCOUTQ, SIOCOUTQNSD):
        raise error(ENOTTY, f"request {request:#x}: SIOCINQ, SIOCATMARK, SIOCOUTQ and SIOCOUTQNSD are possible")
    if row.state == LISTEN:
        raise error(EINVAL, "a listener has no data")
    if request == SIOCINQ:
        return int(tcp_inq(row))
    if row.state in (SYN_SENT, SYN_RECV):
        return 0
    return int(row.write_seq - (row.snd_una if request == SIOCOUTQ else row.snd_nxt)) & 0xFFFFFFFF
