"""The face of a real kernel, in a private namespace: what a lab host answers, this kernel answers."""

import pytest

import devmemlab as dml
from devmemlab.base.profile import PROFILES
from devmemlab.host.ports import Namespace
from devmemlab.lab.conformance.running import running_release
from devmemlab.lab.same_program import receive
from tests.linux.inside import bind_answers
from tests.linux.kit import inside

pytestmark = pytest.mark.live
RELEASE = running_release().rpartition(".")[0]


@pytest.fixture
def ns():
    with Namespace() as made:
        if made.user:
            pytest.skip("a namespace of a user namespace: every bind-rx is EPERM there")
        yield made


def same_release():
    if RELEASE not in PROFILES:
        pytest.skip(f"the lab has no profile of kernel {RELEASE}")
    return RELEASE


def two_hosts():
    lab = dml.Lab(seed=0)
    rx = lab.host("rx", ip="10.0.0.2", rx_queues=2, ifname="eth1", **({"kernel": RELEASE} if RELEASE in PROFILES else {}))
    tx = lab.host("tx", ip="10.0.0.1")
    lab.connect(rx, tx)
    return rx, tx


def test_one_program_runs_on_a_lab_host_and_on_this_kernel(ns):
    whole = receive(*two_hosts(), "eth1", "10.0.0.2")
    assert whole["received"] and set(whole["steps"].values()) == {None}
    assert whole["device_octets"] == 256 * 64 and whole["freed"] > 0
    same_release()
    simple, real = receive(*two_hosts(), "lo", "10.0.0.2"), inside(ns, "program")
    assert real["received"] and simple["received"] and real["device_octets"] == simple["device_octets"] == 0
    assert real["steps"]["bind"] == simple["steps"]["bind"] == ["EOPNOTSUPP", {"bad_attr_offset": 20}]
    assert list(real["steps"]) == list(simple["steps"])
    for name in ("split", "rss", "rule"):
        assert real["steps"][name][0] == simple["steps"][name][0] == "EOPNOTSUPP"


def test_binds_that_cannot_succeed_get_the_labs_answers(ns):
    lab = dml.Lab(seed=0)
    host = lab.host("rx", ip="10.0.0.2", kernel=same_release())
    veth = host.add_device("v0", "veth")
    veth.real_num_rx_queues = veth.real_num_tx_queues = 2
    told, real = bind_answers(host, ["lo", "v0"]), inside(ns, "binds")
    assert real == told
    assert real["rx v0"] == ["EOPNOTSUPP", {"bad_attr_offset": 20}, "ifindex"] and real["rx 0"][1] == {"miss_type": 1}
    assert real["tx lo"][1]["msg"] and real["get"][2] is None


@pytest.mark.once
def test_ethtool_says_what_the_tool_says(ns):
    told = inside(ns, "ethtool")
    for phase in ("before", "after"):
        ours, tool = told[phase], told[phase]["tool"]
        seen = [value for name, value in tool["channels"] if name in ("RX", "TX", "Combined")]
        most, now = ([0 if value == "n/a" else int(value) for value in seen[at:at + 3]] for at in (0, 3))
        assert [ours["channels"][name] for name in ("rx_max", "tx_max", "combined_max", "rx", "tx", "combined")] == most + now
        features = {name: value.split() for name, value in tool["features"] if value}
        assert len(features) > 40
        # The tool adds up some of ours under one name, and leaves out none.
        for name in ours["features"].keys() & features.keys():
            assert ours["features"][name] == (features[name][0] == "on"), name
            if name != "tx-checksumming":
                assert (name in ours["fixed"]) == ("[fixed]" in features[name]), name
        assert len(ours["features"].keys() & features.keys()) > 35
        assert ours["stats"] == sorted(name for name, value in tool["stats"] if value)
        driver = dict(tool["driver"])
        assert ours["driver"] == driver and driver["driver"] == "veth"
    before, after = told["before"], told["after"]
    assert (before["channels"]["rx"], after["channels"]["rx"], after["channels"]["tx"]) == (2, 1, 2)
    assert not before["features"]["generic-receive-offload"] and after["features"]["generic-receive-offload"]
    assert [refused[0] for refused in told["refused"]] == ["EOPNOTSUPP"] * 3 + ["EINVAL"] * 3 + ["EOPNOTSUPP"]
    assert told["refused"][3][1]["msg"]


@pytest.mark.once
def test_a_listener_hears_of_devices_also_while_it_asks(ns):
    told = inside(ns, "listen")
    assert told["silent"][0] == "EAGAIN" and told["none"][0] == "ENOENT" and told["after"] == [] and told["rows"] == 3
    heard = [tuple(event) for event in told["heard"]]
    # With GRO on one end of a veth, XDP programs of the other end may redirect to it.
    assert ("dev-change-ntf", told["v1"]) in heard
    assert heard.index(("dev-add-ntf", told["bridge"])) < heard.index(("dev-del-ntf", told["bridge"]))


@pytest.mark.once
def test_settings_and_counters_are_the_kernels(ns):
    told = inside(ns, "settings")
    assert (told["before"], told["after"], told["three"]) == ("1", "0", "4096\t8192\t16384")
    assert [told[name][0] for name in ("unknown", "bad", "outside")] == ["ENOENT", "EINVAL", "ENOENT"]
    assert told["ports"] == [32768, 61000]
    assert {"TcpActiveOpens", "TcpExtTCPTimeouts", "Ip6InReceives"} <= set(told["nstat"])
    if told["tool"]:
        assert set(told["tool"]) <= set(told["nstat"])


@pytest.mark.once
def test_the_doctor_finds_what_a_veth_lacks(ns):
    report = inside(ns, "doctor", "v0")
    rows = {row["key"]: row for row in report["rows"]}
    assert rows["queues"]["state"] == "missing" and "veth" in rows["queues"]["value"]
    assert rows["link"]["state"] == rows["channels"]["state"] == rows["xdp"]["state"] == rows["bindings"]["state"] == "found"
    assert {rows[key]["state"] for key in ("split", "rules", "rss", "transmit")} == {"missing"}
    assert not report["ready"] and report["first"]["key"] in ("exporter", "queues", "config", "release", "rights")
    assert {rows[key]["state"] for key in ("distance", "iommu", "acs")} == {"unknown"}
