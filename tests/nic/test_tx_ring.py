"""TX rings: what does not fit waits in the stack, in order; every descriptor is completed, counted and free again."""

import dpkt
import pytest

from devmemlab.host.ports import Record
from devmemlab.lab.lab import Lab
from devmemlab.nic.tx_ring import tx_pick
from devmemlab.wire.rows import make_segments
from tests.lab.test_wire import connection, octets, pair, pump
from tests.nic.tx_kit import ACK, Sender

EINVAL = 22


def seqs(frames):
    return [dpkt.ethernet.Ethernet(frame).data.data.seq for frame in frames]


def fill(s, count, first=0, **fields):
    """Queue segments that cannot join: every one has PSH."""
    for k in range(first, first + count):
        s.queue(bytes([k]) * 10, seq=10 * k, ip_id=k, tcp_flags=ACK | 8, **fields)


def stats(s, *names, queue=0):
    all_of_them = s.host.ethtool("eth0").get_stats()
    return tuple(all_of_them[f"{name}[{queue}]"] for name in names)


def test_a_full_ring_stops_the_queue_and_completions_wake_it():
    with Sender() as s:
        s.host.ethtool("eth0").set_rings(tx=4)
        fill(s, 18)
        assert seqs(s.sent()) == [10 * k for k in range(18)], "nothing is lost, nothing overtakes"
        assert stats(s, "tx_posted_desc", "tx_completed_desc", "tx_consumed_desc", "tx_packets") == (18, 18, 18, 18)
        assert stats(s, "tx_stop", "tx_wake", "tx_doorbells") == (4, 4, 5)
        fill(s, 4)
        s.sent()
        assert stats(s, "tx_stop", "tx_wake", "tx_doorbells") == (4, 4, 6), "four fit"
        (total,) = s.host.netlink("netdev").dump("qstats-get")
        assert (total["tx-packets"], total["tx-bytes"], total["tx-needs-csum"]) == (22, 22 * 64, 22)
        assert (total["tx-stop"], total["tx-wake"]) == (4, 4) and s.host.audit().skbs == 0


def test_a_paused_nic_reads_nothing_and_the_stack_keeps_the_rest():
    with Sender() as s:
        s.host.ethtool("eth0").set_rings(tx=8)
        s.host.netdev.pause_tx(True)
        fill(s, 5)
        assert s.sent() == [] and s.txq.ctl[0].count == 5 and s.host.audit().skbs == 5
        fill(s, 20, first=5)
        assert s.sent() == [] and s.host.flush() == 0 and s.txq.ctl[0].count == 25
        assert stats(s, "tx_posted_desc", "tx_completed_desc", "tx_stop", "tx_wake") == (8, 0, 1, 0)
        s.host.netdev.pause_tx(False)
        assert s.lab.step() and seqs(bytes(f.octets) for f in s.port.take()) == [10 * k for k in range(25)]
        assert stats(s, "tx_consumed_desc", "tx_stop", "tx_wake") == (25, 3, 3)
        assert s.txq.ctl[0].count == 0 == s.host.audit().skbs


