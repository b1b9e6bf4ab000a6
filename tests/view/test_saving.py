"""Every picture can be saved as a figure of vectors, in one way, and what is saved needs nothing else."""

import importlib
import pkgutil
import re
import xml.etree.ElementTree as ET

import pytest

import devmemlab.view
from devmemlab.lab import scenes_tcp as tcp
from devmemlab.view import theme
from devmemlab.view.byte_flow import byte_flow
from devmemlab.view.controls import TransferControl
from devmemlab.view.heat_map import heat_map
from devmemlab.view.ladder import ladder
from devmemlab.view.memory_controls import BindingControl, Turned
from devmemlab.view.occupancy import occupancy
from devmemlab.view.picture import save_picture
from devmemlab.view.player import Player
from devmemlab.view.reference_graph import reference_graph
from devmemlab.view.restart_stage import RestartPlayer
from devmemlab.view.state_picture import state_picture
from devmemlab.view.still import Still
from devmemlab.view.svg import save_svg
from devmemlab.view.tcp_player import tcp_player
from devmemlab.view.time_sequence import time_sequence
from tests.browser.player_kit import small_player
from tests.view.kit import Result
from tests.view.test_restart_player import crowd

SVG = "{http://www.w3.org/2000/svg}"


def heirs(kind):
    """All classes of the view that descend from one."""
    for module in pkgutil.iter_modules(devmemlab.view.__path__):
        importlib.import_module(f"devmemlab.view.{module.name}")
    found, seen = [kind], []
    while found:
        one = found.pop()
        seen.append(one)
        found += one.__subclasses__()
    return [one for one in seen if one.__module__.startswith("devmemlab.")]


@pytest.fixture(scope="module")
def pictures():
    talk, stream = tcp.transfer(6000, lose={2})
    tcp.deliver(talk, len(stream))
    made = {"heat_map": heat_map(talk.trainer), "occupancy": occupancy(talk.trainer), "graph": reference_graph(talk.trainer),
            "ladder": ladder(talk.lab), "time_sequence": time_sequence(talk.lab), "states": state_picture(a=talk.client),
            "tcp": tcp_player(talk.lab), "restart": RestartPlayer([crowd(400)]), "player": small_player(),
            "binding": BindingControl(), "transfer": TransferControl(run=lambda **options: Result()), "flow":
            byte_flow(Result()), "legend": theme.legend()}
    talk.lab.close()
    talk.device.close()
    return made


def whole(path):
    """Read a picture that was saved, and look at it as a stranger would."""
    text = path.read_text(encoding="utf-8")
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg" and "PREFIX" not in text
    assert not re.search(r'(href|src)="(?!#)', text) and "url(http" not in text, "it needs something else"
    wanted, there = set(re.findall(r"url\(#([^)]+)\)", text)), {node.get("id") for node in root.iter() if node.get("id")}
    assert wanted <= there, wanted - there
    return root, text


def test_every_picture_can_be_saved_and_stands_alone(pictures, tmp_path):
    for name, picture in pictures.items():
        path = picture.save(tmp_path / name)
        assert path == tmp_path / f"{name}.svg"
        root, text = whole(path)
        title, words = root.find(f"{SVG}title").text, root.find(f"{SVG}desc").text
        assert title and len(words) > 20 and float(root.get("width")) > 100
        assert picture.save(str(tmp_path / f"again-{name}.svg")).read_text(encoding="utf-8") == text
        with pytest.raises(ValueError, match="ends in .svg"):
            picture.save(tmp_path / f"{name}.png")


@pytest.mark.once
def test_no_picture_has_a_way_of_its_own():
    assert len(heirs(Still)) > 15 and all(one.save is Still.save for one in heirs(Still))
    assert len(heirs(Player)) >= 6 and all(one.save is Player.save for one in heirs(Player))
    assert len(heirs(Turned)) > 10 and all(one.save is Turned.save for one in heirs(Turned))


def test_light_and_dark_can_be_decided_when_a_still_is_saved(pictures, tmp_path):
    saved = {paper: pictures["ladder"].save(tmp_path / paper, paper).read_text() for paper in ("page", "light", "dark")}
    assert len(set(saved.values())) == 3 and "prefers-color-scheme" in saved["page"]


def test_a_player_saves_the_position_that_is_asked_for(pictures, tmp_path):
    player = pictures["restart"]
    before = player.save(tmp_path / "before", 0).read_text()
    assert before == player.svg(0) + "\n" != player.save(tmp_path / "after").read_text()


@pytest.mark.once
def test_a_plot_is_saved_as_vectors_too(tmp_path):
    plots = pytest.importorskip("devmemlab.view.plots")
    root, text = whole(plots.plot(Result()).save(tmp_path / "plot"))
    assert "ns for each packet" in text and "<text" in text and "image/png" not in text
    assert len(list(root.iter(f"{SVG}path"))) > 10
    assert text == plots.plot(Result()).save(tmp_path / "again").read_text(encoding="utf-8")


def test_the_comparison_is_saved_in_the_same_way(tmp_path):
    whole(save_picture(Result(), tmp_path / "comparison"))
    with pytest.raises(OSError):
        save_svg("<svg/>", tmp_path / "nowhere" / "a.svg")
