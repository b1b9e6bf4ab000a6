"""A frame as a picture: every header octet, the cut where the card makes it, and the same in words."""

import re
import xml.etree.ElementTree as ET

import pytest

import devmemlab as dml
from devmemlab.lab.frames import TCP_OPTIONS, layers, make_frame
from devmemlab.view.frame_picture import COLUMNS, LOOKS, frame_picture
from devmemlab.view.still import WIDTH

NS = "{http://www.w3.org/2000/svg}"
FRAMES = {
    "plain": make_frame(), "captured": dml.scenes_nic.captured(3), "no payload": make_frame(payload=b""),
    "padded": make_frame(payload=b"").ljust(60, b"\0"), "UDP": make_frame(protocol=17, payload=bytes(range(1, 200))),
    "overflow": make_frame(6, 2, 40, "timestamps, 3 SACK blocks"), "fragment": make_frame(6, fragment=True),
    "two tags": make_frame(6, 2, 8, "timestamps", b"x" * 100), "tiny": b"\1\2\3",
}
drawn = pytest.mark.parametrize("octets", FRAMES.values(), ids=FRAMES)


def cells(picture):
    """Octets that are drawn: (x, y, text)."""
    return [(float(node.get("x")), float(node.get("y")), node.text) for node in ET.fromstring(picture.svg()).iter(f"{NS}text")
            if node.get("class") == "mid octet"]


@drawn
def test_every_octet_of_the_headers_is_drawn_in_order_and_inside(octets):
    picture = frame_picture(octets)
    words = [text for _, _, text in cells(picture)]
    headers = sum(layer.length for layer in layers(octets) if layer.name not in ("payload", "not looked at", "padding"))
    assert words[:headers] == [f"{octet:02x}" for octet in octets[:headers]]
    assert len(words) == len(octets) or "…" in words
    tree = ET.fromstring(picture.svg())
    bottom = float(tree.get("height"))
    assert all(0 <= x <= WIDTH and 0 <= y < bottom for x, y, _ in cells(picture))
    assert all(float(node.get("y")) + 2 < bottom for node in tree.iter(f"{NS}text"))


@drawn
def test_payload_is_drawn_below_the_cut_and_headers_above(octets):
    picture = frame_picture(octets)
    if picture.cut.at is None:
        assert "the cut" not in picture.svg().split("</desc>")[1] and "not cut" in picture.text
        return
    line = next(float(node.get("y")) for node in ET.fromstring(picture.svg()).iter(f"{NS}text")
                if (node.text or "").startswith("the cut, at"))
    heights = [y for _, y, _ in cells(picture)]
    assert all(y < line for y in heights[:picture.cut.at]) and all(y > line + 10 for y in heights[picture.cut.at:])


@drawn
def test_the_words_say_where_each_layer_is(octets):
    picture = frame_picture(octets, "A title")
    assert picture.text.startswith(f"A title: {len(octets):,} octets")
    for layer in picture.layers:
        assert f"{layer.name}: {layer.length:,} octets from {layer.at}" in picture.text and layer.name in LOOKS


def test_no_layer_is_told_by_its_colour_alone():
    """Each begins with a mark and its name or letter; textures of neighbours differ."""
    svg = frame_picture(make_frame(6, 1, 8, "timestamps")).svg()
    named = re.findall(r'class="tiny">([^<]+)<', svg)
    assert {"Ethernet", "VLAN tag", "E", "IPv6", "TCP", "TCP options", "payload"} <= set(named)
    order = [layer.name for layer in layers(make_frame(6, 1, 8, "timestamps"))]
    assert all(LOOKS[one].texture != LOOKS[other].texture for one, other in zip(order, order[1:]))


def test_rows_have_32_octets_and_tell_their_first():
    svg = frame_picture(make_frame(6, 2, 24, "timestamps")).svg()
    assert COLUMNS == 32 and {"0", "32", "64", "96", "118"} <= set(re.findall(r'class="end small quiet">(\d+)<', svg))


@pytest.mark.parametrize("thresh, room, at", [(0, 128, 66), (8, 128, None), (7, 128, 66), (0, 64, None)])
def test_it_obeys_the_card(thresh, room, at):
    assert frame_picture(make_frame(tcp_options="timestamps"), hds_thresh=thresh, header_buffer=room).cut.at == at
    assert len(TCP_OPTIONS["timestamps"]) == 12


def test_it_is_a_picture_in_a_notebook():
    picture = dml.frame_picture(make_frame())
    data, metadata = picture._repr_mimebundle_()
    assert metadata["image/svg+xml"]["alt"] == picture.text and data["text/html"].startswith('<img alt="A frame')
    assert "prefers-color-scheme:dark" in data["image/svg+xml"] and "--dml-layer-payload" in data["image/svg+xml"]
