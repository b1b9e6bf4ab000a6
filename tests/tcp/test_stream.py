"""Any cutting, order, repetition and overlap of a stream delivers the stream, in host and device memory alike."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.naive.tcp_reassembly import NaiveReassembly
from tests.scripts.kit import Script

TOTAL = 400
STREAM = random.Random(7).randbytes(TOTAL)

pieces = st.lists(st.tuples(st.integers(0, TOTAL - 1), st.integers(1, 120)), min_size=1, max_size=20)


def cover(chosen, seed):
    """The chosen pieces, and in some order among them enough to fill every hole."""
    parts = [(first, min(length, TOTAL - first)) for first, length in chosen]
    fill = [(first, min(60, TOTAL - first)) for first in range(0, TOTAL, 60)]
    random.Random(seed).shuffle(fill)
    together = parts + fill
    random.Random(seed + 1).shuffle(together)
    return together


def play(s, parts, reads):
    """Give the parts to a connection; returns the stream received and the frames sent."""
    naive, got, sent = NaiveReassembly(), b"", []
    for number, (first, length) in enumerate(parts):
        s.data(STREAM[first:first + length], seq=1 + first)
        twice = naive.duplicate(first, length)
        naive.arrive(first, length)
        answers = s.forget()
        sent += answers
        assert int(s.row.rcv_nxt - s.row.irs - 1) % (1 << 32) == naive.reached
        if answers:
            blocks = [(start - 1, end - 1) for start, end in answers[-1]["sack"]]
            most = 4
            if twice:
                assert twice == blocks.pop(0), "the first stretch that came twice is reported first (RFC 2883)"
                most = 3
            assert set(blocks) <= set(naive.blocks()) and len(blocks) == min(most, len(naive.blocks()))
            assert answers[-1]["ack"] == naive.reached + 1
            if blocks and first > naive.reached:
                assert blocks[0][0] <= first < blocks[0][1] or first + length <= blocks[0][1]
        if number in reads:
            got += s.drain()
            sent += s.forget()
    got += s.drain()
    sent += s.forget()
    assert got == STREAM
    assert s.row.ofo_count == 0 == s.row.rmem_alloc and s.row.bytes_received == TOTAL
    assert s.host.audit().netmems_in_flight == 0
    return sent


@given(pieces, st.integers(0, 1000), st.sets(st.integers(0, 26), max_size=4), st.sampled_from([0, 0xFFFF_FF00, 0x7FFF_FFF0]))
def test_the_stream_arrives_and_both_memories_make_the_peer_hear_the_same(chosen, seed, reads, isn):
    heard = []
    for device in (False, True):
        with Script(device=device, isn=isn, split=True) as s:
            s.handshake()
            heard.append([frame["octets"] for frame in play(s, cover(chosen, seed), reads)])
    assert heard[0] == heard[1]
