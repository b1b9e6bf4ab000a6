"""Linux errno numbers, as literals, so that every platform answers with the kernel's own.

Law.   A number here never depends on the machine that runs the lab.
Reads. Linux include/uapi/asm-generic/errno{,-base}.h; ETOOSMALL from include/linux/errno.h.
Omits. Numbers that nothing in the lab returns.
"""

import os

EPERM, ENOENT, EINTR, EIO, ENXIO = 1, 2, 4, 5, 6
E2BIG, EBADF, EAGAIN, ENOMEM, EACCES, EFAULT = 7, 9, 11, 12, 13, 14
EBUSY, EEXIST, ENODEV, EINVAL, ENFILE, EMFILE = 16, 17, 19, 22, 23, 24
ENOTTY, ENOSPC, ESPIPE, EPIPE, EDOM, ERANGE, ENOSYS = 25, 28, 29, 32, 33, 34, 38
ENODATA, EOVERFLOW, EBADFD = 61, 75, 77
ENOTSOCK, EDESTADDRREQ, EMSGSIZE, ENOPROTOOPT, EPROTONOSUPPORT = 88, 89, 90, 92, 93
EOPNOTSUPP, EAFNOSUPPORT, EADDRINUSE, EADDRNOTAVAIL = 95, 97, 98, 99
ENETDOWN, ENETUNREACH, ECONNABORTED, ECONNRESET, ENOBUFS = 100, 101, 103, 104, 105
EISCONN, ENOTCONN, ETOOMANYREFS, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH = 106, 107, 109, 110, 111, 113
EALREADY, EINPROGRESS, EREMOTEIO, ECANCELED = 114, 115, 121, 125
ETOOSMALL = 525

NAMES = {number: name for name, number in sorted(globals().items()) if name.startswith("E") and isinstance(number, int)}
_TEXT = {ETOOSMALL: "Unknown error 525"}


def name_of(number):
    """Spell an errno.

    Parameters
    ----------
    number : int
        Positive or negative errno.

    Returns
    -------
    name : str
        ``"ENOMEM"``; the number itself when the lab does not use it.
    """
    return NAMES.get(abs(int(number)), str(abs(int(number))))


def error(number, advice):
    """Make the exception that the Python face raises for a kernel's errno.

    Parameters
    ----------
    number : int
        Errno, positive or negative.
    advice : str
        What was wrong, naming the value, and what to do about it.

    Returns
    -------
    error : OSError
        Of the subclass that belongs to the errno (``BlockingIOError`` for EAGAIN, ...).
    """
    number = abs(int(number))
    text = _TEXT.get(number) or os.strerror(number)
    return OSError(number, f"{text} ({name_of(number)}): {advice}")
