"""bench tokens and gather: what a run counts, whose figures the rows have, and that a run that did not do it is found out."""

import json
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from devmemlab import cli
from devmemlab.lab.bench import find_bench, gather, report, tokens
from devmemlab.lab.bench.measure import time_once


@contextmanager
def small(monkeypatch):
    """The cases of both benches, of few frags and octets, by name."""
    for name, value in (("LIVE", (100, 300)), ("INTERPRETED_LIVE", (100, 300)), ("FRAGS", 120), ("INTERPRETED_FRAGS", 120),
                        ("RING", 256)):
        monkeypatch.setattr(tokens, name, value)
    for name, value in (("TOTAL", 1 << 17), ("INTERPRETED_TOTAL", 1 << 17)):
        monkeypatch.setattr(gather, name, value)
    with tokens.cases() as some, gather.cases() as others:
        yield {case.name: case for case in (*some, *others)}


def test_every_case_proves_what_it_did_again_and_again(monkeypatch):
    with small(monkeypatch) as cases:
        assert list(cases)[:4] == ["fifo_100", "fifo_300", "random_100", "random_300"]
        assert {f"{mode}_4096" for mode in ("copies", "host", "kernel", "memmove")} <= set(cases)
        for _ in range(3):
            for case in cases.values():
                time_once(case)


def test_fifo_returns_the_oldest_and_random_does_not(monkeypatch):
    with small(monkeypatch) as cases:
        fifo, other = cases["fifo_300"], cases["random_300"]
        assert fifo.live.tolist() == other.live.tolist() == list(range(1, 301))
        for case in (fifo, other):
            time_once(case)
        # The first batch of 100 takes new numbers; what it returns is taken by the last 20.
        assert fifo.live[:120].tolist() == [*range(301, 401), *range(1, 21)] and fifo.live[120:].tolist() == list(range(121, 301))
        assert sorted(other.live.tolist()) != sorted(fifo.live.tolist())
        assert int(fifo.tokens.root[1].live) == 300


@pytest.mark.parametrize("result, said", [((119, 120), "119 came"), ((120, 119), "119 went"), ((0, 0), "0 came and 0 went")])
def test_a_run_that_lost_something_is_found_out(monkeypatch, result, said):
    with small(monkeypatch) as cases:
        with pytest.raises(OSError, match=said):
            cases["fifo_100"].check(result)


def test_octets_that_did_not_move_are_found_out(monkeypatch):
    with small(monkeypatch) as cases:
        for name in ("kernel_4096", "memmove_whole"):
            case = cases[name]
            time_once(case)
            case.prepare()
            with pytest.raises(OSError, match="not those of the pieces"):
                case.check(None)


def test_too_few_buffers_are_told(monkeypatch):
    with small(monkeypatch) as cases:
        monkeypatch.setattr(tokens.loops, "queue_frags", lambda *arguments: 7)
        with pytest.raises(OSError, match="only 7 of 120 frags could be queued"):
            cases["random_100"].prepare()


@pytest.mark.parametrize("name, figure", [("tokens", "ns_per_frag"), ("gather", "gbytes_per_s")])
def test_rows_have_the_figures_of_the_contract(monkeypatch, name, figure):
    with small(monkeypatch):
        said = CliRunner().invoke(cli.main, ["bench", name, "--repeats", "2", "--json", "-"])
    assert said.exit_code == 0, said.stderr
    found = json.loads(said.stdout)["rows"]
    for row in found:
        assert (row["bench"], row["label"], row["repeats"], row["figure"]) == (name, "measured", 2, figure)
        assert row["min"] <= row["median"] <= row["max"] and row[figure] == row["median"]
        assert ("ratio_to_memcpy" in row) == (row["case"] in find_bench(name).CONTRASTS)
    assert len(found) == {"tokens": 4, "gather": 17}[name] and report.find_bench(name).NOTES in said.stderr
