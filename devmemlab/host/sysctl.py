"""Settings of the network by the kernel's names: those that TCP here honours, and no other.

Law.   A setting acts on what is made after it was set; one that would do nothing here is not known.
Reads. Linux Documentation/networking/ip-sysctl.rst, net/ipv4/sysctl_net_ipv4.c for the ranges.
Omits. Autotuning of buffers: a socket begins with the last number of tcp_rmem and tcp_wmem, where Linux's tuning ends.
"""

from typing import NamedTuple

from devmemlab.base.errno import EACCES, EINVAL, ENOENT, error
from devmemlab.tcp.congestion import CONGESTION_NAMES
from devmemlab.tcp.tcb import DEFAULT_RCVBUF, DEFAULT_SNDBUF, NS_PER_MS

NS_PER_S = 1000 * NS_PER_MS
BUFFERS = {"net.ipv4.tcp_rmem": ("rcvbuf_default", (4096, 131072, DEFAULT_RCVBUF)),
           "net.ipv4.tcp_wmem": ("sndbuf_default", (4096, 16384, DEFAULT_SNDBUF))}
PORTS = "net.ipv4.ip_local_port_range"
CONGESTION = "net.ipv4.tcp_congestion_control"
AVAILABLE = "net.ipv4.tcp_available_congestion_control"
WSCALE = "net.ipv4.tcp_window_scaling"
INT_MAX = (1 << 31) - 1


class _Number(NamedTuple):
    """One number, and the field that it lives in.

    table : str
        ``"blank"`` (what a new control block holds) or ``"ctl"``.
    field : str
        Name.
    unit : int
        What one of it is there.
    least, most : int
        What may be written.
    flag : bool
        Whether every number above 0 means the same to TCP here.
    """

    table: str
    field: str
    unit: int = 1
    least: int = 0
    most: int = 255
    flag: bool = False


