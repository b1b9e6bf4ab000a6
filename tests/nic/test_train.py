"""Trains: with them and without, everything that can be seen is the same."""

import random

import numpy as np
import pytest
from numba import config

from devmemlab.base.trace import events
from devmemlab.nic.train import frames_alike
from devmemlab.wire import frame as fr
from tests.net.test_gro import Burst
from tests.ports.kit import made
from tests.scripts.kit import DUT, DUT6, PEER, PEER6, flag_bits

OWN = ("parsed", "parsing", "train", "train_rule")
"""What the NIC remembers of headers is all that may differ."""


def rows(table, *without):
    """What is not 0 in a table, and where: tables are large."""
    found = {name: np.asarray(table[name]).ravel() for name in table.dtype.names if name not in without}
    return {name: [(int(at), int(column[at])) for at in np.flatnonzero(column)] for name, column in found.items()}


def seen_of(s):
    host = s.host
    return {"events": events(host.trace) if host.trace else None, "ledger": host.ledger.tolist(), "gro": rows(host.gro.ctl),
            "rx": rows(host.rxqs.ctl, *OWN), "nic": rows(host.nics.ctl, "trains"), "skbs": rows(host.skbs.ctl),
            "netmems": rows(host.mem.netmems[:host.mem._touched() + 1], "dma_addr"), "pools": rows(host.mem.pools.ctl),
            "tcbs": rows(host.tcbs.tcb),
            "drops": host.rxqs.drop.tolist(), "sent": [f["octets"] for f in s.forget()], "rest": (s.sizes, s.tokens)}


def run(bursts, trains, taken=True, **options):
    """Let bursts arrive; returns everything that can be seen of it, and the stream, and how many frames were of a train."""
    with Burst(True, **options) as s:
        s.host.nics.ctl[0].trains = trains
        members, stream = 0, b""
        for burst in bursts:
            s.burst(burst)
            members += int((s.host.rxqs.cqe.parsed < 0).sum())
            s.host.rxqs.cqe.parsed = 0
            stream += s.stream()
        return seen_of(s), stream, members


def random_bursts(seed, v6=False):
    """Bulk with everything that may interrupt it."""
    rng, at, bursts = random.Random(seed), 1, []
    for _ in range(1 if config.DISABLE_JIT else 3):
        burst, left = [], rng.randint(64, 90)
        while left > 0:
            fields = {}
            if rng.random() < 0.3:
                fields = rng.choice([{"tos": 4}, {"ttl": 9}, {"window": 7}, {"ts_val": 5}, {"flags": "AP"}, {"ack_seq": 1},
                                     {"sack_count": 1, "sack_0_start": 1, "opt_timestamp": 0}, {"vlan_tci": 5}])
            size, count = rng.choice([1, 100, 1000, 1448, 4096, 5000, 8948]), rng.randint(1, 30)
            for k in range(min(count, left)):
                kind = rng.random()
                payload = rng.randbytes(size)
                if kind < 0.02:
                    at += 3                     # a hole
                elif kind < 0.04 and at > 100:
                    burst.append((payload, {**fields, "seq": at - 50}))
                burst.append((payload, {**fields, "seq": at, "ip_id": k}))
                at += size
            left -= count
        bursts.append(burst)
    return bursts


@pytest.mark.parametrize("device, seed, trace", [(True, 1, 1 << 16), (True, 2, False), (False, 3, 1 << 16)])
def test_with_trains_and_without_everything_that_can_be_seen_is_the_same(device, seed, trace):
    options = {"device": device, "trace": trace, "dmabuf": "1MiB", "rcvbuf": 1 << 23}
    one, stream, members = run(random_bursts(seed), 1, **options)
    other, expected, none = run(random_bursts(seed), 0, **options)
    assert stream == expected and one == other
    assert members > 20 and none == 0


@pytest.mark.parametrize("port", [PEER[1], PEER[1] + 1])
def test_frames_whose_tag_is_taken_off_are_no_train(port):
    """Behind a tag the ports lie where a plain frame has its sequence number, which may differ."""
    seen = []
    for trains in (1, 0):
        with Burst(True, trace=1 << 12) as s:
            s.host.nics.ctl[0].vlan_strip = 1
            s.host.nics.ctl[0].trains = trains
            for s.peer in (PEER, (PEER[0], port, PEER[2])):
                s.port.inject(s.segment("A", b"q" * 100, vlan_tci=5), at_ns=s.lab.clock.now_ns, csum=fr.CSUM_VERIFIED)
            s.peer = PEER
            s.lab.run(until_ns=s.lab.clock.now_ns)
            s._collect()
            assert not (s.host.rxqs.cqe.parsed < 0).any()
            seen.append((seen_of(s), s.stream()))
    assert seen[0] == seen[1]


def test_a_write_that_faults_leaves_the_hash_of_a_train_right():
    """The first frame has fewer completions than buffers then."""
    seen = []
    for trains in (1, 0):
        with Burst(True, trace=1 << 12) as s:
            queue = s.host.rxqs.ctl[1]
            s.host.nics.ctl[0].trains = trains
            s.host.rxqs.cqe.hash = 7777
            netmem = s.host.rxqs.desc[1, int(queue.used) & int(queue.desc_count - 1)].netmem
            row = s.host.mem.netmems[int(netmem) >> 1]
            row.dma_addr, before = 1 << 60, int(row.dma_addr)
            s.burst([(bytes(5000), {})] * 1 + [(bytes(5000), {"seq": s.next + 5000 * k}) for k in (1, 2)])
            row.dma_addr = before
            used = range(int(queue.complete) - 4, int(queue.complete))
            seen.append([[int(s.host.rxqs.cqe[1, at & int(queue.desc_count - 1)].hash) for at in used], seen_of(s)])
    assert seen[0] == seen[1]


def test_a_train_ends_where_the_ring_does_and_nothing_is_counted_twice():
    bursts = [[(bytes(1448), {}) for _ in range(100)]]
    options = {"device": True, "rx_ring": 16, "trace": 1 << 14}
    one, stream, members = run(bursts, 1, **options)
    other, expected, _ = run(bursts, 0, **options)
    assert one == other and stream == expected and members == 15
    assert one["rx"]["rx_hw_drop_overruns"] == [(1, 48 + 20)]


@pytest.mark.parametrize("peer, dut, header", [(PEER, DUT, 66), (PEER, DUT, 54), (PEER6, DUT6, 86)])
def test_headers_that_are_alike_are_understood_alike(peer, dut, header):
    """Each octet of the header, and each of the frame's first behind it, is changed in turn."""
    fields = {"opt_timestamp": 1, "ts_val": 1, "ts_ecr": 2} if header != 54 else {}
    model = made(peer, dut, bytes(100), seq=1000, tcp_flags=flag_bits("A"), ack_seq=7, window=9, **fields)
    pkts, alike = fr.make_packets(2), 0
    for at in range(header + 4):
        other = bytearray(model)
        other[at] ^= 1 << at % 8
        wire = np.frombuffer(bytes(model) + bytes(other), np.uint8)
        for k in range(2):
            fr.parse_frame(wire, k * len(model), len(model), pkts[k])
        one, two = (rows(pkts[k:k + 1], "seq") for k in range(2))
        if dut is DUT and frames_alike(wire, 0, len(model), header):
            alike += 1
            assert one == two, f"octet {at} says something else"
    if dut is DUT:
        assert alike == 2 + 2 + 4 + 2 + 4, "IP identification and sum, sequence number, TCP sum, payload"
