"""Readiness of lab sockets, beside the sockets of the kernel that the tests run on."""

import asyncio
import errno
import os
import select
import selectors
import socket
import subprocess
import sys

import pytest

from devmemlab.host import readiness
from devmemlab.host.readiness import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLRDHUP
from devmemlab.lab.lab import Lab
from devmemlab.sock.uapi import SHUT_WR
from tests.lab.test_wire import connection, pair

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
ALL = POLLIN | POLLOUT | POLLRDHUP


@pytest.mark.once
def test_only_who_asks_for_an_event_loop_waits_for_asyncio():
    program = "import sys, devmemlab.lab.lab; sys.exit(bool({'asyncio', 'ssl'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], env=os.environ | {"NUMBA_DISABLE_JIT": "1"}).returncode == 0


@pytest.fixture
def lab():
    with Lab(seed=1) as made:
        yield made


def asked(kernel, *socks):
    """What poll says of each socket, with no time passing."""
    poll = kernel.poll()
    for sock in socks:
        poll.register(sock, ALL)
    told = dict(poll.poll(0))
    return [told.get(sock.fileno(), 0) for sock in socks]


def settle(lab):
    """Let everything arrive that is on its way, but no long timer run."""
    lab.run(until_ns=lab.clock.now_ns + 2_000_000)


class Real:
    """The same questions to the kernel here."""

    def poll(self):
        return select.poll()


def life(server, connect, poll_of, settle):
    """One connection's life; what poll says of listener, client and server end at each point."""
    seen = [poll_of(server)]
    client = connect()
    settle()
    seen.append(poll_of(server, client))
    conn, _ = server.accept()
    seen.append(poll_of(server, client, conn))
    client.send(b"abc")
    settle()
    seen.append(poll_of(client, conn))
    conn.recv(10)
    seen.append(poll_of(conn))
    client.shutdown(SHUT_WR)
    settle()
    seen.append(poll_of(client, conn))
    conn.send(b"more")
    settle()
    seen.append(poll_of(client))
    conn.shutdown(SHUT_WR)
    settle()
    seen.append(poll_of(client, conn))
    client.recv(10)
    seen.append(poll_of(client))
    client.close()
    conn.close()
    return seen


@pytest.mark.skipif(not hasattr(select, "poll"), reason="no poll(2) here")
def test_a_life_looks_as_it_does_on_the_kernel_here(lab):
    a, b, _ = pair(lab, delay_us=10)
    server = b.socket()
    server.bind(("", 5201))
    server.listen()

    def connect():
        client = a.socket()
        client.connect((b.ip, 5201))
        return client

    def both(*socks):
        return [asked(sock.host, sock)[0] for sock in socks]

    ours = life(server, connect, both, lambda: settle(lab))
    with socket.create_server(("127.0.0.1", 0)) as real:
        theirs = life(real, lambda: socket.create_connection(real.getsockname()), lambda *s: asked(Real(), *s),
                      lambda: select.select([], [], [], 0.02))
    assert ours == theirs
    assert ours[0] == [0] and ours[-1] == [POLLIN | POLLOUT | POLLHUP | POLLRDHUP]


def test_the_numbers_are_those_of_the_kernel():
    for name in ("POLLIN", "POLLOUT", "POLLERR", "POLLHUP", "POLLNVAL", "POLLRDNORM", "POLLWRNORM", "POLLRDHUP"):
        if hasattr(select, name):
            assert getattr(readiness, name) == getattr(select, name)


def test_fresh_and_refused_sockets_look_as_on_the_kernel_here(lab):
    a, b, _ = pair(lab, delay_us=10)
    fresh = a.socket()
    assert asked(a, fresh) == [POLLOUT | POLLHUP]
    fresh.setblocking(False)
    with pytest.raises(BlockingIOError):
        fresh.connect((b.ip, 9))
    assert asked(a, fresh) == [0]
    settle(lab)
    ours = asked(a, fresh)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()
    with socket.socket() as real:
        assert asked(Real(), real) == [POLLOUT | POLLHUP]
        real.setblocking(False)
        assert real.connect_ex(nobody) in (errno.EINPROGRESS, errno.ECONNREFUSED)
        select.select([], [real], [], 5)
        assert ours == asked(Real(), real) == [POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP]
    assert fresh.getsockopt(1, 4) == errno.ECONNREFUSED


def test_a_full_send_buffer_is_not_writable(lab):
    a, b, _ = pair(lab, delay_us=10)
    client, conn = connection(lab, a, b)
    client.setsockopt(1, 7, 6_000)
    conn.setsockopt(1, 8, 2_304)
    with pytest.raises(BlockingIOError):
        while client.send(bytes(4_000)):
            settle(lab)
    assert asked(a, client) == [0] and asked(b, conn) == [POLLIN | POLLOUT]
    with a.selector() as selector:
        selector.register(client, READ | WRITE)
        while asked(a, client) == [0]:
            settle(lab)
            try:
                while conn.recv(1 << 16):
                    pass
            except BlockingIOError:
                pass
        (key, events), = selector.select(0)
        assert key.fileobj is client and events == WRITE


def test_a_selector_waits_in_virtual_time(lab):
    a, b, _ = pair(lab, delay_us=500)
    client, conn = connection(lab, a, b)
    with b.selector() as selector:
        key = selector.register(conn, READ, data="mine")
        begun_ns = lab.clock.now_ns
        assert selector.select(0) == [] and lab.clock.now_ns == begun_ns
        assert selector.select(0.25) == [] and lab.clock.now_ns == begun_ns + 250_000_000
        client.send(b"x")
        sent_ns = lab.clock.now_ns
        assert selector.select(1) == [(key, READ)] and lab.clock.now_ns == sent_ns + 500_000
        assert conn.recv(5) == b"x"
        with pytest.raises(TimeoutError, match="ready file descriptor"):
            selector.select()
        assert selector.modify(conn, WRITE).data is None and selector.select() == [(selector.get_key(conn), WRITE)]
        assert list(selector.get_map()) == [conn.fileno()]


