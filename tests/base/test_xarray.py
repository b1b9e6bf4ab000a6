"""The id tree against a plain dict."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from devmemlab.base.bits import lowest_bit
from devmemlab.base.errno import ENOMEM
from devmemlab.base.xarray import make_xarrays, xa_alloc, xa_erase, xa_load
from tests.naive.xarray import NaiveXArray

NODES = 400


def nodes_in_use(trees):
    """Rows handed out and not given back."""
    pool, row, waiting = trees.pool[0], int(trees.pool[0].recycled), 0
    while row:
        waiting += 1
        row = int(trees.node[row].parent)
    return int(pool.watermark) - 1 - waiting


class Compare(RuleBasedStateMachine):
    """Two trees over one pool of nodes, each with its twin."""

    @initialize()
    def start(self):
        self.trees = make_xarrays(2, NODES)
        self.twins = [NaiveXArray(), NaiveXArray()]
        self.next = 1

    @rule(tree=st.integers(0, 1), count=st.sampled_from([1, 2, 7, 63, 64, 65, 200]))
    def alloc(self, tree, count):
        for _ in range(count):
            if len(self.twins[tree].entries) >= 6000:
                return
            assert xa_alloc(self.trees, tree, self.next) == self.twins[tree].alloc(self.next)
            self.next += 1

    @rule(tree=st.integers(0, 1), index=st.integers(0, 300))
    def erase(self, tree, index):
        assert xa_erase(self.trees, tree, index) == self.twins[tree].erase(index)

    @rule(tree=st.integers(0, 1), first=st.integers(0, 4200), count=st.integers(1, 300))
    def erase_range(self, tree, first, count):
        for index in range(first, first + count):
            assert xa_erase(self.trees, tree, index) == self.twins[tree].erase(index)

    @rule(tree=st.integers(0, 1))
    def erase_all(self, tree):
        for index in sorted(self.twins[tree].entries, reverse=True):
            assert xa_erase(self.trees, tree, index) == self.twins[tree].erase(index)

    @rule(tree=st.integers(0, 1), index=st.sampled_from([-1, 0, 1, 63, 64, 65, 4095, 4096, 1 << 31, 1 << 40]))
    def load(self, tree, index):
        assert xa_load(self.trees, tree, index) == self.twins[tree].load(index)

    @invariant()
    def agree(self):
        if hasattr(self, "twins"):
            for tree, twin in enumerate(self.twins):
                assert self.trees.root[tree].live == len(twin.entries)
            if not any(twin.entries for twin in self.twins):
                assert nodes_in_use(self.trees) == 0

    def teardown(self):
        if hasattr(self, "twins"):
            for tree, twin in enumerate(self.twins):
                for index, entry in sorted(twin.entries.items()):
                    assert xa_load(self.trees, tree, index) == entry
                    xa_erase(self.trees, tree, index)
            assert nodes_in_use(self.trees) == 0
            assert not self.trees.slot.entry.any()


TestCompare = Compare.TestCase


def test_first_id_is_one():
    trees = make_xarrays(1, 8)
    assert xa_alloc(trees, 0, 5) == 1


def test_erasing_zero_while_others_live_makes_it_the_next_id():
    """The quirk that lets a user see token 0 (it returned a token it was never given)."""
    trees = make_xarrays(1, 8)
    assert [xa_alloc(trees, 0, 5) for _ in range(3)] == [1, 2, 3]
    assert xa_erase(trees, 0, 0) == 0
    assert [xa_alloc(trees, 0, 5) for _ in range(2)] == [0, 4]


def test_erasing_zero_in_an_empty_tree_changes_nothing():
    trees = make_xarrays(1, 8)
    assert xa_erase(trees, 0, 0) == 0
    assert xa_alloc(trees, 0, 5) == 1


def test_three_levels_and_back(sizes):
    count = sizes(70_000, 4_200)
    trees = make_xarrays(1, count // 63 + 64)
    for expected in range(1, count + 1):
        assert xa_alloc(trees, 0, expected) == expected
    assert trees.root[0].levels == sizes(3, 3)
    for index in (1, 63, 64, 4095, 4096, count):
        assert xa_load(trees, 0, index) == index
    for index in range(1, count + 1):
        assert xa_erase(trees, 0, index) == index
    assert trees.root[0].top == 0 and nodes_in_use(trees) == 0


def test_running_out_of_nodes_is_an_error_that_harms_nothing():
    trees = make_xarrays(1, 3)
    handed = []
    while (index := xa_alloc(trees, 0, 7)) >= 0:
        handed.append(int(index))
    assert index == -ENOMEM and handed == list(range(1, len(handed) + 1)) and len(handed) >= 63
    assert all(xa_load(trees, 0, i) == 7 for i in handed)
    assert xa_alloc(trees, 0, 7) == -ENOMEM
    assert xa_erase(trees, 0, handed[10]) == 7
    assert xa_alloc(trees, 0, 8) == handed[10]
    for index in handed:
        assert xa_erase(trees, 0, index) != 0
    assert nodes_in_use(trees) == 0


def test_failing_to_grow_again_and_again_leaks_no_node():
    trees = make_xarrays(2, 4)
    while xa_alloc(trees, 0, 7) >= 0:
        pass
    before = nodes_in_use(trees)
    for _ in range(5):
        assert xa_alloc(trees, 0, 7) == -ENOMEM
    assert nodes_in_use(trees) == before


def test_zero_stays_busy_when_the_ids_beside_it_are_gone():
    """Returning tokens 1 to 63 while 64 is held must not make 0 a token."""
    trees = make_xarrays(1, 8)
    assert [xa_alloc(trees, 0, 5) for _ in range(64)] == list(range(1, 65))
    for index in range(1, 64):
        xa_erase(trees, 0, index)
    assert xa_alloc(trees, 0, 5) == 1


def test_zero_once_erased_stays_usable_when_the_tree_was_empty_in_between():
    trees = make_xarrays(1, 8)
    assert xa_alloc(trees, 0, 5) == 1
    xa_erase(trees, 0, 0)
    xa_erase(trees, 0, 1)
    assert [xa_alloc(trees, 0, 5) for _ in range(2)] == [0, 1]


def test_zero_erased_while_its_leaf_is_gone_is_usable_too():
    trees = make_xarrays(1, 8)
    assert [xa_alloc(trees, 0, 5) for _ in range(64)] == list(range(1, 65))
    for index in range(1, 64):
        xa_erase(trees, 0, index)
    xa_erase(trees, 0, 0)
    assert xa_alloc(trees, 0, 5) == 0


def test_failing_half_way_down_leaves_no_empty_node_behind():
    trees = make_xarrays(1, 68)         # 64 leaves, a top over them, then a higher top and a middle, and no leaf
    handed = 0
    while xa_alloc(trees, 0, 7) >= 0:
        handed += 1
    assert handed == 4095
    for index in range(1, handed + 1):
        assert xa_erase(trees, 0, index) == 7
    assert nodes_in_use(trees) == 0


@given(st.integers(1, 2**64 - 1))
def test_lowest_bit(bits):
    signed = bits - 2**64 if bits >= 2**63 else bits
    assert lowest_bit(np.int64(signed)) == (bits & -bits).bit_length() - 1


@pytest.mark.parametrize("bit", range(64))
def test_lowest_bit_alone(bit):
    assert lowest_bit(np.int64((1 << bit) - (1 << 64 if bit == 63 else 0))) == bit
