"""Replay of a trace: where each buffer of each page_pool was after every event.

Law.   A pool is a stack, a ring and what is out; the events say what moved, and the structure says from where.
Reads. Tracepoints page_pool_state_hold, page_pool_state_release, page_pool_recycle, rxq_post, rxq_complete, cmsg_dmabuf,
      dontneed; Linux net/core/page_pool.c (the ring refills the cache without a tracepoint of its own).
Omits. Buffers that left a pool without being posted to a card: the trace does not tell them from cached ones.
"""

from collections import deque

import numpy as np

from devmemlab.base.trace import (
    CMSG_DMABUF,
    DONTNEED,
    PAGE_POOL_RECYCLE,
    PAGE_POOL_STATE_HOLD,
    PAGE_POOL_STATE_RELEASE,
    RXQ_COMPLETE,
    RXQ_POST,
)
from devmemlab.mem.netmem import PLACE_CACHE
from devmemlab.mem.pool_table import PP_ALLOC_CACHE_REFILL, PROVIDERS

BANDS = ("posted", "socket", "token", "ring", "cached")
WHICH = {PAGE_POOL_STATE_HOLD: 1, PAGE_POOL_STATE_RELEASE: 1, PAGE_POOL_RECYCLE: 1, RXQ_POST: 2, RXQ_COMPLETE: 2,
         CMSG_DMABUF: 2, DONTNEED: 2}
"""Tracepoints that move buffers, and which argument names the buffer."""


class _Pool:
    """One pool while it is replayed."""

    def __init__(self):
        self.stack, self.ring = {}, deque()
        self.counts = dict.fromkeys(BANDS, 0)
        self.rows = []

    def series(self):
        """Make arrays of what was noted."""
        table = np.array(self.rows, np.int64).reshape(-1, 2 + len(BANDS))
        return {**dict(zip(("event", "time_ns", *BANDS), table.T)), "held": table[:, 2:].sum(axis=1)}


class Replay:
    """All pools of a trace, replayed.

    Parameters
    ----------
    trace : Trace
        Its events are read from first to last.

    Attributes
    ----------
    series : dict of int to dict of str to int64[n]
        Pool row -> ``event`` (its number in the trace), ``time_ns``, one array for each of `BANDS`, and ``held``, their sum:
        what is out of the provider. Of the pool that had the row last.
    earlier : list of (int, dict)
        Row and arrays of the pools before it: a row is used again, and a pool's hold_cnt begins at 1.
    lost : int
        Events that found no room in the trace.
    """

    def __init__(self, trace):
        events = trace.event[: int(trace.ctl[0].count)]
        kinds = np.asarray(events.kind)
        chosen = np.flatnonzero(np.isin(kinds, list(WHICH)))
        columns = [np.asarray(events[name])[chosen].tolist() for name in ("at_ns", "kind", "a", "b", "c")]
        self.lost = int(trace.ctl[0].lost)
        self._pools, self._home, self._place, self._tokens, gone = {}, {}, {}, {}, []
        for number, at_ns, kind, a, b, c in zip(chosen.tolist(), *columns):
            if kind == PAGE_POOL_STATE_HOLD and c == 1 and a in self._pools:
                gone.append((a, self._pools.pop(a)))
            pool = self._event(kind, a, b, c)
            if pool is not None:
                pool.rows.append((number, at_ns, *pool.counts.values()))
        self.series = {row: pool.series() for row, pool in sorted(self._pools.items())}
        self.earlier = [(row, pool.series()) for row, pool in gone]

    def _event(self, kind, a, b, c):
        """Take one event.

        Parameters
        ----------
        kind : int
            Tracepoint.
        a, b, c : int
            Its arguments.

        Returns
        -------
        pool : _Pool or None
            Whose counts changed.
        """
        netmem = b if WHICH[kind] == 1 else c
        if kind == PAGE_POOL_STATE_HOLD:
            self._home[netmem] = a
            self._move(netmem, "cached")
        elif netmem not in self._home:
            return None
        elif kind == PAGE_POOL_STATE_RELEASE:
            pool = self._pools[self._home[netmem]]
            self._move(netmem, None)
            del self._home[netmem]
            self._tokens.pop(netmem, None)
            return pool
        elif kind == PAGE_POOL_RECYCLE:
            self._tokens.pop(netmem, None)
            self._move(netmem, "cached" if c == PLACE_CACHE else "ring")
        elif kind == RXQ_POST:
            self._refill(netmem)
            self._move(netmem, "posted")
        elif kind == RXQ_COMPLETE:
            self._move(netmem, "socket")
        else:
            held = self._tokens[netmem] = self._tokens.get(netmem, 0) + (1 if kind == CMSG_DMABUF else -1)
            self._move(netmem, "token" if held > 0 else "socket")
        return self._pools[self._home[netmem]]

    def _refill(self, netmem):
        """Do what allocation did before it could hand out this buffer: refill the cache from the ring.

        Parameters
        ----------
        netmem : int
            What was handed out.
        """
        pool = self._pools[self._home[netmem]]
        if self._place.get(netmem) != "ring":
            return
        while pool.ring and len(pool.stack) < PP_ALLOC_CACHE_REFILL:
            self._move(pool.ring[0], "cached")

    def _move(self, netmem, band):
        """Put a buffer somewhere else.

        Parameters
        ----------
        netmem : int
            Handle.
        band : str or None
            One of `BANDS`; None: home to the provider.
        """
        pool = self._pools.setdefault(self._home[netmem], _Pool())
        old = self._place.pop(netmem, None)
        if old is not None:
            pool.counts[old] -= 1
            if old == "cached":
                del pool.stack[netmem]
            elif old == "ring":
                pool.ring.remove(netmem)
        if band is None:
            return
        self._place[netmem] = band
        pool.counts[band] += 1
        if band == "cached":
            pool.stack[netmem] = True
        elif band == "ring":
            pool.ring.append(netmem)


def pool_names(host):
    """Say what each pool of a host is for.

    Parameters
    ----------
    host : Host or Mem
        Whose pools.

    Returns
    -------
    names : dict of int to str
        By row, of the pools that are alive, oldest first.
    """
    pools = getattr(host, "mem", host).pools
    names = {}
    for row in sorted(map(int, np.flatnonzero(pools.ctl.alive)), key=lambda row: int(pools.ctl[row].id)):
        ctl = pools.ctl[row]
        queue = f", queue {int(ctl.queue)}" if ctl.ifindex else ""
        what = "host pages" if not ctl.provider else PROVIDERS[int(ctl.provider)]
        names[row] = f"page_pool {int(ctl.id)}{queue}: {what}{', detached' if ctl.detached else ''}"
    return names
