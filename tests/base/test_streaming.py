"""Streaming copies: NumPy's slices as the witness, octets before and behind stay."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from devmemlab.base.kernel import kernel
from devmemlab.base.streaming import stream_end, stream_octets


@kernel
def _copy(dst, to, src, at, nbytes):
    stream_octets(dst, to, src, at, nbytes)
    stream_end()


@given(st.integers(0, 80), st.integers(0, 80), st.one_of(st.integers(0, 300), st.integers(1400, 1500)), st.integers(0, 2**32 - 1))
def test_what_is_streamed_is_what_a_copy_would_have_written(to, at, nbytes, seed):
    rng = np.random.default_rng(seed)
    src, dst = (rng.integers(0, 256, 2000, np.uint8) for _ in range(2))
    wanted = dst.copy()
    wanted[to:to + nbytes] = src[at:at + nbytes]
    _copy(dst, to, src, at, nbytes)
    assert np.array_equal(dst, wanted)
