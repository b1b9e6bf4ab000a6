"""Calls that wait: how long, for how much, and what they report when the time is over or the kind of memory changes."""

import asyncio
import struct

import pytest

from devmemlab.base.errno import EAGAIN
from devmemlab.host.readiness import POLLIN, POLLOUT
from devmemlab.sock.uapi import MSG_DONTWAIT, MSG_PEEK, MSG_SOCK_DEVMEM, MSG_WAITALL, SO_RCVLOWAT, SO_RCVTIMEO, SOL_SOCKET
from tests.scripts.kit import MS, Script

STREAM = bytes(k * 13 % 247 for k in range(9000))


@pytest.fixture(params=[False, True], ids=["host", "device"])
def s(request):
    with Script(device=request.param) as script:
        script.handshake()
        script.conn.settimeout(None)
        yield script
        script.host.audit()


@pytest.fixture
def plain():
    with Script() as script:
        script.handshake()
        script.conn.settimeout(None)
        yield script
        script.host.audit()


def later(s, ms, length, **fields):
    """A segment that arrives so many ms from now."""
    at = s.next - 1
    s.port.inject(s.segment("A", STREAM[at:at + length], **fields), at_ns=s.lab.clock.now_ns + ms * MS)
    s.next += length


def ms(s, start):
    return (s.lab.clock.now_ns - start) / MS


def take(s, nbytes, flags=0):
    """Octets of one call, wherever they are."""
    if s.device is None:
        return s.conn.recv(nbytes, flags)
    return s.device_bytes(s.recvmsg(nbytes, flags=flags | MSG_SOCK_DEVMEM)[1])


def test_msg_waitall_waits_for_every_octet_in_either_memory(s):
    start = s.lab.clock.now_ns
    for at in (10, 20, 30):
        later(s, at, 100)
    assert take(s, 250, MSG_WAITALL) == STREAM[:250] and ms(s, start) == 30
    assert take(s, 250) == STREAM[250:300]
    if s.device:
        assert s.host.audit().tokens == 4


def test_msg_waitall_of_a_peek(s):
    later(s, 10, 100)
    later(s, 20, 100)
    assert take(s, 150, MSG_WAITALL | MSG_PEEK) == STREAM[:150] == take(s, 150, MSG_PEEK)
    assert take(s, 500) == STREAM[:200]


def test_msg_waitall_ends_where_the_memory_changes():
    with Script(device=True) as s:
        s.handshake()
        s.conn.settimeout(None)
        later(s, 10, 100)
        s.lab.run(until_ns=s.lab.clock.now_ns + 15 * MS)
        s.ethtool.delete_rule(s.rule)
        later(s, 10, 50)
        later(s, 20, 50)
        start = s.lab.clock.now_ns
        assert s.device_bytes(s.recvmsg(1000, flags=MSG_SOCK_DEVMEM | MSG_WAITALL)[1]) == STREAM[:100] and ms(s, start) == 10
        assert s.conn.recv(100, MSG_WAITALL) == STREAM[100:200] and ms(s, start) == 20
        s.host.audit()


def test_msg_waitall_ends_when_no_message_fits():
    with Script(device=True) as s:
        s.handshake()
        s.conn.settimeout(None)
        later(s, 10, 100)
        later(s, 20, 100)
        _, pieces = s.recvmsg(150, 79, MSG_SOCK_DEVMEM | MSG_WAITALL)
        assert pieces.frag_size.tolist() == [100] and s.device_bytes(s.recvmsg()[1]) == STREAM[100:200]
        s.host.audit()


def test_the_low_water_mark_makes_a_call_wait(s):
    s.conn.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 150)
    start = s.lab.clock.now_ns
    later(s, 10, 100)
    later(s, 20, 100)
    assert take(s, 1000) == STREAM[:200] and ms(s, start) == 20
    later(s, 10, 100)
    assert take(s, 60) == STREAM[200:260] and ms(s, start) == 30       # no more than is asked for
    assert take(s, 60, MSG_DONTWAIT) == STREAM[260:300]


