"""Making a connection, as packet scripts."""

import pytest

from devmemlab.base.errno import EADDRINUSE, EADDRNOTAVAIL, EAGAIN, ECONNRESET, EINVAL
from tests.scripts.kit import DUT6, PEER6, Script


def test_options_of_the_synack_answer_those_of_the_syn():
    with Script() as s:
        synack = s.handshake(opt_timestamp=1, ts_val=77)
        assert (synack["opt_mss"], synack["opt_sack_permitted"], synack["opt_timestamp"]) == (1460, 1, 1)
        assert synack["ts_ecr"] == 77 and synack["opt_wscale"] == 7 and synack["window"] == 65535
        assert s.address == ("10.0.0.1", 40000) and s.conn.getsockname() == ("10.0.0.2", 5201)


def test_options_that_the_syn_lacks_are_not_in_the_synack():
    with Script() as s:
        synack = s.handshake(opt_mss=-1, opt_sack_permitted=0, opt_wscale=-1)
        assert (synack["opt_sack_permitted"], synack["opt_timestamp"], synack["opt_wscale"]) == (0, 0, -1)
        assert synack["opt_mss"] == 1460 and s.row.mss == 536
        s.data(b"later", seq=100)
        assert s.expect("A", ack=1, sack=[])["opt_timestamp"] == 0


def test_the_mss_follows_the_mtu_and_the_family():
    with Script(mtu=9000) as s:
        assert s.handshake()["opt_mss"] == 8960
    with Script(peer=PEER6, dut=DUT6) as s:
        assert s.handshake()["opt_mss"] == 1440
        assert s.address == ("fd00::1", 40000, 0, 0)
        s.data(b"six")
        assert s.recv() == b"six"


def test_a_repeated_syn_gets_the_same_synack_again():
    with Script() as s:
        s.inject("S", opt_mss=1460)
        first = s.expect("SA", seq=0, ack=1)
        s.inject("S", seq=0, opt_mss=1460)
        again = s.expect("SA", seq=0, ack=1)
        assert again["octets"][:54] == first["octets"][:54]
        s.quiet()


def test_the_synack_is_sent_again_with_doubling_waits_until_it_gives_up():
    with Script() as s:
        s.inject("S", opt_mss=1460)
        s.expect("SA", at_ms=0)
        at = 0
        for wait in (1000 << k for k in range(5)):           # tcp_synack_retries
            at += wait
            s.at(at - 1)
            s.quiet()
            s.at(at)
            s.expect("SA", seq=0, ack=1, at_ms=at)
        s.at(at + 600_000)
        s.quiet()
        assert s.host.tcbs.ctl[0].next_timer_ns >= 1 << 62
        s.inject("A", ack=1)
        s.expect("R")


def test_a_wrong_ack_in_syn_recv_is_reset_and_the_right_one_still_works():
    with Script() as s:
        s.inject("S")
        s.expect("SA")
        s.inject("A", seq=1, ack=77)
        assert s.expect("R")["seq"] == 77
        s.call("accept", s.server.accept, raises=EAGAIN)
        s.inject("A", seq=1, ack=1)
        s.call("accept", s.server.accept)


def test_a_closed_port_answers_with_a_reset():
    with Script(listen=False) as s:
        s.inject("S")
        s.expect("RA", seq=0, ack=1, window=0)
        s.inject("A", b"data", seq=5, ack=99)
        s.expect("R", seq=99)
        s.inject("FP", b"data", seq=7)
        s.expect("RA", seq=0, ack=12)
        s.inject("R", seq=5)
        s.quiet()
        assert s.host.tcbs.ctl[0].rst_out == 3


def test_a_listener_resets_acks_and_ignores_resets_and_plain_data():
    with Script() as s:
        s.inject("A", seq=5, ack=123)
        s.expect("R", seq=123)
        s.inject("R", seq=5)
        s.quiet()
        assert s.server.state == "LISTEN"


def test_the_backlog_counts_connections_that_nobody_has_accepted():
    with Script(backlog=1) as s:
        for port in range(3):
            s.peer, s.next, s.iss = ("10.0.0.1", 40000 + port, "02:00:00:00:00:01"), 0, None
            s.inject("S")
            if port < 2:
                s.expect("SA")
                s.inject("A", ack=1)
        s.quiet()
        assert s.call("accept", s.server.accept)[1] == ("10.0.0.1", 40000)
        s.inject("S", seq=0)
        s.expect("SA")
        assert s.call("accept", s.server.accept)[1] == ("10.0.0.1", 40001)


def test_a_full_table_ignores_the_syn():
    with Script(sockets=2) as s:
        s.inject("S")
        s.expect("SA")
        s.peer = ("10.0.0.1", 40001, s.peer[2])
        s.inject("S", seq=0)
        s.quiet()


def test_the_same_seed_gives_the_same_initial_sequence_numbers():
    def iss(seed):
        with Script(lab_seed=seed) as s:
            found = []
            for port in range(3):
                s.peer, s.iss = ("10.0.0.1", 40000 + port, s.peer[2]), None
                s.inject("S", seq=0)
                found.append(s.iss)
            return found
    assert iss(1) == iss(1) and len(set(iss(1) + iss(2))) == 6


def test_a_reset_of_an_embryonic_connection_frees_its_row():
    with Script(sockets=2) as s:
        for _ in range(4):
            s.inject("S", seq=0)
            s.expect("SA")
            s.inject("R", seq=1)
            s.quiet()
            s.iss = None


def test_a_connection_reset_before_accept_is_accepted_and_says_so():
    with Script() as s:
        s.inject("S")
        s.expect("SA")
        s.ack = 1
        s.inject("A")
        s.inject("R")
        s.conn, _ = s.call("accept", s.server.accept)
        s.call("recv", s.conn.recv, 10, raises=ECONNRESET)
        s.call("recv", s.conn.recv, 10, gives=b"")


def test_closing_the_listener_resets_who_was_not_accepted():
    with Script() as s:
        s.inject("S")
        s.expect("SA")
        s.ack = 1
        s.inject("A")
        s.peer = ("10.0.0.1", 40001, s.peer[2])
        s.inject("S", seq=0)
        s.forget()
        s.call("close", s.server.close)
        assert sorted(f["dport"] for f in s.forget() if f["flags"] == "RA") == [40000, 40001]
        assert s.host.audit().netmems_in_flight == 0
        s.inject("S", seq=0)
        s.expect("RA")


@pytest.mark.parametrize("address, number", [
    (("", 5201), EADDRINUSE), (("10.0.0.2", 5201), EADDRINUSE), (("10.0.0.9", 80), EADDRNOTAVAIL), (("", 0), EINVAL)])
def test_addresses_that_cannot_be_bound(address, number):
    with Script() as s:
        s.call("bind", s.host.socket().bind, address, raises=number)
