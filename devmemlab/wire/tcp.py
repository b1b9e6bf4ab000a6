"""TCP: the fixed header, both directions.

Law.   The header is as long as its data offset says, and lies wholly inside the datagram.
Reads. RFC 9293 section 3.1; RFC 3168 and RFC 9768 for the three newer flags.
Omits. What any of it means: that is the TCP floor's business.

::

     0       2       4               8               12  13  14      16      18      20
    +-------+-------+---------------+---------------+---+---+-------+-------+-------+
    | sport | dport | seq           | ack_seq       |off|flg|window | csum  |urgent | options
    +-------+-------+---------------+---------------+---+---+-------+-------+-------+
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load8, load_be16, load_be32, store_be16, store_be32
from devmemlab.wire.options import emit_options, parse_options
from devmemlab.wire.rows import BAD_DOFF, SHORT_TCP, TRUNCATED

TCP_SPORT = 0
TCP_DPORT = 2
TCP_SEQ = 4
TCP_ACK_SEQ = 8
TCP_DOFF = 12
TCP_FLAGS = 13
TCP_WINDOW = 14
TCP_CSUM = 16
TCP_URG_PTR = 18
TCP_BYTES = 20

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = 1, 2, 4, 8, 16, 32, 64, 128, 256
FLAG_LETTERS = "FSRPAUECN"

UDP_BYTES = 8


def flags_text(tcp_flags):
    """Spell TCP flags.

    Parameters
    ----------
    tcp_flags : int
        Sum of FIN, SYN, ...

    Returns
    -------
    text : str
        One letter a flag, lowest first, for example ``"SA"``; ``"."`` for none.
    """
    return "".join(c for k, c in enumerate(FLAG_LETTERS) if int(tcp_flags) >> k & 1) or "."


@kernel(_nrt=False, inline="always")
def parse_tcp(head, here, l4_bytes, pkt):
    """Read a TCP header and its options.

    Parameters
    ----------
    head : uint8[n]
        The frame.
    here : int64
        Where this header starts.
    l4_bytes : int64
        Octets of the datagram that are there from `here` on.
    pkt : PKT row
        The TCP fields, the options, and ``tcp_at payload_at payload_bytes header_bytes`` are set; ``err`` on refusal.

    Returns
    -------
    ok : bool
        False when the header is not all there or contradicts itself.
    """
    doff = np.int64(TCP_BYTES)
    if l4_bytes >= TCP_BYTES:
        doff_and_flags = load_be16(head, here + TCP_DOFF)
        doff = (doff_and_flags >> 12) * 4
        if doff < TCP_BYTES:
            pkt.err = BAD_DOFF
            return False
    if l4_bytes < doff:
        if pkt.err != TRUNCATED:
            pkt.err = SHORT_TCP
        return False
    pkt.sport = load_be16(head, here + TCP_SPORT)
    pkt.dport = load_be16(head, here + TCP_DPORT)
    pkt.seq = load_be32(head, here + TCP_SEQ)
    pkt.ack_seq = load_be32(head, here + TCP_ACK_SEQ)
    pkt.tcp_flags = doff_and_flags & 0x1FF
    pkt.window = load_be16(head, here + TCP_WINDOW)
    pkt.urg_ptr = load_be16(head, here + TCP_URG_PTR)
    pkt.tcp_at = here
    pkt.doff_bytes = doff
    pkt.header_bytes = here + doff
    pkt.payload_at = here + doff
    pkt.payload_bytes = l4_bytes - doff
    if doff > TCP_BYTES:
        parse_options(head, here + TCP_BYTES, here + doff, pkt)
    return True


@kernel(_nrt=False)
def parse_udp_ports(head, here, l4_bytes, pkt):
    """Read the two ports of a UDP header: steering wants them, nobody else does.

    Parameters
    ----------
    head : uint8[n]
        The frame.
    here : int64
        Where this header starts.
    l4_bytes : int64
        Octets of the datagram that are there from `here` on.
    pkt : PKT row
        ``sport dport header_bytes payload_at payload_bytes`` are set when all 8 octets are there.
    """
    if l4_bytes >= UDP_BYTES:
        pkt.sport = load_be16(head, here + TCP_SPORT)
        pkt.dport = load_be16(head, here + TCP_DPORT)
        pkt.header_bytes = here + UDP_BYTES
        pkt.payload_at = here + UDP_BYTES
        pkt.payload_bytes = l4_bytes - UDP_BYTES


@kernel
def emit_tcp(octets, at, seg):
    """Write a TCP header and its options; the checksum field is left 0.

    Parameters
    ----------
    octets : uint8[n]
        Arena, written from `at`, at most 60 octets.
    at : int64
        Where the TCP header starts.
    seg : SEG row
        TCP fields and options are read.

    Returns
    -------
    doff_bytes : int64
        Length of the header, options included.
    """
    doff = np.int64(TCP_BYTES) + emit_options(octets, at + TCP_BYTES, seg)
    store_be16(octets, at + TCP_SPORT, seg.sport)
    store_be16(octets, at + TCP_DPORT, seg.dport)
    store_be32(octets, at + TCP_SEQ, seg.seq)
    store_be32(octets, at + TCP_ACK_SEQ, seg.ack_seq)
    store_be16(octets, at + TCP_DOFF, (doff << 10) | (seg.tcp_flags & 0x1FF))
    store_be16(octets, at + TCP_WINDOW, seg.window)
    store_be16(octets, at + TCP_CSUM, 0)
    store_be16(octets, at + TCP_URG_PTR, seg.urg_ptr)
    return doff


@kernel
def find_option(octets, at, pkt, kind):
    """Find one TCP option, for those who rewrite it.

    Parameters
    ----------
    octets : uint8[n]
        Arena.
    at : int64
        Where the frame starts.
    pkt : PKT row
        From `parse_frame`, with a TCP header.
    kind : int64
        Option number.

    Returns
    -------
    offset : int64
        Of the option's first octet from the frame's; 0 when it is not there.
    """
    here = pkt.tcp_at + TCP_BYTES
    end = pkt.tcp_at + pkt.doff_bytes
    while here < end:
        found = load8(octets, at + here)
        if found == 0:
            break
        if found == 1:
            here += 1
            continue
        if here + 2 > end:
            break
        nbytes = load8(octets, at + here + 1)
        if nbytes < 2 or here + nbytes > end:
            break
        if found == kind:
            return here
        here += nbytes
    return np.int64(0)
