"""Window updates that returned buffers make due.

Law.   A window that device buffers keep small opens by itself when they come back, by a segment at least.
Reads. RFC 9293 section 3.8.6.2.2 (silly window avoidance of a receiver); Linux net/ipv4/tcp.c (__tcp_cleanup_rbuf).
Omits. An order among those that wait: the lower row asks first, and leaves half of what there is.
"""

from devmemlab.base.kernel import kernel
from devmemlab.tcp.output import tcp_send_ack
from devmemlab.tcp.page_room import tcp_expects_data, tcp_full_segment
from devmemlab.tcp.states import SYN_RECV, SYN_SENT
from devmemlab.tcp.window import tcp_receive_window, tcp_select_window


@kernel
def _worth_telling(tcbs, row):
    """Tell whether a window has grown by so much that the peer should know.

    Parameters
    ----------
    tcbs : Tcbs
        Not changed.
    row : TCB
        A connection that device buffers held back.

    Returns
    -------
    worth : bool
        It lets a full segment in and did not before; or it is twice what it was, and has grown by what the sender puts into a
        buffer.
    """
    present = tcp_receive_window(row)
    window = tcp_select_window(tcbs, row)
    full = tcp_full_segment(tcbs, row)
    if present < full <= window:
        return True
    return window >= 2 * present and window >= present + min(max(row.page_octets, 1), full)


@kernel
def tcp_open_windows(tcbs, txq, skbs, trace, now_ns):
    """Tell the peers whose windows device buffers kept small that there are more.

    Parameters
    ----------
    tcbs : Tcbs
        Windows grow; ``room`` is fresh.
    txq : TxQueue
        Grows by an acknowledgement for each.
    skbs : Skbs
        Read for SACK blocks.
    trace : Trace or None
        Receives tcp_send.
    now_ns : int64
        Time.
    """
    if tcbs.ctl[0].page_aware == 0:
        return
    for tcb in range(1, tcbs.ctl[0].watermark):
        row = tcbs.tcb[tcb]
        if row.pages_bind and tcp_expects_data(row) and row.state != SYN_SENT and row.state != SYN_RECV:
            if _worth_telling(tcbs, row):
                tcp_send_ack(tcbs, txq, skbs, trace, tcb, now_ns)
