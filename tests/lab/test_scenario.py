"""Scenario files: the same run again, wherever it is run; and what is said of a wrong one."""

import gc
import os
import subprocess
import sys
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import devmemlab as dml
from devmemlab.base.trace import DMA_HEADER
from devmemlab.lab.scenario_keys import TABLES, ScenarioError, spelled
from devmemlab.lab.scenario_run import trace_digest
from devmemlab.mem.region import regions

BASE = {
    "name": "two flows over a bad wire", "seed": 7,
    "host": [{"name": "storage", "ip": "10.0.0.1", "rx_ring": 64},
             {"name": "trainer", "ip": "10.0.0.2", "rx_queues": 3, "rx_ring": 64}],
    "link": [{"between": ["storage", "trainer"], "gbps": 10, "delay_us": 5, "loss": 0.02, "reorder": 0.02}],
    "binding": [{"host": "trainer", "memory": "256KiB", "queues": [2]}],
    "traffic": [{"from": "storage", "to": "trainer", "octets": "20KiB", "into": "device", "keep": 8},
                {"from": "trainer", "to": "storage", "port": 80, "octets": "2000B", "message": "500B", "pace_us": 20,
                 "start_us": 100}],
}


def changed(place=(), **changes):
    """BASE with one table changed; a value of None takes the key away."""
    data = {key: [dict(row) for row in value] if isinstance(value, list) else value for key, value in BASE.items()}
    row = data
    for step in place:
        row = row[step]
    row.update(changes)
    for key in [key for key, value in changes.items() if value is None]:
        del row[key]
    return data


def test_a_file_gives_the_same_trace_again(tmp_path):
    gc.collect()                # what earlier tests left behind is not this one's
    path, before = tmp_path / "one.toml", int(regions().alive.sum())
    scenario = dml.Scenario(BASE)
    with scenario.run() as outcome:
        assert outcome.whole and not outcome.stopped and outcome.same is None
        assert [flow.received for flow in outcome.flows] == [20480, 2000] and outcome.flows[0].frags > 14
        assert outcome.flows[1].frags == outcome.flows[0].linear_bytes == 0
        scenario.save(path, outcome)
        first = outcome.trace_sha256
        assert sum(outcome.hosts["trainer"].audit()[:0]) == 0 and outcome.hosts["trainer"].audit().netmems_in_flight == 0
        assert len(dml.packets(outcome.hosts["trainer"]).where("token")) > 0
    again = dml.load_scenario(path)
    assert again.checked == {**scenario.checked, "expect": {"trace_sha256": first}}
    with again.run() as outcome:
        assert outcome.same and outcome.trace_sha256 == first and "as expected" in str(outcome)
    assert int(regions().alive.sum()) == before, "memory of the runs is still there"


@pytest.fixture(scope="module")
def digest():
    with dml.Scenario(BASE).run() as outcome:
        return outcome.trace_sha256


@pytest.mark.parametrize("change", [{"seed": 8}, {"place": ("link", 0), "delay_us": 6}, {"place": ("traffic", 0), "keep": 9},
                                    {"place": ("traffic", 0), "seed": 5}], ids=["seed", "delay", "keep", "octets"])
def test_what_is_different_has_another_digest(change, digest):
    with dml.Scenario(changed(**change)).run() as outcome:
        # What the octets are is not in a trace: only where they went.
        assert (digest == outcome.trace_sha256) == (change.get("place") == ("traffic", 0) and "seed" in change)


def test_an_unexpected_run_says_so():
    with dml.Scenario({**BASE, "expect": {"trace_sha256": "0" * 64}}).run() as outcome:
        assert outcome.same is False and "but 0000000000000000 was expected" in str(outcome)


@pytest.mark.compiled_only
@pytest.mark.once
def test_another_process_without_a_compiler_gives_the_same_trace(tmp_path):
    path = tmp_path / "one.toml"
    with dml.Scenario(BASE).run() as outcome:
        dml.Scenario(BASE).save(path, outcome)
    program = f"import devmemlab as dml; print(dml.load_scenario({str(path)!r}).run().same)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "NUMBA_DISABLE_JIT": "1"})
    assert said.stdout == "True\n", said.stderr


