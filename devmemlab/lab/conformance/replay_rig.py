"""Traces of a NIC: what a devmem-capable virtual NIC and its kernel did, step by step.

Law.   A trace is equal only when every field that the lab's trace tells is equal; what it does not tell is counted.
Reads. Recorded group devmem-rig, records of call ``scenario``.
Omits. A NIC that is told where to split.
"""

import itertools

from devmemlab.lab.conformance.answers import Answer, NotModelled
from devmemlab.lab.conformance.compare import same_steps
from devmemlab.lab.conformance.rig_bind import bind_lifecycle, page_pool_stats, teardown
from devmemlab.lab.conformance.rig_receive import dontneed_limits, many_frags, pool_exhaustion, rx_basic
from devmemlab.lab.conformance.rig_send import tx

STORIES = {"rx-basic-v4": rx_basic, "rx-basic-v6": rx_basic, "many-frags": many_frags, "bind-lifecycle": bind_lifecycle,
           "dontneed-limits-real-tokens": dontneed_limits, "pool-exhaustion-32-pages": pool_exhaustion, "teardown": teardown,
           "page-pool-stats": page_pool_stats, "tx": tx}
NOT_TOLD = {"rx-mixed": "the lab's NIC cannot be told to leave payload in header buffers"}


def replay(face, record):
    """Play a trace.

    Parameters
    ----------
    face : LabFace
        A host of its own is made for it.
    record : Record
        Of call ``scenario``.

    Returns
    -------
    answer : Answer
        Its result is the list of steps, as many as the prober made.

    Raises
    ------
    NotModelled
        The story needs what the lab does not have.
    """
    if not face.lab_side:
        raise NotModelled("a private namespace has no such NIC")
    name = record.case.partition("/")[2]
    if name not in STORIES:
        raise NotModelled(NOT_TOLD.get(name, f"the story of {name!r} is not known here"))
    face = face.machine(f"nic-rig {record.case}")
    steps = list(itertools.islice(STORIES[name](face, record), len(record.result)))
    left, told, fields = same_steps(record.result, steps)
    missing = sorted({name for step, kept in zip(record.result, left, strict=True) for name in set(step) - set(kept)})
    note = f"{fields - told} of {fields} fields of the trace are not told: {', '.join(missing)}" if missing else ""
    return Answer(None, steps, None, note)
