"""The web server and the iperf3 server, talked to octet by octet over a wire of the lab."""

import hashlib
import json
import struct

import pytest

from devmemlab.lab import traffic
from devmemlab.lab.lab import Lab
from devmemlab.lab.stream import stream_octets

PORT = 5201


@pytest.fixture
def ends():
    """Lab, a connector, a listening socket."""
    with Lab() as lab:
        a, b = (lab.host(f"host {k}", ip=f"10.0.0.{k}", rx_ring=64) for k in (1, 2))
        lab.connect(a, b, delay_us=5)
        b.sysctl("net.ipv4.tcp_wmem", "4096 8192 16384")
        server = b.socket()
        server.bind(("", PORT))
        server.listen()

        def connect():
            client = a.socket()
            client.connect(("10.0.0.2", PORT))
            client.settimeout(5)
            return client

        yield lab, connect, server
        for host in lab.hosts:
            host.audit()


class Script(traffic.Actor):
    """A client that sends what it is told, and keeps what comes until the end."""

    def __init__(self, sock, octets):
        super().__init__(sock)
        self.going, self.got = octets, b""

    def step(self):
        moved = 0
        if self.going:
            moved = self._send(self.going)
            self.going = self.going[moved:]
        while not self.done and (octets := self._recv(1 << 16)) is not None:
            moved, self.got = 1, self.got + octets
            self.done = not octets
        return bool(moved)


class Served(traffic.WebServer):
    """It closes when it is done, as a server does."""

    def step(self):
        moved = super().step()
        if self.done:
            self.sock.close()
        return moved


def ask(ends, request):
    lab, connect, server = ends
    client = connect()
    web, script = Served(server.accept()[0]), Script(client, request)
    traffic.drive(lab, web, script)
    client.close()
    return web, script.got


def test_a_page_is_the_stream(ends):
    web, got = ask(ends, b"GET /7001 HTTP/1.1\r\nHost: lab\r\n\r\n")
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"HTTP/1.1 200 OK" and b"Content-Length: 7001" in head.splitlines()
    assert body == stream_octets(7001).tobytes() and web.body.sent == 7001


@pytest.mark.parametrize("expect", [False, True])
def test_an_upload_is_checked_and_digested(ends, expect):
    octets = stream_octets(5000).tobytes()
    head = b"PUT /upload HTTP/1.1\r\ncontent-length: 5000\r\n" + (b"Expect: 100-continue\r\n" if expect else b"") + b"\r\n"
    web, got = ask(ends, head + octets)
    if expect:
        assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        got = got.partition(b"\r\n\r\n")[2]
    assert got.partition(b"\r\n\r\n")[2].decode().strip() == hashlib.sha256(octets).hexdigest()
    assert (web.body.received, web.body.mismatches) == (5000, 0)


def test_a_wrong_octet_of_an_upload_is_found(ends):
    web, _ = ask(ends, b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
    assert web.body.mismatches == 3 and web.body.first_mismatch == 0


@pytest.mark.parametrize("line", ["GET /index.html HTTP/1.1", "DELETE /5 HTTP/1.1", "nonsense",
                                  "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked"])
def test_what_it_does_not_serve_is_a_bad_request(ends, line):
    assert ask(ends, f"{line}\r\n\r\n".encode())[1].startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_head_without_end_ends_the_connection(ends):
    assert ask(ends, b"GET /" + b"x" * 20000)[1] == b""


def text(told):
    octets = json.dumps(told).encode()
    return struct.pack("!I", len(octets)) + octets


@pytest.mark.parametrize("reverse", [False, True])
def test_one_test_of_iperf3(ends, reverse):
    """A client of two streams, state by state; a stranger in between is turned away."""
    lab, connect, server = ends
    iperf, cookie = traffic.Iperf3Server(server), b"c" * 36 + b"\0"
    # The server moves between the calls of the client, as it would in a process of its own.
    lab.step, step = lambda: iperf.step() or step(), lab.step

    control = connect()
    control.sendall(cookie)
    assert control.recv(1) == b"\x09", "PARAM_EXCHANGE"
    control.sendall(text({"tcp": True, "parallel": 2, "reverse": reverse}))
    assert control.recv(1) == b"\x0a", "CREATE_STREAMS"
    stranger = connect()
    stranger.sendall(b"x" * 37)
    assert stranger.recv(1) == b"\xff" and stranger.recv(1) == b""
    streams = [connect(), connect()]
    for stream in streams:
        stream.sendall(cookie)
    assert control.recv(1) + control.recv(1) == b"\x01\x02", "TEST_START, TEST_RUNNING"
    counts = []
    for k, stream in enumerate(streams):
        if reverse:
            counts.append(len(stream.recv(3000)))
        else:
            stream.sendall(bytes(3000 + k))
            counts.append(3000 + k)
    if not reverse:
        lab.wait(lambda: iperf.moved_bytes == sum(counts), "data", 10 ** 9)
    control.sendall(b"\x04")
    assert control.recv(1) == b"\x0d", "EXCHANGE_RESULTS"
    for stream, count in zip(streams, counts):
        while part := stream.recv(1 << 16):
            count += len(part)
        counts[streams.index(stream)] = count
    control.sendall(text({"streams": [], "mine": 1}))
    octets = b""
    while not octets.endswith(b"\x0e"):
        octets += control.recv(1000)
    told = json.loads(octets[4:-1])
    assert struct.unpack("!I", octets[:4])[0] == len(octets) - 5 and iperf.client_results["mine"] == 1
    assert [stream["id"] for stream in told["streams"]] == [1, 3]
    assert [stream["bytes"] for stream in told["streams"]] == counts
    control.sendall(b"\x10")
    lab.wait(lambda: iperf.done, "the end", 10 ** 9)
    lab.step = step
    for sock in (control, stranger, *streams):
        sock.close()
