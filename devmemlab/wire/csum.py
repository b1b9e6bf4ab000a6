"""Sums over TCP: the whole one, the one that hardware finishes, and the one that follows an edit.

Law.   After `patch_be16` or `patch_be32` a right checksum is right and a wrong one is exactly as wrong as before.
Reads. RFC 9293 section 3.1 and RFC 8200 section 8.1 (pseudo headers), RFC 1624 equation 3.
Omits. Checksums of anything but TCP.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import csum_fold, csum_partial, load8, load_be16, load_be32, store_be16
from devmemlab.base.seq import U32
from devmemlab.wire.ipv4 import IPPROTO_TCP
from devmemlab.wire.options import OPT_SACK, SACK_BASE_BYTES, SACK_BLOCK_BYTES
from devmemlab.wire.rows import set_sack
from devmemlab.wire.tcp import ACK, TCP_ACK_SEQ, TCP_CSUM, TCP_SEQ, find_option


@kernel
def pseudo_header_sum(row, l4_bytes):
    """Sum what TCP's checksum borrows from IP.

    Parameters
    ----------
    row : PKT or SEG row
        Addresses; IPv4 has its high halves 0, so one formula serves both.
    l4_bytes : int64
        TCP header and payload.

    Returns
    -------
    total : int64
        Unfolded sum.
    """
    total = l4_bytes + IPPROTO_TCP
    for half in (row.saddr_hi, row.saddr_lo, row.daddr_hi, row.daddr_lo):
        total += (half >> 48) & 0xFFFF
        total += (half >> 32) & 0xFFFF
        total += (half >> 16) & 0xFFFF
        total += half & 0xFFFF
    return total


@kernel
def tcp_csum(octets, at, row, l4_bytes):
    """Sum a TCP segment, pseudo header included.

    Parameters
    ----------
    octets : uint8[n]
        Arena, read in ``[at, at + l4_bytes)``.
    at : int64
        Where the TCP header starts.
    row : PKT or SEG row
        Addresses.
    l4_bytes : int64
        TCP header and payload.

    Returns
    -------
    checksum : int64
        0 when the field already holds the right one, the right one when the field holds 0.
    """
    return csum_fold(csum_partial(octets, at, l4_bytes, pseudo_header_sum(row, l4_bytes)))


@kernel
def verify_tcp_csum(octets, at, pkt):
    """Tell whether the TCP sum is right.

    Parameters
    ----------
    octets : uint8[n]
        Arena; this is the one reader of payload on this side of the wire, as it is in a NIC.
    at : int64
        Where the frame starts.
    pkt : PKT row
        From a `parse_frame` that returned 0.

    Returns
    -------
    right : bool
        False as well for a frame that `parse_frame` refused.
    """
    if pkt.err or pkt.tcp_at == 0:
        return False
    return tcp_csum(octets, at + pkt.tcp_at, pkt, pkt.doff_bytes + pkt.payload_bytes) == 0


@kernel
def finish_tcp_csum(octets, at, pkt):
    """Compute and store the TCP sum, as a NIC does for a CSUM_PARTIAL frame that it sends.

    Parameters
    ----------
    octets : uint8[n]
        Arena; the checksum field is written.
    at : int64
        Where the frame starts.
    pkt : PKT row
        From a `parse_frame` that returned 0.
    """
    field = at + pkt.tcp_at + TCP_CSUM
    store_be16(octets, field, 0)
    store_be16(octets, field, tcp_csum(octets, at + pkt.tcp_at, pkt, pkt.doff_bytes + pkt.payload_bytes))


@kernel
def csum_replace(checksum, old, new):
    """Follow the change of one 16-bit word.

    Parameters
    ----------
    checksum : int64
        Field before.
    old, new : int64
        The word before and after, 16 bits.

    Returns
    -------
    checksum : int64
        Field after.
    """
    return csum_fold((~checksum & 0xFFFF) + (~old & 0xFFFF) + (new & 0xFFFF))


@kernel
def patch_be16(octets, at, csum_at, value):
    """Change a 16-bit field and the sum over it.

    Parameters
    ----------
    octets : uint8[n]
        Arena, written at the field and at the checksum.
    at : int64
        The field; at an odd distance from the checksum its octets count the other way round.
    csum_at : int64
        The checksum.
    value : int64
        New value, 16 bits.
    """
    old = load_be16(octets, at)
    new = value & 0xFFFF
    store_be16(octets, at, new)
    if (at - csum_at) & 1:
        old = ((old & 0xFF) << 8) | (old >> 8)
        new = ((new & 0xFF) << 8) | (new >> 8)
    store_be16(octets, csum_at, csum_replace(load_be16(octets, csum_at), old, new))


@kernel
def patch_be32(octets, at, csum_at, value):
    """Change a 32-bit field and the sum over it.

    Parameters
    ----------
    octets : uint8[n]
        Arena, written at the field and at the checksum.
    at : int64
        The field.
    csum_at : int64
        The checksum.
    value : int64
        New value, 32 bits.
    """
    patch_be16(octets, at, csum_at, value >> 16)
    patch_be16(octets, at + 2, csum_at, value)


@kernel
def rewrite_seq_ack(octets, at, pkt, seq, ack_seq):
    """Give a recorded segment other sequence numbers, in place; SACK blocks move with the acknowledgement.

    Parameters
    ----------
    octets : uint8[n]
        Arena; the numbers and the TCP checksum are written, payload is neither read nor written.
    at : int64
        Where the frame starts.
    pkt : PKT row
        From `parse_frame`, with a whole TCP header; its fields follow.
    seq : int64
        New sequence number; the present one leaves it alone.
    ack_seq : int64
        New acknowledgement; ignored when the ACK flag is off.
    """
    tcp = at + pkt.tcp_at
    if seq != pkt.seq:
        patch_be32(octets, tcp + TCP_SEQ, tcp + TCP_CSUM, seq)
        pkt.seq = seq
    if pkt.tcp_flags & ACK == 0 or ack_seq == pkt.ack_seq:
        return
    moved = ack_seq - pkt.ack_seq
    patch_be32(octets, tcp + TCP_ACK_SEQ, tcp + TCP_CSUM, ack_seq)
    pkt.ack_seq = ack_seq
    option = find_option(octets, at, pkt, OPT_SACK)
    if option:
        count = (load8(octets, at + option + 1) - SACK_BASE_BYTES) // SACK_BLOCK_BYTES
        for k in range(count):
            edge = at + option + SACK_BASE_BYTES + SACK_BLOCK_BYTES * k
            start = (load_be32(octets, edge) + moved) & U32
            end = (load_be32(octets, edge + 4) + moved) & U32
            patch_be32(octets, edge, tcp + TCP_CSUM, start)
            patch_be32(octets, edge + 4, tcp + TCP_CSUM, end)
            set_sack(pkt, k, start, end)
