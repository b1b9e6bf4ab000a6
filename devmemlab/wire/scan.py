"""Scanning: what a walk through a capture file finds, and why it stops.

Law.   A walk never reads outside the file, whatever the file says about itself.
Reads. Nothing: these are the lab's own tables. The formats are in `pcap_records` and `pcapng`.
Omits. Frames themselves: rows say where in the file they lie.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load8, load_be16, load_be32, load_le32
from devmemlab.base.table import schema

SECOND_NS = 1_000_000_000

FOUND = schema("at_ns", "offset", "length", "wire_length", "linktype", "comment_at", "comment_length")
"""A frame as it lies in a capture file."""

SCAN = schema("at", "count", "big", "unit_ns", "linktype", "snaplen", "interfaces", "err", "err_at", "claimed")
"""Where a walk through a capture file has got to, and why it stopped: at a block that starts at ``err_at``."""

SCAN_END = 0
SCAN_NEED_ROOM = 1
SCAN_CUT = 2
SCAN_CORRUPT_LENGTH = 3
SCAN_CORRUPT_BLOCK = 4
SCAN_NO_INTERFACE = 5
SCAN_BAD_SECTION = 6
SCAN_TOO_MANY_INTERFACES = 7


@kernel
def load_16(octets, at, big):
    """Load a 16-bit integer in either order.

    Parameters
    ----------
    octets : uint8[n]
        Memory, read in ``[at, at + 2)``.
    at : int64
        Address.
    big : int64
        1 for big endian.

    Returns
    -------
    value : int64
        0 to 65535.
    """
    if big:
        return load_be16(octets, at)
    return load8(octets, at) | (load8(octets, at + 1) << 8)


@kernel
def load_32(octets, at, big):
    """Load a 32-bit integer in either order.

    Parameters
    ----------
    octets : uint8[n]
        Memory, read in ``[at, at + 4)``.
    at : int64
        Address.
    big : int64
        1 for big endian.

    Returns
    -------
    value : int64
        0 to 2^32 - 1.
    """
    if big:
        return load_be32(octets, at)
    return load_le32(octets, at)
