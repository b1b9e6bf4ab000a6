"""The user API: numbers and byte layouts that programs see.

Law.   What a program reads in a control buffer here is, octet for octet, what Linux would have put there.
Reads. Linux include/uapi/linux/uio.h, include/uapi/asm-generic/socket.h, include/linux/socket.h.
Omits. The option numbers of alpha, mips, parisc and sparc: `devmemlab.sock.machines` has them.
"""

import struct

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load_le32, store_le32, store_le64

AF_INET, AF_INET6 = 2, 10
SOCK_STREAM, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_CLOEXEC = 1, 2, 0o4000, 0o2000000
SOL_SOCKET = 1
SO_REUSEADDR, SO_ERROR, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_REUSEPORT = 2, 4, 7, 8, 9, 15
SO_OOBINLINE, SO_RCVLOWAT, SO_SNDLOWAT, SO_RCVTIMEO, SO_SNDTIMEO, SO_PEEK_OFF = 10, 18, 19, 20, 21, 42
SIOCATMARK, SIOCINQ, SIOCOUTQ, SIOCOUTQNSD = 0x8905, 0x541B, 0x5411, 0x894B
IPPROTO_TCP, TCP_INQ = 6, 36
SO_DEVMEM_LINEAR = SCM_DEVMEM_LINEAR = 78
SO_DEVMEM_DMABUF = SCM_DEVMEM_DMABUF = 79
SO_DEVMEM_DONTNEED = 80
SO_ZEROCOPY = 60
MSG_OOB, MSG_PEEK, MSG_CTRUNC, MSG_TRUNC, MSG_DONTWAIT, MSG_WAITALL = 0x1, 0x2, 0x8, 0x20, 0x40, 0x100
MSG_ERRQUEUE = 0x2000
MSG_MORE, MSG_ZEROCOPY, MSG_SOCK_DEVMEM = 0x8000, 0x4000000, 0x2000000
SHUT_RD, SHUT_WR, SHUT_RDWR = 0, 1, 2

CMSG_HEADER_BYTES = 16
DMABUF_CMSG_BYTES = 24
DMABUF_TOKEN_BYTES = 8
MAX_DONTNEED_TOKENS = 128
MAX_DONTNEED_FRAGS = 1024
FRAG_DTYPE = np.dtype([("kind", np.int32), ("frag_offset", np.uint64), ("frag_size", np.uint32), ("frag_token", np.uint32),
                       ("dmabuf_id", np.uint32), ("frag_flags", np.uint32)])
_WIRE_DTYPE = np.dtype([("cmsg_len", "<u8"), ("cmsg_level", "<i4"), ("cmsg_type", "<i4"), ("frag_offset", "<u8"),
                        ("frag_size", "<u4"), ("frag_token", "<u4"), ("dmabuf_id", "<u4"), ("frag_flags", "<u4")])


def CMSG_LEN(nbytes):
    """Length of a control message with a body, without padding behind it.

    Parameters
    ----------
    nbytes : int
        Octets of the body.

    Returns
    -------
    length : int
        Octets.
    """
    return CMSG_HEADER_BYTES + nbytes


def CMSG_SPACE(nbytes):
    """Room that a control message with a body takes.

    Parameters
    ----------
    nbytes : int
        Octets of the body.

    Returns
    -------
    space : int
        Octets, a multiple of 8.
    """
    return CMSG_HEADER_BYTES + (nbytes + 7 & ~7)


@kernel(inline="always")
def put_devmem_cmsg(control, at, cmsg_type, frag_offset, frag_size, frag_token, dmabuf_id):
    """Write one devmem control message.

    Parameters
    ----------
    control : uint8[n]
        Control buffer, written in ``[at, at + 40)``.
    at : int64
        Where.
    cmsg_type : int64
        SCM_DEVMEM_LINEAR or SCM_DEVMEM_DMABUF.
    frag_offset : int64
        Octet offset in the dmabuf, 0 for LINEAR.
    frag_size : int64
        Octets described.
    frag_token, dmabuf_id : int64
        0 for LINEAR.

    References
    ----------
    Linux include/uapi/linux/uio.h, struct dmabuf_cmsg.
    """
    store_le64(control, at, CMSG_HEADER_BYTES + DMABUF_CMSG_BYTES)
    store_le64(control, at + 8, SOL_SOCKET | cmsg_type << 32)
    store_le64(control, at + 16, frag_offset)
    store_le64(control, at + 24, frag_size & 0xFFFFFFFF | frag_token << 32)
    store_le64(control, at + 32, dmabuf_id & 0xFFFFFFFF)


