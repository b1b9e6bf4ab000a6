"""page_pool against its naive twin: every answer, every counter, and the audit after every step."""

import random
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from numba import config

from devmemlab.mem.pool_stats import STAT_NAMES
from tests.mem.kit import Duel

PICK = st.integers(0, 1000)
SHAPES = ((4096 * 6,), (4096,) * 6, (4096 * 2, 4096 * 70, 4096), (4096 * 200,))


class PoolMachine(RuleBasedStateMachine):
    """Rules are the operations that a driver and a socket have."""

    duel = None

    @initialize(profile=st.sampled_from(("6.18", "next", "v9")), lengths=st.sampled_from(SHAPES),
                ring=st.sampled_from((2, 24, 40)))
    def start(self, profile, lengths, ring):
        self.duel = Duel(profile, lengths, ring)

    @rule(pick=PICK, times=st.integers(1, 5))
    def alloc(self, pick, times):
        for _ in range(times):
            self.duel.alloc(pick)

    @rule(pick=PICK, direct=st.booleans())
    def put(self, pick, direct):
        self.duel.put(pick, direct)

    @rule(pick=PICK)
    def get(self, pick):
        self.duel.get(pick)

    @rule(pick=PICK, size=st.integers(1, 4096))
    def alloc_part(self, pick, size):
        self.duel.alloc_part(pick, size)

    @rule(count=st.integers(0, 40))
    def bulk(self, count):
        self.duel.bulk(count)

    @rule(pick=PICK)
    def borrow_page(self, pick):
        self.duel.borrow_page(pick)

    @rule(pick=PICK)
    def return_page(self, pick):
        self.duel.return_page(pick)

    @rule(node=st.integers(0, 1), pressure=st.integers(0, 1))
    def move_node(self, node, pressure):
        self.duel.move_node(node, pressure)

    @rule(pick=PICK)
    def destroy(self, pick):
        self.duel.destroy(pick)

    @precondition(lambda self: self.duel and self.duel.dying)
    @rule()
    def second(self):
        self.duel.second()

    @invariant()
    def same(self):
        if self.duel:
            self.duel.mem.audit()
            self.duel.compare()

    def teardown(self):
        if self.duel:
            self.duel.close()


TestPoolMachine = PoolMachine.TestCase
TestPoolMachine.settings = settings(max_examples=10 if config.DISABLE_JIT else 60,
                                    stateful_step_count=20 if config.DISABLE_JIT else 50)


def run(steps, seed, compare_every=1):
    """Run the duel, auditing after every step; return the twin's counters, all pools together."""
    rng, seen = random.Random(seed), Counter()
    for start in range(0, steps, 2500):
        duel = Duel(rng.choice(("6.18", "next", "v9")), rng.choice(SHAPES), rng.choice((2, 24, 40)))
        for step in range(min(2500, steps - start)):
            duel.random_step(rng)
            duel.mem.audit()
            if step % compare_every == 0:
                duel.compare()
        seen.update(duel.seen())
        duel.close()
    return seen


def test_thousands_of_random_steps(sizes):
    seen = run(sizes(5000, 300), seed=12)         # a seed that moves every counter
    if not config.DISABLE_JIT:
        assert set(seen) == set(STAT_NAMES), "some counter never moved"


@pytest.mark.long
@pytest.mark.compiled_only
@pytest.mark.timeout(7200)
def test_a_million_random_steps():
    run(1_000_000, seed=3, compare_every=16)
