"""The leak report and the lives of tokens, against what the test itself did and against a plain count."""

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.host.token_lives import LIFE_DTYPE, Bin, residency, token_lives
from devmemlab.host.token_report import said_ns
from devmemlab.host.user_line import NOT_RECORDED
from devmemlab.lab import scenes_tokens as scenes

MS = 10**6


@pytest.fixture(scope="module")
def scene():
    """Two connections; one leaks every third message at a line of its own."""
    made = scenes.start(conns=2, pages=32, ring=8)
    made.host.watch_tokens()
    for k in range(6):
        made.arrive(bytes([k]) * 100, conn=0)
        pieces = scenes.take(made.conns[0])
        if k % 3:
            made.host.dontneed_tokens(made.conns[0], pieces)
    made.arrive(b"x" * 50, b"y" * 60, conn=1)
    made.conns[1].recvmsg(1000, 400, dml.MSG_SOCK_DEVMEM)
    made.lab.run(until_ns=made.lab.clock.now_ns + 2 * MS)
    yield made
    made.host.audit()
    scenes.close(made)


def test_what_is_held_is_listed_by_line(scene):
    report = scene.host.token_report()
    assert report.held == 4 == scene.host.audit().tokens
    first, second = sorted(report.groups, key=lambda group: group.sock)
    assert (first.tokens, first.octets, first.buffers, first.numbers) == (2, 200, 2, (1, 2))
    assert (second.tokens, second.octets, second.buffers, second.numbers) == (2, 110, 2, (1, 2))
    assert first.line.function == "take" and second.line.file == "test_token_report.py" and second.line.function == "scene"
    assert {first.binding, second.binding} == {scene.id} and first.oldest_ns > second.oldest_ns == 2 * MS
    assert "2 received at test_token_report.py:" in str(report) and "4 tokens held, 8 handed out" in str(report)


def test_lives_are_what_happened(scene):
    report = scene.host.token_report()
    assert len(report.lives) == 8 and (report.lives.returned_ns < 0).sum() == 4
    gone = report.lives[report.lives.returned_ns >= 0]
    assert (gone.arrived_ns <= gone.born_ns).all() and (gone.born_ns <= gone.returned_ns).all()
    assert (gone.recycled_ns == gone.returned_ns).all(), "each was its buffer's only reference"
    assert report.lives.octets.tolist() == [100] * 6 + [50, 60]
    assert sum(one.returned for one in report.residency) == 4 and sum(one.held for one in report.residency) == 4


def test_without_watch_and_trace_the_tables_still_tell():
    scene = scenes.start(pages=24, ring=8, trace=False)
    scene.arrive(b"A" * 10)
    scenes.take(scene.conn)
    (group,) = scene.host.token_report().groups
    assert (group.tokens, group.octets, group.oldest_ns, group.line) == (1, None, None, NOT_RECORDED)
    assert "an unknown number of octets" in str(scene.host.token_report())
    scenes.close(scene)


def test_with_a_trace_alone_octets_and_ages_are_known():
    scene = scenes.start(pages=24, ring=8, trace=1 << 14)
    scene.arrive(b"A" * 10)
    scenes.take(scene.conn)
    scene.lab.run(until_ns=scene.lab.clock.now_ns + 7 * MS)
    (group,) = scene.host.token_report().groups
    assert (group.octets, group.oldest_ns, group.line) == (10, 7 * MS, NOT_RECORDED)
    scenes.close(scene)


def test_a_buffer_is_recycled_when_the_last_of_its_tokens_goes():
    scene = scenes.start(pages=24, ring=8)
    scene.arrive(b"A" * 10)
    scenes.take(scene.conn, dml.MSG_PEEK)
    scenes.take(scene.conn)
    for token, ms in ((2, 3), (1, 5)):
        scene.lab.run(until_ns=scene.lab.clock.now_ns + ms * MS)
        scene.host.dontneed(scene.conn, [(token, 1)])
    lives = token_lives(scene.host.trace)
    assert lives.token.tolist() == [1, 2] and (lives.recycled_ns == lives.returned_ns[0]).all()
    assert lives.returned_ns[0] - lives.returned_ns[1] == 5 * MS
    scenes.close(scene)


def test_bins_double_and_hold_everything():
    rng = np.random.default_rng(5)
    spans = np.concatenate(([0, 0, 1, 2, 3, 4, 7, 8, 2**40 - 1, 2**40], rng.integers(0, 2**20, 300)))
    lives = np.zeros(len(spans), LIFE_DTYPE).view(np.recarray)
    lives.born_ns = 1000
    out = rng.random(len(spans)) < 0.5
    out[:10] = True
    now_ns = 1000 + 2**41
    lives.returned_ns = np.where(out, 1000 + spans, -1)
    bins = residency(lives, now_ns)
    assert bins[0].low_ns == 0 and bins[0].returned + bins[0].held > 0
    for one, following in zip(bins[1:], bins[2:]):
        assert one.high_ns == following.low_ns
    assert bins[1].returned + bins[1].held and bins[-1].returned + bins[-1].held
    assert sum(one.returned + one.held for one in bins) == len(spans)
    for low, high, returned, held in bins:
        assert (low, high) == (0, 1) or high == 2 * low
        assert returned == sum(low <= span < high for span in spans[out])
        assert held == (int((~out).sum()) if low <= 2**41 < high else 0)
    assert residency(lives[:0], 5) == [] and isinstance(bins[0], Bin)


@pytest.mark.parametrize("span, said", [(0, "0 ns"), (999, "999 ns"), (1024, "1.02 us"), (5 * MS, "5 ms"), (3 * 10**9, "3 s")])
def test_times_are_spelled(span, said):
    assert said_ns(span) == said
