"""The sender and the peer's window: half of the largest, cut at the edge, a window taken back, small ones joined."""

import pytest

from tests.scripts.kit import Script


def lengths(sent):
    return [f["payload_bytes"] for f in sent]


@pytest.mark.parametrize("window, mss", [(65535, 1460), (2000, 1000), (536, 536), (300, 300), (40, 48), (1200, 600)])
def test_a_segment_is_half_of_the_largest_window_at_most(window, mss):
    with Script() as s:
        s.inject("S", opt_mss=1460, opt_sack_permitted=1, window=window)
        s.expect("SA")
        s.ack = 1
        s.inject("A", window=window)
        s.conn, _ = s.call("accept", s.server.accept)
        s.conn.settimeout(0)
        assert s.row.mss_now == mss
        s.call("send", s.conn.send, b"x" * min(window // mss, 10) * mss)
        assert lengths(s.forget()) == [mss] * min(window // mss, 10)


def test_segments_grow_with_the_largest_window_and_do_not_shrink_with_the_present_one():
    with Script() as s:
        s.inject("S", opt_mss=1460, window=1000)
        s.expect("SA")
        s.ack = 1
        s.inject("A", window=1000)
        s.conn, _ = s.call("accept", s.server.accept)
        assert s.row.mss_now == 500
        s.inject("A", window=1400)
        assert s.row.mss_now == 700
        s.inject("A", window=600)
        assert s.row.mss_now == 700 and s.row.snd_wnd == 600
        s.inject("A", window=60_000)
        assert s.row.mss_now == 1460


@pytest.mark.parametrize("window, sent", [(3 * 1460 + 500, [1460, 1460, 1460, 500]), (1460, [1460]), (500, [])])
def test_behind_full_segments_what_reaches_beyond_the_edge_is_cut_there(window, sent):
    with Script() as s:
        s.handshake(opt_wscale=0)
        s.inject("A", window=window)
        data = bytes(k % 251 for k in range(8 * 1460))
        s.call("send", s.conn.send, data)
        out = s.forget()
        assert lengths(out) == sent
        got = b"".join(f["octets"][-f["payload_bytes"]:] for f in out)
        s.inject("A", ack=1 + len(got), window=60_000)
        got += b"".join(f["octets"][-f["payload_bytes"]:] for f in s.forget())
        assert got == data[:len(got)] and len(got) >= 7 * 1460 and s.row.wmem_queued > 0


def test_a_corked_part_is_not_cut_off():
    with Script() as s:
        s.handshake(opt_wscale=0)
        s.inject("A", window=1460 + 400)
        s.row.cork = 1
        s.call("send", s.conn.send, b"x" * 4000)
        assert lengths(s.forget()) == [1460]


def test_the_override_timer_ends_the_avoidance_of_silly_windows():
    with Script() as s:
        s.handshake(opt_wscale=0)
        s.inject("A", window=500)
        s.call("send", s.conn.send, b"x" * 2000)
        s.quiet()
        s.wait(190)
        s.quiet()
        s.wait(20)
        sent = s.forget()
        assert lengths(sent) == [500] and "P" in sent[0]["flags"] and sent[0]["at_ms"] >= 200
        s.inject("A", ack=501, window=60_000)
        assert lengths(s.forget()) == [960], "the rest of that segment; Nagle keeps the next until it is acknowledged"
        s.inject("A", ack=1461, window=60_000)
        assert lengths(s.forget()) == [540]


def test_what_was_sent_into_a_window_that_is_taken_back_is_cut_when_it_goes_again():
    with Script() as s:
        s.handshake(opt_wscale=0)
        s.call("send", s.conn.send, b"a" * 1460 + b"b" * 1460)
        s.expect("A", payload_bytes=1460)
        s.expect("PA", payload_bytes=1460)
        s.inject("A", ack=1, window=1000)
        s.forget()
        packets = int(s.row.packets_out)
        s.wait(1200)
        again = s.forget()
        assert again and all(f["seq"] == 1 and f["payload_bytes"] <= 1000 for f in again if f["payload_bytes"] < 1460)
        assert 1000 in lengths(again) and s.row.packets_out == packets + 1
        s.inject("A", ack=1001, window=60_000)
        s.wait(3000)
        rest = s.forget()
        assert rest[0]["seq"] == 1001 and rest[0]["payload_bytes"] >= 460
        s.inject("A", ack=2921, window=60_000)
        assert (s.row.packets_out, s.row.wmem_queued, s.row.lost_out, s.row.retrans_out) == (0, 0, 0, 0)


@pytest.mark.parametrize("collapse", [1, 0])
@pytest.mark.parametrize("sack", [True, False])
def test_small_segments_that_are_lost_go_again_as_one(collapse, sack):
    with Script() as s:
        s.host.sysctl("net.ipv4.tcp_retrans_collapse", collapse)
        s.handshake(opt_sack_permitted=int(sack))
        s.row.nodelay = 1
        for k in range(5):
            s.call("send", s.conn.send, bytes([65 + k]) * 100)
        s.forget()
        s.row.tlp_high_seq = s.row.snd_nxt      # no probe of the tail: what goes again is what the timer chooses
        s.row.rto_kind = 0
        s.wait(1200)
        first = s.forget()[0]
        whole = b"".join(bytes([65 + k]) * 100 for k in range(5))
        assert first["seq"] == 1 and first["octets"][54:] == (whole if collapse else whole[:100])
        assert s.row.packets_out == (1 if collapse else 5)
        s.inject("A", ack=501)
        assert (s.row.packets_out, s.row.wmem_queued, s.row.sacked_out, s.row.lost_out, s.row.retrans_out) == (0, 0, 0, 0, 0)
        s.call("send", s.conn.send, b"more")
        s.expect("PA", seq=501)
        s.host.audit()
