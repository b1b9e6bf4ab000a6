"""Which system a host's TCP looks like from outside.

Law.   A profile changes what a peer can see before any data flow, and nothing about what is correct.
Reads. What SYN segments of both systems hold; `devmemlab.wire.options` for the two layouts.
Omits. Each system's own timers and congestion control; more systems.
"""

from typing import NamedTuple

from devmemlab.base.errno import EINVAL, error
from devmemlab.tcp.tcb import DEFAULT_RCVBUF
from devmemlab.wire.rows import LAYOUT_FREEBSD, LAYOUT_LINUX

_LAYOUTS = {"linux": LAYOUT_LINUX, "freebsd": LAYOUT_FREEBSD}
_RCVBUF = {"linux": DEFAULT_RCVBUF, "freebsd": 65535 << 6}
"""What lets the first SYN offer the window scale that the system offers by default: 7 and 6."""


class TcpProfile(NamedTuple):
    """How a host presents itself; ``lab.host(..., tcp=TcpProfile("freebsd"))``.

    Attributes
    ----------
    options : str
        ``"linux"`` or ``"freebsd"``: the order and padding of TCP options, and the window scale that is offered.
    rcvbuf : int
        Receive buffer of new sockets, octets; 0: as the system has it.
    """

    options: str = "linux"
    rcvbuf: int = 0


def use_tcp_profile(tcbs, tcp):
    """Make a host's TCP look like a profile.

    Parameters
    ----------
    tcbs : Tcbs
        Settings for connections that begin from now on.
    tcp : TcpProfile or None
        The profile; None leaves everything as it is.

    Raises
    ------
    OSError
        EINVAL for a system that is not known, or a receive buffer that is none.
    """
    if tcp is None:
        return
    if tcp.options not in _LAYOUTS:
        raise error(EINVAL, f"TcpProfile options {tcp.options!r}: {' and '.join(_LAYOUTS)} are possible")
    if tcp.rcvbuf and not 2304 <= tcp.rcvbuf < 1 << 31:
        raise error(EINVAL, f"TcpProfile rcvbuf {tcp.rcvbuf}: 2304 to 2^31 - 1 octets are possible, 0 for the system's own")
    tcbs.ctl[0].opt_layout = _LAYOUTS[tcp.options]
    tcbs.ctl[0].rcvbuf_default = tcp.rcvbuf or _RCVBUF[tcp.options]