def test_the_digest_sees_the_last_event_and_no_address():
    with dml.Scenario(BASE).run() as outcome:
        trace = outcome.hosts["trainer"].trace
        headers = trace.event.kind == DMA_HEADER
        trace.event.b[headers] += 4096
        assert headers.any() and trace_digest(outcome.lab) == outcome.trace_sha256
        trace.event[trace.ctl[0].count - 1].at_ns += 1
        assert trace_digest(outcome.lab) != outcome.trace_sha256


def test_ipv6_large_buffers_and_two_bindings():
    data = changed(("host", 1), ip=None, ip6="fd00::2", kernel="7.3", mtu=9000)
    data["host"][0] = {"name": "storage", "ip6": "fd00::1", "mtu": 9000, "rx_ring": 64}
    data["binding"] = [{"host": "trainer", "memory": "1MiB", "queues": [1], "rx_page_size": 16384},
                       {"host": "trainer", "memory": "256KiB", "queues": [2]}]
    data["link"][0].update(loss=0, reorder=0)
    data["traffic"] = [{"from": "storage", "to": "trainer", "octets": "35712B", "into": "device", "queue": queue,
                        "port": 80 + queue} for queue in (1, 2)]
    with dml.Scenario(data).run() as outcome:
        assert outcome.whole and [flow.frags for flow in outcome.flows] == [4, 12], "8928 octets take one large buffer, or three"


def test_a_run_that_stands_still_says_why():
    data = changed(("traffic", 0), keep=1000, octets="60KiB")
    data["host"][1]["rx_ring"], data["binding"][0]["memory"] = 8, "64KiB"
    data["link"][0].update(loss=0, reorder=0)
    with dml.Scenario({**data, "until_ms": 50}).run() as outcome:
        assert "not done within 0.05 s" in outcome.stopped and not outcome.whole and outcome.flows[0].received < 60 << 10
        assert len(dml.packets(outcome.hosts["trainer"]).where("dropped: no descriptor")) > 0


def test_commands_set_the_same_up_again():
    text = dml.Scenario(BASE).as_commands()
    assert "ncdevmem -l -f eth1 -s 10.0.0.2 -p 5201 -t 2 -q 1" in text and "nc -l 80" in text
    with dml.Lab() as lab:
        fresh = lab.host("trainer", ip="10.0.0.2", rx_queues=3, rx_ring=64, ifname="eth1")
        lines = [line for line in text.partition("# on trainer\n")[2].partition("# storage sends")[0].splitlines()
                 if not line.startswith(("#", "ynl"))]
        assert fresh.sh("\n".join(lines)).returncode == 0
        fresh.netlink().bind_rx({"ifindex": 2, "fd": fresh.udmabuf("256KiB"), "queues": [{"type": "rx", "id": 2}]})
        assert fresh.as_commands() in text


# ---- what is wrong

