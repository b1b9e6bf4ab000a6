"""Ethernet: who on this link, and what comes next.

Law.   The next header starts at 14, or 4 octets later for each of at most two VLAN tags.
Reads. IEEE 802.3 and 802.1Q/802.1ad; Linux include/uapi/linux/if_ether.h, if_vlan.h.
Omits. LLC/SNAP frames, the frame check sequence, padding to 60 octets (a NIC does that).

::

     0                   6                  12      14
    +-------------------+-------------------+-------+
    | destination       | source            | type  |  untagged
    +-------------------+-------------------+-------+-------+-------+
    | destination       | source            | 8100  |  TCI  | type  |  one tag
    +-------------------+-------------------+-------+-------+-------+
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load_be16, load_be32, store_be16, store_be32
from devmemlab.wire.rows import SHORT_ETHERNET

ETH_DST = 0
ETH_SRC = 6
ETH_TYPE = 12
ETH_BYTES = 14
VLAN_TCI = 0
VLAN_TYPE = 2
VLAN_BYTES = 4
VLAN_TAGS_MAX = 2

ETH_P_IP = 0x0800
ETH_P_ARP = 0x0806
ETH_P_8021Q = 0x8100
ETH_P_IPV6 = 0x86DD
ETH_P_8021AD = 0x88A8

BROADCAST = 0xFFFFFFFFFFFF


@kernel
def load_mac(octets, at):
    """Load a MAC address.

    Parameters
    ----------
    octets : uint8[n]
        Memory, read in ``[at, at + 6)``.
    at : int64
        Address.

    Returns
    -------
    mac : int64
        48 bits.
    """
    return (load_be16(octets, at) << 32) | load_be32(octets, at + 2)


@kernel
def store_mac(octets, at, mac):
    """Store a MAC address.

    Parameters
    ----------
    octets : uint8[n]
        Memory, written in ``[at, at + 6)``.
    at : int64
        Address.
    mac : int64
        48 bits.
    """
    store_be16(octets, at, mac >> 32)
    store_be32(octets, at + 2, mac)


@kernel(_nrt=False, inline="always")
def parse_ethernet(head, pkt):
    """Read the link header and its VLAN tags.

    Parameters
    ----------
    head : uint8[n]
        The frame.
    pkt : PKT row
        ``dst_mac src_mac vlan_tci eth_type ip_at header_bytes`` are set; ``err`` on refusal.

    Returns
    -------
    here : int64
        Where the next header starts; 0 when the frame is shorter than this one.
    """
    if len(head) < ETH_BYTES:
        pkt.err = SHORT_ETHERNET
        return np.int64(0)
    pkt.dst_mac = load_mac(head, ETH_DST)
    pkt.src_mac = load_mac(head, ETH_SRC)
    eth_type = load_be16(head, ETH_TYPE)
    here = np.int64(ETH_BYTES)
    if eth_type == ETH_P_8021Q or eth_type == ETH_P_8021AD:
        for tag in range(VLAN_TAGS_MAX):
            if len(head) < here + VLAN_BYTES:
                pkt.err = SHORT_ETHERNET
                return np.int64(0)
            if tag == 0:
                pkt.vlan_tci = load_be16(head, here + VLAN_TCI)
            eth_type = load_be16(head, here + VLAN_TYPE)
            here += VLAN_BYTES
            if eth_type != ETH_P_8021Q and eth_type != ETH_P_8021AD:
                break
    pkt.eth_type = eth_type
    pkt.ip_at = here
    pkt.header_bytes = here
    return here


@kernel
def emit_ethernet(octets, at, dst_mac, src_mac, vlan_tci, eth_type):
    """Write a link header with at most one VLAN tag.

    Parameters
    ----------
    octets : uint8[n]
        Arena, written from `at`.
    at : int64
        Where the frame starts.
    dst_mac, src_mac : int64
        48 bits each.
    vlan_tci : int64
        Tag control information; -1 for no tag.
    eth_type : int64
        What comes next.

    Returns
    -------
    nbytes : int64
        14, or 18 with a tag.
    """
    store_mac(octets, at + ETH_DST, dst_mac)
    store_mac(octets, at + ETH_SRC, src_mac)
    if vlan_tci < 0:
        store_be16(octets, at + ETH_TYPE, eth_type)
        return np.int64(ETH_BYTES)
    store_be16(octets, at + ETH_TYPE, ETH_P_8021Q)
    store_be16(octets, at + ETH_BYTES + VLAN_TCI, vlan_tci)
    store_be16(octets, at + ETH_BYTES + VLAN_TYPE, eth_type)
    return np.int64(ETH_BYTES + VLAN_BYTES)


def mac(text):
    """Read a MAC address as people write it.

    Parameters
    ----------
    text : str
        ``"02:00:00:00:00:01"``; dashes do as well.

    Returns
    -------
    mac : int
        48 bits.

    Raises
    ------
    ValueError
        The text is not six hexadecimal octets.
    """
    parts = str(text).replace("-", ":").split(":")
    if len(parts) != 6 or not all(1 <= len(p) <= 2 and all(c in "0123456789abcdefABCDEF" for c in p) for p in parts):
        raise ValueError(f"not a MAC address: {text!r}; write six hexadecimal octets such as '02:00:00:00:00:01'")
    return int("".join(p.zfill(2) for p in parts), 16)


def mac_text(number):
    """Spell a MAC address.

    Parameters
    ----------
    number : int
        48 bits.

    Returns
    -------
    text : str
        ``"02:00:00:00:00:01"``.
    """
    return ":".join(f"{(int(number) >> shift) & 0xFF:02x}" for shift in range(40, -8, -8))
