"""Capture files: this is the room to import from.

Law.   A file that is not whole, or not what it says, is refused in one sentence, never in part and never in silence.
Reads. pcap (micro- and nanoseconds, both byte orders) and pcapng; the formats are in `pcap_records` and `pcapng`.
Omits. Compressed files, live capture.

The file is read whole: rewriting a frame in place (a replay port does) changes memory, never the file.
Frames are counted from 1 in messages, as Wireshark counts them, and from 0 in tables.
"""

import os

import numpy as np

from devmemlab.base.octets import load_be32
from devmemlab.base.table import grown, table
from devmemlab.wire import pcap_records, pcapng, scan
from devmemlab.wire.capture import Capture, CaptureError
from devmemlab.wire.linktype import LINKTYPES, frames_to_ethernet, linktype_text
from devmemlab.wire.pcapng_scan import find_blocks
from devmemlab.wire.rows import FRAME
from devmemlab.wire.writer import CaptureWriter

__all__ = ["Capture", "CaptureError", "CaptureWriter", "read_capture"]

PCAP_MAGICS = (0xA1B2C3D4, 0xD4C3B2A1, 0xA1B23C4D, 0x4D3CB2A1)
OTHER_MAGICS = {0x1F8B: "gzip", 0x28B5: "zstd", 0xFD37: "xz", 0x425A: "bzip2", 0x504B: "zip"}
FIRST_ROWS = 1024


def _load(path):
    """Bring a file into memory.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    raw : uint8[n]
        A copy: a file that is mapped could be cut under our feet, which kills the process.

    Raises
    ------
    CaptureError
        There is no such file, or it cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            raw = np.empty(os.fstat(file.fileno()).st_size, np.uint8)
            nbytes = 0
            while step := file.readinto(memoryview(raw)[nbytes:]):
                nbytes += step
            # A pipe has no size to tell beforehand.
            rest = file.readall() if nbytes == len(raw) else b""
            return np.concatenate((raw, np.frombuffer(rest, np.uint8))) if rest else raw[:nbytes]
    except FileNotFoundError:
        raise CaptureError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise CaptureError(f"{path} is a directory, not a capture file") from None
    except OSError as error:
        raise CaptureError(f"{path} cannot be read: {error.strerror}") from None


def _stop_text(state, raw, is_pcapng):
    """Say why a walk through a file stopped early.

    Parameters
    ----------
    state : SCAN row
        Where it stopped.
    raw : uint8[n]
        The file.
    is_pcapng : bool
        Which format.

    Returns
    -------
    text : str
        To follow the file's name.
    """
    frame = f"frame {int(state.count) + 1}"
    at = int(state.err_at)
    claimed = int(state.claimed)
    kind = int(scan.load_32(raw, at, state.big)) if is_pcapng and len(raw) >= at + 4 else pcapng.BLOCK_ENHANCED
    cut = frame if kind in pcapng.FRAME_BLOCKS else f"a block before {frame}"
    return {
        scan.SCAN_CUT: f"is cut in the middle of {cut}, which starts at byte {at} and needs {claimed} bytes where "
                       f"{len(raw) - at} are left",
        scan.SCAN_CORRUPT_LENGTH: f"is corrupt: {frame} at byte {at} claims to be {claimed} octets long",
        scan.SCAN_CORRUPT_BLOCK: f"is corrupt: the block at byte {at} (before or at {frame}) has an impossible length, "
                                 f"{claimed}",
        scan.SCAN_NO_INTERFACE: f"is corrupt: {frame} at byte {at} belongs to an interface that was never described",
        scan.SCAN_BAD_SECTION: f"is corrupt: the section at byte {at} has no byte-order mark",
        scan.SCAN_TOO_MANY_INTERFACES: f"describes more than {pcapng.INTERFACES_MAX} interfaces in one section, "
                                       f"at byte {at}",
    }[int(state.err)]


def _walk(raw, is_pcapng):
    """Find every frame of a file.

    Parameters
    ----------
    raw : uint8[n]
        The file.
    is_pcapng : bool
        Which format.

    Returns
    -------
    state : SCAN row
        ``err`` is SCAN_END when the end was reached.
    found : FOUND[count]
        The frames before it stopped.
    """
    state = table(scan.SCAN, 1)[0]
    found = table(scan.FOUND, FIRST_ROWS)
    iface = pcapng.make_interfaces()
    if not is_pcapng:
        pcap_records.open_records(raw, state)
    while True:
        err = find_blocks(raw, state, iface, found) if is_pcapng else pcap_records.find_records(raw, state, found)
        if err != scan.SCAN_NEED_ROOM:
            return state, found[: state.count]
        found = grown(found, len(found) + 1)


def read_capture(path, partial=False):
    """Read a capture file.

    Parameters
    ----------
    path : str or path
        A pcap or pcapng file.
    partial : bool
        Keep the frames before a cut or a corrupt place instead of refusing; `Capture.cut` then says why it is short.

    Returns
    -------
    capture : Capture
        At least one frame.

    Raises
    ------
    CaptureError
        The text says what is wrong with the file, in one sentence.
    """
    path = os.fspath(path)
    raw = _load(path)
    if len(raw) == 0:
        raise CaptureError(f"{path} is empty")
    magic = int(load_be32(raw, 0)) if len(raw) >= 4 else -1
    is_pcapng = magic == pcapng.BLOCK_SECTION
    if not is_pcapng and magic not in PCAP_MAGICS:
        packed = OTHER_MAGICS.get(magic >> 16)
        hint = f", it is {packed} compressed: unpack it first" if packed else ""
        raise CaptureError(f"{path} is not a pcap or pcapng capture (it starts with {raw[:4].tobytes().hex(' ')}){hint}")
    header_bytes = pcapng.SECTION_BYTES if is_pcapng else pcap_records.FILE_BYTES
    if len(raw) < header_bytes:
        raise CaptureError(f"{path} is cut in its file header: {len(raw)} of {header_bytes} bytes are there")
    state, found = _walk(raw, is_pcapng)
    stopped = "" if state.err == scan.SCAN_END else _stop_text(state, raw, is_pcapng)
    if stopped and not (partial and len(found)):
        raise CaptureError(f"{path} {stopped}")
    if len(found) == 0:
        raise CaptureError(f"{path} is a capture without frames")
    capture = _ethernet(path, raw, found)
    capture.cut = stopped
    return capture


def _ethernet(path, raw, found):
    """Make the capture out of what was found.

    Parameters
    ----------
    path : str
        The file.
    raw : uint8[n]
        Its octets.
    found : FOUND[count]
        Its frames.

    Returns
    -------
    capture : Capture
        A view of the file when every frame is Ethernet already, else a copy.

    Raises
    ------
    CaptureError
        A link type cannot be read.
    """
    present, first = np.unique(found.linktype, return_index=True)
    for linktype, k in zip(present, first):
        if int(linktype) not in LINKTYPES:
            known = ", ".join(sorted(set(LINKTYPES.values())))
            raise CaptureError(f"{path}: frame {int(k) + 1} was recorded on link type {linktype_text(linktype)}, "
                               f"which cannot be read; {known} can")
    frame = table(FRAME, len(found))
    octets = raw
    if list(present) == [1]:
        for name in ("at_ns", "offset", "length", "wire_length"):
            frame[name] = found[name]
    else:
        octets = np.zeros(int(found.length.sum()) + 14 * len(found), np.uint8)
        octets = octets[: max(1, frames_to_ethernet(raw, found, octets, frame))]
    return Capture(octets, frame, int(found[0].linktype), path, (raw, found))
