"""The film of a page_pool: which way each buffer went, counted at every way.

Law.   The ways are read off what changed between two moments; cache, ring and what is out add up to hold_cnt - release_cnt.
Reads. pool_replay.py for the moments; tracepoints page_pool_empty and nic_drop for what was asked in vain.
Omits. Buffers that leave a pool without being posted: see pool_replay.py.
"""

import numpy as np

from devmemlab.base import trace as tp
from devmemlab.mem.pool_table import PP_ALLOC_CACHE_SIZE, PROVIDERS
from devmemlab.nic.drops import DROP_REASONS
from devmemlab.view.film import Film, changing, running
from devmemlab.view.pool_replay import BANDS, Replay, pool_names

SECONDS = 40
WAYS = {
    "hold": ("from the provider", "the provider gives the pool a buffer: {item} so far"),
    "release": ("home to the provider", "{amount} buffers go home to the provider"),
    "refill": ("from the ring to the cache", "the cache is empty: {amount} buffers come from the ring, one goes on to the card"),
    "post": ("from the cache to the card", "a buffer from the cache is posted to the card: {item} so far"),
    "fill": ("filled by the card", "the card has filled a buffer, it belongs to a packet now: {item} so far"),
    "give": ("handed out as tokens", "a buffer is handed to the program, as a token: {item} so far"),
    "back": ("tokens that came back", "the last token of a buffer is given back, its packet still holds it: {item} so far"),
    "to_cache": ("returned to the cache", "a buffer is back, in the cache: {item} so far"),
    "to_ring": ("returned to the ring", "a buffer is back, in the ring: {item} so far"),
}
"""Way -> what is counted, and how it is told."""

EMPTY = ("found the ring empty", "cache and ring are empty: the provider has to be asked")
LINES = (*(line for _, line in WAYS.values()), EMPTY[1], "buffers move",
         *(f"the card drops a frame of {{amount}} octets: {why}" for why in DROP_REASONS))
LABELS = {"held": "out of the provider", "posted": "posted to the card", "socket": "in a socket (skb frag)",
          "token": "held by a token", "ring": "pool ring", "cached": "pool cache"}


def ways(line):
    """Read off which way buffers went.

    Parameters
    ----------
    line : dict of str to int64[m]
        Of one pool, see `devmemlab.view.pool_replay.Replay`.

    Returns
    -------
    taken : dict of str to int64[m]
        How many buffers went each of `WAYS` with each event.
    """
    change = {band: np.diff(line[band], prepend=0) for band in (*BANDS, "held")}
    posted, ring, socket, token = change["posted"] > 0, change["ring"], change["socket"], change["token"]
    taken = {
        "hold": np.maximum(change["held"], 0),
        "release": np.maximum(-change["held"], 0),
        "refill": np.where(posted, np.maximum(-ring, 0), 0),
        "post": posted.astype(int),
        "fill": (change["posted"] < 0) & (socket > 0),
        "give": token > 0,
        "back": (token < 0) & (socket > 0),
        "to_cache": (change["cached"] > 0) & (change["held"] == 0) & ~posted,
        "to_ring": ring > 0,
    }
    return {name: np.asarray(count, np.int64) for name, count in taken.items()}


def find_pool(host, replay, pool=None):
    """Find the pool that is meant.

    Parameters
    ----------
    host : Host
        Whose pools.
    replay : Replay
        Of its trace.
    pool : int, optional
        A row; the first one with a memory provider that has moved buffers, else the first one, when left out.

    Returns
    -------
    row : int
        Of ``host.mem.pools``.

    Raises
    ------
    ValueError
        It has not moved a buffer.
    """
    names = pool_names(host)
    there = [row for row in names if row in replay.series] or list(replay.series)
    if not there:
        raise ValueError("no pool has moved a buffer yet")
    if pool is None:
        return next((row for row in there if row in names and host.mem.pools.ctl[row].provider), there[0])
    if pool not in replay.series:
        raise ValueError(f"pool {pool} is none of those that moved buffers: {', '.join(map(str, there))}")
    return pool


