"""The explorers in Chromium: what JavaScript makes of a state is what Python draws, with the mouse and with keys."""

import random

import pytest

import devmemlab as dml
from devmemlab.lab.frames import make_frame
from devmemlab.nic.toeplitz import REFERENCE_KEY
from devmemlab.view.steering_explorer import SteeringExplorer
from devmemlab.view.steering_facts import FIELDS, decide
from tests.browser.explorer_kit import Bench
from tests.browser.test_lesson import contrast
from tests.browser.test_pictures import LOOK

pytestmark = [pytest.mark.browser, pytest.mark.once]
STAMPS = make_frame(tcp_options="timestamps", payload=bytes(range(100)))
LONG = make_frame(6, 2, 24, "timestamps, 3 SACK blocks", bytes(1200))


def anatomy(**state):
    return dml.frame_anatomy(STAMPS, "A frame with timestamps", **state)


CUTS = ((66, 128, 0), (0, 128, 0), (33, 128, 64), (67, 128, 100), (66, 64, 0), (166, 256, 512), (90, 128, 0))
ANATOMY = [{"cut": cut, "room": room, "hds_thresh": thresh} for cut, room, thresh in CUTS]


def steering():
    """Made of facts: no machine is needed to look at one."""
    rule = {"at": 0, "said": "flow_type tcp4, dst_port 5201", "never": "", "queue": 7,
            "wanted": [["src_ip", 0, 0], ["dst_ip", 0, 0], ["src_port", 0, 0], ["dst_port", 5201, 0xFFFF]]}
    local = {"at": 3, "said": "flow_type tcp4, src_ip 198.51.100.0, src_ip_mask 255.255.255.0", "never": "", "queue": -1,
             "wanted": [["src_ip", 0xC6336400, 0xFFFFFF00], ["dst_ip", 0, 0], ["src_port", 0, 0], ["dst_port", 0, 0]]}
    return SteeringExplorer({
        "name": "eth1", "queues": 8, "bound": [7], "key": REFERENCE_KEY.hex(), "table": [k % 7 for k in range(128)],
        "hashed": [True] * 4, "names": [name for name, *_ in FIELDS], "short": [short for *_, short in FIELDS],
        "rules": [rule, {**rule, "at": 2, "never": "protocol: udp is wanted, the packet has 6"}, local], "ntuple": True})


STEERING = [{"flow": flow, "key": key} for flow, key in (
    ("420995bba18e64500aea06e6", REFERENCE_KEY.hex()), ("c6336407c00002020aea1451", REFERENCE_KEY.hex()),
    ("c6336407c00002020aea06e6", REFERENCE_KEY.hex()), ("ff" * 12, "ff" * 40), ("00" * 12, "80" * 40))]
EXPLORERS = {"anatomy": (anatomy, ANATOMY), "steering": (steering, STEERING)}


@pytest.mark.parametrize("paper", ["light", "dark"])
@pytest.mark.parametrize("name", EXPLORERS)
def test_in_every_state_the_page_shows_what_python_draws(browser, tmp_path, name, paper, shots):
    make, states = EXPLORERS[name]
    explorer = make()
    with Bench(browser, explorer, paper) as bench:
        for number, state in enumerate(states):
            bench.kernel(**state)
            for trait, value in state.items():
                setattr(explorer, trait, value)
            assert bench.marks() == bench.marks_of(explorer.svg()), state
            assert bench.page.evaluate(LOOK) == [], state
            if shots:
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
        for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowUp", "PageUp", "PageDown", "PageDown", "End", "ArrowRight",
                    "Home",
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


def test_javascript_hashes_and_decides_as_python_does(browser):
    explorer, dice = steering(), random.Random(11)
    cases = [(dice.randbytes(12), dice.randbytes(40)) for _ in range(300)]
    ours = [b"\xc6\x33\x64", (5201).to_bytes(2, "big")]
    cases += [(ours[0] + flow[3:10] + (ours[1] if number % 2 else flow[10:]), key)
              for number, (flow, key) in enumerate(cases[:40])]
    with Bench(browser, explorer) as bench:
        told = bench.page.evaluate("""async ([facts, cases]) => {
            const text = await (await fetch('player.js')).text();
            const url = URL.createObjectURL(new Blob([text + '\\nexport { octetsOf };'], { type: 'text/javascript' }));
            const { decide, octetsOf } = await import(url);
            return cases.map(([flow, key]) => decide(facts, octetsOf(flow), octetsOf(key)));
        }""", [explorer.facts, [(flow.hex(), key.hex()) for flow, key in cases]])
    rules = set()
    for (flow, key), theirs in zip(cases, told):
        mine = decide(explorer.facts, flow, key)
        rules.add(mine.rule)
        assert theirs == {"steps": [list(step) for step in mine.steps], "queue": mine.queue, "rule": mine.rule, "hash": mine.hash,
                          "index": mine.index}
    assert rules == {-1, 0, 3}


def test_bits_are_flipped_by_keys_and_by_the_mouse(browser):
    with Bench(browser, steering()) as bench:
        assert bench.root.get_attribute("data-hash") == "51ccc178" and bench.root.get_attribute("data-cursor") == "-1"
        bench.press("ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowDown", "End", "Home", "ArrowDown")
        assert bench.root.get_attribute("data-cursor") == "32" and bench.status.startswith("bit 0 of the destination address: 1")
        bench.press("Space")
        assert bench.told["flow"] == "420995bb218e64500aea06e6"
        assert bench.status.startswith("flipped bit 0 of the destination address")
        x, y = bench.point(150 + 16 * 31 + 8, 62 + 2 * 22 + 9)
        bench.page.mouse.click(x, y)
        assert bench.told["flow"] == "420995bb218e64500aea06e7" and bench.root.get_attribute("data-cursor") == "95"
        bench.press("ArrowDown", "Enter")
        assert bench.told["key"] == f"{int(REFERENCE_KEY.hex(), 16) ^ 1 << 319 - 31:080x}"
        bench.click("As at first")
        assert bench.told == {"flow": "420995bba18e64500aea06e6", "key": REFERENCE_KEY.hex()}
        bench.click("Next bit")
        bench.page.keyboard.press("Enter")      # on a button, Enter presses it
        assert bench.root.get_attribute("data-cursor") == "129" and "flow" in bench.told and bench.complaints == []
