"""The cascade picture, drawn from samples that are made up, and its control; tested without a browser."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from devmemlab.lab.watch import COLUMNS, SAMPLE
from devmemlab.view.break_controls import BreakControl
from devmemlab.view.cascade import CHAIN, STRIPS, Axis, Cascade

pytestmark = pytest.mark.once
NS, MS = "{http://www.w3.org/2000/svg}", 10**6
ROWS = [(0, 0, 32, 32, 0, 0, 0, 0, 65535), (MS, 32, 0, 32, 0, 0, 0, 46336, 1 << 20), (2 * MS, 64, 0, 0, 0, 0, 0, 92672, 1 << 20),
        (3 * MS, 64, 0, 0, 0, 14, 0, 92672, 1 << 20), (203 * MS, 0, 64, 0, 0, 14, 1, 92672, 1 << 20),
        (204 * MS, 0, 32, 32, 0, 14, 14, 202720, 1 << 20)]


def samples(rows=ROWS):
    made = np.zeros(len(rows), SAMPLE).view(np.recarray)
    for name, column in zip(COLUMNS, np.array(rows).T):
        made[name] = column
    return made


def texts(picture, paper="page"):
    return [node.text for node in ET.fromstring(picture.svg(paper)).iter(f"{NS}text")]


def test_numbers_of_the_samples_are_the_numbers_of_the_picture():
    picture = Cascade(samples(), verdict="whole after 204.0 ms; 14 frames found no descriptor")
    assert picture.most["held"] == 64 and picture.final["held"] == 0 and picture.final["received"] == 202720
    assert picture.silences == [(3 * MS, 203 * MS)]
    assert "from 3 ms on nothing changes for 200 ms" in picture.text and "first after 3 ms" in picture.text
    said = texts(picture)
    assert {"200 ms", "204 ms", "at most 64", "202,720 at the end", "whole after 204.0 ms"} <= set(said)
    for name in CHAIN:
        strip = STRIPS[name]
        assert strip.letter in said and strip.name in said and f"{strip.letter} {strip.name}" in picture.text
    assert any("counted" in text and "modelled" in text for text in said)


def test_the_same_samples_give_the_same_picture_and_later_ones_do_not_change_it():
    given = samples()
    picture = Cascade(given)
    before = picture.svg()
    given.held += 1
    assert picture.svg() == before == Cascade(samples()).svg() != Cascade(given).svg()
    assert len({picture.svg(paper) for paper in ("page", "light", "dark")}) == 3


def test_a_letter_and_a_look_of_its_own_for_each_strip():
    assert len({strip.letter for strip in STRIPS.values()}) == len({strip.look for strip in STRIPS.values()}) == len(STRIPS)
    assert set(STRIPS) == set(COLUMNS) - {"at_ns"} and set(CHAIN) <= set(STRIPS)


def test_time_goes_from_left_to_right_and_a_fold_has_its_own_width():
    axis = Axis(0, 1000, [(100, 900)], 10.0, 110.0)
    places = axis(np.array([0, 50, 100, 900, 950, 1000]))
    assert places[0] == 10 and places[-1] == pytest.approx(110) and (np.diff(places) > 0).all()
    assert places[3] - places[2] == pytest.approx(48) and places[1] - places[0] == pytest.approx(places[5] - places[4])
    assert axis.folds == [(100, 900, pytest.approx(places[2]), pytest.approx(places[3]))]


def test_nothing_is_folded_when_little_is_silent_and_five_folds_at_most():
    busy = [(k * MS, k % 7, 0, 0, 0, 0, 0, k, 0) for k in range(100)]
    assert Cascade(samples(busy)).silences == []
    still = [(k * 100 * MS + j, 0, 0, 0, 0, k + j, 0, 0, 0) for k in range(9) for j in range(2)]
    assert len(Cascade(samples(still)).silences) == 5


def test_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no strip 'goodput'.*received"):
        Cascade(samples(), strips=("goodput",))
    with pytest.raises(ValueError, match="no samples"):
        Cascade(samples()[:0])
    one = Cascade(samples(ROWS[:1]))
    ET.fromstring(one.svg())
    assert "32 at the end" in texts(one)


def test_the_control_has_a_form_without_a_kernel_and_follows_what_a_cell_sets():
    control = BreakControl(message=100)
    data, metadata = control._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html", "image/svg+xml", "application/vnd.jupyter.widget-view+json"}
    assert data["text/plain"] == repr(control) and control.text in repr(control)
    assert metadata["image/svg+xml"]["alt"] == control.picture.text and len(control.picture.text) > 100
    line, page = control.children[1:]
    assert line.text == control.text and line.runs == 1 and page.value == control.picture.svg()
    for chooser in control.children[0].children:
        assert chooser.description or all(chooser.tooltips)
    assert "nothing was sent twice" in control.text and control.picture.final["dropped"] == 0
    control.give.value = "never"
    assert line.runs == 2 and "stuck" in control.text and control.picture.final["held"] == 64
    assert control.text.startswith("gives back: never, tokens kept 0, messages of 100, lost: none: stuck")
