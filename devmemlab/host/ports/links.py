"""Network devices by ioctl and rtnetlink: make a TAP, address it, switch its offloads off. Standard library only.

Law.   One function, one request; nothing is done to a device that was not named.
Reads. Linux include/uapi/linux/{if_tun,sockios,ethtool,if_addr,neighbour}.h; netdevice(7), rtnetlink(7).
Omits. Taking an address or a neighbour away: both go with the device.

Loaded by path in `holder`, a small process that must start quickly: so it imports nothing of the lab.
"""

import array
import fcntl
import ipaddress
import os
import socket
import struct

TUN_FILE = "/dev/net/tun"
IFNAMSIZ = 16
IFF_UP, IFF_RUNNING, IFF_NOARP = 0x1, 0x40, 0x80
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6, TUN_F_TSO_ECN = 0x01, 0x02, 0x04, 0x08
VNET_HDR_BYTES = 10
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
SIOCGIFMTU, SIOCSIFMTU, SIOCSIFHWADDR, SIOCGIFHWADDR = 0x8921, 0x8922, 0x8924, 0x8927
SIOCETHTOOL = 0x8946
RTM_NEWLINK, RTM_NEWADDR, RTM_NEWNEIGH = 16, 20, 28
NLM_F_REQUEST, NLM_F_ACK, NLM_F_REPLACE, NLM_F_CREATE = 0x1, 0x4, 0x100, 0x400
IFLA_TXQLEN, IFA_ADDRESS, IFA_LOCAL, NDA_DST, NDA_LLADDR = 13, 1, 2, 1, 2
IFA_F_NODAD, IFA_F_PERMANENT, NUD_PERMANENT = 0x02, 0x80, 0x80
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


def open_tap(name, offload=False):
    """Attach to a TAP device, making it when it is not there and the caller may.

    Parameters
    ----------
    name : str
        Interface, at most 15 octets.
    offload : bool
        Frames come and go behind a virtio_net_hdr of ten octets, and may be unsummed and beyond the MTU.

    Returns
    -------
    fd : int
        Non-blocking; a device made here disappears when it is closed.
    """
    fd = os.open(TUN_FILE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | (IFF_VNET_HDR if offload else 0)))
        if offload:
            fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", VNET_HDR_BYTES))
            fcntl.ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)
    except OSError:
        os.close(fd)
        raise
    return fd


def set_up(name, arp=True):
    """Bring a device up.

    Parameters
    ----------
    name : str
        Interface.
    arp : bool
        False: the kernel neither asks for neighbours nor listens for those who ask.
    """
    flags = struct.unpack_from("H", _request(name, SIOCGIFFLAGS))[0]
    _request(name, SIOCSIFFLAGS, struct.pack("H", flags | IFF_UP | IFF_RUNNING | (0 if arp else IFF_NOARP)))


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


def _route_request(kind, body, *attributes, how=0):
    """Do one rtnetlink request.

    Parameters
    ----------
    kind : int
        ``RTM_...``.
    body : bytes
        What follows the message header.
    *attributes : tuple
        (type, octets) of each attribute.
    how : int
        ``NLM_F_...``, beside request and acknowledgement.
    """
    for which, value in attributes:
        body += struct.pack("HH", 4 + len(value), which) + value + bytes(-len(value) % 4)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as s:
        s.send(struct.pack("IHHII", 16 + len(body), kind, NLM_F_REQUEST | NLM_F_ACK | how, 1, 0) + body)
        error = struct.unpack_from("i", s.recv(4096), 16)[0]
    if error:
        raise OSError(-error, os.strerror(-error))


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
    _route_request(RTM_NEWLINK, struct.pack("BxHiII", 0, 0, socket.if_nametoindex(name), 0, 0),
                   (IFLA_TXQLEN, struct.pack("I", packets)))


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


def _family(ip):
    """Tell the two kinds of addresses apart: AF_INET with 4 octets, or AF_INET6 with 16."""
    address = ipaddress.ip_address(ip)
    return (socket.AF_INET if address.version == 4 else socket.AF_INET6), address.packed


def set_address(name, ip, prefix):
    """Give a device an address; the route to its network follows. Nobody is asked whether he has it already.

    Parameters
    ----------
    name : str
        Interface.
    ip : str
        IPv4 or IPv6.
    prefix : int
        Length of the network part, bits.
    """
    family, octets = _family(ip)
    body = struct.pack("BBBBi", family, prefix, IFA_F_PERMANENT | IFA_F_NODAD, 0, socket.if_nametoindex(name))
    _route_request(RTM_NEWADDR, body, (IFA_LOCAL, octets), (IFA_ADDRESS, octets), how=NLM_F_CREATE | NLM_F_REPLACE)


def set_neighbour(name, ip, mac):
    """Say for good which MAC address a neighbour has, so that nobody asks.

    Parameters
    ----------
    name : str
        Interface.
    ip : str
        Neighbour, IPv4 or IPv6.
    mac : str
        See `mac_octets`.
    """
    family, octets = _family(ip)
    body = struct.pack("BxxxiHBB", family, socket.if_nametoindex(name), NUD_PERMANENT, 0, 0)
    _route_request(RTM_NEWNEIGH, body, (NDA_DST, octets), (NDA_LLADDR, mac_octets(mac)), how=NLM_F_CREATE | NLM_F_REPLACE)


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
