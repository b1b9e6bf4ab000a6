"""The film of tokens: octets come, a token is born, held, returned, and its buffer recycled; what never comes back stands out.

Law.   At the end each token is where `devmemlab.host.token_lives` has it; one that is not returned by then leaks from its birth.
Reads. host/token_lives.py for the lives; film.py.
Omits. Lanes beyond `MOST_LANES`: they are counted in every number and drawn in no lane. token_stage.py draws.

A *lane* is a row of the picture: lives that follow one another, of one buffer or of one token number.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.host.token_lives import LIFE_DTYPE, token_lives
from devmemlab.mem.provider_table import net_iov_binding_id, net_iov_virtual_offset
from devmemlab.view.film import Film, running

MOST_LANES, WINDOW, SECONDS, PAGE_SHIFT = 20, 96, 30, 12
BY = ("buffer", "token")
MOMENTS = ("arrived", "born", "returned", "recycled")
LINES = ("{amount} octets come to lie in buffer {item}", "token {item} is born: the program holds {amount} octets",
         "token {item} is returned", "buffer {item} is recycled: it may be used again")
NEVER = 1 << 30
"""Stands for a moment that does not come."""


class Lane(NamedTuple):
    """One row of the picture.

    name : str
        At its left.
    lives : list of int
        Rows of the lives, one after another.
    """

    name: str
    lives: list


def sort_into_lanes(lives, keys, names, most=MOST_LANES):
    """Choose what is drawn, and in which row.

    Parameters
    ----------
    lives : recarray of LIFE_DTYPE
        In the order in which tokens were handed out.
    keys : sequence of int
        For each life: what it shares a row with.
    names : dict of int to str
        Key -> what is written beside its first row.
    most : int
        Rows at most.

    Returns
    -------
    lanes : list of Lane
        By key; those with a leak are kept first, then those that were used last.
    """
    of_key, held = {}, set()
    for k, key in enumerate(keys):
        of_key.setdefault(key, []).append(k)
        if lives.returned[k] < 0:
            held.add(key)
    arrived, recycled, chosen, used = lives.arrived.tolist(), lives.recycled.tolist(), {}, 0
    for key in sorted(of_key, key=lambda key: (key not in held, -of_key[key][-1])):
        rows = []
        for k in of_key[key]:
            free = next((row for row in rows if 0 <= recycled[row[-1]] < arrived[k]), None)
            if free is None:
                rows.append(free := [])
            free.append(k)
        if used + len(rows) > most:
            continue
        used += len(rows)
        chosen[key] = rows
    return [Lane(names[key] if number == 0 else "", row) for key in sorted(chosen) for number, row in enumerate(chosen[key])]


def _events(lives):
    """List what happened, each moment once.

    Parameters
    ----------
    lives : recarray of LIFE_DTYPE
        Lives.

    Returns
    -------
    row, kind, life : int64[n]
        Row of the trace, index of `MOMENTS`, and a life that has this moment.
    """
    row = np.concatenate([lives[name] for name in MOMENTS])
    kind = np.repeat(np.arange(len(MOMENTS)), len(lives))
    life = np.tile(np.arange(len(lives)), len(MOMENTS))
    there = row >= 0
    code, first = np.unique(row[there] * len(MOMENTS) + kind[there], return_index=True)
    return code // len(MOMENTS), code % len(MOMENTS), life[there][first]


def token_film(lives, lanes, buffer, by="buffer", title="Lives of tokens"):
    """Make the film of some lives.

    Parameters
    ----------
    lives : recarray of LIFE_DTYPE
        In the order in which tokens were handed out; at least one.
    lanes : list of Lane
        From `sort_into_lanes`.
    buffer : int64[n_life]
        Number of each life's buffer, for people.
    by : str
        One of `BY`: what a row is; what is written on a bar is the other one.
    title : str
        Of the film.

    Returns
    -------
    film : Film
        Tracks ``waiting``, ``held``, ``leaked``, ``born``, ``returned`` and ``recycled``; ``lives`` and ``buffer`` as given.
    """
    row, kind, life = _events(lives)
    times = np.stack([lives[f"{name}_ns"] for name in MOMENTS])
    token, event = np.asarray(lives.token), np.arange(len(row))
    code = row * len(MOMENTS) + kind

    def place(name):
        moment = np.asarray(lives[name])
        return np.where(moment < 0, NEVER, np.searchsorted(code, moment * len(MOMENTS) + MOMENTS.index(name))).astype(np.int32)

    places = {name: place(name) for name in MOMENTS}
    born, back = np.sort(places["born"]), np.sort(places["returned"][lives.returned >= 0])
    lost = np.sort(places["born"][lives.returned < 0])
    first = {}
    for k, at in enumerate(places["arrived"].tolist()):
        first.setdefault(at, min(first.get(at, NEVER), int(places["born"][k])))
    came, left = np.sort(np.array(list(first))), np.sort(np.array(list(first.values())))

    def up_and_down(label, up, down):
        both = np.concatenate([up, down])
        order = np.argsort(both, kind="stable")
        return running(label, both[order], np.repeat([1, -1], [len(up), len(down)])[order])

    ones = np.ones_like
    tracks = {"waiting": up_and_down("pieces that wait in the socket", came, left),
              "held": up_and_down("tokens held", born, back),
              "leaked": running("of them never returned", lost, ones(lost)), "born": running("tokens born", born, ones(born)),
              "returned": running("tokens returned", back, ones(back)),
              "recycled": running("buffers recycled", event[kind == 3], ones(event[kind == 3]))}
    order = np.array([k for lane in lanes for k in lane.lives], np.int64)
    columns = {f"lives.{name}": places[name][order] for name in MOMENTS}
    columns["lives.number"] = (token if by == "buffer" else np.asarray(buffer))[order].astype(np.int32)
    columns["lives.first"] = np.cumsum([0, *(len(lane.lives) for lane in lanes)]).astype(np.int32)
    item = np.where((kind == 1) | (kind == 2), token[life], np.asarray(buffer)[life])
    film = Film(title, event * 1.0, LINES, kind, lives.octets[life], item, tracks, "event {k} of {n}, at {time}",
                max(len(row), 1) / SECONDS, times[kind, life], columns,
                {"lanes": [lane.name for lane in lanes], "window": min(max(len(row), 1), WINDOW), "by": by}, row)
    film.lives, film.buffer = lives, np.asarray(buffer)
    return film


def film_of_host(host, sock=None, by="buffer", title=None):
    """Make the film of the tokens of a host that records what happens.

    Parameters
    ----------
    host : Host
        Made with ``trace=True``.
    sock : int, optional
        Only tokens of this connection, a row.
    by : str
        One of `BY`.
    title : str, optional
        What was done.

    Returns
    -------
    film : Film
        See `token_film`.

    Raises
    ------
    ValueError
        The host records nothing, no token was handed out, or `by` is unknown.
    """
    if by not in BY:
        raise ValueError(f"by={by!r} is neither {BY[0]!r} nor {BY[1]!r}")
    if host.trace is None:
        raise ValueError(f"{host.name} records nothing: make it with lab.host(..., trace=True)")
    lives = token_lives(host.trace)
    if sock is not None:
        lives = lives[lives.sock == sock]
    if len(lives) == 0:
        raise ValueError(f"no token was handed out by {host.name} while it recorded")
    lives = np.asarray(lives, LIFE_DTYPE).view(np.recarray)
    tables, where = (host.mem.netmems, host.mem.providers), {}
    for netmem in set(lives.netmem.tolist()):
        where[netmem] = int(net_iov_binding_id(*tables, netmem)), int(net_iov_virtual_offset(*tables, netmem))
    shifts = {int(binding.id): int(binding.niov_shift) for binding in host.mem.providers.binding if binding.kind}
    number = {netmem: offset >> shifts.get(binding, PAGE_SHIFT) for netmem, (binding, offset) in where.items()}
    buffer = np.array([number[netmem] for netmem in lives.netmem.tolist()])
    many = len({int(sock) for sock in lives.sock}) > 1
    if by == "token":
        keys = (lives.sock * (1 << 32) + lives.token).tolist()
        names = {key: f"token {key & 0xFFFFFFFF}" + (f" of {key >> 32}" if many else "") for key in set(keys)}
    else:
        keys = lives.netmem.tolist()
        names = {netmem: f"buffer {at}" for netmem, at in number.items()}
    lanes = sort_into_lanes(lives, keys, names)
    return token_film(lives, lanes, buffer, by, title or f"Lives of {len(lives)} tokens of {host.name}")
