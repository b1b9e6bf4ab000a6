"""The cycle counter: it moves or is said to be missing, its rate comes from two moments, the barrier keeps loops."""

import itertools
import time

import pytest
from numba import config

from devmemlab.base import cycles
from devmemlab.base.cycles import Instant, compiler_barrier, frequency, instant, missing_counter, read_cycles
from devmemlab.base.kernel import kernel


@kernel
def counted(row, n):
    """Count in memory, with a barrier after each step, and look at the counter around it.

    Parameters
    ----------
    row : numpy.record
        ``now`` goes up.
    n : int64
        Steps.

    Returns
    -------
    spent : int64
        Cycles.
    """
    before = read_cycles()
    for _ in range(n):
        row.now += 1
        compiler_barrier()
    return read_cycles() - before


def row():
    from devmemlab.base.table import schema, table
    return table(schema("now"), 1)[0]


def test_the_counter_never_goes_back_and_in_the_end_goes_on():
    seen = [int(read_cycles()) for _ in range(1000)]
    if missing_counter():
        assert set(seen) == {0}
    else:
        assert seen == sorted(seen) and seen[0] < seen[-1]


def test_a_kernel_can_look_at_it_and_the_barrier_changes_nothing():
    here = row()
    spent = counted(here, 1000)
    assert here.now == 1000
    assert spent == 0 if missing_counter() else spent > 0


@pytest.mark.compiled_only
def test_the_barrier_keeps_a_loop_that_does_nothing_else():
    """Without it LLVM answers such a loop by a formula: then a thousand times the steps take the same time."""
    if missing_counter():
        pytest.skip(missing_counter())
    here = row()
    counted(here, 1)
    assert min(counted(here, 1_000_000) for _ in range(5)) > 50 * min(counted(here, 1000) for _ in range(5))


def test_interpreted_kernels_have_no_counter(monkeypatch):
    monkeypatch.setattr(config, "DISABLE_JIT", 1)
    assert "NUMBA_DISABLE_JIT=1" in missing_counter()


@pytest.mark.parametrize("machine, there", [("x86_64", True), ("AMD64", True), ("i686", True), ("aarch64", False),
                                            ("arm64", False), ("riscv64", False), ("", False)])
def test_only_x86_has_one(monkeypatch, machine, there):
    monkeypatch.setattr(config, "DISABLE_JIT", 0)
    monkeypatch.setattr(cycles.platform, "machine", lambda: machine)
    assert (missing_counter() is None) == there
    assert there or machine in missing_counter()


def test_the_tightest_look_at_both_clocks_counts():
    """Somebody else has the processor in the first tries: 500 cycles pass with the clock, later only 5."""
    now, looks = [0], itertools.count()

    def counter():
        now[0] += 5
        return now[0]

    def clock():
        now[0] += 500 if next(looks) < 3 else 0
        return now[0] * 10

    found = instant(clock, counter)
    assert found.ns == 10 * (found.cycles - 2)
    assert found.cycles > 1500 and next(looks) == cycles.TRIES


@pytest.mark.parametrize("first, second, hz", [
    (Instant(0, 0), Instant(1_000_000_000, 2_600_000_000), 2.6e9),
    (Instant(5, 100), Instant(15, 130), 3e9),
    (Instant(5, 100), Instant(5, 130), None),
    (Instant(5, 100), Instant(15, 100), None),
])
def test_the_rate(first, second, hz):
    assert frequency(first, second) == hz


def test_measured_against_the_real_clock_the_rate_is_one_of_a_processor():
    first = instant(time.perf_counter_ns)
    time.sleep(0.02)
    hz = frequency(first, instant(time.perf_counter_ns))
    assert hz is None if missing_counter() else 1e8 < hz < 1e10