def test_each_queue_has_a_ring_and_a_connection_stays_in_one():
    with Sender(rx_queues=4) as s:
        assert s.host.netdev.real_num_tx_queues == 4
        for k in range(64):
            s.queue(b"q" * 10, tcb=1 + k % 8, dport=40000 + k % 8, seq=10 * (k // 8), ip_id=k // 8)
        ports = [dpkt.ethernet.Ethernet(frame).data.data.dport for frame in s.sent()]
        assert ports == [40000 + k % 8 for k in range(64)], "the NIC takes what was posted first"
        counts = [stats(s, "tx_posted_desc", queue=k)[0] for k in range(4)]
        assert sum(counts) == 64 and sum(count > 0 for count in counts) >= 3 and all(count % 8 == 0 for count in counts)
        s.host.ethtool("eth0").set_channels(combined=2)
        seg = make_segments(1)[0]
        seen = set()
        for seg.dport in range(100):
            seen.add(int(tx_pick(s.ctl, seg)))
        assert seen == {0, 1}
        each = [q for q in s.host.netlink("netdev").dump("qstats-get", {"ifindex": 2, "scope": 1}) if q["queue-type"] == "tx"]
        assert [q["tx-packets"] for q in each] == counts[:2]


def test_what_waits_while_others_leave_closes_ranks():
    """Two NICs, one of them paused: the other one's segments leave from between."""
    with Sender() as s:
        s.host.add_nic("eth1", port=None, ip="10.0.1.2")
        s.host.netdev.pause_tx(True)
        for k in range(6):
            s.queue(bytes([k]) * 10, seq=10 * k, ip_id=k, tcp_flags=ACK | 8)
            s.txq.whose[s.txq.ctl[0].count - 1].nic = k % 2
        assert s.host.flush() == 3 and s.txq.ctl[0].count == 3
        s.run([10, 10, 10], seq=900)
        assert s.host.flush() == 0
        s.host.netdev.pause_tx(False)
        assert seqs(s.sent()) == [0, 20, 40, 900, 910, 920] and s.ring().post == 4
        assert s.host.audit().skbs == 0


@pytest.mark.parametrize("what", ["resize", "down"])
def test_a_ring_that_is_made_anew_loses_what_it_held_and_says_so(what):
    with Sender() as s:
        s.host.ethtool("eth0").set_rings(tx=8)
        s.host.netdev.pause_tx(True)
        fill(s, 12)
        s.sent()
        if what == "resize":
            s.host.ethtool("eth0").set_rings(tx=16)
        else:
            s.host.netdev.close()
        s.host.netdev.pause_tx(False)
        kept = seqs(s.sent())
        assert kept == ([80, 90, 100, 110] if what == "resize" else [])
        assert s.ctl.tx_dropped == 12 - len(kept) and s.txq.ctl[0].count == 0 == s.host.audit().skbs
        s.host.netdev.open()
        fill(s, 3)
        assert seqs(s.sent()) == [0, 10, 20] and s.ring().post == s.ring().clean


@pytest.mark.parametrize("tx", [0, 3, 6, 128])
def test_rings_that_cannot_be(tx):
    with Sender() as s, pytest.raises(OSError) as caught:
        s.host.ethtool("eth0").set_rings(tx=tx)
    assert caught.value.errno == EINVAL


def test_a_transfer_through_the_smallest_ring(sizes):
    """The wire shows what it shows with a large one; a pause comes and goes without a loss."""
    data = octets(4, sizes(150_000, 30_000))

    def run(tx):
        with Lab(seed=2) as lab:
            a, b, _ = pair(lab, gbps=1, delay_us=100)
            a.ports[0] = Record(a.ports[0])
            a.ethtool("eth0").set_rings(tx=tx)
            client, conn = connection(lab, a, b)
            assert pump(lab, [(client, conn, data)]) == [data]
            capture = a.ports[0].capture()
            frames = [capture.frame_bytes(k) for k in range(len(capture))]
            a.netdev.pause_tx(True)
            client.setsockopt(6, 1, 1)
            for k in range(8):
                client.send(bytes([k]) * 700)
            lab.run(until_ns=lab.clock.now_ns + 1_000_000)
            assert a.txq.ctl[0].count == 8 and a.rings.ctl[0].post - a.rings.ctl[0].clean == min(tx, 8)
            a.netdev.pause_tx(False)
            lab.run(until_ns=lab.clock.now_ns + 100_000_000)
            assert conn.recv(1 << 16) == b"".join(bytes([k]) * 700 for k in range(8))
            assert a.nics.ctl[0].tx_dropped == 0 == a.nstat()["TcpExtTCPTimeouts"] and a.audit().skbs == 0
            return frames

    assert run(4) == run(128)
