"""Occupancy computed from a trace, against the tables that the trace is about."""

import random
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.base.trace import PAGE_POOL_RECYCLE, PAGE_POOL_STATE_HOLD, RXQ_POST, emit, make_trace
from devmemlab.mem.netmem import PLACE_RING
from devmemlab.view.heat_map import heat_map, resting_rows
from devmemlab.view.occupancy import occupancy
from devmemlab.view.pool_replay import BANDS, Replay
from tests.scripts.kit import Script

NS = "{http://www.w3.org/2000/svg}"


def agree(host):
    """What the trace adds up to is what the tables say, for every pool that is alive."""
    picture, pools = occupancy(host), host.mem.pools
    for row in map(int, np.flatnonzero(pools.ctl.alive)):
        final = picture.final[row]
        cache, ring = resting_rows(pools, row)
        assert final["held"] == host.mem.inflight(row)
        assert (final["cached"], final["ring"]) == (int(pools.ctl[row].cache_count), len(ring))
        if pools.ctl[row].provider:
            counts = heat_map(host, int(pools.ctl[row].mp_priv)).counts
            assert {name: final[name] for name in BANDS} == {name: counts[name] for name in BANDS}
    held = host.audit()
    total = {name: sum(final[name] for final in picture.final.values()) for name in BANDS}
    assert (total["posted"], total["token"]) == (held.descriptors, held.tokens)
    # An skb that is not read to the end still holds what was handed out as tokens (spec 25.4).
    assert total["socket"] <= held.skb_frags <= total["socket"] + total["token"]


@pytest.mark.parametrize("kernel", ["6.18", "next"])
@pytest.mark.parametrize("seed", range(2))
def test_after_each_step_of_a_transfer_the_trace_says_what_the_tables_say(kernel, seed):
    dice = random.Random(seed)
    with Script(device=True, dmabuf="512KiB", trace=True, kernel=kernel, rx_ring=32) as s:
        s.handshake()
        held = []
        for step in range(8):
            for _ in range(dice.randrange(1, 12)):
                s.data(bytes([step]) * dice.choice([1, 700, 1448]))
            if dice.random() < 0.7:
                _, pieces = s.recvmsg(control=dml.CMSG_SPACE(24) * dice.randrange(1, 40))
                held += [int(piece.frag_token) for piece in pieces]
            dice.shuffle(held)
            for _ in range(dice.randrange(0, len(held) + 1)):
                s.host.dontneed(s.conn, [(held.pop(), 1)])
            agree(s.host)
        s.netlink.close()
        s.lab.run(until_ns=s.lab.clock.now_ns + 10**6)
        agree(s.host)


def test_the_bands_add_up_at_every_event():
    with Script(device=True, trace=True) as s:
        s.handshake()
        s.data(b"a" * 1000)
        s.drain()
        picture = occupancy(s.host)
        for line in [*picture.series.values(), *(line for _, line in picture.earlier)]:
            assert (sum(line[band] for band in BANDS) == line["held"]).all()
            assert (np.diff(line["event"]) > 0).all() and (np.diff(line["time_ns"]) >= 0).all()
            assert all((line[band] >= 0).all() for band in BANDS)
        made = int(s.host.mem.pools.common[0].last_id)
        assert picture.earlier and len(picture.series) + len(picture.earlier) == made, "each pool has a line of its own"


def test_a_refill_that_no_tracepoint_tells_of_is_found():
    """Spec 6.4: the ring gives the cache up to 64 buffers; the last one that came over is handed out first."""
    trace = make_trace(1000)
    for netmem in range(3, 203, 2):
        emit(trace, PAGE_POOL_STATE_HOLD, 7, netmem, (netmem - 1) // 2, 0)
        emit(trace, RXQ_POST, 0, 0, netmem, 0)
    for netmem in range(3, 203, 2):
        emit(trace, PAGE_POOL_RECYCLE, 7, netmem, PLACE_RING, 0)
    emit(trace, RXQ_POST, 0, 0, 3 + 2 * 63, 0)
    line = Replay(trace).series[7]
    assert [int(line[band][-1]) for band in ("posted", "cached", "ring", "held")] == [1, 63, 36, 100]


def test_a_row_that_is_used_again_is_another_pool():
    trace = make_trace(100)
    emit(trace, PAGE_POOL_STATE_HOLD, 0, 3, 1, 0)
    emit(trace, PAGE_POOL_STATE_HOLD, 0, 5, 2, 0)
    emit(trace, PAGE_POOL_STATE_HOLD, 0, 9, 1, 0)
    replay = Replay(trace)
    assert replay.series[0]["held"].tolist() == [1]
    assert [(row, line["held"].tolist()) for row, line in replay.earlier] == [(0, [1, 2])]


def test_a_trace_alone_a_full_one_and_an_empty_one():
    trace = make_trace(2)
    assert "no pool has moved a buffer yet" in occupancy(trace).text
    for number in range(5):
        emit(trace, PAGE_POOL_STATE_HOLD, 4, 3 + 2 * number, number + 1, 0)
    picture = occupancy(trace)
    assert picture.lost == 3 and "the trace was full: 3 events are missing at the end" in picture.text
    assert "page_pool in row 4" in picture.svg() and "3 events are missing" in picture.svg()


def test_without_a_trace_it_says_how_to_get_one():
    with Script() as s, pytest.raises(ValueError, match=r"lab.host\(..., trace=True\)"):
        occupancy(s.host)
    with pytest.raises(ValueError, match="over='packets' is none of time, event"):
        occupancy(make_trace(2), over="packets")


def test_the_axis_counts_events_where_time_stands_still():
    with Script(device=True, trace=True) as s:
        s.handshake()
        s.data(b"a" * 1000)
        assert occupancy(s.host).over == "event" and occupancy(s.host, "time").over == "time"
        s.wait(5)
        s.data(b"b" * 1000)
        assert occupancy(s.host).over == "time" and "5 ms" in occupancy(s.host).svg()


def test_the_picture_is_whole_and_the_same_twice():
    def drawn():
        with Script(device=True, trace=True) as s:
            s.handshake()
            for i in range(10):
                s.wait(1)
                s.data(bytes([i]) * 1000)
            s.recvmsg(control=dml.CMSG_SPACE(24) * 4)
            return occupancy(s.host).svg(), occupancy(s.host).text, occupancy(s.host)._repr_mimebundle_()[0]["image/svg+xml"]

    svg, text, shown = drawn()
    assert drawn() == (svg, text, shown) and svg == shown
    root = ET.fromstring(svg)
    assert root.find(f"{NS}desc").text == text
    words = ["".join(one.itertext()) for one in root.iter(f"{NS}text")]
    assert {"T 4 by token", "S 6 in socket", "P 16 posted"} <= set(words)
    paths = [one.get("d") for one in root.iter(f"{NS}path") if "url(#" in one.get("fill", "")]
    assert paths and all(0 <= float(x) <= 700 for path in paths
                         for x in (step.split(" ")[0] for step in path.strip("MZ").split("L")))
