"""The sending half against scripts from the RFCs: timeouts, loss recovery, windows, wraps, odd options of a peer."""

import pytest

from tests.tcp.outsider import MS, SACK_OK, Wire, mss, sack_option, stamp, wscale

RTT = 100


def connected(wire, rtt=RTT, window=65535, **more):
    """The host called; the round-trip time of the handshake is known: RTO = 100 + max(200, 4 * 50) = 300 ms."""
    peer = wire.peer()
    peer.window = window
    peer.call()
    wire.run(rtt)
    peer.one(peer.send("SA", 0, 1, options=more.pop("options", peer.syn_options), **more), flags="A", seq=1, ack=1)
    peer.stamps = wire.stamps
    return peer


def times(peer, ms, step=1):
    """What is sent in so many ms, as (ms from now, seq, length)."""
    began = peer.wire.now_ns / MS
    peer.wire.run(ms)
    return [(round(s.at_ms - began, 3), s.seq, s.length) for s in peer.take()]


def write(peer, octets):
    peer.conn.send(bytes(octets) if isinstance(octets, int) else octets)
    peer.wire.run()
    return [(s.seq, s.length) for s in peer.take()]


@pytest.fixture
def bare():
    """Neither SACK nor timestamps nor scaling: RFC 6298 and RFC 6582 alone."""
    with Wire(sack=False, scale=None) as wire:
        yield wire


@pytest.fixture
def sacked():
    with Wire(scale=None) as wire:
        yield wire


def test_the_timeout_doubles_and_stays_doubled_until_a_segment_that_was_sent_once_is_acknowledged(bare):
    """RFC 6298 section 5; Karn: what was sent twice measures nothing."""
    peer = connected(bare)
    assert write(peer, 10) == [(1, 10)]
    assert times(peer, 2200) == [(300, 1, 10), (900, 1, 10), (2100, 1, 10)]
    assert peer.send("A", 1, 11) == []
    assert write(peer, 10) == [(11, 10)]
    assert times(peer, 2399) == [] and times(peer, 1) == [(1, 11, 10)]
    assert peer.send("A", 1, 21) == []
    assert write(peer, 10) == [(21, 10)]
    bare.run(RTT)
    assert peer.send("A", 1, 31) == [], "a sample of 100 ms ends the backoff"
    assert write(peer, 10) == [(31, 10)]
    assert [at for at, _, _ in times(peer, 500)] == [300]


def test_a_timer_is_started_again_by_an_acknowledgement_of_new_data(bare):
    """RFC 6298 section 5.3."""
    peer = connected(bare)
    assert write(peer, 1460 * 3) == [(1, 1460), (1461, 1460), (2921, 1460)]
    bare.run(RTT)
    peer.send("A", 1, 1461)
    assert times(peer, 290) == []
    assert times(peer, 30)[0][1:] == (1461, 1460)


@pytest.mark.parametrize("lost, cwnd", [(1, 10), (2, 1)])
def test_a_syn_that_was_lost_costs_the_timeout_and_two_the_window(bare, lost, cwnd):
    """RFC 6298 section 5.7, RFC 5681 section 3.1."""
    peer = bare.peer()
    peer.call()
    assert len(times(peer, 1000 if lost == 1 else 3000)) == lost
    peer.one(peer.send("SA", 0, 1, options=mss(1460)), flags="A", seq=1)
    assert len(write(peer, 1460 * 12)) == cwnd
    assert times(peer, 2999) == [] and times(peer, 1) == [(1, 1, 1460)]


def test_limited_transmit_fast_retransmit_and_the_partial_acknowledgement(bare):
    """RFC 3042, RFC 5681 section 3.2, RFC 6582 section 3.2 step 3."""
    peer = connected(bare)
    assert len(write(peer, 1460 * 14)) == 10
    assert [(s.seq, s.length) for k in range(2) for s in peer.send("A", 1, 1)] == [(14601, 1460), (16061, 1460)]
    assert [s.seq for s in peer.send("A", 1, 1)][:1] == [1]
    for _ in range(5):
        peer.send("A", 1, 1)
    partial = peer.send("A", 1, 4381)
    assert partial[0].seq == 4381, "the next hole, without three more duplicates"
    peer.send("A", 1, 17521)
    bare.run(1)
    assert write(peer, 1460)[-1][1] == 1460


