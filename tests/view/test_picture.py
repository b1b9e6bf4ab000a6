"""The file that the demo saves, and its bars."""

import re
import sys
import xml.etree.ElementTree as ET

import pytest

from devmemlab.view import theme
from devmemlab.view.bars import bars, in_words
from devmemlab.view.picture import comparison, heading, save_picture
from tests.view import kit

NS = "{http://www.w3.org/2000/svg}"


def test_the_picture_is_saved_where_it_was_asked_for(tmp_path):
    path = save_picture(kit.Result(), tmp_path / "demo")
    assert path == tmp_path / "demo.svg"
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    words = root.find(f"{NS}desc").text
    assert "1,999,993 octets of payload in 1,385 frames (capture, MTU 1500)" in words
    assert "host_copy: 1,100 ns for each packet (measured), each payload byte copied 3.00 times (counted)" in words
    assert "C host_copy_pageable: 4.00 copies" in words


def test_another_ending_is_refused_and_a_missing_folder_too(tmp_path):
    with pytest.raises(ValueError, match="demo.png: the picture is an SVG"):
        save_picture(kit.Result(), tmp_path / "demo.png")
    with pytest.raises(FileNotFoundError):
        save_picture(kit.Result(), tmp_path / "nowhere" / "demo.svg")


def test_it_needs_no_matplotlib(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] in ("matplotlib", "IPython")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert save_picture(kit.Result(), tmp_path / "x.svg").stat().st_size > 5000


def test_a_comparison_without_the_yardstick_or_of_nothing_else_is_drawn():
    assert "D  memcpy" not in comparison(kit.Result(("devmem", "host_copy")))
    assert "D  memcpy" in comparison(kit.Result(("memcpy",)))


def test_bars_are_as_long_as_their_numbers():
    rows = [kit.row("devmem", 250.0), kit.row("host_copy", 1000.0), kit.row("memcpy")._replace(ns_per_packet=0.0)]
    drawn, bottom = bars("p", rows, 840, 40)
    lengths = [float(text) for text in re.findall(r'<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="18"', drawn)]
    assert len(lengths) == 6 and bottom > 40
    assert lengths[1] == pytest.approx(4 * lengths[0], rel=0.01) and lengths[2] == 1.0
    assert lengths[4] == pytest.approx(3 * lengths[3], rel=0.01)


def test_labels_say_how_a_figure_is_known():
    texts = ["".join(e.itertext()) for e in ET.fromstring(comparison(kit.Result())).iter(f"{NS}text")]
    assert "measured here, in a simulation" in texts and "counted" in texts
    assert "(measured)" in in_words(kit.Result().rows)


def test_the_heading_does_without_settings():
    result = kit.Result()
    del result.settings
    assert heading(result) == "1,999,993 octets of payload in 1,385 frames (capture)"


def test_roles_of_the_modes_have_textures():
    svg = comparison(kit.Result())
    ids = set(re.findall(r' id="([^"]+)"', svg))
    assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= ids
    assert theme.SCOPE in ET.fromstring(svg).get("class")
