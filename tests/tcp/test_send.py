"""Sending: packet scripts for data, Nagle, loss recovery, probes and keepalive. Times are virtual; the round trip is chosen."""

import pytest

from devmemlab.base.errno import EPIPE, ETIMEDOUT
from devmemlab.host.tcp_options import (
    IPPROTO_TCP,
    TCP_CONGESTION,
    TCP_CORK,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_NODELAY,
    TCP_USER_TIMEOUT,
)
from devmemlab.sock.uapi import SO_KEEPALIVE, SO_SNDBUF, SOL_SOCKET
from tests.scripts.kit import Script

MSS = 1460
RTT = 20


def octets(first, length):
    return bytes((first + k) % 251 for k in range(length))


@pytest.fixture
def s():
    with Script() as script:
        yield script


def start(s, sack=1, **options):
    """A connection whose round trip takes 20 ms; the host has been told so by a first segment."""
    s.inject("S", opt_mss=MSS, opt_wscale=7, opt_sack_permitted=sack)
    s.expect("SA")
    s.ack = 1
    s.wait(RTT)
    s.inject("A")
    s.conn, _ = s.call("accept", s.server.accept)
    s.conn.settimeout(0)
    for (level, option), value in options.pop("set", {}).items():
        s.conn.setsockopt(level, option, value)
    s.forget()


def sent(s):
    """(sequence, payload length) of what the host sent."""
    return [(f["seq"], f["payload_bytes"]) for f in s.forget()]


def full(first, count):
    return [(1 + MSS * k, MSS) for k in range(first, first + count)]


def test_data_leaves_in_segments_and_the_last_is_pushed(s):
    start(s)
    s.call("send", s.conn.send, octets(0, 2 * MSS + 100), gives=2 * MSS + 100)
    frames = s.forget()
    assert [(f["seq"], f["payload_bytes"], "P" in f["flags"]) for f in frames] == [
        (1, MSS, False), (1 + MSS, MSS, False), (1 + 2 * MSS, 100, True)]
    assert b"".join(f["octets"][54:] for f in frames) == octets(0, 2 * MSS + 100)
    s.wait(RTT)
    s.inject("A", ack=1 + 2 * MSS + 100)
    s.quiet()
    assert s.row.sndq_head == 0 and s.row.wmem_queued == 0 and s.row.packets_out == 0
    s.host.audit()


def test_ten_packets_at_first_and_one_more_for_each_acknowledged(s):
    start(s)
    s.call("send", s.conn.send, octets(0, 40 * MSS))
    assert sent(s) == full(0, 10)
    s.wait(RTT)
    s.inject("A", ack=1 + 2 * MSS)
    assert sent(s) == full(10, 4), "slow start: two acknowledged, two for them and two more"


def test_the_peers_window_is_never_passed(s):
    start(s)
    s.inject("A", window=3)                             # 3 << 7 octets
    s.call("send", s.conn.send, octets(0, 1000))
    s.quiet()
    s.inject("A", window=8)
    assert sent(s) == [(1, 1000)]


def test_nagle_holds_a_second_small_segment_until_the_first_is_acknowledged(s):
    start(s)
    s.call("send", s.conn.send, b"one")
    assert sent(s) == [(1, 3)]
    s.call("send", s.conn.send, b"two")
    s.call("send", s.conn.send, b"three")
    s.quiet()
    s.wait(RTT)
    s.inject("A", ack=4)
    assert sent(s) == [(4, 8)]


def test_no_delay_sends_at_once_and_releases_what_waited(s):
    start(s)
    s.call("send", s.conn.send, b"one")
    s.call("send", s.conn.send, b"two")
    s.forget()
    s.call("nodelay", s.conn.setsockopt, IPPROTO_TCP, TCP_NODELAY, 1)
    assert sent(s) == [(4, 3)]
    s.call("send", s.conn.send, b"four")
    assert sent(s) == [(7, 4)]
    assert s.conn.getsockopt(IPPROTO_TCP, TCP_NODELAY) == 1