def test_an_acknowledgement_with_data_or_another_window_is_no_duplicate(bare):
    """RFC 5681 section 2."""
    peer = connected(bare)
    write(peer, 1460 * 5)
    for k in range(4):
        assert all(s.length == 0 for s in peer.send("A", 1, 1, window=60000 + k))
    for k in range(4):
        assert all(s.length == 0 for s in peer.send("PA", 1 + k, 1, b"z", window=60003))
    peer.send("A", 5, 1, window=60003)
    peer.send("A", 5, 1, window=60003)
    assert [s.seq for s in peer.send("A", 5, 1, window=60003)] == [1]


def test_sack_fills_every_hole_once(sacked):
    """RFC 6675 with RFC 8985: three segments beyond a hole say that it is one."""
    peer = connected(sacked)
    assert len(write(peer, 1460 * 10)) == 10
    sacked.run(RTT)
    at = [1 + 1460 * k for k in range(11)]
    base = peer.iss
    for hole in (2, 3):
        peer.send("A", 1, 1, options=sack_option([(base + at[1], base + at[hole])]))
    sent = peer.send("A", 1, 1, options=sack_option([(base + at[1], base + at[4])]))
    assert [s.seq for s in sent] == [1]
    sent = peer.send("A", 1, 1, options=sack_option([(base + at[6], base + at[9]), (base + at[1], base + at[4])]))
    again = [s.seq for s in sent]
    for _ in range(2):
        sacked.run(1)
        again += [s.seq for s in peer.take()]
    assert set(again) <= {at[4], at[5]} and len(again) == len(set(again))
    sacked.run(RTT)
    more = [s.seq for s in peer.take()]
    more += [s.seq for s in peer.send("A", 1, at[4], options=sack_option([(base + at[6], base + at[9])]))]
    assert {at[4], at[5]} <= set(again + more), "both segments of the second hole went again"
    assert at[6] not in again + more and at[7] not in again + more, "what was reported is not sent again"


def test_nonsense_in_sack_blocks_changes_nothing(sacked):
    peer = connected(sacked)
    write(peer, 1460 * 6)
    base = peer.iss
    for blocks in ([(base + 5000, base + 3000)], [(base + 1, base + 1)], [(base + 90000, base + 95000)],
                   [(base - 5000, base - 100)],
                   [(base + 2921, base + 2921 + (1 << 31))], [(0, 0xFFFFFFFF)] * 4):
        assert all(s.length == 0 for s in peer.send("A", 1, 1, options=sack_option(blocks)))
    assert peer.send("A", 1, 8761) == [] and len(write(peer, 100)) == 1


def test_the_tail_is_probed_once_then_the_timeout_comes(sacked):
    """RFC 8985 section 7.2: two round trips and a little; for a lone segment also what a delayed acknowledgement takes."""
    peer = connected(sacked)
    write(peer, 1460 * 2)
    found = times(peer, 1000)
    assert found[0] == (202, 1461, 1460), "the last segment is the probe"
    assert found[1] == (502, 1, 1460), "then the timeout, the first segment again"


def test_a_shut_window_is_probed_below_the_window(bare):
    """RFC 9293 section 3.8.6.1; Linux probes with an old sequence number and no octet."""
    peer = connected(bare, window=0)
    assert write(peer, 500) == []
    found = times(peer, 2200)
    assert found == [(300, 0, 0), (900, 0, 0), (2100, 0, 0)]
    assert [(s.seq, s.length) for s in peer.send("A", 1, 1, window=4000)] == [(1, 500)]


def test_old_segments_do_not_change_the_window(bare):
    """RFC 9293 section 3.10.7.4: SND.WL1 and SND.WL2."""
    peer = connected(bare, window=2000)
    peer.send("PA", 1, 1, b"later", window=0)
    peer.send("A", 1, 1, window=9000)
    assert write(peer, 100) == [], "the later segment said 0"
    assert [(s.seq, s.length) for s in peer.send("A", 6, 1, window=9000)] == [(1, 100)]


