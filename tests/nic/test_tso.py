"""Segmentation offload: the wire cannot tell whether it is on; the bus can. scapy makes the sums of every frame again."""

import numpy as np
import pytest
from scapy.all import IP, TCP, Ether, IPv6

from devmemlab.host.host import TX_ARENA_BYTES
from devmemlab.host.ports import Record
from devmemlab.lab.lab import Lab
from devmemlab.sock.uapi import AF_INET, AF_INET6
from tests.lab.test_wire import connection, octets, pair, pump
from tests.nic.tx_kit import ACK, Sender, sums_are_right

FIN, PSH, ECE, CWR = 1, 8, 64, 128


def talk(on, family, harm, length):
    """A transfer between two recorded hosts: every frame with its time, and what crossed the sender's bus."""
    with Lab(seed=5) as lab:
        a, b, _ = pair(lab, gbps=1, delay_us=100, **harm)
        for host in (a, b):
            host.ports[0] = Record(host.ports[0])
            host.ethtool("eth0").set_feature("tso", on)
        client, conn = connection(lab, a, b, family)
        there, back = octets(1, length), octets(2, length // 2 if harm else 10)
        assert pump(lab, [(client, conn, there), (conn, client, back)]) == [there, back]
        conn.close()
        client.close()
        lab.run(until_ns=lab.clock.now_ns + 200_000_000_000)
        frames = []
        for host in (a, b):
            assert host.audit().skbs == 0 and host.mem.providers.pages[3].out == 0 and host.txq.ctl[0].count == 0
            capture = host.ports[0].capture()
            frames.append([(int(capture.frame.at_ns[k]), capture.frame_bytes(k)) for k in range(len(capture))])
        return frames, a.ethtool("eth0").get_stats(), int(a.ledger[13].length)


@pytest.mark.parametrize("family, harm", [(AF_INET, {}), (AF_INET6, {}), (AF_INET, {"loss": 0.03, "reorder": 0.05}),
                                          (AF_INET6, {"loss": 0.05, "duplicate": 0.05})])
def test_the_wire_cannot_tell(family, harm, sizes):
    length = sizes(200_000, 36_000)
    (mine, yours), off, read_off = talk(False, family, harm, length)
    (same, theirs), on, read_on = talk(True, family, harm, length)
    assert mine == same and yours == theirs and all(sums_are_right(frame) for _, frame in mine[::7])
    assert off["tx_packets"] == on["tx_packets"] == off["tx_posted_desc[0]"] and off["tx_bytes"] == on["tx_bytes"]
    assert off["tx_hw_gso_packets[0]"] == 0 < on["tx_hw_gso_packets[0]"] and read_off == read_on
    cut = on["tx_hw_gso_wire_packets[0]"] - on["tx_hw_gso_packets[0]"]
    assert on["tx_posted_desc[0]"] == off["tx_posted_desc[0]"] - cut and cut > length // 5000
    saved = off["tx_header_bytes[0]"] - on["tx_header_bytes[0]"]
    least = (66 if family == AF_INET else 86) * cut
    assert saved == least or harm and least < saved < 2 * least, "with what is heard of losses, headers are longer"


def expected(version, data, size, flags, seq, ip_id, **tcp):
    """The frames as scapy makes them: the one place where the rules for each field are written a second time."""
    frames = []
    for k, at in enumerate(range(0, len(data), size)):
        last = at + size >= len(data)
        mine = flags & ~(0 if last else FIN | PSH) & ~(CWR if k else 0)
        ip = (IP(src="10.0.0.2", dst="10.0.0.1", id=ip_id + k & 0xFFFF, flags="DF") if version == 4
              else IPv6(src="fd00::2", dst="fd00::1"))
        frames.append(bytes(Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / ip / TCP(
            sport=5201, dport=40000, seq=seq + at & 0xFFFFFFFF, ack=77, window=500, flags=mine, **tcp) / data[at:at + size]))
    return frames


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("flags, last", [(0, PSH), (0, FIN | PSH), (ECE, 0), (CWR, PSH), (CWR | ECE, FIN)])
def test_what_differs_from_frame_to_frame(version, flags, last):
    """Sequence numbers and IP ids wrap; PSH and FIN are on the last frame, CWR on the first, ECE on all."""
    with Sender(version) as s:
        sizes = [100, 100, 100, 40]
        data = s.run(sizes)
        s.txq.seg.tcp_flags[:4] = ACK | (flags & ECE)
        s.txq.seg.tcp_flags[0] |= flags & CWR
        s.txq.seg.tcp_flags[3] |= last
        assert s.sent() == expected(version, data, 100, ACK | flags | last, 0xFFFFFF00, 0xFFFE)
        q = s.ring()
        header = 54 if version == 4 else 74
        assert (q.post, q.tx_packets, q.tx_header_bytes) == (1, 4, header) and q.tx_bytes == 340 + 4 * header
        assert (q.tx_hw_gso_packets, q.tx_hw_gso_wire_packets) == (1, 4)
        assert (q.tx_hw_gso_bytes, q.tx_hw_gso_wire_bytes) == (340 + header, 340 + 4 * header)


def test_frags_need_not_end_where_frames_do():
    """17 frags of any length hold the payload; a frame is cut out of what it finds."""
    with Sender() as s:
        data = np.random.default_rng(3).integers(0, 256, 1000, np.uint8).tobytes()
        for k in range(2):
            s.queue(data[500 * k:500 * k + 500], frags=8, seq=500 * k, ip_id=k)
        assert s.sent() == expected(4, data, 500, ACK, 0, 0) and s.ring().post == 1
        for k in range(3):
            s.queue(data[300 * k:300 * k + 300], frags=6, seq=300 * k, ip_id=k)
        assert s.sent() == expected(4, data[:900], 300, ACK, 0, 0)
        assert s.ring().post == 3, "18 frags are one too many"


@pytest.mark.parametrize("fields", [
    {"ack_seq": 78}, {"window": 501}, {"tos": 2}, {"ttl": 63}, {"seq": 201}, {"seq": 100}, {"tcp_flags": ACK | ECE},
    {"tcp_flags": ACK | CWR}, {"tcp_flags": ACK | 32}, {"tcp_flags": ACK | 4}, {"ip_id": 3}, {"opt_timestamp": 1},
    {"ts_val": 9}, {"sack_count": 1}, {"dport": 40001}, {"vlan_tci": 5}, {"dst_mac": 3}, {"daddr_lo": 9}, {"urg_ptr": 1}],
    ids=str)
def test_what_differs_in_its_header_leaves_by_itself(fields):
    with Sender() as s:
        for k in range(2):
            s.queue(b"x" * 100, seq=100 * k + 100, ip_id=k + 1)
        s.queue(b"y" * 100, **{"seq": 300, "ip_id": 3, **fields})
        joins = fields == {"ip_id": 3}
        frames = s.sent()
        assert len(frames) == 3 and s.ring().post == 2 - joins and all(frames)


def test_what_ends_a_packet():
    with Sender() as s:
        def packets(*sizes, **options):
            before = int(s.ring().post)
            s.run(list(sizes), seq=1, ip_id=1, **options)
            assert len(s.sent()) == len(sizes)
            return int(s.ring().post) - before

        assert packets(100, 100, 100) == 1 and packets(100, 40, 100) == 2, "a shorter one is the last"
        assert packets(40, 100, 100) == 2, "a longer one is the next"
        assert packets(100, 100, 100, tcp_flags=ACK | PSH) == 3 == packets(100, 100, 100, tcp_flags=ACK | 2)
        s.run([100, 100], seq=1, ip_id=1, tcb=1)
        s.run([100, 100], seq=201, ip_id=3, tcb=2)
        s.queue(seq=401, ip_id=5)
        before = int(s.ring().post)
        s.sent()
        assert s.ring().post - before == 3, "another connection; and no data, which has nothing to join with"
        s.ctl.gso_max_segs = 3
        assert packets(*[50] * 7) == 3
        s.ctl.gso_max_segs = 1024
        assert packets(*[1448] * 90) == 2 < packets(*[1448] * 91), "45 of 1448 octets are what Linux puts into a packet"
        s.host.ethtool("eth0").set_feature("tx-tcp-segmentation", False)
        assert packets(100, 100, 100) == 3


def test_each_version_has_its_own_switch():
    with Sender(6) as six, Sender(4) as four:
        for s, name in ((six, "tx-tcp-segmentation"), (four, "tx-tcp6-segmentation")):
            s.host.ethtool("eth0").set_feature(name, False)
            assert s.host.ethtool("eth0").get_features()["tcp-segmentation-offload"]
            s.run([100, 100])
            assert len(s.sent()) == 2 and s.ring().post == 1
        shown = six.host.sh("ethtool -k eth0").stdout
        assert "tcp-segmentation-offload: on\n\ttx-tcp-segmentation: off\n\ttx-tcp6-segmentation: on\n" in shown


def test_a_packet_waits_for_an_arena_that_holds_it_whole():
    with Sender(rx_ring=1024) as s:
        data = b"".join(s.run([1400] * 40, seq=56_000 * k, ip_id=40 * k) for k in range(10))
        frames = s.sent()
        assert b"".join(frame[54:] for frame in frames) == data and len(data) > TX_ARENA_BYTES and s.ring().post == 9
        assert s.host.txq.ctl[0].count == 0 and s.host.audit().skbs == 0


def test_commands_say_what_is_off():
    with Sender() as s:
        assert "segmentation" not in s.host.as_commands()
        s.host.sh("ethtool -K eth0 tso off")
        assert "tx-tcp-segmentation off tx-tcp6-segmentation off" in s.host.as_commands()
