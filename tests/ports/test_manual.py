"""The port in the hand."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devmemlab.host import ports
from devmemlab.host.ports import base, manual
from devmemlab.wire.rows import CSUM_UNKNOWN, CSUM_VERIFIED
from tests.ports.kit import burst_of


def octets_of(burst):
    return [burst.octets[row.offset:row.offset + row.length].tobytes() for row in burst.frame]


def test_the_example():
    assert doctest.testmod(manual, raise_on_error=True).attempted == 3


def test_a_frame_arrives_at_its_time_and_not_before():
    port = ports.Manual()
    assert port.next_ns() is None and port.recv(10 ** 9) is None and port.fileno() is None and not port.live
    port.inject(b"late", at_ns=200)
    port.inject(bytearray(b"early"), at_ns=100)
    port.inject(memoryview(b"early too"), at_ns=100)
    assert port.next_ns() == 100 and port.recv(99) is None
    burst = port.recv(150)
    assert octets_of(burst) == [b"early", b"early too"] and burst.frame.at_ns.tolist() == [100, 100]
    assert (burst.frame.csum == CSUM_UNKNOWN).all() and burst.frame.wire_length.tolist() == [5, 9]
    assert port.next_ns() == 200 and octets_of(port.recv(200)) == [b"late"] and port.next_ns() is None
    assert octets_of(burst) == [b"early", b"early too"], "a burst stays as it is"


@given(st.lists(st.tuples(st.integers(0, 50), st.binary(min_size=1, max_size=40)), max_size=30),
       st.lists(st.integers(0, 60), max_size=8))
def test_frames_come_out_in_order_of_time_then_of_injection(frames, looks):
    port, waiting, out = ports.Manual(), [], []
    looks = sorted(looks) + [60]
    for k, (at_ns, octets) in enumerate(frames):
        port.inject(octets, at_ns=at_ns)
        waiting.append((at_ns, k, octets))
    for now in looks:
        assert port.next_ns() == min((at_ns for at_ns, *_ in waiting), default=None)
        burst = port.recv(now)
        due = sorted(w for w in waiting if w[0] <= now)
        waiting = [w for w in waiting if w[0] > now]
        assert (burst is None) == (not due)
        out += octets_of(burst) if burst is not None else []
    assert out == [octets for _, _, octets in sorted((a, k, o) for k, (a, o) in enumerate(frames))]


def test_a_whole_burst_arrives_with_its_own_times():
    burst = burst_of(b"first", b"second", at_ns=70)
    burst.frame[1].at_ns, burst.frame[1].csum = 90, CSUM_VERIFIED
    port = ports.Manual()
    port.inject(burst, at_ns=80)
    assert burst.frame.at_ns.tolist() == [70, 90], "what was injected is a copy"
    got = port.recv(100)
    assert octets_of(got) == [b"first", b"second"] and got.frame.at_ns.tolist() == [80, 90]
    assert got.frame.csum.tolist() == [CSUM_UNKNOWN, CSUM_VERIFIED]


def test_what_the_host_sends_can_be_taken():
    port = ports.Manual()
    assert port.take() == []
    burst = burst_of(b"one", b"three")
    burst.frame[1].at_ns = 40
    port.send(30, burst)
    burst.frame[0].at_ns = 99
    assert port.take() == [ports.Sent(30, b"one"), ports.Sent(40, b"three")]
    assert port.take() == []
    port.send(50, burst_of(b"x" * 100_000))
    assert [(f.at_ns, len(f.octets)) for f in port.take()] == [(50, 100_000)]
    assert "sent=0" in repr(port)


def test_injecting_does_not_change_bursts_already_handed_out():
    port = ports.Manual()
    port.inject(b"a" * 60, at_ns=1)
    port.inject(b"b" * 60, at_ns=5)
    first = port.recv(1)
    for k in range(2000):
        port.inject(b"c" * 60, at_ns=2 + k)
    assert octets_of(first) == [b"a" * 60]


def test_an_empty_frame_is_refused():
    with pytest.raises(ValueError, match="empty frame"):
        ports.Manual().inject(b"")


def test_every_port_is_exported_and_nothing_else_is_there():
    assert issubclass(ports.Pcap, ports.Port) and issubclass(ports.Record, ports.Port) and issubclass(ports.Tap, ports.Port)
    assert ports.Manual.moderated is False and ports.Pcap.moderated is True
    with pytest.raises(AttributeError, match="no attribute 'Telegraph'"):
        getattr(ports, "Telegraph")  # noqa: B009


def test_a_port_without_verbs_says_so():
    with base.Port() as port:
        assert port.next_ns() is None and port.fileno() is None
        with pytest.raises(NotImplementedError, match="Port does not receive"):
            port.recv(0)
        with pytest.raises(NotImplementedError, match="Port does not send"):
            port.send(0, burst_of(np.zeros(4, np.uint8).tobytes()))
