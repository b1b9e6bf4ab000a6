"""ncdevmem without a kernel: a synthetic sender, and a reader fed by hand."""

import gc
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from devmemlab import cli
from devmemlab.base.errno import ECONNRESET, EFAULT, EIO, ENOMEM
from devmemlab.host.host import Host
from devmemlab.host.ports import Manual
from devmemlab.lab import ncdevmem_wire
from devmemlab.lab.lab import Lab
from devmemlab.lab.live import neighbour_of
from devmemlab.lab.ncdevmem_check import Validator, pattern_octets
from devmemlab.lab.ncdevmem_reader import UDMABUF_BYTES, Reader, Wanted
from devmemlab.lab.ncdevmem_server import Server
from devmemlab.lab.ncdevmem_wire import sending_command, sending_text
from devmemlab.mem.region import regions
from devmemlab.sock.uapi import FRAG_DTYPE, SCM_DEVMEM_DMABUF, SCM_DEVMEM_LINEAR, SOL_SOCKET, frags

RUN = ["-l", "-f", "eth1", "-s", "10.0.0.2", "-p", "5201"]
SMALL = {"rx_queues": 2, "rx_ring": 64}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(ncdevmem_wire, "HOST_OPTIONS", SMALL)


def ncdevmem(*arguments):
    return CliRunner().invoke(cli.main, ["ncdevmem", *map(str, arguments)])


def numbers(said):
    return json.loads(said.stdout)


# ---- whole runs

@pytest.mark.parametrize("mtu", [pytest.param(1500, marks=pytest.mark.every_mode), 9000])
def test_a_run_validates_and_returns_every_token(mtu, sizes):
    size = sizes(3_000_001, 40_001)
    said = ncdevmem(*RUN, "-v", 7, "--size", size, "--mtu", mtu, "--json", "-")
    assert said.exit_code == 0, said.stderr
    got = numbers(said)
    assert got["bytes"] == size and got["mismatches"] == got["linear_bytes"] == 0 and got["seconds"] > 0
    assert got["frags"] == got["tokens_issued"] == got["tokens_returned"] >= size // 4096
    assert got["page_aligned_frags"] + got["non_page_aligned_frags"] == got["frags"]
    assert (got["page_aligned_frags"] > 0) == (mtu == 9000)
    assert "audit clean, no netmem in flight" in said.stderr and "got connection from ::ffff:10.0.0.1:40000" in said.stderr


def test_without_a_modulus_the_octets_go_to_standard_output(tmp_path):
    said = ncdevmem(*RUN, "--json", tmp_path / "result.json")
    wanted = sending_text(Wanted("eth1", "10.0.0.2", None, 5201), 1024)
    assert said.exit_code == 0 and said.stdout_bytes == wanted.tobytes() and said.stdout.startswith("line 1 of")
    assert json.loads((tmp_path / "result.json").read_text())["bytes"] == 1024


def test_ipv6_and_a_narrow_rule_and_two_queues():
    said = ncdevmem("-l", "-f", "any0", "-s", "fd00::2", "-c", "fd00::9", "-p", 77, "-v", 256, "--size", 9000, "-t", 1, "-q", 1,
                    "--json", "-")
    assert said.exit_code == 0 and numbers(said)["bytes"] == 9000
    assert "got connection from fd00::9:77" in said.stderr, "with -c the client's port is the server's"


def test_a_larger_dmabuf_is_the_labs_own_memory():
    said = ncdevmem(*RUN, "-v", 7, "--size", 9000, "--dmabuf", "128MiB", "--json", "-")
    assert said.exit_code == 0 and numbers(said)["tokens_returned"] == numbers(said)["frags"] > 0


@pytest.fixture
def calls(monkeypatch):
    """Every DONTNEED of a run."""
    seen, dontneed = [], Host.dontneed
    monkeypatch.setattr(Host, "dontneed", lambda k, conn, tokens: seen.append(tokens) or dontneed(k, conn, tokens))
    return seen


