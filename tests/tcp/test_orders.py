"""Every order and overlap of small segments: after each arrival the whole acknowledgement, against `NaiveReceiver`."""

import itertools
import random

import numba
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.naive.tcp_receiver import NaiveReceiver
from tests.tcp.outsider import Wire

INTERPRETED = bool(numba.config.DISABLE_JIT)
STREAM = bytes(k * 7 % 251 + 1 for k in range(4000))
FOUR = [(1, 3), (4, 5), (9, 1), (10, 6)]
KINDS = {"linux": {}, "stamps": {"stamps": True}, "freebsd": {"layout": "freebsd"},
         "freebsd-stamps-6": {"layout": "freebsd", "stamps": True, "six": True}, "no-sack": {"sack": False},
         "device": {"device": True}, "device-stamps-6": {"device": True, "stamps": True, "six": True},
         "no-gro": {"gro": False, "stamps": True}, "device-no-gro": {"device": True, "gro": False, "layout": "freebsd"}}


class Compared:
    """A connection and its twin."""

    def __init__(self, wire):
        self.peer = wire.peer().handshake()
        self.twin = NaiveReceiver(wire.sack, self.peer.ts if wire.stamps else None)
        self.edge = 0
        self.fin = False
        self.got = b""

    def arrive(self, first, length, fin=False, ts=None, octets=None):
        """One segment reaches both; what the host says is compared."""
        peer = self.peer
        octets = STREAM[first:first + length] if octets is None else octets
        ts = peer.ts if ts is None else ts
        sent = peer.send("FA" if fin else "PA", first, 1, octets, ts=ts)
        wanted = self.twin.arrive(first, octets, fin, ts)
        seg = peer.one(sent, flags="A", seq=1, ack=wanted.ack, length=0, sack=wanted.sack)
        if peer.stamps:
            assert seg.stamp[1] == wanted.echo, peer.story(f"echo {seg.stamp[1]}, not {wanted.echo}")
        assert seg.kinds[:4] == ((1, 1, 8, 1) if peer.stamps and seg.sack else (1, 1, 8) if peer.stamps
                                 else (1, 1, 5) if seg.sack else ())
        assert seg.window % (1 << peer.their_scale) == 0 and seg.window <= 65535 << peer.their_scale
        assert seg.ack + seg.window >= self.edge, peer.story("the right edge of the window moved left")
        self.edge = seg.ack + seg.window

    def read(self):
        self.got += self.peer.read()
        assert self.got == self.twin.read(), self.peer.story("the stream is not what was sent")

    def end(self):
        self.read()
        self.peer.send("R", self.twin.next)
        self.peer.conn.close()


@pytest.mark.parametrize("kind", KINDS)
def test_every_order_of_four_segments(kind):
    with Wire(**KINDS[kind]) as wire:
        orders = list(itertools.permutations(FOUR))
        for number, order in enumerate(orders):
            if INTERPRETED and (number + len(kind)) % 8:
                continue
            pair = Compared(wire)
            for first, length in order:
                pair.peer.ts += 1
                pair.arrive(first, length)
            assert pair.twin.next == 16
            pair.end()


def scramble(rng, pieces):
    """Segments that overlap, come twice and leave holes, and at last whatever is missing."""
    found = []
    for _ in range(pieces):
        first = rng.randrange(1, 40)
        found.append((first, rng.randrange(1, 14)))
    found += rng.sample(found, 2)
    rng.shuffle(found)
    reached = max(first + length for first, length in found)
    return [*found, (1, reached - 1)]


@pytest.mark.parametrize("kind", KINDS)
def test_overlaps_and_segments_that_come_twice(kind):
    rng = random.Random(kind)
    with Wire(**KINDS[kind]) as wire:
        for _ in range(1 if INTERPRETED else 25):
            pair = Compared(wire)
            for first, length in scramble(rng, rng.randrange(5, 8)):
                pair.peer.ts += rng.randrange(3)
                pair.arrive(first, length)
                if rng.random() < 0.2:
                    pair.read()
            pair.end()


@pytest.mark.parametrize("kind", ["linux", "device-stamps-6"])
def test_a_fin_among_them_counts_when_everything_before_it_has_come(kind):
    rng = random.Random(kind)
    with Wire(**KINDS[kind]) as wire:
        for turn in range(2 if INTERPRETED else 20):
            pair = Compared(wire)
            order = [(1, 3, False), (4, 5, False), (9, 1, False), (10, 0 if turn % 2 else 6, True)]
            rng.shuffle(order)
            for first, length, fin in order:
                pair.peer.ts += 1
                pair.arrive(first, length, fin)
            assert pair.peer.conn.state == "CLOSE_WAIT"
            pair.end()


@pytest.mark.parametrize("stamps", [False, True])
def test_six_holes_are_told_three_or_four_at_a_time(stamps):
    """The ones that changed last; the others come back when those are gone."""
    with Wire(stamps=stamps) as wire:
        pair = Compared(wire)
        for first in (31, 11, 51, 21, 61, 41, 24, 1, 34):
            pair.arrive(first, 3)
        for first in (4, 7, 14, 17, 27, 37, 44, 47, 54, 57):
            pair.arrive(first, 4)
        assert pair.twin.next == 64
        pair.end()


def test_old_stamps_bring_nothing_but_the_acknowledgement():
    with Wire(stamps=True) as wire:
        pair = Compared(wire)
        for first, length, ts in ((1, 5, 2000), (6, 5, 1998), (20, 5, 1500), (3, 4, 1998), (6, 5, 2000), (20, 5, 2001),
                                  (2, 3, 1000),
                                  (11, 9, 2000), (25, 5, 2002)):
            pair.arrive(first, length, ts=ts)
        pair.end()


class Life(RuleBasedStateMachine):
    """Any segments at any time, reads and pauses between them."""

    def __init__(self):
        super().__init__()
        self.wire = None

    @initialize(kind=st.sampled_from(sorted(KINDS)))
    def begin(self, kind):
        self.wire = Wire(**KINDS[kind])
        self.pair = Compared(self.wire)

    @precondition(lambda self: self.wire and self.pair.peer.conn.state == "ESTABLISHED" and self.pair.twin.arrivals < 15)
    @rule(offset=st.integers(-20, 40), length=st.integers(1, 20), later=st.integers(-1, 3))
    def segment(self, offset, length, later):
        first = max(self.pair.twin.next + offset, 1)
        if first + length <= self.pair.twin.told:
            first = max(self.pair.twin.told - length, 1)
        self.pair.peer.ts += later
        self.pair.arrive(first, length)

    @precondition(lambda self: self.wire)
    @rule()
    def read(self):
        self.pair.read()

    @precondition(lambda self: self.wire)
    @rule(ms=st.integers(1, 100))
    def pause(self, ms):
        self.wire.run(ms)
        assert self.pair.peer.take() == [], "everything was acknowledged at once"

    def teardown(self):
        if self.wire:
            self.pair.end()
            self.wire.__exit__(None, None, None)


Life.TestCase.settings = settings(max_examples=2 if INTERPRETED else 30, stateful_step_count=12, deadline=None, derandomize=True)
TestLife = Life.TestCase
