"""Ends of a connection: TIME-WAIT, and rows that wait to be taken apart.

Law.   TCP marks a connection as done; the floor above, which knows tokens and sockets, frees it.
Reads. RFC 9293 section 3.6; Linux net/ipv4/tcp_minisocks.c, tcp.c (tcp_done).
Omits. TIME-WAIT recycling.
"""

from devmemlab.base.kernel import kernel
from devmemlab.tcp.lookup import tcp_unhash
from devmemlab.tcp.states import CLOSE
from devmemlab.tcp.tcb import FAR_FUTURE

TIMEWAIT_NS = 60_000_000_000


@kernel
def tcp_reap_later(tcbs, tcb):
    """Put a connection on the list of those whose resources can go.

    Parameters
    ----------
    tcbs : Tcbs
        The list grows unless the row is on it.
    tcb : int64
        Row.
    """
    row = tcbs.tcb[tcb]
    if row.reap_pending == 0:
        row.reap_pending = 1
        row.reap_next = tcbs.ctl[0].reap_head
        tcbs.ctl[0].reap_head = tcb


@kernel
def tcp_done(tcbs, tcb):
    """Stop the timers of a connection in CLOSE and take it out of the lookup.

    Parameters
    ----------
    tcbs : Tcbs
        The row; it waits to be reaped when no socket refers to it.
    tcb : int64
        Row.
    """
    row = tcbs.tcb[tcb]
    row.delack_at_ns = FAR_FUTURE
    row.rto_at_ns = FAR_FUTURE
    row.timewait_at_ns = FAR_FUTURE
    row.keepalive_at_ns = FAR_FUTURE
    if row.state == CLOSE:
        tcp_unhash(tcbs, tcb)
    if row.orphaned:
        tcp_reap_later(tcbs, tcb)


@kernel
def tcp_enter_time_wait(tcbs, tcb, now_ns):
    """Start, or start again, the wait for old segments to die.

    Parameters
    ----------
    tcbs : Tcbs
        The row's timer; what an orphan holds can go at once.
    tcb : int64
        Row in TIME_WAIT.
    now_ns : int64
        Time.
    """
    row = tcbs.tcb[tcb]
    row.rto_at_ns = FAR_FUTURE
    row.delack_at_ns = FAR_FUTURE
    row.keepalive_at_ns = FAR_FUTURE
    row.timewait_at_ns = now_ns + TIMEWAIT_NS
    tcbs.ctl[0].next_timer_ns = min(tcbs.ctl[0].next_timer_ns, row.timewait_at_ns)
    if row.orphaned:
        tcp_reap_later(tcbs, tcb)
