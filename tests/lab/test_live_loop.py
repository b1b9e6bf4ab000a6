"""The drive loop of a live host, without a kernel: a timer does not take for late what only waits to be read."""

import numpy as np
import pytest

from devmemlab.base.table import table
from devmemlab.host.ports.base import Port
from devmemlab.lab.lab import Lab
from devmemlab.wire.rows import FRAME, Burst


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