def test_one_line_and_one_call_for_each_frag_on_request(calls):
    said = ncdevmem(*RUN, "-v", 7, "--size", 20_000, "--one-by-one", "--verbose", "--json", "-")
    lines = re.findall(r"^received frag_page=(\d+), in_page_offset=(\d+), frag_offset=(\d+), frag_size=(\d+), token=(\d+), "
                       r"total_received=(\d+), dmabuf_id=1$", said.stderr, re.M)
    assert len(lines) == numbers(said)["frags"] == len(calls) == 14
    assert [calls[k] for k in range(14)] == [[(int(line[4]), 1)] for line in lines]
    assert [int(line[5]) for line in lines] == [*range(1448, 20_000, 1448), 20_000]
    assert all(int(page) * 4096 + int(inside) == int(offset) for page, inside, offset, *_ in lines)


def test_tokens_go_back_in_few_calls_otherwise(calls):
    assert numbers(ncdevmem(*RUN, "-v", 7, "--size", 20_000, "--json", "-"))["tokens_returned"] == 14 > len(calls)


# ---- what is wrong with the stream

def corrupt(monkeypatch, change):
    def changed(wanted, nbytes):
        octets = sending_text(wanted, nbytes)
        change(octets)
        return octets

    monkeypatch.setattr(ncdevmem_wire, "sending_text", changed)


def test_one_wrong_octet_is_found(monkeypatch):
    corrupt(monkeypatch, lambda octets: octets.__setitem__(5000, 99))
    said = ncdevmem(*RUN, "-v", 7, "--size", 9999, "--json", "-")
    assert said.exit_code == 1
    got = numbers(said)
    assert got["mismatches"] == 1 and got["bytes"] == 9999 and got["tokens_issued"] == got["tokens_returned"]
    assert f"Failed validation: expected={5000 % 7 + 1}, actual=99, index=5000\n" in said.stderr
    assert said.stderr.endswith("devmemlab: validation failed: 1 of 9999 octets are not the pattern of 7\n")


@pytest.mark.every_mode
def test_twenty_mismatches_are_reported_and_the_next_one_ends_the_run(monkeypatch):
    corrupt(monkeypatch, lambda octets: octets.__setitem__(slice(2000, 2100), 0))
    said = ncdevmem(*RUN, "-v", 7, "--size", 20_000, "--json", "-")
    assert said.exit_code == 1 and numbers(said)["mismatches"] == 21 and said.stderr.count("Failed validation") == 20
    assert "index=2000\n" in said.stderr and "index=2019\n" in said.stderr
    assert "Traceback" not in said.stderr and "are not the pattern of 7" in said.stderr


def test_a_lost_octet_shows(monkeypatch):
    monkeypatch.setattr(ncdevmem_wire, "sending_text", lambda wanted, nbytes: pattern_octets(7, nbytes, start=1))
    assert ncdevmem(*RUN, "-v", 7, "--size", 5000).exit_code == 1


def test_data_that_missed_the_bound_queue_are_a_failure():
    wanted = Wanted("eth1", "10.0.0.2", None, 5201, 7)
    with ncdevmem_wire.synthetic_wire(wanted, 5000, 1500) as wire, Server(wire.host, wanted, print) as server:
        wire.host.nics.rule[0, 0].queue = 0
        conn = server.accept()
        with pytest.raises(OSError, match="without a devmem cmsg: flow steering missed the bound queues") as failed:
            server.reader.receive(conn)
        assert failed.value.errno == EIO
        wire.finish(conn)


def test_an_audit_that_fails_is_one_line(monkeypatch):
    def broken(self):
        raise AssertionError("netmem row 9 is nobody's")

    monkeypatch.setattr("devmemlab.host.host.Host.audit", broken)
    said = ncdevmem(*RUN, "-v", 7, "--size", 5000)
    assert said.exit_code == 1 and said.stderr.endswith("devmemlab: audit: netmem row 9 is nobody's\n")


@pytest.mark.parametrize("tokens_back", [False, True])
def test_ctrl_c_ends_with_130_and_leaves_nothing(monkeypatch, tokens_back):
    def interrupted(self, conn, progress=None):
        _, ancdata, _, _ = conn.recvmsg(4000, 4000, 0x2000000)
        if tokens_back:
            self._give_back(conn, frags(ancdata).frag_token)
        raise KeyboardInterrupt

    monkeypatch.setattr(Reader, "receive", interrupted)
    gc.collect()
    before = int(regions().alive.sum())
    said = ncdevmem(*RUN, "-v", 7, "--size", 9000)
    assert said.exit_code == 130 and said.stderr.endswith("devmemlab: interrupted\n")
    assert int(regions().alive.sum()) == before, "memory of the run is still there"


