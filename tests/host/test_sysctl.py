"""Settings: every one that can be written changes what is on the wire, or when."""

import errno

import dpkt
import pytest

import devmemlab as dml
from devmemlab.host.ports import Manual, Namespace, why_not_live
from devmemlab.host.sysctl import NAMES
from devmemlab.lab.lab import Lab
from tests.lab.test_wire import connection, pair

IPV4 = "net.ipv4."


class Bench:
    """A host that calls a peer which never answers, or is called by one."""

    def __init__(self, **settings):
        self.lab, self.port = Lab(), Manual()
        self.host = self.lab.host("dut", ip="10.0.0.2", port=self.port, rx_ring=64, sockets=8, gateway_mac="02:00:00:00:00:99")
        for name, value in settings.items():
            self.host.sysctl(IPV4 + name, value)

    def call(self):
        """Begin to connect."""
        client = self.host.socket()
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.connect(("10.0.0.1", 80))
        return client

    def sent(self):
        """Every segment sent so far: (when in s, TCP header)."""
        return [(f.at_ns / 1e9, dpkt.ethernet.Ethernet(f.octets).data.data) for f in self.port.take()]

    def called(self):
        """Let a peer with every option call; the header of our SYN-ACK."""
        server = self.host.socket()
        server.bind(("", 80))
        server.listen()
        options = bytes([2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7])
        tcp = dpkt.tcp.TCP(sport=1000, dport=80, seq=1, flags=dpkt.tcp.TH_SYN, win=65535, opts=options)
        tcp.off = (20 + len(options)) // 4
        ip = dpkt.ip.IP(src=bytes([10, 0, 0, 1]), dst=bytes([10, 0, 0, 2]), p=6, ttl=64, data=tcp)
        ip.len = len(ip)
        macs = {"src": bytes.fromhex("020000000099"), "dst": bytes.fromhex("020000000001")}
        self.port.inject(bytes(dpkt.ethernet.Ethernet(**macs, data=ip)))
        self.lab.run(until_ns=self.lab.clock.now_ns + 1000)
        return self.sent()[0][1]

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.lab.close()


def options(tcp):
    """Kinds of the options of a header, with their octets."""
    return dict(dpkt.tcp.parse_opts(tcp.opts))


SCALE, SACK, STAMP = dpkt.tcp.TCP_OPT_WSCALE, dpkt.tcp.TCP_OPT_SACKOK, dpkt.tcp.TCP_OPT_TIMESTAMP


@pytest.mark.parametrize("name, kind", [("tcp_sack", SACK), ("tcp_timestamps", STAMP), ("tcp_window_scaling", SCALE)])
def test_an_option_that_is_off_is_neither_offered_nor_taken(name, kind):
    with Bench() as bench:
        assert bench.host.sysctl(IPV4 + name) == "1"
        bench.call()
        assert {SCALE, SACK, STAMP} <= set(options(bench.sent()[0][1])) and kind in options(bench.called())
    with Bench(**{name: 0}) as bench:
        assert bench.host.sysctl(IPV4 + name) == "0"
        bench.call()
        others = {SCALE, SACK, STAMP} - {kind}
        syn, synack = options(bench.sent()[0][1]), options(bench.called())
        assert kind not in syn and kind not in synack and others <= set(syn) and others <= set(synack)
        bench.host.sysctl(IPV4 + name, 1)
        bench.call()
        assert kind in options(bench.sent()[-1][1]), "what is made from now on"


@pytest.mark.parametrize("sack, stamps, scaling", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (0, 0, 0)])
def test_a_transfer_works_without_them_too(sack, stamps, scaling):
    with Lab(seed=2) as lab:
        a, b, _ = pair(lab, gbps=1, delay_us=50, loss=0.02)
        for host in (a, b):
            for name, value in (("tcp_sack", sack), ("tcp_timestamps", stamps), ("tcp_window_scaling", scaling)):
                host.sysctl(IPV4 + name, value)
        client, conn = connection(lab, a, b)
        bulk, sink = dml.traffic.Bulk(client, 30_000), dml.traffic.Sink(conn)
        dml.traffic.drive(lab, bulk, sink)
        assert sink.mismatches == 0 and sink.sha256 == bulk.sha256
        assert not conn._row.rcv_wscale or scaling


def test_tcp_rmem_decides_the_window():
    with Bench() as bench:
        assert bench.host.sysctl("net.ipv4.tcp_rmem") == "4096\t131072\t6291456"
        bench.call()
        wide = options(bench.sent()[0][1])[SCALE]
    with Bench(tcp_rmem="4096 8192 20000") as bench:
        assert bench.host.sysctl("net/ipv4/tcp_rmem") == "4096\t8192\t20000"
        client = bench.call()
        syn = bench.sent()[0][1]
        assert options(syn)[SCALE] == b"\0" < wide and syn.win <= 20_000
        assert client.getsockopt(1, 8) == 20_000


def test_tcp_wmem_decides_how_much_can_be_queued():
    with Lab() as lab:
        a, b, _ = pair(lab, delay_us=100)
        a.sysctl("net.ipv4.tcp_wmem", (4096, 4096, 9000))
        client, _ = connection(lab, a, b)
        assert client.getsockopt(1, 7) == 9000 and 0 < client.send(bytes(100_000)) < 20_000


@pytest.mark.parametrize("retries", [1, 3])
def test_tcp_syn_retries_decides_how_often_it_calls(retries):
    with Bench(tcp_syn_retries=retries) as bench:
        client = bench.call()
        bench.lab.run(until_ns=200_000_000_000)
        assert len(bench.sent()) == 1 + retries and client.getsockopt(1, 4) == errno.ETIMEDOUT


