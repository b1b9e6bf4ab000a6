"""Ends of a connection: TIME-WAIT, and rows that wait to be taken apart.

Law.   TCP marks a connection as done; the floor above, which knows tokens and sockets, frees it.
Reads. RFC 9293 section 3.6; Linux net/ipv4/tcp_minisocks.c, tcp.c (tcp_done).
Omits. Nothing of TIME-WAIT: who may follow it is `devmemlab.tcp.listen.tcp_may_follow`'s to say.
"""

from devmemlab.base.errno import ECONNREFUSED, ECONNRESET, EPIPE
from devmemlab.base.kernel import kernel
from devmemlab.tcp.lookup import tcp_unhash
from devmemlab.tcp.sndq import sndq_purge
from devmemlab.tcp.states import CLOSE, CLOSE_WAIT, EV_RST, SYN_RECV, TIME_WAIT, tcp_event
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
def tcp_reset(tcbs, skbs, tcb, pools, netmems, providers, trace):
    """End a connection whose peer has reset it; what had arrived stays readable.

    Parameters
    ----------
    tcbs : Tcbs
        The row goes to CLOSE with the error that the program is told: ECONNREFUSED when our SYN had crossed the peer's,
        EPIPE behind the peer's FIN, none in TIME_WAIT, else ECONNRESET.
    skbs : Skbs
        The send queue is freed.
    tcb : int64
        Row.
    pools : PagePools
        Passed on.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        Gets pages back.
    trace : Trace or None
        Receives tcp_state.
    """
    row = tcbs.tcb[tcb]
    if row.state == SYN_RECV and row.listener:
        row.orphaned = 1
    elif row.state == SYN_RECV:
        row.error = ECONNREFUSED
    elif row.state == CLOSE_WAIT:
        row.error = EPIPE
    elif row.state != TIME_WAIT:
        row.error = ECONNRESET
    sndq_purge(tcbs, skbs, tcb, pools, netmems, providers, trace)
    tcp_event(tcbs, trace, tcb, EV_RST)
    tcp_done(tcbs, tcb)


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
