"""The state table is data: compared with the figure of RFC 9293, and walked."""

import pytest

from devmemlab.tcp.states import EVENTS, NEXT, STATES, TRANSITIONS, tcp_event
from devmemlab.tcp.tcb import make_tcbs, tcb_alloc

FIGURE_5 = """
CLOSE       | open listen    | LISTEN
CLOSE       | open active    | SYN_SENT
SYN_SENT    | rcv SYN        | SYN_RECV
SYN_SENT    | rcv SYN ACK    | ESTABLISHED
SYN_SENT    | close          | CLOSE
LISTEN      | close          | CLOSE
SYN_RECV    | rcv ACK of SYN | ESTABLISHED
SYN_RECV    | close          | FIN_WAIT1
ESTABLISHED | rcv FIN        | CLOSE_WAIT
ESTABLISHED | close          | FIN_WAIT1
CLOSE_WAIT  | close          | LAST_ACK
FIN_WAIT1   | rcv ACK of FIN | FIN_WAIT2
FIN_WAIT1   | rcv FIN        | CLOSING
FIN_WAIT2   | rcv FIN        | TIME_WAIT
CLOSING     | rcv ACK of FIN | TIME_WAIT
LAST_ACK    | rcv ACK of FIN | CLOSE
TIME_WAIT   | 2 MSL over     | CLOSE
"""
ARROWS = [tuple(word.strip() for word in line.split("|")) for line in FIGURE_5.strip().splitlines()]
BEYOND = {("CLOSE", "rcv SYN"): "SYN_RECV", ("SYN_RECV", "rcv FIN"): "CLOSE_WAIT", ("LISTEN", "abort"): "CLOSE"}


@pytest.mark.parametrize("state, event, following", ARROWS)
def test_every_arrow_of_the_figure_is_in_the_table(state, event, following):
    assert TRANSITIONS[state, event] == following


def test_the_table_has_nothing_but_the_figure_resets_and_the_birth_of_children():
    rest = {key: target for key, target in TRANSITIONS.items() if key not in {arrow[:2] for arrow in ARROWS}}
    assert {key: target for key, target in rest.items() if key[1] not in ("rcv RST", "abort") or key in BEYOND} == BEYOND
    assert {target for key, target in rest.items() if key not in BEYOND} == {"CLOSE"}


def test_every_state_can_be_reached_and_left():
    reached, grown = {"CLOSE"}, True
    while grown:
        more = {target for (state, _), target in TRANSITIONS.items() if state in reached} - reached
        reached, grown = reached | more, bool(more)
    assert reached == set(STATES) - {"NONE"}
    assert {state for state, _ in TRANSITIONS} == reached


def test_the_kernel_obeys_the_table():
    tcbs = make_tcbs(2)
    row = tcbs.tcb[tcb_alloc(tcbs)]
    for s, state in enumerate(STATES):
        for e, event in enumerate(EVENTS):
            row.state = s
            assert STATES[tcp_event(tcbs, None, 1, e)] == TRANSITIONS.get((state, event), state)
            assert row.state == (NEXT[s, e] or s)
