"""The film of tokens against the lives it is made of, moment by moment, and against the tables of the host at the end."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.host.token_lives import LIFE_DTYPE, token_lives
from devmemlab.lab import scenes_tokens as scenes
from devmemlab.view.token_film import MOST_LANES, NEVER, sort_into_lanes, token_film
from devmemlab.view.token_stage import lane_shapes, token_stage

pytestmark = pytest.mark.every_mode


@pytest.fixture(scope="module")
def scene():
    """One connection: returned, leaked, two tokens of one buffer at a time."""
    made = scenes.start(pages=24, ring=8)
    for k in range(7):
        made.arrive(bytes([k]) * 100)
        if k == 3:
            scenes.take(made.conn, dml.MSG_PEEK)
        pieces = scenes.take(made.conn)
        if k != 2:
            made.host.dontneed_tokens(made.conn, pieces)
    made.arrive(b"waits" * 20)
    yield made
    scenes.close(made)


@pytest.mark.parametrize("by", ["buffer", "token"])
def test_at_every_moment_the_counts_are_what_the_lives_say(scene, by):
    player, lives = dml.token_player(scene.host, by=by), token_lives(scene.host.trace)
    rows = player.film.number
    for position in range(len(player.film) + 1):
        now, values = (rows[position - 1] if position else -1), player.film.values(position)
        born = int((lives.born <= now).sum())
        returned = int(((lives.returned >= 0) & (lives.returned <= now)).sum())
        assert (values["born"], values["returned"], values["held"]) == (born, returned, born - returned)
        assert values["leaked"] == int(((lives.returned < 0) & (lives.born <= now)).sum())
        assert 0 <= values["waiting"] <= 1 and values["recycled"] == len({int(r) for r in lives.recycled if 0 <= r <= now})
        player.position = position
        assert len(player.leaks) == values["leaked"]
    report = scene.host.token_report()
    assert player.values["held"] == report.held == player.values["leaked"] == 2 == scene.host.audit().tokens
    assert player.lives[0][0] == 1 and sorted(player.tokens) == sorted(set(lives.token.tolist()))


def bars(film, position):
    """What is drawn: (path name, x, y, width) of each bar."""
    shapes, words = lane_shapes(film, position)
    found = [(name, float(x), float(y), float(w)) for name in ("waits", "held", "leaks")
             for x, y, w in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)", shapes[name])]
    return found, [word for _, _, word, _ in words], shapes


def test_every_token_has_its_bar_and_leaks_stand_out(scene):
    film = dml.token_player(scene.host).film
    found, words, shapes = bars(film, len(film))
    assert [name for name, *_ in found].count("held") == 6 and [name for name, *_ in found].count("leaks") == 2
    assert words.count("never returned") == 2 and shapes["free"].count("M") == int((film.lives.recycled >= 0).sum())
    born = int(np.sort(film.columns["lives.born"][film.columns["lives.returned"] == NEVER])[0])
    for position, seen in ((born, 0), (born + 1, 1)):
        assert bars(film, position)[1].count("never returned") == seen, "a leak is marked from its birth on, and not before"
    for position in range(len(film) + 1):
        tokens = [(x, y, w) for name, x, y, w in bars(film, position)[0] if name != "waits"]
        for k, (x, y, w) in enumerate(tokens):
            for x2, y2, w2 in tokens[k + 1:]:
                assert y != y2 or x + w <= x2 + 0.02 or x2 + w2 <= x + 0.02, "bars of one lane do not overlap"
        assert len(tokens) == film.value("born", position)
        waits = [one for one in bars(film, position)[0] if one[0] == "waits"]
        assert len(waits) == int((film.columns["lives.arrived"] < position).sum()), "what has not come is not drawn"


def test_rows_are_buffers_or_numbers(scene):
    by_buffer, by_token = (dml.token_player(scene.host, scene.conn, by=by) for by in ("buffer", "token"))
    assert len(by_buffer.film.facts["lanes"]) == 8 and by_buffer.film.facts["lanes"].count("") == 1
    assert [name for name in by_token.film.facts["lanes"] if name] == ["token 1", "token 2", "token 3"]
    named = [name.split()[1] for name in by_buffer.film.facts["lanes"] if name]
    assert {life[3] for life in by_token.lives} == {f"net_iov {name}" for name in named}
    for wrong, said in ((dict(by="page"), "neither 'buffer' nor 'token'"), ({}, "sender")):
        with pytest.raises(ValueError, match=said):
            dml.token_player(scene.host if wrong else scene.sender, **wrong)


def long(n=600, rooms=30):
    lives = np.zeros(n, LIFE_DTYPE).view(np.recarray)
    which = np.arange(n)
    lives.netmem, lives.token = 2 * (which % rooms) + 1, which % rooms
    for turn, name in enumerate(("arrived", "born", "returned", "recycled")):
        lives[name] = lives[f"{name}_ns"] = which * 4 + turn
    for name in ("returned", "recycled"):
        lives[name][3] = -1
    names = {netmem: f"buffer {netmem // 2}" for netmem in set(lives.netmem.tolist())}
    return lives, sort_into_lanes(lives, lives.netmem.tolist(), names)


def test_of_many_buffers_those_with_leaks_are_kept_and_the_window_moves():
    lives, lanes = long()
    assert len(lanes) == MOST_LANES and "buffer 3" in [lane.name for lane in lanes]
    film = token_film(lives, lanes, lives.netmem // 2)
    assert film.facts["window"] == 96 < len(film) and film.value("born", len(film)) == 600
    found, words, _ = bars(film, len(film))
    assert "never returned" in words and all(92 <= x <= 92 + 504 + 2 for _, x, _, _ in found)
    assert len(found) < 60, "what has left the window is not drawn"
    assert next(w for name, x, _, w in found if name == "leaks") == pytest.approx(504, abs=1), "a leak reaches through the window"


def test_it_shows_without_a_kernel_and_is_the_same_every_time(scene, tmp_path):
    player = dml.token_player(scene.host)
    data, metadata = player._repr_mimebundle_()
    assert data["image/svg+xml"] == player.svg() == scene.host.token_player().svg()
    assert metadata["image/svg+xml"]["alt"] == player.text
    half = len(player.film) // 2
    root = ElementTree.fromstring(player.save(tmp_path / "tokens.svg", half).read_text())
    assert root[1].text == player.film.words(half) and token_stage(player.film, half) != player.svg()
