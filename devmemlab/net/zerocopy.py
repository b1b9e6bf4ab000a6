"""Zerocopy: how a program hears that octets which it lent to the kernel are its own again.

Law.   A send that lends octets has a number, the next one of its socket; the number is told when the last skb that refers to
       those octets is gone, once, and numbers of failed sends are given out again.
Reads. Linux net/core/skbuff.c (msg_zerocopy_realloc, msg_zerocopy_complete, skb_zerocopy_notify_extend), msg_zerocopy.rst;
       spec section 17.6.
Omits. Limits on locked memory; messages of other origins (time stamps, ICMP) in an error queue.

::

    UBUF 3: sock 5, numbers 7 to 9, refs 2 --last skb freed--> in the error queue of sock 5: [7, 9]
                                                               ... joins the message before it when that ends at 6
"""

import numpy as np

from devmemlab.base.errno import ENOBUFS
from devmemlab.base.kernel import kernel
from devmemlab.base.seq import U32
from devmemlab.base.table import schema, table
from devmemlab.base.trace import ZEROCOPY_DONE, emit

UBUF = schema("active", "sock", "life", "first", "count", "refs", "octets", "copied", "following")
"""One completion object: it has the numbers ``[first, first + count)`` of the sends of ``sock``, whose ``life`` tells it from
later sockets of that row. ``following`` is the next row of the list that it is in."""
ERRQ = schema("head", "tail", "number", "charged", "life")
"""The error queue of a socket: its messages, the number of its next send, and octets charged for completion objects."""
UBUF_CTL = schema("watermark", "recycled")
UBUF_TRUESIZE = 576
"""What Linux charges a socket for a completion object until its message is read."""
OCTETS_TOGETHER, COUNT_TOGETHER = 1 << 19, 0xFFFF
"""Sends share an object up to here."""


def make_ubufs(objects, sockets):
    """Make room for completion objects and error queues.

    Parameters
    ----------
    objects : int
        Completion objects that can exist at once, plus one.
    sockets : int
        Rows of connections.

    Returns
    -------
    tables : tuple
        ``ubuf_ctl``, ``ubuf`` and ``errq`` of `devmemlab.net.skb.Skbs`.
    """
    ctl = table(UBUF_CTL, 1)
    ctl[0].watermark = 1
    return ctl, table(UBUF, objects), table(ERRQ, sockets)


@kernel
def _free(skbs, ubuf):
    """Free a completion object.

    Parameters
    ----------
    skbs : Skbs
        The row becomes free; its socket is charged less.
    ubuf : int64
        Row.
    """
    row = skbs.ubuf[ubuf]
    own = skbs.errq[row.sock]
    if own.life == row.life:
        own.charged -= UBUF_TRUESIZE
    row.active = 0
    row.following = skbs.ubuf_ctl[0].recycled
    skbs.ubuf_ctl[0].recycled = ubuf


@kernel
def msg_zerocopy_realloc(skbs, sock, length, last, most_bytes):
    """Give a send its number: in the completion object of the send before it, or in a new one.

    Parameters
    ----------
    skbs : Skbs
        The object has one more reference: the send's own.
    sock : int64
        Row of the connection.
    length : int64
        Octets that the program wants to send.
    last : int64
        Completion object of the last skb in the send queue, 0 when it has none.
    most_bytes : int64
        What a socket may be charged for objects (net.core.optmem_max).

    Returns
    -------
    ubuf : int64
        Row, or ``-ENOBUFS``.
    """
    own = skbs.errq[sock]
    if last:
        row = skbs.ubuf[last]
        together = row.octets + length <= OCTETS_TOGETHER and row.count < COUNT_TOGETHER - 1
        if together and row.life == own.life and (row.first + row.count) & U32 == own.number:
            row.count += 1
            row.octets += length
            row.refs += 1
            own.number = (own.number + 1) & U32
            return np.int64(last)
    ctl = skbs.ubuf_ctl[0]
    ubuf = ctl.recycled
    if own.charged + UBUF_TRUESIZE > most_bytes or (ubuf == 0 and ctl.watermark == len(skbs.ubuf)):
        return np.int64(-ENOBUFS)
    if ubuf:
        ctl.recycled = skbs.ubuf[ubuf].following
    else:
        ubuf = ctl.watermark
        ctl.watermark += 1
    own.charged += UBUF_TRUESIZE
    row = skbs.ubuf[ubuf]
    row.active = 1
    row.sock = sock
    row.life = own.life
    row.first = own.number
    row.count = 1
    row.refs = 1
    row.octets = length
    row.copied = 0
    row.following = 0
    own.number = (own.number + 1) & U32
    return np.int64(ubuf)


