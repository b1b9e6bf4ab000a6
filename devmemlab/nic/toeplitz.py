"""The Toeplitz hash: which queue a flow belongs to, decided by XOR.

Law.   The table-driven and the bitwise form give the same 32 bits for every tuple and key.
Reads. Microsoft's RSS hashing functions; the verification suite in DPDK app/test/test_thash.c;
       Linux tools/testing/selftests/net/toeplitz.c.
Omits. Symmetric variants and vendor-quirk keys.

For each input bit that is 1, from the most significant of octet 0 on, XOR the 32-bit window of the
key that starts at the same bit. Since XOR is linear, the contribution of one octet depends on its
position and value alone: 36 positions of 256 values make the whole hash a few loads.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import U32
from devmemlab.nic.device import KEY_BYTES, TUPLE_BYTES

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


@kernel
def toeplitz_fill(hash_table, nic, key):
    """Tabulate the hash of every octet value at every position.

    Parameters
    ----------
    hash_table : ENTRY[n_nic, 36 * 256]
        Row `nic` is written.
    nic : int64
        Which NIC.
    key : uint8[40]
        RSS key.
    """
    for position in range(TUPLE_BYTES):
        window = np.int64(0)
        for i in range(4):
            window = (window << 8) | np.int64(key[position + i])
        following = np.int64(key[position + 4]) if position + 4 < KEY_BYTES else np.int64(0)
        for value in range(256):
            result = np.int64(0)
            shifted = window
            for bit in range(7, -1, -1):
                if (value >> bit) & 1:
                    result ^= shifted
                shifted = ((shifted << 1) | ((following >> bit) & 1)) & U32
            hash_table[nic, position * 256 + value].entry = result


@kernel
def _hash_word(hash_table, nic, position, value, octets):
    """Hash a big-endian integer at a position of the tuple.

    Parameters
    ----------
    hash_table : ENTRY[n_nic, 36 * 256]
        From `toeplitz_fill`.
    nic : int64
        Which NIC.
    position : int64
        First octet of the integer in the tuple.
    value : int64
        The integer.
    octets : int64
        Its length, 2, 4 or 8.

    Returns
    -------
    hash : int64
        Contribution to XOR in.
    """
    result = np.int64(0)
    for i in range(octets):
        octet = (value >> (8 * (octets - 1 - i))) & 0xFF
        result ^= hash_table[nic, (position + i) * 256 + octet].entry
    return result


@kernel
def toeplitz_packet(hash_table, nic, pkt, with_ports):
    """Hash the addresses of a parsed packet, and its ports if wanted.

    Parameters
    ----------
    hash_table : ENTRY[n_nic, 36 * 256]
        From `toeplitz_fill`.
    nic : int64
        Which NIC.
    pkt : PKT
        Parsed headers.
    with_ports : int64
        1: 4-tuple, 0: 2-tuple.

    Returns
    -------
    hash : int64
        0 to 2^32 - 1.
    """
    if pkt.ip_version == 4:
        result = _hash_word(hash_table, nic, 0, pkt.saddr_lo, 4) ^ _hash_word(hash_table, nic, 4, pkt.daddr_lo, 4)
        ports_at = 8
    else:
        result = _hash_word(hash_table, nic, 0, pkt.saddr_hi, 8) ^ _hash_word(hash_table, nic, 8, pkt.saddr_lo, 8)
        result ^= _hash_word(hash_table, nic, 16, pkt.daddr_hi, 8) ^ _hash_word(hash_table, nic, 24, pkt.daddr_lo, 8)
        ports_at = 32
    if with_ports:
        result ^= _hash_word(hash_table, nic, ports_at, pkt.sport, 2)
        result ^= _hash_word(hash_table, nic, ports_at + 2, pkt.dport, 2)
    return result
