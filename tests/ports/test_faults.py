"""Faults in front of any port: what they harm is counted, what they do not harm is untouched."""

import contextlib
import hashlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devmemlab.host import ports
from devmemlab.host.ports.wire import wire
from devmemlab.lab.lab import Lab
from devmemlab.lab.stream import stream_digest
from devmemlab.lab.synthetic import bulk_capture
from devmemlab.wire.rows import CSUM_UNKNOWN, CSUM_VERIFIED
from tests.ports.kit import burst_of

share = st.floats(0, 1)
HARMS = st.fixed_dictionaries({"loss": st.floats(0, 0.6), "duplicate": share, "corrupt": share, "delay_us": st.floats(0, 50),
                               "gbps": st.sampled_from([0, 0.01, 10]), "seed": st.integers(0, 1 << 20)})
TRAFFIC = st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 5)), min_size=1, max_size=12)


def numbered(first, count, at_ns=0):
    """A burst whose frames carry their number ten times behind an Ethernet header."""
    return burst_of(*(bytes(14) + k.to_bytes(4, "big") * 10 for k in range(first, first + count)), at_ns=at_ns)


def rows(burst):
    """(at_ns, csum, octets) of each frame."""
    return [(int(r.at_ns), int(r.csum), burst.octets[r.offset:r.offset + r.length].tobytes()) for r in burst.frame]


def drained(port):
    """Receive to the end: (when, frame), and nothing may come before its time or after `next_ns`."""
    found, now = [], 0
    while (at_ns := port.next_ns()) is not None:
        assert at_ns >= now
        assert at_ns == now or port.recv(at_ns - 1) is None, "nothing comes early"
        now = at_ns
        while (burst := port.recv(now)) is not None:
            found += [(now, row) for row in rows(burst)]
    return found


def pass_through(port, behind, traffic):
    """Play traffic both ways at its times; what came in and what went out."""
    first, now = 0, 0
    came = []
    for step, count in traffic:
        now += step
        behind.inject(numbered(first, count, now))
        port.send(now, numbered(first, count, now))
        first += count
        while (burst := port.recv(now)) is not None:
            came += rows(burst)
    came += [row for _, row in drained(port)]
    return came, rows(behind.take_burst())


@given(TRAFFIC)
def test_without_harm_it_is_not_there(traffic):
    bare, behind = ports.Manual(), ports.Manual()
    assert pass_through(ports.Faults(behind), behind, traffic) == pass_through(bare, bare, traffic)


@given(HARMS, TRAFFIC)
def test_counts_add_up_and_order_is_kept(harms, traffic):
    behind = ports.Manual()
    port = ports.Faults(behind, **harms)
    ways = pass_through(port, behind, traffic)
    sent = sum(count for _, count in traffic)
    for way, counts in zip(ways, port.counters.values(), strict=True):
        assert counts["frames"] == sent and counts["waiting"] == 0 and counts["reordered"] == 0
        assert len(way) == sent - counts["lost"] + counts["duplicated"]
        assert [at for at, _, _ in way] == sorted(at for at, _, _ in way)
        numbers, damaged = [], 0
        for _, csum, octets in way:
            whole = np.frombuffer(octets, ">u4", 10, 14)
            value, count = max(((v, int((whole == v).sum())) for v in set(whole.tolist())), key=lambda pair: pair[1])
            wanted = bytes(14) + value.to_bytes(4, "big") * 10
            wrong = sum((x ^ y).bit_count() for x, y in zip(octets, wanted, strict=True))
            assert wrong <= 1 and octets[:14] == bytes(14) and count >= 9 and csum == CSUM_UNKNOWN
            damaged += wrong
            numbers.append(value)
        assert damaged == counts["corrupted"]
        assert numbers == sorted(numbers), "what is not reordered keeps its order"


@given(st.integers(0, 1000), st.floats(0.1, 0.9))
def test_a_detour_is_the_only_thing_that_changes_order(seed, reorder):
    behind = ports.Manual()
    port = ports.Faults(behind, reorder=reorder, delay_us=20, gbps=10, seed=seed, direction="in")
    behind.inject(numbered(0, 40))
    came = [(at, int.from_bytes(octets[14:18], "big")) for at, (_, _, octets) in drained(port)]
    assert sorted(k for _, k in came) == list(range(40))
    step_ns = (54 + 24) * 8 // 10
    late = [k for at, k in came if at > 20_000 + step_ns * (k + 1) + 40]
    assert len(late) == port.counters["in"]["reordered"]
    straight = [k for _, k in came if k not in late]
    assert straight == sorted(straight)


def test_time_is_exact_and_nothing_leaves_early():
    behind = ports.Manual()
    port = ports.Faults(behind, delay_us=3, gbps=1)
    behind.inject(numbered(0, 2, at_ns=1000))
    assert port.next_ns() == 1000 and port.recv(1000) is None, "received, but it takes its time"
    wire_ns = (54 + 24) * 8
    assert port.next_ns() == 1000 + wire_ns + 3000
    assert [at for at, _ in drained(port)] == [1000 + wire_ns + 3000, 1000 + 2 * wire_ns + 3000]
    port.send(50_000, numbered(7, 1))
    assert behind.take() == [] and port.next_ns() == 50_000 + wire_ns + 3000
    assert port.recv(port.next_ns()) is None
    assert [frame.at_ns for frame in behind.take()] == [50_000 + wire_ns + 3000] and port.next_ns() is None


