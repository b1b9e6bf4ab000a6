"""A TAP device with offload: frames come behind a virtio_net_hdr, and one of them may be forty of the wire's.

Law.   What leaves here are frames that a card could have received: headers of their own, no payload beyond gso_size.
Reads. Linux drivers/net/tun.c, include/uapi/linux/{if_tun,virtio_net}.h; virtio 1.2, section 5.1.6.
Omits. Receive coalescing information, hash reports, UDP segments; super-frames to the kernel: what is sent is whole frames.

A super-frame is not copied to be cut. Where the next one's frames will lie is guessed from the last one, so that the system
call itself (readv) puts every payload into its place, with room for headers before it::

    virtio_net_hdr | headers payload | (room) payload | (room) payload | ... | the rest, when the guess was wrong
                     slot 0            slot 1           slot 2

When the guess was right only headers are written. When it was wrong, the octets are brought together and spread again with
`copy_octets`; ``copied_bytes`` counts them.
"""

import numpy as np

from devmemlab.base.errno import EAGAIN, EIO
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets, load8
from devmemlab.base.table import schema
from devmemlab.host.ports.recut import LINE_BYTES, SEGMENTS_MAX, cut_headers, finish_csum, plan_cut, slot_bytes, spread
from devmemlab.host.ports.scatter import readv_octets, write_behind
from devmemlab.wire.rows import CSUM_PARTIAL, CSUM_UNKNOWN

NEEDS_CSUM = 1
GSO_NONE, GSO_TCPV4, GSO_TCPV6, GSO_ECN = 0, 1, 4, 0x80
VNET_FLAGS, VNET_GSO_TYPE, VNET_GSO_SIZE, VNET_CSUM_START, VNET_CSUM_OFFSET = 0, 1, 4, 6, 8
VNET_HDR_BYTES = 10

SUPER_BYTES = 65536 + 18
"""Longest super-frame."""
SLOTS = 128
PIECES = SLOTS + 2
_WHOLE_BYTES = (SUPER_BYTES + LINE_BYTES - 1) // LINE_BYTES * LINE_BYTES
SPILL_AT = LINE_BYTES
SCRATCH_AT = SPILL_AT + _WHOLE_BYTES
ARENA_AT = SCRATCH_AT + _WHOLE_BYTES
ROOM_BYTES = _WHOLE_BYTES + SEGMENTS_MAX * 4 * LINE_BYTES
"""Room that a super-frame may need in the arena, whatever its headers and its gso_size."""

VNET = schema("header_bytes", "gso_bytes", "super_frames", "segments", "in_place", "copied_bytes", "malformed", "slots")
"""The guess, and what came: super-frames, frames cut from them, how many super-frames were guessed right, octets copied,
frames that made no sense; ``slots``: how many the last read had."""


