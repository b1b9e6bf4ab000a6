"""Emitting: whole Ethernet/IP/TCP frames out of a segment row.

Law.   What `emit_tcp_frame` writes, `parse_frame` reads back field for field, and both sums are right.
Reads. RFC 9293, RFC 791, RFC 8200; Linux net/ipv4/tcp_output.c __tcp_transmit_skb().
Omits. IP options, IPv6 extensions, segmentation offload, padding to the Ethernet minimum.

The payload, if any, lies behind the headers already (`frame_header_bytes` says where that is):
headers can thus be written in front of bytes that somebody else has put there.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets, csum_fold, store_be16
from devmemlab.base.seq import U32
from devmemlab.wire.csum import pseudo_header_sum, tcp_csum
from devmemlab.wire.ethernet import ETH_BYTES, ETH_P_IP, ETH_P_IPV6, VLAN_BYTES, emit_ethernet
from devmemlab.wire.ipv4 import IP4_BYTES, IPPROTO_TCP, emit_ipv4
from devmemlab.wire.ipv6 import IP6_BYTES, emit_ipv6
from devmemlab.wire.options import options_bytes
from devmemlab.wire.rows import CSUM_PARTIAL, CSUM_VERIFIED
from devmemlab.wire.tcp import PSH, TCP_BYTES, TCP_CSUM, emit_tcp


@kernel
def frame_header_bytes(seg):
    """Say how long the headers of a segment will be.

    Parameters
    ----------
    seg : SEG row
        VLAN, IP version and options are read.

    Returns
    -------
    nbytes : int64
        Ethernet, IP and TCP header with options: where the payload starts.
    """
    link = ETH_BYTES if seg.vlan_tci < 0 else ETH_BYTES + VLAN_BYTES
    network = IP4_BYTES if seg.ip_version == 4 else IP6_BYTES
    return np.int64(link + network + TCP_BYTES + options_bytes(seg))


@kernel
def emit_tcp_frame(octets, at, seg):
    """Write the headers and sums of one frame around a payload that lies there already.

    Parameters
    ----------
    octets : uint8[n]
        Arena, written in ``[at, at + frame_header_bytes(seg))``; the payload behind is read for its sum only.
    at : int64
        Where the frame starts.
    seg : SEG row
        Everything the headers say; see `make_segments` for the defaults. With ``csum`` CSUM_PARTIAL the payload is
        not read and the TCP field holds the pseudo-header sum, as Linux leaves it for hardware to finish.

    Returns
    -------
    nbytes : int64
        Length of the frame, payload included.
    """
    version4 = seg.ip_version == 4
    ip = at + emit_ethernet(octets, at, seg.dst_mac, seg.src_mac, seg.vlan_tci, ETH_P_IP if version4 else ETH_P_IPV6)
    tcp = ip + (IP4_BYTES if version4 else IP6_BYTES)
    doff = emit_tcp(octets, tcp, seg)
    l4_bytes = doff + seg.payload_bytes
    if version4:
        emit_ipv4(octets, ip, seg, IPPROTO_TCP, l4_bytes)
    else:
        emit_ipv6(octets, ip, seg, IPPROTO_TCP, l4_bytes)
    if seg.csum == CSUM_PARTIAL:
        checksum = ~csum_fold(pseudo_header_sum(seg, l4_bytes)) & 0xFFFF
    else:
        checksum = tcp_csum(octets, tcp, seg, l4_bytes)
    store_be16(octets, tcp + TCP_CSUM, checksum)
    return np.int64(tcp + l4_bytes - at)


@kernel
def emit_bulk_frame(octets, at, seg, source, source_at, payload_bytes):
    """Write one data frame of a stream and step the stream forward.

    Parameters
    ----------
    octets : uint8[n]
        Arena, written from `at`.
    at : int64
        Where the frame starts.
    seg : SEG row
        The stream; ``payload_bytes`` is set, ``seq`` and ``ip_id`` move on.
    source : uint8[m]
        Where the payload comes from.
    source_at : int64
        Its address there.
    payload_bytes : int64
        Payload of this frame.

    Returns
    -------
    nbytes : int64
        Length of the frame.
    """
    copy_octets(octets, at + frame_header_bytes(seg), source, source_at, payload_bytes)
    seg.payload_bytes = payload_bytes
    nbytes = emit_tcp_frame(octets, at, seg)
    seg.seq = (seg.seq + payload_bytes) & U32
    seg.ip_id = (seg.ip_id + 1) & 0xFFFF
    return nbytes


@kernel
def emit_bulk_burst(octets, at, frame, seg, source, source_at, nbytes, mss):
    """Cut a stretch of a stream into data frames, one behind the other.

    Parameters
    ----------
    octets : uint8[n]
        Arena, written from `at`.
    at : int64
        Where the first frame starts.
    frame : FRAME[count]
        Rows are filled from the first on; their ``at_ns`` is left alone.
    seg : SEG row
        The stream, see `emit_bulk_frame`; the frame that ends the stretch also carries PSH.
    source : uint8[m]
        Where the payload comes from.
    source_at : int64
        Its address there.
    nbytes : int64
        Payload in all.
    mss : int64
        Payload of a full frame, above 0.

    Returns
    -------
    count, end : int64
        Frames written, and the address behind the last. Stops early, without PSH, when rows or the arena run out.
    """
    count = np.int64(0)
    done = np.int64(0)
    flags_of_stream = seg.tcp_flags
    room = frame_header_bytes(seg)
    while done < nbytes and count < len(frame):
        payload_bytes = min(mss, nbytes - done)
        if at + room + payload_bytes > len(octets):
            break
        if done + payload_bytes == nbytes:
            seg.tcp_flags = flags_of_stream | PSH
        row = frame[count]
        row.offset = at
        row.length = emit_bulk_frame(octets, at, seg, source, source_at + done, payload_bytes)
        row.wire_length = row.length
        row.csum = CSUM_PARTIAL if seg.csum == CSUM_PARTIAL else CSUM_VERIFIED
        at += row.length
        done += payload_bytes
        count += 1
    seg.tcp_flags = flags_of_stream
    return count, at
