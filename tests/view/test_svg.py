"""SVG as text: well formed, deterministic, escaped."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devmemlab.view import svg


@pytest.mark.parametrize(
    "value, text", [(0, "0"), (1.0, "1"), (1.5, "1.5"), (1.256, "1.26"), (-0.001, "0"), (100, "100"), (-2.10, "-2.1")]
)
def test_numbers_are_short(value, text):
    assert svg.number(value) == text


@given(st.floats(-1e6, 1e6))
def test_numbers_are_near(value):
    assert abs(float(svg.number(value)) - value) <= 0.005 + 1e-9


def test_elements():
    assert svg.element("rect", x=1, rx=2.5) == '<rect x="1" rx="2.5"/>'
    assert (
        svg.element("text", "a < b & c", class_="mid", stroke_width=2, id=None)
        == '<text class="mid" stroke-width="2">a &lt; b &amp; c</text>'
    )
    assert svg.element("g", svg.element("rect")) == "<g><rect/></g>"
    assert svg.element("rect", fill='"x"') == '<rect fill="&quot;x&quot;"/>'


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_whatever_is_written_can_be_read_again(text):
    root = ET.fromstring(svg.document(text, text, 10, 10, svg.element("text", text), "", "dml"))
    assert "".join(root.find("{http://www.w3.org/2000/svg}text").itertext()) == text


def test_a_document_says_what_it_shows():
    root = ET.fromstring(svg.document("a title", "words", 20, 10.5, "", "", "dml"))
    ns = "{http://www.w3.org/2000/svg}"
    title, desc = root.find(f"{ns}title"), root.find(f"{ns}desc")
    assert (title.text, desc.text, root.get("role")) == ("a title", "words", "img")
    assert root.get("aria-labelledby").split() == [title.get("id"), desc.get("id")]
    assert (root.get("viewBox"), root.get("width"), root.get("height")) == ("0 0 20 10.5", "20", "10.5")


def test_an_arrow_ends_where_it_should():
    path = svg.arrow(0, 10, 100, 10, 6, fill="x")
    assert path == '<path d="M0 7L91 7L91 2.5L100 10L91 17.5L91 13L0 13Z" fill="x"/>'
    assert "L5 50L" in svg.arrow(5, 0, 5, 50, 2)


def test_a_short_arrow_is_all_head():
    assert svg.arrow(0, 0, 4, 0, 2).startswith('<path d="M0 -1L0 -1L0 -5.5L4 0L')


def test_names_depend_on_what_is_shown_only():
    assert svg.prefix_of("a", 1) == svg.prefix_of("a", 1) != svg.prefix_of("a", 2)


def test_wide_letters_are_wider():
    assert svg.text_width("iii", 10) < svg.text_width("nnn", 10) < svg.text_width("MMM", 10)