def test_the_selector_keeps_pythons_rules(lab):
    a, b, _ = pair(lab)
    client, conn = connection(lab, a, b)
    selector = a.selector()
    assert isinstance(selector, selectors.BaseSelector)
    for wrong in (0, 8):
        with pytest.raises(ValueError, match="EVENT_READ"):
            selector.register(client, wrong)
    selector.register(client.fileno(), READ)
    with pytest.raises(KeyError, match="already"):
        selector.register(client, READ)
    with pytest.raises(KeyError, match="not registered"):
        selector.unregister("no file")
    for wrong in (-1, "no file"):
        with pytest.raises(ValueError):
            selector.register(wrong, READ)
    with pytest.raises(OSError) as caught:
        selector.register(99, READ)
    assert caught.value.errno == errno.EBADF
    with pytest.raises(PermissionError, match="cannot be polled"):
        selector.register(a.udmabuf("64KiB"), READ)
    fd = client.fileno()
    client.close()
    assert selector.select(0) == [] and selector.unregister(fd).fd == fd
    selector.close()
    assert selector.get_map() == {}


def test_select_and_poll_faces(lab):
    a, b, _ = pair(lab, delay_us=10)
    client, conn = connection(lab, a, b)
    assert a.select([client], [client], [client], 0) == ([], [client], [])
    assert a.select([client], [], [], 0.001) == ([], [], [])
    conn.send(b"x")
    assert a.select([client.fileno()], [], []) == ([client.fileno()], [], [])
    with pytest.raises(OSError) as caught:
        a.select([77], [], [], 0)
    assert caught.value.errno == errno.EBADF
    with pytest.raises(OSError) as caught:
        a.select([], [], [], -1)
    assert caught.value.errno == errno.EINVAL
    poll = a.poll()
    poll.register(55)
    assert poll.poll(0) == [(55, POLLNVAL)]
    poll.unregister(55)
    with pytest.raises(FileNotFoundError):
        poll.modify(55, POLLIN)
    poll.register(client, 0)
    assert poll.poll(1) == []
    poll.modify(client, POLLIN)
    assert poll.poll() == [(client.fileno(), POLLIN)]


def test_a_netlink_listener_becomes_readable(lab):
    host = lab.host("one", ip="10.0.0.9")
    listener = host.netlink("netdev").subscribe("page-pool")
    with host.selector() as selector:
        key = selector.register(listener, READ)
        assert selector.select(0) == []
        host.netdev.close()
        assert selector.select(0) == [(key, READ)] and listener.receive()["name"] == "page-pool-del-ntf"


def listening(host):
    """A listener on port 5201."""
    server = host.socket()
    server.bind(("", 5201))
    server.listen()
    return server


def test_asyncio_serves_in_virtual_time(lab):
    a, b, _ = pair(lab, delay_us=1000)
    server, client = listening(b), a.socket()
    server.setblocking(False)
    client.connect((b.ip, 5201))
    client.send(b"abc")

    async def serve():
        loop = asyncio.get_running_loop()
        conn, peer = await loop.sock_accept(server)
        got = await loop.sock_recv(conn, 100)
        begun = loop.time()
        await asyncio.sleep(2)
        assert loop.time() - begun == pytest.approx(2, abs=1e-6) and peer[0] == a.ip
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.sock_recv(conn, 100), 0.5)
        await loop.sock_sendall(conn, got[::-1] * 10_000)
        conn.close()
        return got

    with asyncio.Runner(loop_factory=b.event_loop) as runner:
        assert runner.run(serve()) == b"abc"
    assert lab.clock.now_ns >= 2_500_000_000
    got = bytearray()
    while piece := client.recv(1 << 16):
        got += piece
    assert got == b"cba" * 10_000


def test_asyncio_connects_and_hears_of_refusal(lab):
    a, b, _ = pair(lab, delay_us=1000)
    server, client, refused = listening(b), a.socket(), a.socket()

    async def call():
        loop = asyncio.get_running_loop()
        for sock in (client, refused):
            sock.setblocking(False)
        await loop.sock_connect(client, (b.ip, 5201))
        with pytest.raises(ConnectionRefusedError):
            await loop.sock_connect(refused, (b.ip, 9))
        await loop.sock_sendall(client, b"x" * 5_000)

    with asyncio.Runner(loop_factory=a.event_loop) as runner:
        runner.run(call())
        conn, _ = server.accept()
        assert len(conn.recv(100)) == 100
        conn.send(b"answer")

        async def hear():
            return await asyncio.get_running_loop().sock_recv(client, 100)

        assert runner.run(hear()) == b"answer"


def test_asyncio_streams_and_its_limits(lab):
    a, b, _ = pair(lab, delay_us=100)
    server, client = listening(b), a.socket()
    client.connect((b.ip, 5201))
    client.send(b"a line\nand no more")

    async def main():
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        async def shout(reader, writer):
            writer.write((await reader.readline()).upper())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            over.set()

        async with await asyncio.start_server(shout, sock=server):
            await over.wait()
        with pytest.raises(NotImplementedError, match="clock of a lab"):
            loop.add_signal_handler(2, print)
        loop.call_soon_threadsafe(over.clear)
        await asyncio.sleep(0.001)
        assert not over.is_set()

    with asyncio.Runner(loop_factory=b.event_loop) as runner:
        runner.run(main())
    assert client.recv(100) == b"A LINE\n"