# ---- how it is called

@pytest.mark.parametrize("arguments, words", [
    (["-l", "-s", "10.0.0.2", "-p", "5201"], "-f IF is missing"),
    (["-l", "-f", "eth1", "-c", "10.0.0.1", "-p", "5201"], "-s IP is missing"),
    (["-l", "-f", "eth1", "-s", "10.0.0.2"], "-p PORT is missing"),
    ([*RUN[1:], "-z", "0"], "1 or more is possible"),
    ([*RUN, "-t", "1"], "-t and -q go together"),
    ([*RUN, "-q", "1"], "-t and -q go together"),
    ([*RUN, "-b", "8192", "--kernel", "6.18"], "kernel 6.18 has no rx-page-size; 7.3 has"),
    ([*RUN, "-b", "5000"], "a power of two"),
    ([*RUN, "-c", "fd00::1"], "not of one family"),
    ([*RUN, "--dmabuf", "5000"], "whole pages"),
    ([*RUN, "--backend", "linux", "--tap", "auto"], "leave it out with --backend linux"),
    (["-f", "eth1", "-t", "3", "-q", "1", "-b", "2097152", "--dmabuf", "4096"], "the queues must be among 0 to 1"),
    ([*RUN, "-t", "2", "-q", "1"], "there is no queue 2"),
    ([*RUN, "-t", "0", "-q", "1"], "equal 0"),
    ([*RUN, "-n"], "tcp-data-split is disabled"),
    (["-l", "-f", "eth1", "-s", "fd00::2", "-p", "1", "--tap", "auto"], "no IPv6"),
])
def test_what_is_refused_is_1(arguments, words):
    said = ncdevmem(*arguments)
    assert said.exit_code == 1 and words in said.stderr.splitlines()[-1] and said.stdout == ""


@pytest.mark.parametrize("arguments", [
    [*RUN, "-x"], [*RUN, "surplus"], [*RUN, "-p", "0"], [*RUN, "-p", "x"], [*RUN, "-v", "1"], [*RUN, "-v", "257"],
    [*RUN, "-v", "x"], [*RUN, "-s", "nobody"], [*RUN, "--mtu", "5"], [*RUN, "--json", "-"], [*RUN, "--run", "true"],
    [*RUN, "--size", "0"], [*RUN, "--size", "much"], [*RUN, "--dmabuf", "-1"], [*RUN, "-t", "-1", "-q", "1"],
    [*RUN, "--backend", "bsd"]])
def test_wrong_usage_is_2(arguments):
    said = ncdevmem(*arguments)
    assert said.exit_code == 2 and "Usage:" in said.stderr


def test_page_size_of_the_machine_is_accepted():
    assert ncdevmem(*RUN, "-v", 7, "--size", 100, "-b", 4096).exit_code == 0


def test_no_place_for_a_live_run_is_1(monkeypatch):
    def refused(self):
        raise PermissionError(1, "a private network needs CAP_SYS_ADMIN")

    monkeypatch.setattr("devmemlab.host.ports.held.Held.__init__", refused)
    said = ncdevmem(*RUN, "-v", 7, "--tap", "auto")
    assert said.exit_code == 1 and said.stderr == "devmemlab: a private network needs CAP_SYS_ADMIN\n"


# ---- the server's steps

def host_with(port):
    lab = Lab()
    return lab, lab.host("dut", ip="10.0.0.2", ifname="eth1", port=port, **{**SMALL, "rx_queues": 4})


