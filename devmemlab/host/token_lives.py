"""Lives of tokens, read from a trace: when the octets came, when a token was handed out, returned, and the buffer recycled.

Law.   Everything here was recorded; a life that the trace did not see from its beginning is not in the list.
Reads. base/trace: dma_payload, cmsg_dmabuf, dontneed, page_pool_recycle, page_pool_state_release.
Omits. Lines of programs: the watch knows those.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base import trace as tracepoints

LIFE_DTYPE = np.dtype([(name, np.int64) for name in (
    "sock", "token", "netmem", "octets", "arrived_ns", "born_ns", "returned_ns", "recycled_ns",
    "arrived", "born", "returned", "recycled")])
"""One token. ``arrived_ns``: DMA wrote its octets last. ``returned_ns`` and ``recycled_ns`` are -1 until it happens. The last
four are the same moments as rows of the trace, which tell the order of what happens at one time."""


class Bin(NamedTuple):
    """Tokens that were held for ``low_ns`` or longer and less than ``high_ns``: returned by now, or still held."""

    low_ns: int
    high_ns: int
    returned: int
    held: int


def token_lives(trace):
    """Pair up what a trace tells of tokens.

    Parameters
    ----------
    trace : Trace
        Of a host.

    Returns
    -------
    lives : recarray of LIFE_DTYPE
        In the order in which tokens were handed out.
    """
    kinds = [tracepoints.NAMES.index(name) for name in (
        "dma_payload", "cmsg_dmabuf", "dontneed", "page_pool_recycle", "page_pool_state_release")]
    dma, born, returned, recycle, release = kinds
    events = trace.event[:trace.ctl[0].count]
    where = np.flatnonzero(np.isin(events.kind, kinds))
    events = events[where]
    lives, live, resting, written = [], {}, {}, {}
    columns = (events[name].tolist() for name in ("at_ns", "kind", "a", "b", "c", "d"))
    for row, at_ns, kind, a, b, c, d in zip(where.tolist(), *columns):
        if kind == dma:
            written[b] = at_ns, row
        elif kind == born:
            came_ns, came = written.get(c, (at_ns, row))
            life = [a, b, c, d, came_ns, at_ns, -1, -1, came, row, -1, -1]
            live[a, b] = life
            resting.setdefault(c, []).append(life)
            lives.append(life)
        elif kind == returned:
            if (a, b) in live:
                life = live.pop((a, b))
                life[6], life[10] = at_ns, row
        elif kind in (recycle, release):
            for life in resting.pop(b, ()):
                life[7], life[11] = at_ns, row
    return np.array([tuple(life) for life in lives], LIFE_DTYPE).view(np.recarray)


def residency(lives, now_ns):
    """Count how long tokens were held, in bins that double.

    Parameters
    ----------
    lives : recarray of LIFE_DTYPE
        From `token_lives`.
    now_ns : int
        Until when those that are held count.

    Returns
    -------
    bins : list of Bin
        From the shortest to the longest, none left out between them; no time at all is a bin of its own, before them.
    """
    if len(lives) == 0:
        return []
    out = lives.returned_ns >= 0
    spent = np.where(out, lives.returned_ns, now_ns) - lives.born_ns
    # The exponent of a float is the number of bits of the integer, exactly so below 2^53.
    which = np.frexp(spent.astype(np.float64))[1].astype(np.int64)
    gone, held = (np.bincount(which[mask], minlength=65).tolist() for mask in (out, ~out))
    some = [k for k in range(1, 65) if gone[k] or held[k]]
    shown = [0] * bool(gone[0] or held[0]) + list(range(some[0], some[-1] + 1) if some else ())
    return [Bin(1 << k - 1 if k else 0, 1 << k, gone[k], held[k]) for k in shown]
