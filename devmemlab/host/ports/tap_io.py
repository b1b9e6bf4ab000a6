"""What a TAP port's kernels do: read a burst, write a burst, with offload or without.

Law.   A read never waits; what came and went is counted where it came and went.
Reads. Linux drivers/net/tun.c (tun_chr_read_iter, tun_get_user).
Omits. Several queues.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.errno import EAGAIN
from devmemlab.base.component import component
from devmemlab.base.crossing import seal
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table
from devmemlab.host.ports.recut import CUT, SEGMENTS_MAX
from devmemlab.host.ports.scatter import PIECE
from devmemlab.host.ports.syscalls import read_octets, write_octets
from devmemlab.host.ports.vnet import (
    ARENA_AT,
    PIECES,
    ROOM_BYTES,
    VNET,
    VNET_HDR_BYTES,
    vnet_read,
    vnet_write,
)
from devmemlab.wire.rows import FRAME

FRAME_LIMIT_BYTES = 65536 + 18
LINE_BYTES = 64
TAP_CTL = schema("fd", "offload", "csum", "limit", "received", "sent", "refused")


@component(sealed=True)
class TapTables(NamedTuple):
    """Everything of a TAP port that kernels touch.

    ctl : TAP_CTL[1]
        Descriptor; whether a virtio_net_hdr comes before each frame; ``csum`` of whole sums; frames of a burst; frames read,
        frames that the kernel took, and frames that it did not.
    octets : uint8[n]
        Arena of what is read.
    frame : FRAME[k]
        Its rows.
    pieces : PIECE[130]
    vnet : VNET[1]
    cut : CUT[1]
        See `devmemlab.host.ports.vnet`.
    head : uint8[10]
        The virtio_net_hdr of what is written: zeros.
    """

    ctl: np.recarray
    octets: np.ndarray
    frame: np.recarray
    pieces: np.recarray
    vnet: np.recarray
    cut: np.recarray
    head: np.ndarray


def make_tap_tables(fd, max_frames, csum, offload):
    """Make the tables of a TAP port.

    Parameters
    ----------
    fd : int
        Descriptor.
    max_frames : int
        Most frames of one burst; with offload the last super-frame may go beyond.
    csum : int
        See `FRAME`.
    offload : bool
        Whether the device was opened with IFF_VNET_HDR.

    Returns
    -------
    tables : Sealed
        Of TapTables.
    """
    room = ARENA_AT + ROOM_BYTES if offload else FRAME_LIMIT_BYTES
    tables = TapTables(table(TAP_CTL, 1), np.empty(max_frames * 9216 + room, np.uint8),
                       table(FRAME, max_frames + (SEGMENTS_MAX if offload else 0)), table(PIECE, PIECES), table(VNET, 1),
                       table(CUT, 1), np.zeros(VNET_HDR_BYTES, np.uint8))
    ctl = tables.ctl[0]
    ctl.fd, ctl.offload, ctl.csum, ctl.limit = fd, int(offload), csum, max_frames
    return seal(tables)


@kernel
def tap_read(fd, octets, frame, now_ns, csum):
    """Read frames until there are none, or no room.

    Parameters
    ----------
    fd : int64
        Non-blocking TAP descriptor.
    octets : uint8[n]
        Arena, written from 0; each frame starts on a cache line.
    frame : FRAME[count]
        Rows are filled from the first on.
    now_ns : int64
        Time of this poll.
    csum : int64
        See `FRAME`.

    Returns
    -------
    count : int64
        Frames read; -errno when not even one could be, ``-EAGAIN`` meaning that none was there.
    """
    count = np.int64(0)
    at = np.int64(0)
    while count < len(frame) and at + FRAME_LIMIT_BYTES <= len(octets):
        got = read_octets(fd, octets, at, FRAME_LIMIT_BYTES)
        if got < 0:
            return count if count else got
        row = frame[count]
        row.at_ns = now_ns
        row.offset = at
        row.length = got
        row.csum = csum
        row.wire_length = got
        count += 1
        at += (got + LINE_BYTES - 1) // LINE_BYTES * LINE_BYTES
    return count


@kernel
def tap_write(fd, octets, frame):
    """Write frames.

    Parameters
    ----------
    fd : int64
        Non-blocking TAP descriptor.
    octets : uint8[n]
        Arena.
    frame : FRAME[count]
        Their rows.

    Returns
    -------
    sent, err : int64
        Frames taken by the kernel, and the last -errno among those that were not (0: all were taken).
    """
    sent = np.int64(0)
    err = np.int64(0)
    for k in range(len(frame)):
        done = write_octets(fd, octets, frame[k].offset, frame[k].length)
        if done < 0:
            err = done if err == 0 or err == -EAGAIN else err
        else:
            sent += 1
    return sent, err


@kernel
def tap_recv(tap, now_ns):
    """Read a burst.

    Parameters
    ----------
    tap : TapTables
        The port: arena and rows are written, ``received`` grows.
    now_ns : int64
        Time of this poll.

    Returns
    -------
    count : int64
        Valid rows; -errno when not even one could be read, ``-EAGAIN`` meaning that none was there.
    """
    ctl = tap.ctl[0]
    if ctl.offload:
        count = vnet_read(ctl.fd, tap.octets, tap.pieces, tap.vnet[0], tap.cut[0], tap.frame, ctl.limit, now_ns, ctl.csum)
    else:
        count = tap_read(ctl.fd, tap.octets, tap.frame, now_ns, ctl.csum)
    ctl.received += max(count, 0)
    return count


@kernel
def tap_send(tap, octets, frame):
    """Write a burst.

    Parameters
    ----------
    tap : TapTables
        The port: ``sent`` and ``refused`` grow.
    octets : uint8[n]
        Arena.
    frame : FRAME[count]
        Frames.

    Returns
    -------
    err : int64
        See `tap_write`.
    """
    ctl = tap.ctl[0]
    if ctl.offload:
        sent, err = vnet_write(ctl.fd, tap.head, octets, frame, tap.pieces)
    else:
        sent, err = tap_write(ctl.fd, octets, frame)
    ctl.sent += sent
    ctl.refused += len(frame) - sent
    return err
