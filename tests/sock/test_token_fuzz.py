"""Tokens at random against the naive twin: ids, ranges, order, duplicates, foreign sockets; audited after every step."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devmemlab.base.trace import events, make_trace
from devmemlab.base.xarray import make_xarrays, xa_alloc
from devmemlab.host.inspect import tokens_of
from devmemlab.lab import scenes_tokens as scenes
from devmemlab.mem.region import DeviceMemory
from devmemlab.sock.token_batch import OPTVAL_BYTES, named_ids, pack_dontneed, sock_dontneed_tokens, token_ids, token_ranges
from devmemlab.sock.tokens import sock_devmem_dontneed, token_commit
from devmemlab.sock.uapi import MSG_PEEK
from tests.mem.kit import devmem_pool, small_mem
from tests.naive.tokens import NaiveTokens


class Fuzz:
    """Two or more sockets over one binding, and the twin."""

    def __init__(self, seed, conns=3, batch=False):
        self.rng, self.batch = random.Random(seed), batch
        self.scene = scenes.start(conns=conns, pages=24, ring=8, trace=False, sockets=8)
        self.twin = NaiveTokens(range(conns))
        self.queued = [0] * conns

    def pick(self, sock):
        """An id: mostly one that is held, of this socket or another; else anything."""
        held = self.twin.held(sock if self.rng.random() < 0.8 else self.rng.randrange(len(self.queued)))
        if held and self.rng.random() < 0.85:
            return self.rng.choice(held)
        return self.rng.choice((0, 1, 2, 5000, 2**31 - 1, 2**31, 2**32 - 1, self.rng.randrange(64)))

    def arrive(self, sock):
        if self.twin.live + sum(self.queued) < 10:
            self.scene.arrive(bytes([sock]) * self.rng.randrange(1, 1400), conn=sock)
            self.queued[sock] += 1

    def receive(self, sock, peek):
        room = self.rng.randrange(1, 6)
        pieces = scenes.take(self.scene.conns[sock], MSG_PEEK * peek, room)
        tokens = self.twin.receive(sock, (pieces.frag_offset // 4096 + 1).tolist())
        assert pieces.frag_token.tolist() == tokens
        assert {*scenes.octets_of(self.scene.device, pieces)} <= {sock}, "another connection's octets"
        if not peek:
            self.queued[sock] -= len(pieces)

    def dontneed(self, sock):
        conn = self.scene.conns[sock]
        if self.batch:
            ids = [self.pick(sock) for _ in range(self.rng.randrange(0, 200))]
            assert self.scene.host.dontneed_tokens(conn, ids) == self.twin.dontneed_tokens(sock, ids)
            return
        ranges = [(self.pick(sock), self.rng.choice((0, 1, 1, 2, 3, 7, 1023, 1024, 2**32 - 1)))
                  for _ in range(self.rng.randrange(1, 6))]
        assert self.scene.host.dontneed(conn, ranges) == self.twin.dontneed(sock, ranges)

    def compare(self):
        report = self.scene.host.audit()
        assert report.tokens == self.twin.live
        held = tokens_of(self.scene.host.tokens)
        for sock, conn in enumerate(self.scene.conns):
            mine = sorted(token for holders in held.values() for row, token in holders if row == conn.sock)
            assert mine == self.twin.held(sock)

    def run(self, steps):
        for _ in range(steps):
            sock, what = self.rng.randrange(len(self.queued)), self.rng.random()
            if what < 0.3:
                self.arrive(sock)
            elif what < 0.65:
                self.receive(sock, self.rng.random() < 0.4 and self.twin.live < 100)
            else:
                self.dontneed(sock)
            self.compare()
        for sock in range(len(self.queued)):
            self.scene.host.dontneed_tokens(self.scene.conns[sock], self.twin.held(sock))
        assert self.scene.host.audit().tokens == 0
        scenes.close(self.scene)


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_random_calls_of_sockets_that_share_a_binding(seed, batch):
    Fuzz(seed, batch=batch).run(32)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3, 23))
def test_many_random_calls(seed):
    Fuzz(seed, batch=seed % 2 == 0).run(400)


class Table:
    """One socket's tokens over a pool, without a network: quick enough for hypothesis."""

    def __init__(self, live, buffers=4):
        self.mem = small_mem()
        self.device = DeviceMemory(256 * 4096)
        self.pool = devmem_pool(self.mem, self.mem.bind(2, self.mem.export(self.device)), pool_size=64)
        self.tokens, self.twin = make_xarrays(1, 64), NaiveTokens([0])
        self.netmems = [self.mem.alloc(self.pool) for _ in range(buffers)]
        for k in range(live):
            netmem = self.netmems[k % buffers]
            token_commit(self.mem.netmems, netmem)
            assert xa_alloc(self.tokens, 0, netmem) == self.twin.receive(0, [netmem])[0]

    @property
    def args(self):
        return self.tokens, 0, self.mem.pools, self.mem.netmems, self.mem.providers, None

    def check(self):
        for netmem in self.netmems:
            assert self.mem.netmems[netmem >> 1].pp_ref_count == 1 + self.twin.refs[netmem]
        assert self.tokens.root[0].live == self.twin.live

    def tables(self):
        """All of it, but for where the memory lies."""
        pools = self.mem.pools
        parts = (*self.tokens, pools.ctl, pools.ring.ctl[:16], pools.ring.slot[:16, :64], self.mem.netmems[:1 << 12])
        return [part[field].tolist() for part in parts for field in part.dtype.names if field != "dma_addr"]

    def close(self):
        self.mem.close()
        self.device.close()


