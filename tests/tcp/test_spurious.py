"""Losses that were none, probes that repaired one, idle times, and peers that stay silent with a shut window."""

import pytest

from devmemlab.base.errno import ETIMEDOUT
from devmemlab.host.tcp_options import IPPROTO_TCP, TCP_USER_TIMEOUT
from devmemlab.sock.uapi import MSG_MORE
from tests.scripts.kit import Script
from tests.tcp.test_send import MSS, RTT, full, octets, sack, sent, start

OPEN, DISORDER, CWR, RECOVERY, LOSS = range(5)


@pytest.fixture
def s():
    with Script() as script:
        yield script
        script.host.audit()


def time_out(s, permitted=0, packets=6):
    """Everything is late: the first segment is sent again by the timeout."""
    start(s, sack=permitted)
    s.call("send", s.conn.send, octets(0, 60 * MSS))
    s.forget()
    s.inject("A", ack=1 + packets * MSS)
    s.forget()
    s.wait(1000 if permitted else 300)
    assert (1 + packets * MSS, MSS) in sent(s) and s.row.ca_state == LOSS


def test_forward_rto_sends_new_data_and_finds_the_timeout_needless(s):
    """RFC 5682 section 2.1 steps 2b and 3b."""
    time_out(s)
    before = int(s.row.prior_cwnd)
    s.inject("A", ack=1 + 7 * MSS)
    assert min(seq for seq, _ in sent(s)) == 1 + 22 * MSS, "new data, not old"
    s.inject("A", ack=1 + 8 * MSS)
    assert s.row.ca_state == OPEN and s.row.cwnd >= before and s.row.lost_out == 0


def test_forward_rto_believes_the_loss_when_a_duplicate_comes(s):
    """RFC 5682 section 2.1 step 3a."""
    time_out(s)
    s.inject("A", ack=1 + 7 * MSS)
    s.forget()
    s.inject("A", ack=1 + 7 * MSS)
    assert s.row.ca_state == LOSS and s.row.frto == 0
    assert (1 + 7 * MSS, MSS) in sent(s)


def test_a_second_timeout_leaves_no_doubt(s):
    time_out(s)
    s.wait(1000)
    assert s.row.frto == 0 and s.row.retries >= 2


def test_the_threshold_falls_once_for_a_row_of_timeouts(s):
    time_out(s)
    threshold = int(s.row.ssthresh)
    s.wait(2000)
    assert s.row.ssthresh == threshold and s.row.retries >= 2


def test_a_report_that_comes_after_all_was_acknowledged_gives_the_window_back(s):
    start(s)
    s.call("send", s.conn.send, octets(0, 10 * MSS))
    s.forget()
    s.wait(RTT)
    sack(s, 0, (MSS, 4 * MSS))
    assert (1, MSS) in sent(s) and s.row.ca_state == RECOVERY and s.row.ssthresh == 7
    s.inject("A", ack=1 + 10 * MSS)
    assert s.row.cwnd in (7, 8) and s.row.ca_state == OPEN
    sack(s, 10 * MSS, (0, MSS))
    assert s.row.cwnd >= 10 and s.row.ssthresh > 7


def test_an_echo_of_before_the_retransmission_undoes_at_once(s):
    """RFC 3522 (Eifel)."""
    s.inject("S", opt_mss=MSS, opt_wscale=7, opt_sack_permitted=1, opt_timestamp=1, ts_val=1)
    s.expect("SA")
    s.ack, s.ts = 1, 1
    s.wait(RTT)
    s.inject("A", ts_ecr=0)
    s.conn, _ = s.call("accept", s.server.accept)
    s.conn.settimeout(0)
    length = int(s.row.mss_now)
    s.call("send", s.conn.send, octets(0, 10 * length))
    stamp = s.forget()[0]["ts_val"]
    s.wait(RTT)
    sack(s, 0, (length, 4 * length))
    assert (1, length) in sent(s) and s.row.ca_state == RECOVERY
    s.wait(1)
    s.inject("A", ack=1 + 4 * length, ts_ecr=stamp)
    assert s.row.ca_state == OPEN and s.row.cwnd >= 10 and s.row.lost_out == 0


