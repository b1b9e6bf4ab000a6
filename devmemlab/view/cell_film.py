"""The film of a dmabuf: every move of every net_iov, and key frames that make any moment quick to reach.

Law.   At the end of the film each net_iov is where the tables say it is; at every moment the counts add up to their number.
Reads. pool_replay.py for the moves; heat_map.py for the states; tracepoint nic_drop for what found no buffer.
Omits. Bindings of more net_iovs than `MOST`: their key frames would fill the browser; heat_map.py draws their present.
"""

import numpy as np

from devmemlab.base import trace as tp
from devmemlab.mem.binding import EVENT_BIND
from devmemlab.nic.drops import DROP_REASONS
from devmemlab.view.film import Film, changing, running
from devmemlab.view.heat_map import CACHED, FREE, NAMES, POSTED, RING, SOCKET, TOKEN, find_binding
from devmemlab.view.pool_replay import WHICH, Replay
from devmemlab.view.still import STATES

MOST, SHORTEST, SECONDS = 1 << 20, 1024, 40
MOVES = {
    (FREE, CACHED): "the provider gives net_iov {item} to the pool's cache",
    (CACHED, POSTED): "net_iov {item} is posted to the card",
    (POSTED, SOCKET): "the card has filled net_iov {item}: it belongs to a packet now",
    (SOCKET, TOKEN): "net_iov {item} is handed to the program: a token",
    (TOKEN, TOKEN): "net_iov {item} has another token, or one less",
    (TOKEN, SOCKET): "the last token of net_iov {item} is given back",
    (SOCKET, RING): "net_iov {item} is back, in the pool's ring",
    (SOCKET, CACHED): "net_iov {item} is back, in the pool's cache",
    (RING, FREE): "net_iov {item} goes home from the ring to the provider",
    (CACHED, FREE): "net_iov {item} goes home from the cache to the provider",
}
"""Where from, where to -> how it is told."""

MANY = "{amount} net_iovs move from the ring to the cache, and net_iov {item} is posted to the card"
OTHER = "net_iov {item} moves"
BOUND = "{amount} net_iovs are bound, all of them free"
DROPS = tuple(f"the card drops a frame of {{amount}} octets: {why}" for why in DROP_REASONS)
LINES = (BOUND, MANY, OTHER, *MOVES.values(), *DROPS)


class Moves(Replay):
    """A replay that takes note of each move.

    Parameters
    ----------
    trace : Trace
        Its events are read from first to last.

    Attributes
    ----------
    moves : int64[m, 3]
        Which of the events that move buffers, handle, state.
    """

    def __init__(self, trace):
        self._noted, self._at = [], -1
        super().__init__(trace)
        self.moves = np.array(self._noted, np.int64).reshape(-1, 3)

    def _event(self, kind, a, b, c):
        self._at += 1
        return super()._event(kind, a, b, c)

    def _move(self, netmem, band):
        super()._move(netmem, band)
        self._noted.append((self._at, netmem, FREE if band is None else NAMES.index(band)))


def moved_by(trace, first, count, since):
    """List the moves of some net_iovs.

    Parameters
    ----------
    trace : Trace
        A trace.
    first, count : int
        Their netmem rows.
    since : int
        Number of the first event that counts.

    Returns
    -------
    event, buffer, state : int64[m]
        Event of the trace, net_iov from 0, index of ``devmemlab.view.heat_map.NAMES``.
    """
    kinds = np.asarray(trace.event[: int(trace.ctl[0].count)].kind)
    event = np.flatnonzero(np.isin(kinds, list(WHICH)))
    which, handle, state = Moves(trace).moves.T
    row = (handle >> 1) - first
    mine = (handle & 1 == 1) & (row >= 0) & (row < count)
    mine &= event[which] >= since
    return event[which[mine]], row[mine], state[mine]


def before(buffer, state):
    """Say where each move came from.

    Parameters
    ----------
    buffer, state : int64[m]
        Moves in order.

    Returns
    -------
    old : int64[m]
        State of the same buffer before; all begin free.
    """
    order = np.argsort(buffer, kind="stable")
    old = np.full(len(buffer), FREE)
    again = np.flatnonzero(np.diff(buffer[order]) == 0) + 1
    old[order[again]] = np.take(state, order[again - 1])
    return old


def states_at(film, position):
    """Say where each net_iov is at a position.

    Parameters
    ----------
    film : Film
        From `cell_film`.
    position : int
        How many events have happened.

    Returns
    -------
    states : uint8[n]
        Indices of ``devmemlab.view.heat_map.NAMES``.
    """
    states = np.zeros(film.facts["cells"]["count"], np.uint8)
    seen = int(np.searchsorted(film.columns["cells.event"], position))
    # Of several values for one index put keeps the last: the newest move of each buffer.
    np.put(states, film.columns["cells.buffer"][:seen], film.columns["cells.state"][:seen])
    return states


