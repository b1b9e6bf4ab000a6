"""The controls of the memory lessons, and their bars: tested without a browser."""

import xml.etree.ElementTree as ET

import pytest

from devmemlab.lab.crossings import ORDERS
from devmemlab.view.memory_bars import Bar, Bars, crossing_bars, pool_bars
from devmemlab.view.memory_controls import BURSTS, STEPS, BindingControl, LedgerControl, PoolControl
from tests.view import kit

pytestmark = pytest.mark.every_mode

MAKERS = {
    "ledger": lambda: LedgerControl(kit.Result(modes=("devmem", "host_copy", "host_copy_pageable"))),
    "binding": BindingControl,
    "pool": PoolControl,
}
made = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@made
def test_it_has_a_form_without_a_kernel_and_says_what_it_shows(make):
    control = make()
    data, metadata = control._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html", "image/svg+xml", "application/vnd.jupyter.widget-view+json"}
    assert data["text/plain"] == repr(control) and control.text in repr(control)
    assert metadata["image/svg+xml"]["alt"] == control.picture.text and len(control.picture.text) > 100
    ET.fromstring(data["image/svg+xml"])
    line, page = control.children[1:]
    assert line.text == control.text and line.runs == 1 and page.value == control.picture.svg()


@made
def test_everything_that_can_be_turned_has_a_name(make):
    for chooser in make().children[0].children:
        assert chooser.description or all(chooser.tooltips)


def test_the_ledger_control_follows_who_uses_the_payload():
    control = MAKERS["ledger"]()
    seen = {control.text}
    for order in ("cpu", "cpu, device"):
        control.order.value = order
        assert ORDERS[order] in control.text and ORDERS[order] in control.picture.title
        seen.add(control.text)
    assert len(seen) == 3 and control.children[1].runs == 3


def test_the_ledger_control_makes_a_comparison_of_its_own(monkeypatch):
    asked = []
    monkeypatch.setattr("devmemlab.view.memory_controls.compare", lambda **options: asked.append(options) or kit.Result())
    LedgerControl()
    assert asked == [{"size": "2MiB", "mtu": 1500, "repeats": 1, "modes": ("devmem", "host_copy", "host_copy_pageable")}]


def test_the_binding_control_steps_forward_and_back():
    control = BindingControl()
    counts = []
    for step in range(len(STEPS) + 1):
        control.step.value = step
        counts.append(dict(control.picture.counts))
        assert sum(counts[-1].values()) == 16
    assert [count["out"] for count in counts] == [0, 1, 2, 3, 4, 5, 4, 3, 4, 5, 6, 6]
    assert counts[7]["cached"] == counts[7]["ring"] == 1
    control.step.value = 7
    assert control.picture.counts == counts[7] and "offset 12288 to the ring" in control.text


@pytest.mark.parametrize("scattered, kernel, offset, cached", [
    (False, "6.18", 0, 0), (True, "6.18", 61440, 0), (False, "next", 0, 15), (True, "next", 0, 15)])
def test_the_binding_control_follows_shape_and_release(scattered, kernel, offset, cached):
    control = BindingControl(1, scattered, kernel)
    assert f"took offset {offset}." in control.text and control.picture.counts["cached"] == cached


def test_a_step_beyond_the_last_stays_at_the_last():
    control = BindingControl()
    control.step.value = 99
    assert control.step.value == len(STEPS) and "6 buffers still out" in control.text


def test_the_pool_control_shows_when_the_ring_runs_over():
    control = PoolControl()
    for burst in (BURSTS[0], BURSTS[-1]):
        control.burst.value = burst
        assert sum(control.counts["taken"].values()) == 2048 // burst * burst
    control.direct.value = False
    assert control.counts["returned"]["provider"] == 2048 // 256 * (256 - 128) and "returned by others" in control.text


def test_bars_have_words_and_room_for_every_number():
    empty = Bars("Nothing", "counted", [("none", [Bar("A", "one", "host", 0)])], "octets")
    ET.fromstring(empty.svg())
    assert empty.text == "Nothing (counted)\n  none: one 0 octets"
    large = Bars("Much", "counted", [("all", [Bar("A", "one", "host", 10**15)])], "octets")
    right = [float(node.get("x")) for node in ET.fromstring(large.svg()).iter("{http://www.w3.org/2000/svg}text")]
    assert max(right) < 620


def test_the_pictures_say_how_their_numbers_are_known():
    assert "modelled" in crossing_bars(kit.Result(modes=("devmem",))).text
    counts = {"taken": {"cache": 3, "ring": 0, "provider": 1, "refused": 0}, "returned": {"cache": 4, "ring": 0, "provider": 0}}
    text = pool_bars(counts, "A title").text
    assert "counted" in text and "taken from: cache 3, ring 0, provider 1 buffers" in text
