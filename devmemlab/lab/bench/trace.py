"""bench trace: what tracepoints cost where nobody traces, where somebody does, and each event.

Law.   A traced run lost no event; a step was counted by the ledger as often as it was taken.
Reads. House law 11.
Omits. Reading a trace.

``off`` and ``on`` receive the same stream. ``off_again`` is ``off`` once more on a host of its own: how far two equal hosts are
apart on this machine. Whether an unused tracepoint costs anything shows in one step alone, many times over: ``step_off`` has
the tracepoint and no trace, ``step_bare`` is the same step written without the argument. A run of steps is short, less than
a tenth of a millisecond, and there are many: two neighbours then mostly see the same machine, and the median of their ratios
agrees from one bench to the next much better than their times do.
"""

from contextlib import contextmanager

import numpy as np
from numba import config

from devmemlab.base.errno import EIO, error
from devmemlab.base.trace import make_trace
from devmemlab.lab.bench import trace_loops as loops
from devmemlab.lab.bench.measure import Case
from devmemlab.lab.bench.rx import MIB, RxCase, make_source
from devmemlab.mem.ledger import DMA_HEADER, make_ledger
from devmemlab.mem.region import host_memory, memory

NBYTES, INTERPRETED_NBYTES, MTU = 4 * MIB, 1 << 14, 1500
STEPS, INTERPRETED_STEPS, SLOTS, HEADER = 1 << 14, 1 << 8, 1 << 6, 66
EVENTS_PER_PACKET = 64
REPEATS = (1001, 201)
WHOLE_ROUNDS = (101, 21)
CONTRASTS = {"on": ("ratio_to_off", "off"), "off_again": ("ratio_to_off", "off"), "step_off": ("ratio_to_bare", "step_bare"),
             "step_on": ("ratio_to_off", "step_off")}
QUOTED = {}
NOTES = """\
ratio_to_X: throughput divided by that of X, round by round; bigger is better. off_again: two hosts that do the same, so what
its ratio is away from 1 is this machine's noise. step_*: the write of one header, counted as one packet, with an unused
tracepoint, with a used one, and without the argument. event: one record, nothing else."""


def figures(runs):
    """Name the figures of this bench.

    Parameters
    ----------
    runs : list of Sample
        Of one case; an element is a packet, a step or an event.

    Returns
    -------
    figures : dict of str to list of float
        ``ns_per_packet``, one a repeat.
    """
    return {"ns_per_packet": [run.ns / run.elements for run in runs]}


class TracedCase(RxCase):
    """Receive with or without a trace.

    Parameters
    ----------
    name : str
        Of the case.
    source, port : Source, Pcap
        What is received.
    capacity : int
        Events that there is room for; 0: no trace.
    """

    def __init__(self, name, source, port, capacity):
        super().__init__(name, source, "devmem", port=port, trace=capacity)
        self.trace = self.passes.host.trace

    def prepare(self):
        """Forget what was recorded."""
        if self.trace:
            self.trace.ctl[0].count = self.trace.ctl[0].lost = 0

    def figures(self, runs):
        """Leave the figures to the bench.

        Parameters
        ----------
        runs : list of Sample
            Of this case.
        """

    def check(self, result):
        """See that tokens came back, that a trace lost nothing, and count its events.

        Parameters
        ----------
        result : int
            See `RxCase.check`.
        """
        super().check(result)
        if self.trace:
            count, lost = int(self.trace.ctl[0].count), int(self.trace.ctl[0].lost)
            if lost or count < self.elements:
                raise error(EIO, f"{self.name}: {count} events were recorded and {lost} lost")
            self.more["events_per_packet"] = count / self.elements


class Step(Case):
    """One step many times, or one event.

    Parameters
    ----------
    name : str
        ``step_bare``, ``step_off``, ``step_on`` or ``event``.
    region : Region
        Where headers go.
    count : int
        How many.
    """

    def __init__(self, name, region, count):
        self.name, self.elements, self.start, self.ledger = name, count, region.start, make_ledger()
        self.trace = make_trace(count) if name in ("step_on", "event") else None
        self.wire = np.arange(SLOTS * loops.STRIDE, dtype=np.uint8)
        self.more = {"footprint_bytes": len(self.wire)}

    def prepare(self):
        """Forget what was recorded and counted."""
        self.ledger[DMA_HEADER] = 0
        if self.trace:
            self.trace.ctl[0].count = 0

    def run(self):
        """Loop; gives how many."""
        if self.name == "event":
            loops.emit_events(self.trace, self.elements)
            return self.elements
        if self.name == "step_bare":
            return loops.bare_headers(memory(), self.wire, self.start, SLOTS, HEADER, self.ledger, self.elements)
        return loops.headers(memory(), self.wire, self.start, SLOTS, HEADER, self.ledger, self.trace, self.elements)

    def check(self, result):
        """Compare ledger and trace with what was asked for.

        Parameters
        ----------
        result : int
            Steps.

        Raises
        ------
        OSError
            EIO: something was left out.
        """
        steps, events = int(self.ledger[DMA_HEADER].copies), int(self.trace.ctl[0].count) if self.trace else 0
        wanted = (0 if self.name == "event" else self.elements, self.elements if self.trace else 0)
        if result != self.elements or (steps, events) != wanted:
            raise error(EIO, f"{self.name}: {steps} steps and {events} events, not {wanted[0]} and {wanted[1]}")


@contextmanager
def cases(quick=False):
    """Make the hosts and the steps.

    Parameters
    ----------
    quick : bool
        Fewer rounds of whole receptions.

    Yields
    ------
    cases : list of Case
        Whole receptions first.
    """
    nbytes, steps = (INTERPRETED_NBYTES, INTERPRETED_STEPS) if config.DISABLE_JIT else (NBYTES, STEPS)
    source, port = make_source(nbytes, MTU)
    region, whole = host_memory(SLOTS * loops.STRIDE, "bench headers"), []
    try:
        for name in ("off", "off_again", "on"):
            whole.append(TracedCase(name, source, port, (name == "on") * (4096 + EVENTS_PER_PACKET * source.data_frames)))
            whole[-1].most = WHOLE_ROUNDS[quick]
        yield [*whole, *(Step(name, region, steps) for name in ("step_bare", "step_off", "step_on", "event"))]
    finally:
        for case in whole:
            case.close()
        region.close()
