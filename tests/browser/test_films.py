"""The films in Chromium: what JavaScript makes of a scene is what Python draws, and a million events do not hurt."""

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.base import trace as tp
from devmemlab.host.token_lives import LIFE_DTYPE
from devmemlab.lab.segments import Conversation, Segment
from devmemlab.lab.skb_watch import SkbWatch
from devmemlab.view.bus_map import BusMap, bus_map
from devmemlab.view.cell_film import cell_columns
from devmemlab.view.film import Film, changing, running
from devmemlab.view.flow_film import Reception
from devmemlab.view.heat_film import HeatFilm, heat_film, heat_stage
from devmemlab.view.heat_map import NAMES
from devmemlab.view.memory_flow import memory_flow
from devmemlab.view.pool_stage import pool_film
from devmemlab.view.restart_stage import RestartPlayer, restart_player
from devmemlab.view.skb_inspector import SkbInspector
from devmemlab.view.still import STATES
from devmemlab.view.tcp_player import TcpPlayer, tcp_player
from devmemlab.view.token_film import sort_into_lanes, token_film
from devmemlab.view.token_stage import TokenFilm, token_player, token_stage
from tests.browser.player_kit import Stage
from tests.browser.test_lesson import contrast
from tests.browser.test_pictures import LOOK
from tests.view.test_restart_player import crowd as crowd_of_packets
from tests.view.test_skb_inspector import moment

pytestmark = [pytest.mark.browser, pytest.mark.once, pytest.mark.compiled_only]
MILLION = 1_000_000


@pytest.fixture(scope="module")
def program():
    """A program that gives its tokens back late."""
    made = dml.scenes.connection(dmabuf="1MiB", rx_ring=64, trace=True)
    tokens = []
    for turn in range(8):
        _, ancdata, _, _ = made.conn.recvmsg(1 << 20, dml.CMSG_SPACE(24) * 256, dml.MSG_SOCK_DEVMEM)
        tokens += dml.frags(ancdata).frag_token.tolist()
        if turn % 4 == 3:
            made.host.dontneed(made.conn, [(tokens[0], len(tokens))])
            tokens = []
    yield made
    made.lab.close()


def connection():
    """A bad wire: losses, and segments that are overtaken."""
    talk, stream = dml.scenes_tcp.transfer(30_000, loss=0.1, reorder=0.2, seed=6)
    dml.scenes_tcp.deliver(talk, len(stream))
    made = tcp_player(talk.lab)
    talk.lab.close()
    return made


def receive_queue():
    """Two holes, which are filled one after the other."""
    talk, stream = dml.scenes_tcp.transfer(20_000, lose={3, 9})
    watch = SkbWatch(talk.lab, talk.trainer, talk.conn)
    watch.run(talk.lab.clock.now_ns + 5_000_000)
    talk.lab.close()
    return SkbInspector(watch)


FILMS = {"skbs": lambda program: receive_queue(),
         "tcp": lambda program: connection(),
         "flow": lambda program: memory_flow(),
         "bus": lambda program: bus_map(),
         "heat": lambda program: heat_film(program.host),
         "pool": lambda program: pool_film(program.host),
         "tokens": lambda program: token_player(program.host),
         "numbers": lambda program: token_player(program.host, by="token", title="By number"),
         "restart": lambda program: restart_player("start twice")}


@pytest.fixture(scope="module", params=FILMS)
def film(request, program):
    return request.param, FILMS[request.param](program)


@pytest.mark.parametrize("paper", ["light", "dark"])
def test_wherever_it_goes_the_page_shows_what_python_draws(browser, film, paper, tmp_path, shots):
    name, player = film
    n = len(player.film)
    with Stage(browser, player, paper) as stage:
        # Numbers and places know no paper.
        for position in (n, n // 2, n // 2 + 1, n // 2 - 1, 3, 0, n // 3 + 40) if paper == "light" else (n, n // 2):
            stage.scrub(position)
            seen, drawn = stage.marks(), stage.marks_of(player.svg(position))
            assert seen == drawn, position
        if shots:
            stage.page.screenshot(path=tmp_path / f"{name}-{paper}.png", full_page=True)
        stage.scrub(n)
        # What travels may pass over anything; at the end numbers are as long as they get.
        stage.page.evaluate("document.querySelectorAll('g[aria-hidden]').forEach(group => group.remove())")
        assert stage.page.evaluate(LOOK) == []
        ground = stage.page.locator("svg > rect").first.evaluate("paper => getComputedStyle(paper).fill")
        ink = stage.page.locator("svg text").first.evaluate("text => getComputedStyle(text).fill")
        assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 22, 22)"}[paper] and contrast(ground, ink) >= 7
        assert stage.complaints == []