@pytest.mark.parametrize("direction, lost", [("both", (5, 5)), ("in", (5, 0)), ("out", (0, 5))])
def test_one_way_can_be_left_alone(direction, lost):
    behind = ports.Manual()
    port = ports.Faults(behind, loss=1, direction=direction)
    pass_through(port, behind, [(1, 5)])
    assert (port.counters["in"]["lost"], port.counters["out"]["lost"]) == lost
    assert f"{lost[0]} of 5 frames in" in repr(port)


@given(HARMS, share)
def test_it_harms_exactly_what_a_wire_of_that_seed_harms(harms, reorder):
    behind = ports.Manual()
    port = ports.Faults(behind, reorder=reorder, **harms)
    here, there = reversed(wire(reorder=reorder, **harms))
    for now in (0, 100, 20_000):
        while (at_ns := port.next_ns()) is not None and at_ns <= now:
            port.recv(at_ns)
        port.send(now, numbered(now, 6))
        here.send(now, numbered(now, 6))
    drained(port)
    assert [(f.at_ns, f.octets) for f in behind.take()] == [(at, octets) for at, _, octets in
                                                            (row for _, row in drained(there))]


def test_the_same_seed_does_the_same():
    def run(seed):
        behind = ports.Manual()
        port = ports.Faults(behind, loss=0.3, reorder=0.3, corrupt=0.3, duplicate=0.3, delay_us=5, seed=seed)
        return pass_through(port, behind, [(100, 4)] * 20), port.counters
    assert run(3) == run(3) != run(4)


def test_a_recording_shows_the_side_that_it_is_on():
    behind = ports.Manual()
    port = ports.Record(ports.Faults(ports.Record(behind), loss=0.5, seed=1))
    pass_through(port, behind, [(10, 10)] * 4)
    counts, inner = port.port.counters, port.port.port
    both = sum(way["lost"] for way in counts.values())
    assert 0 < both < 80 and inner.count == 40 + 40 - counts["out"]["lost"]
    assert port.count == 40 + 40 - counts["in"]["lost"]


def test_what_the_wire_vouched_for_is_verified_again_only_when_damaged():
    behind = ports.Manual()
    port = ports.Faults(behind, corrupt=0.5, seed=2)
    burst = numbered(0, 50)
    burst.frame.csum = CSUM_VERIFIED
    behind.inject(burst)
    came = [row for _, row in drained(port)]
    intact = [csum for _, csum, octets in came if octets in {bytes(14) + k.to_bytes(4, "big") * 10 for k in range(50)}]
    assert set(intact) == {CSUM_VERIFIED} and len(intact) == 50 - port.counters["in"]["corrupted"]
    assert sum(csum == CSUM_UNKNOWN for _, csum, _ in came) == port.counters["in"]["corrupted"] > 0


class LiveWire(ports.Manual):
    """A live port without a machine: its time passes by itself and it can be polled."""

    live = True

    def __init__(self):
        super().__init__()
        self.closed = 0

    def fileno(self):
        return 7

    def next_ns(self):
        return None

    def close(self):
        self.closed += 1


def test_a_live_port_stays_live():
    behind = LiveWire()
    port = ports.Faults(behind, delay_us=10)
    assert port.live and port.fileno() == 7 and port.next_ns() is None and port.moderated == behind.moderated
    behind.inject(numbered(0, 1))
    assert port.recv(5_000) is None and port.next_ns() == 15_000, "poll must not sleep beyond this"
    port.send(6_000, numbered(1, 1))
    assert len(port.recv(15_500).frame) == 1 and behind.take() == [] and port.next_ns() == 16_000
    assert port.recv(17_000) is None and [f.at_ns for f in behind.take()] == [17_000]
    port.close()
    port.close()
    assert behind.closed == 2 and port.next_ns() is None


@settings(max_examples=4)
@given(st.integers(0, 1000))
@example(231)                           # a damaged acknowledgement claims more than has arrived
def test_a_replay_through_faults_arrives_whole(seed):
    nbytes = 60_000
    harm = {"loss": 0.05, "duplicate": 0.05, "corrupt": 0.05, "reorder": 0.1, "delay_us": 20}
    with Lab() as lab, contextlib.ExitStack() as undo:
        behind = ports.Pcap(bulk_capture(nbytes))
        port = ports.Faults(behind, seed=seed, **harm)
        host = lab.host("dut", ip=behind.flow.dst, mac=behind.flow.dst_mac, gateway_mac=behind.flow.src_mac, port=port,
                        rx_ring=128, sockets=8)
        server = undo.enter_context(host.socket())
        server.bind(("", behind.flow.dport))
        server.listen()
        conn, _ = server.accept()
        digest, got = hashlib.sha256(), 0
        while got < nbytes:
            piece = conn.recv(1 << 16)
            digest.update(piece)
            got += len(piece)
        assert digest.hexdigest() == stream_digest(nbytes) and got == nbytes
        assert port.counters["in"]["lost"] + port.counters["in"]["corrupted"] > 0
        conn.close()


@pytest.mark.parametrize("wrong, text", [({"loss": 1.5}, r"loss 1\.5: a probability"), ({"corrupt": -0.1}, "corrupt -0.1"),
                                         ({"gbps": -1}, "gbps -1"), ({"delay_us": -1}, "neither can be below 0"),
                                         ({"direction": "up"}, "'up': both, in, out")])
def test_wrong_numbers_are_refused(wrong, text):
    with pytest.raises(ValueError, match=text):
        ports.Faults(ports.Manual(), **wrong)