@pytest.mark.parametrize("client", [None, "10.0.0.7"])
def test_the_nic_is_set_up_as_the_tool_does_and_put_back(client):
    lab, k = host_with(Manual())
    nic, told = k.ethtool("eth1"), []
    before = nic.get_rings(), nic.get_rxfh_indir(), int(regions().alive.sum())
    with lab, Server(k, Wanted("eth1", "10.0.0.2", client, 5201), told.append) as server:
        assert server.queues == range(3, 4) and told == ["got dmabuf id=1", "binding to address 10.0.0.2:5201"]
        assert nic.get_rings()["tcp_data_split"] == "on" and set(nic.get_rxfh_indir()) == {0, 1, 2}
        bound = [queue["id"] for queue in k.netlink("netdev").dump("queue-get") if "dmabuf" in queue]
        rule = k.nics.rule[0, 0]
        assert bound == [3] and rule.queue == 3 and rule.match_daddr and rule.match_dport and rule.dport == 5201
        assert (rule.match_saddr, rule.match_sport, rule.sport) == ((1, 1, 5201) if client else (0, 0, 0))
        assert len(k.mmap(server.reader.fd)) == UDMABUF_BYTES == 65_536_000
        server.__exit__()
        assert (nic.get_rings(), nic.get_rxfh_indir()) == before[:2] and k.nics.ctl[0].rule_count == 0
        assert all("dmabuf" not in queue for queue in k.netlink("netdev").dump("queue-get"))


def test_a_refused_narrow_rule_is_made_without_the_source(monkeypatch):
    lab, k = host_with(Manual())
    asked = []

    def add_rule(self, **rule):
        asked.append(rule)
        if "src_ip" in rule:
            raise OSError(95, "no sources here")
        return real(self, **rule)

    real = type(k.ethtool("eth1")).add_rule
    monkeypatch.setattr("devmemlab.host.ethtool.Ethtool.add_rule", add_rule)
    with lab, Server(k, Wanted("eth1", "10.0.0.2", "10.0.0.7", 5201), print):
        assert [("src_ip" in rule, rule["dst_ip"], rule["dst_port"]) for rule in asked] == [
            (True, "10.0.0.2", 5201), (False, "10.0.0.2", 5201)]


def test_a_failure_on_the_way_puts_back_what_was_done():
    lab, k = host_with(Manual())
    with lab, k.socket(10) as other:
        other.bind(("::", 5201))
        other.listen()
        with pytest.raises(OSError, match="5201 has a listener already"):
            Server(k, Wanted("eth1", "10.0.0.2", None, 5201), print).__enter__()
        assert k.nics.ctl[0].rule_count == 0 and k.ethtool("eth1").get_rings()["tcp_data_split"] == "auto"
        assert not k.netdev.providers and sorted(k.fds.things) == [other.fileno()]


# ---- the reader, fed by hand

class Canned:
    """A host and a connection that answer what they were given."""

    def __init__(self, *answers, freed=None):
        self.answers, self.freed, self.returned = list(answers), freed, []
        self.octets = pattern_octets(7, 8192)

    def mmap(self, fd):
        return self.octets

    def dmabuf_sync(self, fd, flags):
        pass

    def recvmsg(self, bufsize, ancbufsize, flags):
        assert (bufsize, ancbufsize, flags) == (819_200, 80_000, 0x2000000)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return *answer, 0, None

    def dontneed(self, conn, tokens):
        self.returned += [tuple(map(int, piece)) for piece in tokens]
        return sum(int(count) for _, count in tokens) if self.freed is None else self.freed


END = (b"", [])


def cmsg(kind, offset, size, token=0, dmabuf=5):
    row = np.zeros(1, FRAG_DTYPE)
    row[["frag_offset", "frag_size", "frag_token", "dmabuf_id"]] = (offset, size, token, dmabuf)
    return SOL_SOCKET, kind, row.tobytes()[4:]


def read(*answers, freed=None, **wanted):
    canned, told = Canned(*answers, freed=freed), []
    reader = Reader(canned, 3, 5, Wanted("eth1", "10.0.0.2", None, 5201, **{"modulus": 7, **wanted}), told.append)
    try:
        reader.receive(canned)
        return reader.tally, told, canned, None
    except OSError as problem:
        return reader.tally, told, canned, problem


LINEAR = (pattern_octets(7, 3).tobytes(), [cmsg(SCM_DEVMEM_LINEAR, 0, 3), cmsg(SCM_DEVMEM_DMABUF, 3, 10, 1)])


def test_linear_octets_are_part_of_the_stream():
    tally, told, canned, problem = read(LINEAR, END)
    assert problem is None and (tally.bytes, tally.linear_bytes, tally.frags, tally.mismatches) == (13, 3, 1, 0)
    assert canned.returned == [(1, 1)] and told == ["client exited"]
    _, _, _, problem = read(LINEAR, END, no_linear=True)
    assert "-L forbids them" in str(problem)


