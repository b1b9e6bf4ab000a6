"""The control: what a click does, a cell can do; tested without a browser."""

import pathlib
import xml.etree.ElementTree as ET

import pytest

from devmemlab.view import controls
from devmemlab.view.controls import BUFFERS, MTUS, TransferControl
from tests.view import kit


@pytest.fixture
def control():
    asked = []

    def run(**options):
        asked.append(options)
        return kit.Result(mtu=options["mtu"])

    made = TransferControl(run=run)
    made.asked = asked
    return made


def test_it_runs_once_to_begin_with(control):
    assert control.asked == [{"mtu": 1500, "app_buffer": "64MiB", "size": "2MiB", "repeats": 3}]
    assert control.result.settings["mtu"] == 1500


def test_a_cell_turns_it_like_a_click(control):
    control.mtu.value = 9000
    control.app_buffer.value = "64KiB"
    control.again.click()
    assert [(asked["mtu"], asked["app_buffer"]) for asked in control.asked[1:]] == [
        (9000, "64MiB"),
        (9000, "64KiB"),
        (9000, "64KiB"),
    ]
    line, page = control.children[1:]
    assert line.text == control.text and line.text.startswith(
        "MTU 9000, buffer 64KiB: copies of each payload byte: devmem 1.00, host"
    )
    assert line.runs == 4
    assert "MTU 9000" in page.value and "<svg" in page.value and "<table" in page.value


def test_what_does_not_change_does_not_run(control):
    control.mtu.value = 1500
    assert len(control.asked) == 1


def test_impossible_choices_are_refused():
    with pytest.raises(Exception, match="(?i)invalid selection|value not found"):
        TransferControl(app_buffer="3MiB", run=lambda **options: kit.Result())


def test_options_go_through():
    asked = []
    TransferControl(mtu=9000, app_buffer="1MiB", repeats=1, run=lambda **options: asked.append(options) or kit.Result())
    assert asked == [{"mtu": 9000, "app_buffer": "1MiB", "repeats": 1, "size": "2MiB"}]


def test_everything_that_can_be_turned_has_a_name(control):
    assert control.app_buffer.description and control.again.description
    assert control.mtu.options == tuple((f"MTU {value}", value) for value in MTUS) and control.app_buffer.options == BUFFERS
    assert len(control.mtu.tooltips) == len(MTUS)


def test_it_has_a_form_without_a_kernel(control):
    data, metadata = control._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html", "image/svg+xml", "application/vnd.jupyter.widget-view+json"}
    assert data["text/plain"] == repr(control) == f"TransferControl: {control.text}"
    ET.fromstring(data["image/svg+xml"])
    assert metadata["image/svg+xml"]["alt"] == control.flow.text
    assert "ns" not in data["text/plain"].split(), "times would differ from run to run"


def test_the_script_is_a_file_of_its_own_without_addresses():
    script = pathlib.Path(controls.__file__).parent / "static" / "announcer.js"
    text = script.read_text(encoding="utf-8")
    assert str(controls.Announcer._esm) == text
    assert "data-lm-suppress-shortcuts" in text and "aria-live" in text and "http" not in text
