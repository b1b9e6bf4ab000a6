"""The drive loop of a live host, without a kernel: a timer does not take for late what only waits to be read."""

import contextlib
import os
import socket

import numpy as np
import pytest

from devmemlab.base.table import table
from devmemlab.host.entry_live import PUMP_OCTETS
from devmemlab.host.host import Host
from devmemlab.host.ports.base import Port
from devmemlab.host.ports.tap import Tap
from devmemlab.host.ports.tap_io import FRAME_LIMIT_BYTES
from devmemlab.lab.lab import Lab
from devmemlab.lab.live import BURST_FRAMES
from devmemlab.mem.region import PAGE_SIZE
from devmemlab.net.skb import SKB_OVERHEAD
from devmemlab.tcp.tcb import DEFAULT_RCVBUF
from devmemlab.wire.rows import FRAME, Burst
from devmemlab.wire.tcp import ACK, FIN, SYN
from tests.ports.kit import RECEIVER, SENDER, burst_of, made, seen


class Waiting(Port):
    """Bursts of one frame that wait, as in a TAP device; the frame is nobody's."""

    def __init__(self, bursts, live):
        self.left, self.live = bursts, live

    def recv(self, now_ns):
        if not self.left:
            return None
        self.left -= 1
        frame = table(FRAME, 1)
        frame.length = frame.wire_length = 60
        return Burst(np.zeros(64, np.uint8), frame)

    def send(self, now_ns, burst):
        raise AssertionError("nothing is to be sent")


@pytest.mark.parametrize("live, waiting, late", [(True, 5, 6), (True, 100, 64), (False, 100, 1)])
def test_a_timer_on_a_live_wire_runs_when_nothing_waits_or_soon(live, waiting, late):
    """In which step it runs: where time passes by itself, its acknowledgement may have arrived and not been read."""
    with Lab() as lab:
        host = lab.host("dut", ip="10.0.0.2", port=Waiting(waiting, live), rx_ring=64)
        due = host.tcbs.ctl[0].next_timer_ns = lab.clock.now_ns
        steps = 0
        while host.tcbs.ctl[0].next_timer_ns == due:
            host.step()
            steps += 1
        assert steps == late


def talk(monkeypatch, pumped):
    """Shake hands over a cable, send ten segments in two bursts and the end; what came back, and what the program got."""
    monkeypatch.setattr(Host, "_one_wire", lambda host: pumped)
    crossings = []
    monkeypatch.setattr(Host, "receive", lambda host, *given, real=Host.receive: crossings.append(1) or real(host, *given))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    theirs.setblocking(False)
    said = []

    def hear():
        with contextlib.suppress(BlockingIOError):
            while octets := theirs.recv(4000):
                said.extend(seen(burst_of(octets)))

    with theirs, Tap("cable", fd=ours.detach(), max_frames=4) as port, Lab(seed=3) as lab:
        host = lab.host("dut", ip=RECEIVER[0], mac=RECEIVER[2], gateway_mac=SENDER[2], port=port, rx_ring=64)
        server = host.socket()
        server.bind(("", RECEIVER[1]))
        server.listen()
        theirs.send(made(SENDER, RECEIVER, seq=100, tcp_flags=SYN, opt_mss=1460))
        lab.step()
        hear()
        answer = {"ack_seq": said[0][2] + 1, "window": 1000}
        theirs.send(made(SENDER, RECEIVER, seq=101, tcp_flags=ACK, **answer))
        lab.step()
        conn = server.accept()[0]
        for k in range(10):
            theirs.send(made(SENDER, RECEIVER, bytes([k]) * 1000, seq=101 + 1000 * k, tcp_flags=ACK, **answer))
        steps = 0
        while port.received < 12:
            steps += lab.step()
        got = conn.recv(20000)
        theirs.send(made(SENDER, RECEIVER, seq=10101, tcp_flags=ACK | FIN, **answer))
        lab.step()
        hear()
        host.audit()
        counts = port.received, port.sent
    first = said[0][2]
    return [(flags, seq - first, ack) for _, flags, seq, ack, _ in said], got, counts, steps, len(crossings)


def test_a_pumped_wire_does_what_as_many_steps_do(monkeypatch):
    answers, got, counts, steps, crossings = talk(monkeypatch, False)
    assert got == b"".join(bytes([k]) * 1000 for k in range(10)) and answers[0] == ("SA", 0, 101)
    assert answers[-1][2] == 10102 and (steps, crossings) == (3, 6)
    assert talk(monkeypatch, True) == (answers, got, counts, 1, 0)


def test_a_pumped_wire_leaves_a_program_its_turn_before_its_receive_buffer_is_full():
    """Each read of the device brings as much as fits, and there is always more."""
    burst = 4
    with Tap("endless", fd=os.open("/dev/zero", os.O_RDWR | os.O_NONBLOCK), max_frames=burst) as port, Lab() as lab:
        host = lab.host("dut", ip=RECEIVER[0], port=port, rx_ring=64)
        host.step()
        assert PUMP_OCTETS <= port.received * FRAME_LIMIT_BYTES < PUMP_OCTETS + burst * FRAME_LIMIT_BYTES
    assert (PUMP_OCTETS // 1500 + BURST_FRAMES) * (SKB_OVERHEAD + PAGE_SIZE) < DEFAULT_RCVBUF
