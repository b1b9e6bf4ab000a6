"""The words for types: alike for the same type, in any process, and for no other."""

import os
import pickle
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from numba import typeof, types

from devmemlab.base.component import component
from devmemlab.base.spelling import spell
from devmemlab.base.table import schema, table

pytestmark = pytest.mark.once


@component
class Pair(NamedTuple):
    """Two tables."""

    one: np.recarray
    two: np.recarray


LEFT, RIGHT = schema("a", "b"), schema("a", "c")


def kinds():
    rows = table(LEFT, 3)
    shut = table(LEFT, 3)
    shut.flags.writeable = False
    packed, aligned = (np.zeros(2, np.dtype([("a", "i1"), ("b", "i8")], align=align)) for align in (False, True))
    values = [1, 1.0, True, None, np.int32(1), np.uint64(1), rows, rows[0], table(RIGHT, 3), table(LEFT, 2, 2), shut, rows.a,
              packed, aligned, np.zeros(2, np.uint8), np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8).T, np.zeros(4)[::2],
              Pair(rows, rows), Pair(rows, table(RIGHT, 1)), Pair(shut, rows), (1, 2), (1, 2.0)]
    return [typeof(value) for value in values] + [types.Omitted(1), types.Omitted(True), types.Omitted(2), types.Omitted(1.0),
                                                  types.literal(1), types.literal(2)]


def test_different_types_are_spelled_differently_and_the_same_alike():
    assert len({spell((kind,)) for kind in kinds()}) == len(set(kinds())) == len(kinds())
    assert [spell((kind,)) for kind in kinds()] == [spell((pickle.loads(pickle.dumps(kind)),)) for kind in kinds()]
    one, two = typeof(1), typeof(1.0)
    assert len({spell(each) for each in ((), (one,), (one, two), (two, one), (one, one))}) == 5


def test_functions_are_told_apart_whatever_they_are_called():
    def made(by):
        from numba import njit

        return njit(lambda a: a + by)

    one, two = made(1), made(2)
    assert spell((typeof(one),)) != spell((typeof(two),))


def test_another_process_spells_alike():
    program = "from tests.base.test_spelling import kinds, spell; print([spell((kind,)) for kind in kinds()])"
    assert len({subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True,
                               text=True, check=True).stdout for seed in ("1", "2")}) == 1
