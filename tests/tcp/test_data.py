"""Data in order, early, late, twice and outside: acknowledgements to the octet, as packet scripts."""

import pytest

from tests.scripts.kit import Script

STREAM = bytes(k * 7 % 251 for k in range(5000))


@pytest.fixture(params=[False, True], ids=["host", "device"])
def s(request):
    with Script(device=request.param) as script:
        script.handshake()
        yield script
        script.host.audit()


def part(first, length):
    return STREAM[first:first + length]


def quick_over(s):
    """Spend the sixteen immediate acknowledgements that a connection begins with."""
    s.row.quickack = 0


def test_the_first_segments_are_acknowledged_at_once(s):
    for k in range(4):
        s.data(part(k * 100, 100))
        s.expect("A", seq=1, ack=101 + k * 100, sack=[])
    assert s.drain() == part(0, 400)


def test_later_a_small_segment_waits_40_ms_for_its_acknowledgement(s):
    quick_over(s)
    s.at(100)
    s.data(b"x")
    s.at(139.9)
    s.quiet()
    s.at(140)
    s.expect("A", ack=2, at_ms=140)
    s.wait(1000)
    s.quiet()


def test_two_full_segments_are_acknowledged_at_once(s):
    quick_over(s)
    s.data(part(0, 1400))
    s.quiet()
    s.data(part(1400, 1400))
    s.expect("A", ack=2801)
    s.wait(100)
    s.quiet()


def test_a_burst_is_acknowledged_by_one_segment(s):
    octets = [s.segment("A", part(k * 500, 500), seq=1 + k * 500) for k in range(5)]
    for one in octets:
        s.port.inject(one, at_ns=s.lab.clock.now_ns)
    s.lab.run(until_ns=s.lab.clock.now_ns)
    s._collect()
    s.expect("A", ack=2501)
    s.quiet()
    assert s.drain() == part(0, 2500)


def test_early_segments_give_sack_blocks_the_newest_first(s):
    s.data(part(100, 100), seq=101)
    s.expect("A", ack=1, sack=[(101, 201)])
    s.data(part(500, 100), seq=501)
    s.expect("A", ack=1, sack=[(501, 601), (101, 201)])
    s.data(part(300, 100), seq=301)
    s.expect("A", ack=1, sack=[(301, 401), (501, 601), (101, 201)])
    s.data(part(200, 100), seq=201)
    s.expect("A", ack=1, sack=[(101, 401), (501, 601)])
    s.data(part(700, 100), seq=701)
    s.expect("A", ack=1, sack=[(701, 801), (101, 401), (501, 601)])
    s.data(part(900, 100), seq=901)
    s.expect("A", ack=1, sack=[(901, 1001), (701, 801), (101, 401), (501, 601)])
    s.data(part(1100, 100), seq=1101)
    assert s.expect("A", ack=1)["sack_count"] == 4
    s.data(part(0, 100), seq=1)
    s.expect("A", ack=401, sack=[(1101, 1201), (901, 1001), (701, 801), (501, 601)])
    assert s.drain() == part(0, 400)
    for first in (400, 600, 800, 1000):
        s.data(part(first, 100), seq=1 + first)
    s.forget()
    assert s.drain() == part(400, 800)
    assert s.row.ofo_head == 0 and s.row.rmem_alloc == 0


def test_with_timestamps_only_three_sack_blocks_fit():
    with Script() as s:
        s.handshake(opt_timestamp=1)
        for k in range(1, 6):
            s.data(part(200 * k, 100), seq=1 + 200 * k)
        assert s.forget()[-1]["sack"] == [(1001, 1101), (801, 901), (601, 701)]


def test_without_sack_permission_early_data_gets_plain_acknowledgements():
    with Script() as s:
        s.handshake(opt_sack_permitted=0)
        s.data(part(100, 100), seq=101)
        s.expect("A", ack=1, sack=[])


def test_a_segment_that_came_before_is_acknowledged_and_dropped(s):
    s.data(part(0, 200))
    s.expect("A", ack=201)
    s.data(part(0, 200), seq=1)
    s.expect("A", ack=201)
    s.data(part(50, 100), seq=51)
    s.expect("A", ack=201)
    assert s.drain() == part(0, 200)


def test_a_segment_that_overlaps_what_came_before_brings_its_new_part(s):
    s.data(part(0, 200))
    s.expect("A", ack=201)
    s.data(part(150, 150), seq=151)
    s.expect("A", ack=301)
    assert s.drain() == part(0, 300)
    assert s.row.bytes_received == 300 == s.row.bytes_copied


def test_an_early_segment_that_is_covered_goes_and_one_that_covers_replaces(s):
    s.data(part(200, 300), seq=201)
    s.expect("A", sack=[(201, 501)])
    s.data(part(250, 100), seq=251)
    s.expect("A", sack=[(251, 351), (201, 501)])
    assert s.row.ofo_count == 1
    s.data(part(200, 100), seq=201)
    s.data(part(400, 100), seq=401)
    assert s.row.ofo_count == 1
    s.data(part(100, 500), seq=101)
    assert s.forget()[-1]["sack"] == [(201, 501), (101, 601)] and s.row.ofo_count == 1
    s.data(part(0, 100), seq=1)
    s.expect("A", ack=601, sack=[])
    assert s.drain() == part(0, 600)


