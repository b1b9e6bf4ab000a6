"""ptr_ring against a plain twin."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from devmemlab.base.errno import ENOSPC
from devmemlab.base.ring import make_rings, ring_consume, ring_count, ring_init, ring_peek, ring_produce
from tests.naive.ring import NaiveRing


class Compare(RuleBasedStateMachine):
    """Ring 1 of three is driven; the others must stay as they were."""

    @initialize(capacity=st.sampled_from([1, 2, 3, 5, 16, 31, 32, 33, 48, 64]))
    def start(self, capacity):
        self.rings = make_rings(3, 64)
        for ring in range(3):
            ring_init(self.rings, ring, capacity)
        self.twin = NaiveRing(capacity)
        self.next = 1

    @rule(count=st.integers(1, 40))
    def produce(self, count):
        for _ in range(count):
            assert ring_produce(self.rings, 1, self.next) == (0 if self.twin.produce(self.next) else -ENOSPC)
            self.next += 1

    @rule(count=st.integers(1, 40))
    def consume(self, count):
        for _ in range(count):
            assert ring_consume(self.rings, 1) == (self.twin.consume() or 0)

    @invariant()
    def agree(self):
        if hasattr(self, "twin"):
            assert ring_peek(self.rings, 1) == (self.twin.peek() or 0)
            assert ring_count(self.rings, 1) == self.twin.waiting()
            assert [int(e) for e in self.rings.slot[1].entry[: len(self.twin.slots)]] == [e or 0 for e in self.twin.slots]
            assert not self.rings.slot[0].entry.any() and not self.rings.slot[2].entry.any()


TestCompare = Compare.TestCase


def test_full_ring_of_1024_refuses_until_the_sixteenth_consume():
    """Spec case 30 (Q10)."""
    rings = make_rings(1, 1024)
    ring_init(rings, 0, 1024)
    for entry in range(1, 1025):
        assert ring_produce(rings, 0, entry) == 0
    assert ring_produce(rings, 0, 9999) == -ENOSPC
    assert [ring_consume(rings, 0) for _ in range(15)] == list(range(1, 16))
    assert ring_produce(rings, 0, 9999) == -ENOSPC
    assert ring_consume(rings, 0) == 16
    assert [ring_produce(rings, 0, 5000 + i) for i in range(17)] == [0] * 16 + [-ENOSPC]
    assert ring_count(rings, 0) == 1024


@pytest.mark.parametrize("capacity, batch", [(1, 1), (31, 1), (32, 16), (1000, 16), (1024, 16)])
def test_batch_is_one_when_it_would_exceed_half_the_ring(capacity, batch):
    rings = make_rings(1, 1024)
    ring_init(rings, 0, capacity)
    assert rings.ctl[0].batch == batch


def test_ring_without_capacity_holds_nothing():
    rings = make_rings(1, 4)
    assert ring_produce(rings, 0, 1) == -ENOSPC
    assert ring_peek(rings, 0) == ring_consume(rings, 0) == ring_count(rings, 0) == 0


def test_init_forgets_what_was_there():
    rings = make_rings(1, 4)
    ring_init(rings, 0, 4)
    ring_produce(rings, 0, 7)
    ring_init(rings, 0, 4)
    assert ring_consume(rings, 0) == 0
