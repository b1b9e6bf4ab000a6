"""bench scale: does a packet cost the same when there is more of everything.

Law.   Within a group only one thing grows; its first case is what the others are compared with.
Reads. interfaces section 3.
Omits. More than two threads.

Groups: connections, queues, octets of device memory, tokens held, threads. In the last, each thread has connections, pools
and tokens of its own on one binding, and kernels let other threads run: what stays shared are the tables.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from numba import config

from devmemlab.lab.bench import tokens
from devmemlab.lab.bench.measure import Case
from devmemlab.lab.bench.scale_flows import FlowCase

GIB, MIB = 1 << 30, 1 << 20
FLOWS, QUICK_FLOWS = (1, 10, 100, 1000, 10_000), (1, 1000)
QUEUES, QUICK_QUEUES = (1, 4, 16, 64), (1, 64)
DMABUFS, QUICK_DMABUFS = (64 * MIB, GIB, 16 * GIB, 64 * GIB), (64 * MIB, 64 * GIB)
THREADS = (1, 2)
HELD = 100 if config.DISABLE_JIT else 10_000
REPEATS = (31, 5)
CONTRASTS, QUOTED = {}, {}
NOTES = """\
ratio_to_first: throughput divided by that of the first case of the same kind, round by round; bigger is better, and 1 says
that size costs nothing. flows, queues, dmabuf: from the wire to the sockets, without the program. tokens: a frag from recvmsg
to DONTNEED with so many held. threads: the same on 1 and 2 threads, frags of both counted."""


def figures(runs):
    """Name the figures of this bench.

    Parameters
    ----------
    runs : list of Sample
        Of one case; an element is a packet, or a frag.

    Returns
    -------
    figures : dict of str to list of float
        ``ns_per_packet``, one a repeat.
    """
    return {"ns_per_packet": [run.ns / run.elements for run in runs]}


class ThreadCase(Case):
    """Several token cases at once, a thread each.

    Parameters
    ----------
    parts : list of TokenCase
        On one binding.
    first : str
        Case that this one is compared with.
    pool : ThreadPoolExecutor
        Threads.
    """

    here = False

    def __init__(self, parts, first, pool):
        self.name, self.parts, self.pool = f"threads_{len(parts)}", parts, pool
        self.elements, self.contrasts = sum(part.elements for part in parts), (("ratio_to_first", first),)
        self.more = {"threads": len(parts)}

    def prepare(self):
        """Queue the frags of every part."""
        for part in self.parts:
            part.prepare()

    def run(self):
        """Run all parts; this thread does the first one."""
        others = [self.pool.submit(part.run) for part in self.parts[1:]]
        return [self.parts[0].run(), *(other.result() for other in others)]

    def check(self, result):
        """See that everything came and went in each.

        Parameters
        ----------
        result : list
            Of each part.
        """
        for part, its in zip(self.parts, result):
            part.check(its)


def groups(quick=False):
    """List what grows.

    Parameters
    ----------
    quick : bool
        Says nothing here.

    Returns
    -------
    groups : list of str
        Kinds.
    """
    return ["flows", "queues", "dmabuf_bytes", "tokens", *(["threads"] if len(_processors()) > 1 else [])]


def _processors():
    """Processors that this process may use."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


def skipped(quick=False):
    """Say what cannot be measured here.

    Parameters
    ----------
    quick : bool
        Says nothing here.

    Returns
    -------
    reasons : dict of str to str
        By case.
    """
    return {} if len(_processors()) > 1 else {"threads_2": "this process may use one processor only"}


@contextmanager
def cases(quick=False, group=None):
    """Make the cases of a kind.

    Parameters
    ----------
    quick : bool
        Only the first size and the largest one that is quick.
    group : str, optional
        One of `groups`; the first when left out.

    Yields
    ------
    cases : list of Case
        Smallest first.
    """
    group = group or "flows"
    if group == "tokens":
        with tokens.cases(quick, orders=("fifo",)) as made:
            yield _tokens(made)
        return
    if group == "threads":
        with tokens.cases(quick, [HELD] * THREADS[-1], ("fifo",)) as made, ThreadPoolExecutor(THREADS[-1]) as pool:
            yield [ThreadCase(made[:count], "threads_1", pool) for count in THREADS]
        return
    with ExitStack() as stack:
        made = []
        for size in _sizes(group, quick):
            flows, queues, dmabuf = {"flows": (size, 1, 256 * MIB), "queues": (64, size, 256 * MIB),
                                     "dmabuf_bytes": (64, 1, size)}[group]
            name = f"{group.removesuffix('_bytes')}_{size // MIB if group == 'dmabuf_bytes' else size}"
            made.append(FlowCase(name + "MiB" * (group == "dmabuf_bytes"), flows, queues, dmabuf,
                                 made[0].name if made else name + "MiB" * (group == "dmabuf_bytes")))
            stack.callback(made[-1].close)
        yield made


def _sizes(group, quick):
    """Sizes of a kind."""
    sizes = {"flows": (FLOWS, QUICK_FLOWS), "queues": (QUEUES, QUICK_QUEUES), "dmabuf_bytes": (DMABUFS, QUICK_DMABUFS)}[group]
    if config.DISABLE_JIT:
        return sizes[0][:2]
    return sizes[quick]


def _tokens(made):
    """Cases of bench tokens, under names of their own."""
    for case in made:
        case.name, case.more = f"tokens_{len(case.live)}", {"tokens": len(case.live)}
        case.contrasts = (("ratio_to_first", made[0].name),)
    return made