@kernel
def put_cmsg_int(control, at, left, level, cmsg_type, value):
    """Write a control message of one C int, or as much of it as there is room for.

    Parameters
    ----------
    control : uint8[n]
        Control buffer, written from `at` on.
    at, left : int64
        Where, and how much room there is.
    level, cmsg_type : int64
        Which message.
    value : int64
        The int.

    Returns
    -------
    used, truncated : int64
        Octets of room taken; 1 when the message is not there whole (MSG_CTRUNC).

    References
    ----------
    Linux net/core/scm.c, put_cmsg(): the routine of all messages but those of devmem.
    """
    if left < CMSG_HEADER_BYTES:
        return np.int64(0), np.int64(1)
    length = min(left, CMSG_HEADER_BYTES + 4)
    store_le64(control, at, length)
    store_le32(control, at + 8, level)
    store_le32(control, at + 12, cmsg_type)
    for k in range(length - CMSG_HEADER_BYTES):
        control[at + CMSG_HEADER_BYTES + k] = (value >> (8 * k)) & 0xFF
    return min(left, np.int64(CMSG_HEADER_BYTES + 8)), np.int64(length < CMSG_HEADER_BYTES + 4)


@kernel(inline="always")
def get_dmabuf_token(optval, index):
    """Read one element of a DONTNEED option value.

    Parameters
    ----------
    optval : uint8[n]
        The option value.
    index : int64
        Which element.

    Returns
    -------
    token_start, token_count : int64
        The range.

    References
    ----------
    Linux include/uapi/linux/uio.h, struct dmabuf_token.
    """
    return (load_le32(optval, index * DMABUF_TOKEN_BYTES), load_le32(optval, index * DMABUF_TOKEN_BYTES + 4))


class Ancdata:
    """The control messages of one recvmsg, read where they lie.

    A sequence of ``(cmsg_level, cmsg_type, cmsg_data)`` like the list that ``socket.recvmsg`` returns; the tuples are
    made when asked for, the records of `frags` without making any.

    Parameters
    ----------
    control : bytes
        The used part of the control buffer: messages of devmem, which take 40 octets each, then others.
    devmem_bytes : int, optional
        Length of the first part; all of it when left out.
    """

    __slots__ = ("control", "others")

    def __init__(self, control, devmem_bytes=None):
        self.control = control if devmem_bytes is None else control[:devmem_bytes]
        self.others = []
        at = len(self.control)
        while len(control) - at >= CMSG_HEADER_BYTES:
            length, level, kind = struct.unpack_from("<Qii", control, at)
            self.others.append((level, kind, control[at + CMSG_HEADER_BYTES:at + length]))
            at += length + 7 & ~7

    def __len__(self):
        return len(self.control) // CMSG_SPACE(DMABUF_CMSG_BYTES) + len(self.others)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(f"control message {index} of {len(self)}")
        if index >= len(self) - len(self.others):
            return self.others[index - len(self)]
        at = index * CMSG_SPACE(DMABUF_CMSG_BYTES)
        head = np.frombuffer(self.control, _WIRE_DTYPE, 1, at)[0]
        return int(head["cmsg_level"]), int(head["cmsg_type"]), self.control[at + CMSG_HEADER_BYTES:at + 40]

    def __eq__(self, other):
        return list(self) == list(other)

    def __repr__(self):
        others = f" and {len(self.others)} more" if self.others else ""
        return f"<Ancdata: {len(self) - len(self.others)} devmem control messages{others}>"


def frags(ancdata):
    """Read the devmem control messages of a recvmsg.

    Parameters
    ----------
    ancdata : Ancdata, or list of (level, type, bytes)
        From ``recvmsg`` of the lab or of a real socket; other messages are skipped.

    Returns
    -------
    frags : recarray of FRAG_DTYPE
        ``kind`` (78 LINEAR, 79 DMABUF), ``frag_offset``, ``frag_size``, ``frag_token``, ``dmabuf_id``.
    """
    if isinstance(ancdata, Ancdata):
        control = ancdata.control
    else:
        control = b"".join(
            (40).to_bytes(8, "little") + level.to_bytes(4, "little") + kind.to_bytes(4, "little") + bytes(body)
            for level, kind, body in ancdata
            if level == SOL_SOCKET and kind in (SCM_DEVMEM_LINEAR, SCM_DEVMEM_DMABUF) and len(body) == DMABUF_CMSG_BYTES)
    raw = np.frombuffer(control, _WIRE_DTYPE)
    out = np.zeros(len(raw), FRAG_DTYPE)
    out["kind"] = raw["cmsg_type"]
    for name in FRAG_DTYPE.names[1:]:
        out[name] = raw[name]
    return out.view(np.recarray)
