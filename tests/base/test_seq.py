"""Sequence arithmetic against Python's unbounded integers."""

from hypothesis import given
from hypothesis import strategies as st

from devmemlab.base import seq

M = 1 << 32
edges = st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**31 + 1, M - 2, M - 1])
numbers = st.one_of(edges, st.integers(0, M - 1))


@given(numbers, st.integers(-2**40, 2**40))
def test_add_wraps(a, n):
    assert seq.seq_add(a, n) == (a + n) % M


@given(numbers, numbers)
def test_diff_is_the_signed_32_bit_difference(a, b):
    distance = seq.seq_diff(a, b)
    assert -2**31 <= distance < 2**31 and (a - b - distance) % M == 0


@given(numbers, st.integers(-2**31 + 1, 2**31 - 1))
def test_order_is_that_of_the_unwrapped_stream(start, step):
    later = (start + step) % M
    assert bool(seq.seq_before(start, later)) == (step > 0)
    assert bool(seq.seq_after(start, later)) == (step < 0)


@given(numbers)
def test_half_a_circle_away_is_before_both_ways(a):
    """Linux: (s32)(a - b) < 0, and -2^31 is its own negative."""
    b = (a + 2**31) % M
    assert seq.seq_before(a, b) and seq.seq_before(b, a)


@given(numbers, st.integers(0, M - 1), st.integers(0, M - 1))
def test_between_counts_both_ends(low, width, offset):
    assert bool(seq.seq_between((low + offset) % M, low, (low + width) % M)) == (offset <= width)
