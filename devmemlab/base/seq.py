"""Sequence numbers: 32 bits that wrap, kept in int64.

Law.   A sequence number is in [0, 2^32); "before" is the sign of the 32-bit difference.
Reads. RFC 9293 section 3.4; Linux include/net/tcp.h before(), after(), between().
Omits. 64-bit extended sequence numbers.
"""

from devmemlab.base.kernel import kernel

U32 = 0xFFFFFFFF
_HALF = 0x80000000


@kernel
def seq_add(a, n):
    """Advance a sequence number.

    Parameters
    ----------
    a : int64
        Sequence number.
    n : int64
        Octets, may be negative.

    Returns
    -------
    seq : int64
        ``a + n`` modulo 2^32.
    """
    return (a + n) & U32


@kernel
def seq_diff(a, b):
    """Signed distance from `b` to `a`.

    Parameters
    ----------
    a, b : int64
        Sequence numbers.

    Returns
    -------
    distance : int64
        In [-2^31, 2^31).
    """
    return ((a - b + _HALF) & U32) - _HALF


@kernel
def seq_before(a, b):
    """Tell whether `a` comes before `b`.

    Parameters
    ----------
    a, b : int64
        Sequence numbers.

    Returns
    -------
    before : bool
        ``seq_diff(a, b) < 0``.
    """
    return seq_diff(a, b) < 0


@kernel
def seq_after(a, b):
    """Tell whether `a` comes after `b`.

    Parameters
    ----------
    a, b : int64
        Sequence numbers.

    Returns
    -------
    after : bool
        ``seq_diff(a, b) > 0``.
    """
    return seq_diff(a, b) > 0


@kernel
def seq_between(seq, low, high):
    """Tell whether `seq` lies in the closed range from `low` to `high`.

    Parameters
    ----------
    seq, low, high : int64
        Sequence numbers.

    Returns
    -------
    between : bool
        True when ``low <= seq <= high`` on the circle.
    """
    return ((high - low) & U32) >= ((seq - low) & U32)
