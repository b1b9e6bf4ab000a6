"""Generators of traffic: what they send is told by position, so what arrives can be judged anywhere."""

import contextlib
import hashlib
import socket

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devmemlab.host import ports
from devmemlab.lab import traffic
from devmemlab.lab.lab import Lab
from devmemlab.lab.stream import stream_digest
from devmemlab.lab.synthetic import bulk_capture
from tests.lab.test_wire import connection, pair


@contextlib.contextmanager
def joined(seed=0, **harm):
    """A lab, its two hosts, and both ends of one connection."""
    with Lab(seed=seed) as lab:
        a, b, ends = pair(lab, **harm)
        client, conn = connection(lab, a, b)
        yield lab, client, conn, ends
        for host in (a, b):
            host.audit()


def test_seeds_give_streams_of_their_own():
    assert hashlib.sha256(traffic.octets_of(0, 5000).tobytes()).hexdigest() == stream_digest(5000)
    one, other = traffic.octets_of(1, 4096), traffic.octets_of(2, 4096)
    assert (one != other).mean() > 0.99 and (traffic.octets_of(1, 96, 4000) == one[4000:]).all()
    with pytest.raises(ValueError, match="seed -1"):
        traffic.octets_of(-1, 8)


@settings(max_examples=3)
@given(st.integers(0, 100), st.floats(0, 0.08), st.floats(0, 0.1), st.floats(0, 0.05))
def test_bulk_arrives_over_a_bad_wire(seed, loss, reorder, corrupt):
    with joined(seed, gbps=1, delay_us=100, loss=loss, reorder=reorder, corrupt=corrupt) as (lab, client, conn, _):
        bulk, sink = traffic.Bulk(client, 40_000, seed), traffic.Sink(conn, seed=seed)
        traffic.drive(lab, bulk, sink)
        assert sink.received == bulk.sent == 40_000 and sink.mismatches == 0 and sink.first_mismatch is None
        assert sink.sha256 == bulk.sha256 == hashlib.sha256(traffic.octets_of(seed, 40_000).tobytes()).hexdigest()


def test_both_ways_and_to_a_number_of_octets():
    with joined(gbps=1, delay_us=10) as (lab, client, conn, _):
        actors = [traffic.Bulk(client, 20_000, 1), traffic.Sink(conn, 20_000, 1),
                  traffic.Bulk(conn, 10_000, 2, finish=False), traffic.Sink(client, 10_000, 2)]
        traffic.drive(lab, *actors)
        assert actors[1].mismatches == actors[3].mismatches == 0 and conn.state != "LAST_ACK"


def test_a_wrong_octet_is_found_where_it_is():
    with joined() as (lab, client, conn, _):
        data = bytearray(traffic.octets_of(3, 9_000).tobytes())
        data[7_777] ^= 0x40
        client.sendall(bytes(data))
        sink = traffic.Sink(conn, len(data), seed=3)
        traffic.drive(lab, sink)
        assert (sink.mismatches, sink.first_mismatch) == (1, 7_777) and "1 wrong" in repr(sink)


@pytest.mark.parametrize("window", [1, 4])
def test_calls_take_a_round_trip_each(window):
    with joined(gbps=10, delay_us=50) as (lab, client, conn, _):
        caller = traffic.Caller(client, 12, 100, 400, window, seed=5)
        answerer = traffic.Answerer(conn, seed=5)
        begun_ns = lab.clock.now_ns
        traffic.drive(lab, caller, answerer)
        assert caller.answered == answerer.answered == len(caller.latencies_ns) == 12
        assert caller.mismatches == answerer.mismatches == 0
        assert min(caller.latencies_ns) >= 100_000, "no answer is faster than light there and back"
        assert lab.clock.now_ns - begun_ns >= 12 // window * 100_000


def test_calls_survive_loss():
    with joined(3, gbps=1, delay_us=20, loss=0.05) as (lab, client, conn, ends):
        caller, answerer = traffic.Caller(client, 30, 300, 3000, 3), traffic.Answerer(conn)
        traffic.drive(lab, caller, answerer)
        assert caller.answered == 30 and caller.mismatches == 0 and sum(end.link.lost for end in ends) > 0
        assert max(caller.latencies_ns) > 10 * min(caller.latencies_ns), "a lost segment costs a wait"


