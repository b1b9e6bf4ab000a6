"""Films and the player without a browser: counts, packing, and what a cell can do with a player."""

import re

import numpy as np
import pytest
import traitlets
from hypothesis import given
from hypothesis import strategies as st

from devmemlab.view.film import KINDS, Film, Track, changing, running, spell_time
from devmemlab.view.player import MODULES, STATIC, Player, bundle
from tests.browser.player_kit import small_film, small_player, small_scene

pytestmark = pytest.mark.once


@given(st.lists(st.integers(-3, 3), max_size=40))
def test_a_count_at_any_position_is_what_a_loop_counts(steps):
    level = np.cumsum(np.array(steps, np.int64))
    event = np.flatnonzero(steps)
    film = Film("t", np.arange(len(steps)), ["x"], *[np.zeros(len(steps))] * 3,
                {"changing": changing("", level), "running": running("", event, np.array(steps, np.int64)[event])}, "", 1)
    for position in range(len(steps) + 1):
        assert film.values(position) == dict.fromkeys(("changing", "running"), sum(steps[:position]))


def unpacked(facts, octets):
    return {name: np.frombuffer(octets, KINDS[kind], length, at) for name, (kind, at, length) in facts["columns"].items()}


def test_what_is_packed_can_be_unpacked():
    film = small_film()
    facts, octets = film.packed()
    columns = unpacked(facts, octets)
    assert all(at % 8 == 0 for _, at, _ in facts["columns"].values()) and facts["n"] == 40
    assert np.array_equal(columns["at"], film.at) and np.array_equal(columns["item"], film.item)
    assert columns["odd.event"].tolist() == list(range(1, 40, 2)) and columns["wave.value"][:3].tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="column x has dtype int64"):
        Film("t", [], ["x"], [], [], [], {}, "", 1, columns={"x": np.zeros(3, np.int64)}).packed()


def test_a_film_says_what_happened():
    film = small_film()
    assert film.line(4) == "thing 4 of 4,000 octets" and film.line(5) == "another, 5"
    assert film.log(2) == ["another, 1", "thing 0 of 0 octets"] and film.log(0) == [] and len(film.log(40)) == 6
    assert film.place(3) == "1 odd, 3 of 40, at 2.468 \u00b5s"
    assert film.words(40).splitlines() == ["A small film; 20 odd, 40 of 40, at 48.126 \u00b5s", "  all there was: 40",
                                           "  odd ones: 20", "  a level: 4"]
    assert [spell_time(ns) for ns in (0, 999, 1_500, 2_000_000, 3_250_000_000)] == [
        "0 ns", "999 ns", "1.500 \u00b5s", "2.000 ms", "3.250 s"]


def test_positions_are_clamped_and_count_from_the_end():
    film = small_film()
    assert [film.clamp(k) for k in (-100, -41, -40, -1, 0, 7, 40, 41)] == [0, 0, 1, 40, 0, 7, 40, 40]


@pytest.mark.parametrize("change, says", [({"at": [0, 2, 1]}, "time falls"), ({"kind": [0]}, "not equally long")])
def test_a_film_refuses(change, says):
    given = {"at": [0, 1, 2], "kind": [0] * 3, "amount": [0] * 3, "item": [0] * 3, **change}
    with pytest.raises(ValueError, match=says):
        Film("t", lines=["x"], tracks={}, readout="", rate=1, **given)


def test_a_film_of_nothing_can_be_shown():
    film = Film("Nothing", [], ["x"], [], [], [], {"a": Track("a", np.zeros(0, np.int32), np.zeros(0))}, "{k} of {n}, {a}", 1)
    assert film.words() == "Nothing; 0 of 0, 0\n  a: 0" and film.packed()[0]["n"] == 0


def test_a_cell_moves_the_player():
    player = small_player()
    assert player.position == 0 and player.values == {"all": 0, "odd": 0, "wave": 0}
    assert player.step() == ["thing 0 of 0 octets"] and player.step(-5) == [] and player.position == 0
    player.position = -1
    assert player.position == 40 and player.values["odd"] == 20
    player.position = 1000
    assert player.position == 40 and player.step(1)[0] == "another, 39"
    assert "all there was: 40" in player.text == repr(player)


def test_what_the_page_tells_is_heard():
    player, heard = small_player(), []
    player.observe(lambda change: heard.append((change["name"], change["new"])), ["position", "playing", "speed"])
    player.set_state({"playing": True})
    player.set_state({"speed": 16.0})
    player.set_state({"position": 12, "playing": False})
    assert ("position", 12) in heard and ("speed", 16.0) in heard and player.playing is False and player.values["all"] == 12
    with pytest.raises(traitlets.TraitError, match="speed 3.0 is none of 0.25, 1.0, 4.0, 16.0, 64.0"):
        player.speed = 3.0


def test_without_a_kernel_there_is_a_picture_with_words(tmp_path):
    player = small_player(position=7)
    data, metadata = player._repr_mimebundle_()
    assert data["image/svg+xml"] == player.svg() == small_scene(player.film, 7)
    assert data["text/html"].startswith('<img alt="A small film; 3 odd, 7 of 40') and data["text/plain"] == player.text
    assert metadata["image/svg+xml"]["alt"] == player.text
    assert "all: 40" in player.save(tmp_path / "x.svg", -1).read_text() and player.position == 7
    again, _ = small_player(position=7)._repr_mimebundle_()
    assert {k: v for k, v in again.items() if "widget" not in k} == {k: v for k, v in data.items() if "widget" not in k}


def test_a_film_goes_to_the_page_once_and_as_octets():
    state = small_player().get_state()
    assert isinstance(state["octets"], bytes) and len(state["octets"]) == len(small_film().packed()[1])
    assert state["facts"]["speeds"] and set(state) >= {"position", "playing", "speed", "scene", "facts", "octets"}


def test_modules_are_joined_into_one():
    text = bundle()
    assert not re.search(r"^import ", text, re.M) and re.findall(r"^export .*", text, re.M) == ["export default { render };"]
    names = re.findall(r"^(?:export )?(?:const|let|class|function) (\w+)", text, re.M)
    assert len(names) == len(set(names)), "modules share one scope when they are joined"
    for i, name in enumerate(MODULES):
        wanted = set(re.findall(r'from "\./(\w+\.js)"', (STATIC / name).read_text()))
        assert wanted <= set(MODULES[:i]), f"{name} imports what comes later"
    assert "http" not in text.replace("http://www.w3.org/2000/svg", ""), "nothing is fetched"


def test_the_joined_module_is_what_the_widget_has():
    assert Player._esm == bundle() or str(Player._esm) == bundle()