def test_tcp_synack_retries_decides_how_often_it_answers():
    with Bench(tcp_synack_retries=2) as bench:
        assert bench.called().flags == dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK
        bench.lab.run(until_ns=200_000_000_000)
        assert len([1 for _, tcp in bench.sent() if tcp.flags & dpkt.tcp.TH_SYN]) == 2


def test_tcp_retries2_decides_when_a_silent_peer_is_given_up():
    def gives_up_after(retries):
        with Lab() as lab:
            a, b, ends = pair(lab, delay_us=10)
            a.sysctl("net.ipv4.tcp_retries2", retries)
            client, _ = connection(lab, a, b)
            ends[0].link.loss = 1_000_000
            client.send(b"into the void")
            before = client._row.total_retrans
            lab.run(until_ns=lab.clock.now_ns + 100_000_000_000)
            assert client.getsockopt(1, 4) == errno.ETIMEDOUT and before == 0
            return lab.clock.now_ns and int(ends[0].link.lost)
    assert gives_up_after(5) - gives_up_after(3) == 2


def test_keepalive_settings_decide_the_probes():
    with Lab() as lab:
        a, b, ends = pair(lab, delay_us=10)
        for name, value in (("time", 20), ("intvl", 3), ("probes", 4)):
            a.sysctl(f"net.ipv4.tcp_keepalive_{name}", value)
        client, _ = connection(lab, a, b)
        client.setsockopt(1, 9, 1)
        ends[0].link.loss = 1_000_000
        start, lost = lab.clock.now_ns, []
        for second in range(1, 40):
            lab.run(until_ns=start + second * 1_000_000_000 + 1_000_000)
            lost.append(int(ends[0].link.lost))
        grew = [second for second, (x, y) in enumerate(zip([0, *lost], lost, strict=False), 1) if y > x]
        assert grew[:4] == [20, 23, 26, 29] and client.getsockopt(1, 4) == errno.ETIMEDOUT


def test_congestion_control_and_reordering_are_those_of_new_sockets():
    with Lab() as lab:
        a, b, _ = pair(lab)
        assert a.sysctl("net.ipv4.tcp_congestion_control") == "cubic"
        assert a.sysctl("net.ipv4.tcp_available_congestion_control").split() == ["cubic", "reno"]
        assert a.sysctl("net.ipv4.tcp_congestion_control", "reno") == "reno"
        a.sysctl("net.ipv4.tcp_reordering", 7)
        client, conn = connection(lab, a, b)
        assert client.getsockopt(6, 13) == b"reno" and conn.getsockopt(6, 13) == b"cubic"
        assert client._row.reordering == 7 and conn._row.reordering == 3


def test_local_ports_come_from_the_range():
    with Bench(ip_local_port_range="40000 40001") as bench:
        assert [bench.call().getsockname()[1] for _ in range(2)] == [40000, 40001]
        with pytest.raises(OSError) as caught:
            bench.host.socket().connect(("10.0.0.1", 80))
        assert caught.value.errno == errno.EADDRNOTAVAIL and "40000 to 40001" in str(caught.value)


@pytest.mark.parametrize("name, value, number", [
    ("tcp_syn_retries", 0, errno.EINVAL), ("tcp_syn_retries", 128, errno.EINVAL), ("tcp_sack", "yes", errno.EINVAL),
    ("tcp_sack", 256, errno.EINVAL), ("tcp_rmem", "1 2", errno.EINVAL), ("tcp_rmem", "0 1 2", errno.EINVAL),
    ("ip_local_port_range", "5 4", errno.EINVAL), ("tcp_congestion_control", "bbr", errno.ENOENT),
    ("tcp_available_congestion_control", "reno", errno.EACCES), ("tcp_fastopen", 1, errno.ENOENT)])
def test_what_cannot_be_is_refused(name, value, number):
    with Bench() as bench:
        before = {known: bench.host.sysctl(known) for known in NAMES}
        with pytest.raises(OSError) as caught:
            bench.host.sysctl(IPV4 + name, value)
        assert caught.value.errno == number
        assert {known: bench.host.sysctl(known) for known in NAMES} == before


def test_a_name_that_is_not_known_lists_those_that_are():
    with Bench() as bench, pytest.raises(FileNotFoundError) as caught:
        bench.host.sysctl("net.ipv4.tcp_sac")
    assert all(name in str(caught.value) for name in NAMES) and len(NAMES) == 19


def test_a_process_shares_them_and_needs_rights_to_write():
    with Bench() as bench:
        user = bench.host.process("user", admin=False)
        assert user.sysctl("net.ipv4.tcp_sack") == "1"
        with pytest.raises(PermissionError, match="CAP_NET_ADMIN"):
            user.sysctl("net.ipv4.tcp_sack", 0)
        assert bench.host.process("root").sysctl("net.ipv4.tcp_rmem", (1, 2, 30000)) == "1\t2\t30000"
        assert user.sysctl("net.ipv4.tcp_rmem") == bench.host.sysctl("net.ipv4.tcp_rmem") == "1\t2\t30000"


@pytest.mark.live
@pytest.mark.once
def test_defaults_are_those_of_the_kernel_here():
    if why_not_live():
        pytest.skip(why_not_live())
    with Bench() as bench, Namespace() as namespace:
        for name in set(NAMES) - {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_congestion_control",
                                  "net.ipv4.tcp_available_congestion_control"}:
            assert bench.host.sysctl(name) == namespace.sysctl(name).strip(), name
