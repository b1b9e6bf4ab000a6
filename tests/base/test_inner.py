"""Kernels that only kernels call have no machine code of their own, and answer the same."""

import os
import subprocess
import sys

import numpy as np
import pytest

from devmemlab.base.kernel import forms, kernel

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