def test_a_caller_whose_answerer_ends_says_so():
    with joined() as (lab, client, conn, _):
        conn.shutdown(1)
        with pytest.raises(ConnectionError, match="0 of 2 answers"):
            traffic.drive(lab, traffic.Caller(client, 2))


def test_bursts_begin_when_they_shall():
    with joined(gbps=10, delay_us=10) as (lab, client, conn, _):
        start_ns = lab.clock.now_ns
        bursty, sink = traffic.Bursty(client, 20, 400, 1_000_000, seed=9), traffic.Sink(conn, seed=9)
        traffic.drive(lab, bursty, sink)
        assert sink.received == 8_000 and sink.mismatches == 0 and len(bursty.begun_ns) == 20
        gaps = np.diff(bursty.begun_ns)
        assert bursty.begun_ns[0] == start_ns and (gaps >= 0).all()
        assert 300_000 < gaps.mean() < 3_000_000 and gaps.std() > 200_000, "exponential, with the asked mean"
        again = []
        with joined(gbps=10, delay_us=10) as (other, client2, conn2, _):
            actor = traffic.Bursty(client2, 20, 400, 1_000_000, seed=9)
            traffic.drive(other, actor, traffic.Sink(conn2, seed=9))
            again = actor.begun_ns
        assert again == bursty.begun_ns


def test_a_replayed_sender_is_checked_in_the_same_way():
    nbytes = 50_000
    with Lab() as lab:
        port = ports.Pcap(bulk_capture(nbytes))
        host = lab.host("dut", ip=port.flow.dst, mac=port.flow.dst_mac, gateway_mac=port.flow.src_mac,
                        port=ports.Faults(port, loss=0.03, seed=4), rx_ring=128, sockets=8)
        server = host.socket()
        server.bind(("", port.flow.dport))
        server.listen()
        sink = traffic.Sink(server.accept()[0])
        traffic.drive(lab, sink)
        assert sink.received == nbytes and sink.mismatches == 0 and sink.sha256 == stream_digest(nbytes)


@pytest.mark.once
def test_the_same_programs_run_on_the_kernel_here():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        conn, _ = server.accept()
        with conn:
            caller, answerer = traffic.Caller(client, 50, 200, 5_000, 4), traffic.Answerer(conn)
            while not (caller.done and answerer.done):
                caller.step(), answerer.step()
            bulk, sink = traffic.Bulk(conn, 300_000, 1), traffic.Sink(client, seed=1)
            while not (bulk.done and sink.done):
                bulk.step(), sink.step()
    assert caller.answered == 50 and caller.mismatches == answerer.mismatches == sink.mismatches == 0
    assert sink.sha256 == bulk.sha256 and min(caller.latencies_ns) > 0


def test_who_waits_in_vain_is_named():
    with joined() as (lab, _, conn, _):
        with pytest.raises(TimeoutError, match=r"nothing is left.*<Sink: 0 of all octets"):
            traffic.drive(lab, traffic.Sink(conn))
    with joined(gbps=0.001) as (lab, client, conn, _):
        with pytest.raises(TimeoutError, match=r"not done within 0\.05 s: <Bulk"):
            traffic.drive(lab, traffic.Bulk(client, 5_000_000), traffic.Sink(conn), timeout_ns=50_000_000)


def test_more_than_one_actor_of_every_kind():
    with joined(gbps=1, delay_us=10) as (lab, client, conn, _):
        actors = traffic.Caller(client, 3, 0, 1), traffic.Answerer(conn)
        traffic.drive(lab, *actors)
        assert repr(actors[0]) == "<Caller: 3 of 3 calls answered>" and repr(actors[1]) == "<Answerer: 3 calls answered>"
        with pytest.raises(ValueError, match="at most 1048576"):
            traffic.Caller(client, 1, 1 << 21)
