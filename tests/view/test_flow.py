"""Where every byte went, as data and as words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devmemlab.mem import ledger as ledgers
from devmemlab.view import flow
from tests.view import kit


def test_every_stage_of_the_ledger_has_a_path_between_places():
    assert set(flow.PATHS) == set(ledgers.STAGES)
    assert {place for path in flow.PATHS.values() for place in path} <= set(flow.PLACES)


def numbers(stages):
    return {arrow.stage: arrow.number for arrow in flow.arrows(stages)}


def test_copies_are_numbered_along_the_way():
    assert numbers(kit.STAGES["devmem"]) == {"DMA_HEADER": 0, "DMA_DEVICE": 1, "HEADER_COPY": 0}
    assert numbers(kit.STAGES["host_copy"]) == {
        "DMA_HEADER": 0,
        "DMA_HOST": 1,
        "HEADER_COPY": 0,
        "RECV_COPY": 2,
        "HOST_TO_DEVICE": 3,
    }
    pageable = numbers(kit.STAGES["host_copy_pageable"])
    assert (pageable["PAGEABLE_COPY"], pageable["HOST_TO_DEVICE"]) == (3, 4)
    assert numbers(kit.STAGES["memcpy"]) == {"MEMCPY": 1}


@pytest.mark.parametrize("mode", kit.STAGES)
def test_the_last_number_is_the_number_of_copies(mode):
    assert max(numbers(kit.STAGES[mode]).values()) == kit.COPIES[mode]


def test_a_staging_buffer_comes_between_only_when_there_is_one():
    source = {mode: {a.stage: a.source for a in flow.arrows(kit.STAGES[mode])} for mode in ("host_copy", "host_copy_pageable")}
    assert source["host_copy"]["HOST_TO_DEVICE"] == "user"
    assert source["host_copy_pageable"]["HOST_TO_DEVICE"] == "staging"


def test_reading_in_place_is_no_copy_and_gathering_is_one():
    found = numbers({"DMA_DEVICE": (10, 1), "GATHER": (10, 1), "DEVICE_READ": (10, 1)})
    assert found == {"DMA_DEVICE": 1, "GATHER": 2, "DEVICE_READ": 0}


@given(st.dictionaries(st.sampled_from(list(flow.PATHS)), st.tuples(st.integers(0, 10**12), st.integers(0, 10**6))))
def test_nothing_is_drawn_that_was_not_counted_and_nothing_left_out(stages):
    drawn = {a.stage: (a.octets, a.pieces) for a in flow.arrows(stages)}
    assert drawn == {name: counted for name, counted in stages.items() if counted[1]}


def test_an_unknown_stage_is_an_error():
    with pytest.raises(ValueError, match="'TELEPORT' is none of DMA_HEADER"):
        flow.arrows({"TELEPORT": (1, 1)})


def test_panels_of_a_result_come_in_the_order_asked_for():
    result = kit.Result()
    assert [p.name for p in flow.panels(result)] == ["devmem", "host_copy", "host_copy_pageable"]
    assert [p.name for p in flow.panels(result, ("memcpy", "devmem"))] == ["memcpy", "devmem"]
    with pytest.raises(ValueError, match="none of the modes memcpy is in devmem"):
        flow.panels(kit.Result(("devmem",)), ("memcpy",))


def test_panels_of_a_ledger_and_of_a_host():
    ledger = ledgers.make_ledger()
    ledgers.ledger_add(ledger, ledgers.DMA_DEVICE, 100)
    ledgers.ledger_add(ledger, ledgers.DMA_DEVICE, 20)

    class Host:
        name = "trainer"

    host = Host()
    host.ledger = ledger
    for shown, name in ((ledger, "ledger"), (host, "trainer")):
        (panel,) = flow.panels(shown)
        assert (panel.name, panel.ratio, [(a.octets, a.pieces) for a in panel.arrows]) == (name, None, [(120, 2)])
        assert panel.octets("DMA_DEVICE", "DMA_HOST") == 120


@pytest.mark.parametrize("thing", [42, np.zeros(3), "ledger"])
def test_what_has_no_stages_is_refused(thing):
    with pytest.raises(TypeError, match="has no stages"):
        flow.panels(thing)


def test_words():
    text = flow.describe(flow.panels(kit.row("host_copy_pageable"))[0])
    lines = text.splitlines()
    assert lines[0] == "C host_copy_pageable: 4.00 copies of each payload byte, through an ordinary buffer and a staging buffer"
    assert lines[-1] == "  [  copy 4] staging buffer -> device memory     1,999,993 octets in 31 pieces"
    assert len(lines) == 1 + len(kit.STAGES["host_copy_pageable"])


def test_words_of_an_empty_ledger():
    assert "nothing has moved yet" in flow.describe(flow.panels(ledgers.make_ledger())[0])


def test_one_piece_is_not_pieces():
    assert (flow.counted(1), flow.counted(1385)) == ("1 piece", "1,385 pieces")
