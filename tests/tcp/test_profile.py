"""A host that looks like another system, as scapy and the peer see it."""

import pytest

from devmemlab.host.tcp_profile import TcpProfile
from tests.scripts.kit import Script

EXPECTED = {"linux": (["MSS", "SAckOK", "Timestamp", "NOP", "WScale"], 7),
            "freebsd": (["MSS", "NOP", "WScale", "SAckOK", "Timestamp"], 6)}


@pytest.mark.parametrize("system", EXPECTED)
def test_the_options_of_the_first_segment_come_in_the_systems_order(system):
    scapy = pytest.importorskip("scapy.all")
    with Script(tcp=TcpProfile(system)) as s:
        synack = s.handshake(opt_timestamp=1)
        names = [name for name, _ in scapy.Ether(synack["octets"])[scapy.TCP].options if name != "EOL"]
        assert (names, synack["opt_wscale"], synack["window"]) == (*EXPECTED[system], 65535)
        s.data(b"data")
        assert s.recv() == b"data"


def test_without_a_profile_it_is_linux():
    with Script() as s, Script(tcp=TcpProfile()) as again:
        assert s.handshake()["octets"] == again.handshake()["octets"]


def test_the_receive_buffer_can_be_chosen():
    with Script(tcp=TcpProfile(rcvbuf=100_000)) as s:
        assert s.handshake()["opt_wscale"] == 1 and s.row.rcvbuf == 100_000


@pytest.mark.parametrize("profile, text", [(TcpProfile("plan9"), "plan9"), (TcpProfile(rcvbuf=5), "rcvbuf 5")])
def test_what_is_not_possible_is_said(profile, text):
    with pytest.raises(OSError, match=text):
        Script(tcp=profile)