def test_numbers_wrap_while_data_are_out_and_lost(sacked):
    sacked.host.tcbs.ctl[0].iss_next = 0xFFFF_FFFF - 2000
    peer = connected(sacked)
    assert peer.iss == 0xFFFF_FFFF - 2000
    assert len(write(peer, 1460 * 6)) == 6
    sacked.run(RTT)
    sent = peer.send("A", 1, 1461, options=sack_option([(peer.iss + 2921, peer.iss + 8761)]))
    assert [(s.seq, s.length) for s in sent] == [(1461, 1460)]
    assert peer.send("A", 1, 8761) == [] and write(peer, 10) == [(8761, 10)]
    assert peer.send("A", 1, 8771) == [] and peer.shut()[0].seq == 8771


def test_timestamps_wrap_in_the_middle_of_a_connection():
    """RFC 7323 section 5.3: the host's clock in ms passes 2^32, and the peer's stamp does too."""
    with Wire(stamps=True) as wire:
        wire.lab.run(until_ns=((1 << 32) - 150) * MS)
        peer = wire.peer()
        peer.ts = 0xFFFF_FFFD
        peer.call()
        wire.run(RTT)
        peer.one(peer.send("SA", 0, 1, options=peer.syn_options), flags="A", stamp=((1 << 32) - 50, 0xFFFF_FFFD))
        peer.stamps = True
        for k, wanted in enumerate(((1 << 32) - 50, 50, 150)):
            peer.ts = (0xFFFF_FFFE + k) & 0xFFFF_FFFF
            answer = peer.one(peer.send("PA", 1 + k, 1 + 10 * k, b"p"), flags="A", ack=2 + k)
            assert answer.stamp == (wanted, peer.ts)
            peer.conn.send(b"q" * 10)
            wire.run(RTT)
            assert [s.length for s in peer.take()] == [10], "acknowledged in time, so sent once"
        peer.one(peer.send("PA", 4, 31, b"old", ts=0xFFFF_FFFE), flags="A", ack=4)
        assert peer.read() == b"ppp"


SYNS = [        # options of the SYN: window scale and SACK of the answer, how much the host puts into a segment
    (b"", (-1, False, 536)), (mss(1200), (-1, False, 1200)), (mss(0), (-1, False, 536)), (mss(1), (-1, False, 48)),
    (mss(65535), (-1, False, 1460)), (mss(1200) + SACK_OK, (-1, True, 1200)), (mss(1200) + wscale(3), (7, False, 1200)),
    (mss(1200) + wscale(0), (7, False, 1200)), (mss(1200) + wscale(255), (7, False, 1200)),
    (bytes([253, 6, 1, 2, 3, 4]) + mss(1200) + b"\1\1", (-1, False, 1200)),
    (bytes([99, 2]) + mss(1200) + b"\1\1", (-1, False, 1200)),
    (bytes([99, 0]) + mss(1200) + b"\1\1", (-1, False, 536)), (bytes([99, 1]) + mss(1200) + b"\1\1", (-1, False, 536)),
    (bytes([0]) + mss(1200) + b"\1\1\1", (-1, False, 536)), (b"\1" * 36 + mss(1200), (-1, False, 1200)),
    (mss(1200) + bytes([3]), (-1, False, 1200)), (mss(1200) + bytes([1, 1, 1, 3]), (-1, False, 1200)),
    (mss(1200) + bytes([2, 5, 1, 1, 1, 1, 1, 1]), (-1, False, 1200)), (bytes([2, 40]) + bytes(10), (-1, False, 536)),
    (mss(1200) + bytes([8, 9]) + bytes(7) + SACK_OK[2:] + b"\1", (-1, True, 1200)),
    (mss(1200) + bytes([4, 3, 1, 1]), (-1, False, 1200)), (mss(1200) + mss(700), (-1, False, 700)),
    (mss(1200) + sack_option([(1, 2)]), (-1, False, 1200)),
]


