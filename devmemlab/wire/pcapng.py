"""pcapng: a chain of blocks, some of which hold frames.

Law.   A timestamp means nothing without its interface, an interface nothing without its section.
Reads. The pcapng file format (IETF draft-ietf-opsawg-pcapng).
Omits. Name resolution, statistics, secrets and custom blocks: stepped over. More than 4096 interfaces in a section.

::

    block      type(4) length(4) body length(4)
    section    order(4) major(2) minor(2) section_length(8) options
    interface  linktype(2) 0(2) snaplen(4) options: if_tsresol(9), if_tsoffset(14)
    enhanced   interface(4) time_high(4) time_low(4) captured(4) on_wire(4) octets options: opt_comment(1)
    simple     on_wire(4) octets
    packet     interface(2) drops(2), then as enhanced (obsolete, still met)
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load8
from devmemlab.base.table import schema, table
from devmemlab.wire.scan import SECOND_NS, load_16, load_32

BLOCK_SECTION = 0x0A0D0D0A
BLOCK_INTERFACE = 1
BLOCK_PACKET = 2
BLOCK_SIMPLE = 3
BLOCK_ENHANCED = 6
FRAME_BLOCKS = (BLOCK_PACKET, BLOCK_SIMPLE, BLOCK_ENHANCED)
BLOCK_BODY = 8
BLOCK_FRAME_BYTES = 12
BYTE_ORDER = 0x1A2B3C4D
SECTION_BYTES = 28
INTERFACE_BYTES = 20
ENHANCED_OCTETS = 28
ENHANCED_BYTES = 32
SIMPLE_OCTETS = 12
SIMPLE_BYTES = 16
OPT_END_OF_OPTIONS = 0
OPT_COMMENT = 1
IF_TSRESOL = 9
IF_TSOFFSET = 14
INTERFACES_MAX = 4096
TIME_MAX = (1 << 63) - 1

IFACE = schema("linktype", "snaplen", "tsresol", "tsoffset_s")
"""An interface of the present section."""


def make_interfaces():
    """Make room for the interfaces of a section.

    Returns
    -------
    iface : IFACE[4096]
        Empty.
    """
    return table(IFACE, INTERFACES_MAX)


@kernel
def time_to_ns(high, low, tsresol, tsoffset_s):
    """Turn a timestamp into nanoseconds.

    Parameters
    ----------
    high, low : int64
        Halves of the 64-bit timestamp.
    tsresol : int64
        Resolution: a negative power of 10, or of 2 with bit 7 set.
    tsoffset_s : int64
        Seconds to add.

    Returns
    -------
    at_ns : int64
        Rounded down; what int64 cannot hold becomes its largest value.
    """
    ticks = ((high & 0x7FFFFFFF) << 32) | low
    power = tsresol & 0x7F
    if tsresol & 0x80:
        if power > 62:
            seconds = np.int64(0)
            ns = np.int64(0)
        else:
            seconds = ticks >> power
            fraction = ticks & ((np.int64(1) << power) - 1)
            if power > 30:
                fraction >>= power - 30
                power = np.int64(30)
            ns = (fraction * SECOND_NS) >> power
    else:
        scale = np.int64(1)
        for k in range(min(power, 18)):
            scale *= 10
        seconds = ticks // scale if power <= 18 else np.int64(0)
        fraction = ticks % scale if power <= 18 else np.int64(0)
        ns = fraction * (SECOND_NS // scale) if power <= 9 else fraction // (scale // SECOND_NS)
    seconds += tsoffset_s
    if seconds < 0 or seconds >= TIME_MAX // SECOND_NS:
        return np.int64(0) if seconds < 0 else np.int64(TIME_MAX)
    return seconds * SECOND_NS + ns


@kernel
def find_option_at(raw, at, end, big, code):
    """Find the first option of one kind in a block.

    Parameters
    ----------
    raw : uint8[n]
        The file, read in ``[at, end)`` only.
    at, end : int64
        Where the options are.
    big : int64
        1 for big endian.
    code : int64
        Which option.

    Returns
    -------
    value_at, length : int64
        Where its value is, and how long; 0, 0 when it is not there.
    """
    while at + 4 <= end:
        found = load_16(raw, at, big)
        length = load_16(raw, at + 2, big)
        if found == OPT_END_OF_OPTIONS or at + 4 + length > end:
            break
        if found == code:
            return at + 4, length
        at += 4 + ((length + 3) & ~3)
    return np.int64(0), np.int64(0)


@kernel
def read_interface(raw, at, end, big, row):
    """Read an interface block.

    Parameters
    ----------
    raw : uint8[n]
        The file.
    at, end : int64
        Where the block starts, and where its body ends.
    big : int64
        1 for big endian.
    row : IFACE row
        All fields are set.
    """
    row.linktype = load_16(raw, at + BLOCK_BODY, big)
    row.snaplen = load_32(raw, at + BLOCK_BODY + 4, big)
    row.tsresol = 6
    row.tsoffset_s = 0
    value_at, length = find_option_at(raw, at + BLOCK_BODY + 8, end, big, IF_TSRESOL)
    if length == 1:
        row.tsresol = load8(raw, value_at)
    value_at, length = find_option_at(raw, at + BLOCK_BODY + 8, end, big, IF_TSOFFSET)
    if length == 8:
        first = load_32(raw, value_at, big)
        second = load_32(raw, value_at + 4, big)
        row.tsoffset_s = (first << 32) | second if big else (second << 32) | first
