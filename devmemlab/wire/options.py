"""TCP options: the part of the header that lies.

Law.   A length that makes no sense ends the walk; what was understood before it stays, the segment is not refused.
Reads. RFC 9293 section 3.2, RFC 2018 (SACK), RFC 7323 (timestamps, window scale); Linux net/ipv4/tcp_input.c
       tcp_parse_options() and tcp_output.c tcp_options_write(); FreeBSD sys/netinet/tcp_output.c tcp_addoptions().
Omits. Options that nobody here speaks: they are stepped over (MD5, AO, MPTCP, fast open, experiments).

Two orders of writing, because receivers are tested against both::

    linux    SYN   MSS | SACK-permitted TS | NOP WS          data  NOP NOP TS | NOP NOP SACK
    freebsd  SYN   MSS | NOP WS | SACK-permitted TS          data  NOP NOP TS | NOP NOP SACK
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load8, load_be16, load_be32, store8, store_be16, store_be32
from devmemlab.wire.rows import LAYOUT_FREEBSD, get_sack, set_sack

OPT_END, OPT_NOP, OPT_MSS, OPT_WSCALE, OPT_SACK_PERMITTED, OPT_SACK, OPT_TIMESTAMP = 0, 1, 2, 3, 4, 5, 8
MSS_BYTES, WSCALE_BYTES, SACK_PERMITTED_BYTES, TIMESTAMP_BYTES = 4, 3, 2, 10
SACK_BASE_BYTES, SACK_BLOCK_BYTES = 2, 8
OPTIONS_MAX_BYTES = 40
NOP_NOP_TIMESTAMP = 0x0101080A


@kernel(_nrt=False, inline="always")
def parse_options(head, here, end, pkt):
    """Read the options of a TCP header.

    Parameters
    ----------
    head : uint8[n]
        The frame, read in ``[here, end)`` only.
    here : int64
        Where the options start.
    end : int64
        Where they end, 4 to 40 octets later.
    pkt : PKT row
        Option fields are set for what is there.
    """
    # Nearly every data segment carries exactly this: one comparison instead of a walk.
    if end - here == 12 and load_be32(head, here) == NOP_NOP_TIMESTAMP:
        pkt.opt_timestamp = 1
        pkt.ts_val = load_be32(head, here + 4)
        pkt.ts_ecr = load_be32(head, here + 8)
    else:
        _walk_options(head, here, end, pkt)


@kernel(_nrt=False)
def _walk_options(head, here, end, pkt):
    """Read options one by one.

    Parameters
    ----------
    head : uint8[n]
        The frame, read in ``[here, end)`` only.
    here, end : int64
        Where the options start and end.
    pkt : PKT row
        Option fields are set for what is there.
    """
    while here < end:
        kind = load8(head, here)
        if kind == OPT_END:
            return
        if kind == OPT_NOP:
            here += 1
            continue
        if here + 2 > end:
            return
        length = load8(head, here + 1)
        if length < 2 or here + length > end:
            return
        if kind == OPT_TIMESTAMP and length == TIMESTAMP_BYTES:
            pkt.opt_timestamp = 1
            pkt.ts_val = load_be32(head, here + 2)
            pkt.ts_ecr = load_be32(head, here + 6)
        elif kind == OPT_MSS and length == MSS_BYTES:
            pkt.opt_mss = load_be16(head, here + 2)
        elif kind == OPT_WSCALE and length == WSCALE_BYTES:
            pkt.opt_wscale = load8(head, here + 2)
        elif kind == OPT_SACK_PERMITTED and length == SACK_PERMITTED_BYTES:
            pkt.opt_sack_permitted = 1
        elif kind == OPT_SACK and length > SACK_BASE_BYTES and (length - SACK_BASE_BYTES) & (SACK_BLOCK_BYTES - 1) == 0:
            count = (length - SACK_BASE_BYTES) >> 3
            pkt.sack_count = count
            for k in range(count):
                block = here + SACK_BASE_BYTES + SACK_BLOCK_BYTES * k
                set_sack(pkt, k, load_be32(head, block), load_be32(head, block + 4))
        here += length


@kernel
def _nops(octets, at, count):
    """Write no-operations.

    Parameters
    ----------
    octets : uint8[n]
        Arena.
    at : int64
        Address.
    count : int64
        How many.

    Returns
    -------
    nbytes : int64
        `count`.
    """
    for k in range(count):
        store8(octets, at + k, OPT_NOP)
    return np.int64(count)


@kernel
def _emit_wscale(octets, at, shift):
    """Write NOP and the window scale.

    Parameters
    ----------
    octets : uint8[n]
        Arena.
    at : int64
        Address.
    shift : int64
        0 to 14.

    Returns
    -------
    nbytes : int64
        4.
    """
    store_be16(octets, at, (OPT_NOP << 8) | OPT_WSCALE)
    store_be16(octets, at + 2, (WSCALE_BYTES << 8) | (shift & 0xFF))
    return np.int64(4)


@kernel
def emit_options(octets, at, seg):
    """Write the options of a segment, padded to a multiple of four.

    Parameters
    ----------
    octets : uint8[n]
        Arena, written in at most ``[at, at + 40)``.
    at : int64
        Where the options start.
    seg : SEG row
        Option fields and ``opt_layout`` are read. SACK blocks that find no room are left out, last first.

    Returns
    -------
    nbytes : int64
        0 to 40, a multiple of 4.
    """
    freebsd = seg.opt_layout == LAYOUT_FREEBSD
    n = np.int64(0)
    if seg.opt_mss >= 0:
        store_be16(octets, at, (OPT_MSS << 8) | MSS_BYTES)
        store_be16(octets, at + 2, seg.opt_mss)
        n += MSS_BYTES
    if freebsd and seg.opt_wscale >= 0:
        n += _emit_wscale(octets, at + n, seg.opt_wscale)
    if seg.opt_sack_permitted:
        # Linux puts its padding first; FreeBSD ends the list and pads behind, unless a timestamp fills the word.
        if not freebsd and not seg.opt_timestamp:
            n += _nops(octets, at + n, 2)
        store_be16(octets, at + n, (OPT_SACK_PERMITTED << 8) | SACK_PERMITTED_BYTES)
        n += SACK_PERMITTED_BYTES
    if seg.opt_timestamp:
        n += _nops(octets, at + n, (2 - n) % 4)
        store_be16(octets, at + n, (OPT_TIMESTAMP << 8) | TIMESTAMP_BYTES)
        store_be32(octets, at + n + 2, seg.ts_val)
        store_be32(octets, at + n + 6, seg.ts_ecr)
        n += TIMESTAMP_BYTES
    if not freebsd and seg.opt_wscale >= 0:
        n += _emit_wscale(octets, at + n, seg.opt_wscale)
    lead = (2 - n) % 4
    count = min(seg.sack_count, (OPTIONS_MAX_BYTES - n - lead - SACK_BASE_BYTES) // SACK_BLOCK_BYTES)
    if count > 0:
        n += _nops(octets, at + n, lead)
        store_be16(octets, at + n, (OPT_SACK << 8) | (SACK_BASE_BYTES + SACK_BLOCK_BYTES * count))
        n += SACK_BASE_BYTES
        for k in range(count):
            start, end = get_sack(seg, k)
            store_be32(octets, at + n, start)
            store_be32(octets, at + n + 4, end)
            n += SACK_BLOCK_BYTES
    while n % 4:
        store8(octets, at + n, OPT_END)
        n += 1
    return n


@kernel
def options_bytes(seg):
    """Say how long the options of a segment will be.

    Parameters
    ----------
    seg : SEG row
        Option fields and ``opt_layout`` are read.

    Returns
    -------
    nbytes : int64
        What `emit_options` will return.
    """
    freebsd = seg.opt_layout == LAYOUT_FREEBSD
    n = np.int64(0)
    if seg.opt_mss >= 0:
        n += MSS_BYTES
    if freebsd and seg.opt_wscale >= 0:
        n += 4
    if seg.opt_sack_permitted:
        n += SACK_PERMITTED_BYTES if freebsd or seg.opt_timestamp else 4
    if seg.opt_timestamp:
        n += (2 - n) % 4 + TIMESTAMP_BYTES
    if not freebsd and seg.opt_wscale >= 0:
        n += 4
    lead = (2 - n) % 4
    count = min(seg.sack_count, (OPTIONS_MAX_BYTES - n - lead - SACK_BASE_BYTES) // SACK_BLOCK_BYTES)
    if count > 0:
        n += lead + SACK_BASE_BYTES + SACK_BLOCK_BYTES * count
    return (n + 3) & ~3
