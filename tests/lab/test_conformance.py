"""Recorded kernel answers against the lab: what is read, what counts, what is refused, and that a lie is noticed."""

import errno
import json
import pathlib

import click
import pytest
from click.testing import CliRunner

from devmemlab import cli
from devmemlab.host.host import Host
from devmemlab.lab.conformance import machines, messages, replay_netlink, replay_sockopt
from devmemlab.lab.conformance.answers import Answer, NotModelled
from devmemlab.lab.conformance.compare import ANY, differences, masked, same_steps
from devmemlab.lab.conformance.records import Record, golden_path, lab_profile, read_records, select
from devmemlab.lab.conformance.requests import bind
from devmemlab.lab.conformance.run import conform, replay_of

pytestmark = pytest.mark.once

RECORDS = read_records()
KERNELS = ("6.12.107", "6.18.15", "6.18.44", "7.3.4")
ROW_FIELDS = {"case", "kernel", "call", "recorded", "lab", "running", "equal", "reason"}
ANSWER_FIELDS = {"errno", "result", "extack"}
OTHER_FAMILIES = ("udp", "unix", "mptcp", "raw", "packet", "vsock")


def records_of(*cases, kernel="6.18.44"):
    return [record for record in RECORDS if record.case in cases and record.kernel == kernel]


def a_record(**fields):
    return Record(**{"case": "group/case", "call": "call", "args": {}, "kernel": "6.18.44", "errno": None, "result": 0,
                     "extack": None, "source": "made up", **fields})


