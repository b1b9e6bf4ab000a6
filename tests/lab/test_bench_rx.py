"""bench rx, control, trace, scale and cold: what they count, what they refuse, rows of the contract; never how long it took."""

import json

import pytest
from click.testing import CliRunner

import devmemlab as dml
from devmemlab import cli
from devmemlab.lab.bench import BENCHES
from devmemlab.lab.bench import cold, control, earlier, report, rx, scale, scale_flows, scale_threads, targets, tokens, trace
from devmemlab.lab.bench.measure import measure, time_once
from devmemlab.lab.bench.rows import make_rows, per_element
from devmemlab.nic.dma import UNMOVED

NBYTES = 1 << 14
COPIES = {"memcpy": 1, "devmem": 1, "host_copy": 3, "host_copy_pageable": 4, "memcpy_cached": 1}
CONTRACT = {"bench", "case", "label", "repeats", "median", "min", "max"}


def rows_of(module, *arguments):
    """Rows of a bench, one round."""
    with module.cases(True, *arguments) as cases:
        return make_rows(module.__name__.rpartition(".")[2], measure(cases, 1), module.CONTRASTS, module.QUOTED,
                         getattr(module, "figures", per_element), cases)


@pytest.fixture
def small(monkeypatch):
    """Few octets, few sizes, small rings."""
    for module in (control, trace):
        monkeypatch.setattr(module, "NBYTES", NBYTES)
        monkeypatch.setattr(module, "INTERPRETED_NBYTES", NBYTES)
    for name in ("STEPS", "INTERPRETED_STEPS"):
        monkeypatch.setattr(trace, name, 64)
    monkeypatch.setattr(rx, "QUICK_APP_BUFFERS", (1 << 13,))
    monkeypatch.setattr(rx, "HOST", {"rx_ring": 32, "sockets": 8})
    monkeypatch.setattr(control, "MTUS", (1500, 9000))
    monkeypatch.setattr(scale_flows, "PACKETS", 12)
    monkeypatch.setattr(scale_flows, "TRAIN", 4)
    monkeypatch.setattr(scale_flows, "BURST", 5)
    monkeypatch.setattr(scale_flows, "DESCRIPTORS", 64)
    monkeypatch.setattr(scale_flows, "FEWEST", 16)


# ---- rx

def test_rows_of_rx_count_the_copies_of_the_ledger(small):
    found = rows_of(rx, (NBYTES, 9000))
    assert [row["mode"] for row in found] == list(COPIES)
    for row in found:
        assert CONTRACT <= set(row) and row["copied_bytes_per_payload_byte"] == COPIES[row["mode"]]
        assert (row["mtu"], row["footprint_bytes"], row["elements_per_repeat"]) == (9000, NBYTES, 2)
        assert row["figure"] == "ns_per_packet" and row["payload_gbytes_per_s"] > 0
        assert ("ratio_to_memcpy" in row) == (row["mode"] != "memcpy")
        assert ("app_buffer_bytes" in row) == row["mode"].startswith("host_copy")
        assert ("ratio_to_host_copy" in row) == (row["mode"] in ("devmem", "host_copy_pageable"))
        assert ("ratio_to_devmem" in row) == row["mode"].startswith("host_copy") and row["burst"] > 0
    assert found[0]["device_bytes"] == found[1]["device_bytes"] > NBYTES


def test_a_token_that_stays_out_is_found_out(small):
    with rx.cases(True, (NBYTES, 9000)) as cases:
        case = cases[1]
        time_once(case)
        case.passes.receiver.tokens_issued += 1
        with pytest.raises(OSError, match="tokens were issued"):
            time_once(case)
        case.passes.receiver.tokens_issued -= 1


# ---- control

def test_control_books_everything_and_moves_no_payload(small):
    """The same tables as rx: only the octets in device memory are not those that were sent."""
    source, port = rx.make_source(NBYTES, 1500)
    moved, kept = (rx.RxCase("x", source, "devmem", unmoved=unmoved, port=port) for unmoved in (0, UNMOVED))
    try:
        assert moved.facts | {"sha256_ok": False} == kept.facts and moved.facts["sha256_ok"]
        hosts = [case.passes.host for case in (moved, kept)]
        for table in ("ledger", "skbs.skb", "rxqs.cqe", "tcbs.tcb"):
            one, two = (host for host in hosts)
            for name in table.split("."):
                one, two = getattr(one, name), getattr(two, name)
            different = [name for name in one.dtype.names if (one[name] != two[name]).any()]
            assert set(different) <= {"head", "header_at"}, table
        assert not kept.passes.receiver.device.octets.any() and moved.passes.receiver.device.octets.any()
    finally:
        moved.close()
        kept.close()