def test_linear_octets_are_printed_and_handed_on():
    _, told, _, _ = read(LINEAR, END, verbose=True)
    assert told[0] == "SCM_DEVMEM_LINEAR. dmabuf_cmsg->frag_size=3"
    paid, canned = [], Canned(LINEAR, END)
    Reader(canned, 3, 5, Wanted("eth1", "10.0.0.2", None, 5201), print, paid.append).receive(canned)
    assert b"".join(paid) == pattern_octets(7, 13).tobytes()


def test_a_strange_binding_and_a_short_return_are_failures():
    _, _, _, problem = read((b"", [cmsg(SCM_DEVMEM_DMABUF, 0, 10, 1, dmabuf=6)]), END)
    assert "dmabuf id 6 came; 5 was bound" in str(problem)
    tally, _, _, problem = read((b"", [cmsg(SCM_DEVMEM_DMABUF, 0, 10, 1)]), END, freed=0)
    assert "returned 0 for 1 tokens" in str(problem) and (tally.tokens_issued, tally.tokens_returned) == (1, 0)


def test_errors_of_recvmsg():
    reset, full = OSError(ECONNRESET, "reset"), OSError(ENOMEM, "no token")
    assert read(reset, END)[1] == ["recvmsg: reset", "client exited"]
    _, told, _, problem = read(full, full, END)
    assert told == ["recvmsg: no token"] and problem is full, "the tool would go on for ever"
    assert read(full, LINEAR, full, END)[3] is None
    fault = OSError(EFAULT, "will not recover")
    assert read(fault, END)[3] is fault
    assert read((b"host data", []), END)[3].errno == EIO


# ---- the pattern

def test_the_pattern_is_that_of_yes():
    assert pattern_octets(7, 15).tobytes() == b"\1\2\3\4\5\6\n\1\2\3\4\5\6\n\1"
    assert pattern_octets(256, 513).tobytes() == (bytes(range(1, 256)) + b"\n") * 2 + b"\1"
    assert pattern_octets(7, 5, start=5).tobytes() == b"\6\n\1\2\3"


@pytest.mark.every_mode
@given(st.integers(2, 256), st.lists(st.tuples(st.booleans(), st.integers(0, 40_000)), min_size=1, max_size=6),
       st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), max_size=25), st.integers(0, 4096))
def test_validation_against_plain_numpy(modulus, pieces, errors, offset):
    pieces = [(linear, size % 3000 if size % 7 else size) for linear, size in pieces]
    total = sum(size for _, size in pieces)
    stream = pattern_octets(modulus, total)
    for place, change in errors:
        if total:
            stream[int(place * total)] ^= change
    wrong = np.flatnonzero(stream != pattern_octets(modulus, total))
    device = np.zeros(total + offset + 1, np.uint8)
    device[offset:offset + total] = stream
    validator, told, at = Validator(modulus), [], 0
    for linear, size in pieces:
        row = np.zeros(1, FRAG_DTYPE).view(np.recarray)
        row.kind = SCM_DEVMEM_LINEAR if linear else SCM_DEVMEM_DMABUF
        row.frag_offset, row.frag_size = 0 if linear else offset + at, size
        told += validator.look(device, stream[at:at + size].tobytes() if linear else b"", row)
        at += size
    assert validator.mismatches == min(len(wrong), 21) and validator.failed == (len(wrong) > 20)
    assert told == [f"Failed validation: expected={pattern_octets(modulus, 1, i)[0]}, actual={stream[i]}, index={i}"
                    for i in wrong[:20]]


# ---- what people are told

@pytest.mark.parametrize("modulus", [2, 7, 10, 11, 256])
@pytest.mark.once
def test_the_command_that_is_suggested_makes_the_pattern(modulus):
    import subprocess
    made = subprocess.run(["sh", "-c", sending_command(Wanted("eth1", "10.0.0.2", None, 1, modulus), 1000)], capture_output=True,
                          timeout=60)
    assert made.stdout == pattern_octets(modulus, 1000).tobytes()


@pytest.mark.parametrize("ip, other", [("10.0.0.2", "10.0.0.1"), ("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2"),
                                       ("192.0.2.200", "192.0.2.1")])
def test_the_other_end_is_of_the_same_network(ip, other):
    assert neighbour_of(ip) == other
