"""bench: taking turns, the books of statistics, and the shape of the results."""

import time

import pytest

from devmemlab.lab import bench
from devmemlab.lab.bench import machine, measure, quoted, report, rows
from devmemlab.lab.bench.measure import Case, Sample, time_once, turns
from devmemlab.lab.bench.rows import make_row, make_rows, ratios, statistics


class Told(Case):
    """Writes down what is asked of it."""

    elements = 4

    def __init__(self, name, log, fails=False):
        self.name, self.log, self.fails = name, log, fails

    def prepare(self):
        self.log.append(("prepare", self.name))

    def run(self):
        self.log.append(("run", self.name))
        return f"result of {self.name}"

    def check(self, result):
        assert result == f"result of {self.name}"
        self.log.append(("check", self.name))
        if self.fails:
            raise OSError(5, "the books do not balance")


# ---- turns

def test_rounds_go_there_and_back_again():
    assert turns(3, 4) == [[0, 1, 2], [2, 1, 0], [0, 1, 2], [2, 1, 0]]


def test_every_case_is_run_beforehand_and_then_once_in_each_round():
    log = []
    samples = measure.measure([Told(name, log) for name in "abc"], 3)
    assert "".join(name for what, name in log if what == "run") == "abc" + "abc" + "cba" + "abc"
    assert list(samples) == ["a", "b", "c"] and all(len(found) == 3 for found in samples.values())


def test_a_run_is_prepared_before_and_checked_after():
    log = []
    sample = time_once(Told("a", log))
    assert [what for what, _ in log] == ["prepare", "run", "check"]
    assert sample.elements == 4 and sample.ns > 0 and 0 <= sample.share <= 1


def test_books_that_do_not_balance_end_the_bench():
    log = []
    with pytest.raises(OSError, match="do not balance"):
        measure.measure([Told("a", log), Told("b", log, fails=True), Told("c", log)], 3)
    assert log[-1] == ("check", "b")


def test_rounds_leave_the_collector_as_it_was():
    import gc
    collecting = []

    class Looks(Told):
        def run(self):
            collecting.append(gc.isenabled())
            return super().run()

    measure.measure([Looks("a", [])], 2)
    assert collecting[1:] == [False, False] and gc.isenabled()


@pytest.mark.parametrize("names, repeats, said", [("ab", 0, "0 repeats"), ("ab", -1, "-1 repeats"), ("aba", 1, "same name")])
def test_nonsense_is_refused(names, repeats, said):
    with pytest.raises(ValueError, match=said):
        measure.measure([Told(name, []) for name in names], repeats)


def test_progress_starts_at_nothing_and_ends_with_all():
    said = []
    measure.measure([Told(name, []) for name in "ab"], 2, lambda text, share: said.append((text, share)))
    shares = [share for _, share in said]
    assert shares[0] == 0 and shares[-1] == 1 and shares == sorted(shares)
    assert [text for text, _ in said] == ["preparing a", "preparing b"] + ["round 1 of 2"] * 2 + ["round 2 of 2"] * 2 + ["done"]


# ---- statistics

@pytest.mark.parametrize("values, wanted", [([5.0], (5, 5, 5)), ([3, 1, 2], (2, 1, 3)), ([4, 1, 2, 3], (2.5, 1, 4))])
def test_statistics(values, wanted):
    assert tuple(statistics(values)[key] for key in ("median", "min", "max")) == wanted


def samples_of(**ns):
    return {name: [Sample(value, 2 * value, 1.0, 10) for value in values] for name, values in ns.items()}


def test_a_ratio_is_of_throughputs_round_by_round():
    """Twice as slow in round 1, four times as fast in round 2: 1/2 and 4. Bigger is better."""
    assert ratios(samples_of(niov=[200, 100], page=[100, 400]), "niov", "page") == [0.5, 4.0]


def test_a_ratio_takes_the_elements_into_account():
    assert ratios({"a": [Sample(100, None, 1.0, 10)], "b": [Sample(100, None, 1.0, 5)]}, "a", "b") == [2.0]


def test_rows_name_their_figure_and_carry_all_of_them():
    found = make_rows("x", samples_of(page=[100, 300, 200], niov=[100, 100, 100]), {"niov": ("ratio_niov_to_page", "page")},
                      {"page": [{"label": "quoted"}]})
    page, niov = found
    assert [(row["bench"], row["case"], row["label"], row["repeats"]) for row in found] == [
        ("x", "page", "measured", 3), ("x", "niov", "measured", 3)]
    assert page["figure"] == "cycles_per_elem" and (page["median"], page["min"], page["max"]) == (40, 20, 60)
    assert page["cycles_per_elem"] == 40 and page["ns_per_elem"] == 20
    assert page["figures"]["ns_per_elem"] == {"median": 20, "min": 10, "max": 30}
    assert niov["ratio_niov_to_page"] == 2 and niov["figures"]["ratio_niov_to_page"] == {"median": 2, "min": 1, "max": 3}
    assert "ratio_niov_to_page" not in page and page["quoted"] and niov["quoted"] == []


