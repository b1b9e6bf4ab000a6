"""Super-frames cut to the frames that a card would have put on the wire.

Law.   A frame that was cut differs from the sender's header in length, IPv4 identification, sequence number, flags and sums only.
Reads. Linux net/ipv4/tcp_offload.c (tcp_gso_segment), net/ipv4/af_inet.c (inet_gso_segment); virtio 1.2, section 5.1.6.
Omits. UDP segments, super-frames inside tunnels, the accurate ECN that keeps CWR on every frame, equal identifications.

::

    one super-frame      | headers | payload ........................................ |
    frames of the wire   | headers | gso_size |  | headers | gso_size |  | headers | rest |
                           id, seq                 id + 1, seq + gso_size   PSH, FIN only here

The sum of a super-frame is *partial*: TCP's field has the sum of the pseudo header, and the octets behind it were never summed
since they never left memory. A frame cut from it is partial in the same way (`CSUM_PARTIAL`), or gets its whole sum here.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import (
    copy_octets,
    csum_fold,
    csum_partial,
    load8,
    load_be16,
    load_be32,
    store8,
    store_be16,
    store_be32,
)
from devmemlab.base.seq import U32
from devmemlab.base.table import schema
from devmemlab.wire.ethernet import (
    ETH_BYTES,
    ETH_P_8021AD,
    ETH_P_8021Q,
    ETH_P_IP,
    ETH_P_IPV6,
    ETH_TYPE,
    VLAN_BYTES,
    VLAN_TAGS_MAX,
)
from devmemlab.wire.ipv4 import IP4_BYTES, IP4_CSUM, IP4_ID, IP4_LENGTH, IP4_PROTO, IP4_SADDR, IPPROTO_TCP
from devmemlab.wire.ipv6 import IP6_BYTES, IP6_LENGTH, IP6_SADDR
from devmemlab.wire.rows import CSUM_PARTIAL, CSUM_UNKNOWN
from devmemlab.wire.tcp import CWR, FIN, PSH, TCP_BYTES, TCP_CSUM, TCP_DOFF, TCP_FLAGS, TCP_SEQ

CUT = schema("ip_at", "tcp_at", "header_bytes", "gso_bytes", "payload_bytes", "segments", "ip_version")
"""How a super-frame is cut; offsets count from its first octet."""
SEGMENTS_MAX = 2048
"""Most frames of one super-frame: 64 KiB in pieces of 32 octets."""
HEADER_MAX = 192
LINE_BYTES = 64


@kernel
def slot_bytes(cut):
    """Tell how far apart the frames of a super-frame lie: each starts on a cache line.

    Parameters
    ----------
    cut : CUT
        How it is cut.

    Returns
    -------
    nbytes : int64
        A multiple of 64.
    """
    return (cut.header_bytes + cut.gso_bytes + LINE_BYTES - 1) // LINE_BYTES * LINE_BYTES


@kernel
def plan_cut(octets, at, here, length, tcp_at, gso_bytes, cut):
    """Find out how a super-frame is to be cut.

    Parameters
    ----------
    octets : uint8[n]
        Arena.
    at : int64
        Where the super-frame starts.
    here : int64
        How much of it lies there in one piece.
    length : int64
        Its length.
    tcp_at : int64
        Where its TCP header starts, as the kernel said.
    gso_bytes : int64
        Payload of every frame but the last.
    cut : CUT
        Written.

    Returns
    -------
    possible : bool
        False: the headers make no sense, or do not lie there whole.
    """
    here = min(here, length)
    if gso_bytes <= 0 or tcp_at < ETH_BYTES + IP4_BYTES or tcp_at + TCP_BYTES > here:
        return False
    ip_at = np.int64(ETH_BYTES)
    kind = load_be16(octets, at + ETH_TYPE)
    for _ in range(VLAN_TAGS_MAX):
        if kind == ETH_P_8021Q or kind == ETH_P_8021AD:
            ip_at += VLAN_BYTES
            kind = load_be16(octets, at + ip_at - 2)
    four = kind == ETH_P_IP and ip_at + IP4_BYTES <= tcp_at and load8(octets, at + ip_at + IP4_PROTO) == IPPROTO_TCP
    six = kind == ETH_P_IPV6 and ip_at + IP6_BYTES <= tcp_at
    if four and ip_at + (load8(octets, at + ip_at) & 15) * 4 != tcp_at:
        return False
    doff_bytes = (load8(octets, at + tcp_at + TCP_DOFF) >> 4) * 4
    header_bytes = tcp_at + doff_bytes
    if not (four or six) or doff_bytes < TCP_BYTES or header_bytes > min(here, HEADER_MAX):
        return False
    cut.ip_version = 4 if four else 6
    cut.ip_at = ip_at
    cut.tcp_at = tcp_at
    cut.header_bytes = header_bytes
    cut.gso_bytes = gso_bytes
    cut.payload_bytes = length - header_bytes
    cut.segments = max((cut.payload_bytes + gso_bytes - 1) // gso_bytes, 1)
    return cut.segments <= SEGMENTS_MAX


@kernel
def cut_headers(octets, at, cut, frame, now_ns, vouched):
    """Give every frame of a super-frame its headers; payloads lie in their places already.

    Parameters
    ----------
    octets : uint8[n]
        Arena; the first slot has the super-frame's headers.
    at : int64
        Where the first slot starts.
    cut : CUT
        From `plan_cut`.
    frame : FRAME[k]
        The first ``cut.segments`` rows are written.
    now_ns : int64
        Arrival.
    vouched : int64
        CSUM_UNKNOWN: whole sums are computed, for whom it concerns to verify. Anything else: sums stay partial, and the rows
        say CSUM_PARTIAL.
    """
    stride, ip, tcp = slot_bytes(cut), at + cut.ip_at, at + cut.tcp_at
    seq, tcp_flags = load_be32(octets, tcp + TCP_SEQ), load8(octets, tcp + TCP_FLAGS)
    l4_header = cut.header_bytes - cut.tcp_at
    number = ip_sum = np.int64(0)
    if cut.ip_version == 4:
        number = load_be16(octets, ip + IP4_ID)
        store_be16(octets, ip + IP4_LENGTH, 0)
        store_be16(octets, ip + IP4_ID, 0)
        store_be16(octets, ip + IP4_CSUM, 0)
        ip_sum = csum_partial(octets, ip, cut.tcp_at - cut.ip_at, 0)
        addresses = csum_partial(octets, ip + IP4_SADDR, 8, IPPROTO_TCP)
    else:
        addresses = csum_partial(octets, ip + IP6_SADDR, 32, IPPROTO_TCP)
    store_be16(octets, tcp + TCP_CSUM, 0)
    for back in range(cut.segments):
        k = cut.segments - 1 - back
        slot = at + k * stride
        payload = min(cut.gso_bytes, cut.payload_bytes - k * cut.gso_bytes)
        if k:
            copy_octets(octets, slot, octets, at, cut.header_bytes)
        ip, tcp = slot + cut.ip_at, slot + cut.tcp_at
        if cut.ip_version == 4:
            whole = cut.header_bytes - cut.ip_at + payload
            mine = (number + k) & 0xFFFF
            store_be16(octets, ip + IP4_LENGTH, whole)
            store_be16(octets, ip + IP4_ID, mine)
            store_be16(octets, ip + IP4_CSUM, csum_fold(ip_sum + whole + mine))
        else:
            store_be16(octets, ip + IP6_LENGTH, cut.header_bytes - cut.ip_at - IP6_BYTES + payload)
        mine = tcp_flags
        if k:
            mine &= ~CWR
        if k + 1 < cut.segments:
            mine &= ~(FIN | PSH)
        store_be32(octets, tcp + TCP_SEQ, (seq + k * cut.gso_bytes) & U32)
        store8(octets, tcp + TCP_FLAGS, mine)
        total = addresses + l4_header + payload
        if vouched == CSUM_UNKNOWN:
            store_be16(octets, tcp + TCP_CSUM, csum_fold(csum_partial(octets, tcp, l4_header + payload, total)))
        else:
            store_be16(octets, tcp + TCP_CSUM, ~csum_fold(total))
        row = frame[k]
        row.at_ns = now_ns
        row.offset = slot
        row.length = cut.header_bytes + payload
        row.wire_length = row.length
        row.csum = CSUM_UNKNOWN if vouched == CSUM_UNKNOWN else CSUM_PARTIAL


@kernel
def spread(octets, at, source, cut):
    """Copy a super-frame that lies in one piece to the slots of its frames.

    Parameters
    ----------
    octets : uint8[n]
        Arena.
    at : int64
        Where the first slot starts.
    source : int64
        Where the super-frame lies; it does not reach into the slots.
    cut : CUT
        From `plan_cut`.

    Returns
    -------
    copied : int64
        Octets.
    """
    stride = slot_bytes(cut)
    copy_octets(octets, at, octets, source, cut.header_bytes)
    for k in range(cut.segments):
        done = k * cut.gso_bytes
        copy_octets(octets, at + k * stride + cut.header_bytes, octets, source + cut.header_bytes + done,
                    min(cut.gso_bytes, cut.payload_bytes - done))
    return cut.header_bytes + cut.payload_bytes


@kernel
def finish_csum(octets, at, length, start, offset):
    """Complete the sum of a frame whose sum is partial.

    Parameters
    ----------
    octets : uint8[n]
        Arena; the field is written.
    at : int64
        Where the frame starts.
    length : int64
        Its length.
    start : int64
        Where in the frame the summed range starts; it ends with the frame.
    offset : int64
        Where in the range the field is.

    Returns
    -------
    possible : bool
        False: the range or the field is not in the frame.
    """
    if start >= length or start + offset + 2 > length:
        return False
    value = csum_fold(csum_partial(octets, at + start, length - start, 0))
    # UDP has a sum of 0 for none; for TCP both forms of zero are right.
    store_be16(octets, at + start + offset, value if value else 0xFFFF)
    return True
