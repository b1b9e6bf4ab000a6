"""Plain frames: what nearly every frame is, read at constant offsets.

Law.   It says the very same as the walk through the layers (`devmemlab.wire.frame.parse_any`), or nothing.
Reads. Van Jacobson's header prediction: test for the usual case first, and do little there.
Omits. Every frame with a tag, IP options or extensions, other TCP options than timestamps, or anything odd: those are walked.

::

     0       6       12    14   15    16     18   20    22  23   24    26     30     34
    +-------+-------+-----+----+-----+------+----+-----+---+----+-----+------+------+
    | dst   | src   |0800 | 45 | tos |length| id |frag |ttl| 06 |csum |saddr |daddr |
    +-------+-------+-----+----+-----+------+----+-----+---+----+-----+------+------+
     34      36      38    42      46     48       50     52    54         58       62       66
    +-------+-------+-----+-------+------+--------+------+-----+----------+--------+--------+
    | sport | dport | seq |ack_seq|off   | window | csum | urg | 0101080a | ts_val | ts_ecr |
    +-------+-------+-----+-------+------+--------+------+-----+----------+--------+--------+
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets, load8, load_be16, load_be32
from devmemlab.wire.ethernet import ETH_BYTES, ETH_DST, ETH_P_IP, ETH_SRC, ETH_TYPE, load_mac
from devmemlab.wire.ipv4 import (
    IP4_BYTES,
    IP4_DADDR,
    IP4_FRAG,
    IP4_LENGTH,
    IP4_MF_OR_OFFSET,
    IP4_PROTO,
    IP4_SADDR,
    IP4_TOS,
    IP4_TTL,
    IP4_VERSION_IHL,
    IPPROTO_TCP,
)
from devmemlab.wire.options import NOP_NOP_TIMESTAMP
from devmemlab.wire.rows import clear_options
from devmemlab.wire.tcp import TCP_ACK_SEQ, TCP_BYTES, TCP_DOFF, TCP_DPORT, TCP_SEQ, TCP_SPORT, TCP_URG_PTR, TCP_WINDOW

IP_AT = ETH_BYTES
TCP_AT = ETH_BYTES + IP4_BYTES
OPTIONS_AT = TCP_AT + TCP_BYTES
OPTIONS_BYTES = 12
VERSION_4_NO_OPTIONS = 0x45


@kernel(_nrt=False, inline="always")
def parse_plain(octets, at, nbytes, pkt):
    """Read an untagged Ethernet, IPv4 and TCP header without options but timestamps.

    Parameters
    ----------
    octets : uint8[n]
        Arena, read in ``[at, at + nbytes)`` only, and there no further than the headers.
    at, nbytes : int64
        The frame.
    pkt : PKT row
        Every field is set when the frame is plain; else none.

    Returns
    -------
    plain : bool
        False for every other frame, a broken one among them.
    """
    if nbytes < OPTIONS_AT or at + nbytes > len(octets) or load_be16(octets, at + ETH_TYPE) != ETH_P_IP:
        return False
    total = load_be16(octets, at + IP_AT + IP4_LENGTH)
    doff_and_flags = load_be16(octets, at + TCP_AT + TCP_DOFF)
    doff = (doff_and_flags >> 12) * 4
    if (load8(octets, at + IP_AT + IP4_VERSION_IHL) != VERSION_4_NO_OPTIONS
            or load8(octets, at + IP_AT + IP4_PROTO) != IPPROTO_TCP
            or load_be16(octets, at + IP_AT + IP4_FRAG) & IP4_MF_OR_OFFSET or total > nbytes - IP_AT or total < IP4_BYTES + doff):
        return False
    stamped = doff == TCP_BYTES + OPTIONS_BYTES
    if stamped:
        if load_be32(octets, at + OPTIONS_AT) != NOP_NOP_TIMESTAMP:
            return False
    elif doff != TCP_BYTES:
        return False
    pkt.dst_mac = load_mac(octets, at + ETH_DST)
    pkt.src_mac = load_mac(octets, at + ETH_SRC)
    pkt.vlan_tci = -1
    pkt.ip_version = 4
    pkt.tos = load8(octets, at + IP_AT + IP4_TOS)
    pkt.ttl = load8(octets, at + IP_AT + IP4_TTL)
    pkt.saddr_hi = 0
    pkt.saddr_lo = load_be32(octets, at + IP_AT + IP4_SADDR)
    pkt.daddr_hi = 0
    pkt.daddr_lo = load_be32(octets, at + IP_AT + IP4_DADDR)
    pkt.sport = load_be16(octets, at + TCP_AT + TCP_SPORT)
    pkt.dport = load_be16(octets, at + TCP_AT + TCP_DPORT)
    pkt.seq = load_be32(octets, at + TCP_AT + TCP_SEQ)
    pkt.ack_seq = load_be32(octets, at + TCP_AT + TCP_ACK_SEQ)
    pkt.tcp_flags = doff_and_flags & 0x1FF
    pkt.window = load_be16(octets, at + TCP_AT + TCP_WINDOW)
    pkt.urg_ptr = load_be16(octets, at + TCP_AT + TCP_URG_PTR)
    clear_options(pkt)
    if stamped:
        pkt.opt_timestamp = 1
        pkt.ts_val = load_be32(octets, at + OPTIONS_AT + 4)
        pkt.ts_ecr = load_be32(octets, at + OPTIONS_AT + 8)
    pkt.payload_bytes = total - IP4_BYTES - doff
    pkt.eth_type = ETH_P_IP
    pkt.ip_proto = IPPROTO_TCP
    pkt.ip_bytes = total
    pkt.frag = 0
    pkt.ip_at = IP_AT
    pkt.tcp_at = TCP_AT
    pkt.payload_at = TCP_AT + doff
    pkt.header_bytes = TCP_AT + doff
    pkt.doff_bytes = doff
    pkt.err = np.int64(0)
    return True


@kernel(forceinline=True)
def copy_headers(dst, dst_at, src, src_at, nbytes):
    """Copy the headers of a frame; those of plain frames, whose length is known when this is compiled, in a few instructions.

    Parameters
    ----------
    dst : uint8[n]
        Written in ``[dst_at, dst_at + nbytes)``.
    dst_at : int64
        Address in `dst`.
    src : uint8[m]
        Read in ``[src_at, src_at + nbytes)``; must not overlap the destination.
    src_at : int64
        Address in `src`.
    nbytes : int64
        Octets. The caller has checked both ranges.
    """
    if nbytes == OPTIONS_AT + OPTIONS_BYTES:
        copy_octets(dst, dst_at, src, src_at, OPTIONS_AT + OPTIONS_BYTES)
    elif nbytes == OPTIONS_AT:
        copy_octets(dst, dst_at, src, src_at, OPTIONS_AT)
    else:
        copy_octets(dst, dst_at, src, src_at, nbytes)
