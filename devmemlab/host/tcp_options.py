"""The options of TCP: what a program may say about when its data go.

Law.   An option acts from the call on; a value that Linux refuses is refused with Linux's error.
Reads. Linux net/ipv4/tcp.c (do_tcp_setsockopt), include/uapi/linux/tcp.h; tcp(7).
Omits. TCP_INFO, TCP_FASTOPEN, TCP_MD5SIG, TCP_REPAIR and others that nothing here acts upon: they are not known.
"""

from typing import NamedTuple

from devmemlab.base.errno import EINVAL, ENOENT, ENOPROTOOPT, error
from devmemlab.host.entry_send import machine_push
from devmemlab.sock.uapi import IPPROTO_TCP, TCP_INQ
from devmemlab.tcp.congestion import CONGESTION_NAMES
from devmemlab.tcp.states import CLOSE, LISTEN
from devmemlab.tcp.tcb import FAR_FUTURE, NS_PER_MS

(TCP_NODELAY, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_QUICKACK, TCP_CONGESTION,
 TCP_USER_TIMEOUT) = 1, 3, 4, 5, 6, 12, 13, 18
NS_PER_S = 1000 * NS_PER_MS


class _Number(NamedTuple):
    """A number that a row keeps.

    field : str
        Of TCB.
    unit : int
        What one of it is there.
    least, most : int
        What Linux takes.
    """

    field: str
    unit: int
    least: int
    most: int


_NUMBERS = {
    TCP_NODELAY: _Number("nodelay", 1, 0, 1),
    TCP_CORK: _Number("cork", 1, 0, 1),
    TCP_KEEPIDLE: _Number("keepidle_ns", NS_PER_S, 1, 32767),
    TCP_KEEPINTVL: _Number("keepintvl_ns", NS_PER_S, 1, 32767),
    TCP_KEEPCNT: _Number("keepcnt", 1, 1, 127),
    TCP_INQ: _Number("recvmsg_inq", 1, 0, 1),
    TCP_USER_TIMEOUT: _Number("user_timeout_ns", NS_PER_MS, 0, (1 << 31) - 1),
}


def set_tcp_option(sock, option, octets):
    """Set an option at level IPPROTO_TCP.

    Parameters
    ----------
    sock : Socket
        The socket.
    option : int
        ``TCP_*``.
    octets : bytes
        Its value.

    Raises
    ------
    OSError
        ENOPROTOOPT for an option that is not known, EINVAL for a value out of range, ENOENT for a congestion control that
        does not exist.
    """
    row = sock._row
    if option == TCP_CONGESTION:
        name = octets.rstrip(b"\0").decode("ascii", "replace")
        if name not in CONGESTION_NAMES:
            raise error(ENOENT, f"congestion control {name!r}: {', '.join(CONGESTION_NAMES)} are possible")
        row.congestion = CONGESTION_NAMES.index(name)
        return
    if len(octets) < 4:
        raise error(EINVAL, f"{len(octets)} octets: an option at IPPROTO_TCP has at least 4")
    value = int.from_bytes(octets[:4], "little", signed=True)
    if option == TCP_QUICKACK:
        row.quickack = 16 if value else 0
        return
    if option not in _NUMBERS:
        raise error(ENOPROTOOPT, f"option {option} at level IPPROTO_TCP is not known here")
    number = _NUMBERS[option]
    if number.most == 1 and option != TCP_INQ:
        value = int(bool(value))
    if not number.least <= value <= number.most:
        raise error(EINVAL, f"option {option}: {value} is not from {number.least} to {number.most}")
    setattr(row, number.field, value * number.unit)
    if option in (TCP_KEEPIDLE, TCP_KEEPINTVL):
        set_keepalive(sock, row.keepalive)
    if (option == TCP_NODELAY and value) or (option == TCP_CORK and not value):
        machine_push(sock.host.machine, sock.host.trace, sock.sock, sock.host.clock.now_ns)
        sock.host.flush()


def set_keepalive(sock, on):
    """Switch keepalive on or off (SO_KEEPALIVE).

    Parameters
    ----------
    sock : Socket
        The socket; a connection begins to count now.
    on : bool
        Whether silence is to be questioned.
    """
    row = sock._row
    row.keepalive = int(bool(on))
    row.keepalive_at_ns = FAR_FUTURE
    if row.keepalive and row.state not in (CLOSE, LISTEN):
        row.keepalive_at_ns = max(int(row.heard_at_ns + row.keepidle_ns), sock.host.clock.now_ns)
        ctl = sock.host.tcbs.ctl[0]
        ctl.next_timer_ns = min(int(ctl.next_timer_ns), int(row.keepalive_at_ns))


def get_tcp_option(sock, option):
    """Read an option at level IPPROTO_TCP.

    Parameters
    ----------
    sock : Socket
        The socket.
    option : int
        ``TCP_*``.

    Returns
    -------
    value : int or bytes
        Its value; TCP_CONGESTION gives a name.

    Raises
    ------
    OSError
        ENOPROTOOPT.
    """
    row = sock._row
    if option == TCP_CONGESTION:
        return CONGESTION_NAMES[row.congestion].encode()
    if option == TCP_QUICKACK:
        return int(row.quickack > 0)
    if option not in _NUMBERS:
        raise error(ENOPROTOOPT, f"option {option} at level IPPROTO_TCP cannot be read here")
    number = _NUMBERS[option]
    return int(getattr(row, number.field)) // number.unit
