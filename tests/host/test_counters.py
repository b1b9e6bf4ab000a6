"""nstat and ss: counters beside what an independent reader of the wire counts, tables beside the kernel's own ss."""

import re
import shutil
import socket
import subprocess

import dpkt
import pytest

import devmemlab as dml
from devmemlab.host.ports import Faults, Manual, Record
from devmemlab.lab.lab import Lab
from tests.lab.test_wire import connection, pair

TH = dpkt.tcp


class Wire(Lab):
    """Two connected hosts whose ports are recorded."""

    def __init__(self, seed=0, **harm):
        super().__init__(seed)
        self.a, self.b, _ = pair(self, **harm)
        for host in (self.a, self.b):
            host.ports[0] = Record(host.ports[0])

    def segments(self, host, sent):
        """TCP headers that a host sent, or that reached it whole."""
        mine = bytes(int(part) for part in host.ip.split("."))
        capture = host.ports[0].capture()
        packets = [dpkt.ethernet.Ethernet(capture.frame_bytes(k)).data for k in range(len(capture))]
        return [ip.data for ip in packets if (ip.src == mine) == sent]


def test_segments_are_counted_as_the_wire_shows_them():
    with Wire(seed=3, gbps=1, delay_us=100, loss=0.04) as lab:
        client, conn = connection(lab, lab.a, lab.b)
        dml.traffic.drive(lab, dml.traffic.Bulk(client, 60_000), dml.traffic.Sink(conn))
        conn.close()
        client.close()
        lab.run(until_ns=lab.clock.now_ns + 100_000_000_000)
        for host in (lab.a, lab.b):
            counts = host.nstat()
            out = lab.segments(host, sent=True)
            assert counts["TcpOutSegs"] == len(out) and counts["TcpInSegs"] == len(lab.segments(host, sent=False))
            again = sum(1 for k, tcp in enumerate(out) if (len(tcp.data) or tcp.flags & TH.TH_SYN)
                        and any(old.seq == tcp.seq and (len(old.data) or old.flags & TH.TH_SYN) for old in out[:k]))
            assert counts["TcpRetransSegs"] == again
            assert counts["TcpCurrEstab"] == 0, "these were all, and they are over"
        a, b = lab.a.nstat(), lab.b.nstat()
        assert (a["TcpActiveOpens"], a["TcpPassiveOpens"]) == (1, 0) and (b["TcpActiveOpens"], b["TcpPassiveOpens"]) == (0, 1)
        assert 0 < a["TcpExtTCPFastRetrans"] <= a["TcpRetransSegs"]
        assert a["TcpEstabResets"] == a["TcpOutRsts"] == a["TcpAttemptFails"] == 0


def test_a_lost_flight_is_a_timeout_and_a_lost_tail_a_probe():
    with Wire(seed=1, delay_us=100) as lab:
        client, conn = connection(lab, lab.a, lab.b)
        client.send(b"one")
        lab.run(until_ns=lab.clock.now_ns + 1_000_000_000)
        assert lab.a.nstat()["TcpExtTCPTimeouts"] == lab.a.nstat()["TcpRetransSegs"] == 0
        lab.a.ports[0].port.link.loss = 1_000_000
        client.send(b"two")
        lab.run(until_ns=lab.clock.now_ns + 3_000_000_000)
        counts = lab.a.nstat()
        assert counts["TcpExtTCPLossProbes"] == 1 and counts["TcpExtTCPTimeouts"] >= 2
        assert counts["TcpRetransSegs"] == counts["TcpExtTCPTimeouts"] + counts["TcpExtTCPLossProbes"]
        assert counts["TcpExtTCPFastRetrans"] == 0


def test_ends_are_counted_by_their_kind():
    with Wire() as lab:
        refused = lab.a.socket()
        with pytest.raises(ConnectionRefusedError):
            refused.connect((lab.b.ip, 9))
        assert lab.a.nstat()["TcpAttemptFails"] == 1 and lab.b.nstat()["TcpOutRsts"] == 1
        client, conn = connection(lab, lab.a, lab.b)
        assert lab.a.nstat()["TcpCurrEstab"] == lab.b.nstat()["TcpCurrEstab"] == 1
        client.send(b"nobody reads this")
        lab.run(until_ns=lab.clock.now_ns + 1_000_000)
        conn.close()
        lab.run(until_ns=lab.clock.now_ns + 1_000_000)
        assert lab.a.nstat()["TcpEstabResets"] == 1 and lab.b.nstat()["TcpOutRsts"] == 2
        assert any(tcp.flags & TH.TH_RST for tcp in lab.segments(lab.b, sent=True)[-1:])