def test_without_a_counter_cycles_are_null_and_nanoseconds_the_figure():
    found = make_row("x", "c", {"cycles_per_elem": None, "ns_per_elem": [3.0, 1.0]})
    assert found["cycles_per_elem"] is None and found["figures"]["cycles_per_elem"] is None
    assert found["figure"] == "ns_per_elem" and (found["median"], found["min"], found["max"]) == (2, 1, 3)


def test_the_share_of_the_processor_is_a_median():
    found = make_rows("x", {"a": [Sample(100, 1, share, 1) for share in (1.0, 0.2, 0.5)]}, {}, {})
    assert found[0]["cpu_share"] == 0.5


def test_waiting_counts_only_where_others_do_the_work():
    """Half a second asleep: no time of this thread's, all of it by the wall clock. Compared with each other, not with a clock."""
    class Sleeps(Told):
        def run(self):
            time.sleep(0.5)
            return super().run()

    mine, theirs = Sleeps("a", []), Sleeps("b", [])
    theirs.here = False
    own, wall = time_once(mine), time_once(theirs)
    assert own.ns < wall.ns and own.share < 0.9 and wall.ns >= 500_000_000


# ---- where it ran

FACTS = {"cores": 2, "jit": "on"}


@pytest.mark.parametrize("facts, load, share, why, steady, said", [
    ({}, [0.9, 0, 0], 1.0, None, True, []),
    ({}, None, None, None, None, []),
    ({}, [1.5, 0, 0], 1.0, None, True, ["load average 1.5 on 2 cores"]),
    ({"cores": 4}, [1.5, 0, 0], 1.0, None, True, []),
    ({}, [0.0, 0, 0], 0.5, None, True, ["50%"]),
    ({}, [0.0, 0, 0], 1.0, None, False, ["does not promise a constant cycle counter"]),
    ({}, [0.0, 0, 0], 1.0, "an ARM", None, ["No cycle counter: an ARM"]),
    ({"jit": "off"}, [9.0, 0, 0], 0.1, "x", None, ["No cycle counter", "JIT off", "load average 9", "10%"]),
])
def test_what_may_have_spoiled_the_figures_is_said(facts, load, share, why, steady, said):
    found = machine.warnings(FACTS | facts, load, share, why, steady)
    assert len(found) == len(said) and all(part in sentence for part, sentence in zip(said, found))


def test_a_system_without_a_load_average(monkeypatch):
    def refuse():
        raise OSError
    monkeypatch.setattr(machine.os, "getloadavg", refuse)
    assert machine.load_average() is None


# ---- quotes and the table

QUOTES = [{"label": "quoted", "source": "A", "machine": "old", "state": "before", "cycles_per_elem": 8},
          {"label": "quoted", "source": "A", "machine": "old", "state": "after", "cycles_per_elem": 9},
          {"label": "quoted", "source": "B", "machine": "new", "cycles_per_elem": 18, "ns_per_elem": 5.2}]


def test_quotes_are_numbered_by_source():
    cited = [{"quoted": []}, {"quoted": QUOTES}]
    numbers = quoted.sources(cited)
    assert numbers == {"A": 1, "B": 2}
    assert quoted.spell(QUOTES, numbers, "cycles_per_elem") == "8, 9 [1]; 18 [2]"
    assert quoted.spell(QUOTES, numbers, "ns_per_elem") == "5.2 [2]" and quoted.spell([], numbers, "ns_per_elem") == ""
    assert quoted.footnotes(cited, numbers) == ["[1] quoted: A (old)", "    in this order: before, after", "[2] quoted: B (new)"]


def test_measured_and_quoted_stand_in_columns_of_their_own():
    found = make_rows("page-pool", samples_of(page_fast=[100, 200], niov_fast=[100, 100]),
                      {"niov_fast": ("ratio_niov_to_page", "page_fast")}, {"page_fast": QUOTES})
    text = report._columns(found, quoted.sources(found)).splitlines()
    assert text[0].split() == ["measured"] * 3 + ["quoted"]
    assert text[1].split() == ["case", "cycles_per_elem", "min", "max", "ns_per_elem", "ratio_niov_to_page",
                               "cycles_per_elem", "[source]"]
    assert text[3].split() == ["page_fast", "30.00", "20.00", "40.00", "15.00", "8,", "9", "[1];", "18", "[2]"]
    assert text[4].split() == ["niov_fast", "20.00", "20.00", "20.00", "10.00", "1.500"]
    assert max(map(len, text)) <= 120


def test_an_unknown_bench_names_those_there_are():
    with pytest.raises(ValueError, match="no bench 'rx2'; there are page-pool"):
        bench.find_bench("rx2")
    with pytest.raises(ValueError, match="no bench"):
        report.run_benches(["page-pool", "nonsense"])


@pytest.mark.parametrize("name", ["page-pool", "tokens", "gather", "tx", "cold"])
def test_every_bench_has_what_the_rest_relies_on(name):
    module = bench.find_bench(name)
    assert callable(module.cases) and module.NOTES
    for case, quotes in module.QUOTED.items():
        for quote in quotes:
            assert quote["label"] == "quoted" and quote["source"] and quote["machine"], case
    with module.cases(True) as cases:
        names = [case.name for case in cases]
    assert set(module.CONTRASTS) | {other for _, other in module.CONTRASTS.values()} | set(module.QUOTED) <= set(names)
    assert rows.MEASURED == "measured"