def test_an_early_segment_with_the_same_start_and_more_octets_replaces_too(s):
    """Linux net/ipv4/tcp_input.c, tcp_data_queue_ofo: what begins with an early segment and reaches further takes its place."""
    s.data(b"A" * 10, seq=11)
    s.data(b"B" * 20, seq=11)
    assert s.row.ofo_count == 1
    s.data(b"C" * 10, seq=1)
    s.forget()
    assert s.drain() == b"C" * 10 + b"B" * 20


def test_octets_that_came_first_stay_where_segments_overlap_partly(s):
    s.data(b"A" * 10, seq=11)
    s.data(b"B" * 10, seq=16)
    s.data(b"C" * 12, seq=1)
    s.forget()
    assert s.drain() == b"C" * 12 + b"A" * 8 + b"B" * 5


def test_what_lies_outside_the_window_is_answered_and_dropped(s):
    for beyond in (0, 1, 100_000):
        s.data(b"outside", seq=1 + int(s.row.rcv_wnd) + beyond)
        s.expect("A", seq=1, ack=1, sack=[])
    s.data(b"old", seq=-100_000)
    s.expect("A", seq=1, ack=1, sack=[(-100_000 & 0xFFFF_FFFF, -99_997 & 0xFFFF_FFFF)])
    assert s.drain() == b"" and s.row.drops == 4
    s.data(b"inside")
    assert s.drain() == b"inside"


def test_sequence_numbers_wrap():
    for device in (False, True):
        with Script(device=device, isn=0xFFFF_FFFF - 700) as s:
            s.handshake()
            order = [3, 0, 2, 1, 5, 4, 7, 6]
            for k in order:
                s.data(part(k * 200, 200), seq=1 + k * 200)
            assert s.forget()[-1]["ack"] == 1601 and s.drain() == part(0, 1600)


def test_paws_drops_what_is_older_than_what_was_seen():
    with Script() as s:
        s.handshake(opt_timestamp=1, ts_val=1000)
        s.ts = 1005
        s.data(b"one")
        s.expect("A", ack=4, ts_ecr=1005)
        s.ts = 1003
        s.data(b"old", seq=4)
        s.expect("A", ack=4, ts_ecr=1005)
        s.ts = 1004                                     # one tick back: segments of neighbouring ticks changed places
        s.data(b"two", seq=4)
        s.expect("A", ack=7, ts_ecr=1005)
        assert s.recv() == b"onetwo"


def test_timestamps_wrap_too():
    with Script() as s:
        s.handshake(opt_timestamp=1, ts_val=0xFFFFFFFE)
        s.ts = 3
        s.data(b"one")
        s.expect("A", ack=4, ts_ecr=3)
        s.ts = 0xFFFFFFFF
        s.data(b"two", seq=4)
        s.expect("A", ack=4)
        assert s.recv() == b"one"


def test_the_echo_stays_at_the_segment_that_filled_the_hole():
    with Script() as s:
        s.handshake(opt_timestamp=1, ts_val=10)
        s.ts = 30
        s.data(b"early", seq=4)
        s.expect("A", ack=1, ts_ecr=10)
        s.ts = 20
        s.data(b"one", seq=1)
        s.expect("A", ack=9, ts_ecr=20)


def test_the_stamp_of_an_answer_is_virtual_milliseconds():
    with Script() as s:
        s.handshake(opt_timestamp=1)
        s.at(1234)
        s.data(b"x")
        s.expect("A", ts_val=1234)


def test_a_segment_without_ack_and_a_null_segment_are_dropped(s):
    s.inject("P", b"data", seq=1)
    s.quiet()
    s.inject(".", b"data", seq=1)
    s.quiet()
    assert s.drain() == b""


def test_an_acknowledgement_of_the_future_is_answered_and_its_data_dropped(s):
    s.inject("A", b"data", seq=1, ack=50)
    s.expect("A", seq=1, ack=1)
    assert s.drain() == b""


def test_a_syn_in_the_window_gets_a_challenge(s):
    s.inject("S", seq=1)
    s.expect("A", seq=1, ack=1)
    s.wait(500)
    s.inject("SA", seq=1)
    s.expect("A", seq=1, ack=1)
    assert s.conn.state == "ESTABLISHED"
    s.data(b"on")
    assert s.drain() == b"on"


def test_a_keepalive_probe_is_answered(s):
    s.data(b"abc")
    s.expect("A", ack=4)
    s.inject("A", seq=3)
    s.expect("A", ack=4)
    s.inject("A", b"c", seq=3)
    s.expect("A", ack=4)