@pytest.mark.parametrize("place, change, words", [
    ((), {"sed": 1}, "sed: there is no such key; did you mean 'seed'?"),
    ((), {"hosts": [{"name": "x"}]}, "[hosts]: there is no such table; did you mean 'host'?"),
    ((), {"host": {"name": "x"}}, "host comes any number of times; write [[host]]"),
    ((), {"host": None}, "there is no host; begin with [[host]]"),
    (("host", 1), {"mtuu": 1}, "host[2].mtuu: there is no such key; did you mean 'mtu'?"),
    (("host", 1), {"mtu": "big"}, 'host[2].mtu = "big" cannot be; needed: a whole number from 68 to 65521'),
    (("host", 1), {"mtu": True}, "host[2].mtu = true cannot be; needed"),
    (("host", 1), {"rx_ring": 100}, "host[2].rx_ring = 100 cannot be; needed: a power of two"),
    (("host", 1), {"kernel": "6.13"}, 'host[2].kernel = "6.13" cannot be; needed: one of v9, 6.12, 6.18, 7.3, next'),
    (("host", 1), {"name": "storage"}, 'host[2].name = "storage" is there already'),
    (("host", 1), {"name": None}, "host[2].name is missing; needed: a text"),
    (("host", 0), {"ip": None}, 'host[1] has no address; give it ip = "10.0.0.1"'),
    (("host", 1), {"ip": "10.0.0"}, 'host[2].ip = "10.0.0" cannot be; needed: an IPv4 address'),
    (("host", 1), {"ip": "fd00::2"}, "needed: an IPv4 address"),
    (("host", 1), {"rss_equal": 9}, "host[2]: Invalid argument (EINVAL): equal 9"),
    (("host", 1), {"commands": ["ethtool -G eth1 rx 7"]}, "commands[1], 'ethtool -G eth1 rx 7': "),
    (("link", 0), {"loss": 2}, "link[1].loss = 2 cannot be; needed: a probability from 0 to 1"),
    (("link", 0), {"between": ["storage"]}, 'link[1].between = ["storage"] cannot be; needed: the names of two hosts'),
    (("link", 0), {"between": ["storage", "trainr"]}, "there is no such host; did you mean 'trainer'?"),
    (("link", 0), {"between": ["storage", "storage"]}, "storage has a link already"),
    (("binding", 0), {"memory": "lots"}, 'binding[1].memory = "lots" cannot be; needed: a size'),
    (("binding", 0), {"memory": "5000B"}, "needed: a size in whole pages"),
    (("binding", 0), {"queues": [7]}, "binding[1].queues = [7]: trainer has the queues 0 to 2; give it rx_queues = 8"),
    (("host", 1), {"tcp_data_split": "off"}, "binding[1]: Invalid argument (EINVAL)"),
    (("binding", 0), {"rx_page_size": 16384}, 'give the host kernel = "7.3"'),
    (("binding", 0), {"host": "storage", "queues": [0]}, 'into = "device", but trainer has no memory; add [[binding]]'),
    (("traffic", 0), {"octets": None}, "traffic[1].octets is missing; needed: a size"),
    (("traffic", 0), {"queue": 1}, "traffic[1].queue = 1 has no memory; bound are [2]"),
    (("traffic", 0), {"from": "trainer"}, 'add [[link]] with between = ["trainer", "trainer"]'),
    (("traffic", 0), {"into": "gpu"}, 'traffic[1].into = "gpu" cannot be; needed: one of "host", "device"'),
    ((), {"expect": {}}, "expect.trace_sha256 is missing"),
])
def test_the_wrong_place_is_named_with_a_remedy(place, change, words):
    data = changed(place, **change)
    gc.collect()
    before = int(regions().alive.sum())
    with pytest.raises(ScenarioError) as refused:
        dml.Scenario(data, "file.toml").run()
    assert str(refused.value).startswith("file.toml: ") and words in str(refused.value), str(refused.value)
    assert int(regions().alive.sum()) == before


def test_a_file_that_is_no_toml(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("seed = 7\nname = trainer\n")
    with pytest.raises(ScenarioError, match=r"bad.toml: this is no TOML: .*line 2"):
        dml.load_scenario(path)
    with pytest.raises(FileNotFoundError):
        dml.load_scenario(tmp_path / "none.toml")


VALUES = {"name": st.text(min_size=1), "about": st.text(min_size=1), "seed": st.integers(0, 1000),
          "until_ms": st.floats(0.001, 1e6)}


@given(st.fixed_dictionaries({}, optional=VALUES), st.text(min_size=1))
def test_what_is_written_is_read_back(top, command):
    data = {**changed(), **top}
    data["host"][0]["commands"] = [command]
    scenario = dml.Scenario(data)
    assert tomllib.loads(scenario.as_toml()) == data
    assert dml.Scenario(tomllib.loads(str(scenario))) == scenario


@given(st.text(max_size=20) | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
       | st.lists(st.integers(), max_size=3))
def test_values_are_spelled_as_toml_reads_them(value):
    assert tomllib.loads(f"x = {spelled(value)}")["x"] == value


def test_every_key_says_what_is_possible():
    assert all(key.words for keys in TABLES.values() for key in keys.values())
