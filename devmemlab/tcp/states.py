"""The states of a connection, as data.

Law.   A connection changes state only by looking up (state, event) in this table.
Reads. RFC 9293 section 3.3.2 and figure 5; numbering as in Linux include/net/tcp_states.h.
Omits. NEW_SYN_RECV: an embryonic connection here is a full row in SYN_RECV.

The pictures of the state machine are drawn from `TRANSITIONS`, and the kernels obey the array made of it.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.trace import TCP_STATE, emit

STATES = ("NONE", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE",
          "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING")
(NONE, ESTABLISHED, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE,
 CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING) = range(len(STATES))

EVENTS = ("open listen", "rcv SYN", "rcv ACK of SYN", "rcv FIN", "rcv ACK of FIN", "close", "2 MSL over", "rcv RST", "abort",
          "open active", "rcv SYN ACK")
(EV_LISTEN, EV_SYN, EV_ACK_OF_SYN, EV_FIN, EV_ACK_OF_FIN, EV_CLOSE, EV_2MSL, EV_RST, EV_ABORT,
 EV_CONNECT, EV_SYN_ACK) = range(len(EVENTS))

TRANSITIONS = {
    ("CLOSE", "open listen"): "LISTEN",
    ("CLOSE", "rcv SYN"): "SYN_RECV",
    ("CLOSE", "open active"): "SYN_SENT",
    ("SYN_SENT", "rcv SYN ACK"): "ESTABLISHED",
    ("SYN_SENT", "rcv SYN"): "SYN_RECV",
    ("SYN_SENT", "close"): "CLOSE",
    ("LISTEN", "close"): "CLOSE",
    ("LISTEN", "abort"): "CLOSE",
    ("SYN_RECV", "rcv ACK of SYN"): "ESTABLISHED",
    ("SYN_RECV", "rcv FIN"): "CLOSE_WAIT",
    ("SYN_RECV", "close"): "FIN_WAIT1",
    ("ESTABLISHED", "rcv FIN"): "CLOSE_WAIT",
    ("ESTABLISHED", "close"): "FIN_WAIT1",
    ("CLOSE_WAIT", "close"): "LAST_ACK",
    ("FIN_WAIT1", "rcv ACK of FIN"): "FIN_WAIT2",
    ("FIN_WAIT1", "rcv FIN"): "CLOSING",
    ("FIN_WAIT2", "rcv FIN"): "TIME_WAIT",
    ("CLOSING", "rcv ACK of FIN"): "TIME_WAIT",
    ("LAST_ACK", "rcv ACK of FIN"): "CLOSE",
    ("TIME_WAIT", "2 MSL over"): "CLOSE",
    **{(state, event): "CLOSE" for event in ("rcv RST", "abort")
       for state in ("SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT", "LAST_ACK", "CLOSING",
                     "TIME_WAIT")},
}
"""A connection in SYN_RECV is born in CLOSE: a listener never leaves LISTEN when a SYN arrives."""

NEXT = np.zeros((len(STATES), len(EVENTS)), np.int64)
for (_state, _event), _next in TRANSITIONS.items():
    NEXT[STATES.index(_state), EVENTS.index(_event)] = STATES.index(_next)


@kernel
def _count(ctl, row, following):
    """Count what a change of state means to the statistics of the host.

    Parameters
    ----------
    ctl : TCB_CTL
        Counters.
    row : TCB
        Before the change.
    following : int64
        The state afterwards.

    References
    ----------
    RFC 4022: tcpActiveOpens, tcpPassiveOpens, tcpAttemptFails, tcpEstabResets.
    """
    if following == SYN_SENT:
        ctl.active_opens += 1
    elif row.state == SYN_RECV and row.listener and (following == ESTABLISHED or following == CLOSE_WAIT):
        ctl.passive_opens += 1
    elif following == CLOSE:
        if row.state == ESTABLISHED or row.state == CLOSE_WAIT:
            ctl.estab_resets += 1
        elif row.state == SYN_SENT or (row.state == SYN_RECV and row.listener == 0):
            ctl.attempt_fails += 1


@kernel
def tcp_event(tcbs, trace, tcb, event):
    """Move a connection to its next state.

    Parameters
    ----------
    tcbs : Tcbs
        Row `tcb` changes state when the table has an entry.
    trace : Trace or None
        Receives tcp_state.
    tcb : int64
        Row.
    event : int64
        One of ``EV_``.

    Returns
    -------
    state : int64
        The state afterwards; unchanged when the event means nothing in it.
    """
    row = tcbs.tcb[tcb]
    following = NEXT[row.state, event]
    if following != NONE:
        emit(trace, TCP_STATE, tcb, row.state, following, 0)
        _count(tcbs.ctl[0], row, following)
        row.state = following
    return row.state
