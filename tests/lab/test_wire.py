"""Two hosts and a wire that harms: whatever it does, the stream arrives whole, once and in order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devmemlab.lab.lab import Lab
from devmemlab.sock.uapi import AF_INET, AF_INET6


def pair(lab, **harm):
    """Two connected hosts."""
    hosts = [lab.host(name, ip=f"10.0.0.{k}", ip6=f"fd00::{k}", rx_ring=128, sockets=8)
             for k, name in enumerate(("storage", "trainer"), 1)]
    return (*hosts, lab.connect(*hosts, **harm))


def connection(lab, a, b, family=AF_INET):
    """Both ends of a connection from `a` to `b`."""
    server = b.socket(family)
    server.bind(("", 5201))
    server.listen()
    client = a.socket(family)
    client.connect((b.ip if family == AF_INET else b.ip6, 5201))
    conn, peer = server.accept()
    assert peer[0] == (a.ip if family == AF_INET else a.ip6)
    for sock in (client, conn):
        sock.settimeout(0)
    return client, conn


def pump(lab, streams):
    """Send and receive until every stream has arrived: (sender, receiver, octets)."""
    at, got = [0] * len(streams), [bytearray() for _ in streams]
    for _ in range(200_000):
        moved = False
        for k, (sender, receiver, data) in enumerate(streams):
            try:
                at[k] += sender.send(data[at[k]:at[k] + 20_000]) if at[k] < len(data) else 0
            except BlockingIOError:
                pass
            try:
                piece = receiver.recv(1 << 16)
                got[k] += piece
                moved = moved or bool(piece)
            except BlockingIOError:
                pass
        if all(len(g) == len(data) for g, (_, _, data) in zip(got, streams)):
            return [bytes(g) for g in got]
        if not lab.step() and not moved:
            following = lab.next_ns()
            assert following is not None, "nothing is left that could bring the rest"
            lab.clock.advance_to(following)
    raise AssertionError("no end")


def octets(seed, length):
    return np.random.default_rng(seed).integers(0, 256, length, dtype=np.uint8).tobytes()


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_both_ways_at_once(family):
    with Lab(seed=1) as lab:
        a, b, ends = pair(lab, gbps=1, delay_us=100)
        client, conn = connection(lab, a, b, family)
        there, back = octets(1, 60_000), octets(2, 30_000)
        assert pump(lab, [(client, conn, there), (conn, client, back)]) == [there, back]
        assert a.tcbs.tcb[client.sock].total_retrans == 0 and ends[0].link.lost == 0
        client.close()
        conn.close()
        lab.run(until_ns=lab.clock.now_ns + 200_000_000_000)
        for host in (a, b):
            assert host.audit().skbs == 0
            assert host.mem.providers.pages[3].out == 0, "every page that held data to send is back"


def test_a_slow_wire_takes_the_time_it_must():
    with Lab(seed=1) as lab:
        a, b, _ = pair(lab, gbps=0.01, delay_us=1000)
        client, conn = connection(lab, a, b)
        data = octets(3, 40_000)
        pump(lab, [(client, conn, data)])
        least_ms = len(data) * 8 / 10_000
        assert least_ms < lab.clock.now_ns / 1e6 < 1.4 * least_ms + 10


@settings(max_examples=6)
@given(st.integers(0, 1000), st.floats(0, 0.15), st.floats(0, 0.2), st.floats(0, 0.1), st.floats(0, 0.1))
def test_whatever_the_wire_does_the_stream_arrives(seed, loss, reorder, duplicate, corrupt):
    with Lab(seed=seed) as lab:
        a, b, _ = pair(lab, gbps=1, delay_us=200, loss=loss, reorder=reorder, duplicate=duplicate, corrupt=corrupt)
        client, conn = connection(lab, a, b)
        data = octets(seed, 50_000)
        assert pump(lab, [(client, conn, data)]) == [data]
        a.audit()
        b.audit()


def test_the_same_seed_gives_the_same_run():
    def run(seed):
        with Lab(seed=seed) as lab:
            a, b, ends = pair(lab, gbps=1, delay_us=200, loss=0.05, reorder=0.05)
            client, conn = connection(lab, a, b)
            pump(lab, [(client, conn, octets(5, 30_000))])
            return lab.clock.now_ns, [tuple(end.link) for end in ends], tuple(a.tcbs.tcb[client.sock])
    assert run(7) == run(7) != run(8)


def test_wires_are_checked():
    with Lab() as lab:
        a, b, _ = pair(lab)
        with pytest.raises(ValueError, match="has a port already"):
            lab.connect(a, b)
        c = lab.host("c", ip="10.0.0.3")
        with pytest.raises(ValueError, match="itself"):
            lab.connect(c, c)
        with pytest.raises(ValueError, match=r"loss 1\.5: a probability"):
            lab.connect(c, lab.host("d", ip="10.0.0.4"), loss=1.5)


def test_interrupts_between_connected_hosts_are_moderated_when_asked():
    with Lab() as lab:
        a, b, _ = pair(lab, delay_us=1)
        client, conn = connection(lab, a, b)
        b.ethtool("eth0").set_coalesce(rx_usecs=500)
        before = lab.clock.now_ns
        assert pump(lab, [(client, conn, b"x")]) == [b"x"]
        assert 500_000 <= lab.clock.now_ns - before < 700_000
