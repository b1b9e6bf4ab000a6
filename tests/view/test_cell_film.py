"""The film of a dmabuf and of its pool against the tables, taken down while it was made."""

import random

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.base.trace import events
from devmemlab.view.cell_film import MOST, before, cell_columns, cell_film, key_frames, states_at
from devmemlab.view.heat_film import heat_film, niovs_per_cell
from devmemlab.view.heat_map import FREE, NAMES, heat_map
from devmemlab.view.pool_film import WAYS
from devmemlab.view.pool_film import pool_film as make_pool_film
from devmemlab.view.pool_stage import pool_film
from tests.scripts.kit import Script

STATS = {"hold": "hold_cnt", "release": "release_cnt", "refills": "alloc_refill", "empty": "alloc_empty",
         "to_cache": "recycle_cached", "to_ring": "recycle_ring"}


def taken(host):
    """What the tables say now, and how many events have happened."""
    pool = next(row for row in np.flatnonzero(host.mem.pools.ctl.alive) if host.mem.pools.ctl[row].provider)
    ctl = host.mem.pools.ctl[pool]
    return int(host.trace.ctl[0].count), heat_map(host).states.copy(), {way: int(ctl[name]) for way, name in STATS.items()}


@pytest.fixture(scope="module", params=["6.18", "next"])
def played(request):
    """A transfer with a program that returns tokens in any order, and what the tables said after each step."""
    dice, notes = random.Random(7), []
    with Script(device=True, dmabuf="512KiB", trace=True, kernel=request.param, rx_ring=32) as s:
        s.handshake()
        held = []
        for step in range(8):
            for _ in range(dice.randrange(1, 12)):
                s.data(bytes([step]) * dice.choice([1, 700, 1448]))
            if dice.random() < 0.7:
                _, pieces = s.recvmsg(control=dml.CMSG_SPACE(24) * dice.randrange(1, 40))
                held += [int(piece.frag_token) for piece in pieces]
            dice.shuffle(held)
            for _ in range(dice.randrange(0, len(held) + 1)):
                s.host.dontneed(s.conn, [(held.pop(), 1)])
            notes.append(taken(s.host))
        yield s.host, notes


def test_at_every_moment_each_net_iov_is_where_the_tables_said(played):
    host, notes = played
    film = cell_film(host)
    for seen, states, _ in notes:
        position = int(np.searchsorted(film.number, seen))
        assert np.array_equal(states_at(film, position), states)
        counted = np.bincount(states, minlength=len(NAMES))
        assert [film.value(name, position) for name in NAMES] == counted.tolist()
    assert np.array_equal(heat_film(host, position=-1).states, notes[-1][1])


def test_counts_add_up_to_the_number_of_net_iovs_at_every_position(played):
    film = cell_film(played[0])
    assert {sum(film.value(name, k) for name in NAMES) for k in range(1, len(film) + 1)} == {128}
    assert [film.value(name, 0) for name in NAMES] == [0] * 7


def test_every_way_of_the_pool_is_counted_as_the_pool_counts_it(played):
    host, notes = played
    film = make_pool_film(host)
    for seen, states, stats in notes:
        position = int(np.searchsorted(film.number, seen))
        assert {way: film.value(way, position) for way in STATS} == stats
        counts = np.bincount(states, minlength=len(NAMES))
        assert [film.value(name, position) for name in ("posted", "socket", "token", "ring", "cached")] == [
            counts[NAMES.index(name)] for name in ("posted", "socket", "token", "ring", "cached")]


def test_what_went_in_and_did_not_come_out_is_there(played):
    film = make_pool_film(played[0])
    for k in range(len(film) + 1):
        v = film.values(k)
        assert v["hold"] - v["release"] == v["held"] == sum(v[name] for name in ("posted", "socket", "token", "ring", "cached"))
        assert v["post"] - v["fill"] == v["posted"] and v["give"] - v["back"] >= v["token"]
    assert set(WAYS) <= set(film.tracks)
    said = [film.line(i) for i in range(len(film))]
    assert f"a buffer is back, in the ring: {v['to_ring']} so far" in said
    assert [line for line in said if " filled " in line][-1].endswith(f": {v['fill']} so far")


