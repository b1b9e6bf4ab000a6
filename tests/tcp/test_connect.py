"""Active open: packet scripts for the first half of a connection."""

import pytest

from devmemlab.base.errno import EADDRNOTAVAIL, ECONNREFUSED, EINPROGRESS, EISCONN, ENETUNREACH, ETIMEDOUT
from devmemlab.sock.uapi import AF_INET
from tests.scripts.kit import DUT, PEER, Script, flag_bits
from tests.ports.kit import made

U32 = 0xFFFFFFFF


@pytest.fixture
def s():
    with Script(listen=False, gateway_mac=PEER[2]) as script:
        script.conn = script.host.socket(AF_INET)
        script.conn.settimeout(0)
        yield script


def call_peer(s):
    """Send the SYN; the peer's further segments go to the port that was chosen."""
    s.call("connect", s.conn.connect, (PEER[0], PEER[1]), raises=EINPROGRESS)
    syn = s.expect("S", seq=0, opt_mss=1460, opt_sack_permitted=1, opt_timestamp=1)
    assert syn["opt_wscale"] == 7 and syn["dport"] == PEER[1] and syn["sport"] == 32768
    s.dut = (DUT[0], syn["sport"], DUT[2])
    return syn


def test_syn_synack_ack(s):
    call_peer(s)
    s.inject("SA", ack=1, opt_mss=1000, opt_wscale=3, opt_sack_permitted=1)
    s.expect("A", seq=1, ack=1)
    assert s.conn.state == "ESTABLISHED" and s.row.mss_now == 1000 and s.row.timestamps == 0
    assert s.conn.getpeername() == (PEER[0], PEER[1]) and s.conn.getsockname() == (DUT[0], 32768)
    s.call("send", s.conn.send, bytes(1500))
    assert [s.expect("A")["payload_bytes"], s.out[0]["payload_bytes"]] == [1000, 500]
    s.call("connect", s.conn.connect, (PEER[0], PEER[1]), raises=EISCONN)


def test_nobody_listens(s):
    call_peer(s)
    s.inject("RA", ack=1)
    assert s.conn.state == "CLOSE" and s.row.error == ECONNREFUSED
    s.call("recv", s.conn.recv, 1, raises=ECONNREFUSED)


def test_the_syn_is_sent_again_six_times(s):
    call_peer(s)
    s.quiet()
    at = 0
    for k in range(6):
        at += 1000 << k
        s.at(at - 1)
        s.quiet()
        s.at(at)
        s.expect("S", seq=0, at_ms=at)
    s.at(at + 130_000)
    s.quiet()
    assert s.row.error == ETIMEDOUT


def test_an_acknowledgement_of_something_else_is_reset_and_ignored(s):
    call_peer(s)
    s.inject("SA", seq=0, ack=77)
    assert s.expect("R")["seq"] == 77
    s.inject("R", seq=0)
    assert s.conn.state == "SYN_SENT", "a reset that acknowledges nothing may be anybody's"
    s.inject("SA", seq=0, ack=1)
    s.expect("A", ack=1)


def test_both_call_at_once(s):
    """RFC 9293 figure 8."""
    call_peer(s)
    s.inject("S", seq=0, opt_mss=1460)
    s.expect("SA", seq=0, ack=1)
    assert s.conn.state == "SYN_RECV"
    s.inject("SA", seq=0, ack=1, opt_mss=1460)
    s.expect("A", seq=1, ack=1)
    s.next = 1
    s.ack = 1
    assert s.conn.state == "ESTABLISHED"
    s.data(b"hello")
    assert s.conn.recv(10) == b"hello"


def test_closing_before_the_answer_forgets_the_call(s):
    call_peer(s)
    s.call("close", s.conn.close)
    s.inject("SA", ack=1)
    s.expect("R", seq=1)


def test_no_way(s):
    s.host.gateway_mac = None
    s.call("connect", s.conn.connect, ("192.0.2.9", 80), raises=ENETUNREACH)
    assert s.conn.state == "CLOSE"


def test_a_frame_of_the_peer_is_what_scapy_reads(s):
    scapy = pytest.importorskip("scapy.all")
    syn = call_peer(s)
    frame = scapy.Ether(syn["octets"])
    options = dict(frame[scapy.TCP].options)
    assert frame[scapy.TCP].flags == "S" and options["MSS"] == 1460 and options["WScale"] == 7 and "SAckOK" in options
    assert made(PEER, s.dut, b"", tcp_flags=flag_bits("R")) and frame[scapy.IP].dst == PEER[0]


def test_two_ends_are_connected_once(s):
    call_peer(s)
    s.inject("SA", ack=1)
    other = s.host.socket(AF_INET)
    other.settimeout(0)
    other.bind(("", 32768))
    s.call("connect", other.connect, (PEER[0], PEER[1]), raises=EADDRNOTAVAIL)
    s.call("connect", other.connect, (PEER[0], PEER[1] + 1), raises=EINPROGRESS)