def test_a_cork_keeps_small_segments_until_it_is_pulled(s):
    start(s, set={(IPPROTO_TCP, TCP_CORK): 1})
    s.call("send", s.conn.send, octets(0, MSS + 10))
    assert sent(s) == [(1, MSS)]
    s.call("send", s.conn.send, b"x")
    s.quiet()
    s.call("uncork", s.conn.setsockopt, IPPROTO_TCP, TCP_CORK, 0)
    assert sent(s) == [(1 + MSS, 11)]


def test_the_timeout_doubles_until_the_user_timeout_ends_the_connection(s):
    start(s, sack=0, set={(IPPROTO_TCP, TCP_USER_TIMEOUT): 5000})
    s.call("send", s.conn.send, b"data")
    s.forget()
    times = []
    for _ in range(7000):
        s.wait(1)
        times += [round(f["at_ms"]) - RTT for f in s.forget()]
    gaps = [b - a for a, b in zip([0, *times], times)]
    assert gaps[:4] == [gaps[0] << k for k in range(4)] and 200 <= gaps[0] <= 300
    s.call("send", s.conn.send, b"more", raises=ETIMEDOUT)
    s.call("send", s.conn.send, b"more", raises=EPIPE)
    s.host.audit()


def test_three_duplicate_acks_repair_a_hole_without_sack(s):
    start(s, sack=0)
    s.call("send", s.conn.send, octets(0, 10 * MSS))
    s.forget()
    s.wait(RTT)
    for _ in range(2):
        s.inject("A", ack=1)
        s.quiet()
    s.inject("A", ack=1)
    assert sent(s)[0] == (1, MSS), "fast retransmit (RFC 5681)"
    assert s.row.ca_state == 3 and s.row.ssthresh == 7
    s.wait(RTT)
    s.inject("A", ack=1 + 2 * MSS)
    assert (1 + 2 * MSS, MSS) in sent(s), "a partial acknowledgement shows the next hole (RFC 6582)"
    s.wait(RTT)
    s.inject("A", ack=1 + 10 * MSS)
    assert s.row.ca_state == 0 and s.row.packets_out == 0 and s.row.cwnd <= 8
    s.quiet()


def sack(s, ack, *blocks):
    """An acknowledgement with SACK blocks, in octets from the start of the stream."""
    fields = {"sack_count": len(blocks)}
    for k, (a, b) in enumerate(blocks):
        fields[f"sack_{k}_start"] = s.iss + 1 + a & 0xFFFFFFFF
        fields[f"sack_{k}_end"] = s.iss + 1 + b & 0xFFFFFFFF
    s.inject("A", ack=1 + ack, **fields)


def test_sack_repairs_every_hole_in_one_round_trip(s):
    start(s)
    s.call("send", s.conn.send, octets(0, 10 * MSS))
    s.forget()
    s.wait(RTT)
    sack(s, 0, (MSS, 2 * MSS))
    s.quiet()
    sack(s, 0, (MSS, 2 * MSS), (3 * MSS, 5 * MSS))
    assert sent(s) == [(1, MSS), (1 + 2 * MSS, MSS)], "three out of order: both holes are lost; two were delivered, two go"
    sack(s, 0, (MSS, 2 * MSS), (3 * MSS, 10 * MSS))
    s.quiet()
    s.wait(RTT)
    s.inject("A", ack=1 + 10 * MSS)
    assert s.row.ca_state == 0 and s.row.total_retrans == 2 and s.row.ssthresh == 7
    s.quiet()
    s.host.audit()


def test_a_duplicate_report_undoes_a_needless_recovery(s):
    start(s)
    s.call("send", s.conn.send, octets(0, 10 * MSS))
    s.forget()
    s.wait(RTT)
    sack(s, 0, (MSS, 4 * MSS))
    assert (1, MSS) in sent(s) and s.row.ca_state == 3
    s.inject("A", ack=1 + 10 * MSS)                     # the first was only late
    sack(s, 10 * MSS, (0, MSS))                         # and its copy came twice
    assert s.row.dsack_dups == 1 and s.row.rack_reordered == 1
    s.call("send", s.conn.send, octets(0, MSS))
    assert sent(s) == [(1 + 10 * MSS, MSS)]


