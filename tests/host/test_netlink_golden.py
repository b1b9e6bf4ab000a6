"""Recorded answers of four kernels: their policies, and every refusal that a request on lo gets."""

import json
import pathlib

import pytest

import devmemlab as dml
from devmemlab.base.profile import profile
from devmemlab.host.genl.rules import KINDS
from tests.host.netlink_kit import BIND_RX, BIND_TX, POOL_STATS, QUEUE_GET, REQUEST, answer, attr, raw

pytestmark = pytest.mark.once
ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDS = json.loads((ROOT / "data/kernel-golden.json").read_text(encoding="utf-8"))
KERNELS = {"6.12.107": profile("6.12"), "6.18.15": profile("6.18"), "6.18.44": profile("6.18", page_pool_stats=False),
           "7.3.4": profile("7.3")}
POLICY_NAMES = {1: "type", 2: "min_s", 3: "max_s", 4: "min_u", 5: "max_u", 8: "policy_idx", 9: "policy_maxtype", 12: "mask"}
TYPE_NAMES = {number: "nested" if kind == "nest" else kind for kind, number in KINDS.items()}
FLAG_NAMES = {1: "ADMIN_PERM", 2: "DO", 4: "DUMP", 8: "HASPOL", 16: "UNS_ADMIN_PERM"}
MEMFD, NOWHERE = "memfd", 0xFFFFFFFF
QUEUE0 = attr(2, attr(1, 0) + attr(3, 0), nested=True)
NESTS = {
    "queue-empty-nest": attr(2, b"", nested=True), "queue-no-id": attr(2, attr(3, 0), nested=True),
    "queue-no-type": attr(2, attr(1, 0), nested=True), "queue-type-tx": attr(2, attr(1, 0) + attr(3, 1), nested=True),
    "queue-type-2": attr(2, attr(1, 0) + attr(3, 2), nested=True),
    "queue-type-ffffffff": attr(2, attr(1, 0) + attr(3, NOWHERE), nested=True),
    "queue-ffffffff": attr(2, attr(1, NOWHERE) + attr(3, 0), nested=True),
    "queue-out-of-range": attr(2, attr(1, 4096) + attr(3, 0), nested=True), "queue-dup": QUEUE0 + QUEUE0,
    "second-out-of-range": QUEUE0 + attr(2, attr(1, 4096) + attr(3, 0), nested=True),
    "queue-extra-ifindex": attr(2, attr(1, 0) + attr(3, 0) + attr(2, 1), nested=True),
    "queue-extra-napi-id": attr(2, attr(1, 0) + attr(3, 0) + attr(4, 1), nested=True),
    "queue-unknown-attr-40": attr(2, attr(1, 0) + attr(3, 0) + attr(40, 1), nested=True),
    "queue-id-short-u16": attr(2, attr(1, b"\0\0") + attr(3, 0), nested=True),
    "queue-not-nested-flag": attr(2, attr(1, 0) + attr(3, 0)),
}
EXTRAS = {"attr 50": attr(50, 1), "dmabuf id=7 (output-only)": attr(4, 7), "queues": QUEUE0}
COMMANDS = {"dev_get": 1, "page_pool_get": 5, "page_pool_stats_get": POOL_STATS, "queue_get": QUEUE_GET, "napi_get": 11,
            "qstats_get": 12, "bind_rx": BIND_RX, "napi_set": 14, "bind_tx": BIND_TX, "queue_create": 16, "cmd99": 99}


@pytest.fixture(scope="module")
def sockets():
    with dml.Lab() as lab:
        hosts = [lab.host(f"k{i}", ip=f"10.0.0.{i + 1}", mac=f"02:00:00:00:00:0{i + 1}", rx_ring=8, sockets=4, kernel=build)
                 for i, build in enumerate(KERNELS.values())]
        yield {kernel: host.netlink() for kernel, host in zip(KERNELS, hosts)}


