"""The control that scrubs through a run: tested without a browser."""

import xml.etree.ElementTree as ET

import pytest

import devmemlab as dml
from devmemlab.view.heat_map import heat_map
from tests.lab.test_time import small


@pytest.fixture(scope="module")
def control():
    with dml.journey(small(loss=0.03)) as run:
        yield dml.TimeControl(run)


def test_it_has_a_form_without_a_kernel_and_says_what_it_shows(control):
    data, metadata = control._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html", "image/svg+xml", "application/vnd.jupyter.widget-view+json"}
    assert data["text/plain"] == repr(control) and control.text in repr(control) and control.html in data["text/html"]
    assert metadata["image/svg+xml"]["alt"] == control.player.text
    ET.fromstring(data["image/svg+xml"])
    ET.fromstring(f"<div>{control.html}</div>".replace("<br>", "<br/>"))


def test_film_and_tables_agree_wherever_no_move_is_going_on(control):
    run, agreed, runs = control.journey, 0, control.children[1].runs
    positions = [p for p, event in enumerate(control._events, 1) if event in run._ends]
    assert len(positions) > 5
    for position in (0, *positions, *range(1, len(control.player.film), 9)):
        control.player.position = position
        assert control.children[1].runs == runs + 1 and control.children[1].text in control.text
        runs += 1
        counts = heat_map(run.hosts["trainer"]).counts
        assert dict(control.rows)["trainer: net_iovs, held by a token"] == str(counts["token"])
        if run.event > run.first and not [one for one in run.inside if one["host"] == "trainer"]:
            agreed += 1
            assert counts == {name: control.player.values[name] for name in counts}
        assert ("the tables above do not show it yet" in control.html) == bool(run.inside)
    assert agreed > 5


def test_an_event_can_be_shown_from_a_cell(control):
    run = control.journey
    for event in (run.events, run.first, int(run.numbers("trainer", "cmsg_dmabuf")[2])):
        control.show(event)
        assert run.event == event and f"event {event:,} of {run.events:,}" in control.text
        film = control.player
        assert film.position == int((control._events <= event).sum())
    assert "trainer: cmsg_dmabuf sock=" in control.text.partition("\n")[0]
    with pytest.raises(ValueError, match="'tariner' is neither a host nor a tracepoint here; did you mean 'trainer'?"):
        run.numbers("tariner")


def test_a_run_without_device_memory_is_told():
    data = small().data
    data["binding"], data["traffic"] = [], data["traffic"][1:]
    with dml.journey(data) as run, pytest.raises(ValueError, match="no host of this run has device memory"):
        dml.TimeControl(run)
