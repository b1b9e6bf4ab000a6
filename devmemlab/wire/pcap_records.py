"""pcap: a file header, then one record a frame.

Law.   Records are found by hopping from length to length inside one kernel; a length that cannot be true stops the walk.
Reads. The pcap file format (IETF draft-ietf-opsawg-pcap); libpcap sf-pcap.c for what it tolerates.
Omits. The variants with longer record headers (Kuznetzov's and friends): they are refused by name.

::

    file    magic(4) major(2) minor(2) 0(8) snaplen(4) linktype(4)
    record  seconds(4) fraction(4) captured(4) on_wire(4) octets(captured)

Files are written with nanoseconds, little endian; both orders and both units are read.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets, load_be32, store_le32
from devmemlab.wire.scan import SCAN_CORRUPT_LENGTH, SCAN_CUT, SCAN_END, SCAN_NEED_ROOM, SECOND_NS, load_32

MAGIC_MICROSECONDS = 0xA1B2C3D4
MAGIC_NANOSECONDS = 0xA1B23C4D
FILE_MAGIC = 0
FILE_VERSION = 4
FILE_SNAPLEN = 16
FILE_LINKTYPE = 20
FILE_BYTES = 24
RECORD_SECONDS = 0
RECORD_FRACTION = 4
RECORD_CAPTURED = 8
RECORD_ON_WIRE = 12
RECORD_BYTES = 16
SNAPLEN_MAX = 262144
LINKTYPE_MASK = 0x03FFFFFF

def open_records(raw, scan):
    """Read the file header.

    Parameters
    ----------
    raw : uint8[n]
        The file, at least 24 octets.
    scan : SCAN row
        Set to the first record.
    """
    scan.big = int(load_be32(raw, FILE_MAGIC) in (MAGIC_MICROSECONDS, MAGIC_NANOSECONDS))
    scan.unit_ns = 1 if load_32(raw, FILE_MAGIC, scan.big) == MAGIC_NANOSECONDS else 1000
    scan.snaplen = max(SNAPLEN_MAX, int(load_32(raw, FILE_SNAPLEN, scan.big)))
    scan.linktype = load_32(raw, FILE_LINKTYPE, scan.big) & LINKTYPE_MASK
    scan.at = FILE_BYTES


@kernel
def find_records(raw, scan, found):
    """Find frames until the file or the table ends.

    Parameters
    ----------
    raw : uint8[n]
        The file.
    scan : SCAN row
        Where to go on; ``at count err err_at claimed`` are changed.
    found : FOUND[m]
        Rows from ``count`` on are filled.

    Returns
    -------
    err : int64
        SCAN_END at the end of the file, SCAN_NEED_ROOM when the table is full, SCAN_CUT or SCAN_CORRUPT_LENGTH.
    """
    at = scan.at
    count = scan.count
    end = len(raw)
    err = np.int64(SCAN_END)
    while at < end:
        if at + RECORD_BYTES > end:
            err = np.int64(SCAN_CUT)
            scan.claimed = RECORD_BYTES
            break
        length = load_32(raw, at + RECORD_CAPTURED, scan.big)
        if length > scan.snaplen:
            err = np.int64(SCAN_CORRUPT_LENGTH)
            scan.claimed = length
            break
        if at + RECORD_BYTES + length > end:
            err = np.int64(SCAN_CUT)
            scan.claimed = RECORD_BYTES + length
            break
        if count == len(found):
            err = np.int64(SCAN_NEED_ROOM)
            break
        row = found[count]
        row.at_ns = (load_32(raw, at + RECORD_SECONDS, scan.big) * SECOND_NS
                     + load_32(raw, at + RECORD_FRACTION, scan.big) * scan.unit_ns)
        row.offset = at + RECORD_BYTES
        row.length = length
        row.wire_length = max(length, load_32(raw, at + RECORD_ON_WIRE, scan.big))
        row.linktype = scan.linktype
        count += 1
        at += RECORD_BYTES + length
    scan.at = at
    scan.count = count
    scan.err = err
    scan.err_at = at
    return err


def records_header(snaplen=SNAPLEN_MAX):
    """Make the header of a file of Ethernet frames.

    Parameters
    ----------
    snaplen : int
        Longest frame that will be recorded.

    Returns
    -------
    octets : bytes
        24.
    """
    fields = (MAGIC_NANOSECONDS, 4 << 16 | 2, 0, 0, snaplen, 1)
    return b"".join(value.to_bytes(4, "little") for value in fields)


def records_room(frame):
    """Say how many octets `pack_records` will write.

    Parameters
    ----------
    frame : FRAME[count]
        Frames.

    Returns
    -------
    nbytes : int
        Records with their headers.
    """
    return RECORD_BYTES * len(frame) + int(frame.length.sum())


@kernel
def pack_records(octets, frame, out):
    """Write frames as records.

    Parameters
    ----------
    octets : uint8[n]
        Arena of the frames.
    frame : FRAME[count]
        Frames.
    out : uint8[m]
        Written from 0, see `records_room`.

    Returns
    -------
    nbytes : int64
        Octets written.
    """
    to = np.int64(0)
    for k in range(len(frame)):
        row = frame[k]
        store_le32(out, to + RECORD_SECONDS, row.at_ns // SECOND_NS)
        store_le32(out, to + RECORD_FRACTION, row.at_ns % SECOND_NS)
        store_le32(out, to + RECORD_CAPTURED, row.length)
        store_le32(out, to + RECORD_ON_WIRE, max(row.length, row.wire_length))
        copy_octets(out, to + RECORD_BYTES, octets, row.offset, row.length)
        to += RECORD_BYTES + row.length
    return to
