"""The picture of a ring against a walk over its slots, and as a picture."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import devmemlab as dml
from devmemlab.lab.frames import make_frame
from devmemlab.view.ring_picture import POINTERS, RingPicture
from devmemlab.view.still import WIDTH

NS = "{http://www.w3.org/2000/svg}"


@st.composite
def rings(draw):
    """Pointers that a driver and a card can have reached."""
    slots = 1 << draw(st.integers(3, 7))
    clean = draw(st.integers(0, 1000))
    steps = sorted(draw(st.lists(st.integers(0, slots), min_size=4, max_size=4)))
    complete, used, tail, post = (clean + step for step in steps)
    return dict(clean=clean, complete=complete, used=used, tail=tail, post=post), slots


@given(rings())
def test_every_slot_is_what_a_walk_over_the_pointers_says(ring):
    at, slots = ring
    picture = RingPicture(at, slots, "a queue")
    wanted = ["empty"] * slots
    for pointer in range(at["clean"], at["post"]):
        if pointer < at["complete"]:
            wanted[pointer % slots] = "completed"
        elif at["used"] <= pointer < at["tail"]:
            wanted[pointer % slots] = "posted"
    assert picture.slots == wanted and sum(picture.counts.values()) == slots
    tree = ET.fromstring(picture.svg())
    letters = [node.text for node in tree.iter(f"{NS}text") if node.get("class") == "mid tiny halo"]
    assert letters == [{"posted": "P", "completed": "C"}[state] for state in wanted if state != "empty"]
    written = ", ".join(node.text for node in tree.iter(f"{NS}text") if node.get("class") == "small").split(", ")
    assert {name for name in POINTERS if name in written} == set(POINTERS)
    assert all(0 <= float(node.get("x")) <= WIDTH for node in tree.iter(f"{NS}text"))


def test_it_follows_a_card():
    card = dml.scenes_nic.card(ring=16)
    dml.scenes_nic.arrive(card, *[make_frame()] * 5)
    picture = dml.ring_picture(card.host)
    assert picture.counts == {"posted": 16, "completed": 0, "empty": 0}
    assert "used 5 (slot 5)" in picture.text and "tail 21 (slot 5)" in picture.text and picture.title.endswith("16 descriptors")
    data, metadata = picture._repr_mimebundle_()
    assert metadata["image/svg+xml"]["alt"] == picture.text and len(picture.text) > 100
    assert re.search(r">empty: 0<", data["image/svg+xml"])
    card.lab.close()


def test_a_queue_without_a_ring_has_no_picture():
    card = dml.scenes_nic.card(ring=16)
    with pytest.raises(ValueError, match="not active"):
        dml.ring_picture(card.host, 5)
    card.lab.close()
