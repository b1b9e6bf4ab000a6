"""The Toeplitz hash: which queue a flow belongs to, decided by XOR.

Law.   The table-driven and the bitwise form give the same 32 bits for every tuple and key.
Reads. Microsoft's RSS hashing functions; the verification suite in DPDK app/test/test_thash.c;
       Linux tools/testing/selftests/net/toeplitz.c; include/uapi/linux/ethtool.h (RXH_XFRM_*).
Omits. Other hash functions (xor, crc32).

For each input bit that is 1, from the most significant of octet 0 on, XOR the 32-bit window of the
key that starts at the same bit. Since XOR is linear, the contribution of one octet depends on its
position and value alone: 36 positions of 256 values make the whole hash a few loads.

A symmetric transform makes both directions of a flow one input: ``sym-xor`` hashes (S^D, S^D, sp^dp, sp^dp),
``sym-or-xor`` hashes (S|D, S^D, sp|dp, sp^dp).
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import U32
from devmemlab.nic.steer_tables import (
    NO_TRANSFORM,
    RXH_IP_DST,
    RXH_IP_SRC,
    RXH_L4_DST,
    RXH_L4_SRC,
    SYM_OR_XOR,
    TUPLE_BYTES,
)

REFERENCE_KEY = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")


@kernel
def toeplitz_bitwise(key, octets, length):
    """Hash octets as the definition says, one bit at a time.

    Parameters
    ----------
    key : uint8[n_key]
        At least ``length + 4`` octets.
    octets : uint8[length]
        The tuple in network order.
    length : int64
        Octets to hash.

    Returns
    -------
    hash : int64
        0 to 2^32 - 1.
    """
    window = np.int64(0)
    for i in range(4):
        window = (window << 8) | np.int64(key[i])
    result = np.int64(0)
    for i in range(length):
        value = np.int64(octets[i])
        next_octet = np.int64(key[i + 4])
        for bit in range(7, -1, -1):
            if (value >> bit) & 1:
                result ^= window
            window = ((window << 1) | ((next_octet >> bit) & 1)) & U32
    return result


def toeplitz_fill(hash_table, row, key):
    """Tabulate the hash of every octet value at every position.

    Parameters
    ----------
    hash_table : ENTRY[n_row, 36 * 256]
        One row is written.
    row : int
        Which, see `devmemlab.nic.steer_tables`.
    key : uint8[n_key]
        RSS key, 40 octets or more; those after the 40th belong to tuples longer than any here.
    """
    key = np.asarray(key).astype(np.int64)
    windows = sum(key[i:TUPLE_BYTES + i] << 8 * (4 - i) for i in range(5))
    values = np.zeros((TUPLE_BYTES, 256), np.int64)
    for bit in range(8):
        # One more bit doubles what is known: a value's hash is that of its top bit and that of the rest.
        top = 1 << bit
        values[:, top:2 * top] = values[:, :top] ^ (windows >> bit + 1 & U32)[:, None]
    hash_table["entry"][row] = values.ravel()


@kernel
def _hash2(hash_table, row, position, value):
    """Hash 2 octets at a position of the tuple.

    Parameters
    ----------
    hash_table : ENTRY[n_row, 36 * 256]
        From `toeplitz_fill`.
    row : int64
        Which row.
    position : int64
        First octet in the tuple.
    value : int64
        The octets as a big-endian integer; higher bits are ignored.

    Returns
    -------
    hash : int64
        Contribution to XOR in.
    """
    at = position * 256
    return hash_table[row, at + ((value >> 8) & 0xFF)].entry ^ hash_table[row, at + 256 + (value & 0xFF)].entry


@kernel
def _hash4(hash_table, row, position, value):
    """Hash 4 octets at a position of the tuple.

    Parameters
    ----------
    hash_table : ENTRY[n_row, 36 * 256]
        From `toeplitz_fill`.
    row : int64
        Which row.
    position : int64
        First octet in the tuple.
    value : int64
        The octets as a big-endian integer; higher bits are ignored.

    Returns
    -------
    hash : int64
        Contribution to XOR in.
    """
    return _hash2(hash_table, row, position, value >> 16) ^ _hash2(hash_table, row, position + 2, value)


@kernel
def _hash16(hash_table, row, position, high, low):
    """Hash an IPv6 address at a position of the tuple.

    Parameters
    ----------
    hash_table : ENTRY[n_row, 36 * 256]
        From `toeplitz_fill`.
    row : int64
        Which row.
    position : int64
        First octet in the tuple.
    high, low : int64
        Its halves.

    Returns
    -------
    hash : int64
        Contribution to XOR in.
    """
    return (_hash4(hash_table, row, position, high >> 32) ^ _hash4(hash_table, row, position + 4, high)
            ^ _hash4(hash_table, row, position + 8, low >> 32) ^ _hash4(hash_table, row, position + 12, low))


@kernel
def toeplitz_packet(hash_table, row, pkt, with_ports):
    """Hash the addresses of a parsed packet, and its ports if wanted.

    Parameters
    ----------
    hash_table : ENTRY[n_row, 36 * 256]
        From `toeplitz_fill`.
    row : int64
        Which row.
    pkt : PKT
        Parsed headers.
    with_ports : int64
        Not 0: 4-tuple, 0: 2-tuple.

    Returns
    -------
    hash : int64
        0 to 2^32 - 1.
    """
    if pkt.ip_version == 4:
        result = _hash4(hash_table, row, 0, pkt.saddr_lo) ^ _hash4(hash_table, row, 4, pkt.daddr_lo)
        ports_at = 8
    else:
        result = _hash16(hash_table, row, 0, pkt.saddr_hi, pkt.saddr_lo)
        result ^= _hash16(hash_table, row, 16, pkt.daddr_hi, pkt.daddr_lo)
        ports_at = 32
    if with_ports:
        result ^= _hash2(hash_table, row, ports_at, pkt.sport) ^ _hash2(hash_table, row, ports_at + 2, pkt.dport)
    return result


@kernel
def _hash_address(hash_table, row, position, version, high, low):
    """Hash one address at a position of the tuple.

    Parameters
    ----------
    hash_table : ENTRY[n_row, 36 * 256]
        From `toeplitz_fill`.
    row : int64
        Which row.
    position : int64
        Its first octet in the tuple.
    version : int64
        4 or 6.
    high, low : int64
        Its halves.

    Returns
    -------
    hash : int64
        Contribution to XOR in.
    """
    if version == 4:
        return _hash4(hash_table, row, position, low)
    return _hash16(hash_table, row, position, high, low)


@kernel
def toeplitz_fields(hash_table, row, pkt, fields, transform):
    """Hash any choice of fields, transformed or not: those that are left out take no room in the input.

    Parameters
    ----------
    hash_table : ENTRY[n_row, 36 * 256]
        From `toeplitz_fill`.
    row : int64
        Which row.
    pkt : PKT
        Parsed headers.
    fields : int64
        RXH_* bits.
    transform : int64
        ``NO_TRANSFORM``, ``SYM_XOR`` or ``SYM_OR_XOR``.

    Returns
    -------
    hash : int64
        0 to 2^32 - 1.
    """
    version = pkt.ip_version
    s_hi, s_lo, d_hi, d_lo, sport, dport = pkt.saddr_hi, pkt.saddr_lo, pkt.daddr_hi, pkt.daddr_lo, pkt.sport, pkt.dport
    if transform != NO_TRANSFORM:
        one_hi, one_lo, port = s_hi ^ d_hi, s_lo ^ d_lo, sport ^ dport
        if transform == SYM_OR_XOR:
            s_hi, s_lo, sport = s_hi | d_hi, s_lo | d_lo, sport | dport
        else:
            s_hi, s_lo, sport = one_hi, one_lo, port
        d_hi, d_lo, dport = one_hi, one_lo, port
    at = np.int64(0)
    width = np.int64(4) if version == 4 else np.int64(16)
    result = np.int64(0)
    if fields & RXH_IP_SRC:
        result ^= _hash_address(hash_table, row, at, version, s_hi, s_lo)
        at += width
    if fields & RXH_IP_DST:
        result ^= _hash_address(hash_table, row, at, version, d_hi, d_lo)
        at += width
    if fields & RXH_L4_SRC:
        result ^= _hash2(hash_table, row, at, sport)
        at += 2
    if fields & RXH_L4_DST:
        result ^= _hash2(hash_table, row, at, dport)
    return result
