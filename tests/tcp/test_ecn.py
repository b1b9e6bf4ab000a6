"""Classic ECN (RFC 3168): who agrees to it, what is marked, and how a mark comes back."""

import pytest

from tests.scripts.kit import DUT6, PEER6, Script

ECT0, CE = 2, 3


def sysctl(s, value):
    s.host.sysctl("net.ipv4.tcp_ecn", value)


def agreed(s, **options):
    """A connection whose peer asked for ECN."""
    s.inject("SEC", opt_mss=1460, opt_sack_permitted=1, opt_wscale=7, **options)
    synack = s.expect("SAE", tos=0)
    s.ack = 1
    s.inject("A")
    s.conn, _ = s.call("accept", s.server.accept)
    s.conn.settimeout(0)
    return synack


@pytest.mark.parametrize("mode, flags, tos, agrees", [
    (2, "SEC", 0, True), (1, "SEC", 0, True), (0, "SEC", 0, False), (2, "SE", 0, False), (2, "SC", 0, False), (2, "S", 0, False),
    (2, "SEC", ECT0, False)])
def test_a_listener_answers_who_asks(mode, flags, tos, agrees):
    with Script() as s:
        assert s.host.sysctl("net.ipv4.tcp_ecn") == "2"
        sysctl(s, mode)
        s.inject(flags, tos=tos)
        s.expect("SAE" if agrees else "SA", tos=0)


def connect(s):
    s.server = s.conn = s.host.socket()
    s.conn.settimeout(0)
    s.call("connect", s.conn.connect, s.peer[:2], raises=115)


@pytest.mark.parametrize("answer, agrees", [("SAE", True), ("SA", False), ("SAEC", False)])
def test_our_syn_asks_when_it_is_told_to(answer, agrees):
    with Script(listen=False, gateway_mac="02:00:00:00:00:01") as s:
        sysctl(s, 1)
        connect(s)
        syn = s.expect("SEC", tos=0)
        s.dut = (s.dut[0], syn["sport"], s.dut[2])
        s.inject(answer, seq=0, ack=1, opt_mss=1460)
        s.ack = s.next = 1
        s.expect("A", tos=0)
        assert bool(s.row.ecn) == agrees
        s.call("send", s.conn.send, b"x" * 100)
        s.expect("PA", tos=ECT0 if agrees else 0)


@pytest.mark.parametrize("fallback", [1, 0])
def test_a_syn_that_is_sent_again_does_not_ask_unless_told_to(fallback):
    with Script(listen=False, gateway_mac="02:00:00:00:00:01") as s:
        sysctl(s, 1)
        s.host.sysctl("net.ipv4.tcp_ecn_fallback", fallback)
        connect(s)
        s.expect("SEC")
        s.wait(1001)
        s.expect("S" if fallback else "SEC")


def test_by_default_our_syn_does_not_ask():
    with Script(listen=False, gateway_mac="02:00:00:00:00:01") as s:
        connect(s)
        s.expect("S")


@pytest.mark.parametrize("device", [False, True])
@pytest.mark.parametrize("ends", [{}, {"peer": PEER6, "dut": DUT6}], ids=["ipv4", "ipv6"])
def test_a_mark_is_echoed_until_the_peer_says_that_it_slowed_down(device, ends):
    with Script(device=device, split=True, rx_ring=64, **ends) as s:
        agreed(s)
        s.data(b"a" * 100, tos=ECT0)
        s.expect("A", tos=0)
        s.data(b"b" * 100, tos=CE)
        s.expect("AE", tos=0)
        for _ in range(2):
            s.data(b"c" * 100, tos=ECT0)
            s.expect("AE")
        s.inject("AC", b"d" * 100, tos=ECT0)
        s.expect("A")
        s.data(b"e" * 100, tos=ECT0)
        s.expect("A")
        assert s.drain() == b"a" * 100 + b"b" * 100 + b"c" * 200 + b"d" * 100 + b"e" * 100
        counts = s.host.nstat()
        prefix = "Ip6" if ends else "IpExt"
        assert (counts[prefix + "InCEPkts"], counts[prefix + "InECT0Pkts"], counts[prefix + "InNoECTPkts"]) == (1, 5, 2)


def test_a_mark_with_new_cwr_begins_again():
    with Script() as s:
        agreed(s)
        s.data(b"a", tos=CE)
        s.expect("AE")
        s.inject("AC", b"b", tos=CE)
        s.expect("AE")


def test_without_agreement_marks_mean_nothing():
    with Script() as s:
        s.handshake()
        s.data(b"a", tos=CE)
        s.expect("A")
        s.call("send", s.conn.send, b"x" * 100)
        s.expect("PA", tos=0)
        cwnd = int(s.row.cwnd)
        s.inject("AE", ack=101)
        assert s.row.cwnd >= cwnd and s.row.ca_state == 0


def test_an_echo_makes_the_window_smaller_once_a_round_trip_and_new_data_say_cwr_once():
    with Script() as s:
        agreed(s)
        s.row.nodelay = 1
        s.call("send", s.conn.send, b"x" * 14600)
        out = s.forget()
        assert len(out) == 10 and all(f["tos"] == ECT0 and "C" not in f["flags"] for f in out)
        s.call("send", s.conn.send, b"y" * 14600)
        before = int(s.row.cwnd)
        s.inject("AE", ack=1461)
        assert s.row.ca_state == 2 and s.row.ssthresh == before * 717 // 1024
        threshold = int(s.row.ssthresh)
        for k in range(2, 11):
            s.inject("AE", ack=1 + 1460 * k)
        sent = s.forget()
        assert s.row.ssthresh == threshold and s.row.cwnd <= threshold, "one reduction a round trip"
        assert ["C" in f["flags"] for f in sent] == [True] + [False] * (len(sent) - 1) and len(sent) > 3
        assert all(f["tos"] == ECT0 for f in sent)
        s.inject("A", ack=1 + 1460 * 11)
        assert s.row.ca_state == 0 and s.host.nstat()["TcpRetransSegs"] == 0


def test_retransmissions_probes_and_bare_acknowledgements_are_not_marked():
    with Script() as s:
        agreed(s)
        s.call("send", s.conn.send, b"x" * 1000)
        s.expect("PA", tos=ECT0)
        s.wait(300)
        again = s.forget()
        assert again and all(f["tos"] == 0 and f["seq"] == 1 for f in again)
        s.data(b"q", tos=ECT0)
        assert all(f["tos"] == 0 for f in s.forget())


@pytest.mark.parametrize("device", [False, True])
def test_gro_keeps_marked_and_unmarked_segments_apart(device):
    with Script(device=device, split=True, rx_ring=64) as s:
        agreed(s)
        marks = [ECT0, ECT0, CE, ECT0]
        for k, tos in enumerate(marks):
            octets = s.segment("A", bytes([k]) * 100, seq=1 + 100 * k, tos=tos)
            s.port.inject(octets, at_ns=s.lab.clock.now_ns)
        s.lab.run(until_ns=s.lab.clock.now_ns)
        s._collect()
        s.next = 401
        assert "E" in s.forget()[-1]["flags"] and s.host.nstat()["IpExtInCEPkts"] == 1
        assert s.drain() == b"".join(bytes([k]) * 100 for k in range(4))
