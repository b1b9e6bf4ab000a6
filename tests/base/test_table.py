"""Tables of int64 rows."""

import numpy as np
import pytest

from devmemlab.base.kernel import kernel
from devmemlab.base.table import as_dict, grown, schema, table

PAIR = schema("left", "right")


@kernel
def _swap(rows, i):
    row = rows[i]
    row.left, row.right = row.right, row.left
    return row.left - row.right


@pytest.mark.parametrize("rows", [4, 1 << 17])
def test_attributes_work_in_kernels_and_outside(rows):
    pairs = table(PAIR, rows)
    pairs[2].left = 5
    assert pairs[2].left == 5 and pairs.left[2] == 5 and pairs[2]["left"] == 5
    assert _swap(pairs, 2) == -5 and as_dict(pairs[2]) == {"left": 0, "right": 5}
    assert type(as_dict(pairs[2])["left"]) is int


@pytest.mark.parametrize("name", ["flags", "data", "item", "put", "take", "copy", "dtype", "shape"])
def test_names_that_numpy_answers_to_are_refused(name):
    with pytest.raises(ValueError, match=f"'{name}' means something"):
        schema("fine", name)


def test_a_repeated_name_is_refused():
    with pytest.raises(ValueError, match="repeated"):
        schema("twice", "twice")


def test_fields_are_int64_and_nothing_else():
    assert schema("a", "b").itemsize == 16 and all(schema("a", "b")[n] == np.int64 for n in "ab")


def test_two_dimensions():
    grid = table(PAIR, 3, 5)
    grid[1, 4].right = 9
    assert grid.shape == (3, 5) and grid.right.sum() == 9


def test_a_huge_table_costs_nothing_until_touched():
    huge = table(PAIR, 1 << 30)         # 16 GiB of address space
    huge[(1 << 30) - 1].left = 1
    assert huge[(1 << 30) - 1].left == 1 and huge[12345].left == 0


def test_grown_keeps_the_rows_and_at_least_doubles():
    old = table(PAIR, 4)
    old[3].left = 7
    assert grown(old, 4) is old
    new = grown(old, 5)
    assert len(new) == 8 and new[3].left == 7 and not new[4:].left.any()
    assert len(grown(old, 100)) == 100
    assert grown(table(PAIR, 2, 3), 3).shape == (4, 3)
