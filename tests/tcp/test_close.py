"""Ends of connections, as packet scripts."""

import pytest

from devmemlab.base.errno import ECONNRESET
from devmemlab.sock.uapi import SHUT_RD, SHUT_WR
from tests.scripts.kit import Script


@pytest.fixture(params=[False, True], ids=["host", "device"])
def s(request):
    with Script(device=request.param, sockets=3) as script:
        script.handshake()
        yield script
        assert script.host.audit().netmems_in_flight == 0


def gone(s):
    """The row is free: a new connection finds one, and the port answers nothing of the old one."""
    assert s.host.tcbs.tcb[2].state == 0


def test_the_peer_closes_first(s):
    s.data(b"data")
    s.expect("A", ack=5)
    s.inject("FA")
    s.expect("A", ack=6)
    assert s.conn.state == "CLOSE_WAIT"
    assert s.drain() == b"data"
    s.call("recv", s.conn.recv, 10, gives=b"")
    s.call("close", s.conn.close)
    s.expect("FA", seq=1, ack=6)
    s.inject("A", ack=2)
    s.quiet()
    gone(s)


def test_the_last_fin_is_sent_again_until_it_is_acknowledged(s):
    s.inject("FA")
    s.forget()
    s.call("close", s.conn.close)
    s.expect("FA", seq=1)
    for at in (200, 400, 800, 1600):     # a tail probe, then the timeouts
        s.at(at - 1)
        s.quiet()
        s.at(at + 1)                    # 200 ms and the round trip, which took almost no time
        s.expect("FA", seq=1)
    s.inject("A", ack=2)
    s.wait(100_000)
    s.quiet()
    gone(s)


def test_we_close_first_and_wait_two_segment_lifetimes(s):
    s.call("close", s.conn.close)
    s.expect("FA", seq=1, ack=1)
    s.inject("A", ack=2)
    s.quiet()
    s.inject("FA", ack=2)
    s.expect("A", seq=2, ack=2)
    s.wait(30_000)
    s.inject("FA", seq=1, ack=2)
    s.expect("A", seq=2, ack=2)
    s.wait(59_999)
    assert s.host.tcbs.tcb[2].state == 6
    s.wait(1)
    gone(s)


def test_both_close_at_once(s):
    s.call("shutdown", s.conn.shutdown, SHUT_WR)
    s.expect("FA", seq=1)
    s.inject("FA", ack=1)
    s.expect("A", seq=2, ack=2)
    assert s.conn.state == "CLOSING"
    s.inject("A", ack=2)
    assert s.conn.state == "TIME_WAIT"
    s.quiet()
    s.call("close", s.conn.close)
    s.wait(60_000)
    s.quiet()
    gone(s)


def test_half_closed_we_still_receive(s):
    s.call("shutdown", s.conn.shutdown, SHUT_RD)
    s.quiet()
    s.call("shutdown", s.conn.shutdown, SHUT_WR)
    s.expect("FA", seq=1)
    s.data(b"late", ack=2)
    s.expect("A", seq=2, ack=5)
    assert s.conn.state == "FIN_WAIT2" and s.drain() == b"late"
    s.inject("FA", ack=2)
    s.expect("A", seq=2, ack=6)
    assert s.conn.state == "TIME_WAIT"
    s.call("recv", s.conn.recv, 10, gives=b"")
    s.call("close", s.conn.close)
    s.wait(60_001)
    gone(s)


def test_a_fin_before_its_data_waits_for_them(s):
    s.inject("FA", b"world", seq=6)
    s.expect("A", ack=1, sack=[(6, 11)])
    assert s.conn.state == "ESTABLISHED"
    s.data(b"hello", seq=1)
    assert s.forget()[-1]["ack"] == 12
    assert s.conn.state == "CLOSE_WAIT" and s.drain() == b"helloworld"
    s.call("recv", s.conn.recv, 10, gives=b"")
    s.call("close", s.conn.close)
    s.expect("FA")
    s.inject("A", seq=12, ack=2)


