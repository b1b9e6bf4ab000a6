"""System calls that Python's socket module hides or cannot spell, called through the C library.

Law.   What comes back is what the kernel said: its value, or its errno as an OSError.
Reads. setsockopt(2), getsockopt(2), sendmsg(2), cmsg(3); spec sections 15 and 17.
Omits. 32-bit machines: the layouts are those of 64-bit ones.

Python's ``setsockopt`` drops a positive result, which is how SO_DEVMEM_DONTNEED says what it released; its ``sendmsg`` takes
buffers, while device memory is named by offsets.
"""

import ctypes
import errno
import functools
import os
import struct

from devmemlab.base.errno import ETOOSMALL, name_of


class Iovec(ctypes.Structure):
    """struct iovec; its base is a number here, because it may be an offset."""

    _fields_ = [("iov_base", ctypes.c_size_t), ("iov_len", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    """struct msghdr of 64-bit machines."""

    _fields_ = [("msg_name", ctypes.c_void_p), ("msg_namelen", ctypes.c_uint32), ("msg_iov", ctypes.POINTER(Iovec)),
                ("msg_iovlen", ctypes.c_size_t), ("msg_control", ctypes.c_void_p), ("msg_controllen", ctypes.c_size_t),
                ("msg_flags", ctypes.c_int)]


@functools.cache
def libc():
    """Open the C library of this process.

    Returns
    -------
    library : ctypes.CDLL
        With errno kept apart for each thread.
    """
    library = ctypes.CDLL(None, use_errno=True)
    library.sendmsg.restype = ctypes.c_ssize_t
    return library


def failure(number, advice=""):
    """Make the exception of a failed call.

    Parameters
    ----------
    number : int
        Errno.
    advice : str
        What to do.

    Returns
    -------
    error : OSError
        With the kernel's own text when there is no advice.
    """
    text = "Unknown error 525" if number == ETOOSMALL else os.strerror(number)
    return OSError(number, f"{text} ({name_of(number)}): {advice}" if advice else text)


def checked(call, *args):
    """Call the C library and turn a failure into Python's way; an interrupted call is made again.

    Parameters
    ----------
    call : callable
        Function of `libc`.
    *args : object
        Its arguments.

    Returns
    -------
    result : int
        0 or more.

    Raises
    ------
    OSError
        With the kernel's errno.
    """
    while True:
        result = call(*args)
        if result >= 0:
            return result
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise failure(number)


def setsockopt(fd, level, option, value, optlen=None):
    """Call setsockopt.

    Parameters
    ----------
    fd, level, option : int
        Which option of which socket, in the running machine's numbers.
    value : bytes, int or None
        Octets; or an address, which need not be readable; None is no address at all.
    optlen : int, optional
        What the call is told, a C int; the length of `value` when left out.

    Returns
    -------
    result : int
        What the system call returns.
    """
    octets = ctypes.create_string_buffer(value, max(len(value), 1)) if isinstance(value, bytes) else ctypes.c_void_p(value)
    length = (len(value) if isinstance(value, bytes) else 0) if optlen is None else int(optlen)
    return checked(libc().setsockopt, fd, level, option, octets, ctypes.c_uint(length & 0xFFFFFFFF))


def getsockopt(fd, level, option, optlen):
    """Call getsockopt, only to see whether it answers.

    Parameters
    ----------
    fd, level, option, optlen : int
        Of which socket, which option, and room for it.

    Returns
    -------
    result : int
        What the system call returns.
    """
    room = ctypes.create_string_buffer(max(optlen, 1))
    return checked(libc().getsockopt, fd, level, option, room, ctypes.byref(ctypes.c_uint(optlen)))


def control_message(level, kind, body):
    """Write one control message.

    Parameters
    ----------
    level, kind : int
        As cmsg_level and cmsg_type.
    body : bytes
        Its data.

    Returns
    -------
    octets : bytes
        Padded to 8.
    """
    return struct.pack("=Qii", 16 + len(body), level, kind) + body + bytes(-len(body) % 8)


def sendmsg_offsets(fd, pieces, control, flags):
    """Call sendmsg with numbers where pointers would be.

    Parameters
    ----------
    fd : int
        Of a socket.
    pieces : sequence of (int, int)
        Offset and length of each.
    control : bytes
        Control messages.
    flags : int
        MSG_*.

    Returns
    -------
    sent : int
        Octets.
    """
    vector = (Iovec * len(pieces))(*[Iovec(offset, length) for offset, length in pieces])
    room = ctypes.create_string_buffer(control, len(control)) if control else None
    message = Msghdr(None, 0, vector, len(pieces), ctypes.cast(room, ctypes.c_void_p) if room else None, len(control), 0)
    return checked(libc().sendmsg, fd, ctypes.byref(message), ctypes.c_int(flags))