def test_a_full_backlog_is_counted():
    with Wire(delay_us=1) as lab:
        server = lab.b.socket()
        server.bind(("", 80))
        server.listen(0)
        for _ in range(3):
            caller = lab.a.socket()
            caller.setblocking(False)
            with pytest.raises(BlockingIOError):
                caller.connect((lab.b.ip, 80))
            lab.run(until_ns=lab.clock.now_ns + 1_000_000)
        counts = lab.b.nstat()
        assert counts["TcpPassiveOpens"] == 1 and counts["TcpExtListenOverflows"] == counts["TcpExtListenDrops"] == 2
        line, = lab.b.ss(listening=True)
        assert (line.state, line.recv_q, line.send_q, line.local) == ("LISTEN", 1, 0, ("0.0.0.0", 80))


def test_names_are_those_that_the_kernel_has():
    with Lab() as lab:
        names = set(lab.host("one", ip="10.0.0.1", port=Manual()).nstat())
    known = set()
    for path in ("/proc/net/snmp", "/proc/net/netstat"):
        try:
            with open(path, encoding="ascii") as file:
                lines = file.read().splitlines()
        except OSError:
            pytest.skip(f"no {path} here")
        known |= {line.split(":")[0] + name for line in lines[::2] for name in line.split(":")[1].split()}
    assert len(names) == 26
    try:
        with open("/proc/net/snmp6", encoding="ascii") as file:
            known |= {line.split()[0] for line in file}
    except OSError:
        names = {name for name in names if not name.startswith("Ip6")}
    assert names <= known


def test_a_table_shows_states_queues_and_details():
    with Lab(seed=1) as lab:
        a, b, _ = pair(lab, delay_us=50)
        client, conn = connection(lab, a, b)
        conn.send(bytes(700))
        lab.run(until_ns=lab.clock.now_ns + 1_000_000)
        client.send(bytes(300))
        line, = a.ss()
        assert (line.state, line.recv_q, line.send_q) == ("ESTAB", 700, 300)
        assert line.peer == (b.ip, 5201) and line.local == client.getsockname()
        assert line.info["cubic"] and line.info["cwnd"] == 10 and float(line.info["rtt"].split("/")[0]) >= 0.1
        assert line.info["bytes_received"] == 700 and line.info["data_segs_out"] == 1
        assert {row.state for row in b.ss()} == {"LISTEN", "ESTAB"} and len(b.ss(listening=False)) == 1
        client.shutdown(1)
        lab.run(until_ns=lab.clock.now_ns + 1_000_000)
        assert a.ss()[0].state == "FIN-WAIT-2" and b.ss(listening=False)[0].state == "CLOSE-WAIT"
        assert b.ss(listening=False)[0].recv_q == 301, "a FIN counts as one"
        text = str(b.ss()).splitlines()
        assert text[0].split() == ["State", "Recv-Q", "Send-Q", "Local", "Address:Port", "Peer", "Address:Port"]
        assert len(text) == 3 and f"{b.ip}:5201" in str(b.ss())
        loose = a.socket()
        assert len(a.ss()) == 1, "a socket without a port is in no table"
        loose.close()


@pytest.mark.once
@pytest.mark.skipif(not shutil.which("ss"), reason="no ss here: apt-get install iproute2")
def test_the_words_of_a_line_are_those_of_the_real_ss():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        conn, _ = server.accept()
        with conn:
            client.send(bytes(5))
            client.shutdown(socket.SHUT_WR)
            port = server.getsockname()[1]
            real = subprocess.run(["ss", "-tanH", "sport", "=", f":{port}"], capture_output=True, text=True).stdout
            details = subprocess.run(["ss", "-tiH", "sport", "=", f":{port}"], capture_output=True, text=True).stdout
    if not real.strip():
        pytest.skip("ss shows no sockets here")
    with Lab() as lab:
        a, b, _ = pair(lab, delay_us=1)
        ours, conn = connection(lab, a, b)
        ours.send(bytes(5))
        ours.shutdown(1)
        lab.run(until_ns=lab.clock.now_ns + 1_000_000)
        table = b.ss()
    theirs = {tuple(line.split()[:2]) for line in real.splitlines()}
    assert {(row.state, str(row.recv_q)) for row in table} == theirs
    words = {word.split(":")[0] for word in re.findall(r"[a-z_]+(?=[: ])", details)}
    assert {"cwnd", "rto", "mss", "rtt"} <= words & set(next(row.info for row in table if row.state == "CLOSE-WAIT"))


def test_counters_go_on_behind_faults():
    with Lab() as lab:
        port = Faults(Manual(), loss=1, direction="out")
        host = lab.host("dut", ip="10.0.0.2", port=port, gateway_mac="02:00:00:00:00:99")
        client = host.socket()
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.connect(("10.0.0.1", 80))
        lab.run(until_ns=8_000_000_000)
        counts = host.nstat()
        assert counts["TcpOutSegs"] == port.counters["out"]["lost"] == 4
        assert counts["TcpRetransSegs"] == counts["TcpExtTCPTimeouts"] == 3
