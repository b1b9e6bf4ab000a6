"""Pictures of tokens: every token has its bar, a leak stands out, the words say the same, and the colours hold on both papers."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.host.token_lives import LIFE_DTYPE, Bin
from devmemlab.host.token_report import TokenReport
from devmemlab.lab import scenes_tokens as scenes
from devmemlab.view.residency import ResidencyPicture, report_html
from devmemlab.view.token_lines import MOST_BUFFERS, TokenLines


@pytest.fixture(scope="module")
def scene():
    """One connection: returned, leaked, two at a time."""
    made = scenes.start(pages=24, ring=8)
    for k in range(5):
        made.arrive(bytes([k]) * 100)
        if k == 3:
            scenes.take(made.conn, dml.MSG_PEEK)
        pieces = scenes.take(made.conn)
        if k != 2:
            made.host.dontneed_tokens(made.conn, pieces)
    yield made
    scenes.close(made)


def texts(picture, paper="light"):
    root = ElementTree.fromstring(picture.svg(paper))
    return ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]


def test_every_token_has_a_bar_and_leaks_are_named(scene):
    picture = dml.token_lines(scene.host)
    assert isinstance(picture, TokenLines) and len(picture.buffers) == 5 and len(picture.leaks) == 2
    for paper in ("page", "light", "dark"):
        words = texts(picture, paper)
        assert words.count("not returned") == 2 and [w for w in words if w in ("1", "2", "3")] == ["1", "1", "1", "2", "3", "3"]
    assert picture.text.count("NOT RETURNED") == 2 and "the buffer has another reference" in picture.text
    assert picture.text.count("and recycled") == 3 and repr(picture) == picture.text
    assert scene.host.token_lines().svg() == picture.svg()


def test_bars_of_one_time_are_in_lanes_of_their_own(scene):
    picture = dml.token_lines(scene.host)
    bars = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="18" rx', picture.svg())
    boxes = [tuple(map(float, bar)) for bar in bars]
    assert len(boxes) == 6
    for k, (x, y, width) in enumerate(boxes):
        for x2, y2, width2 in boxes[k + 1:]:
            assert y != y2 or x + width <= x2 or x2 + width2 <= x


def test_a_connection_of_its_own_and_what_cannot_be_drawn(scene):
    assert len(dml.token_lines(scene.host, scene.conn).leaks) == 2
    with pytest.raises(ValueError, match="no token was handed out by sender|sender records nothing"):
        dml.token_lines(scene.sender)


def test_of_many_buffers_those_with_leaks_are_kept():
    lives = np.zeros(60, LIFE_DTYPE).view(np.recarray)
    lives.netmem, lives.token = np.arange(60) * 2 + 1, 1
    for name, shift in (("arrived", 0), ("born", 1), ("returned", 2), ("recycled", 3)):
        lives[name] = np.arange(60) * 4 + shift
    lives.returned[5] = lives.recycled[5] = lives.returned_ns[5] = lives.recycled_ns[5] = -1
    names = {netmem: f"buffer at {netmem}" for netmem in lives.netmem.tolist()}
    picture = TokenLines(lives, names, {netmem: (netmem,) for netmem in names}, 10)
    assert len(picture.buffers) == MOST_BUFFERS and 11 in picture.buffers and picture.left_out == 40
    assert picture.buffers[1:] == lives.netmem[-MOST_BUFFERS + 1:].tolist() and "40 more buffers" in picture.text
    ElementTree.fromstring(picture.svg())


def test_the_histogram_says_every_bin():
    picture = ResidencyPicture([Bin(0, 1, 6, 0), Bin(1024, 2048, 3, 1), Bin(2048, 4096, 0, 0), Bin(4096, 8192, 0, 2)])
    words = texts(picture, "dark")
    assert {"6", "4", "2", "returned: 9", "still held: 3", "0 ns", "1.02 us"} <= set(words)
    assert "no time: 6 returned, 0 still held" in picture.text and "2.05 us" not in picture.text.replace("1.02 us to 2.05 us", "")
    assert "no token was handed out" in ResidencyPicture([]).text
    ElementTree.fromstring(ResidencyPicture([]).svg())


def test_the_report_is_a_table_and_plots(scene):
    report = scene.host.token_report()
    html = report_html(report)
    assert html.count("<tr>") == 1 + len(report.groups) and "2 tokens are held" in html and "line not recorded" in html
    assert report._repr_html_() == html and report.plot().bins == report.residency
    assert "No token is held." in report_html(TokenReport(0, (), report.lives[:0], []))
