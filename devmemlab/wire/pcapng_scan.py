"""pcapng, reading: hop from block to block and note where the frames are.

Law.   Every block says its length twice; where the two differ, or make no sense, the walk stops.
Reads. The pcapng file format (IETF draft-ietf-opsawg-pcapng) section 3.1.
Omits. Section lengths: blocks are walked anyway.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load_be32
from devmemlab.wire.pcapng import (
    BLOCK_BODY,
    BLOCK_ENHANCED,
    BLOCK_FRAME_BYTES,
    BLOCK_INTERFACE,
    BLOCK_PACKET,
    BLOCK_SECTION,
    BLOCK_SIMPLE,
    BYTE_ORDER,
    ENHANCED_OCTETS,
    INTERFACE_BYTES,
    OPT_COMMENT,
    SECTION_BYTES,
    SIMPLE_OCTETS,
    find_option_at,
    read_interface,
    time_to_ns,
)
from devmemlab.wire.scan import (
    SCAN_BAD_SECTION,
    SCAN_CORRUPT_BLOCK,
    SCAN_CUT,
    SCAN_END,
    SCAN_NEED_ROOM,
    SCAN_NO_INTERFACE,
    SCAN_TOO_MANY_INTERFACES,
    load_16,
    load_32,
)


@kernel
def _read_frame(raw, at, end, kind, scan, iface, row):
    """Read a block that holds a frame.

    Parameters
    ----------
    raw : uint8[n]
        The file.
    at, end : int64
        Where the block starts, and where its body ends.
    kind : int64
        BLOCK_ENHANCED, BLOCK_PACKET or BLOCK_SIMPLE.
    scan : SCAN row
        ``big interfaces`` are read.
    iface : IFACE[n]
        Interfaces of the section.
    row : FOUND row
        All fields are set.

    Returns
    -------
    err : int64
        SCAN_END, SCAN_CORRUPT_BLOCK or SCAN_NO_INTERFACE.
    """
    big = scan.big
    simple = kind == BLOCK_SIMPLE
    if end - at < (SIMPLE_OCTETS if simple else ENHANCED_OCTETS):
        return np.int64(SCAN_CORRUPT_BLOCK)
    which = np.int64(0)
    if kind == BLOCK_ENHANCED:
        which = load_32(raw, at + BLOCK_BODY, big)
    elif kind == BLOCK_PACKET:
        which = load_16(raw, at + BLOCK_BODY, big)
    if which >= scan.interfaces:
        return np.int64(SCAN_NO_INTERFACE)
    interface = iface[which]
    row.linktype = interface.linktype
    row.comment_at = 0
    row.comment_length = 0
    if simple:
        row.at_ns = 0
        row.offset = at + SIMPLE_OCTETS
        row.wire_length = load_32(raw, at + BLOCK_BODY, big)
        row.length = row.wire_length
        if interface.snaplen:
            row.length = min(row.length, interface.snaplen)
        row.length = min(row.length, end - row.offset)
    else:
        row.at_ns = time_to_ns(load_32(raw, at + 12, big), load_32(raw, at + 16, big),
                               interface.tsresol, interface.tsoffset_s)
        row.offset = at + ENHANCED_OCTETS
        row.length = load_32(raw, at + 20, big)
        row.wire_length = max(row.length, load_32(raw, at + 24, big))
    if row.offset + row.length > end:
        return np.int64(SCAN_CORRUPT_BLOCK)
    if not simple:
        row.comment_at, row.comment_length = find_option_at(raw, row.offset + ((row.length + 3) & ~3), end, big, OPT_COMMENT)
    return np.int64(SCAN_END)


@kernel
def _read_section(raw, at, scan):
    """Read the block that opens a section: from here on byte order and interfaces are new.

    Parameters
    ----------
    raw : uint8[n]
        The file; 12 octets of the block are there.
    at : int64
        Where the block starts.
    scan : SCAN row
        ``big interfaces`` are set.

    Returns
    -------
    err : int64
        SCAN_END, or SCAN_BAD_SECTION when the order mark is none.
    """
    scan.interfaces = 0
    scan.big = 1
    if load_be32(raw, at + BLOCK_BODY) == BYTE_ORDER:
        return np.int64(SCAN_END)
    scan.big = 0
    return np.int64(SCAN_END if load_32(raw, at + BLOCK_BODY, 0) == BYTE_ORDER else SCAN_BAD_SECTION)


@kernel
def _read_block(raw, at, length, kind, scan, iface, found):
    """Read one block that is whole.

    Parameters
    ----------
    raw : uint8[n]
        The file.
    at, length : int64
        Where the block starts, and how long it is.
    kind : int64
        Block type.
    scan : SCAN row
        ``count interfaces`` are changed.
    iface : IFACE[n]
        Interfaces of the section; one may be added.
    found : FOUND[m]
        One row may be filled.

    Returns
    -------
    err : int64
        SCAN_END to go on.
    """
    end = at + length - 4
    if kind == BLOCK_SECTION:
        return np.int64(SCAN_END if length >= SECTION_BYTES else SCAN_CORRUPT_BLOCK)
    if kind == BLOCK_INTERFACE:
        if length < INTERFACE_BYTES:
            return np.int64(SCAN_CORRUPT_BLOCK)
        if scan.interfaces == len(iface):
            return np.int64(SCAN_TOO_MANY_INTERFACES)
        read_interface(raw, at, end, scan.big, iface[scan.interfaces])
        scan.interfaces += 1
    elif kind == BLOCK_ENHANCED or kind == BLOCK_SIMPLE or kind == BLOCK_PACKET:
        if scan.count == len(found):
            return np.int64(SCAN_NEED_ROOM)
        err = _read_frame(raw, at, end, kind, scan, iface, found[scan.count])
        if err != SCAN_END:
            return err
        scan.count += 1
    return np.int64(SCAN_END)


@kernel
def find_blocks(raw, scan, iface, found):
    """Find frames until the file or the table ends.

    Parameters
    ----------
    raw : uint8[n]
        The file.
    scan : SCAN row
        Where to go on; zeros to begin with.
    iface : IFACE[n]
        Interfaces of the section, kept between calls.
    found : FOUND[m]
        Rows from ``count`` on are filled.

    Returns
    -------
    err : int64
        SCAN_END at the end of the file, SCAN_NEED_ROOM when the table is full, else what is wrong.
    """
    at = scan.at
    end = len(raw)
    err = np.int64(SCAN_END)
    while at < end:
        scan.claimed = BLOCK_FRAME_BYTES
        if at + BLOCK_FRAME_BYTES > end:
            err = np.int64(SCAN_CUT)
            break
        # The section type reads the same in both orders, so that it can announce its own.
        if load_be32(raw, at) == BLOCK_SECTION:
            err = _read_section(raw, at, scan)
            if err != SCAN_END:
                break
        kind = load_32(raw, at, scan.big)
        length = load_32(raw, at + 4, scan.big)
        scan.claimed = length
        if length < BLOCK_FRAME_BYTES or length & 3:
            err = np.int64(SCAN_CORRUPT_BLOCK)
            break
        if at + length > end:
            err = np.int64(SCAN_CUT)
            break
        if load_32(raw, at + length - 4, scan.big) != length:
            err = np.int64(SCAN_CORRUPT_BLOCK)
            break
        err = _read_block(raw, at, length, kind, scan, iface, found)
        if err != SCAN_END:
            break
        at += length
    scan.at = at
    scan.err = err
    scan.err_at = at
    return err