def test_it_plays_from_the_beginning(browser, film):
    _, player = film
    with Stage(browser, player) as stage:
        stage.page.evaluate("window.kernel('speed', 16)")
        stage.focus()
        stage.press("Home", "Space")
        stage.until(min(20, len(player.film) // 2))
        stage.press("Space")
        position = stage.position
        assert stage.marks() == stage.marks_of(player.svg(position)) and stage.told["position"] == position
        assert stage.complaints == []


def test_it_fits_into_a_narrow_page(browser, film):
    with Stage(browser, film[1], width=500) as stage:
        for width in (500, 1280):
            stage.page.set_viewport_size({"width": width, "height": 900})
            wide = stage.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
            assert wide[0] <= wide[1]
            box = stage.page.locator(".dml-player-scene svg").bounding_box()
            assert 640 <= box["width"] <= max(width, 640), "smaller than that its text cannot be read"
            assert stage.page.locator(".dml-player-scene").evaluate("box => box.clientWidth") < width


def crowd(n=MILLION, count=2048):
    """A million moves of two thousand buffers."""
    dice = np.random.default_rng(3)
    event, buffer = np.arange(n), dice.integers(0, count, n)
    state = dice.integers(0, len(NAMES), n)
    columns, cells = cell_columns(count, event, buffer, state)
    tracks = {name: changing(STATES[name].meaning, np.cumsum(state == i)) for i, name in enumerate(NAMES)}
    tracks["all"] = running("moves", event, np.ones(n))
    facts = {"cells": cells, "niov_bytes": 4096, "name": "binding 1"}
    film = Film("A crowd", event * 1000.0, ["buffer {item} moves"], np.zeros(n), np.ones(n), buffer, tracks,
                "event {k} of {n}", n * 1000 / 40, event * 1000, columns, facts)
    return HeatFilm(film, heat_stage, position=0)


def freight(n=MILLION):
    """A million events of a reception that nobody made: frame, headers, payload and the headers' copy, in turn."""
    kinds = np.tile([tp.FRAME_IN, tp.DMA_HEADER, tp.DMA_PAYLOAD, tp.SKB_BUILD], n // 4)
    events = np.zeros(n, [(name, np.int64) for name in ("at_ns", "kind", "a", "b", "c", "d")])
    events["kind"], events["a"] = kinds, np.arange(n) // 4
    events["b"] = np.where(kinds == tp.SKB_BUILD, 66, 1 + 2 * (np.arange(n) // 4 % 4096))
    events["c"], events["d"] = np.choose(np.arange(n) % 4, [1514, 66, 0, 1448]), 1448
    stages = {"DMA_HEADER": (66 * n // 4, n // 4), "DMA_DEVICE": (1448 * n // 4, n // 4), "HEADER_COPY": (66 * n // 4, n // 4)}
    return BusMap([Reception("devmem", events, [], stages, 0)], position=0, speed=64.0)


def lodgers(n=MILLION // 4, rooms=40):
    """A quarter of a million tokens in forty buffers, one of which is forgotten now and then."""
    lives = np.zeros(n, LIFE_DTYPE).view(np.recarray)
    which = np.arange(n)
    lives.netmem, lives.token, lives.octets = 2 * (which % rooms) + 1, which % rooms, 1448
    for turn, name in enumerate(("arrived", "born", "returned", "recycled")):
        lives[name] = which * 4 + turn * (4 * rooms // 5)
        lives[f"{name}_ns"] = lives[name] * 1000
    for name in ("returned", "recycled", "returned_ns", "recycled_ns"):
        lives[name][n - 50::7] = -1
    names = {netmem: f"buffer {netmem // 2}" for netmem in set(lives.netmem.tolist())}
    lanes = sort_into_lanes(lives, lives.netmem.tolist(), names)
    return TokenFilm(token_film(lives, lanes, lives.netmem // 2), token_stage, position=0, speed=64.0)


CROWDS = {"cells": crowd, "bus": freight, "tokens": lodgers}


@pytest.mark.parametrize("name", CROWDS)
def test_a_million_events_play_without_freezing_the_page(browser, name):
    player = CROWDS[name]()
    with Stage(browser, player) as stage:
        stage.page.evaluate("window.longest = 0")
        stage.focus()
        painted = int(stage.data("painted"))
        stage.press("Space")
        stage.until(30_000 if name == "cells" else 300)
        # While it plays the page answers, and a picture is not made by looking at everything.
        assert stage.page.evaluate("1 + 1") == 2 and stage.data("playing") == "true"
        stage.press("Space")
        assert int(stage.data("painted")) > painted + 3
        for position in (MILLION, MILLION // 2, 17, 700_001, 700_000):
            stage.scrub(position)
            assert stage.marks() == stage.marks_of(player.svg(position))
        stage.page.evaluate("new Promise(resolve => setTimeout(resolve, 50))")
        assert stage.page.evaluate("window.longest") < 5000, "something looked at every event"
        assert stage.complaints == []


SIZES = pytest.mark.parametrize("n", [MILLION // 5, pytest.param(MILLION, marks=pytest.mark.long)])
"""Films whose events Python makes one by one. Those above, made of whole columns, are as long as can be in every run."""


def long_connection(n):
    """Segments and their acknowledgements, which are four events."""
    told = []
    for k in range(n):
        seq, sent = 1 + 1000 * (k - k % 100 // 99), k * 1000
        told.append(Segment(0, sent, sent + 50_000, "arrived", "A", seq, seq + 1000, 1, 1000, 65535, (), False, k % 100 == 99))
        told.append(Segment(1, sent + 50_500, sent + 100_500, "arrived", "A", 1, 1, seq + 1000, 0, 1 << 20, (), False, False))
    return TcpPlayer(Conversation(("a", "b"), sorted(told, key=lambda one: one.sent_ns), True), position=0)


@SIZES
def test_a_connection_of_many_events_does_not_freeze_the_page(browser, n):
    player = long_connection(n // 4)
    assert len(player.film) == n and len(player.scene) < 200_000
    with Stage(browser, player) as stage:
        stage.page.evaluate("window.longest = 0")
        stage.focus()
        stage.press("Space")
        stage.until(10_000)
        assert stage.page.evaluate("1 + 1") == 2 and stage.data("playing") == "true"
        stage.press("Space")
        for position in (n, n // 2, 17, n * 7 // 10 + 1):
            stage.scrub(position)
            assert stage.marks() == stage.marks_of(player.svg(position))
        assert stage.page.locator(".dml-player-scene *").count() < 3000
        stage.page.evaluate("new Promise(resolve => setTimeout(resolve, 50))")
        assert stage.page.evaluate("window.longest") < max(2000, 5000 * n // MILLION), "something looked at every event"
        assert stage.complaints == []


def test_an_skb_is_picked_with_a_key_and_stays_picked(browser):
    player = receive_queue()
    with Stage(browser, player) as stage:
        stage.scrub(6)
        stage.page.locator(".dml-player button", has_text="early").nth(1).focus()
        stage.press("Enter")
        life = stage.told["picked"]
        for position in (6, 7, 5, 2, len(player.film)):
            player.picked, player.position = life, position
            stage.scrub(position)
            assert stage.marks() == stage.marks_of(player.svg(position))
            said = stage.page.locator(".dml-player-said").text_content()
            assert said in player.text if player.skb else "in no queue" in said
        assert player.skb is None
        stage.page.evaluate("window.kernel('picked', 1)")
        player.picked = 1
        assert stage.marks() == stage.marks_of(player.svg(len(player.film)))
        assert stage.page.locator(".dml-player button[aria-pressed=true]").text_content() == "skb 1"
        stage.scrub(6)
        stage.page.locator("[data-slot='early.1']").click()
        assert stage.told["picked"] == life
        stage.page.evaluate("window.close_player()")
        assert stage.page.evaluate("window.listeners()") == 0 and stage.complaints == []


@SIZES
def test_a_queue_of_many_moments_does_not_freeze_the_page(browser, n):
    some = [moment(k, [1 + k % 7], range(10 + k % 5, 14)) for k in range(35)]
    player = SkbInspector([some[k % 35]._replace(at_ns=k) for k in range(n)], position=0)
    with Stage(browser, player) as stage:
        stage.page.evaluate("window.longest = 0")
        stage.page.locator(".dml-player select").select_option("64")
        stage.focus()
        stage.press("Space")
        stage.until(100)
        assert stage.page.evaluate("1 + 1") == 2 and stage.data("playing") == "true"
        stage.press("Space")
        for position in (n, n // 2, 17, n * 7 // 10 + 1):
            stage.scrub(position)
            assert stage.marks() == stage.marks_of(player.svg(position))
        stage.page.evaluate("new Promise(resolve => setTimeout(resolve, 50))")
        assert stage.page.evaluate("window.longest") < max(2000, 5000 * n // MILLION) and stage.complaints == []


@SIZES
def test_many_packets_do_not_freeze_the_page(browser, n):
    player = RestartPlayer([crowd_of_packets(n)], position=0)
    with Stage(browser, player) as stage:
        stage.page.evaluate("window.longest = 0")
        stage.focus()
        stage.press("Space")
        stage.until(10_000)
        assert stage.page.evaluate("1 + 1") == 2 and stage.data("playing") == "true"
        stage.press("Space")
        for position in (n, 17, n * 7 // 10 + 1):
            stage.scrub(position)
            assert stage.marks() == stage.marks_of(player.svg(position))
        assert stage.page.evaluate("window.longest") < max(2000, 5000 * n // MILLION) and stage.complaints == []


def test_a_seek_takes_no_more_steps_than_lie_between_key_frames(browser):
    player = crowd(200_000, 300)
    with Stage(browser, player) as stage:
        worst = stage.page.evaluate("""async ([facts, where]) => {
            const text = await (await fetch('player.js')).text();
            const url = URL.createObjectURL(new Blob([text + '\\nexport { Film, Cells };'], { type: 'text/javascript' }));
            const { Film, Cells } = await import(url);
            const octets = new DataView(await (await fetch('octets')).arrayBuffer());
            const cells = new Cells(new Film(facts, octets));
            let worst = 0;
            for (const position of where) {
                const before = cells.steps;
                cells.seek(position);
                worst = Math.max(worst, cells.steps - before);
            }
            return worst;
        }""", [player.facts, np.random.default_rng(2).integers(0, 200_000, 200).tolist()])
        assert 0 < worst <= player.facts["cells"]["every"]
