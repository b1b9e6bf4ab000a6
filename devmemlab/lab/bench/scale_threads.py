"""bench scale: several threads at once, each with the queues, pools and connections of a group of its own.

Law.   A run ends when the last thread has; all that was done is counted and proved as with one thread.
Reads. House law 3: kernels give up Python's lock.
Omits. Pinning threads to processors: that is the system's business, and what else it is busy with spoils these cases first.

``threads``: each thread takes frames from the wire to the sockets of its own shard: a queue, a binding, a pool, connections,
in tables that no other thread touches. ``shared``: each exchanges tokens of its own socket through a pool of its own, on one
binding, in the same tables as the others. ``compute``: each counts in a register, which is what this machine's processors give at
best in the same minutes; a machine whose two processors are one core's, or busy, shows it there.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from numba import config

from devmemlab.base.errno import EIO, error
from devmemlab.lab.bench import tokens
from devmemlab.lab.bench.measure import Case
from devmemlab.lab.bench.scale_flows import FlowCase
from devmemlab.lab.bench.scale_loops import compute
from devmemlab.wire.rows import Burst

KINDS = ("threads", "shared", "compute")
ROUNDS = 1000 if config.DISABLE_JIT else 1_000_000
MOST = 8
FLOWS = 4 if config.DISABLE_JIT else 160
HELD = 100 if config.DISABLE_JIT else 10_000
DMABUF_BYTES = 256 << 20


def counts():
    """List how many threads are tried.

    Returns
    -------
    counts : list of int
        1, and powers of two up to the processors of this process, 8 at most.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [count for count in (1, 2, 4, 8) if count <= min(processors, MOST)]


class ThreadCase(Case):
    """Several token cases at once, a thread each.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    parts : list of Case
        One a thread.
    pool : ThreadPoolExecutor
        Threads.
    """

    here = False

    def __init__(self, kind, parts, pool):
        self.name, self.parts, self.pool = f"{kind}_{len(parts)}", parts, pool
        self.elements, self.contrasts = sum(part.elements for part in parts), (("ratio_to_first", f"{kind}_1"),)
        self.more = {**getattr(parts[0], "more", {}), "threads": len(parts)}

    def prepare(self):
        """Make ready what every part takes."""
        for part in self.parts:
            part.prepare()

    def work(self, part):
        """Do the work of a thread.

        Parameters
        ----------
        part : Case
            Whose.

        Returns
        -------
        result : object
            What it wants to see.
        """
        return part.run()

    def run(self):
        """Run all parts, this thread the first one; gives their results and the time from first to last."""
        began = time.perf_counter_ns()
        others = [self.pool.submit(self.work, part) for part in self.parts[1:]]
        done = [self.work(self.parts[0]), *(other.result() for other in others)]
        return done, time.perf_counter_ns() - began

    def spent(self, result):
        """Tell the time.

        Parameters
        ----------
        result : (list, int)
            Of `run`.

        Returns
        -------
        ns : int
            From first to last.
        """
        return result[1]

    def check(self, result):
        """See that everything came and went in each.

        Parameters
        ----------
        result : (list, int)
            Of `run`.
        """
        for part, its in zip(self.parts, result[0]):
            part.check(its)


class ShardCase(ThreadCase):
    """Several hosts at once, each of which takes one long burst from the wire to its sockets."""

    def work(self, part):
        """Receive the frames of a shard: one call, in which Python's lock is free.

        Parameters
        ----------
        part : FlowCase
            Shard.

        Returns
        -------
        packets : int
            That reached TCP.
        """
        return part.host.receive(Burst(part.wire, part.frames), part.lab.clock.now_ns)

    def check(self, result):
        """Let the programs read, and see that everything arrived and every token went back.

        Parameters
        ----------
        result : (list, int)
            Of `run`.
        """
        for part in self.parts:
            part.host.flush()
            part.read()
            part.host.mem.settle()
        super().check(result)


class ComputeCase(Case):
    """A loop that shares nothing with anybody."""

    def __init__(self):
        self.elements, self.wanted = ROUNDS, int(compute(ROUNDS))

    def run(self):
        """Count; gives the last word."""
        return int(compute(self.elements))

    def check(self, result):
        """See that it counted to the end.

        Parameters
        ----------
        result : int
            Of `run`.

        Raises
        ------
        OSError
            EIO: another word than before.
        """
        if result != self.wanted:
            raise error(EIO, f"{result} after {self.elements} steps, not {self.wanted}")


@contextmanager
def cases(kind):
    """Make the cases of a kind.

    Parameters
    ----------
    kind : str
        One of `KINDS`.

    Yields
    ------
    cases : list of Case
        One thread first.
    """
    most = counts()[-1]
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(most))
        if kind == "shared":
            parts = stack.enter_context(tokens.cases(False, [HELD] * most, ("fifo",)))
        elif kind == "compute":
            parts = [ComputeCase() for _ in range(most)]
        else:
            parts = []
            for number in range(most):
                parts.append(FlowCase(f"shard_{number}", FLOWS, 1, DMABUF_BYTES, ""))
                stack.callback(parts[-1].close)
        yield [(ShardCase if kind == "threads" else ThreadCase)(kind, parts[:count], pool) for count in counts()]