def of(call, *cases):
    return [r for r in RECORDS if r["call"] == call and r["case"].startswith(cases)]


def name(record):
    return f"{record['kernel']}-{record['case'].split('/', 1)[1]}"


@pytest.mark.parametrize("record", of("ctrl.getfamily", "genl"), ids=name)
def test_getfamily(record, sockets):
    told, wanted = sockets[record["kernel"]].getfamily(), record["result"]
    ops = [(op["id"], {word for bit, word in FLAG_NAMES.items() if op["flags"] & bit}) for op in told["ops"].values()]
    assert ops == [(op["cmd"], set(op["flags_str"].split("|"))) for op in wanted["ops"]]
    assert [group["name"] for group in told["mcast-groups"].values()] == [group["name"] for group in wanted["mcast_groups"]]
    assert (told["version"], told["hdrsize"], told["maxattr"]) == (1, 0, 0)


@pytest.mark.parametrize("record", of("ctrl.getpolicy[dump]", "genl"), ids=name)
def test_getpolicy(record, sockets):
    commands, policies = sockets[record["kernel"]].getpolicy()
    assert {str(number): told for number, told in commands.items()} == record["result"]["op_policy"]
    spelled = {str(index): {str(number): {POLICY_NAMES[part]: TYPE_NAMES[value] if part == 1 else value
                                          for part, value in rule.items()} for number, rule in table.items()}
               for index, table in policies.items()}
    assert spelled == record["result"]["policies"]


def request_of(record, nl):
    """The attributes of a bind on lo, in the order of the recordings; the descriptor is nothing that could be bound."""
    leaf, fds = record["case"].rsplit("/", 1)[1], nl.host.fds
    fd = {"minus1": NOWHERE, "fd-7fffffff": 0x7FFFFFFF, "unopened-9999": 9999}.get(leaf.removeprefix("fd="), min(fds.things))
    ifindex = {"ifindex-0": 0, "ifindex-80000000": 0x80000000, "ifindex-nonexistent": 99999}.get(leaf, 1)
    both, tx = attr(1, ifindex) + attr(3, fd), record["call"].startswith("netdev.bind-tx")
    queues = b"" if tx else NESTS.get(leaf, QUEUE0)
    extra = EXTRAS.get(record["args"].get("extra"), b"")
    if leaf.startswith("rx-page-size-"):
        extra = attr(5, int(leaf.rsplit("-", 1)[1]))
    return {"no-attrs": b"", "only-ifindex": attr(1, 1), "only-fd": attr(3, fd), "ifindex+fd": both,
            "ifindex+queues": attr(1, 1) + queues, "fd+queues": attr(3, fd) + queues}.get(leaf, both + queues + extra)


BINDS = [r for call in ("bind-rx", "bind-tx") for r in of(f"netdev.{call}[do]", f"genl-netns/lo/{call}/")]


@pytest.mark.parametrize("record", BINDS, ids=name)
def test_binds_on_lo(record, sockets):
    nl = sockets[record["kernel"]]
    command = BIND_TX if record["call"].startswith("netdev.bind-tx") else BIND_RX
    assert answer(nl, raw(nl.number, command, request_of(record, nl)))[:2] == (record["errno"], record["extack"])


@pytest.mark.parametrize("record", [r for r in RECORDS if "-no-attrs/" in r["case"]], ids=name)
def test_requests_without_attributes(record, sockets):
    nl = sockets[record["kernel"]]
    command, dump = COMMANDS[record["case"].rsplit("/", 1)[1]], record["call"].endswith("[dump]")
    error, told, _ = answer(nl, raw(nl.number, command, flags=REQUEST | (0x300 if dump else 4)))
    assert (error, told) == (record["errno"], record["extack"])


def test_there_is_something_to_compare():
    assert len(BINDS) > 100 and {r["kernel"] for r in BINDS} == set(KERNELS)
