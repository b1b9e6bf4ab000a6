"""Network devices by ioctl: make a TAP, give it an address, switch its offloads off. Standard library only.

Law.   One function, one ioctl; nothing is done to a device that was not named.
Reads. Linux include/uapi/linux/{if_tun,sockios,ethtool,if_arp}.h; netdevice(7), arp(7).
Omits. IPv6 addresses.

Loaded by path in `holder`, a small process that must start quickly: so it imports nothing of the lab.
"""

import array
import fcntl
import os
import socket
import struct

TUN_FILE = "/dev/net/tun"
IFNAMSIZ = 16
IFF_UP, IFF_RUNNING = 0x1, 0x40
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
TUNSETIFF, TUNGETIFF = 0x400454CA, 0x800454D2
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
SIOCGIFMTU, SIOCSIFMTU, SIOCSIFHWADDR, SIOCGIFHWADDR = 0x8921, 0x8922, 0x8924, 0x8927
SIOCETHTOOL, SIOCSARP = 0x8946, 0x8955
RTM_NEWLINK, IFLA_TXQLEN, NLM_F_REQUEST, NLM_F_ACK = 16, 13, 1, 4
ATF_COM, ATF_PERM = 0x02, 0x04
ARPHRD_ETHER = 1
OFFLOADS = {"gro": (0x2B, 0x2C), "gso": (0x23, 0x24), "tso": (0x1E, 0x1F),
            "tx-checksum": (0x16, 0x17), "rx-checksum": (0x14, 0x15)}
"""Offload name -> ethtool commands (get, set)."""


def _request(name, command, body=b""):
    """Do one interface ioctl.

    Parameters
    ----------
    name : str
        Interface.
    command : int
        ``SIOC...``.
    body : bytes
        Behind the name in ``struct ifreq``, at most 24 octets.

    Returns
    -------
    body : bytes
        The 24 octets afterwards.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return fcntl.ioctl(s, command, struct.pack("16s24s", name.encode(), body))[IFNAMSIZ:]


def mac_octets(mac):
    """Spell a MAC address as octets.

    Parameters
    ----------
    mac : str
        ``"02:00:00:00:00:01"``.

    Returns
    -------
    octets : bytes
        Six.
    """
    return bytes.fromhex(mac.replace(":", ""))


def open_tap(name):
    """Attach to a TAP device, making it when it is not there and the caller may.

    Parameters
    ----------
    name : str
        Interface, at most 15 octets.

    Returns
    -------
    fd : int
        Non-blocking; a device made here disappears when it is closed.
    """
    fd = os.open(TUN_FILE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    except OSError:
        os.close(fd)
        raise
    return fd


def set_up(name):
    """Bring a device up.

    Parameters
    ----------
    name : str
        Interface.
    """
    flags = struct.unpack_from("H", _request(name, SIOCGIFFLAGS))[0]
    _request(name, SIOCSIFFLAGS, struct.pack("H", flags | IFF_UP | IFF_RUNNING))


def set_mtu(name, mtu):
    """Set the MTU.

    Parameters
    ----------
    name : str
        Interface.
    mtu : int
        Octets of an IP packet.
    """
    _request(name, SIOCSIFMTU, struct.pack("i", mtu))


def get_mtu(name):
    """Read the MTU.

    Parameters
    ----------
    name : str
        Interface.

    Returns
    -------
    mtu : int
        Octets of an IP packet.
    """
    return struct.unpack_from("i", _request(name, SIOCGIFMTU))[0]


def set_txqueuelen(name, packets):
    """Set how many frames wait for the reader; a TAP drops what comes beyond.

    Parameters
    ----------
    name : str
        Interface.
    packets : int
        Frames.
    """
    # The ioctl for this insists on the machine's own root; rtnetlink is content with that of the namespace.
    body = struct.pack("BxHiII", 0, 0, socket.if_nametoindex(name), 0, 0) + struct.pack("HHI", 8, IFLA_TXQLEN, packets)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as s:
        s.send(struct.pack("IHHII", 16 + len(body), RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body)
        error = struct.unpack_from("i", s.recv(4096), 16)[0]
    if error:
        raise OSError(-error, os.strerror(-error))


def set_mac(name, mac):
    """Set the MAC address.

    Parameters
    ----------
    name : str
        Interface, down.
    mac : str
        See `mac_octets`.
    """
    _request(name, SIOCSIFHWADDR, struct.pack("H6s", ARPHRD_ETHER, mac_octets(mac)))


def get_mac(name):
    """Read the MAC address; sysfs may be showing another namespace.

    Parameters
    ----------
    name : str
        Interface.

    Returns
    -------
    mac : str
        See `mac_octets`.
    """
    return _request(name, SIOCGIFHWADDR)[2:8].hex(":")


def set_address(name, ip, prefix):
    """Give a device its IPv4 address; the route to its network follows.

    Parameters
    ----------
    name : str
        Interface.
    ip : str
        Dotted quad.
    prefix : int
        Length of the network part, bits.
    """
    mask = socket.inet_ntoa(struct.pack("!I", (0xFFFFFFFF << (32 - prefix)) & 0xFFFFFFFF))
    for command, value in ((SIOCSIFADDR, ip), (SIOCSIFNETMASK, mask)):
        _request(name, command, struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(value)))


def set_neighbour(name, ip, mac):
    """Say for good which MAC address an IPv4 neighbour has, so that nobody asks.

    Parameters
    ----------
    name : str
        Interface.
    ip : str
        Neighbour.
    mac : str
        See `mac_octets`.
    """
    entry = struct.pack("HH4s8xH6s8xi16x16s", socket.AF_INET, 0, socket.inet_aton(ip), ARPHRD_ETHER, mac_octets(mac),
                        ATF_COM | ATF_PERM, name.encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSARP, entry)


def _ethtool(name, command, value):
    """Do one ethtool ioctl that carries one number.

    Parameters
    ----------
    name : str
        Interface.
    command : int
        ``ETHTOOL_...``.
    value : int
        Number.

    Returns
    -------
    value : int
        The number afterwards.
    """
    cell = array.array("I", [command, value])
    _request(name, SIOCETHTOOL, struct.pack("P", cell.buffer_info()[0]))
    return cell[1]


def switch_offload(name, offload, on):
    """Switch one offload, and see what came of it.

    Parameters
    ----------
    name : str
        Interface.
    offload : str
        One of `OFFLOADS`.
    on : bool
        Wanted.

    Returns
    -------
    on : bool
        What the device says afterwards; a device may refuse silently what it cannot change.
    """
    get, put = OFFLOADS[offload]
    try:
        _ethtool(name, put, int(on))
    except OSError:
        pass
    return bool(_ethtool(name, get, 0))
