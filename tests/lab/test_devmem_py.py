"""The cases of the kernel's devmem.py (spec section 20.2), with a lab host below, and the self-test and client by themselves."""

import contextlib
import gc
import hashlib
import json
import shlex
import subprocess
import sys

import pytest
from click.testing import CliRunner

from devmemlab import cli
from devmemlab.base.errno import EIO, EMSGSIZE
from devmemlab.host.ports import Manual
from devmemlab.lab import ncdevmem_wire
from devmemlab.lab.lab import Lab
from devmemlab.lab.live import SENDING
from devmemlab.lab.ncdevmem_client import Client
from devmemlab.lab.ncdevmem_peer import lab_peer_wire
from devmemlab.lab.ncdevmem_reader import Wanted
from devmemlab.lab.ncdevmem_selftest import SelfTest
from devmemlab.mem.region import regions

SMALL = {"rx_queues": 4, "rx_ring": 64}
RX, TX = ["-l", "-f", "eth1", "-s", "10.0.0.2", "-p", "5201"], ["-f", "eth1", "-s", "10.0.0.1", "-p", "5201"]
HELLO = b"hello\nworld"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(ncdevmem_wire, "HOST_OPTIONS", SMALL)


def ncdevmem(*arguments, text=None):
    return CliRunner().invoke(cli.main, ["ncdevmem", *map(str, arguments)], input=text)


def sending(program):
    """The shell command that sends what a Python program prints."""
    return " | ".join(shlex.join([sys.executable, "-c", *words]) for words in ([program], [SENDING, "10.0.0.2", "5201"]))


# ---- the cases

def test_probe():
    gc.collect()
    before = int(regions().alive.sum())
    said = ncdevmem("-f", "eth1", "--json", "-")
    assert said.exit_code == 0, said.stderr
    steps = json.loads(said.stdout)["steps"]
    assert [(step["wanted"], step["errno"]) for step in steps] == [
        ("fails", "EINVAL"), ("fails", "EINVAL"), ("works", None), ("fails", "EINVAL")]
    assert steps[1]["said"] == "tcp-data-split is disabled" and "memory provider of queue 3" in steps[3]["said"]
    assert "using queues 2..3\n" in said.stderr
    assert said.stderr.endswith("self-test of eth1: ok\naudit clean, no netmem in flight\n")
    assert int(regions().alive.sum()) == before


@pytest.mark.parametrize("more", [(), ("-c", "10.0.0.1")])
def test_check_rx(more):
    said = ncdevmem(*RX, *more, "-v", 7, "--size", 1024, "--json", "-")
    assert said.exit_code == 0 and json.loads(said.stdout)["bytes"] == 1024


@pytest.mark.parametrize("chunk", [(), ("-z", 3)])
@pytest.mark.parametrize("more", [(), ("-c", "10.0.0.9")])
def test_check_tx_and_chunks(chunk, more):
    said = ncdevmem(*TX, *chunk, *more, "--verbose", text=HELLO)
    assert said.exit_code == 0 and said.stdout_bytes == HELLO, said.stderr
    assert [line for line in said.stderr.splitlines() if line.startswith(("DEBUG", "tx"))] == [
        "DEBUG: sendmsg_ret=6", "tx complete [0,0]", "DEBUG: sendmsg_ret=5", "tx complete [1,1]", "tx ok"]


def test_check_tx_over_ipv6():
    said = ncdevmem("-f", "eth1", "-s", "fd00::1", "-p", 80, text=HELLO)
    assert said.exit_code == 0 and said.stdout_bytes == HELLO, said.stderr