def test_a_switch_that_does_nothing_is_found_out(small):
    source, port = rx.make_source(NBYTES, 1500)
    with pytest.raises(OSError, match="the digest is that of the source"):
        rx.RxCase("x", source, "devmem", unmoved=1, port=port)


def test_nothing_but_the_bench_sets_the_switch():
    with dml.Lab() as lab:
        host = lab.host("a", ip="10.0.0.1", rx_ring=8)
        assert not host.rxqs.ctl.unmoved.any()


def test_rows_of_control(small):
    for row in rows_of(control):
        assert row["packets_per_s"] == pytest.approx(1e9 / row["ns_per_packet"])
        assert row["gbps_sustainable"] == pytest.approx((row["mtu"] + 38) * 8 / row["ns_per_packet"])


# ---- trace, scale

def test_trace_counts_steps_and_events(small):
    found = {row["case"]: row for row in rows_of(trace)}
    assert list(found) == ["off", "off_again", "on", "step_bare", "step_off", "step_on", "event"]
    assert found["on"]["events_per_packet"] > 5 and "ratio_to_off" in found["on"] and "ratio_to_bare" in found["step_off"]
    with trace.cases() as cases:
        step = cases[-2]
        time_once(step)
        step.trace.ctl[0].count -= 1
        with pytest.raises(OSError, match="step_on: 64 steps and 63 events"):
            step.check(step.elements)


@pytest.mark.parametrize("flows, queues", [(1, 1), (5, 3)])
def test_scale_delivers_every_octet_on_every_queue(small, flows, queues):
    case = scale_flows.FlowCase("x", flows, queues, 1 << 20, "x")
    try:
        for _ in range(2):
            time_once(case)
        assert case.elements == 12 and case.got == case.elements * 256
        assert case.issued == case.returned == 2 * case.elements
        assert (case.host.rxqs.ctl.unreadable == 1).sum() == queues
        case.got -= 1
        with pytest.raises(OSError, match="octets arrived"):
            case.check(0)
    finally:
        case.close()


def test_scale_moves_no_payload_and_keeps_as_much_in_flight(small):
    """However many queues and connections, rings have as many descriptors together and everything is read after each burst."""
    together = {}
    for flows, queues in ((2, 1), (6, 4)):
        case = scale_flows.FlowCase("x", flows, queues, 1 << 20, "x")
        try:
            time_once(case)
            ctl = case.host.rxqs.ctl
            bound = ctl[ctl.unreadable == 1]
            together[queues] = int(bound.desc_count.sum())
            assert not case.device.octets.any() and case.host.audit().tokens == 0
        finally:
            case.close()
    assert together == {1: 64, 4: 64}


@pytest.mark.parametrize("flows", [1, 2, 5])
@pytest.mark.parametrize("train", [1, 4])
def test_scale_sends_the_same_trains_on_few_connections_and_on_many(small, monkeypatch, flows, train):
    """GRO merges the same packets however many connections there are, and runs go on where the last one ended."""
    monkeypatch.setattr(scale_flows, "BURST", 12)
    case = scale_flows.FlowCase("x", flows, 1, 1 << 20, "x", train)
    try:
        for _ in range(2):
            time_once(case)
        gro, rows = case.host.gro.ctl[0], case.host.tcbs.tcb[case.socks]
        trains = 24 // train
        assert (gro.packets, gro.segments) == ((trains, 24) if train > 1 else (0, 0))
        assert rows.segs_in.sum() == flows + trains        # the handshake's last segment, and each train as one
        assert rows.bytes_received.tolist() == [256 * train * len(range(flow, trains, flows)) for flow in range(flows)]
    finally:
        case.close()


def test_one_processor_is_told(monkeypatch):
    monkeypatch.setattr(scale_threads, "counts", lambda: [1])
    assert not set(scale_threads.KINDS) & set(scale.groups())
    assert set(scale.skipped()) == {"threads_2", "shared_2", "compute_2"} and "one processor" in scale.skipped()["threads_2"]


