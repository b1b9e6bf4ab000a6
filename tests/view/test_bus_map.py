"""The bus map against the model of crossings, and against a loop over what happened."""

import xml.etree.ElementTree as ElementTree

import pytest

from devmemlab.lab.crossings import CROSSED, crossings
from devmemlab.lab.inputs import find_input
from devmemlab.view.bus_film import LOADS, STRETCHES, WAYS, bus_film, links_of
from devmemlab.view.bus_map import BusMap, bus_map, bus_stage
from devmemlab.view.flow_film import LINES, happenings
from devmemlab.view.memory_flow import record

pytestmark = pytest.mark.compiled_only      # two receptions take long interpreted, and test_flow_film.py makes such ones too
BY_HAND = {"wire": {"wire"}, "nic": {"DMA_HEADER", "DMA_HOST", "DMA_DEVICE"}, "up": {"DMA_HEADER", "DMA_HOST"},
           "down": {"HOST_TO_DEVICE"},
           "written": {"DMA_HEADER", "DMA_HOST", "HEADER_COPY", "RECV_COPY", "PAGEABLE_COPY"},
           "read": {"HEADER_COPY", "RECV_COPY", "PAGEABLE_COPY", "HOST_TO_DEVICE"}, "device": {"DMA_DEVICE", "HOST_TO_DEVICE"}}


@pytest.fixture(scope="module")
def receptions():
    source = find_input(16_000, 4000, "no", None, lambda text: None)
    return [record(source, mode, "4KiB") for mode in ("devmem", "host_copy_pageable")]


@pytest.fixture(scope="module")
def film(receptions):
    return bus_film(receptions)


def test_in_the_end_every_link_was_crossed_as_often_as_the_ledger_says(receptions, film):
    for letter, reception in zip("AC", receptions):
        wanted = crossings(reception.stages)
        wanted.pop("device_read")               # by whoever uses the payload, later
        assert links_of(film, letter) == wanted
    for stage, way in WAYS.items():
        assert sorted(link for part in way for link in STRETCHES[part][1]) == sorted(CROSSED[stage])
    end = film.values()
    assert end["A.down"] == 0 and end["A.nic"] == end["C.nic"] and end["A.device"] == end["C.device"] == 16_000
    for letter in "AC":
        for row, stretches in LOADS.items():
            assert end[f"{letter}/{row}"] == sum(end[f"{letter}.{stretch}"] for stretch in stretches)
    assert film.facts["most"] == end["C/host memory, written"]


def test_on_the_way_every_stretch_is_what_a_loop_counts(receptions, film):
    names = list(LINES)
    for letter, reception in zip("AC", receptions):
        what, amount, _ = happenings(reception)
        own = [k for k in range(len(film)) if film.line(k).startswith(letter)]
        assert len(own) == len(what)
        for stretch, stages in BY_HAND.items():
            total = 0
            for k, kind, octets in zip(own, what, amount):
                total += int(octets) * (names[kind] in stages)
                assert film.value(f"{letter}.{stretch}", k + 1) == total
            parts = [film.value(f"{letter}.{stretch}.{mark}", -1 % (len(film) + 1)) for mark in "WhPC"
                     if f"{letter}.{stretch}.{mark}" in film.tracks]
            assert sum(parts) == total


def test_lines_tell_the_way(film):
    said = {film.line(k)[:1] + film.line(k).rpartition(" (")[2] for k in range(len(film)) if film.line(k).endswith(")")}
    assert said == {"ANIC > switch > uplink > CPU > host memory)", "ANIC > switch > device)", "Ahost memory > CPU > host memory)",
                    "CNIC > switch > uplink > CPU > host memory)", "Chost memory > CPU > host memory)",
                    "Chost memory > CPU > uplink > switch > device)"}


def test_the_scene_shows_the_counts_of_its_position(film):
    half = len(film) // 2
    svg = bus_stage(film, half)
    root = ElementTree.fromstring(svg)
    words = ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]
    for name in ("A.device", "C.up", "C.read", "C/uplink"):
        assert f"{film.value(name, half):,}" in words
    assert root[1].text == film.words(half) and "A uplink, away from the CPU, octets: 0" in root[1].text
    assert 'data-dots="C.down.C"' in svg and 'data-dots="A.down' not in svg
    assert svg == bus_stage(film, half) != bus_stage(film, half + 30)


def test_one_way_or_two_fit(receptions):
    alone = BusMap(receptions[1:], position=0)
    assert "data-count=\"C.up\"" in alone.svg() and "A.up" not in alone.svg() and alone.text.startswith("Which link every octet")
    for wrong in ((), ("devmem", "host_copy", "host_copy_pageable")):
        with pytest.raises(ValueError, match="ways do not fit"):
            bus_map(modes=wrong)
