"""The player in Chromium, without Jupyter: keys, buttons, slider, clock, and what a screen reader and the kernel are told."""

import pytest

from devmemlab.view.player import SPEEDS
from tests.browser.player_kit import Stage, small_film, small_player, small_scene

pytestmark = [pytest.mark.browser, pytest.mark.once]


@pytest.fixture
def stage(browser):
    with Stage(browser, small_player()) as opened:
        yield opened
        assert opened.complaints == []


def test_keys_step_leap_and_go_to_the_ends(stage):
    stage.focus()
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "PageDown", "Home", "ArrowLeft",
                "PageUp"):
        stage.press(key)
        seen.append(stage.position)
        assert stage.told.get("position", 0) == stage.position
    assert seen == [1, 2, 3, 2, 40, 40, 38, 0, 0, 2]


def test_buttons_and_slider_do_what_keys_do(stage):
    seen = []
    for words in ("Step", "Step", "Back", "End", "Start"):
        stage.click(words)
        seen.append(stage.position)
    stage.scrub(17)
    assert [*seen, stage.position] == [1, 2, 1, 40, 0, 17] and stage.told["position"] == 17


def test_keys_of_the_slider_move_by_one_event_and_space_on_a_button_presses_it_once(stage):
    stage.page.locator(".dml-player input").focus()
    stage.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert stage.position == 1
    stage.page.locator(".dml-player button", has_text="Step").focus()
    stage.press("Space")
    assert stage.position == 2 and stage.data("playing") == "false"


def test_it_plays_to_the_end_stops_there_and_begins_anew(stage):
    stage.focus()
    stage.press("Space")
    assert stage.data("playing") == "true"
    stage.until(40)
    stage.page.wait_for_selector(".dml-player[data-playing=false]")
    assert stage.told == {"position": 40, "playing": False} and int(stage.data("painted")) > 3
    stage.press("Space")
    stage.page.wait_for_function("document.querySelector('.dml-player').dataset.position < 20")
    assert stage.data("playing") == "true"


def test_it_can_be_stopped_on_the_way_and_goes_on_from_there(stage):
    stage.focus()
    stage.press("Space")
    stage.until(3)
    stage.press("Space")
    at = stage.position
    assert stage.data("playing") == "false" and 3 <= at < 40 and stage.told["position"] == at
    painted = stage.data("painted")
    stage.page.wait_for_timeout(150)
    assert (stage.position, stage.data("painted")) == (at, painted), "a player that stands still paints nothing"
    stage.press("Space")
    stage.until(at + 1)


def test_a_faster_speed_gets_further(browser):
    reached = {}
    for speed in (SPEEDS[0], SPEEDS[2]):
        # Long enough not to be over before as many pictures, however busy the machine is.
        with Stage(browser, small_player(small_film(4000))) as stage:
            stage.page.locator(".dml-player select").select_option(str(speed).removesuffix(".0"))
            assert stage.told["speed"] == speed
            stage.focus()
            stage.press("Space")
            # The clock of the page, not ours: the film is asked where it is after as many pictures.
            stage.page.wait_for_function("document.querySelector('.dml-player').dataset.painted >= 20")
            reached[speed] = stage.position
    assert reached[SPEEDS[2]] > 2 * reached[SPEEDS[0]]


@pytest.mark.parametrize("position", [0, 1, 2, 13, 14, 39, 40])
def test_at_every_position_the_page_shows_what_python_draws(stage, position):
    film = small_film()
    stage.scrub(5)
    stage.scrub(position)
    assert stage.marks() == stage.marks_of(small_scene(film, position))
    assert stage.page.locator(".dml-player-place").inner_text() == film.place(position)
    lines = [text for part in (".dml-player-now", ".dml-player-log li") for text in stage.page.locator(part).all_inner_texts()]
    assert lines == (film.log(position) or ["nothing has happened yet"])


def test_a_step_shows_what_moves_in_the_middle_of_its_way(stage):
    stage.scrub(2)
    (dot,) = stage.dots()
    x = float(dot.removeprefix("translate(").split()[0])
    assert 190 < x < 225 and stage.page.locator("[data-dots].live").count() == 1
    stage.scrub(3)
    assert stage.dots() == []