@pytest.mark.parametrize("kind", scale_threads.KINDS)
def test_threads_do_what_one_does_and_prove_it(small, monkeypatch, kind):
    for name, value in (("counts", lambda: [1, 2]), ("FLOWS", 3), ("HELD", 100), ("DMABUF_BYTES", 1 << 20), ("ROUNDS", 100)):
        monkeypatch.setattr(scale_threads, name, value)
    monkeypatch.setattr(tokens, "FRAGS", 200)
    with scale_threads.cases(kind) as (one, two):
        assert (one.name, two.name) == (f"{kind}_1", f"{kind}_2") and two.elements == 2 * one.elements
        for case in (one, two):
            time_once(case)
        if kind == "threads":
            assert all(part.got == part.elements * 256 for part in two.parts)
            two.parts[1].got -= 1
            with pytest.raises(OSError, match="octets arrived"):
                super(scale_threads.ShardCase, two).check(([0, 0], 1))
        if kind == "compute":
            with pytest.raises(OSError, match="after 100 steps"):
                two.check(([two.parts[0].wanted, 0], 1))


# ---- cold

@pytest.mark.once
def test_a_process_is_judged_by_its_end():
    fine, bad = cold.Process("fine", "-c", "x = bytearray(60 << 20)"), cold.Process("bad", "-c", "import sys; sys.exit('no')")
    figures = fine.figures([time_once(fine)])
    assert figures["seconds"][0] > 0 and 60 < figures["peak_rss_mib"][0] < 1000
    with pytest.raises(OSError, match="bad: the process ended with 1: no"):
        time_once(bad)


@pytest.mark.once
def test_what_this_process_holds_is_not_counted_as_the_programs():
    """Linux counts what the parent of a started program held: 400 MiB here, of which the program has nothing."""
    held = bytearray(400 << 20)
    held[::4096] = bytes([1]) * len(held[::4096])
    case = cold.Process("small", "-I", "-S", "-c", "pass")
    assert case.figures([time_once(case)])["peak_rss_mib"][0] < 100 and held[4096] == 1