def pool_film(host, pool=None, over=None):
    """Make the film of a page_pool.

    Parameters
    ----------
    host : Host
        Made with ``trace=True``.
    pool : int, optional
        See `find_pool`.
    over : str, optional
        ``"time"`` plays at the pace of virtual time, ``"event"`` one event after another; what fits when left out.

    Returns
    -------
    film : Film
        A track for each way, and one for each place where buffers are.

    Raises
    ------
    ValueError
        There is no trace, or no such pool.
    """
    if host.trace is None:
        raise ValueError("there is no trace; make the host with lab.host(..., trace=True)")
    if over not in (None, "time", "event"):
        raise ValueError(f"over={over!r} is neither 'time' nor 'event'")
    replay = Replay(host.trace)
    row = find_pool(host, replay, pool)
    ctl, line = host.mem.pools.ctl[row], replay.series[row]
    events = host.trace.event[: int(host.trace.ctl[0].count)]
    kinds, first = np.asarray(events.kind), int(line["event"][0])
    here = np.arange(len(kinds)) >= first
    # The pool asks its ring before it asks the provider for the very first buffer.
    asked = np.flatnonzero((kinds == tp.PAGE_POOL_EMPTY) & (events.a == row) & (np.arange(len(kinds)) >= first - 1))
    drops = np.flatnonzero((kinds == tp.NIC_DROP) & (events.a == ctl.queue) & here) if ctl.ifindex else np.zeros(0, int)
    taken = ways(line)
    moving = np.any(list(taken.values()), axis=0)
    number = np.unique(np.concatenate([line["event"][moving], asked, drops]))
    at, at_asked, at_drop = (np.searchsorted(number, some) for some in (line["event"][moving], asked, drops))
    kind, amount, item = np.full(len(number), len(WAYS) + 1), np.ones(len(number), np.int64), np.zeros(len(number), np.int64)
    for i, name in enumerate(WAYS):
        # A refill is posted as well; what is told is the first of both.
        went = taken[name][moving]
        chosen = (went > 0) & ((name != "post") | (taken["refill"][moving] == 0))
        kind[at[chosen]], amount[at[chosen]], item[at[chosen]] = i, went[chosen], np.cumsum(went)[chosen]
    kind[at_asked] = len(WAYS)
    kind[at_drop], amount[at_drop] = len(WAYS) + 2 + events.b[drops], events.c[drops]
    tracks = {}
    for name, (label, _) in WAYS.items():
        went = np.flatnonzero(taken[name][moving])
        tracks[name] = running(label, at[went], taken[name][moving][went])
    refills = np.flatnonzero(taken["refill"][moving])
    tracks["refills"] = running("refills", at[refills], np.ones(len(refills)))
    tracks["empty"] = running(EMPTY[0], at_asked, np.ones(len(asked)))
    for band, label in LABELS.items():
        known = changing(label, line[band][moving])
        tracks[band] = known._replace(event=at[known.event].astype(np.int32))
    if len(drops):
        tracks["dropped"] = running("frames dropped by the card", at_drop, np.ones(len(drops)))
    time_ns = np.asarray(events.at_ns)[number]
    same = len(np.unique(time_ns)) < 3
    over = over or ("event" if same else "time")
    played = np.arange(len(number)) if over == "event" else time_ns - time_ns[0]
    facts = {"row": row, "name": pool_names(host).get(row, f"page_pool in row {row}"),
             "provider": PROVIDERS[int(ctl.provider)] if ctl.provider else "host pages",
             "cache": PP_ALLOC_CACHE_SIZE, "ring": int(host.mem.pools.ring.ctl[row].capacity)}
    return Film(f"What moved in {facts['name']}", played, LINES, kind, amount, item, tracks,
                "event {k} of {n}" + ", at {time}" * (not same), max(float(played[-1]), 1.0) / SECONDS, time_ns, facts=facts,
                number=number)