def test_check_rx_hds(sizes):
    for size in sizes((1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192), (1, 64, 8192)):
        said = ncdevmem(*RX, "-v", 7, "-L", "--size", size, "--json", "-")
        assert said.exit_code == 0, f"{size}: {said.stderr}"
        got = json.loads(said.stdout)
        assert (got["bytes"], got["linear_bytes"], got["frags"]) == (size, 0, -(-size // 1448))


def test_check_rx_large_niov(sizes, mtu=9000):
    for size in sizes((1024, 4096, 8192, 16384, 32768, 65536), (1024, 16384)):
        said = ncdevmem(*RX, "-v", 7, "-L", "-b", 16384, "--size", size, "--mtu", mtu, "--json", "-")
        assert said.exit_code == 0, f"{size}: {said.stderr}"
        got = json.loads(said.stdout)
        assert (got["bytes"], got["mismatches"], got["frags"]) == (size, 0, -(-size // (mtu - 52))), "a frame takes one buffer"


@pytest.mark.live
@pytest.mark.once
@pytest.mark.compiled_only
@pytest.mark.parametrize("case", ["rx", "tx", "chunks", "hds"])
def test_with_the_kernel_behind_a_tap_device(case):
    if case in ("tx", "chunks"):
        said = ncdevmem(*TX, *(["-z", 3] if case == "chunks" else []), "--tap", "auto", text=HELLO)
        assert said.exit_code == 0 and said.stdout_bytes == HELLO, said.stderr
        return
    for size in (1024,) if case == "rx" else (1, 8192):
        made = f"import sys; sys.stdout.buffer.write((bytes([1, 2, 3, 4, 5, 6, 10]) * {size})[:{size}])"
        said = ncdevmem(*RX, "-v", 7, "-L", "--tap", "auto", "--run", sending(made), "--json", "-")
        assert said.exit_code == 0 and json.loads(said.stdout)["bytes"] == size, said.stderr


@pytest.mark.long
@pytest.mark.once
@pytest.mark.compiled_only
@pytest.mark.live
@pytest.mark.parametrize("tap", [[], ["--tap", "auto"]], ids=["lab", "kernel"])
@pytest.mark.parametrize("mode", ["rx", "tx"])
def test_a_gibibyte_each_way(mode, tap):
    size, command = 1 << 30, [sys.executable, "-m", "devmemlab", "ncdevmem"]
    if mode == "rx":
        once = "sys.stdout.buffer.write(bytes([1, 2, 3, 4, 5, 6, 10]) * (1 << 16))"
        how = [*tap, "--run", sending(f"import sys; [{once} for _ in range({size} // 458752)]")] if tap else ["--size", str(size)]
        said = subprocess.run([*command, *RX, "-v", "7", "--mtu", "9000", *how, "--json", "-"], capture_output=True, timeout=1500)
        wanted = size // 458752 * 458752 if tap else size
    else:
        # Lines of 256 KiB: each is one send, and waits for its completion.
        made = f"import sys; [sys.stdout.buffer.write(b'%08d' % n + b'x' * 262135 + b'\\n') for n in range({size} // 262144)]"
        with subprocess.Popen([sys.executable, "-c", made], stdout=subprocess.PIPE) as lines:
            said = subprocess.run([*command, *TX, "-z", "4096", "--mtu", "9000", *tap, "--json", "-"], stdin=lines.stdout,
                                  capture_output=True, timeout=1500)
        wanted = size
    assert said.returncode == 0, said.stderr
    got = json.loads(said.stdout)
    print(said.stderr.decode(), got)
    assert (got["bytes"], got["mismatches"]) == (wanted, 0)


# ---- the self-test

def alone(**options):
    lab = Lab()
    return lab, lab.host("dut", ip="10.0.0.2", ifname="eth1", port=Manual(), **{**SMALL, **options})


def self_test(k, **wanted):
    test = SelfTest(k, Wanted("eth1", None, None, None, mode="self-test", dmabuf=1 << 18, **wanted), lambda text: None)
    try:
        test.run()
        return test, None
    except OSError as problem:
        return test, problem


def test_the_self_test_leaves_the_nic_as_it_was():
    lab, k = alone()
    nic = k.ethtool("eth1")
    nic.set_rings(tcp_data_split="off", hds_thresh=100)
    before = nic.get_rings(), nic.get_rxfh_indir(), nic.get_channels()
    with lab:
        test, problem = self_test(k)
        assert problem is None and len(test.steps) == 4
        assert (nic.get_rings(), nic.get_rxfh_indir(), nic.get_channels()) == before
        assert not k.netdev.providers and not k.fds.things


@pytest.mark.parametrize("queues, words", [(1, "has 1 RX queue; the self-test wants 2"), (2, None), (3, None)])
def test_how_many_queues_the_self_test_wants(queues, words):
    lab, k = alone(rx_queues=queues)
    with lab:
        test, problem = self_test(k)
        assert (problem is None) if words is None else words in str(problem)


def test_the_self_test_takes_the_queues_that_are_named():
    lab, k = alone()
    with lab:
        test, problem = self_test(k, first=3, count=1)
        assert problem is None and [step["errno"] for step in test.steps] == ["EINVAL", "EINVAL", None, "EINVAL"]


def test_a_channel_change_that_should_be_refused_fails_the_self_test(monkeypatch):
    lab, k = alone()
    asked = []
    monkeypatch.setattr("devmemlab.host.ethtool.Ethtool.set_channels", lambda self, **counts: asked.append(counts))
    with lab:
        test, problem = self_test(k)
        assert problem.errno == EIO and "ethtool -L eth1 combined 2 must fail" in str(problem)
        assert asked == [{"combined": 2}, {"combined": 4}] and not k.netdev.providers


def test_a_bind_that_should_be_refused_fails_the_self_test():
    lab, k = alone(kernel="v9")
    with lab:
        test, problem = self_test(k)
        assert "binding with header split off must fail, and gave dmabuf id" in str(problem), "v9 did not look at the setting"
        assert not k.netdev.providers and k.ethtool("eth1").get_rings()["tcp_data_split"] == "auto"


# ---- the client

@contextlib.contextmanager
def client(**wanted):
    wanted = Wanted("eth1", "10.0.0.1", None, 5201, mode="client", **{"dmabuf": 1 << 20, **wanted})
    got, told = bytearray(), []
    with lab_peer_wire(wanted, 1500, got.extend) as wire, Client(wire.k, wanted, told.append) as one:
        one.connect()
        yield one, wire, got, told


def test_a_line_of_many_pieces_and_one_of_too_many():
    with client(chunk=64) as (one, wire, got, _):
        line = bytes(range(256)) * 256
        one.send(line[:-1] + b"\n")
        with pytest.raises(OSError, match="makes 1025 pieces of 64; 1024 are possible, with -z 65 or more") as refused:
            one.send(line + b"\n")
        assert refused.value.errno == EMSGSIZE
        one.send(b"and on")
        one.finish()
        assert wire.end(one.conn) == (len(line) + 6, hashlib.sha256(line[:-1] + b"\nand on").hexdigest())
        assert bytes(got) == line[:-1] + b"\nand on" and one.completions == [(0, 0), (1, 1)]


def test_a_line_that_does_not_fit():
    with client(dmabuf=4096) as (one, *_), pytest.raises(OSError, match="4097 octets does not fit into 4096"):
        one.send(bytes(4097))


def test_a_line_longer_than_the_send_buffer():
    with client() as (one, wire, got, _):
        line = bytes(range(251)) * 2000
        one.send(line)
        one.finish()
        assert wire.end(one.conn)[0] == len(line) and bytes(got) == line


def test_the_memory_is_reused_only_when_it_is_free():
    """The lab's NIC reads the memory when a segment leaves: a completion that came early would send the next line's octets."""
    with client() as (one, wire, got, _):
        lines = [bytes([n]) * 20_000 for n in range(1, 6)]
        for line in lines:
            one.send(line)
        one.finish()
        wire.end(one.conn)
        assert bytes(got) == b"".join(lines) and [done for done in one.completions] == [(n, n) for n in range(5)]


def test_a_peer_that_gets_something_else_is_a_failure(monkeypatch):
    monkeypatch.setattr("devmemlab.lab.ncdevmem_peer.Peer.sha256", "0" * 64)
    said = ncdevmem(*TX, "--json", "-", text=HELLO)
    assert said.exit_code == 1 and json.loads(said.stdout)["mismatches"] == 1
    assert said.stderr.endswith("devmemlab: the peer got 11 octets that are not the 11 that were sent\n")


def test_nobody_listens():
    wanted = Wanted("eth1", "10.0.0.1", None, 5201, mode="client", dmabuf=4096)
    with lab_peer_wire(wanted, 1500) as wire:
        wire.lab.peer._listener.close()
        wire.lab.peer = None
        with Client(wire.k, wanted, print) as one, pytest.raises(ConnectionRefusedError):
            one.connect()


@pytest.mark.parametrize("arguments", [("-f", "lo"), (*RX[:1], "-f", "lo", *RX[3:]), ("-f", "lo", *TX[2:])])
@pytest.mark.skipif(sys.platform != "linux", reason="--backend linux needs Linux")
def test_the_running_kernel_says_why_it_stops(arguments):
    said = ncdevmem(*arguments, "--backend", "linux", text="")
    assert said.exit_code == 1
    assert "this machine's kernel stops here: " in said.stderr and said.stderr.endswith("What is missing: devmemlab doctor lo\n")