@pytest.mark.once
def test_python_keeps_what_it_makes_of_sources(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    case = cold.Process("keeps", "-S", "-c", "import sys; sys.exit(sys.dont_write_bytecode)")
    case.check(case.run())


def test_quick_leaves_out_what_takes_minutes():
    with cold.cases(True) as quick, cold.cases() as full:
        assert {"warm", "lesson_00"} <= {case.name for case in full} - {case.name for case in quick}
    assert set(cold.skipped(True)) == {"warm", "lesson_*"} and cold.skipped() == {}


# ---- targets and comparison

def row_of(bench, case, figure, value, **more):
    return {"bench": bench, "case": case, figure: value, "repeats": 3,
            "figures": {figure: {"median": value, "min": value - 1, "max": value + 1}}, **more}


@pytest.mark.parametrize("bench, case, figure, value, met", [
    ("control", "mtu_1500", "ns_per_packet", 61, True), ("control", "mtu_1500", "ns_per_packet", 61.1, False),
    ("rx", "devmem_128MiB_9000", "ratio_to_memcpy", 0.93, True), ("rx", "devmem_128MiB_9000", "ratio_to_memcpy", 0.92, False),
    ("scale", "flows_10000", "ratio_to_first", 0.8, True), ("scale", "threads_2", "ratio_to_first", 1.79, False)])
def test_targets_are_met_at_their_very_value(bench, case, figure, value, met):
    row = row_of(bench, case, figure, value)
    verdict, = targets.judge(row)
    assert verdict["met"] is met and (verdict["ratio"] >= 1) is met
    line, = [line for line in targets.verdict_lines([row])[1:] if line[2] != "-"]
    assert line[6].startswith("+ met" if met else "- MISSED by")


def test_a_target_has_one_line_with_the_worst_row_and_its_conditions():
    rows = [row_of("scale", f"flows_{flows}", "ratio_to_first", ratio, flows=flows, burst=2048, footprint_bytes=8 << 20,
                   load_average=0.7) for flows, ratio in ((1, 1.0), (100, 0.4), (1000, 0.9))]
    lines = targets.verdict_lines(rows, {("scale", "threads_2"): "one processor"})
    found = {line[0]: line for line in lines[1:]}
    assert len(found) == len(lines) - 1 and all(target.bench == "scale" for target in targets.TARGETS if target.what in found)
    assert found["a packet with more connections"][1:] == (
        "flows_100 (worst of 3)", "0.4", "-0.6..1.4", "3", ">= 0.8 x first", "- MISSED by 50%",
        "footprint 8 MiB, burst 2,048, load 0.7")
    assert found["two threads"][2:] == ("-", "", "", ">= 1.8 x first", "  not measured", "not measured: one processor")
    assert found["a packet with more queues"][-1] == "not measured in this run"


def test_every_target_of_the_project_has_a_bench():
    assert {target.bench for target in targets.TARGETS} <= set(BENCHES)
    assert len({target.what for target in targets.TARGETS}) == len(targets.TARGETS)


def test_a_figure_without_a_target_or_a_value_has_no_verdict():
    assert targets.judge({"bench": "control", "case": "mtu_4096", "ns_per_packet": 1}) == []
    assert targets.judge({"bench": "page-pool", "case": "niov_fast", "cycles_per_elem": None}) == []


def results(spread=0.1, ring=1024, **medians):
    return {"machine": {"processor": "P", "cores": 2, "load_average_before": [0.5]},
            "rows": [{"bench": "b", "case": case, "figure": figure, "median": value, "min": value * (1 - spread),
                      "max": value * (1 + spread), "rx_ring": ring,
                      "figures": {"ratio_to_x": {"median": value / 100, "min": value / 200, "max": value / 50}}}
                     for case, (figure, value) in medians.items()]}


def test_a_comparison_is_of_throughputs():
    where, cells = earlier.comparison(results(a=("ns_per_packet", 50), b=("gbytes_per_s", 2), c=("seconds", 1)),
                                      results(a=("ns_per_packet", 100), b=("gbytes_per_s", 4)))
    assert [line[5:] for line in cells[1::2]] == [("2.00", "no"), ("0.50", "no"), ("-", "-")]
    assert [line[3:] for line in cells[2::2]][:2] == [("0.5", "1", "0.50", "yes"), ("0.02", "0.04", "0.50", "yes")]
    assert len(where) == 3 and all("load average 0.5" in line for line in where[:2])
    assert where[2].startswith("2 of 4 figures agree")


def test_figures_agree_where_each_median_is_within_the_spread_of_the_other():
    for now, spread, words in ((100, 0.1, "yes"), (109, 0.1, "yes"), (112, 0.1, "no"), (91, 0.09, "no")):
        _, cells = earlier.comparison(results(spread, a=("ns_per_packet", now)), results(a=("ns_per_packet", 100)))
        assert cells[1][-1] == words, (now, spread)


def test_cases_with_other_settings_are_not_compared():
    where, cells = earlier.comparison(results(a=("ns_per_packet", 50)), results(ring=2048, a=("ns_per_packet", 50)))
    assert cells[1][4:] == ("-", "-", "-") and where[-1].startswith("0 of 0")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"machine": {}, "rows": [{}]}'])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="no figures"):
        earlier.read_figures(path)


# ---- the command

class Fake:
    """A bench of two groups, the second of which ends badly."""

    CONTRASTS, QUOTED, NOTES, end = {}, {}, "notes", KeyboardInterrupt

    def groups(self, quick):
        return ["good", "bad"]

    def cases(self, quick, group):
        if group == "bad":
            raise self.end
        return trace.cases(quick)


@pytest.mark.parametrize("end, status", [(KeyboardInterrupt(), 130), (OSError(5, "books"), 1)])
def test_what_was_measured_before_an_end_is_printed_and_written(small, monkeypatch, tmp_path, end, status):
    fake, path = Fake(), tmp_path / "r.json"
    fake.end = end
    monkeypatch.setattr(report, "find_bench", lambda name: fake)
    said = CliRunner().invoke(cli.main, ["bench", "trace", "--repeats", "1", "--json", str(path)])
    assert said.exit_code == status and "step_off" in said.stdout
    found = json.loads(path.read_text())
    assert len(found["rows"]) == 7 and all(CONTRACT | {"load_average"} <= set(row) for row in found["rows"])
    again = CliRunner().invoke(cli.main, ["bench", "trace", "--repeats", "1", "--compare", str(path)])
    assert again.exit_code == status and "now/before" in again.stdout and "before: " in again.stdout
