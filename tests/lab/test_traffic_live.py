"""The lab sends to this machine's kernel, and receives from it, through a TAP device: with and without loss."""

import contextlib
import subprocess
import sys

import pytest

from devmemlab.host.ports import Faults, Namespace, why_not_live
from devmemlab.lab import traffic
from devmemlab.lab.lab import Lab
from devmemlab.lab.live import HOST_IP, HOST_MAC, SENDER_IP, warm_up
from devmemlab.lab.stream import stream_digest, stream_octets

# The other side is a kernel with timers of its own: slower modes would only make it retransmit.
pytestmark = [pytest.mark.live, pytest.mark.once]
PORT = 5202
RECEIVER = """
import hashlib, socket
with socket.create_server(("", 5202)) as server:
    print("ready", flush=True)
    connection, peer = server.accept()
    digest, count = hashlib.sha256(), 0
    while part := connection.recv(1 << 16):
        digest.update(part)
        count += len(part)
    connection.sendall(b"got it")
    connection.close()
    print(count, digest.hexdigest())
"""
SENDER = """
import socket, sys
with socket.create_server(("", 5202)) as server:
    print("ready", flush=True)
    connection, peer = server.accept()
    connection.sendall(sys.stdin.buffer.read())
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)
"""


@pytest.fixture(scope="module", autouse=True)
def possible():
    reason = why_not_live()
    if reason:
        pytest.skip(reason)


@contextlib.contextmanager
def station(mtu=1500, **harm):
    """A lab host whose wire ends in the kernel of a private network, behind faults where there are any."""
    with Namespace() as namespace, Lab() as lab:
        tap = namespace.tap(address=f"{SENDER_IP}/24", mtu=mtu, neighbours={HOST_IP: HOST_MAC})
        warm_up()
        port = Faults(tap, **harm) if harm else tap
        host = lab.host("dut", ip=HOST_IP, mac=HOST_MAC, mtu=mtu, port=port, gateway_mac=tap.mac)
        yield namespace, lab, host, port


def program(namespace, text, **options):
    """Start a listener inside; it listens when this returns."""
    process = namespace.popen([sys.executable, "-c", text], stdout=subprocess.PIPE, **options)
    assert process.stdout.readline().strip() == b"ready"
    return process


@pytest.mark.parametrize("mtu, harm", [(1500, {}), (9000, {}), (1500, {"loss": 0.02, "seed": 1}),
                                       (1500, {"reorder": 0.05, "duplicate": 0.02, "corrupt": 0.01, "delay_us": 200, "seed": 2})])
def test_the_kernel_receives_what_the_lab_sends(mtu, harm):
    nbytes = 8 << 20
    with station(mtu, **harm) as (namespace, lab, host, port):
        receiver = program(namespace, RECEIVER)
        client = host.socket()
        client.settimeout(10)
        client.connect((SENDER_IP, PORT))
        bulk = traffic.Bulk(client, nbytes)
        traffic.drive(lab, bulk, timeout_ns=60_000_000_000)
        client.settimeout(20)
        assert client.recv(16) == b"got it"
        count, digest = receiver.stdout.read().split()
        row = host.tcbs.tcb[client.sock]
        assert (int(count), digest.decode()) == (nbytes, stream_digest(nbytes))
        assert int(row.bytes_acked) >= nbytes
        if "loss" in harm:
            assert port.counters["out"]["lost"] > 0 and row.total_retrans > 0
        client.close()
        host.audit()


@pytest.mark.parametrize("harm", [{}, {"loss": 0.02, "seed": 3}, {"corrupt": 0.01, "reorder": 0.02, "delay_us": 100, "seed": 4}])
def test_the_lab_receives_what_the_kernel_sends(harm, tmp_path):
    nbytes = 4 << 20
    (tmp_path / "octets").write_bytes(stream_octets(nbytes).tobytes())
    with station(**harm) as (namespace, lab, host, port), open(tmp_path / "octets", "rb") as octets:
        sender = program(namespace, SENDER, stdin=octets)
        client = host.socket()
        client.settimeout(10)
        client.connect((SENDER_IP, PORT))
        sink = traffic.Sink(client)
        traffic.drive(lab, sink, timeout_ns=60_000_000_000)
        assert (sink.received, sink.mismatches, sink.sha256) == (nbytes, 0, stream_digest(nbytes))
        client.close()
        lab.wait(lambda: sender.poll() is not None, "end of the sending program", 10_000_000_000)
        assert sender.returncode == 0
        host.audit()
