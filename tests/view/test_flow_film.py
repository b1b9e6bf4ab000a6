"""Memory flow against the ledgers of other runs, and against a loop over the trace."""

import numpy as np
import pytest

from devmemlab.base.trace import NAMES, TRACEPOINTS
from devmemlab.base.units import parse_size
from devmemlab.lab.crossings import crossings
from devmemlab.lab.inputs import find_input
from devmemlab.lab.passes import Passes
from devmemlab.view.flow_film import flow_film, played
from devmemlab.view.flow_stage import flow_stage
from devmemlab.view.memory_flow import memory_flow

SMALL = {"size": "48KiB", "mtu": 4000, "app_buffer": "8KiB"}
WAYS = ("devmem", "host_copy_pageable")


@pytest.fixture(scope="module")
def flow():
    return memory_flow(**SMALL, modes=WAYS)


def told(reception, point):
    """Events of one tracepoint, spelled out."""
    rows = reception.events[reception.events["kind"] == NAMES.index(point)]
    return [dict(zip(TRACEPOINTS[point], (int(row[name]) for name in "abcd"))) for row in rows]


@pytest.mark.compiled_only      # interpreted it takes long; that trace and ledger agree is checked whenever a film is made
def test_in_the_end_every_stage_is_what_another_run_counted(flow):
    source = find_input(parse_size(SMALL["size"]), SMALL["mtu"], "no", None, print)
    facts = None
    for letter, mode in zip("AC", WAYS):
        bench = Passes(source, mode, "1MiB", SMALL["app_buffer"])
        result = bench.check()
        facts = facts or result
        bench.close()
        values = {name[2:]: value for name, value in flow.film.values().items() if name.startswith(letter)}
        counted = {stage: octets for stage, (octets, _) in result["stages"].items()}
        assert counted and {stage: values[stage] for stage in counted} == counted
        assert not [stage for stage in values if stage.isupper() and stage not in counted]
        assert values["copied"] == result["copied_bytes_per_payload_byte"] * source.payload_bytes
        links = crossings(result["stages"])
        assert values["dram"] == links["dram_written"] + links["dram_read"]
    last = flow.film.values()
    assert last["A.given"] == last["A.returned"] == facts["tokens_issued"] and last["A.held"] == 0
    assert last["frame"] == len(told(flow.receptions[0], "frame_in"))


def test_on_the_way_every_count_is_what_a_loop_over_the_trace_counts(flow):
    reception, film = flow.receptions[0], flow.film
    for point, field, track in (("dma_payload", "length_bytes", "A.DMA_DEVICE"), ("dma_header", "length_bytes", "A.DMA_HEADER"),
                                ("frame_in", "length_bytes", "A.wire"), ("skb_build", "headlen", "A.HEADER_COPY")):
        sums, total = {0}, 0
        for event in told(reception, point):
            total += event[field]
            sums.add(total)
        seen = [film.value(track, k) for k in range(len(film) + 1)]
        assert set(seen) == sums and seen == sorted(seen)
    held = [film.value("A.held", k) for k in range(len(film) + 1)]
    assert min(held) == 0 and max(held) > 1
    for k in range(len(film) + 1):
        way = [film.value(f"C.{stage}", k) for stage in ("wire", "DMA_HOST", "RECV_COPY", "PAGEABLE_COPY", "HOST_TO_DEVICE")]
        assert way == sorted(way, reverse=True), "an octet cannot leave before it has come"


def test_all_receptions_are_at_the_same_frame_at_every_moment(flow):
    wire = [flow.film.tracks[f"{letter}.wire"] for letter in "AC"]
    assert len({tuple(track.value) for track in wire}) == 1
    assert all(np.ptp([int(track.event[i]) for track in wire]) < 3 for i in range(len(wire[0].event)))
    assert len({flow.film.at[int(track.event[5])] for track in wire}) == 1


def test_a_frame_lasts_as_long_as_the_reception_that_does_most_with_it():
    a, b = played([np.array([0, 1, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0, 1])])
    assert a.tolist() == [0, 2, 4, 5, 6, 7] and b.tolist() == [0, 1, 2, 3, 4, 6]


def test_lines_name_device_pages_from_the_beginning_of_the_dmabuf(flow):
    said = [flow.film.line(i) for i in range(len(flow.film))]
    first = told(flow.receptions[0], "dma_payload")[0]
    page = (first["netmem"] >> 1) - flow.receptions[0].first_page
    assert f"A  the card writes {first['length_bytes']:,} octets of payload into device page {page}" in said
    assert [line.split(":")[0] for line in said if line.startswith("C  frame")][:2] == ["C  frame 1", "C  frame 2"]


def test_a_trace_that_does_not_agree_with_its_ledger_is_refused(flow):
    a, b = flow.receptions
    octets, copies = a.stages["DMA_DEVICE"]
    with pytest.raises(ValueError, match="devmem: the trace tells of .* octets of DMA_DEVICE, the ledger of"):
        flow_film([a._replace(stages={**a.stages, "DMA_DEVICE": (octets + 1, copies)}), b])
    with pytest.raises(ValueError, match="COPY_BREAK"):
        flow_film([a._replace(stages={**a.stages, "COPY_BREAK": (1, 1)})])
    with pytest.raises(ValueError, match="host_copy_pageable: the trace tells"):
        flow_film([a, b._replace(moved=b.moved[:-1])])


def test_receptions_of_other_frames_are_refused(flow):
    other, one = flow.receptions[0].events.copy(), flow.receptions[1]
    first = np.flatnonzero(other["kind"] == NAMES.index("frame_in"))[0]
    other["c"][first] += 1
    with pytest.raises(ValueError, match="not of the same frames"):
        flow_film([flow.receptions[0]._replace(events=other), one])


def test_the_scene_shows_the_counts_of_its_position(flow):
    half = len(flow.film) // 2
    svg = flow_stage(flow.film, half)
    for name in ("A.DMA_DEVICE", "A.dram", "C.RECV_COPY", "C.dram", "C.HOST_TO_DEVICE", "A.held"):
        assert f"{flow.film.value(name, half):,}" in svg and f'data-count="{name}"' in svg
    assert 'data-count="A.RECV_COPY"' not in svg and 'data-count="C.given"' not in svg
    assert svg == flow_stage(flow.film, half) != flow_stage(flow.film, half + 40)