def test_a_tail_probe_that_repaired_a_loss_costs_window(s):
    """RFC 8985 section 7.4."""
    start(s)
    s.call("send", s.conn.send, octets(0, 3 * MSS))
    s.forget()
    s.inject("A", ack=1 + 2 * MSS)
    s.wait(300)
    assert (1 + 2 * MSS, MSS) in sent(s) and s.row.tlp_high_seq
    s.call("send", s.conn.send, octets(0, MSS))
    s.inject("A", ack=1 + 4 * MSS)
    assert s.row.ssthresh < 100 and s.row.tlp_high_seq == 0


def test_a_tail_probe_that_came_twice_costs_nothing(s):
    start(s)
    s.call("send", s.conn.send, octets(0, 3 * MSS))
    s.forget()
    s.wait(2 * RTT + 3)
    assert sent(s) == full(2, 1)
    s.inject("A", ack=1 + 3 * MSS)
    sack(s, 3 * MSS, (2 * MSS, 3 * MSS))
    assert s.row.tlp_high_seq == 0 and s.row.ssthresh > 100 and s.row.cwnd >= 10


def test_a_peer_that_forgets_what_it_reported_gets_it_again(s):
    """RFC 2018 section 8: a report may be taken back."""
    start(s)
    s.call("send", s.conn.send, octets(0, 4 * MSS))
    s.forget()
    s.wait(1)
    sack(s, 0, (MSS, 4 * MSS))
    s.forget()
    s.inject("A", ack=1 + MSS)
    s.wait(5000)
    assert s.row.sacked_out == 0
    again = sent(s)
    s.inject("A", ack=1 + 2 * MSS)
    s.inject("A", ack=1 + 3 * MSS)
    again += sent(s)
    assert {1 + MSS, 1 + 2 * MSS, 1 + 3 * MSS} <= {seq for seq, _ in again}


def test_an_idle_connection_begins_again_with_the_initial_window(s):
    """RFC 2861."""
    start(s)
    s.call("send", s.conn.send, octets(0, 40 * MSS))
    s.forget()
    s.inject("A", ack=1 + 10 * MSS)
    s.inject("A", ack=1 + 30 * MSS)
    s.inject("A", ack=1 + 40 * MSS)
    grown = int(s.row.cwnd)
    assert grown > 20
    s.forget()
    s.wait(100)
    s.call("send", s.conn.send, octets(0, MSS))
    assert s.row.cwnd == grown, "less than a timeout"
    s.inject("A", ack=1 + 41 * MSS)
    s.wait(20_000)
    s.forget()
    s.call("send", s.conn.send, octets(0, 40 * MSS))
    assert len(sent(s)) == 10 and s.row.ssthresh >= grown * 3 // 4 - 1


def test_the_users_timeout_counts_from_the_first_retransmission_not_from_the_last_word(s):
    start(s, sack=0, set={(IPPROTO_TCP, TCP_USER_TIMEOUT): 3000})
    s.wait(60_000)
    s.call("send", s.conn.send, b"data")
    s.wait(2900)
    assert len(s.forget()) >= 3 and s.conn.state == "ESTABLISHED"
    s.wait(500)
    s.call("send", s.conn.send, b"more", raises=ETIMEDOUT)


def test_waiting_for_a_shut_window_does_not_lengthen_the_timeout(s):
    start(s)
    rto = int(s.row.rto_ns)
    s.inject("A", window=0)
    s.call("send", s.conn.send, b"data")
    for _ in range(8):
        s.wait(300)
        if s.forget():
            s.inject("A", window=0)
    s.inject("A", window=100)
    assert sent(s) == [(1, 4)] and s.row.rto_ns == rto


def test_more_to_come_holds_a_small_segment(s):
    start(s)
    s.call("send", s.conn.send, b"one", MSG_MORE)
    s.quiet()
    s.call("send", s.conn.send, b"two")
    assert sent(s) == [(1, 6)]
