"""The ethtool ioctl: what netlink has no request for, or had none until lately.

Law.   A buffer is laid out as C lays it out; what the kernel writes into it is read from the same places.
Reads. Linux include/uapi/linux/ethtool.h, net/ethtool/ioctl.c (ioctl 0x8946).
Omits. 32-bit machines: the layouts are those of 64-bit ones.
"""

import ctypes
import socket
import struct

from devmemlab.base.errno import EINVAL, ENODEV, EOPNOTSUPP, EPERM
from devmemlab.linux import calls

SIOCETHTOOL, SIOCGIFFLAGS, NAME_BYTES = 0x8946, 0x8913, 15
ETHTOOL_GDRVINFO, ETHTOOL_GSTRINGS, ETHTOOL_GSTATS, ETHTOOL_GSSET_INFO = 0x03, 0x1B, 0x1D, 0x37
ETHTOOL_GRXFH, ETHTOOL_SRXFH, ETHTOOL_GRXRINGS, ETHTOOL_GRSSH, ETHTOOL_SRSSH = 0x29, 0x2A, 0x2D, 0x46, 0x47
(ETHTOOL_GRXCLSRLCNT, ETHTOOL_GRXCLSRULE, ETHTOOL_GRXCLSRLALL, ETHTOOL_SRXCLSRLDEL, ETHTOOL_SRXCLSRLINS) = range(0x2E, 0x33)
ETH_SS_STATS, STRING_BYTES = 1, 32
RXNFC_BYTES, RXFH_BYTES, DRVINFO_BYTES = 192, 24, 196
FLOW_RSS = 0x20000000
ADVICE = {
    EPERM: "changing an interface needs CAP_NET_ADMIN in its network namespace",
    EOPNOTSUPP: "the driver of this interface has no such operation",
    ENODEV: "no such interface in this network namespace",
    EINVAL: "the driver of this interface refuses the values",
}


class Ifreq(ctypes.Structure):
    """struct ifreq, as far as this ioctl reads it."""

    _fields_ = [("name", ctypes.c_char * 16), ("data", ctypes.c_void_p), ("rest", ctypes.c_char * 16)]


def ethtool_ioctl(name, octets):
    """Ask the kernel through the ioctl.

    Parameters
    ----------
    name : str
        Interface.
    octets : bytes or bytearray
        The request; its first four octets are the command.

    Returns
    -------
    answer : bytes
        The buffer as the kernel left it.

    Raises
    ------
    OSError
        With the kernel's errno.
    """
    if len(name.encode()) > NAME_BYTES:
        raise calls.failure(ENODEV, f"{name!r} is longer than a name of an interface can be")
    room = ctypes.create_string_buffer(bytes(octets), len(octets))
    request = Ifreq(name.encode(), ctypes.cast(room, ctypes.c_void_p))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            calls.checked(calls.libc().ioctl, sock.fileno(), ctypes.c_ulong(SIOCETHTOOL), ctypes.byref(request))
        except OSError as problem:
            raise calls.failure(problem.errno, f"{name}: {ADVICE.get(problem.errno, 'see ethtool(8)')}") from None
    return room.raw


def rxnfc(command, flow_type=0, data=0, spec=b"", rule_cnt=0, rooms=0):
    """Lay out a struct ethtool_rxnfc.

    Parameters
    ----------
    command, flow_type, data : int
        As in C.
    spec : bytes
        The struct ethtool_rx_flow_spec, empty for zeros.
    rule_cnt : int
        Or the RSS context, which shares its place.
    rooms : int
        Places for rule locations behind it.

    Returns
    -------
    octets : bytes
        The request.
    """
    head = struct.pack("=IIQ", command, flow_type, data)
    return head + spec.ljust(168, b"\0") + struct.pack("=I", rule_cnt) + bytes(4 + 4 * rooms)


def rule_count(name):
    """Ask how many rules there are, and whether the driver chooses their places.

    Parameters
    ----------
    name : str
        Interface.

    Returns
    -------
    count, chooses : int, bool
        Rules, and whether a rule can be added without a place.
    """
    answer = ethtool_ioctl(name, rxnfc(ETHTOOL_GRXCLSRLCNT))
    return struct.unpack_from("=I", answer, 184)[0], bool(struct.unpack_from("=Q", answer, 8)[0] & 0x80000000)


def rule_places(name):
    """Ask which rules there are, and how many there may be.

    Parameters
    ----------
    name : str
        Interface.

    Returns
    -------
    places, most : list of int, int
        Their locations, and the size of the table.
    """
    count, _ = rule_count(name)
    answer = ethtool_ioctl(name, rxnfc(ETHTOOL_GRXCLSRLALL, rule_cnt=count, rooms=count))
    most, found = struct.unpack_from("=Q", answer, 8)[0], min(struct.unpack_from("=I", answer, 184)[0], count)
    return sorted(struct.unpack_from(f"={found}I", answer, 188)), most & 0x7FFFFFFF


def rx_rings(name):
    """Ask how many RX rings RSS may spread over.

    Parameters
    ----------
    name : str
        Interface.

    Returns
    -------
    rings : int
        So many.
    """
    return struct.unpack_from("=Q", ethtool_ioctl(name, rxnfc(ETHTOOL_GRXRINGS)), 8)[0]