@kernel
def net_zcopy_get(skbs, ubuf):
    """Take one more reference on a completion object.

    Parameters
    ----------
    skbs : Skbs
        The count goes up.
    ubuf : int64
        Row; 0 does nothing.
    """
    if ubuf:
        skbs.ubuf[ubuf].refs += 1


@kernel
def net_zcopy_put(skbs, trace, ubuf):
    """Drop a reference; the last one puts the message into the error queue.

    Parameters
    ----------
    skbs : Skbs
        The object waits to be read, joins the message before it, or is freed when it has nothing to tell.
    trace : Trace or None
        Receives zerocopy_done.
    ubuf : int64
        Row; 0 does nothing.
    """
    if ubuf == 0:
        return
    row = skbs.ubuf[ubuf]
    row.refs -= 1
    if row.refs > 0:
        return
    own = skbs.errq[row.sock]
    if row.count == 0 or row.life != own.life:
        _free(skbs, ubuf)
        return
    emit(trace, ZEROCOPY_DONE, row.sock, row.first, (row.first + row.count - 1) & U32, row.copied)
    if own.tail:
        before = skbs.ubuf[own.tail]
        if (before.first + before.count) & U32 == row.first and before.count + row.count <= U32:
            before.count += row.count           # what the first of them says about copies stands for all
            _free(skbs, ubuf)
            return
        before.following = ubuf
    else:
        own.head = ubuf
    own.tail = ubuf


@kernel
def net_zcopy_put_abort(skbs, trace, ubuf):
    """End a send that failed: its number is the next one again.

    Parameters
    ----------
    skbs, trace, ubuf
        As for `net_zcopy_put`.
    """
    if ubuf == 0:
        return
    row = skbs.ubuf[ubuf]
    own = skbs.errq[row.sock]
    if own.life == row.life:
        own.number = (own.number - 1) & U32
    row.count -= 1
    net_zcopy_put(skbs, trace, ubuf)


@kernel
def sock_dequeue_err(skbs, sock):
    """Take the first message out of an error queue.

    Parameters
    ----------
    skbs : Skbs
        The object is freed.
    sock : int64
        Row of the connection.

    Returns
    -------
    first, last, copied : int64
        Numbers of the sends that are complete, and whether the kernel copied; (-1, 0, 0) when the queue is empty.
    """
    own = skbs.errq[sock]
    ubuf = own.head
    if ubuf == 0:
        return np.int64(-1), np.int64(0), np.int64(0)
    row = skbs.ubuf[ubuf]
    own.head = row.following
    if own.head == 0:
        own.tail = 0
    first, last, copied = row.first, (row.first + row.count - 1) & U32, row.copied
    _free(skbs, ubuf)
    return first, last, copied


@kernel
def errq_purge(skbs, sock):
    """End an error queue with its socket: messages nobody has read are dropped, and those to come have no reader.

    Parameters
    ----------
    skbs : Skbs
        The next socket of that row begins with number 0.
    sock : int64
        Row of the connection.
    """
    own = skbs.errq[sock]
    while own.head:
        ubuf = own.head
        own.head = skbs.ubuf[ubuf].following
        _free(skbs, ubuf)
    own.tail = 0
    own.number = 0
    own.charged = 0
    own.life += 1
