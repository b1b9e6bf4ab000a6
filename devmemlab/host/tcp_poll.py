"""What poll says about a TCP socket.

Law.   Looking changes nothing.
Reads. Linux net/ipv4/tcp.c (tcp_poll, tcp_stream_is_readable); poll(2).
Omits. What the error queue adds: `devmemlab.host.readiness` looks there.
"""

import operator

from devmemlab.tcp.states import (
    CLOSE,
    CLOSING,
    FIN_WAIT1,
    FIN_WAIT2,
    LAST_ACK,
    LISTEN,
    SYN_RECV,
    SYN_SENT,
    TIME_WAIT,
)
from devmemlab.tcp.tcb import TCB
from devmemlab.tcp.urgent import URG_VALID
from devmemlab.tcp.window import tcp_receive_window

POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL, POLLRDNORM, POLLWRNORM, POLLRDHUP = 1, 2, 4, 8, 16, 32, 64, 256, 8192
_NO_MORE_SENDING = (FIN_WAIT1, FIN_WAIT2, CLOSING, LAST_ACK, TIME_WAIT)
_LOOKED_AT = ("state", "accept_head", "fin_received", "rport", "urg_state", "sndbuf", "wmem_queued", "error", "rcv_nxt",
              "copied_seq", "urg_seq", "oobinline", "rcvlowat", "rcvbuf", "rmem_alloc")
_take = operator.itemgetter(*map(TCB.names.index, _LOOKED_AT))


def _numbers(row):
    """Read what is looked at, all at once: to ask a record for fifteen fields takes fifty times as long."""
    return _take(memoryview(row.tobytes()).cast("q"))


def tcp_stream_is_readable(row):
    """Tell whether as much waits as the program wants to be woken for (SO_RCVLOWAT).

    Parameters
    ----------
    row : TCB
        Its row.

    Returns
    -------
    readable : bool
        True with less, too, when the buffer or the window is so full that more may not come before something is read.
    """
    numbers = _numbers(row)
    return _is_readable(row, *numbers[8:], numbers[4])


def _is_readable(row, rcv_nxt, copied_seq, urg_seq, oobinline, rcvlowat, rcvbuf, rmem_alloc, urg_state):
    """The same, of numbers that were read already."""
    waiting = (rcv_nxt - copied_seq) & 0xFFFFFFFF
    # An urgent octet out of line is there, but no reader gets it.
    at_mark = urg_state and urg_seq == copied_seq and not oobinline
    if not 0 < waiting < 1 << 31:
        return False
    if waiting >= rcvlowat + bool(at_mark):
        return True
    full = rcvbuf - (rcvbuf >> 3)
    return bool(rmem_alloc > full or tcp_receive_window(row) <= row.rcv_mss)


def tcp_poll(row):
    """Tell what a TCP socket is ready for.

    Parameters
    ----------
    row : TCB
        Its row.

    Returns
    -------
    events : int
        POLL*.
    """
    state, accept_head, fin_received, rport, urg_state, sndbuf, wmem_queued, failed, *stream = _numbers(row)
    if state == LISTEN:
        return POLLIN | POLLRDNORM if accept_head else 0
    events = 0
    sent_all = state in _NO_MORE_SENDING
    if state == CLOSE or (sent_all and fin_received):
        events |= POLLHUP
    if fin_received or (state == CLOSE and rport):
        events |= POLLIN | POLLRDNORM | POLLRDHUP
    if state not in (SYN_SENT, SYN_RECV):
        if _is_readable(row, *stream, urg_state):
            events |= POLLIN | POLLRDNORM
        if urg_state == URG_VALID:
            events |= POLLPRI
        # A third of the buffer must be free, so that a program is not woken for every segment that goes.
        if sent_all or sndbuf - wmem_queued >= wmem_queued >> 1:
            events |= POLLOUT | POLLWRNORM
    return events | POLLERR if failed else events
