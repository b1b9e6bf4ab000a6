"""The receive window: how much the peer may send.

Law.   The right edge never moves left; what is advertised has room as far as the measured ratio foretells.
Reads. RFC 9293 section 3.8.6, RFC 7323 section 2.4; Linux net/ipv4/tcp_output.c (__tcp_select_window),
       tcp_input.c (scaling_ratio).
Omits. Receive-buffer autotuning. Linux measures only when the peer's segments become longer, and what GRO has just built.

Room is counted in what buffers occupy (truesize), the window in what they carry. The ratio between the
two is measured from arriving segments, in 1/256: a 1448-octet payload in a 4096-octet device page costs
almost three octets of room an octet. Tokens held by the user are not charged, as in Linux; with ``page_aware`` the
buffers they hold are missed all the same, by `devmemlab.tcp.page_room`.
"""

from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_diff
from devmemlab.net.skb import SKB_OVERHEAD
from devmemlab.tcp.page_room import tcp_page_window, tcp_room_of

MAX_WSCALE = 14


@kernel
def select_wscale(rcvbuf):
    """Choose the window scale that lets a whole receive buffer be advertised.

    Parameters
    ----------
    rcvbuf : int64
        Receive buffer, octets.

    Returns
    -------
    wscale : int64
        0 to 14.
    """
    wscale = 0
    space = rcvbuf
    while space > 65535 and wscale < MAX_WSCALE:
        space >>= 1
        wscale += 1
    return wscale


@kernel
def tcp_fit_scale(tcbs, row):
    """Choose a window scale that is no coarser than the buffers ask for.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    row : TCB
        ``rcv_wscale`` may fall: a window of few small segments must not be rounded to none.
    """
    if tcbs.ctl[0].page_aware:
        queue = tcp_room_of(tcbs, row)
        if queue >= 0:
            room = tcbs.room[queue]
            row.rcv_wscale = min(row.rcv_wscale, select_wscale(room.total * room.buffer_bytes))


@kernel
def tcp_free_window(row):
    """Octets of payload that the free part of the receive buffer can take.

    Parameters
    ----------
    row : TCB
        A connection.

    Returns
    -------
    window : int64
        0 or more.
    """
    return (max(row.rcvbuf - row.rmem_alloc, 0) * row.scaling_ratio) >> 8


@kernel
def tcp_receive_window(row):
    """What is left of the window advertised last.

    Parameters
    ----------
    row : TCB
        A connection.

    Returns
    -------
    window : int64
        0 or more.
    """
    return max(seq_diff((row.rcv_wup + row.rcv_wnd) & 0xFFFFFFFF, row.rcv_nxt), 0)


@kernel
def tcp_select_window(tcbs, row):
    """Choose the window to advertise now.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    row : TCB
        A connection; ``pages_bind`` tells whether device buffers are its limit.

    Returns
    -------
    window : int64
        Octets, a multiple of the window scale's unit, at most what 16 bits can carry at that scale. Where device buffers are
        counted, what is left of an earlier window is not rounded up, which would promise more each time: the header says
        less by a part of a unit then, while the row remembers the true edge (RFC 7323 section 2.4).
    """
    present = tcp_receive_window(row)
    room = tcp_free_window(row)
    if room < row.rcv_mss and room < (row.rcvbuf >> 5):
        room = 0
    unit = 1 << row.rcv_wscale
    window = room & ~(unit - 1)
    pages = tcp_page_window(tcbs, row)
    row.pages_bind = 0
    if pages >= 0:
        pages &= ~(unit - 1)
        row.pages_bind = int(pages < window)
        window = max(min(window, pages), present)
    elif window < present:
        window = (present + unit - 1) & ~(unit - 1)
    return min(window, 65535 << row.rcv_wscale)


@kernel
def tcp_measure_segment(row, segment_bytes, payload_bytes, truesize):
    """Learn the peer's segment size and what its payload costs in room.

    A whole segment is measured as if it came by itself, whatever GRO made of it: how many share an skb depends on how fast
    they were read. A short last segment that shares the skb may fill its buffers better than those that follow, so it lowers
    the ratio and never raises it; alone in a link of the skb's frag list, it says nothing of whole ones.

    Parameters
    ----------
    row : TCB
        ``rcv_mss`` and ``scaling_ratio`` may change.
    segment_bytes : int64
        Payload of a segment of the wire, octets.
    payload_bytes, truesize : int64
        Of the arriving skb, octets.
    """
    if segment_bytes < row.rcv_mss or segment_bytes > payload_bytes:
        return
    alone = SKB_OVERHEAD + (truesize - SKB_OVERHEAD) * segment_bytes // payload_bytes
    ratio = min(max((segment_bytes << 8) // alone, 1), 255)
    if segment_bytes > row.rcv_mss or payload_bytes % segment_bytes == 0 or ratio < row.scaling_ratio:
        row.scaling_ratio = ratio
    row.rcv_mss = min(segment_bytes, 65535)
