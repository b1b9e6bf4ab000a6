"""A room says in which order its chapters are read, and leaves none out."""

import importlib
import pathlib
import re

import pytest

import devmemlab

ROOT = pathlib.Path(devmemlab.__file__).parent
LINUX_WORDS = {"net_iov", "net_iovs"}


def named(room):
    """Words with an underscore that the reading order of a room uses: chapters, but for Linux's own words."""
    order = importlib.import_module(f"devmemlab.{room}").__doc__.partition("Reading order")[2]
    return set(re.findall(r"\b[a-z]+_[a-z_]+\b", order)) - LINUX_WORDS


@pytest.mark.once
@pytest.mark.parametrize("room", ["mem", "nic", "tcp", "linux", "cuda"])
def test_every_chapter_has_its_place(room):
    order = importlib.import_module(f"devmemlab.{room}").__doc__.partition("Reading order")[2]
    words = re.findall(r"\b[a-z_]+\b", order)
    chapters = {path.stem for path in (ROOT / room).glob("*.py")} - {"__init__"}
    assert chapters - set(words) == set(), "these chapters are not in the reading order of their room"


@pytest.mark.once
@pytest.mark.parametrize("room", ["mem", "nic", "net", "tcp", "host", "linux", "cuda"])
def test_what_a_room_names_is_there(room):
    assert named(room) <= {path.stem for path in (ROOT / room).glob("*.py")}
