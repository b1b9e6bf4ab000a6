"""bench page-pool: the cases of spec section 20.3, their books beside those of the naive pool, and the command."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from devmemlab import cli
from devmemlab.base.cycles import missing_counter
from devmemlab.commands.bench import command
from devmemlab.lab import bench
from devmemlab.lab.bench import page_pool, page_pool_loops, report
from devmemlab.lab.bench.measure import time_once
from devmemlab.mem.pool_stats import STAT_NAMES
from tests.naive.pool import NaiveGenPool, NaivePages, NaivePool

CASES = ["for_loop", "page_fast", "niov_fast", "page_ptr_ring", "niov_ptr_ring", "page_slow", "niov_provider"]
N = 192


@contextmanager
def small(monkeypatch, pools=2):
    """The cases, of few elements and few pools, by name."""
    monkeypatch.setattr(page_pool, "LOOPS", 4 * N)
    monkeypatch.setattr(page_pool, "INTERPRETED_LOOPS", 4 * N)
    monkeypatch.setattr(page_pool, "POOLS", pools)
    with page_pool.cases() as cases:
        yield {case.name: case for case in cases}


def run(*arguments, **options):
    return CliRunner().invoke(cli.main, ["bench", *arguments], **options)


# ---- the loops

def test_the_cases_are_those_of_the_contract(monkeypatch):
    """interfaces section 3; the loop alone runs ten times as often (section 20.3, bit 0)."""
    with small(monkeypatch) as cases:
        assert list(cases) == CASES
        assert cases["for_loop"].elements == 10 * cases["page_fast"].elements
        assert all(case.elements % 64 == 0 for case in cases.values())


def test_every_case_proves_what_it_did_again_and_again(monkeypatch):
    with small(monkeypatch) as cases:
        for _ in range(3):
            for case in cases.values():
                time_once(case)


def naive(way, n):
    """What the naive pool books for n elements in the steady state: section 20.3, bits 1 to 3."""
    pages = NaivePages(1)
    of_niovs = way.startswith("niov")
    pool = NaivePool(pages, NaiveGenPool([(4096, 4096 * 256)]) if of_niovs else None)
    if way not in ("page_slow", "niov_provider"):
        first = [pool.alloc() for _ in range(64)]
        for buffer in first:
            pool.put(buffer, way.endswith("fast"))
    pool.counts.clear()
    hold, release = pool.hold, pool.release
    for _ in range(n):
        buffer = pool.alloc()
        if way == "page_slow":
            pages.get(buffer)
            pool.put(buffer, False)
            pages.put(buffer)
        elif way == "niov_provider":
            pool._home(buffer)
        else:
            pool.put(buffer, way.endswith("fast"))
    return {**{name: pool.counts[name] for name in STAT_NAMES},
            "hold_cnt": pool.hold - hold, "release_cnt": pool.release - release}


@pytest.mark.parametrize("way", CASES[1:])
def test_the_books_are_those_of_the_naive_pool(way, monkeypatch):
    with small(monkeypatch) as cases:
        case = cases[way]
        time_once(case)
        case.prepare()
        before = case.books()
        assert case.run() == case.elements
        grown = {book: value - before[book] for book, value in case.books().items()}
        assert grown == case.wanted == naive(way, case.elements)


def test_pools_and_buffers_take_turns(monkeypatch):
    """Luck with addresses must not decide: two runs in a row have neither the pool nor, back at it, the top buffer in common."""
    with small(monkeypatch, pools=3) as cases:
        case, seen = cases["niov_fast"], []
        for _ in range(6):
            case.prepare()
            ctl = case.mem.pools.ctl[case.pool]
            assert ctl.cache_count == 64
            seen.append((case.pool, int(case.mem.pools.cache[case.pool, 63].entry)))
        assert [pool for pool, _ in seen[:3]] == case.pools and len(set(seen)) == 6
        assert all(netmem & 1 for _, netmem in seen)


def test_pages_are_pages_and_net_iovs_are_net_iovs(monkeypatch):
    with small(monkeypatch) as cases:
        for name, case in list(cases.items())[1:]:
            for pool in case.pools:
                netmem = case.mem.alloc(pool)
                assert netmem & 1 == name.startswith("niov")
                assert case.mem.pools.ctl[pool].pool_size == 1024
                case.mem.put(pool, netmem)


# ---- a run that did not do it is no run

def skip_one(pools, netmems, providers, trace, pool, count):
    return page_pool_loops.fast_path(pools, netmems, providers, trace, pool, count - 1)


def claim_one_more(*arguments):
    return skip_one(*arguments) + 1


def do_nothing(pools, netmems, providers, trace, pool, count):
    return count


def through_the_ring(*arguments):
    return page_pool_loops.ptr_ring(*arguments)


@pytest.mark.parametrize("loop, said", [
    (skip_one, "767 of 768 buffers"), (claim_one_more, "alloc_fast went up by 767, not 768"),
    (do_nothing, "alloc_fast went up by 0, not 768"), (through_the_ring, "alloc_fast went up by 757, not 768"),
])
def test_a_loop_that_does_something_else_is_found_out(loop, said, monkeypatch):
    with small(monkeypatch) as cases:
        case = cases["page_fast"]
        case.prepare()
        case.loop = loop
        with pytest.raises(OSError, match=said):
            case.check(case.run())


def test_a_buffer_that_is_kept_is_found_out(monkeypatch):
    with small(monkeypatch) as cases:
        case = cases["page_ptr_ring"]
        case.prepare()
        done = case.run()
        kept = case.mem.alloc(case.pool)
        case.before["alloc_refill"] += 1
        with pytest.raises(OSError, match="63 buffers rest in cache and ring and 64 are out of the provider, not 64"):
            case.check(done)
        case.mem.put(case.pool, kept)


def test_an_exhausted_pool_ends_the_loop_early(monkeypatch):
    with small(monkeypatch) as cases:
        case = cases["niov_provider"]
        held = []
        while netmem := case.mem.alloc(case.pools[0]):
            held.append(netmem)
        case.prepare()
        with pytest.raises(OSError, match=f"niov_provider: 0 of {case.elements} buffers"):
            case.check(case.run())
        for netmem in held:
            case.mem.put(case.pools[0], netmem)


@pytest.mark.parametrize("counted", [0, 7679])
def test_a_count_that_stops_early_is_found_out(counted, monkeypatch):
    with small(monkeypatch) as cases:
        with pytest.raises(OSError, match=f"{counted} of 7680"):
            cases["for_loop"].check(counted)


# ---- the command

def check_results(found):
    """What interfaces section 3 promises about every row of this bench."""
    assert set(found) == {"machine", "rows"} and [row["case"] for row in found["rows"]] == CASES
    for row in found["rows"]:
        assert row["bench"] == "page-pool" and row["label"] == "measured" and row["repeats"] == 3
        assert row["min"] <= row["median"] <= row["max"] and row["min"] > 0
        assert row["figures"]["ns_per_elem"]["min"] <= row["ns_per_elem"] <= row["figures"]["ns_per_elem"]["max"]
        if missing_counter():
            assert row["cycles_per_elem"] is None and row["figure"] == "ns_per_elem" and row["median"] == row["ns_per_elem"]
        else:
            assert row["figure"] == "cycles_per_elem" and row["median"] == row["cycles_per_elem"]
        assert ("ratio_niov_to_page" in row) == (row["case"] in ("niov_fast", "niov_ptr_ring"))
        assert all(quote["label"] == "quoted" and quote["source"] for quote in row["quoted"])
    where = found["machine"]
    assert {"processor", "cores", "python", "numba", "jit", "load_average_before", "cycle_counter", "tsc_hz",
            "warnings"} <= set(where)
    assert (where["tsc_hz"] is None) == bool(missing_counter())


@pytest.fixture
def few(monkeypatch):
    """Every run of the command in this process has few elements, and `all` is this bench alone."""
    assert "gather" in command.params[0].type.choices       # chosen when it is imported: before the others are taken away here
    for other in [name for name in bench.BENCHES if name != "page-pool"]:
        monkeypatch.delitem(bench.BENCHES, other)
    monkeypatch.setattr(page_pool, "LOOPS", 256)
    monkeypatch.setattr(page_pool, "INTERPRETED_LOOPS", 256)
    monkeypatch.setattr(page_pool, "POOLS", 1)


def test_json_to_standard_output_leaves_the_rest_to_standard_error(few):
    said = run("page-pool", "--quick", "--repeats", "3", "--json", "-")
    assert said.exit_code == 0, said.stderr
    check_results(json.loads(said.stdout))
    assert "measured" in said.stderr and "round 1 of 3" in said.stderr


def test_all_is_every_bench_and_json_goes_to_a_file(few, tmp_path):
    said = run("all", "--repeats", "3", "--json", str(tmp_path / "r.json"))
    assert said.exit_code == 0, said.stderr
    check_results(json.loads((tmp_path / "r.json").read_text()))
    assert "page-pool: median, min and max of 3 repeats" in said.stdout and "... page-pool" not in said.stdout
    assert "quoted: M. Almasry" in said.stdout and "8, 10, 9, 8 [" in said.stdout or missing_counter()
    for case in CASES:
        assert f"\n{case} " in said.stdout


@pytest.mark.parametrize("interpreted", [0, 1])
def test_quick_and_interpreted_runs_take_fewer_repeats(few, monkeypatch, interpreted):
    taken = []
    monkeypatch.setattr(report, "measure", lambda cases, repeats, say: taken.append(repeats) or {})
    monkeypatch.setattr(report.config, "DISABLE_JIT", interpreted)
    for quick, repeats in ((False, None), (True, None), (True, 5)):
        report.run_benches(["page-pool"], quick, repeats)
    assert taken == [[301, 31, 5], [30, 3, 5]][interpreted]


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["page_pool"], ["page-pool", "rx"], ["page-pool", "--repeats", "0"],
                                       ["page-pool", "--repeats", "x"], ["page-pool", "--nonsense"]])
def test_wrong_usage_is_2(arguments):
    said = run(*arguments)
    assert said.exit_code == 2 and "Usage:" in said.stderr


def test_wrong_usage_names_the_benches():
    assert "'page-pool', " in run("nonsense").stderr and "page-pool" in run("--help").stdout


def test_books_that_do_not_balance_are_one_line_and_1(few, monkeypatch):
    monkeypatch.setattr(page_pool_loops, "fast_path", do_nothing)
    said = run("page-pool", "--quick")
    assert said.exit_code == 1 and said.stdout == ""
    assert said.stderr.splitlines()[-1].startswith("devmemlab: Input/output error (EIO): page_fast: alloc_fast went up by 0")


@pytest.mark.once
def test_an_interrupted_bench_is_130_and_one_line(tmp_path):
    started = subprocess.Popen([sys.executable, "-m", "devmemlab", "bench", "page-pool", "--repeats", "10000"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
                               env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
                               # A runner in the background of a script hands SIGINT down ignored.
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    for line in started.stderr:
        if "round" in line:
            break
    started.send_signal(signal.SIGINT)
    said, error = started.communicate(timeout=60)
    assert started.returncode == 130 and said == "" and error.splitlines()[-1] == "devmemlab: interrupted"
    assert "Traceback" not in error
