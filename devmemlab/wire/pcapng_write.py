"""pcapng, writing: one section, one Ethernet interface in nanoseconds, one enhanced block a frame.

Law.   What is written is read back octet for octet, times and comments included.
Reads. The pcapng file format (IETF draft-ietf-opsawg-pcapng) sections 4.1 to 4.3.
Omits. Every other block.

A frame's comment (opt_comment) is where the lab says what became of it: its page, its token.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets, store8, store_le32
from devmemlab.base.table import schema, table
from devmemlab.wire.pcapng import (
    BLOCK_BODY,
    BLOCK_ENHANCED,
    BLOCK_INTERFACE,
    BLOCK_SECTION,
    BYTE_ORDER,
    ENHANCED_BYTES,
    ENHANCED_OCTETS,
    IF_TSRESOL,
    OPT_COMMENT,
)

NOTE = schema("offset", "length")
"""Where a frame's comment lies among the comments; no comment when the length is 0."""

OPTION_HEADER_BYTES = 4
COMMENT_MAX = 65535
USERAPPL = b"devmemlab"


def _option(code, value):
    """Spell one option.

    Parameters
    ----------
    code : int
        Its number.
    value : bytes
        Its value.

    Returns
    -------
    octets : bytes
        Padded to a multiple of four.
    """
    return code.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value + bytes(-len(value) % 4)


def _block(kind, body):
    """Wrap a block around its body.

    Parameters
    ----------
    kind : int
        Block type.
    body : bytes
        A multiple of four octets.

    Returns
    -------
    octets : bytes
        The block.
    """
    length = (len(body) + 12).to_bytes(4, "little")
    return kind.to_bytes(4, "little") + length + body + length


def blocks_header(name="devmemlab"):
    """Make the section and interface blocks that a file begins with.

    Parameters
    ----------
    name : str
        Name of the interface.

    Returns
    -------
    octets : bytes
        Two blocks.
    """
    section = BYTE_ORDER.to_bytes(4, "little") + b"\1\0\0\0" + b"\xff" * 8 + _option(4, USERAPPL) + bytes(4)
    interface = b"\1\0\0\0" + bytes(4) + _option(2, name.encode()) + _option(IF_TSRESOL, b"\x09") + bytes(4)
    return _block(BLOCK_SECTION, section) + _block(BLOCK_INTERFACE, interface)


def make_notes(comments, count):
    """Lay comments out for `pack_blocks`.

    Parameters
    ----------
    comments : sequence of str or None, or None
        One for each frame.
    count : int
        Frames.

    Returns
    -------
    text : uint8[n]
        UTF-8, one behind the other; each at most 65535 octets.
    note : NOTE[count]
        Where each lies.

    Raises
    ------
    ValueError
        There are more or fewer comments than frames.
    """
    note = table(NOTE, count)
    if comments is None:
        return np.zeros(1, np.uint8), note
    if len(comments) != count:
        raise ValueError(f"{len(comments)} comments for {count} frames; give one (or None) for each")
    # A multi-octet character cut in two would be no UTF-8 any more.
    parts = [(c or "").encode()[:COMMENT_MAX].decode(errors="ignore").encode() for c in comments]
    lengths = np.array([len(p) for p in parts], np.int64)
    note.length[:] = lengths
    note.offset[:] = np.cumsum(lengths) - lengths
    return np.frombuffer(b"".join(parts) + b"\0", np.uint8).copy(), note


def blocks_room(frame, note):
    """Say how many octets `pack_blocks` may write.

    Parameters
    ----------
    frame : FRAME[count]
        Frames.
    note : NOTE[count]
        Their comments.

    Returns
    -------
    nbytes : int
        An upper bound.
    """
    each = ENHANCED_BYTES + 3 + 3 + 2 * OPTION_HEADER_BYTES
    return each * len(frame) + int(frame.length.sum()) + int(note.length.sum())


@kernel
def _pad(out, to):
    """Fill up to a multiple of four.

    Parameters
    ----------
    out : uint8[n]
        Written in at most ``[to, to + 3)``.
    to : int64
        Address.

    Returns
    -------
    to : int64
        The next multiple of four.
    """
    while to & 3:
        store8(out, to, 0)
        to += 1
    return to


@kernel
def pack_blocks(octets, frame, text, note, out):
    """Write frames as enhanced packet blocks.

    Parameters
    ----------
    octets : uint8[n]
        Arena of the frames.
    frame : FRAME[count]
        Frames.
    text : uint8[k]
        Comments.
    note : NOTE[count]
        Where each lies.
    out : uint8[m]
        Written from 0, see `blocks_room`.

    Returns
    -------
    nbytes : int64
        Octets written.
    """
    to = np.int64(0)
    for k in range(len(frame)):
        row = frame[k]
        block = to
        store_le32(out, block, BLOCK_ENHANCED)
        store_le32(out, block + BLOCK_BODY, 0)
        store_le32(out, block + 12, row.at_ns >> 32)
        store_le32(out, block + 16, row.at_ns)
        store_le32(out, block + 20, row.length)
        store_le32(out, block + 24, max(row.length, row.wire_length))
        copy_octets(out, block + ENHANCED_OCTETS, octets, row.offset, row.length)
        to = _pad(out, block + ENHANCED_OCTETS + row.length)
        nbytes = note[k].length
        if nbytes:
            store_le32(out, to, (nbytes << 16) | OPT_COMMENT)
            copy_octets(out, to + OPTION_HEADER_BYTES, text, note[k].offset, nbytes)
            to = _pad(out, to + OPTION_HEADER_BYTES + nbytes)
            store_le32(out, to, 0)
            to += OPTION_HEADER_BYTES
        store_le32(out, block + 4, to + 4 - block)
        store_le32(out, to, to + 4 - block)
        to += 4
    return to
