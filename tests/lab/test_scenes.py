"""Scenes and the model of crossings: what the memory lessons stand on."""

import pytest

from devmemlab.lab import scenes
from devmemlab.lab.crossings import CROSSED, LINKS, ORDERS, crossings
from devmemlab.mem.ledger import STAGES
from devmemlab.mem.page_pool import PROVIDER_DMABUF
from devmemlab.sock.uapi import CMSG_SPACE, MSG_SOCK_DEVMEM, frags
from tests.mem.test_providers import first_fit, forgetful_alloc, generous_alloc, leaking_release

P, H = 1_000_000, 5_000
HEADERS = {"DMA_HEADER": (H, 7), "HEADER_COPY": (H, 7)}
WAYS = {
    "devmem": {**HEADERS, "DMA_DEVICE": (P, 7)},
    "host_copy": {**HEADERS, "DMA_HOST": (P, 7), "RECV_COPY": (P, 7), "HOST_TO_DEVICE": (P, 1)},
    "host_copy_pageable": {**HEADERS, "DMA_HOST": (P, 7), "RECV_COPY": (P, 7), "PAGEABLE_COPY": (P, 1), "HOST_TO_DEVICE": (P, 1)},
}


@pytest.mark.once
@pytest.mark.parametrize("way, order, dram, uplink, device", [
    ("devmem", "device", 0, 0, 2), ("host_copy", "device", 4, 2, 2), ("host_copy_pageable", "device", 6, 2, 2),
    ("devmem", "cpu", 0, 1, 2), ("host_copy", "cpu", 4, 1, 0), ("host_copy_pageable", "cpu", 4, 1, 0),
    ("devmem", "cpu, device", 0, 1, 3), ("host_copy", "cpu, device", 5, 2, 2), ("host_copy_pageable", "cpu, device", 7, 2, 2),
])
def test_crossings_for_each_payload_octet_as_in_performance_anchors_5_3(way, order, dram, uplink, device):
    crossed = crossings(WAYS[way], order)
    assert crossed["dram_written"] + crossed["dram_read"] == dram * P + 3 * H
    assert crossed["uplink"] == uplink * P + H
    assert crossed["device_written"] + crossed["device_read"] == device * P


@pytest.mark.once
def test_every_stage_of_the_ledger_crosses_known_links():
    assert set(CROSSED) == set(STAGES)
    assert {link for links in CROSSED.values() for link in links} == set(LINKS)
    assert crossings({}) == dict.fromkeys(LINKS, 0)


@pytest.mark.once
def test_what_no_ledger_has_is_refused():
    with pytest.raises(ValueError, match="TELEPORT"):
        crossings({"TELEPORT": (1, 1)})
    with pytest.raises(ValueError, match="'nobody' is none of 'device', 'cpu'"):
        crossings({}, "nobody")
    assert set(ORDERS) == {"device", "cpu", "cpu, device"}


@pytest.mark.parametrize("scattered, offsets", [(False, [0, 4096, 8192, 12288]), (True, [12288, 8192, 4096, 0])])
def test_a_bench_hands_out_as_spec_cases_22_and_23_say(scattered, offsets):
    bench = scenes.bench(4, scattered)
    netmems = [bench.host.mem.alloc(bench.pool) for _ in range(5)]
    assert [scenes.offset_of(bench.host, netmem) for netmem in netmems[:4]] == offsets and netmems[4] == 0
    chunks = scenes.chunks(bench.host, bench.binding)
    assert sum(chunk["net_iovs"] for chunk in chunks) == 4 and sum(chunk["free"] for chunk in chunks) == 0
    assert [chunk["offset"] for chunk in chunks] == ([0, 4096, 8192, 12288] if scattered else [0])
    bench.lab.close()


@pytest.mark.parametrize("kernel", ["v9", "6.12", "6.18", "next"])
def test_a_bench_obeys_its_release(kernel):
    bench = scenes.bench(4, kernel=kernel)
    assert bench.host.mem.alloc(bench.pool) and bench.host.mem.pools.ctl[bench.pool].provider == PROVIDER_DMABUF
    bench.lab.close()


def test_the_state_of_a_pool_shows_spec_cases_27_and_28():
    bench = scenes.bench(256)
    host, mem, pool = bench.host, bench.host.mem, bench.pool
    netmem = mem.alloc(pool)
    mem.put(pool, netmem, direct=True)
    assert mem.alloc(pool) == netmem
    assert scenes.pool_state(host, pool) == {
        "in_cache": 0, "in_ring": 0, "hold": 1, "release": 0, "inflight": 1, "fast": 1, "empty": 1, "cached": 1}
    held = [mem.alloc(pool) for _ in range(100)]
    assert scenes.put_bulk(host, held) == 100 and scenes.put_bulk(host, []) == 0
    mem.alloc(pool)
    state = scenes.pool_state(host, pool)
    assert (state["refill"], state["in_cache"], state["in_ring"]) == (1, 63, 36)
    bench.lab.close()


@pytest.mark.parametrize("burst, direct", [(1, True), (1, False), (64, False), (200, True), (200, False)])
def test_every_buffer_of_a_burst_came_from_somewhere_and_went_somewhere(burst, direct):
    bench = scenes.bench(512, ring=128)
    counts = scenes.bursts(bench.host, bench.pool, burst, total=1000, direct=direct)
    total = 1000 // burst * burst
    assert sum(counts["taken"].values()) == sum(counts["returned"].values()) == total
    assert counts["taken"]["refused"] == 0
    # A naive count: what a cache of 128 and a ring of 128 cannot keep goes home, in each burst.
    kept = min(burst, 256 if direct else 128)
    assert counts["returned"]["provider"] == total // burst * (burst - kept)
    assert direct or counts["returned"]["cache"] == 0
    bench.lab.close()


def test_a_burst_larger_than_the_memory_is_refused_in_part():
    bench = scenes.bench(4)
    assert scenes.bursts(bench.host, bench.pool, 6, total=6)["taken"] == {"cache": 0, "ring": 0, "provider": 4, "refused": 2}
    bench.lab.close()


@pytest.mark.compiled_only
def test_a_connection_receives_tokens():
    program = scenes.connection(dmabuf="8MiB")
    pieces = frags(program.conn.recvmsg(1 << 20, CMSG_SPACE(24) * 8, MSG_SOCK_DEVMEM)[1])
    assert len(pieces) == 8 and set(pieces.dmabuf_id) == {program.id}
    assert program.host.audit().tokens == 8 and program.netlink.fileno() > program.fd
    program.lab.close()
    program.device.close()


@pytest.mark.parametrize("replaced, verdict", [
    ({}, []), ({"release": leaking_release}, ["leak"]), ({"alloc": forgetful_alloc}, ["double hand-out"]),
    ({"alloc": generous_alloc}, ["wrong owner"])])
def test_a_provider_is_judged_on_a_machine_of_its_own(replaced, verdict, sizes):
    assert [finding.name for finding in scenes.check_provider(first_fit(**replaced), steps=sizes(1000, 300))] == verdict
