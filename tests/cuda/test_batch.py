"""Runs against sets of octets, in plain Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from devmemlab.cuda.batch import runs

NIOV = 16
pieces = st.lists(st.tuples(st.integers(0, 20 * NIOV), st.integers(0, NIOV)), max_size=20)


def joined(found, niov=NIOV):
    offsets, lengths = (np.array([piece[i] for piece in found], np.int64) for i in (0, 1))
    return list(zip(*(ends.tolist() for ends in runs(offsets, lengths, niov))))


@given(pieces)
def test_every_octet_of_a_piece_is_in_one_run_and_others_are_ends_of_net_iovs(found):
    wanted = {octet for at, length in found for octet in range(at, at + length)}
    copied = [octet for start, end in joined(found) for octet in range(start, end)]
    assert len(copied) == len(set(copied)) and wanted <= set(copied)
    for octet in set(copied) - wanted:
        before = max(other for other in wanted if other < octet)
        assert all(between % NIOV for between in range(before + 1, octet + 1)), "not behind payload in its net_iov"


@given(pieces)
def test_runs_are_as_few_as_their_rule_allows(found):
    found = joined(found)
    for (_, end), (start, _) in zip(found, found[1:]):
        assert start > -(-end // NIOV) * NIOV


def test_frames_of_one_pool_are_one_copy_and_without_net_iovs_nothing_is_bridged():
    frames = [(0, 16), (16, 16), (32, 3), (48, 16), (64, 16), (80, 3)]
    assert joined(frames[::-1]) == [(0, 83)]
    assert joined([(0, 16), (32, 1)]) == [(0, 16), (32, 33)], "a net_iov between them is not theirs"
    assert joined(frames, 1) == [(0, 35), (48, 83)]
    assert joined([]) == joined([(5, 0)]) == []
