"""Kernels that only kernels call have no machine code of their own, and answer the same."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from devmemlab.base.kernel import forms, kernel
from devmemlab.base.whole import libraries_below

PROGRAM = """
from devmemlab.base.kernel import kernel
from devmemlab.base.seq import seq_add

@kernel
def caller(a):
    return seq_add(a, 5)

print(caller(0xFFFFFFFE), len(seq_add.overloads), *map(sum, (seq_add.inner.stats.cache_misses.values(),
                                                            seq_add.inner.stats.cache_hits.values())))
"""


@kernel
def _callee(table, at):
    table[at] += 1
    return table[at]


@kernel
def _caller(table):
    return _callee(table, 1) + _callee(table, 1)


@pytest.mark.compiled_only
def test_what_only_a_kernel_calls_is_kept_as_bitcode():
    table = np.zeros(4, np.int64)
    assert _caller(table) == 3 and table.tolist() == [0, 2, 0, 0]
    assert not _callee.overloads and len(_callee.inner.overloads) == 1 and not _caller.inner.overloads
    (result,) = _callee.inner.overloads.values()
    assert result.library.get_pointer_to_function(result.fndesc.llvm_func_name) == 0
    assert forms(_callee) == [_callee, _callee.inner]
    assert _callee(table, 3) == 1 and len(_callee.overloads) == 1, "Python gets a form of its own when it calls"


def test_both_ways_of_calling_agree():
    table, again = np.zeros(4, np.int64), np.zeros(4, np.int64)
    assert [_caller(table), _callee(table, 2)] == [_caller.py_func(again), _callee.py_func(again, 2)]
    assert table.tolist() == again.tolist()


@pytest.mark.compiled_only
def test_bitcode_comes_back_from_the_cache(tmp_path):
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=True)
            for _ in range(2)]
    told = [run.stdout.split() for run in runs]
    assert told == [["3", "0", "1", "0"], ["3", "0", "0", "1"]]


ROWS = """
import sys
import numpy as np
from numba import typeof
for k in range(int(sys.argv[1])):
    typeof(np.zeros(1, [(f"f{k}", np.int64)])[0])
from devmemlab.mem.ledger import ledger_add, make_ledger
from devmemlab.net.zerocopy import UBUF
ledger_add(make_ledger(), 0, 1)
print(*(result.fndesc.llvm_func_name for result in ledger_add.overloads.values()))
print(typeof(make_ledger()[0]).mangling_args, typeof(np.zeros(1, UBUF)[0]).mangling_args)
"""


@pytest.mark.compiled_only
def test_symbols_of_kernels_that_take_rows_are_the_same_in_every_process(tmp_path):
    """Two processes that fill one cache may each find the other's callee: it has to have the name that the caller asks for."""
    told = [subprocess.run([sys.executable, "-c", ROWS, others], env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / others)},
                           capture_output=True, text=True, check=True).stdout for others in ("0", "7")]
    names, kinds = told[0].splitlines()
    assert told[0] == told[1] and "ledger_add" in names
    assert len(set(kinds.split("'Record'"))) == 3, "and different rows have different names"


@kernel
def _sum(table, n):
    total = 0
    for i in range(n):
        total += table[i] if table[i] > 2 else -table[i]
    return total


@kernel
def _twice(table, n):
    return _sum(table, n) + _sum(table, n - 1)


@kernel
def _entry(table, n):
    return _twice(table, n) + _sum(table, 1)


@pytest.mark.compiled_only
def test_a_module_holds_its_own_kernel_and_a_foreign_caller_gets_all():
    table = np.arange(6)
    wanted = _entry.py_func(table, 6)
    assert _entry(table, 6) == wanted
    (twice,), (total,) = _twice.inner.overloads.values(), _sum.inner.overloads.values()
    assert twice.library.callees == [total.library]
    assert libraries_below([total.library, twice.library]) == [twice.library, total.library], "callers first"
    defined = [function.name for function in twice.library._final_module.functions if not function.is_declaration]
    assert defined == [twice.fndesc.llvm_func_name]
    assert numba.njit(lambda table, n: _entry(table, n))(table, 6) == wanted
    assert numba.njit(lambda table, n: _twice(table, n))(table, 6) == _twice.py_func(table, 6)


CHAIN = """
import sys
import numba
import numpy as np
from devmemlab.base import kernel as kernels
from devmemlab.base.ring import make_rings, ring_init, ring_produce
from devmemlab.base.xarray import make_xarrays, xa_alloc, xa_load
trees = make_xarrays(1, 16)
print(xa_load(trees, 0, xa_alloc(trees, 0, 9)), *kernels.compiled_count()[1:])
"""


@pytest.mark.compiled_only
def test_a_callee_that_is_gone_from_the_cache_is_compiled_again_under_its_old_name(tmp_path):
    environ = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}

    def run():
        done = subprocess.run([sys.executable, "-c", CHAIN], env=environ, capture_output=True, text=True, check=True)
        return done.stdout.split()

    first = run()
    inner = sorted(tmp_path.rglob("*.inner-*.nbc"))
    assert first[0] == "9" and inner
    outer = [path for path in tmp_path.rglob("*.nb?") if ".inner-" not in path.name]
    for gone in (outer, inner[:1], outer):
        for path in gone:
            path.unlink(missing_ok=True)
    again = run()
    assert again[0] == "9" and 0 < int(again[1]) <= int(first[1])
