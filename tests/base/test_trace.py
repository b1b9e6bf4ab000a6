"""Tracepoints: rows when there is a trace, nothing when there is none."""

import pytest

from devmemlab.base import trace
from devmemlab.base.kernel import kernel


@kernel
def _work(recorded, n):
    total = 0
    for i in range(n):
        total += i
        trace.emit(recorded, trace.STEER, i, 2, 3, 4)
    return total


def test_events_in_order_with_their_own_names():
    recorded = trace.make_trace(8)
    trace.trace_clock(recorded, 100)
    assert _work(recorded, 2) == 1
    trace.trace_clock(recorded, 200)
    trace.emit(recorded, trace.RXQ_POST, 7, 8, 9, 0)
    assert trace.events(recorded) == [
        {"at_ns": 100, "name": "steer", "queue": 0, "rule": 2, "hash": 3, "frame": 4},
        {"at_ns": 100, "name": "steer", "queue": 1, "rule": 2, "hash": 3, "frame": 4},
        {"at_ns": 200, "name": "rxq_post", "queue": 7, "slot": 8, "netmem": 9},
    ]
    assert [event["netmem"] for event in trace.events(recorded, "rxq_post")] == [9]


def test_without_a_trace_the_work_is_the_same():
    assert _work(None, 10) == 45
    trace.trace_clock(None, 5)


def test_a_full_trace_counts_what_it_lost_and_keeps_the_beginning():
    recorded = trace.make_trace(3)
    _work(recorded, 5)
    assert recorded.ctl[0].count == 3 and recorded.ctl[0].lost == 2
    assert [event["queue"] for event in trace.events(recorded)] == [0, 1, 2]


def test_every_tracepoint_has_a_number_of_its_name_and_four_arguments():
    for number, (name, arguments) in enumerate(trace.TRACEPOINTS.items()):
        assert getattr(trace, name.upper()) == number and len(arguments) == 4


def test_an_unknown_tracepoint_is_refused_by_name():
    with pytest.raises(KeyError, match="no tracepoint 'stear'"):
        trace.events(trace.make_trace(1), "stear")


@pytest.mark.compiled_only
def test_off_leaves_no_store_in_the_machine_code():
    _work(None, 1)
    signature = next(s for s in _work.signatures if "none" in str(s[0]))
    recording = trace.make_trace(1)
    _work(recording, 1)
    other = next(s for s in _work.signatures if "none" not in str(s[0]))
    assert len(_work.inspect_llvm(signature)) < len(_work.inspect_llvm(other)) / 2
