"""The explorers in Chromium: what JavaScript makes of a state is what Python draws, with the mouse and with keys."""

import pytest

import devmemlab as dml
from devmemlab.lab.frames import make_frame
from tests.browser.explorer_kit import Bench
from tests.browser.test_lesson import contrast
from tests.browser.test_pictures import LOOK

pytestmark = [pytest.mark.browser, pytest.mark.once]
STAMPS = make_frame(tcp_options="timestamps", payload=bytes(range(100)))
LONG = make_frame(6, 2, 24, "timestamps, 3 SACK blocks", bytes(1200))


def anatomy(**state):
    return dml.frame_anatomy(STAMPS, "A frame with timestamps", **state)


ANATOMY = [{"cut": cut, "room": room, "hds_thresh": thresh}
           for cut, room, thresh in ((66, 128, 0), (0, 128, 0), (33, 128, 64), (67, 128, 100), (66, 64, 0), (166, 256, 512), (90, 128, 0))]
EXPLORERS = {"anatomy": (anatomy, ANATOMY)}


@pytest.mark.parametrize("paper", ["light", "dark"])
@pytest.mark.parametrize("name", EXPLORERS)
def test_in_every_state_the_page_shows_what_python_draws(browser, tmp_path, name, paper):
    make, states = EXPLORERS[name]
    explorer = make()
    with Bench(browser, explorer, paper) as bench:
        for number, state in enumerate(states):
            bench.kernel(**state)
            for trait, value in state.items():
                setattr(explorer, trait, value)
            assert bench.marks() == bench.marks_of(explorer.svg()), state
            assert bench.page.evaluate(LOOK) == [], state
            bench.page.screenshot(path=tmp_path / f"{name}-{number}-{paper}.png", full_page=True)
        assert bench.told == {}, "what a cell has set is not told back to it"
        ground = bench.page.locator("svg > rect").first.evaluate("paper => getComputedStyle(paper).fill")
        ink = bench.page.locator("svg text").first.evaluate("text => getComputedStyle(text).fill")
        assert contrast(ground, ink) >= 7 and bench.complaints == []


@pytest.mark.parametrize("name", EXPLORERS)
def test_it_can_be_reached_and_heard(browser, name):
    with Bench(browser, EXPLORERS[name][0](), width=500) as bench:
        assert bench.root.get_attribute("role") == "group" and bench.root.get_attribute("aria-label")
        assert bench.page.locator("[role=status][aria-live=polite]").inner_text() == bench.status != ""
        assert bench.page.evaluate("""[...document.querySelectorAll('.dml-explorer, .dml-explorer :is(button, select, input)')]
            .every(node => node.dataset.lmSuppressShortcuts === 'true')""")
        assert bench.page.evaluate("""[...document.querySelectorAll('.dml-explorer :is(button, select, input)')]
            .every(node => node.ariaLabel || node.getAttribute('aria-label'))""")
        wide = bench.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide[0] <= wide[1], "a narrow page scrolls the picture, not itself"
        bench.page.evaluate("window.close_player()")
        assert bench.page.evaluate("window.listeners()") == 0 and bench.complaints == []


def test_the_cut_moves_by_keys(browser):
    with Bench(browser, anatomy()) as bench:
        cuts = []
        for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowUp", "PageUp", "PageDown", "PageDown", "End", "ArrowRight", "Home",
                    "ArrowLeft", "c", "ArrowDown"):
            bench.press(key)
            cuts.append(bench.told["cut"])
        assert cuts == [65, 64, 65, 33, 14, 34, 54, 166, 166, 0, 0, 66, 98]
        assert "32 octets by copy" in bench.status and bench.complaints == []


def test_the_cut_is_dragged(browser):
    with Bench(browser, anatomy()) as bench:
        place = bench.explorer.facts["place"]

        def over(octet):
            return bench.point(place["left"] + octet % 32 * place["cell"], place["top"] + octet // 32 * place["pitch"] + 25)

        bench.page.mouse.move(*over(66))
        bench.page.mouse.down()
        for octet in (60, 54, 40):
            bench.page.mouse.move(*over(octet))
            assert bench.root.get_attribute("data-cut") == str(octet)
        assert "cut" not in bench.told, "nothing is sent while it is dragged"
        bench.page.mouse.up()
        bench.page.mouse.move(*over(70))
        assert bench.told["cut"] == 40 and bench.root.get_attribute("data-cut") == "40"


def test_settings_of_the_card_are_chosen_and_its_cut_is_taken(browser):
    with Bench(browser, dml.frame_anatomy(LONG)) as bench:
        bench.page.locator("select").nth(0).select_option("512")
        bench.page.locator("select").nth(1).select_option("64")
        assert bench.told["hds_thresh"] == 512 and bench.told["room"] == 64
        bench.click("As the card")
        assert bench.told["cut"] == 0 and "nothing" in bench.status
        bench.page.locator("select").nth(1).select_option("256")
        bench.click("As the card")
        assert bench.told["cut"] == bench.explorer.facts["payload_at"] and "one token for 1,200 octets" in bench.status
        bench.click("Layer on")
        assert bench.told["cut"] == len(LONG)
        bench.page.locator("input").focus()
        bench.page.keyboard.press("ArrowLeft")
        assert bench.told["cut"] == len(LONG) - 1
