"""The drive loop of a live host, without a kernel: what waits is read before a timer takes it for late."""

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


@pytest.mark.parametrize("live, waiting, left", [(True, 5, 0), (True, 40, 23), (False, 5, 4)])
def test_a_step_takes_all_that_waits_on_a_live_wire_within_reason(live, waiting, left):
    with Lab() as lab:
        port = Waiting(waiting, live)
        host = lab.host("dut", ip="10.0.0.2", port=port, rx_ring=64)
        assert host.step() and port.left == left
