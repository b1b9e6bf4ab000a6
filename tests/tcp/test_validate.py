"""Which segments are believed: PAWS, challenge acknowledgements and their limit, resets in each state, TIME-WAIT."""

import pytest

from devmemlab.base.errno import EPIPE
from devmemlab.sock.uapi import SHUT_WR
from tests.scripts.kit import Script

DAY_MS = 86_400_000


@pytest.fixture
def s():
    with Script() as script:
        script.handshake()
        yield script
        script.host.audit()


@pytest.fixture
def stamped():
    with Script() as script:
        script.handshake(opt_timestamp=1, ts_val=1000)
        yield script


def test_challenges_are_limited_to_two_a_second(s):
    """RFC 5961 section 7; Linux tcp_invalid_ratelimit."""
    for at, answers in ((0, 1), (0, 0), (499, 0), (501, 1), (600, 0), (1002, 1)):
        s.at(at)
        s.inject("S", seq=1)
        assert len(s.forget()) == answers, at
        s.inject("R", seq=2)
        s.quiet()
    assert s.conn.state == "ESTABLISHED"


def test_bare_acknowledgements_outside_the_window_cannot_make_a_loop(s):
    for answers in (1, 0, 0):
        s.inject("A", seq=-5)
        assert len(s.forget()) == answers


def test_data_outside_the_window_are_always_answered(s):
    s.data(b"abc")
    s.forget()
    for _ in range(3):
        s.data(b"abc", seq=1)
        s.expect("A", ack=4, sack=[(1, 4)])


def test_a_stamp_of_24_days_ago_is_forgotten(stamped):
    """RFC 7323 section 5.5."""
    s = stamped
    s.ts = 2000
    s.data(b"new")
    s.forget()
    s.ts = 1500
    s.data(b"old")
    s.expect("A", ack=4)
    s.next = 4
    s.wait(24 * DAY_MS - 1000)
    s.data(b"old", seq=4)
    s.expect("A", ack=4)
    s.wait(1000)
    s.data(b"now", seq=4)
    s.expect("A", ack=7, ts_ecr=1500)
    assert s.recv() == b"newnow"


def test_an_acknowledgement_that_was_overtaken_is_no_reason_for_an_answer(stamped):
    s = stamped
    s.ts = 1100
    s.data(b"x")
    s.forget()
    s.ts = 1050
    s.inject("A")
    s.quiet()
    assert s.row.drops == 0 and s.row.ts_recent == 1100


def test_a_segment_with_an_old_stamp_is_not_taken_for_its_acknowledgement_either(stamped):
    s = stamped
    s.conn.send(b"data")
    s.wait(1)
    s.forget()
    s.ts = 900
    s.inject("A", ack=5)
    s.expect("A", ack=1)
    assert s.row.snd_una == s.row.iss + 1 & 0xFFFFFFFF


def test_a_reset_with_an_old_stamp_is_a_reset(stamped):
    """RFC 7323 section 5.2: PAWS does not look at resets."""
    stamped.ts = 1
    stamped.inject("R")
    assert stamped.conn.state == "CLOSE"


def test_a_reset_at_the_end_of_what_our_sack_told_is_exact(s):
    s.data(b"early", seq=101)
    s.forget()
    s.inject("R", seq=106)
    assert s.conn.state == "CLOSE"


@pytest.mark.parametrize("prepare, state, error", [
    ("F", "CLOSE_WAIT", EPIPE), ("close", "FIN_WAIT1", 0), ("close a", "FIN_WAIT2", 0), ("close F", "CLOSING", 0),
    ("F close", "LAST_ACK", 0), ("close a F", "TIME_WAIT", 0)])
def test_a_reset_ends_every_state(prepare, state, error):
    with Script() as s:
        s.handshake()
        acked = 1
        for word in prepare.split():
            if word == "close":
                s.call("shutdown", s.conn.shutdown, SHUT_WR)
            elif word == "a":
                acked = 2
                s.inject("A", ack=2)
            else:
                s.inject("FA", ack=acked)
        s.forget()
        row = s.row
        assert s.conn.state == state
        s.inject("R")
        s.quiet()
        assert s.conn.state == "CLOSE" and (error == 0 or row.error == error)
        assert s.host.tcbs.ctl[0].next_timer_ns >= 1 << 62 or s.host.tcbs.ctl[0].next_timer_ns <= s.lab.clock.now_ns + 1e11
        s.wait(100_000)
        s.quiet()
        s.call("close", s.conn.close)
        s.host.audit()
        assert s.host.tcbs.tcb[2].state == 0


def test_behind_the_peers_fin_a_reset_with_the_number_of_the_fin_counts(s):
    s.inject("FA")
    s.forget()
    s.inject("R", seq=1)
    assert s.conn.state == "CLOSE"


def time_wait(s):
    s.call("shutdown", s.conn.shutdown, SHUT_WR)
    s.inject("FA", ack=2)
    s.forget()
    assert s.conn.state == "TIME_WAIT"
    old = (s.iss, s.row.snd_nxt)
    s.iss = None
    return old


def test_a_later_syn_takes_the_place_of_time_wait(s):
    """RFC 1122 section 4.2.2.13: a later sequence number, and ours is later than all the old connection used."""
    _, used = time_wait(s)
    s.inject("S", seq=1000, opt_mss=1460)
    s.expect("SA", ack=1001)
    assert s.iss - used & 0xFFFFFFFF == 65537
    s.inject("A", seq=1001, ack=1)
    fresh, _ = s.call("accept", s.server.accept)
    s.inject("A", b"hello", seq=1001, ack=1)
    assert fresh.recv(10) == b"hello" and s.conn.state == "CLOSE"
    s.call("close", s.conn.close)


def test_an_older_syn_does_not(s):
    time_wait(s)
    s.inject("S", seq=-1000, opt_mss=1460)
    s.expect("A", ack=2)
    assert s.conn.state == "TIME_WAIT"


def test_a_later_stamp_is_enough():
    """RFC 6191."""
    with Script() as s:
        s.handshake(opt_timestamp=1, ts_val=1000)
        time_wait(s)
        s.inject("S", seq=-1000, ts_val=1000)
        s.forget()
        assert s.conn.state == "TIME_WAIT"
        s.inject("S", seq=-1000, ts_val=1001)
        assert s.forget()[-1]["flags"] == "SA" and s.conn.state == "CLOSE"


def test_without_a_listener_nothing_takes_the_place_of_time_wait(s):
    time_wait(s)
    s.call("close", s.server.close)
    s.inject("S", seq=1000)
    s.expect("A", ack=2)


@pytest.mark.parametrize("scale, window", [(14, 1 << 14), (200, 1 << 14), (0, 1)])
def test_a_window_scale_above_14_counts_as_14(scale, window):
    """RFC 7323 section 2.3."""
    with Script() as s:
        s.handshake(opt_wscale=scale)
        s.inject("A", window=1)
        assert s.row.snd_wnd == window


def test_nothing_is_taken_beyond_a_shut_window(s):
    """As a peer would probe it: one octet at the edge."""
    s.row.rcv_wnd = 0
    s.data(b"y", seq=1)
    s.expect("A", ack=1)
    assert s.row.drops == 1 and s.recv() == b""
    s.data(b"y", seq=1)
    assert s.recv() == b"y", "the answer opened the window"
