"""The controls of the lessons about the card: tested without a browser."""

import xml.etree.ElementTree as ET

import pytest

from devmemlab.view.nic_controls import HEADER_BUFFERS, MORE, RINGS, FrameControl, RingControl

MAKERS = {"frame": FrameControl, "ring": RingControl}
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


def test_the_cut_moves_with_everything_that_is_chosen():
    control, cuts = FrameControl(tcp_options="none"), []
    for name, value in (("version", 6), ("tags", 2), ("ip_more", "8 octets"), ("tcp_options", "timestamps")):
        cuts.append(control.picture.cut.at)
        getattr(control, name).value = value
    assert [*cuts, control.picture.cut.at] == [54, 74, 82, 90, 102]
    control.tcp_options.value = "timestamps, 3 SACK blocks"
    assert control.picture.cut.at is None and "header overflow" in control.text
    control.header_buffer.value = 256
    assert control.picture.cut.at == 130 and control.children[1].runs == 7


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("more", MORE)
def test_every_choice_of_ip_headers_is_possible(version, more):
    assert FrameControl(version, ip_more=more, header_buffer=256).picture.cut.at == {4: 66, 6: 86}[version] + MORE[more]


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("queue", ["device memory", "pages"])
def test_every_frame_is_counted_once(queue, ring):
    counts = RingControl(queue, ring).counts
    assert sum(counts[name] for name in ("split", "unsplit", "not split", "no descriptor")) == 96
    assert counts["no descriptor"] == {8: 80, 16: 64, 32: 32, 64: 0}[ring]
    assert counts["delivered"] == counts["split"] + (counts["unsplit"] if queue == "pages" else 0)


def test_a_larger_header_buffer_splits_more():
    control = RingControl()
    unsplit = []
    for room in HEADER_BUFFERS:
        control.header_buffer.value = room
        unsplit.append(control.counts["unsplit"])
    assert unsplit == [64, 8, 0]


def test_a_threshold_is_refused_by_a_bound_queue_and_obeyed_by_pages():
    control = RingControl(header_buffer=256)
    control.hds_thresh.value = 128
    assert control.refused == "hds-thresh 128 refused, errno 22" and control.counts["split"] == 88
    assert control.refused in control.text and control.refused in control.picture.text
    control.queue.value = "pages"
    assert control.refused == "" and control.counts["split"] == 64 and control.counts["delivered"] == 88
