"""Packets on the GPU: header parse, Toeplitz hash and token unpack, a packet or a token a thread.

Law.   Every result is, bit for bit, that of the CPU: the functions are the CPU's own.
Reads. `devmemlab.wire.frame`, `devmemlab.nic.toeplitz`, `devmemlab.sock.uapi`.
Omits. Packets that a GPU takes from a card by itself (GPUDirect with a receive queue on the device).
"""

import numpy as np

from devmemlab.base.octets import load_le32
from devmemlab.base.table import schema, table
from devmemlab.cuda.compiling import cuda, gpu_kernel
from devmemlab.cuda.driver import require
from devmemlab.nic.steer_tables import ENTRY, TUPLE_BYTES
from devmemlab.nic.toeplitz import REFERENCE_KEY, toeplitz_bitwise, toeplitz_fields, toeplitz_fill
from devmemlab.sock.uapi import CMSG_SPACE, DMABUF_CMSG_BYTES, Ancdata
from devmemlab.wire.frame import PKT, parse_frame

CMSG_BYTES = CMSG_SPACE(DMABUF_CMSG_BYTES)
TOKEN = schema("kind", "frag_offset", "frag_size", "frag_token", "dmabuf_id")
"""What a control message of devmem says, as `devmemlab.frags` gives it."""


@gpu_kernel
def parse_kernel(octets, frame, packets, errors):
    """Parse frames, one a thread.

    Parameters
    ----------
    octets : uint8[n]
        Arena.
    frame : FRAME[count]
        Where frames are.
    packets : PKT[count]
        Written.
    errors : int64[count]
        Written: what `parse_frame` returns.
    """
    for i in range(cuda.grid(1), len(frame), cuda.gridsize(1)):
        errors[i] = parse_frame(octets, frame[i].offset, frame[i].length, packets[i])


@gpu_kernel
def toeplitz_kernel(hash_table, packets, fields, transform, hashes):
    """Hash parsed packets, one a thread.

    Parameters
    ----------
    hash_table : ENTRY[1, 36 * 256]
        From `devmemlab.nic.toeplitz.toeplitz_fill`.
    packets : PKT[count]
        Parsed headers.
    fields, transform : int64
        As for `devmemlab.nic.toeplitz.toeplitz_fields`.
    hashes : int64[count]
        Written.
    """
    for i in range(cuda.grid(1), len(packets), cuda.gridsize(1)):
        hashes[i] = toeplitz_fields(hash_table, 0, packets[i], fields, transform)


@gpu_kernel
def bitwise_kernel(key, tuples, hashes):
    """Hash tuples as the definition says, one a thread.

    Parameters
    ----------
    key : uint8[n_key]
        RSS key.
    tuples : uint8[count, length]
        Tuples in network order.
    hashes : int64[count]
        Written.
    """
    for i in range(cuda.grid(1), len(tuples), cuda.gridsize(1)):
        hashes[i] = toeplitz_bitwise(key, tuples[i], len(tuples[i]))


def read_token(control, at, token):
    """Read one control message of devmem.

    Parameters
    ----------
    control : uint8[n]
        Control buffer.
    at : int64
        Where the message starts.
    token : TOKEN row
        Written.
    """
    token.kind = load_le32(control, at + 12)
    token.frag_offset = load_le32(control, at + 16) | (load_le32(control, at + 20) << 32)
    token.frag_size = load_le32(control, at + 24)
    token.frag_token = load_le32(control, at + 28)
    token.dmabuf_id = load_le32(control, at + 32)


@gpu_kernel
def token_kernel(control, tokens):
    """Unpack control messages, one a thread.

    Parameters
    ----------
    control : uint8[40 * count]
        Control buffer.
    tokens : TOKEN[count]
        Written.
    """
    for i in range(cuda.grid(1), len(tokens), cuda.gridsize(1)):
        read_token(control, i * CMSG_BYTES, tokens[i])


def _plain(rows):
    """Give a table to ``numba.cuda`` as the plain structured array that it knows."""
    return require().to_device(np.ascontiguousarray(rows).view(np.ndarray).view(np.dtype(rows.dtype.descr)))


def parse_frames(octets, frame):
    """Parse frames on the GPU.

    Parameters
    ----------
    octets : uint8[n]
        Arena.
    frame : FRAME[count]
        Where frames are, for example those of a `devmemlab.wire.frame.Burst` or of a capture.

    Returns
    -------
    packets : PKT[count]
        Headers, in host memory.
    errors : int64[count]
        0, or why not: see `devmemlab.wire.frame.parse_frame`.
    """
    packets, errors = _plain(table(PKT, len(frame))), require().to_device(np.zeros(len(frame), np.int64))
    parse_kernel.launch(len(frame), require().to_device(np.asarray(octets)), _plain(frame), packets, errors)
    return packets.copy_to_host().view(np.recarray), errors.copy_to_host()


def toeplitz_hashes(packets, fields, transform=0, key=REFERENCE_KEY):
    """Hash parsed packets on the GPU.

    Parameters
    ----------
    packets : PKT[count]
        Parsed headers.
    fields : int
        RXH_* bits.
    transform : int
        ``NO_TRANSFORM``, ``SYM_XOR`` or ``SYM_OR_XOR``.
    key : bytes
        RSS key.

    Returns
    -------
    hashes : int64[count]
        0 to 2^32 - 1.
    """
    hash_table = table(ENTRY, 1, TUPLE_BYTES * 256)
    toeplitz_fill(hash_table, 0, np.frombuffer(key, np.uint8))
    hashes = require().to_device(np.zeros(len(packets), np.int64))
    toeplitz_kernel.launch(len(packets), _plain(hash_table), _plain(packets), fields, transform, hashes)
    return hashes.copy_to_host()


def toeplitz_tuples(tuples, key=REFERENCE_KEY):
    """Hash tuples on the GPU, bit by bit.

    Parameters
    ----------
    tuples : uint8[count, length]
        In network order.
    key : bytes
        RSS key, at least ``length + 4`` octets.

    Returns
    -------
    hashes : int64[count]
        0 to 2^32 - 1.
    """
    cuda_ = require()
    hashes = cuda_.to_device(np.zeros(len(tuples), np.int64))
    bitwise_kernel.launch(len(tuples), cuda_.to_device(np.frombuffer(key, np.uint8).copy()),
                          cuda_.to_device(np.ascontiguousarray(tuples)), hashes)
    return hashes.copy_to_host()


def unpack_tokens(ancdata):
    """Unpack the control messages of a recvmsg on the GPU.

    Parameters
    ----------
    ancdata : Ancdata or bytes
        From ``recvmsg``; only devmem's messages are looked at.

    Returns
    -------
    tokens : TOKEN[count]
        The fields of `devmemlab.frags`, as int64.
    """
    control = np.frombuffer(ancdata.control if isinstance(ancdata, Ancdata) else ancdata, np.uint8)
    count = len(control) // CMSG_BYTES
    tokens = _plain(table(TOKEN, count))
    if count:
        token_kernel.launch(count, require().to_device(control.copy()), tokens)
    return tokens.copy_to_host().view(np.recarray)