def test_what_travels_moves_on_while_it_plays(browser):
    with Stage(browser, small_player(speed=0.25)) as stage:
        stage.focus()
        stage.press("Space")
        stage.page.wait_for_function("document.querySelectorAll('g[aria-hidden] > g[visibility=visible]').length > 0")
        before = stage.dots()
        stage.page.wait_for_timeout(200)
        assert stage.dots() != before


def test_with_reduced_motion_nothing_glides_and_few_pictures_are_painted(browser):
    with Stage(browser, small_player(speed=0.25), reduced_motion="reduce") as stage:
        stage.focus()
        stage.press("Space")
        stage.until(3)
        painted, where = int(stage.data("painted")), stage.dots()
        assert painted < 10, "two a second are enough"
        assert all(dot.startswith("translate(2") for dot in where), "a dot is in the middle of its way or not there"
        assert stage.complaints == []


def test_a_screen_reader_is_told_of_steps_and_not_of_every_event_that_is_played(stage):
    status = stage.page.locator(".dml-player-now")
    assert status.get_attribute("aria-live") == "polite"
    stage.focus()
    stage.press("Space")
    assert status.get_attribute("aria-live") == "off"
    stage.press("Space")
    assert status.get_attribute("aria-live") == "polite"
    tree = stage.page.locator(".dml-player").aria_snapshot()
    assert 'group "A small film"' in tree and 'img "A small film' in tree and 'slider "position"' in tree
    assert "button" in tree and "list" in tree
    assert stage.page.locator(".dml-player input").get_attribute("aria-valuetext") == small_film().place(stage.position)


def test_the_kernel_moves_it_too(stage):
    stage.page.evaluate("window.kernel('position', 12)")
    assert stage.position == 12
    stage.page.evaluate("window.kernel('playing', true)")
    assert stage.data("playing") == "true"
    stage.page.evaluate("window.kernel('playing', false)")
    assert stage.data("playing") == "false"
    stage.page.evaluate("window.kernel('speed', 16)")
    assert stage.page.locator(".dml-player select").input_value() == "16"


def test_keys_stay_in_the_player(stage):
    """JupyterLab looks for its shortcuts from the focused element upwards."""
    stage.page.evaluate("window.gone = []; document.addEventListener('keydown', event => window.gone.push(event.key))")
    stage.focus()
    stage.press("ArrowRight", "Space", "Space", "Home", "End", "a")
    assert stage.page.evaluate("window.gone") == ["a"]
    marked = stage.page.evaluate("""[...document.querySelectorAll('.dml-player, .dml-player :is(button, select, input)')]
        .every(node => node.dataset.lmSuppressShortcuts === 'true')""")
    assert marked


def test_when_it_is_taken_away_nothing_is_left_running(stage):
    stage.focus()
    stage.press("Space")
    stage.until(1)
    stage.page.evaluate("window.close_player()")
    painted = stage.data("painted")
    stage.page.wait_for_timeout(150)
    assert stage.data("painted") == painted and stage.page.evaluate("window.listeners()") == 0


def test_two_views_of_one_film_share_no_names(stage):
    stage.page.evaluate("""async () => {
        const again = (await import('./player.js')).default;
        const box = document.body.appendChild(document.createElement('div'));
        again.render({ model: window.model, el: box });
    }""")
    names = stage.page.evaluate("[...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(names) > 3 and len(names) == len(set(names))


def test_what_is_seen_can_be_saved_with_the_keyboard(stage):
    player = small_player()
    stage.scrub(11)
    stage.page.locator(".dml-player button", has_text="Save SVG").focus()
    with stage.page.expect_download() as coming:
        stage.press("Enter")
    saved = coming.value
    assert saved.suggested_filename == "a-small-film-11.svg"
    with open(saved.path(), encoding="utf-8") as file:
        text = file.read()
    assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg"') and "aria-hidden" not in text
    assert stage.marks_of(text) == stage.marks_of(player.svg(11)) and stage.position == 11


def test_columns_and_phases_are_followed(stage):
    player = small_player()
    for position in (0, 3, 4, 9, 10, 40):
        stage.scrub(position)
        assert stage.marks() == stage.marks_of(player.svg(position))
    assert stage.marks()["phases"] == ["gone"]
