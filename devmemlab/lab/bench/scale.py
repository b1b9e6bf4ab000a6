"""bench scale: does a packet cost the same when there is more of everything.

Law.   Within a group only one thing grows; its first case is what the others are compared with.
Reads. interfaces section 3.
Omits. More threads than 8.

Groups: connections, queues, octets of device memory, tokens held, threads (see `devmemlab.lab.bench.scale_threads`).
"""

from contextlib import ExitStack, contextmanager

from numba import config

from devmemlab.lab.bench import scale_threads, tokens
from devmemlab.lab.bench.scale_flows import FlowCase

GIB, MIB = 1 << 30, 1 << 20
FLOWS, QUICK_FLOWS = (1, 10, 100, 1000, 10_000), (1, 1000, 10_000)
SINGLES, QUICK_SINGLES = (1, 1000, 10_000), (1, 1000)
QUEUES, QUICK_QUEUES = (1, 4, 16, 64), (1, 64)
DMABUFS, QUICK_DMABUFS = (64 * MIB, GIB, 16 * GIB, 64 * GIB), (64 * MIB, 64 * GIB)
QUICK_HELD = (100, 100_000)
REPEATS = (31, 5)
CONTRASTS, QUOTED = {}, {}
NOTES = """\
ratio_to_first: throughput divided by that of the first case of the same kind, round by round; bigger is better, and 1 says
that size costs nothing. flows, queues, dmabuf: from the wire to the sockets, without the program and the copy of the payload;
connections take turns with trains of 16 frames, which GRO merges. singles: with one frame each, of which none is merged.
tokens: a frag from recvmsg to DONTNEED with so many held. threads_N: N threads receive on as many queues, each with a binding,
a pool and connections of its own; shared_N: N threads exchange tokens on one binding, in the same tables; compute_N: N threads
count in a register, the most that these processors give in these minutes. Packets, frags, or steps of all threads are counted,
so 2 is what 2 threads can reach."""


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
    threads = scale_threads.KINDS if len(scale_threads.counts()) > 1 else ()
    return ["flows", "singles", "queues", "dmabuf_bytes", "tokens", *threads]


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
    if len(scale_threads.counts()) > 1:
        return {}
    return {f"{kind}_2": "this process may use one processor only" for kind in scale_threads.KINDS}


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
        with tokens.cases(quick, QUICK_HELD if quick and not config.DISABLE_JIT else None, ("fifo",)) as made:
            yield _tokens(made)
        return
    if group in scale_threads.KINDS:
        with scale_threads.cases(group) as made:
            yield made
        return
    with ExitStack() as stack:
        made = []
        for size in _sizes(group, quick):
            flows, queues, dmabuf, train = {"flows": (size, 1, 256 * MIB, None), "singles": (size, 1, 256 * MIB, 1),
                                            "queues": (64, size, 256 * MIB, None), "dmabuf_bytes": (64, 1, size, None)}[group]
            name = f"{group.removesuffix('_bytes')}_{size // MIB if group == 'dmabuf_bytes' else size}"
            made.append(FlowCase(name + "MiB" * (group == "dmabuf_bytes"), flows, queues, dmabuf,
                                 made[0].name if made else name + "MiB" * (group == "dmabuf_bytes"), train))
            stack.callback(made[-1].close)
        yield made


def _sizes(group, quick):
    """Sizes of a kind."""
    sizes = {"flows": (FLOWS, QUICK_FLOWS), "singles": (SINGLES, QUICK_SINGLES), "queues": (QUEUES, QUICK_QUEUES),
             "dmabuf_bytes": (DMABUFS, QUICK_DMABUFS)}[group]
    if config.DISABLE_JIT:
        return sizes[0][:2]
    return sizes[quick]


def _tokens(made):
    """Cases of bench tokens, under names of their own."""
    for case in made:
        case.name = f"tokens_{len(case.live)}"
        case.contrasts = (("ratio_to_first", made[0].name),)
    return made