NUMBERS = {
    "net.core.optmem_max": _Number("ctl", "optmem_max", most=INT_MAX),
    "net.ipv4.tcp_ecn": _Number("ctl", "ecn", most=2),
    "net.ipv4.tcp_ecn_fallback": _Number("ctl", "ecn_fallback", flag=True),
    "net.ipv4.tcp_sack": _Number("blank", "sack_permitted", flag=True),
    "net.ipv4.tcp_timestamps": _Number("blank", "timestamps", flag=True),
    "net.ipv4.tcp_reordering": _Number("blank", "reordering", 1, 1, 300),
    "net.ipv4.tcp_syn_retries": _Number("ctl", "syn_retries", 1, 1, 127),
    "net.ipv4.tcp_synack_retries": _Number("ctl", "synack_retries"),
    "net.ipv4.tcp_retries2": _Number("ctl", "retries2"),
    "net.ipv4.tcp_retrans_collapse": _Number("ctl", "retrans_collapse", flag=True),
    "net.ipv4.tcp_keepalive_time": _Number("blank", "keepidle_ns", NS_PER_S, 1, INT_MAX // 1000),
    "net.ipv4.tcp_keepalive_intvl": _Number("blank", "keepintvl_ns", NS_PER_S, 1, INT_MAX // 1000),
    "net.ipv4.tcp_keepalive_probes": _Number("blank", "keepcnt", 1, 0, 255),
}
NAMES = tuple(sorted([*NUMBERS, *BUFFERS, PORTS, CONGESTION, AVAILABLE, WSCALE]))
"""Every name that `Sysctls.sysctl` knows."""


def _numbers(name, value, count):
    """Read the numbers of a value, as the kernel reads what is written to its file.

    Parameters
    ----------
    name : str
        Setting, for the message.
    value : str, int or sequence of int
        What was written.
    count : int
        How many it must be.

    Returns
    -------
    numbers : list of int
        So many.

    Raises
    ------
    OSError
        EINVAL.
    """
    words = value.split() if isinstance(value, str) else [value] if isinstance(value, int) else list(value)
    try:
        numbers = [int(word) for word in words]
    except (TypeError, ValueError):
        raise error(EINVAL, f"{name} = {value!r}: {count} whole number(s) are wanted") from None
    if len(numbers) != count:
        raise error(EINVAL, f"{name} = {value!r}: {count} number(s) are wanted, {len(numbers)} were given")
    return numbers


def _within(name, numbers, least, most):
    """Refuse numbers out of range.

    Parameters
    ----------
    name : str
        Setting, for the message.
    numbers : list of int
        What was written.
    least, most : int
        The range.

    Raises
    ------
    OSError
        EINVAL.
    """
    for number in numbers:
        if not least <= number <= most:
            raise error(EINVAL, f"{name} = {number}: {least} to {most} is possible")


class Sysctls:
    """The part of `devmemlab.host.face.LinuxFace` that reads and writes settings."""

    def sysctl(self, name, value=None):
        """Read a setting of the network, or write it.

        Parameters
        ----------
        name : str
            For example ``"net.ipv4.tcp_sack"``; slashes may stand for the points.
        value : str, int or sequence of int, optional
            None: only read. What is written acts on sockets and connections that are made from now on.

        Returns
        -------
        value : str
            What it is afterwards, as the file below /proc/sys shows it.

        Raises
        ------
        OSError
            ENOENT for a name that nothing here acts upon, EINVAL for a value that the kernel refuses, EACCES for a setting
            that cannot be written, or a process that may not.
        """
        name = name.replace("/", ".")
        if name not in NAMES:
            raise error(ENOENT, f"sysctl {name!r} is not known here; there are {', '.join(NAMES)}")
        # A process shares the settings of its host.
        tcbs, written = self.tcbs, self.__dict__.get("on", self).__dict__.setdefault("_sysctl", {})
        if value is not None:
            if name == AVAILABLE or not self.admin:
                raise error(EACCES, f"{name} can only be read{'' if name == AVAILABLE else ' without CAP_NET_ADMIN'}")
            _write(tcbs, written, name, value)
        return _read(tcbs, written, name)

    @property
    def local_ports(self):
        """range: local ports that ``connect`` may choose."""
        low, high = map(int, self.sysctl(PORTS).split())
        return range(low, high + 1)


def _write(tcbs, written, name, value):
    """Make a setting act.

    Parameters
    ----------
    tcbs : Tcbs
        What new connections begin with.
    written : dict of str to str
        Values as they are read back, where the tables do not hold them whole.
    name : str
        Setting.
    value : str, int or sequence of int
        Its new value.
    """
    ctl, blank = tcbs.ctl[0], tcbs.blank[0]
    if name == CONGESTION:
        if value not in CONGESTION_NAMES:
            raise error(ENOENT, f"congestion control {value!r}: {', '.join(CONGESTION_NAMES)} are possible")
        ctl.congestion_default = CONGESTION_NAMES.index(value)
        return
    numbers = _numbers(name, value, 3 if name in BUFFERS else 2 if name == PORTS else 1)
    if name in BUFFERS:
        _within(name, numbers, 1, INT_MAX)
        setattr(ctl, BUFFERS[name][0], max(numbers[2], 2304))
    elif name == PORTS:
        _within(name, numbers, 1, 65535)
        if numbers[0] > numbers[1]:
            raise error(EINVAL, f"{name} = {value!r}: the first port is above the last")
    elif name == WSCALE:
        _within(name, numbers, 0, 255)
        # A connection that may not scale says so as one whose peer did not.
        blank.snd_wscale = 0 if numbers[0] else -1
    else:
        number = NUMBERS[name]
        _within(name, numbers, number.least, number.most)
        setattr(blank if number.table == "blank" else ctl, number.field,
                int(bool(numbers[0])) if number.flag else numbers[0] * number.unit)
    written[name] = "\t".join(map(str, numbers))


def _read(tcbs, written, name):
    """Tell what a setting is.

    Parameters
    ----------
    tcbs : Tcbs
        What new connections begin with.
    written : dict of str to str
        See `_write`.
    name : str
        Setting.

    Returns
    -------
    value : str
        As its file shows it.
    """
    if name == CONGESTION:
        return CONGESTION_NAMES[tcbs.ctl[0].congestion_default]
    if name == AVAILABLE:
        return " ".join(CONGESTION_NAMES)
    if name in written:
        return written[name]
    if name in BUFFERS:
        return "\t".join(map(str, BUFFERS[name][1]))
    if name == PORTS:
        return "32768\t60999"
    if name == WSCALE:
        return str(int(tcbs.blank[0].snd_wscale >= 0))
    number = NUMBERS[name]
    return str(int(getattr(tcbs.blank[0] if number.table == "blank" else tcbs.ctl[0], number.field)) // number.unit)
