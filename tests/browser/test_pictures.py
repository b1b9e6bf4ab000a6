"""Our SVGs as Chromium draws them: nothing sticks out, nothing is written over something else."""

import pytest

from devmemlab.view import theme
from devmemlab.view.byte_flow import byte_flow
from devmemlab.view.memory_bars import Bar, Bars, crossing_bars
from devmemlab.view.memory_controls import STEPS, BindingControl, PoolControl
from devmemlab.view.picture import comparison
from devmemlab.view.steering import Landed, Steering
from devmemlab.view.steering_controls import RestartControl, SteeringControl
from tests.view import kit

pytestmark = pytest.mark.browser

MODES = tuple(kit.STAGES)
LARGE = {name: (octets * 9999, pieces * 999) for name, (octets, pieces) in kit.STAGES["host_copy_pageable"].items()}
MIXED = {**LARGE, "DMA_DEVICE": (5000, 3), "LINEAR_COPY": (123_456_789, 99), "GATHER": (1000, 1), "DEVICE_READ": (1000, 1)}
PICTURES = {
    "byte_flow": lambda: byte_flow(kit.Result(), MODES).svg,
    "large": lambda: byte_flow(kit.row("host_copy_pageable", stages=LARGE)).svg,
    "everything": lambda: byte_flow(kit.row("devmem", stages=MIXED)).svg,
    "comparison": lambda: comparison(kit.Result()),
    "slow": lambda: comparison(kit.Result(mtu=65535, ns_per_packet=123_456_789.0)),
    "legend": lambda: theme.legend().svg,
    "crossings": lambda: crossing_bars(kit.Result(modes=MODES[:3]), "cpu, device").svg(),
    "binding": lambda: BindingControl(len(STEPS) - 1, scattered=True).picture.svg(),
    "pool": lambda: PoolControl(200, False).picture.svg(),
    "steering": lambda: SteeringControl(8).picture.svg(),
    "crowded_steering": lambda: Steering("eth1234567890123", [k % 16 for k in range(128)], 16, {3, 15},
                                         [Landed(k % 3 == 0, k % 17 - 1) for k in range(1 << 14)]).svg(),
    "restart": lambda: RestartControl("start twice").picture.svg(),
    "reset": lambda: RestartControl("start twice", "device").picture.svg(),
    "long_bars": lambda: Bars("A title", "counted", [("all", [Bar("A", "a name", "host", 10**15)])], "octets").svg(),
}
LOOK = """() => {
    const svg = document.querySelector('svg'), page = svg.getBoundingClientRect(), complaints = [];
    const texts = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
    for (const shape of svg.querySelectorAll('text, rect, path')) {
        if (shape.closest('defs') || getComputedStyle(shape).visibility === 'hidden') continue;
        const box = shape.getBoundingClientRect();
        if (box.left < page.left - 1 || box.right > page.right + 1 || box.top < page.top - 1 || box.bottom > page.bottom + 1)
            complaints.push(`sticks out: ${shape.tagName} ${shape.textContent}`);
    }
    texts.forEach(([one, a], i) => texts.slice(i + 1).forEach(([other, b]) => {
        if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
            complaints.push(`'${one}' is written over '${other}'`);
    }));
    return complaints;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_tidy(browser, tmp_path, name, scheme, shots):
    page = browser.new_page(viewport={"width": 900, "height": 600}, color_scheme=scheme)
    try:
        page.set_content(f"<body style='margin:0'>{PICTURES[name]()}</body>")
        if shots:
            page.locator("svg").screenshot(path=tmp_path / f"{name}-{scheme}.png")
        assert page.evaluate(LOOK) == []
    finally:
        page.close()


def test_light_and_dark_follow_the_page_and_without_one_the_reader(browser):
    svg = theme.legend().svg
    paper = {}
    for scheme in ("light", "dark"):
        for lab in ("", "true", "false"):
            page = browser.new_page(color_scheme=scheme)
            page.set_content(f"<body data-jp-theme-light='{lab}'>{svg}</body>")
            paper[scheme, lab] = page.locator("svg > rect").first.evaluate("paper => getComputedStyle(paper).fill")
            page.close()
    white, dark = paper["light", ""], paper["dark", ""]
    assert white != dark
    assert paper["light", "true"] == paper["dark", "true"] == white
    assert paper["light", "false"] == paper["dark", "false"] == dark