@kernel
def _aim(pieces, at, vnet):
    """Lay out the places for the next frame.

    Parameters
    ----------
    pieces : PIECE[130]
        Written.
    at : int64
        Where the frame, or the first of its frames, goes.
    vnet : VNET
        The guess; ``slots`` is written.

    Returns
    -------
    count : int64
        Valid pieces.
    """
    pieces[0].offset = 0
    pieces[0].length = VNET_HDR_BYTES
    if vnet.gso_bytes == 0:
        vnet.slots = 1
        pieces[1].offset = at
        pieces[1].length = SUPER_BYTES
        return np.int64(2)
    stride = (vnet.header_bytes + vnet.gso_bytes + LINE_BYTES - 1) // LINE_BYTES * LINE_BYTES
    vnet.slots = min((SUPER_BYTES + vnet.gso_bytes - 1) // vnet.gso_bytes, SLOTS)
    for k in range(vnet.slots):
        pieces[1 + k].offset = at + k * stride + vnet.header_bytes
        pieces[1 + k].length = vnet.gso_bytes
    pieces[1].offset = at
    pieces[1].length = vnet.header_bytes + vnet.gso_bytes
    pieces[1 + vnet.slots].offset = SPILL_AT
    pieces[1 + vnet.slots].length = SUPER_BYTES
    return 2 + vnet.slots


@kernel
def _gather(octets, pieces, length):
    """Bring together what a wrong guess has scattered.

    Parameters
    ----------
    octets : uint8[n]
        Arena; the scratch is written.
    pieces : PIECE[130]
        Where it lies, from the second on.
    length : int64
        Octets.

    Returns
    -------
    copied : int64
        Octets.
    """
    done = np.int64(0)
    which = 1
    while done < length:
        part = min(length - done, pieces[which].length)
        copy_octets(octets, SCRATCH_AT + done, octets, pieces[which].offset, part)
        done += part
        which += 1
    return done


@kernel
def _super_frame(octets, at, here, length, pieces, vnet, cut, frame, now_ns, csum):
    """Take a super-frame that has been read.

    Parameters
    ----------
    octets : uint8[n]
        Arena, with the virtio_net_hdr at 0.
    at : int64
        Where the super-frame starts.
    here : int64
        How much of it lies there in one piece.
    length : int64
        Its length.
    pieces : PIECE[130]
        Where its octets are.
    vnet : VNET
        The guess and the counters.
    cut : CUT
        Scratch.
    frame : FRAME[k]
        Rows for its frames.
    now_ns, csum : int64, int64
        See `vnet_read`.

    Returns
    -------
    segments, room : int64
        Frames; octets of the arena that they take up.
    """
    gso_type = load8(octets, VNET_GSO_TYPE) & ~GSO_ECN
    gso_bytes = load8(octets, VNET_GSO_SIZE) | load8(octets, VNET_GSO_SIZE + 1) << 8
    tcp_at = load8(octets, VNET_CSUM_START) | load8(octets, VNET_CSUM_START + 1) << 8
    vnet.super_frames += 1
    whole = load8(octets, VNET_FLAGS) & NEEDS_CSUM and (gso_type == GSO_TCPV4 or gso_type == GSO_TCPV6)
    possible = whole and plan_cut(octets, at, here, length, tcp_at, gso_bytes, cut)
    if possible and cut.header_bytes == vnet.header_bytes and gso_bytes == vnet.gso_bytes and cut.segments <= vnet.slots:
        vnet.in_place += 1
    else:
        vnet.copied_bytes += _gather(octets, pieces, length)
        possible = whole and plan_cut(octets, SCRATCH_AT, length, length, tcp_at, gso_bytes, cut)
        if possible:
            vnet.copied_bytes += spread(octets, at, SCRATCH_AT, cut)
            vnet.header_bytes = cut.header_bytes
            vnet.gso_bytes = gso_bytes
    if not possible or (gso_type == GSO_TCPV4) != (cut.ip_version == 4):
        vnet.malformed += 1
        return np.int64(0), np.int64(0)
    cut_headers(octets, at, cut, frame, now_ns, csum)
    vnet.segments += cut.segments
    return cut.segments, cut.segments * slot_bytes(cut)


@kernel
def vnet_read(fd, octets, pieces, vnet, cut, frame, limit, now_ns, csum):
    """Read frames until there are none, or no room; super-frames become frames of the wire.

    Parameters
    ----------
    fd : int64
        Non-blocking TAP descriptor with IFF_VNET_HDR.
    octets : uint8[n]
        Arena, written; frames lie from `ARENA_AT` on, each on a cache line.
    pieces : PIECE[130]
        Scratch.
    vnet : VNET
        The guess and the counters.
    cut : CUT
        Scratch.
    frame : FRAME[count]
        Rows are filled from the first on.
    limit : int64
        A burst with so many frames is long enough. The last super-frame is taken whole.
    now_ns : int64
        Time of this poll.
    csum : int64
        What the rows of frames say whose sums are whole. CSUM_UNKNOWN: partial sums are completed, so that a NIC can verify
        them; anything else: they stay partial, and the rows say so.

    Returns
    -------
    count : int64
        Frames; -errno when nothing could be read, ``-EAGAIN`` meaning that there was none.
    """
    count = np.int64(0)
    at = np.int64(ARENA_AT)
    while count < limit and count + SEGMENTS_MAX <= len(frame) and at + ROOM_BYTES <= len(octets):
        got = readv_octets(fd, octets, pieces, _aim(pieces, at, vnet))
        if got < 0:
            return count if count else got
        if got == 0:
            return count if count else np.int64(-EIO)
        got -= VNET_HDR_BYTES
        if got <= 0:
            vnet.malformed += 1
            continue
        here = pieces[1].length
        if load8(octets, VNET_GSO_TYPE) != GSO_NONE:
            segments, room = _super_frame(octets, at, here, got, pieces, vnet, cut, frame[count:], now_ns, csum)
            count += segments
            at += room
            continue
        if got > here:
            vnet.copied_bytes += _gather(octets, pieces, got) + got
            copy_octets(octets, at, octets, SCRATCH_AT, got)
        row = frame[count]
        row.csum = csum
        if load8(octets, VNET_FLAGS) & NEEDS_CSUM:
            row.csum = CSUM_PARTIAL
            start = load8(octets, VNET_CSUM_START) | load8(octets, VNET_CSUM_START + 1) << 8
            offset = load8(octets, VNET_CSUM_OFFSET) | load8(octets, VNET_CSUM_OFFSET + 1) << 8
            if csum == CSUM_UNKNOWN:
                row.csum = CSUM_UNKNOWN
                if not finish_csum(octets, at, got, start, offset):
                    vnet.malformed += 1
                    continue
        row.at_ns = now_ns
        row.offset = at
        row.length = got
        row.wire_length = got
        count += 1
        at += (got + LINE_BYTES - 1) // LINE_BYTES * LINE_BYTES
    return count


@kernel
def vnet_write(fd, head, octets, frame, pieces):
    """Write frames, each behind a virtio_net_hdr that asks for nothing.

    Parameters
    ----------
    fd : int64
        Non-blocking TAP descriptor with IFF_VNET_HDR.
    head : uint8[10]
        Zeros.
    octets : uint8[n]
        Arena.
    frame : FRAME[count]
        Their rows.
    pieces : PIECE[130]
        Scratch.

    Returns
    -------
    sent, err : int64
        Frames taken by the kernel, and the last -errno among those that were not (0: all were taken).
    """
    sent = np.int64(0)
    err = np.int64(0)
    for k in range(len(frame)):
        done = write_behind(fd, head, octets, frame[k].offset, frame[k].length, pieces)
        if done < 0:
            err = done if err == 0 or err == -EAGAIN else err
        else:
            sent += 1
    return sent, err