COUNTS = st.one_of(st.integers(0, 40), st.integers(1000, 1050), st.sampled_from((0, 1024, 2**31, 2**32 - 1)))
IDS = st.one_of(st.integers(0, 40), st.sampled_from((990, 5000, 2**31 - 1, 2**31, 2**32 - 1)))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(live=st.integers(0, 30), calls=st.lists(st.lists(st.tuples(IDS, COUNTS), min_size=1, max_size=4), max_size=3))
def test_the_budget_of_a_call_is_spent_on_ids_that_do_not_exist(live, calls):
    """Q22, against the twin: every id that is looked at counts, known or not, up to 1024 a call."""
    table = Table(live)
    for ranges in calls:
        optval = np.frombuffer(np.asarray(ranges, "<u4").tobytes(), np.uint8)
        assert sock_devmem_dontneed(*table.args, optval, len(optval)) == table.twin.dontneed(0, ranges)
        assert named_ids(optval) == [s + j & 0xFFFFFFFF for s, c in ranges for j in range(min(c, 1025))][:1024]
        table.check()
    table.close()


@pytest.mark.parametrize("seed", range(3))
def test_tokens_go_alike_whether_they_go_in_runs_or_are_traced_one_by_one(seed):
    """The last reference of most buffers goes to the ring, until it is full; some are still somebody else's too."""
    rng, trace = random.Random(seed), make_trace()
    runs, traced = Table(150, buffers=150), Table(150, buffers=150)
    for table in (runs, traced):
        for netmem in table.netmems[:135:1 + seed % 2]:
            assert table.mem.put(table.pool, netmem) == 0
    left = 150
    while left:
        ranges = [(rng.randrange(0, 160), rng.choice((1, 2, 9, 70))) for _ in range(rng.randrange(1, 4))]
        optval = np.frombuffer(np.asarray(ranges, "<u4").tobytes(), np.uint8)
        released = sock_devmem_dontneed(*runs.args, optval, len(optval))
        assert released == sock_devmem_dontneed(*traced.args[:-1], trace, optval, len(optval)) == runs.twin.dontneed(0, ranges)
        assert runs.tables() == traced.tables()
        left -= released
    told = events(trace, "dontneed", "page_pool_recycle")
    assert [event["frag_token"] for event in told if event["name"] == "dontneed"] and len(told) > 150
    assert all(before["netmem"] == event["netmem"] for before, event in zip(told, told[1:]) if event["name"] != "dontneed")
    runs.close()
    traced.close()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(ids=st.lists(st.one_of(st.integers(0, 60), st.integers(0, 2**32 - 1)), max_size=200))
def test_a_batch_returns_what_is_live_once_and_in_order(ids):
    table = Table(50)
    wanted = table.twin.dontneed_tokens(0, ids)
    assert sock_dontneed_tokens(*table.args, token_ids(ids), np.zeros(OPTVAL_BYTES, np.uint8)) == wanted
    table.check()
    table.close()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(runs=st.lists(st.tuples(st.integers(0, 2**32 - 2000), st.one_of(st.integers(1, 30), st.integers(1000, 1100))),
                     max_size=4), seed=st.integers(0, 3))
def test_packed_calls_name_every_token_once_in_order_and_keep_the_limits(runs, seed):
    ids = [start + j for start, count in runs for j in range(count)]
    if seed:
        random.Random(seed).shuffle(ids)
        ids = ids[:300]
    calls, at, optval = token_ranges(ids), 0, np.zeros(OPTVAL_BYTES, np.uint8)
    assert [int(start) + j for call in calls for start, count in call for j in range(count)] == ids
    for call in calls:
        assert 1 <= len(call) <= 128 and int(call[:, 1].sum()) <= 1024 and (call[:, 1] > 0).all()
        following, elements = pack_dontneed(token_ids(ids), at, optval)
        assert (elements, following - at) == (len(call), int(call[:, 1].sum()))
        at = following
    assert at == len(ids)


def test_what_is_no_token_is_named():
    for wrong in ([-1], [2**32], [1, 2, -7]):
        with pytest.raises(ValueError, match=f"{wrong[-1]} is no token"):
            token_ranges(wrong)


def test_case_50_the_lowest_free_number_is_handed_out():
    scene = scenes.start(pages=24, ring=8, trace=False)
    for message in (b"a", b"b", b"c"):
        scene.arrive(message)
    assert scenes.take(scene.conn).frag_token.tolist() == [1, 2, 3]
    assert scene.host.dontneed(scene.conn, [(2, 1)]) == 1
    scene.arrive(b"d")
    assert scenes.take(scene.conn).frag_token.tolist() == [2]
    scenes.close(scene)


def test_a_token_returned_twice_frees_the_one_that_got_its_number():
    """Q23."""
    scene = scenes.start(pages=24, ring=8, trace=False)
    scene.arrive(b"A" * 1000)
    first = scenes.take(scene.conn)
    assert scene.host.dontneed_tokens(scene.conn, first) == 1
    scene.arrive(b"B" * 1000)
    second = scenes.take(scene.conn)
    assert second.frag_token.tolist() == first.frag_token.tolist() and second.frag_offset[0] != first.frag_offset[0]
    assert scene.host.dontneed_tokens(scene.conn, first) == 1, "the kernel cannot know"
    assert scenes.octets_of(scene.device, second) == b"B" * 1000, "so far nobody has written there"
    assert scenes.overwrite(scene, int(second.frag_offset[0]), fill=b"C") > 0
    assert scenes.octets_of(scene.device, second) == b"C" * 1000
    scene.host.audit()
    scenes.close(scene)
