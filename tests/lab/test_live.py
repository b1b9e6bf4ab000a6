"""ncdevmem and the stations, with this machine's kernel at the other end of the wire."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from devmemlab.host.ports import Namespace, why_not_live
from devmemlab.lab import live
from devmemlab.lab.live import PORT, Station, record_live
from devmemlab.lab.ncdevmem_check import pattern_octets
from devmemlab.lab.ncdevmem_reader import Tally, Wanted
from devmemlab.lab.ncdevmem_server import Server
from devmemlab.lab.ncdevmem_wire import Wire, sending_command
from devmemlab.lab.stream import stream_octets

# Who sends here is a kernel with timers of its own: slower modes would only make it probe.
pytestmark = [pytest.mark.live, pytest.mark.once]
ROOT = pathlib.Path(__file__).resolve().parents[2]
WANTED = Wanted("eth1", live.HOST_IP, None, PORT, 7)
RUN = [sys.executable, "-m", "devmemlab", "ncdevmem", "-l", "-f", "eth1", "-s", live.HOST_IP, "-p", str(PORT), "-v", "7"]
PYTHON = """
import signal, socket, struct, sys
size, end = int(sys.argv[1]), sys.argv[2]
octets = bytes([1, 2, 3, 4, 5, 6, 10]) * (size // 7 + 1)
with socket.create_connection(("10.0.0.2", 5201)) as connection:
    try:
        connection.sendall(octets[:size])
        if end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif end == "wait":
            signal.pause()
        else:
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
    except OSError as problem:
        print(problem.errno)
"""
RECOVERY = ("TCPSackRecovery", "TCPRenoRecovery", "TCPFastRetrans", "TCPLostRetransmit")
needs_nc = pytest.mark.skipif(not shutil.which("nc"), reason="no nc here: apt-get install netcat-openbsd")


@pytest.fixture(scope="module", autouse=True)
def possible():
    reason = why_not_live()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def served(possible):
    """A station whose host is set up as ncdevmem does it; connections may come one after the other."""
    with Station(rx_queues=2, rx_ring=256) as station, Server(station.host, WANTED, lambda text: None) as server:
        yield station, server


def python(station, size, end="fin"):
    return station.popen([sys.executable, "-c", PYTHON, str(size), end], stdout=subprocess.PIPE, text=True)


def receive(station, server, sender):
    """One connection to its end; what came, what was said, what the sender's kernel says."""
    reader, said = server.reader, []
    reader.tally, reader.say = Tally(), said.append
    wire = Wire(station.lab, station.host, station)
    wire.sender = sender
    conn = server.accept(wire.hopeful)
    assert conn is not None, sender.communicate()
    reader.receive(conn)
    sockets = station.sockets()
    wire.finish(conn)
    assert sender.poll() is not None and station.host.audit().netmems_in_flight == 0
    return reader.tally, said, sockets


def untouched(tally, size=None):
    assert tally.mismatches == tally.linear_bytes == 0 and tally.tokens_issued == tally.tokens_returned == tally.frags > 0
    assert size is None or tally.bytes == size


# ---- whole streams

@pytest.mark.parametrize("mtu", [1500, 9000])
@pytest.mark.parametrize("program", [pytest.param("nc", marks=needs_nc), "python"])
def test_an_unmodified_program_sends_the_pattern(mtu, program, sizes):
    size = sizes(64 << 20, 150_000)
    with Station(mtu, rx_queues=2, rx_ring=sizes(1024, 256)) as station, Server(station.host, WANTED, print) as server:
        nc = ["sh", "-c", f"{sending_command(WANTED, size)} | nc -N 10.0.0.2 5201"]
        sender = station.popen(nc) if program == "nc" else python(station, size)
        tally, _, sockets = receive(station, server, sender)
        untouched(tally, size)
        assert station.tap.refused == station.host.nics.ctl[0].rx_dropped == 0
        assert station.namespace.statistics("lab0")["tx_dropped"] == 0, "the kernel had no room for frames"
        # A machine that is busy elsewhere may answer so late that the sender probes, or that its timer ends. But nobody may
        # ever tell it that something was lost, so it never recovers from loss.
        kernel, lab = station.counters(), station.host.nstat()
        assert {name: kernel[name] for name in RECOVERY} == dict.fromkeys(RECOVERY, 0), sockets
        assert lab["TcpExtPruneCalled"] == lab["TcpExtRcvPruned"] == 0, "the lab had no room for what its window promised"
        if shutil.which("ss"):
            assert f"mss:{mtu - 52} " in sockets and f"bytes_acked:{size + 2} " in sockets


def test_connections_come_one_after_the_other(served, sizes):
    station, server = served
    for size in (1, 4096, 99_999, sizes(3_000_000, 20_000)):
        tally, said, _ = receive(station, server, python(station, size))
        untouched(tally, size)
        assert said[-1] == "client exited"


def test_a_sender_that_is_killed_ends_the_stream(served):
    station, server = served
    sender = python(station, 50_000, "wait")
    conn = server.accept(lambda: sender.poll() is None)
    station.lab.wait(lambda: station.host.tcbs.tcb[conn.sock].bytes_received == 50_000, "data", 20_000_000_000)
    sender.kill()
    reader, before = server.reader, server.reader.tally.bytes
    reader.receive(conn)
    assert reader.tally.bytes - before == 50_000
    untouched(reader.tally)
    Wire(station.lab, station.host).finish(conn)
    assert station.host.audit().netmems_in_flight == 0


def test_a_sender_that_resets_is_said_and_loses_nothing_that_came(served):
    station, server = served
    tally, said, _ = receive(station, server, python(station, 30_000, "reset"))
    assert said[0].startswith("recvmsg: Connection reset by peer") and said[1:] == ["client exited"]
    untouched(tally)
    assert 0 < tally.bytes <= 30_000


@pytest.mark.parametrize("tokens_held", [False, True])
def test_a_receiver_that_closes_early_resets_the_sender(served, tokens_held):
    station, server = served
    sender = python(station, 4_000_000)
    conn = server.accept(lambda: sender.poll() is None)
    station.lab.wait(lambda: station.host.tcbs.tcb[conn.sock].rcvq_head, "data", 20_000_000_000)
    if tokens_held:
        conn.recvmsg(1000, 400, 0x2000000)
        assert station.host.audit().tokens > 0
    conn.close()
    station.lab.wait(lambda: sender.poll() is not None, "end of the sender", 20_000_000_000)
    assert sender.communicate()[0].strip() in ("104", "32"), "ECONNRESET or EPIPE"
    assert station.host.audit().netmems_in_flight == 0


# ---- stations

def test_a_recorded_transfer_has_the_digest_of_what_was_sent(sizes):
    octets, said = stream_octets(sizes(2_000_000, 60_001)), []
    capture, sha256 = record_live(octets, 1500, said.append)
    assert sha256 == hashlib.sha256(octets).hexdigest() and len(said) == 1
    assert capture.verify() == len(capture) > len(octets) // 1448


def test_a_station_that_fails_leaves_no_namespace_behind():
    before = children()
    with pytest.raises(OSError, match="1 to 256 is possible"):
        Station(rx_queues=1000)
    assert children() == before


def children():
    return {int(pid) for pid in pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


# ---- the command

def run(*arguments, **options):
    return subprocess.run([*RUN, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, timeout=300, **options)


@needs_nc
def test_the_command_runs_a_sender_of_its_own(sizes):
    size = sizes(8 << 20, 50_000)
    said = run("--tap", "auto", "--run", f"{sending_command(WANTED, size)} | nc -N 10.0.0.2 5201", "--mtu", 9000, "--json", "-")
    assert said.returncode == 0, said.stderr
    got = json.loads(said.stdout)
    assert got["bytes"] == size and got["mismatches"] == 0 and got["tokens_issued"] == got["tokens_returned"]
    assert "audit clean" in said.stderr and (not shutil.which("ss") or f"bytes_acked:{size + 2} " in got["ss"])


@pytest.mark.parametrize("arguments, words", [
    (["--tap", "auto", "--run", "exit 3"], "devmemlab: the sender ended with status 3 and never connected"),
    (["--tap", "no-such-tap"], "sudo ip tuntap add dev no-such-tap mode tap"),
    (["--tap", "lo"], "is not a TAP device"),
])
def test_a_live_run_that_cannot_be_is_one_line(arguments, words):
    said = run(*arguments)
    assert said.returncode == 1 and words in said.stderr.splitlines()[-1] and "Traceback" not in said.stderr


def test_a_person_sends_with_the_command_that_is_printed_and_ctrl_c_ends_it(sizes):
    """Two runs: the first gets what it asked for, the second is interrupted in the middle of a stream."""
    for interrupt in (False, True):
        # A runner in the background of a script hands SIGINT down ignored.
        started = subprocess.Popen([*RUN, "--tap", "auto"], stderr=subprocess.PIPE, text=True, cwd=ROOT,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        lines = [started.stderr.readline()]
        while "binding to address" not in lines[-1]:
            lines.append(started.stderr.readline())
            assert lines[-1], lines
        printed = next(line for line in lines if "nsenter" in line).strip()
        assert printed.endswith(" nc -N 10.0.0.2 5201")
        nsenter = printed.partition("| ")[2].partition("| ")[2].removesuffix("nc -N 10.0.0.2 5201").split()
        holder = int(nsenter[nsenter.index("-t") + 1])
        sender = subprocess.Popen([*nsenter, sys.executable, "-c", PYTHON, "20000", "wait" if interrupt else "fin"])
        while "got connection" not in lines[-1]:
            lines.append(started.stderr.readline())
        if interrupt:
            time.sleep(0.2)
            started.send_signal(signal.SIGINT)
        rest = started.communicate(timeout=60)[1]
        sender.kill()
        sender.wait()
        assert started.returncode == (130 if interrupt else 0), rest
        assert ("devmemlab: interrupted" if interrupt else "total_received=20000 ") in rest and "Traceback" not in rest
        assert not pathlib.Path(f"/proc/{holder}").exists(), "the namespace is gone"


@pytest.mark.skipif(not (shutil.which("setpriv") and shutil.which("unshare")),
                    reason="no setpriv here: apt-get install util-linux")
def test_without_privilege_the_command_says_what_would_help():
    command = " ".join(["exec setpriv --bounding-set=-all --inh-caps=-all", *RUN, "--tap auto"])
    said = subprocess.run(["unshare", "--user", "--map-root-user", "sh", "-c",
                           f"echo 0 > /proc/sys/user/max_user_namespaces && {command}"],
                          capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert said.returncode == 1 and said.stderr.startswith("devmemlab: ") and said.stderr.count("\n") == 1
    assert "CAP_NET_ADMIN" in said.stderr and "sudo sysctl -w user.max_user_namespaces=15000" in said.stderr


@pytest.mark.skipif(not shutil.which("ip"), reason="no ip command here: apt-get install iproute2")
def test_a_tap_device_of_the_users_does_as_well():
    with Namespace() as ns:
        ns.run(["ip", "tuntap", "add", "dev", "mine", "mode", "tap"], check=True)
        ns.run(["ip", "link", "set", "mine", "mtu", "4000"], check=True)
        started = ns.popen([*RUN, "--tap", "mine"], stderr=subprocess.PIPE, text=True, cwd=ROOT)
        lines = [started.stderr.readline()]
        while "binding to address" not in lines[-1]:
            lines.append(started.stderr.readline())
            assert lines[-1], lines
        advice = next(line for line in lines if "sudo ip" in line)
        assert re.search(r"addr add 10\.0\.0\.1/24 dev mine .*neigh replace 10\.0\.0\.2 lladdr 02(:00){4}:02 dev mine", advice)
        ns.run(["sh", "-c", advice.replace("sudo ", "")], check=True)
        sent = ns.run([sys.executable, "-c", PYTHON, "30000", "fin"], timeout=120)
        rest = started.communicate(timeout=60)[1]
        assert started.returncode == 0 and "total_received=30000 " in rest and sent.returncode == 0
        assert "mine" in ns.run(["ip", "link"]).stdout, "it is not ours to remove"


def test_the_pattern_of_these_tests_is_the_pattern():
    assert bytes([1, 2, 3, 4, 5, 6, 10]) * 3 == pattern_octets(7, 21).tobytes()
