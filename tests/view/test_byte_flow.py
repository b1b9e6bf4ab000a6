"""The picture: what it says, that it says it always in the same way, and that it needs no colour."""

import base64
import re
import xml.etree.ElementTree as ET

import pytest

from devmemlab.mem.ledger import make_ledger
from devmemlab.view.byte_flow import byte_flow
from devmemlab.view.flow import MODES, PATHS, PLACES
from devmemlab.view.strip import BOXES, DEVICE_BOX, HOST_BOX, STRIP, WIDTH, spell
from tests.view import kit

NS = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return ["".join(e.itertext()) for e in ET.fromstring(svg).iter(f"{NS}text")]


def test_the_same_comparison_gives_the_same_octets():
    assert byte_flow(kit.Result()).svg == byte_flow(kit.Result()).svg
    slower = kit.Result()
    slower.rows = [row._replace(ns_per_packet=row.ns_per_packet * 7) for row in slower.rows]
    assert byte_flow(slower).svg == byte_flow(kit.Result()).svg, "time must not be in this picture"


def test_every_number_of_the_ledger_is_in_the_picture_and_in_its_words():
    flow = byte_flow(kit.Result())
    written = texts(flow.svg)
    assert written.count("1,999,993") == 1 + 3 + 4 + 3, "one a copy, one a device"
    assert written.count("91,418") == 6 and written.count("31\u00d7") == 3
    for mark, times in (("C1", 4), ("C2", 2), ("C3", 2), ("C4", 1)):
        assert written.count(mark) == times, f"{mark}, the legend's C1 included"
    desc = ET.fromstring(flow.svg).find(f"{NS}desc").text
    assert desc == flow.text == repr(flow) and desc.count("copy 1") == 3


def test_devmem_leaves_the_pages_empty():
    svg = byte_flow(kit.row("devmem")).svg
    assert svg.count("stroke-dasharray") == 2, "pages and user buffer"
    assert "staging" not in texts(svg)
    assert byte_flow(kit.row("host_copy")).svg.count("stroke-dasharray") == 0


def test_a_silent_fallback_shows():
    mixed = {**kit.STAGES["devmem"], "DMA_DEVICE": (1_900_000, 1300), "DMA_HOST": (99_993, 85), "RECV_COPY": (99_993, 60)}
    written = texts(byte_flow(kit.row("devmem", stages=mixed)).svg)
    assert {"1,900,000", "99,993"} <= set(written)


def test_linear_bytes_gather_and_reads_show():
    stages = {"DMA_HEADER": (500, 3), "LINEAR_COPY": (33, 3), "DMA_DEVICE": (70, 1), "GATHER": (71, 1), "DEVICE_READ": (72, 1)}
    written = texts(byte_flow(kit.row("devmem", stages=stages)).svg)
    assert {"33, 3\u00d7", "C2  71", "gathered", "72", "read in place"} <= set(written)


@pytest.mark.parametrize("modes", [("devmem",), ("devmem", "host_copy"), tuple(MODES)])
def test_the_picture_grows_by_strips(modes):
    root = ET.fromstring(byte_flow(kit.Result(), modes).svg)
    assert float(root.get("width")) == WIDTH
    assert float(root.get("height")) == 36 + STRIP * len(modes) + 40


def test_an_empty_ledger_can_be_drawn():
    written = texts(byte_flow(make_ledger()).svg)
    assert "nothing came here" in written and not any("," in text for text in written if text[:1].isdigit())


def test_every_place_has_a_box_inside_the_picture():
    places = {place for path in PATHS.values() for place in path} | {"wire"}
    assert places <= set(BOXES) | {"device"} and places <= set(PLACES)
    for x, y, width, height in [*BOXES.values(), HOST_BOX, DEVICE_BOX]:
        assert 0 <= x and x + width <= WIDTH and 20 <= y and y + height <= STRIP


def test_all_colours_come_from_the_theme():
    for _, style in re.findall(r'(fill|stroke)="([^"]+)"', byte_flow(kit.Result()).svg):
        assert style == "none" or style.startswith(("var(--dml-", "url(#d"))


def test_ids_are_used_and_unique():
    svg = byte_flow(kit.Result()).svg
    ids = re.findall(r' id="([^"]+)"', svg)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(ids)
    other = byte_flow(kit.Result(), ("devmem",)).svg
    assert not set(ids) & set(re.findall(r' id="([^"]+)"', other)), "two pictures on one page"


@pytest.mark.parametrize(
    "octets, text",
    [(0, "0"), (99_999_999, "99,999,999"), (100_000_000, "100 M"), (67_108_864 * 16, "1.074 G"), (5 * 10**12, "5 T")],
)
def test_counts_fit_between_two_boxes(octets, text):
    assert spell(octets) == text and len(text) <= 10


def test_a_notebook_gets_a_picture_with_words(tmp_path):
    flow = byte_flow(kit.Result())
    data, metadata = flow._repr_mimebundle_()
    assert (
        list(data) == ["text/html", "image/svg+xml", "text/plain"]
        and metadata["image/svg+xml"]["alt"] == data["text/plain"] == flow.text
    )
    image = ET.fromstring(data["text/html"].removesuffix(">") + "/>")
    assert image.get("alt").split() == flow.text.split(), "line ends become spaces in an attribute"
    assert base64.b64decode(image.get("src").removeprefix("data:image/svg+xml;base64,")).decode() == flow.svg
    path = flow.save(tmp_path / "flow.svg")
    assert path.read_text(encoding="utf-8") == flow.svg + "\n"
