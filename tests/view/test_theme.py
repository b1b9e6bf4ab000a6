"""The theme: roles that can be told apart without colour, on light paper and on dark."""

import colorsys
import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from devmemlab.view import theme


def rgb(text):
    return tuple(int(text[i:i + 2], 16) / 255 for i in (1, 3, 5))


def light(text):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(text)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_no_two_roles_share_a_letter_a_texture_a_hatch_or_a_colour():
    for what in ("letter", "texture", "hatch", "light", "dark"):
        values = [getattr(role, what) for role in theme.ROLES.values()]
        assert len(set(values)) == len(values), what


@pytest.mark.parametrize("column", [1, 2], ids=["light", "dark"])
def test_writing_can_be_read_on_the_paper(column):
    paper, ink, quiet = (theme.FURNITURE[name][column] for name in ("paper", "ink", "quiet"))
    assert contrast(paper, ink) >= 12 and contrast(paper, quiet) >= 5.5


@pytest.mark.parametrize("column", ["light", "dark"])
def test_roles_stand_out_from_the_paper_or_are_outlined_in_ink(column):
    paper = theme.FURNITURE["paper"][1 if column == "light" else 2]
    weak = {name for name, role in theme.ROLES.items() if contrast(getattr(role, column), paper) < 2.9}
    # Okabe and Ito's light hues: shapes that use them have an outline in ink.
    assert weak <= {"host", "header", "user", "token"}


def test_a_dark_colour_is_a_relative_of_its_light_one():
    for name, role in theme.ROLES.items():
        hues = [colorsys.rgb_to_hls(*rgb(colour))[0] for colour in (role.light, role.dark)]
        distance = min(abs(hues[0] - hues[1]), 1 - abs(hues[0] - hues[1]))
        assert distance < 0.04 or name in ("wire", "dropped"), name


def test_the_style_sheet_touches_nothing_but_our_pictures():
    css = theme.css()
    selectors = re.findall(r"(?:^|[{}])([^{}@]+)\{", css.replace("@media (prefers-color-scheme:dark){", ""))
    assert selectors and all(".dml" in part for selector in selectors for part in selector.split(","))
    assert css.count("{") == css.count("}")
    for name, (page, on_light, on_dark) in theme.FURNITURE.items():
        assert f"--dml-{name}:var({page},{on_light})" in css and f"--dml-{name}:var({page},{on_dark})" in css


def test_names_are_roles_and_not_hues():
    assert theme.colour("payload") == "var(--dml-payload,#0072b2)" and theme.texture("x", "payload") == "url(#x-payload)"
    with pytest.raises(ValueError, match="'blue' is no role; there are wire, host"):
        theme.colour("blue")
    with pytest.raises(ValueError, match="'blue' is no role"):
        theme.legend("blue")


def test_every_texture_is_there():
    defs = ET.fromstring(theme.textures("p"))
    assert [tile.get("id") for tile in defs] == [f"p-{name}" for name in theme.ROLES]


def test_the_legend_shows_letters_and_meanings():
    shown = theme.legend("payload", "header", "host", "device", "user")
    assert repr(shown) == ("P payload; h headers; H host memory; D device memory; U the program's buffer")
    data, metadata = shown._repr_mimebundle_()
    root = ET.fromstring(data["image/svg+xml"])
    texts = ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["P  payload", "h  headers", "H  host memory", "D  device memory", "U  the program's buffer"]
    assert metadata["image/svg+xml"]["alt"] == data["text/plain"]
    assert len(theme.legend().names) == len(theme.ROLES)


def test_matplotlib_gets_the_same_paper():
    pytest.importorskip("matplotlib")
    import matplotlib
    for dark, column in ((False, 1), (True, 2)):
        with matplotlib.rc_context(theme.rc(dark)):
            assert matplotlib.rcParams["figure.facecolor"] == theme.FURNITURE["paper"][column]


def test_letters_differ_even_for_those_who_cannot_hear_case():
    # h and H are both read "h": their meanings must differ then.
    for one, other in itertools.combinations(theme.ROLES.values(), 2):
        assert one.letter.lower() != other.letter.lower() or one.meaning != other.meaning
