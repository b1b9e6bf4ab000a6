"""Lives of tokens, read from a trace: when the octets came, when a token was handed out, returned, and the buffer recycled.

Law.   Everything here was recorded; a life that the trace did not see from its beginning is not in the list.
Reads. base/trace: dma_payload, cmsg_dmabuf, dontneed, page_pool_recycle, page_pool_state_release.
Omits. Lines of programs: the watch knows those.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base import trace as tracepoints

LIFE_DTYPE = np.dtype([(name, np.int64) for name in (
    "sock", "token", "netmem", "octets", "arrived_ns", "born_ns", "returned_ns", "recycled_ns")])
"""One token. ``arrived_ns``: DMA wrote its octets last. ``returned_ns`` and ``recycled_ns`` are -1 until it happens."""


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
    events = events[np.isin(events.kind, kinds)]
    lives, live, resting, written = [], {}, {}, {}
    for at_ns, kind, a, b, c, d in zip(*(events[name].tolist() for name in ("at_ns", "kind", "a", "b", "c", "d"))):
        if kind == dma:
            written[b] = at_ns
        elif kind == born:
            life = [a, b, c, d, written.get(c, at_ns), at_ns, -1, -1]
            live[a, b] = life
            resting.setdefault(c, []).append(life)
            lives.append(life)
        elif kind == returned:
            if (a, b) in live:
                live.pop((a, b))[6] = at_ns
        elif kind in (recycle, release):
            for life in resting.pop(b, ()):
                life[7] = at_ns
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
        From the shortest to the longest, none left out between them; the first begins at 0.
    """
    if len(lives) == 0:
        return []
    out = lives.returned_ns >= 0
    spent = np.where(out, lives.returned_ns, now_ns) - lives.born_ns
    # The exponent of a float is the number of bits of the integer, exactly so below 2^53.
    which = np.frexp(spent.astype(np.float64))[1].astype(np.int64)
    first, last = int(which.min()), int(which.max())
    gone, held = (np.bincount(which[mask] - first, minlength=last - first + 1).tolist() for mask in (out, ~out))
    return [Bin(1 << k - 1 if k else 0, 1 << k, gone[k - first], held[k - first]) for k in range(first, last + 1)]
