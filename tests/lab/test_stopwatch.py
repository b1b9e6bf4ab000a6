"""One clock for a receiver, its digests and the port whose time is left out."""

import itertools
import time

from devmemlab.host.ports.manual import Manual
from devmemlab.lab.gpu_receivers import GpuDevmemReceiver
from devmemlab.lab.inputs import describe_input
from devmemlab.lab.passes import Passes
from devmemlab.lab.receivers import DevmemReceiver
from devmemlab.lab.stopwatch import Untimed, processor_ns
from devmemlab.lab.synthetic import bulk_capture


def test_a_port_is_timed_by_the_clock_that_it_is_given():
    ticks, port = itertools.count(0, 1000), Untimed(Manual())
    assert port.stopwatch is processor_ns

    def clock():
        return next(ticks)

    port.stopwatch = clock
    port.recv(0)
    assert port.spent_ns == 2000, "from look to look, and what a look costs"


def test_work_of_this_thread_has_its_clock_and_work_of_a_gpu_the_walls():
    assert DevmemReceiver.stopwatch is processor_ns and GpuDevmemReceiver.stopwatch is time.perf_counter_ns


def test_a_reception_is_timed_by_its_receivers_clock():
    source = describe_input("synthetic", "few", bulk_capture(4000))
    passes = Passes(source, "devmem", "1MiB", 4096, rx_ring=32, sockets=8)
    ticks = itertools.count(0, 1000)
    passes.receiver.stopwatch = passes.host.port.stopwatch = lambda: next(ticks)
    passes.receiver.digest = None
    took = passes.run()
    assert took > 0 and took % 1000 == 0
    passes.close()