def test_a_selector_obeys_the_low_water_mark(s):
    s.conn.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 150)
    start = s.lab.clock.now_ns
    later(s, 10, 100)
    later(s, 20, 100)
    poll = s.host.poll()
    poll.register(s.conn, POLLIN)
    assert poll.poll(15) == [] and ms(s, start) == 15
    assert poll.poll() == [(s.conn.fileno(), POLLIN)] and ms(s, start) == 20
    poll.modify(s.conn, POLLIN | POLLOUT)
    assert poll.poll(0) == [(s.conn.fileno(), POLLIN | POLLOUT)]
    assert len(take(s, 100)) == 100 and poll.poll(0) == [(s.conn.fileno(), POLLOUT)]


def test_a_full_buffer_is_readable_below_the_low_water_mark():
    with Script(rcvbuf=20000) as s:
        s.handshake()
        s.conn._row.rcvlowat = 19000
        poll = s.host.poll()
        poll.register(s.conn, POLLIN)
        while not poll.poll(0):
            s.data(STREAM[:1000])
            assert s.row.rmem_alloc < 40000
        assert 0 < s.row.rcv_nxt - s.row.copied_seq & 0xFFFFFFFF < 19000


def test_a_timeout_of_the_kernel_counts_over_all_waits(plain):
    s = plain
    s.conn.setsockopt(SOL_SOCKET, SO_RCVTIMEO, struct.pack("qq", 0, 50_000))
    start = s.lab.clock.now_ns
    later(s, 30, 100)
    assert s.conn.recv(1000, MSG_WAITALL) == STREAM[:100] and ms(s, start) == 50
    s.call("recv", s.conn.recv, 10, raises=EAGAIN)
    assert ms(s, start) == 100
    s.server.settimeout(None)
    s.server.setsockopt(SOL_SOCKET, SO_RCVTIMEO, struct.pack("qq", 0, 7000))
    s.call("accept", s.server.accept, raises=EAGAIN)
    assert ms(s, start) == 107


def test_a_timeout_of_the_program_is_one_of_poll(plain):
    s = plain
    s.conn.settimeout(0.05)
    start = s.lab.clock.now_ns
    later(s, 10, 100)
    later(s, 20, 100)
    assert s.conn.recv(1000, MSG_WAITALL) == STREAM[:100] and ms(s, start) == 10
    with pytest.raises(TimeoutError):
        s.conn.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 101)
        s.conn.recv(1000)
    assert s.conn.recv(1000, MSG_DONTWAIT) == STREAM[100:200]


def test_what_was_taken_is_reported_when_nothing_more_can_come(plain):
    s = plain
    s.data(STREAM[:10])
    assert s.conn.recv(100, MSG_WAITALL) == STREAM[:10]


def test_a_reset_ends_a_wait_with_what_was_taken(plain):
    s = plain
    later(s, 10, 100)
    s.port.inject(s.segment("R"), at_ns=s.lab.clock.now_ns + 20 * MS)
    assert s.conn.recv(1000, MSG_WAITALL) == STREAM[:100]
    with pytest.raises(ConnectionResetError):
        s.conn.recv(1)
    assert s.conn.recv(1) == b""


def test_asyncio_wakes_at_the_low_water_mark(plain):
    s = plain
    s.conn.settimeout(0)
    s.conn.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 150)
    start = s.lab.clock.now_ns
    later(s, 10, 100)
    later(s, 20, 100)

    async def main():
        ready = asyncio.Event()
        asyncio.get_running_loop().add_reader(s.conn, ready.set)
        await ready.wait()
        asyncio.get_running_loop().remove_reader(s.conn)
        return s.conn.recv(1000)

    with asyncio.Runner(loop_factory=s.host.event_loop) as runner:
        assert runner.run(main()) == STREAM[:200] and ms(s, start) == 20
