"""Surveys: one walk over many frames.

Law.   A frame counts as verified only when it is a whole TCP segment and every sum in it is right.
Reads. Linux Documentation/networking/checksum-offloads.rst (what offload leaves in the fields).
Omits. Sums of other protocols.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import csum_fold, csum_partial, load8, load_be16, store_be16
from devmemlab.wire.csum import finish_tcp_csum, pseudo_header_sum, verify_tcp_csum
from devmemlab.wire.frame import parse_frame
from devmemlab.wire.ipv4 import IP4_CSUM, IP4_LENGTH, verify_ipv4_csum
from devmemlab.wire.ipv6 import IP6_BYTES, IP6_LENGTH
from devmemlab.wire.rows import CSUM_UNKNOWN, CSUM_VERIFIED, TRUNCATED
from devmemlab.wire.tcp import FIN, PSH, TCP_CSUM, TCP_DOFF


@kernel
def survey_frames(octets, frame, packets, check):
    """Parse frames, and check their sums if asked.

    Parameters
    ----------
    octets : uint8[n]
        Arena.
    frame : FRAME[count]
        ``csum`` is set when `check` is.
    packets : PKT[m]
        One row for every frame, or a single one that is used again and again.
    check : bool
        Read payloads and sum them.

    Returns
    -------
    count : int64
        Whole TCP segments.
    """
    count = np.int64(0)
    for k in range(len(frame)):
        row = frame[k]
        pkt = packets[k if len(packets) == len(frame) else 0]
        whole = parse_frame(octets, row.offset, row.length, pkt) == 0
        count += whole
        if check:
            right = whole and verify_ipv4_csum(octets, row.offset, pkt) and verify_tcp_csum(octets, row.offset, pkt)
            row.csum = CSUM_VERIFIED if right else CSUM_UNKNOWN
    return count


@kernel
def _repair_ipv4(octets, at, pkt):
    """Give an IPv4 header its sum if the field was left 0.

    Parameters
    ----------
    octets : uint8[n]
        Arena.
    at : int64
        Where the frame starts.
    pkt : PKT row
        From `parse_frame`.

    Returns
    -------
    changed : bool
        True when the field was written.
    """
    ip = at + pkt.ip_at
    if pkt.ip_version != 4 or load_be16(octets, ip + IP4_CSUM) != 0:
        return False
    store_be16(octets, ip + IP4_CSUM, csum_fold(csum_partial(octets, ip, (load8(octets, ip) & 15) * 4, 0)))
    return True


@kernel
def repair_frames(octets, frame, packets):
    """Do what the sending NIC would have done after these frames were recorded.

    Parameters
    ----------
    octets : uint8[n]
        Arena; checksum fields are written.
    frame : FRAME[count]
        ``csum`` becomes CSUM_VERIFIED where a sum was repaired and both are right now.
    packets : PKT[m]
        The first row is used for work.

    Returns
    -------
    count : int64
        Frames changed.
    """
    count = np.int64(0)
    pkt = packets[0]
    for k in range(len(frame)):
        row = frame[k]
        at = row.offset
        if parse_frame(octets, at, row.length, pkt) == 0:
            changed = _repair_ipv4(octets, at, pkt)
            partial = ~csum_fold(pseudo_header_sum(pkt, pkt.doff_bytes + pkt.payload_bytes)) & 0xFFFF
            if load_be16(octets, at + pkt.tcp_at + TCP_CSUM) == partial and not verify_tcp_csum(octets, at, pkt):
                finish_tcp_csum(octets, at, pkt)
                changed = True
            if changed:
                count += 1
                if verify_ipv4_csum(octets, at, pkt) and verify_tcp_csum(octets, at, pkt):
                    row.csum = CSUM_VERIFIED
    return count


@kernel
def sum_frames(octets, frame, packets):
    """Make whole segments of what was captured: cut frames end where they were cut, and every sum is right.

    Parameters
    ----------
    octets : uint8[n]
        Arena; length and checksum fields are written, and a cut segment loses its FIN and PSH, which belong behind its end.
    frame : FRAME[count]
        ``csum`` becomes CSUM_VERIFIED for a whole TCP segment.
    packets : PKT[m]
        The first row is used for work.

    Returns
    -------
    cut : int64
        Frames that had been cut behind their TCP header.
    """
    cut = np.int64(0)
    pkt = packets[0]
    for k in range(len(frame)):
        row = frame[k]
        at = row.offset
        err = parse_frame(octets, at, row.length, pkt)
        if pkt.tcp_at == 0 or (err != 0 and pkt.err != TRUNCATED):
            continue
        if pkt.err == TRUNCATED:
            cut += 1
            left = pkt.payload_at + pkt.payload_bytes - pkt.ip_at
            if pkt.ip_version == 4:
                store_be16(octets, at + pkt.ip_at + IP4_LENGTH, left)
            else:
                store_be16(octets, at + pkt.ip_at + IP6_LENGTH, left - IP6_BYTES)
            flags_at = at + pkt.tcp_at + TCP_DOFF
            store_be16(octets, flags_at, load_be16(octets, flags_at) & ~(FIN | PSH))
            row.wire_length = row.length
            parse_frame(octets, at, row.length, pkt)
        if pkt.ip_version == 4:
            store_be16(octets, at + pkt.ip_at + IP4_CSUM, 0)
            _repair_ipv4(octets, at, pkt)
        finish_tcp_csum(octets, at, pkt)
        row.csum = CSUM_VERIFIED
    return cut
