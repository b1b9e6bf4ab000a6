"""bench live: three receivers of one sender; here what they prove, never how fast they are."""

import pytest

from devmemlab.lab.bench import live, live_c, live_veth
from devmemlab.lab.bench.measure import measure
from devmemlab.lab.bench.rows import make_rows

MIB = 1 << 20


def test_where_there_is_no_tap_the_bench_says_why(monkeypatch):
    monkeypatch.setattr(live, "why_not_live", lambda: "no privilege: run it with sudo")
    assert live.groups() == [] and live.skipped() == {"*": "no privilege: run it with sudo"}


def test_without_a_compiler_or_ip_the_other_rows_stay(monkeypatch):
    monkeypatch.setattr(live, "why_not_live", lambda: None)
    monkeypatch.setattr(live_c, "compiler", lambda: None)
    monkeypatch.setattr(live_veth, "why_not", lambda: "no ip command here")
    assert live.groups() == ["1500", "9000", "offload"]
    assert set(live.skipped()) == {"c_reader_*", "kernel_*"}
    with pytest.raises(FileNotFoundError, match="apt-get install gcc"):
        live_c.build("/nowhere")


def test_a_source_that_does_not_compile_says_what_the_compiler_said(monkeypatch, tmp_path):
    if live_c.compiler() is None:
        pytest.skip("no C compiler here: apt-get install gcc")
    monkeypatch.setattr(live_c, "SOURCE", "int main(void) { return nothing; }")
    with pytest.raises(ChildProcessError, match="nothing"):
        live_c.build(tmp_path)


@pytest.mark.live
@pytest.mark.once
@pytest.mark.parametrize("wire", ["1500", "offload"])
def test_all_receivers_get_the_octets_that_were_sent(monkeypatch, wire):
    monkeypatch.setattr(live, "QUICK_NBYTES", 4 * MIB)
    with live.cases(True, wire) as cases:
        found = {row["case"]: row for row in make_rows("live", measure(cases, 1), {}, {}, cases=cases)}
        names = list(found)
        with pytest.raises(OSError, match="octets arrived"):
            cases[-1].check((1, 4 * MIB - 1))
        with pytest.raises(OSError, match="not what was sent"):
            cases[-1].validated("0" * 64)
        came = cases[-1].station.tap.offload_counts
    ours = found[f"devmem_{wire}"]
    assert names[-1] == ours["case"] and all(row["sha256_ok"] and row["mtu"] == 1500 for row in found.values())
    assert ("ratio_to_c_reader" in ours) == (f"c_reader_{wire}" in names) == (live_c.compiler() is not None)
    assert ("ratio_to_kernel_recv" in ours) == (f"kernel_{wire}" in names) == (live_veth.why_not() is None)
    assert ours["elements_per_repeat"] == 4 * MIB and "cpu_share" not in ours
    # The kernel handed out fewer frames than the wire would have had, and the port cut them.
    assert came["malformed"] == 0 and (came["segments"] > 10 * came["super_frames"] > 0) == (wire == "offload")