def seek(columns, facts, position):
    """What cells.js does: the nearest key frame, then what is left."""
    seen = int(np.searchsorted(columns["cells.event"], position))
    key = seen // facts["every"]
    now = columns["cells.keys"][key * facts["count"]:(key + 1) * facts["count"]].copy()
    for i in range(key * facts["every"], seen):
        now[columns["cells.buffer"][i]] = columns["cells.state"][i]
    return now


def test_from_a_key_frame_any_moment_is_reached_in_few_steps():
    dice = np.random.default_rng(1)
    count, moves = 50, 5000
    event, buffer = np.sort(dice.integers(0, 4000, moves)), dice.integers(0, count, moves)
    state = dice.integers(0, 7, moves)
    columns, facts = cell_columns(count, event, buffer, state)
    assert facts["every"] == 1024 and len(columns["cells.keys"]) == 5 * count
    for position in (0, 1, 999, 1000, 2500, 3999, 4000):
        now = np.zeros(count, int)
        for e, b, s in zip(event, buffer, state):
            if e < position:
                now[b] = s
        assert np.array_equal(seek(columns, facts, position), now)
    assert len(key_frames(3, np.zeros(2048, int), np.zeros(2048, int), 1024)) == 9


def test_where_a_move_came_from():
    assert before(np.array([1, 2, 1, 1]), np.array([3, 4, 5, 1])).tolist() == [FREE, FREE, 3, 5]
    assert before(np.array([], int), np.array([], int)).tolist() == []


def test_a_starved_card_is_told_of():
    with Script(device=True, dmabuf="64KiB", trace=True, rx_ring=16) as s:
        s.handshake()
        for _ in range(24):
            s.data(bytes(1000))
        film, pool = cell_film(s.host), make_pool_film(s.host)
        said = [film.line(i) for i in range(len(film))]
        lost = [line for line in said if line.startswith("the card drops a frame of 1,0")]
        assert len(lost) == film.values()["dropped"] == pool.values()["dropped"] > 0
        assert len(lost) == len([e for e in events(s.host.trace, "nic_drop") if e["queue"] == 1])
        assert film.values()["posted"] == 0 and "frames dropped by the card: " in heat_film(s.host).svg()


def test_it_begins_where_most_is_held_by_tokens(played):
    player = heat_film(played[0])
    assert player.values["token"] == max(player.film.value("token", k) for k in range(len(player.film) + 1)) > 0


def test_pictures_are_the_same_every_time_and_say_what_they_show(played):
    for make in (heat_film, pool_film):
        one, other = make(played[0], position=100), make(played[0], position=100)
        assert one.svg() == other.svg() and one.svg() != one.svg(200) and len(one.text) > 100
        assert one.text.splitlines()[0] in one._repr_mimebundle_()[0]["text/html"].replace("&#x27;", "'")


def test_time_plays_at_the_pace_of_virtual_time():
    with Script(device=True, dmabuf="128KiB", trace=True) as s:
        s.handshake()
        for wait in (1, 5, 20):
            s.wait(wait)
            s.data(bytes(1000))
        film = cell_film(s.host)
        assert film.at[-1] == film.time_ns[-1] - film.time_ns[0] >= 26_000_000 and " ms" in film.place(len(film))
        assert cell_film(s.host, over="event").at.tolist() == list(range(len(film)))
        for make in (cell_film, make_pool_film):
            with pytest.raises(ValueError, match="over='packets'"):
                make(s.host, over="packets")


def test_what_cannot_be_played_is_refused(played):
    with Script(device=True) as s:
        for make in (heat_film, pool_film):
            with pytest.raises(ValueError, match="there is no trace"):
                make(s.host)
    with pytest.raises(ValueError, match="pool 99 is none of those that moved buffers"):
        pool_film(played[0], 99)
    with pytest.raises(ValueError, match="no binding 77"):
        heat_film(played[0], 77)


def test_a_large_dmabuf_shares_cells():
    assert [niovs_per_cell(count) for count in (1, 2048, 2049, 10_000, MOST)] == [1, 1, 2, 8, 512]
