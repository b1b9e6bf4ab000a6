"""Urgent data: a mark in the stream, an octet beside it, and what of both a program sees, in host and in device memory.

The answers for host memory are those that tests/kernel asks of the running kernel, and the recorded ones (conformance,
recvmsg-flag/*/oob); those for device memory are the lab's own, as a released kernel panics (real-kernels.md, point 16).
"""

import select

import pytest

from devmemlab.base.errno import EAGAIN, EFAULT, EINVAL
from devmemlab.host.readiness import POLLIN, POLLPRI
from devmemlab.sock.uapi import (
    MSG_OOB,
    MSG_PEEK,
    SIOCATMARK,
    SIOCINQ,
    SO_OOBINLINE,
    SOL_SOCKET,
)
from tests.scripts.kit import Script


@pytest.fixture(params=[False, True], ids=["host", "device"])
def s(request):
    with Script(device=request.param) as script:
        script.handshake()
        yield script
        script.host.audit()


@pytest.fixture
def plain():
    with Script() as script:
        script.handshake()
        yield script
        script.host.audit()


def ioctl(s, request):
    return s.host.ioctl(s.conn, request)


def poll(s):
    poll = s.host.poll()
    poll.register(s.conn, POLLIN | POLLPRI)
    return dict(poll.poll(0)).get(s.conn.fileno(), 0)


@pytest.mark.parametrize("pointer, octet", [(0, 0), (1, 0), (3, 2), (6, 5)])
def test_the_urgent_octet_is_not_part_of_the_stream(s, pointer, octet):
    s.inject("PAU", b"urgent", urg_ptr=pointer)
    s.expect("A", ack=7)
    s.data(b" and on")
    assert s.drain() == b"urgent"[:octet] + b"urgent"[octet + 1:] + b" and on" and s.row.urgent_in == 1


@pytest.mark.parametrize("pointer", [0, 1, 3, 6])
def test_in_line_it_is_an_octet_like_any_other(s, pointer):
    s.conn.setsockopt(SOL_SOCKET, SO_OOBINLINE, 1)
    s.inject("PAU", b"urgent", urg_ptr=pointer)
    s.data(b" and on")
    s.call("recv", s.conn.recv, 1, MSG_OOB, raises=EINVAL)
    assert s.drain() == b"urgent and on" and s.conn.getsockopt(SOL_SOCKET, SO_OOBINLINE) == 1


def test_a_read_stops_at_the_mark_and_begins_behind_it(plain):
    s = plain
    s.inject("PAU", b"before!after", urg_ptr=7)
    assert (ioctl(s, SIOCINQ), ioctl(s, SIOCATMARK), poll(s)) == (6, 0, POLLIN | POLLPRI)
    assert s.conn.recv(100) == b"before" and (ioctl(s, SIOCATMARK), ioctl(s, SIOCINQ)) == (1, 0)
    assert s.conn.recv(1, MSG_OOB | MSG_PEEK) == s.conn.recv(1, MSG_OOB) == b"!"
    s.call("recv", s.conn.recv, 1, MSG_OOB, raises=EINVAL)
    assert poll(s) == POLLIN
    assert s.conn.recv(100) == b"after" and ioctl(s, SIOCATMARK) == 0


def test_the_mark_is_there_although_the_octet_was_not_asked_for(plain):
    s = plain
    s.inject("PAU", b"ab!", urg_ptr=3)
    assert s.conn.recv(100) == b"ab"
    s.call("recv", s.conn.recv, 100, raises=EAGAIN)          # passes the mark: the octet is lost
    s.call("recv", s.conn.recv, 1, MSG_OOB, raises=EINVAL)


def test_a_mark_that_is_announced_but_not_there(plain):
    s = plain
    s.inject("AU", urg_ptr=5)
    s.quiet()
    s.call("recv", s.conn.recv, 1, MSG_OOB, raises=EAGAIN)
    s.data(b"dat")
    s.call("recv", s.conn.recv, 1, MSG_OOB, raises=EAGAIN)
    s.data(b"a!")
    assert s.conn.recv(1, MSG_OOB) == b"!" and s.drain() == b"data" and s.row.urgent_in == 1


def test_a_pointer_far_ahead_hides_nothing(s):
    s.inject("PAU", b"urgent", urg_ptr=65535)
    assert s.drain() == b"urgent"


def test_an_early_urgent_segment_waits_like_any_other(plain):
    s = plain
    s.inject("AU", b"wor!d", seq=6, urg_ptr=4)
    s.expect("A", ack=1, sack=[(6, 11)])
    assert s.conn.recv(1, MSG_OOB | MSG_PEEK) == b"!"        # out of the queue of what came early
    s.data(b"hello", seq=1)
    assert s.conn.recv(100) == b"hellowor" and s.conn.recv(1, MSG_OOB) == b"!" and s.drain() == b"d"


def test_a_second_mark_takes_the_place_of_one_that_was_reached(plain):
    s = plain
    s.inject("PAU", b"ab!", urg_ptr=3)
    assert s.conn.recv(100) == b"ab"
    s.inject("PAU", b"cd?", urg_ptr=3)
    assert s.conn.recv(1, MSG_OOB) == b"?" and s.drain() == b"cd"


def test_a_second_mark_behind_unread_data_leaves_the_first_octet_in_the_stream(plain):
    s = plain
    s.inject("PAU", b"ab!", urg_ptr=3)
    s.inject("PAU", b"cd?", urg_ptr=3)
    assert s.conn.recv(1, MSG_OOB) == b"?" and s.drain() == b"ab!cd"
    s.inject("PAU", b"x", seq=s.next - 3, urg_ptr=1)         # an old pointer means nothing
    s.call("recv", s.conn.recv, 1, MSG_OOB, raises=EINVAL)


def test_in_device_memory_nobody_reads_the_octet_and_nothing_breaks():
    with Script(device=True) as s:
        s.handshake()
        s.inject("PAU", b"before!after", urg_ptr=7)
        assert poll(s) == POLLIN | POLLPRI
        for _ in range(2):
            s.call("recv", s.conn.recv, 1, MSG_OOB, raises=EFAULT)
        _, first = s.recvmsg()
        _, second = s.recvmsg()
        assert [s.device_bytes(first), s.device_bytes(second)] == [b"before", b"after"]
        assert second.frag_offset[0] == first.frag_offset[0] + 7
        assert s.device.read(int(first.frag_offset[0]) + 6, 1) == b"!"       # the device has it
        s.host.audit()


def test_select_tells_of_urgent_data(plain):
    s = plain
    assert s.host.select([], [], [s.conn], 0) == ([], [], [])
    s.inject("PAU", b"!", urg_ptr=1)
    assert s.host.select([s.conn], [], [s.conn], 0) == ([], [], [s.conn])
    assert select.POLLPRI == POLLPRI