def key_frames(count, buffer, state, every):
    """Make key frames.

    Parameters
    ----------
    count : int
        Buffers.
    buffer, state : int64[m]
        Moves in order.
    every : int
        Moves between two key frames.

    Returns
    -------
    keys : uint8[count * k]
        States before moves 0, `every`, twice `every` and so on.
    """
    now, keys = np.zeros(count, np.uint8), []
    for start in range(0, len(buffer) + 1, every):
        keys.append(now.copy())
        np.put(now, buffer[start:start + every], state[start:start + every])
    return np.concatenate(keys)


def cell_columns(count, event, buffer, state, per_cell=1):
    """Pack moves as the player wants them.

    Parameters
    ----------
    count : int
        Buffers.
    event, buffer, state : int64[m]
        Moves in order, by number of the event in the film.
    per_cell : int
        Buffers that share a cell.

    Returns
    -------
    columns, facts : dict, dict
        For `devmemlab.view.film.Film`.
    """
    every = max(SHORTEST, count)
    columns = {"cells.event": event.astype(np.int32), "cells.buffer": buffer.astype(np.int32),
               "cells.state": state.astype(np.uint8), "cells.keys": key_frames(count, buffer, state, every)}
    letters = ["" if name == "free" else STATES[name].letter for name in NAMES]
    return columns, {"count": count, "every": every, "per_cell": per_cell, "states": list(NAMES), "letters": letters}


def cell_film(host, binding=None, over=None, per_cell=lambda count: 1):
    """Make the film of a binding's net_iovs.

    Parameters
    ----------
    host : Host
        Made with ``trace=True``.
    binding : int or dict, optional
        See `devmemlab.view.heat_map.find_binding`.
    over : str, optional
        ``"time"`` plays at the pace of virtual time, ``"event"`` one event after another; what fits when left out.
    per_cell : callable
        How many net_iovs of so many share a cell.

    Returns
    -------
    film : Film
        A track for each state.

    Raises
    ------
    ValueError
        There is no trace or no binding, or it is too large.
    """
    if host.trace is None:
        raise ValueError("there is no trace; make the host with lab.host(..., trace=True)")
    if over not in (None, "time", "event"):
        raise ValueError(f"over={over!r} is neither 'time' nor 'event'")
    row = find_binding(host.mem, binding)
    own = host.mem.providers.binding[row]
    count = int(own.niov_count)
    if count > MOST:
        raise ValueError(f"{count:,} net_iovs are too many to play (at most {MOST:,}); look at heat_map")
    events = host.trace.event[: int(host.trace.ctl[0].count)]
    kinds = np.asarray(events.kind)
    bound = np.flatnonzero((kinds == tp.BINDING) & (events.a == row) & (events.b == EVENT_BIND))
    since = int(bound[-1]) if len(bound) else 0
    event, buffer, state = moved_by(host.trace, int(own.niov_first), count, since)
    queues = {int(pool.queue) for pool in host.mem.pools.ctl if pool.alive and pool.provider and int(pool.mp_priv) == row}
    drops = np.flatnonzero((kinds == tp.NIC_DROP) & np.isin(events.a, list(queues)) & (np.arange(len(kinds)) >= since))
    number = np.unique(np.concatenate([[since - 1], event, drops]))     # the first is the binding itself
    at = np.searchsorted(number, event)
    old = before(buffer, state)
    kind, amount, item = (np.zeros(len(number), np.int64) for _ in range(3))
    moves = {pair: LINES.index(line) for pair, line in MOVES.items()}
    kind[at] = [moves.get(pair, 2) for pair in zip(old.tolist(), state.tolist())]
    item[at] = buffer
    amount += np.bincount(at, minlength=len(number))
    kind[amount > 1], amount[amount > 1] = 1, amount[amount > 1] - 1
    at_drop = np.searchsorted(number, drops)
    kind[at_drop] = LINES.index(DROPS[0]) + events.b[drops]
    amount[at_drop], amount[0] = events.c[drops], count
    tracks = {}
    for i, name in enumerate(NAMES):
        each = np.bincount(at, (state == i).astype(int) - (old == i), len(number)).astype(np.int64)
        each[0] += count * (i == FREE)
        tracks[name] = changing(STATES[name].meaning, np.cumsum(each))
    if len(drops):
        tracks["dropped"] = running("frames dropped by the card", at_drop, np.ones(len(drops)))
    time_ns = events.at_ns[np.maximum(number, 0)] if len(events) else np.zeros(1)
    same = len(np.unique(time_ns)) < 3
    over = over or ("event" if same else "time")
    played = np.arange(len(number)) if over == "event" else time_ns - time_ns[0]
    columns, cells = cell_columns(count, at, buffer, state, per_cell(count))
    readout = "event {k} of {n}" + ", at {time}" * (not same)
    return Film("Where the net_iovs of a dmabuf were", played, LINES, kind, amount, item, tracks, readout,
                max(float(played[-1]), 1.0) / SECONDS, time_ns, columns,
                {"cells": cells, "niov_bytes": 1 << int(own.niov_shift), "name": f"binding {int(own.id)}"},
                number)