def test_a_bare_fin_before_its_data_waits_too(s):
    s.inject("FA", seq=6)
    assert s.conn.state == "ESTABLISHED"
    s.data(b"hello", seq=1)
    assert s.forget()[-1]["ack"] == 7 and s.conn.state == "CLOSE_WAIT"
    assert s.drain() == b"hello"
    s.call("close", s.conn.close)
    s.inject("A", seq=7, ack=2)
    gone(s)


def test_a_repeated_fin_is_acknowledged_again(s):
    s.inject("FA")
    s.expect("A", ack=2)
    s.inject("FA", seq=1)
    s.expect("A", ack=2)
    s.inject("A", b"beyond", seq=2)
    s.quiet()
    s.call("recv", s.conn.recv, 10, gives=b"")
    s.call("close", s.conn.close)
    s.inject("A", seq=2, ack=2)
    gone(s)


def test_closing_with_unread_data_resets(s):
    s.data(b"unread")
    s.expect("A", ack=7)
    s.call("close", s.conn.close)
    s.expect("RA", seq=1, ack=7)
    s.quiet()
    gone(s)
    s.data(b"more")
    s.expect("R")


def test_data_for_a_closed_socket_resets(s):
    s.call("close", s.conn.close)
    s.expect("FA")
    s.data(b"nobody reads", ack=2)
    s.expect("R", seq=2)
    gone(s)


def test_a_closed_socket_waits_60_s_for_the_peers_fin(s):
    s.call("close", s.conn.close)
    s.expect("FA")
    s.inject("A", ack=2)
    s.wait(59_999)
    assert s.host.tcbs.tcb[2].state == 5
    s.wait(1)
    gone(s)


def test_a_reset_at_the_very_edge_ends_the_connection_and_leaves_what_came_before(s):
    s.data(b"data")
    s.data(b"early", seq=100)
    s.forget()
    s.inject("R", seq=5)
    s.quiet()
    assert s.conn.state == "CLOSE"
    data, pieces = s.recvmsg()
    assert (s.device_bytes(pieces) if s.device else data) == b"data"    # as on Linux, it outlives the reset
    s.call("recv", s.conn.recv, 10, raises=ECONNRESET)
    s.call("recv", s.conn.recv, 10, gives=b"")
    s.call("close", s.conn.close)
    s.quiet()
    gone(s)


@pytest.mark.parametrize("seq, answers", [(2, 1), (5000, 1), (-100, 0), (40_000_000, 0)])
def test_another_reset_is_challenged_within_the_window_and_ignored_outside(seq, answers):
    with Script() as s:
        s.handshake()
        s.inject("R", seq=seq)
        assert [f["flags"] for f in s.forget()] == ["A"] * answers
        assert s.conn.state == "ESTABLISHED"


def test_a_reset_in_time_wait_ends_it(s):
    s.call("close", s.conn.close)
    s.inject("FA", ack=2)
    s.forget()
    s.inject("R", seq=2)
    s.quiet()
    gone(s)


def test_a_fin_that_is_never_acknowledged_gives_up(s):
    s.call("close", s.conn.close)
    s.wait(1_000_000)
    assert len(s.forget()) == 10, "once, a probe, and eight timeouts (tcp_orphan_retries)"
    gone(s)


def test_after_close_the_socket_is_of_no_use():
    with Script() as s:
        s.handshake()
        s.call("close", s.conn.close)
        for call in (lambda: s.conn.recv(1), lambda: s.conn.shutdown(SHUT_WR), s.conn.getpeername,
                     lambda: s.host.dontneed(s.conn, [(1, 1)]), s.conn.accept):
            s.call("anything", call, raises=9)
        s.conn.close()
        assert s.conn.fileno() == -1 and "closed" in repr(s.conn)
