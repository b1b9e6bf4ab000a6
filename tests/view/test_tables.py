"""Tables, plots, and how they come to the objects of the lower floors."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from devmemlab.mem import ledger as ledgers
from devmemlab.view import displays
from devmemlab.view.tables import html_table, ledger_html, result_html
from tests.view import kit


def table(html):
    return ET.fromstring(html.replace("<br>", " ")).find("table")


def cells(html):
    return [["".join(cell.itertext()) for cell in line] for line in table(html).find("tbody")]


def test_a_comparison_as_a_table():
    html = result_html(kit.Result())
    heads = table(html).find("thead/tr")
    assert [head.get("scope") for head in heads] == ["col"] * 8
    spoken = ["".join(head.itertext()) for head in heads]
    assert spoken[1] == "ns for each packet measured" and spoken[3] == "copies of each payload byte counted"
    assert cells(html)[0] == ["A  devmem", "800", "1.81", "1.00", "1,382", "1,382", "0", "match"]
    assert all(line[0].get("scope") == "row" for line in table(html).find("tbody"))
    assert "capture, MTU 1500" in table(html).find("caption").text


def test_a_wrong_digest_is_shouted():
    assert cells(result_html(kit.Result(sha256_ok=False)))[0][-1] == "DIFFERS"


def test_text_is_escaped():
    assert "<b>" not in html_table("<b>", ["<b>", ("<b>", "<b>")], [("<b>", "<b>")], "<b>")


def test_a_ledger_as_a_table():
    ledger = ledgers.make_ledger()
    assert "Nothing has moved yet." in ledger_html(ledger)
    ledgers.ledger_add(ledger, ledgers.RECV_COPY, 4096)
    assert cells(ledger_html(ledger)) == [
        ["RECV_COPY", "host DRAM -> host DRAM (page to user buffer)", "payload", "4,096", "1"]
    ]


def test_displays_come_to_the_objects(monkeypatch):
    monkeypatch.setattr(
        displays,
        "DISPLAYS",
        {
            ("tests.view.kit", "Result"): {
                "_repr_html_": "devmemlab.view.tables:result_html",
                "byte_flow": "devmemlab.view.byte_flow:byte_flow",
                "__getitem__": "nowhere:nothing",
            },
            ("not.imported", "Thing"): {"show": "nowhere:nothing"},
        },
    )
    try:
        assert displays.attach() == ["Result._repr_html_", "Result.byte_flow"], "what a class has itself stays"
        assert displays.attach() == []
        assert kit.Result()._repr_html_() == result_html(kit.Result())
        assert [p.name for p in kit.Result().byte_flow(modes=("memcpy",)).panels] == ["memcpy"]
    finally:
        del kit.Result._repr_html_, kit.Result.byte_flow


def test_every_display_exists():
    from importlib import import_module

    pytest.importorskip("matplotlib")
    for (module, name), methods in displays.DISPLAYS.items():
        assert isinstance(getattr(import_module(module), name), type)
        for target in methods.values():
            module, _, function = target.partition(":")
            assert callable(getattr(import_module(module), function))


PUBLIC = """
import sys, devmemlab as dml
heavy = {"matplotlib", "IPython", "ipywidgets", "anywidget"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert not any(name.startswith("devmemlab.view") for name in sys.modules)
dml.compare, dml.Lab
from devmemlab.host.host import Host
from devmemlab.lab.compare import Result
assert {"_repr_html_", "byte_flow", "plot"} <= set(vars(Result)) and {"_repr_html_", "byte_flow"} <= set(vars(Host))
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


def test_the_public_face_attaches_them_and_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", PUBLIC], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_plot_shows_itself_once_and_carries_its_words(tmp_path):
    pytest.importorskip("matplotlib")
    from devmemlab.view.plots import plot

    for dark in (False, True):
        figure = plot(kit.Result(), dark=dark)
        data, metadata = figure._repr_mimebundle_()
        assert data["image/png"].startswith(b"\x89PNG") and "host_copy: 1,100 ns" in metadata["image/png"]["alt"]
        assert data["text/plain"] == "<Plot: 1,999,993 octets of payload in 1,385 frames (capture, MTU 1500)>"
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == [
        "A  devmem",
        "B  host_copy",
        "C  host_copy_pageable",
        "D  memcpy",
    ]
    assert left.get_ylim()[0] > left.get_ylim()[1], "the first row is on top"
    assert [bar.get_width() for bar in right.patches] == [1.0, 3.0, 4.0, 1.0]
    assert left.get_xlim()[0] == right.get_xlim()[0] == 0
    assert len({bar.get_hatch() for bar in left.patches}) == 4
    figure.savefig(tmp_path / "plot.svg")
    assert "matplotlib.pyplot" not in sys.modules or figure not in map(sys.modules["matplotlib.pyplot"].figure, [])