def test_the_tail_is_probed_before_the_timeout(s):
    start(s)
    s.call("send", s.conn.send, octets(0, 3 * MSS))
    s.forget()
    s.wait(2 * RTT + 3)
    assert sent(s) == [(1 + 2 * MSS, MSS)], "RFC 8985: the last segment again, two round trips later"
    s.wait(RTT)
    sack(s, 0, (2 * MSS, 3 * MSS))
    assert sent(s) == full(0, 1), "the two before it are lost; one was delivered, so one goes (RFC 6937)"
    s.wait(RTT)
    s.inject("A", ack=1 + MSS)
    assert sent(s) == full(1, 1)


def test_a_shut_window_is_probed_with_growing_waits(s):
    start(s)
    s.inject("A", window=0)
    s.call("send", s.conn.send, b"data")
    s.quiet()
    seen = []
    for _ in range(2000):
        s.wait(1)
        for frame in s.forget():
            assert (frame["seq"], frame["payload_bytes"]) == (0, 0), "an old sequence number asks for an answer"
            seen.append(frame["at_ms"])
            s.inject("A", window=0)
    gaps = [b - a for a, b in zip(seen, seen[1:])]
    assert len(seen) >= 3 and all(b > 1.5 * a for a, b in zip(gaps, gaps[1:]))
    s.inject("A", window=100)
    assert sent(s) == [(1, 4)]


def test_keepalive_asks_a_silent_peer_and_gives_up(s):
    start(s, set={(IPPROTO_TCP, TCP_KEEPIDLE): 10, (IPPROTO_TCP, TCP_KEEPINTVL): 2, (IPPROTO_TCP, TCP_KEEPCNT): 3,
                  (SOL_SOCKET, SO_KEEPALIVE): 1})
    s.wait(9_990)
    s.quiet()
    s.wait(20)
    assert sent(s) == [(0, 0)]
    s.inject("A")
    s.wait(9_900)
    s.quiet()
    s.wait(10_000)
    frames = s.forget()
    assert [f["flags"] for f in frames] == ["A", "A", "A", "RA"]
    s.call("recv", s.conn.recv, 10, raises=ETIMEDOUT)


def test_everything_written_leaves_before_the_fin(s):
    start(s)
    s.call("send", s.conn.send, octets(0, 20 * MSS + 5))
    s.call("close", s.conn.close)
    row = s.host.tcbs.tcb[2]
    assert sent(s) == full(0, 10)
    at = 10
    while row.sndq_head:
        s.wait(RTT)
        s.inject("A", ack=1 + at * MSS if at <= 20 else 1 + 20 * MSS + 6)
        for frame in s.forget():
            at += frame["payload_bytes"] > 0
            last = frame
    assert last["flags"] == "FPA" and last["payload_bytes"] == 5
    s.host.audit()


def test_a_full_send_buffer_takes_what_fits(s):
    start(s, set={(SOL_SOCKET, SO_SNDBUF): 10_000})
    taken = s.call("send", s.conn.send, octets(0, 100_000))
    assert 10_000 < taken < 40_000
    with pytest.raises(BlockingIOError):
        s.conn.send(b"x")
    while s.row.wmem_queued > 10_000:
        s.inject("A", ack=max(a + n for a, n in sent(s)))
    assert s.conn.send(b"x") == 1


def test_options_are_checked(s):
    start(s)
    for option, value in ((TCP_KEEPIDLE, 0), (TCP_KEEPCNT, 128)):
        with pytest.raises(OSError, match="is not from"):
            s.conn.setsockopt(IPPROTO_TCP, option, value)
    with pytest.raises(OSError, match="cubic, reno"):
        s.conn.setsockopt(IPPROTO_TCP, TCP_CONGESTION, b"bbr")
    s.conn.setsockopt(IPPROTO_TCP, TCP_CONGESTION, b"reno\0")
    assert s.conn.getsockopt(IPPROTO_TCP, TCP_CONGESTION) == b"reno"