@pytest.mark.parametrize("layout", ["linux", "freebsd"])
def test_odd_options_of_a_syn(layout):
    """RFC 9293 section 3.2: unknown options are stepped over, a length that makes no sense ends the list."""
    with Wire(layout) as wire:
        for options, (scale, sack_ok, segment) in SYNS:
            peer = wire.peer()
            wire.log.append(f"--- {options.hex()}")
            scale = scale if scale < 0 or layout == "linux" else 6
            peer.one(peer.send("S", 0, options=options), flags="SA", ack=1, mss=1460, wscale=scale, sack_ok=sack_ok, stamp=())
            assert peer.send("A", 1, 1) == []
            peer.conn, _ = wire.server.accept()
            assert write(peer, 1460)[0] == (1, segment), peer.story(options.hex())
            peer.send("R", 1)
            peer.conn.close()


def test_odd_options_of_a_data_segment_do_not_cost_the_data():
    with Wire() as wire:
        peer = wire.peer().handshake()
        for k, options in enumerate([bytes([8, 10, 0]), bytes([5, 1]), bytes([5, 0, 1, 1]),
                                     bytes([5, 9, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]),
                                     bytes([5, 2, 1, 1]), bytes([254, 40]), b"\xff" * 40, bytes([0] * 8), stamp(5, 6), mss(1)]):
            peer.one(peer.send("PA", 1 + 4 * k, 1, b"data", options=options), flags="A", ack=5 + 4 * k, stamp=())
        assert peer.read() == b"data" * 10


def test_data_on_a_syn_come_again(bare):
    peer = bare.peer()
    peer.one(peer.send("S", 0, payload=b"early", options=mss(1460)), flags="SA", ack=1)
    peer.one(peer.send("PA", 1, 1, b"early"), flags="A", ack=6)
    peer.conn, _ = bare.server.accept()
    peer.conn.settimeout(0)
    assert peer.read() == b"early"


def test_the_wait_behind_both_fins_begins_again_with_the_fin_and_ends(bare):
    """RFC 9293 section 3.10.7.4: restart the 2 MSL timeout."""
    peer = connected(bare)
    assert peer.shut()[0].flags == "FA"
    peer.one(peer.send("FA", 1, 2), flags="A", seq=2, ack=2)
    bare.run(59_000)
    peer.one(peer.send("FA", 1, 2), flags="A", seq=2, ack=2)
    bare.run(59_000)
    assert peer.conn.state == "TIME_WAIT" and peer.take() == []
    bare.run(1_001)
    assert peer.conn.state == "CLOSE" and peer.take() == []
    peer.one(peer.send("FA", 1, 2), flags="R", seq=2)


def test_a_closed_socket_acknowledges_what_it_had_and_resets_what_is_new(sacked):
    """RFC 9293 section 3.6.1 (half-duplex close); a retransmission is no new data."""
    peer = connected(sacked)
    peer.one(peer.send("PA", 1, 1, b"heard"), flags="A", ack=6)
    assert peer.read() == b"heard"
    peer.conn.close()
    sacked.run()
    peer.one(peer.take(), flags="FA", seq=1)
    assert peer.send("A", 6, 2) == []
    peer.one(peer.send("PA", 1, 2, b"heard"), flags="A", seq=2, ack=6)
    peer.one(peer.send("PA", 6, 2, b"new"), flags="R", seq=2)
    peer.one(peer.send("A", 9, 2), flags="R", seq=2)


def test_a_peer_that_sends_beyond_the_window_gains_nothing_until_the_program_has_read():
    """RFC 9293 section 3.10.7.4 lets the receiver trim; Linux since 6.17 takes such a segment only into an empty queue."""
    with Wire(rcvbuf=8192, scale=None) as wire:
        peer = wire.peer().handshake()
        first = peer.one(peer.send("PA", 1, 1, b"x" * 1400), flags="A", ack=1401)
        too_much = peer.send("PA", 1401, 1, b"y" * (first.window + 1))
        peer.one(too_much, flags="A", ack=1401)
        assert peer.read() == b"x" * 1400
        peer.take()
        peer.one(peer.send("PA", 1401, 1, b"y" * 1000), flags="A", ack=2401)
