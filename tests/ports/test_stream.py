"""The stream that everybody can make again."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from devmemlab.lab.stream import stream_digest, stream_octets, stream_words

MASK = (1 << 64) - 1


def splitmix64(count):
    """The published generator, in plain integers."""
    state = 0
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def test_words_are_those_of_splitmix64():
    assert stream_words(1)[0] == 0xE220A8397B1DCDAF, "the first output for seed 0, as published"
    assert stream_words(100).tolist() == list(splitmix64(100))


@given(st.integers(0, 200), st.integers(0, 200))
def test_any_stretch_is_the_same_stretch(start, nbytes):
    assert (stream_octets(nbytes, start) == stream_octets(400)[start:start + nbytes]).all()


def test_octets_far_into_the_stream():
    far = 1 << 40
    assert (stream_octets(16, far + 3) == stream_octets(32, far)[3:19]).all() and stream_octets(0).shape == (0,)


def test_the_digest_is_of_the_octets():
    nbytes = (1 << 22) + 5
    assert stream_digest(nbytes) == hashlib.sha256(stream_octets(nbytes)).hexdigest()
    assert stream_digest(0) == hashlib.sha256().hexdigest()


def test_no_segment_looks_like_another():
    words = stream_words(1 << 16)
    assert len(np.unique(words)) == len(words)