def command(*arguments):
    result = CliRunner().invoke(cli.main, ["conformance", "--no-running", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def written(path, records):
    """A file of records in the form of the shipped one."""
    rows = ",\n".join(json.dumps({**record._asdict(), "errno_num": 0}) for record in records)
    path.write_text(f"[\n{rows}\n]\n")
    return path


# ---- the file

def test_the_shipped_records_are_one_a_line_and_described():
    text = golden_path().read_text()
    assert len(RECORDS) == 3094 and text.count("\n") == len(RECORDS) + 2
    assert {record.kernel for record in RECORDS} == set(KERNELS)
    assert "kernel-golden.json" in golden_path().with_name("README.md").read_text()


@pytest.mark.parametrize("text, complaint", [
    ("{}", "no list"), ("[1]", "record 0 lacks args"), ('[{"case": "x"}]', "lacks args, call"), ("[", "not JSON")])
def test_a_file_of_another_form_is_refused_in_one_line(text, complaint, tmp_path):
    path = tmp_path / "records.json"
    path.write_text(text)
    status, said = command("--golden", path)
    assert status == 1 and complaint in said and said.count("\n") == 1


def test_selection_is_by_the_shells_rules():
    assert {record.group for record in select(RECORDS, "udmabuf/*")} == {"udmabuf"}
    assert {record.leaf for record in select(RECORDS, "*/bind-rx/queue-dup")} == {"queue-dup"}
    assert select(RECORDS) == RECORDS and select(RECORDS, "nothing") == []


@pytest.mark.parametrize("kernel, name, stats", [
    ("6.12.107", "6.12", False), ("6.18.15", "6.18", True), ("6.18.44", "6.18", False), ("7.3.4", "7.3", True)])
def test_a_record_is_compared_under_the_profile_of_its_release_and_build(kernel, name, stats):
    profile = lab_profile(kernel)
    assert (profile.name, profile.page_pool_stats) == (name, stats)


def test_a_kernel_without_profile_is_not_comparable():
    report = conform([records_of("udmabuf/open")[0]._replace(kernel="5.10.1", case="udmabuf/ok-flags0",
                                                             call="ioctl(UDMABUF_CREATE)")])
    assert report.rows[0].equal is None and "no profile of kernel 5.10.1" in report.rows[0].reason


# ---- what counts

@pytest.mark.parametrize("recorded, came, wrong", [
    ({"errno": "EINVAL"}, Answer("EINVAL", -1), []),
    ({"errno": "EINVAL"}, Answer("EBADF", -1), ["errno"]),
    ({"errno": "EINVAL"}, Answer(None, 0), ["errno", "result"]),
    ({"result": 5}, Answer(None, 6), ["result"]),
    ({"result": [{"id": 7}]}, Answer(None, [{"id": 1}]), []),
    ({"result": [{"id": 7}]}, Answer(None, [{}]), ["result"]),
    ({"result": [{"id": 1, "type": 0, "ifindex": 3}]}, Answer(None, [{"id": 2, "type": 0, "ifindex": 9}]), ["result"]),
    ({"result": [{"id": 1, "type": 0, "ifindex": 3}]}, Answer(None, [{"id": 1, "type": 0, "ifindex": 9}]), []),
    ({"result": [{"id": 1, "type": 0, "dmabuf": 3}]}, Answer(None, [{"id": 1, "type": 0}]), ["result"]),
    ({"errno": "EINVAL", "extack": {"msg": "a"}}, Answer("EINVAL", None, {"msg": "b"}), ["msg"]),
    ({"errno": "EINVAL", "extack": {"miss_type": 3}}, Answer("EINVAL", None, None), ["miss_type"]),
    ({"errno": "EINVAL", "extack": {"bad_attr_offset": 20}}, Answer("EINVAL", None, {"bad_attr_offset": 28}), []),
    ({"result": {"cmsgs": [{"type": "DMABUF", "frag_size": 9, "frag_offset": 4096, "dmabuf_id": 3}]}},
     Answer(None, {"cmsgs": [{"type": "DMABUF", "frag_size": 9, "frag_offset": 0, "dmabuf_id": 8}]}), []),
    ({"result": {"cmsgs": [{"frag_size": 9}]}}, Answer(None, {"cmsgs": [{"frag_size": 8}]}), ["result"]),
    ({"result": {"cmsgs": [{"frag_token": 1}]}}, Answer(None, {"cmsgs": [{"frag_token": 2}]}), ["result"]),
    ({"result": {"msg_flags": 1}}, Answer(None, {"msg_flags": 0}), ["result"])])
def test_the_fields_that_are_compared(recorded, came, wrong):
    assert differences(a_record(**recorded), came) == wrong


def test_what_is_handed_out_is_masked_and_a_queue_keeps_its_index():
    assert masked({"id": 5, "inflight": 3, "dmabuf": 2}) == {"id": ANY, "inflight": ANY, "dmabuf": ANY}
    assert masked({"id": 5, "type": 0, "dmabuf": 2}) == {"id": 5, "type": 0, "dmabuf": ANY}
    assert masked("entry (addr=0x00006426000, len=4096)") == "entry (addr=any, len=4096)"


# ---- what is asked

def test_an_abbreviated_option_value_is_continued_by_its_step():
    octets = replay_sockopt.option_octets("00000000010000000100000001000000..")
    assert replay_sockopt.continued(octets, 1024) == b"".join(k.to_bytes(4, "little") + b"\1\0\0\0" for k in range(128))
    octets = replay_sockopt.option_octets("00000000000400000004000000040000..")
    assert replay_sockopt.continued(octets, 20)[16:] == (2048).to_bytes(4, "little")


class Numbers:
    """A face that only numbers things."""

    def ifindex(self, name):
        return 3

    def fd(self, name):
        return 7


@pytest.mark.parametrize("record", [r for r in RECORDS if (r.extack or {}).get("bad_attr_offset")
                                    and r.call == "netdev.bind-rx[do]" and r.errno != "EOPNOTSUPP"][::7], ids=lambda r: r.case)
def test_the_attribute_at_fault_stands_where_the_recorded_request_had_it(record):
    octets = bytes(20) + bind(Numbers(), record, replay_netlink.device_of(record))
    at, wanted = record.extack["bad_attr_offset"], record.extack.get("msg")
    kind = int.from_bytes(octets[at + 2:at + 4], "little") & messages.NLA_KIND
    assert kind in {"Unknown attribute type": (4, 5, 40, 50), "Unsupported attribute": (2, 4), "integer out of range": (1, 3, 5),
                    "invalid attribute length": (1,), "NLA_F_NESTED is missing": (2,), None: (1, 3)}[wanted]


def test_every_call_of_the_records_has_somebody_who_makes_it():
    assert {replay_of(record).__name__ for record in RECORDS} == {"replay"}
    assert replay_of(a_record()).__name__ == "nobody"


def test_machines_are_described_by_what_devices_can_do():
    with pytest.raises(NotModelled, match="not known"):
        machines.build(type("Face", (), {"host": None})(), "mainframe")
    assert replay_netlink.machine_of(records_of("devmem-rig/down/bind-rx", kernel="7.3.4")[0]) == "nic-down"
    assert replay_netlink.machine_of(records_of("genl-netns/v0-gro/dev-get")[0]) == "netns-gro"
    with pytest.raises(NotModelled, match="interfaces of the machine"):
        replay_netlink.machine_of(records_of("genl-privilege/root/dev-get-dump")[0])


# ---- the run

SAMPLES = {group: [r for r in RECORDS if r.group == group and r.call != "scenario"][::13]
           for group in dict.fromkeys(r.group for r in RECORDS)}


@pytest.mark.parametrize("group", SAMPLES)
def test_a_sample_of_each_group_adds_up_and_nothing_differs(group):
    """Every thirteenth record; the whole file is `test_nothing_differs`."""
    report = conform(SAMPLES[group])
    count = report.summary
    assert count["records"] == len(SAMPLES[group]) == count["compared"] + count["not_comparable"]
    assert count["compared"] == count["equal"] + count["different"]
    assert not count["different"], report.table()
    for row in report.as_dict()["rows"]:
        assert set(row) == ROW_FIELDS and set(row["recorded"]) == ANSWER_FIELDS
        assert (row["lab"] is None) == (row["equal"] is None) and (row["equal"] is not None or row["reason"])
        assert row["lab"] is None or set(row["lab"]) == ANSWER_FIELDS


@pytest.mark.long
def test_nothing_differs():
    report = conform(RECORDS)
    assert not report.summary["different"], report.table()
    assert report.summary["compared"] >= 2147


LIES = [("udmabuf/ok-flags0", "7.3.4", {"errno": "EINVAL", "result": None}),
        ("udmabuf/size-4096", "7.3.4", {"result": {"size": 1}}),
        ("udmabuf/seal-grow-only", "7.3.4", {"errno": None, "result": 3}),
        ("sockopt-dontneed/tcp4/len4", "6.18.44", {"errno": "EFAULT"}),
        ("sockopt-dontneed/tcp4/128tok", "6.18.44", {"result": 1}),
        ("sockopt-other/tcp4/get-80-len0", "6.18.44", {"errno": "EINVAL"}),
        ("recvmsg-flag/tcp4/len0", "6.18.44", {"result": {"len": 1, "data": "", "cmsgs": [], "msg_flags": 0}}),
        ("genl-netns/lo/bind-rx/only-ifindex", "6.18.44", {"extack": {"miss_type": 2}}),
        ("genl-netns/dev-get/ifindex0", "6.18.44", {"extack": {"msg": "integer"}}),
        ("genl-netns/lo/queue-get/rx0", "6.18.44", {"result": [{"id": 0, "type": 1, "ifindex": 1}]}),
        ("genl-privilege/uid65534/bind-rx-full", "6.18.44", {"errno": "EACCES"}),
        ("devmem-rig/split-on/dm0/bind-rx/queue-dup", "7.3.4", {"errno": "EEXIST", "result": None})]


@pytest.mark.parametrize("case, kernel, lie", LIES, ids=[f"{case}-{kernel}" for case, kernel, _ in LIES])
def test_a_record_that_lies_is_reported_different(case, kernel, lie):
    true = records_of(case, kernel=kernel)[0]
    report = conform([true, true._replace(**lie)])
    assert [row.equal for row in report.rows] == [True, False]
    assert report.rows[1].lab.errno == report.rows[0].lab.errno and report.rows[1].reason.startswith("differs in")


@pytest.mark.parametrize("name", OTHER_FAMILIES)
def test_families_that_the_lab_does_not_model_are_refused_by_name_whatever_was_recorded(name):
    mine = [r for r in RECORDS if r.subject.startswith(name) and r.call.startswith(("setsockopt(SOL", "getsockopt"))][:4]
    lied = [record._replace(errno="EXDEV", result=None) for record in mine]
    report = conform([*mine, *lied])
    assert mine and {row.equal for row in report.rows} == {None}
    assert all("does not model" in row.reason for row in report.rows)


def test_a_call_that_nobody_knows_is_not_comparable():
    report = conform([a_record(call="fsync")])
    assert report.rows[0].equal is None and "fsync is not known" in report.rows[0].reason


TRACES = ("rx-basic-v6", "teardown", "bind-lifecycle", "tx")


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_is_played_and_most_of_its_fields_are_told(name):
    record = records_of(f"devmem-rig/{name}", kernel="7.3.4")[0]
    row, = conform([record]).rows
    assert row.equal, row.reason
    _, told, fields = same_steps(record.result, row.lab.result)
    assert told > 0.8 * fields and len(row.lab.result) == len(record.result)


@pytest.mark.parametrize("step, field, lie", [(2, "cmsgs", []), (5, "ret", 2), (18, "errno", None), (9, "pools", [])])
def test_a_trace_that_lies_in_one_step_is_different(step, field, lie):
    record = records_of("devmem-rig/rx-basic-v4", kernel="7.3.4")[0]
    steps = [dict(s) for s in record.result]
    assert field in steps[step] and steps[step][field] != lie
    steps[step][field] = lie
    row, = conform([record._replace(result=steps)]).rows
    assert row.equal is False and row.reason.count("step") == 1 and f", {field}: " in row.reason


def test_steps_are_compared_only_in_what_both_tell():
    left, told, fields = same_steps([{"op": "a", "x": 1, "y": 2}, {"op": "b", "z": 3}], [{"op": "a", "y": 5, "w": 0}])
    assert (left, told, fields) == ([{"op": "a", "y": 2}, {"op": "b"}], 3, 5)


def test_a_lab_that_breaks_is_different_and_the_other_rows_are_there(monkeypatch):
    monkeypatch.setattr(Host, "dmabuf_sync", lambda self, fd, flags: 1 // 0)
    report = conform(records_of("udmabuf/sync-1", "udmabuf/fd-read", kernel="7.3.4"))
    assert {row.record.leaf: row.equal for row in report.rows} == {"sync-1": False, "fd-read": True}
    assert report.rows[0].reason.startswith("the lab broke: ZeroDivisionError")


def test_a_refusal_on_the_way_to_the_call_is_different(monkeypatch):
    def refuse(self, size):
        raise OSError(errno.ENOMEM, "none left")

    monkeypatch.setattr(Host, "udmabuf", refuse)
    row, = conform(records_of("udmabuf/sync-1", kernel="7.3.4")).rows
    assert row.equal is False and row.lab.errno == "ENOMEM" and "on the way to the call" in row.reason


def test_a_running_kernel_that_answers_otherwise_is_shown_and_does_not_change_the_verdict():
    record = records_of("udmabuf/sync-1", kernel="7.3.4")[0]
    report = conform([record, record], lambda records: [Answer("EIO"), None])
    assert [row.running_differs for row in report.rows] == [True, False]
    assert report.summary["different"] == 0 and report.as_dict()["rows"][0]["running"]["errno"] == "EIO"
    assert "The running kernel answers otherwise" in report.table() and "running   EIO" in report.table()


# ---- the command

def test_only_and_the_json_report(tmp_path):
    status, said = command("--only", "udmabuf/sync-*", "--json", tmp_path / "out.json")
    report = json.loads((tmp_path / "out.json").read_text())
    assert status == 0 and {row["case"][:12] for row in report["rows"]} == {"udmabuf/sync"}
    assert report["summary"] == {"records": 15, "compared": 15, "equal": 15, "different": 0, "not_comparable": 0}
    assert "15 records: 15 compared, 15 equal, 0 different, 0 not comparable." in said


def test_a_difference_ends_the_command_with_1_and_both_answers(tmp_path):
    true = records_of("udmabuf/sync-8", kernel="7.3.4")[0]
    path = written(tmp_path / "lie.json", [true._replace(errno="EPERM"), true])
    status, said = command("--golden", path)
    assert status == 1 and "recorded  EPERM" in said and "lab       EINVAL" in said and "1 equal, 1 different" in said


def test_json_on_standard_output_is_only_json():
    result = CliRunner().invoke(cli.main, ["conformance", "--no-running", "--only", "udmabuf/sync-1", "--json", "-"])
    assert result.exit_code == 0 and json.loads(result.stdout)["summary"]["equal"] == 3


def test_a_glob_that_matches_nothing_is_wrong_usage():
    status, said = command("--only", "nothing/*")
    assert status == 2 and "no case matches 'nothing/*'" in said


def test_the_command_is_offered():
    assert "conformance" in cli.main.list_commands(click.Context(cli.main))
    assert pathlib.Path(golden_path()).is_file()
