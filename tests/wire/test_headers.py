"""Ethernet, IPv4 and IPv6: one header a test, beside scapy where it can build the thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP, IPOption_Router_Alert
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether

from devmemlab.wire import rows
from devmemlab.wire.address import address_text, parse_address
from devmemlab.wire.ethernet import mac, mac_text
from tests.wire.kit import emitted, macs, parsed

ETHER = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
TCP_TO_5201 = TCP(sport=40000, dport=5201, seq=7, ack=9, flags="A")


@given(macs)
def test_mac_text_round_trip(number):
    assert mac(mac_text(number)) == number and mac(mac_text(number).replace(":", "-")) == number


@pytest.mark.parametrize("text", ["", "02:00:00:00:00", "02:00:00:00:00:0g", "02:00:00:00:00:01:02", "0200:00:00:00:01", None])
def test_mac_refuses(text):
    with pytest.raises(ValueError, match="not a MAC address"):
        mac(text)


@pytest.mark.parametrize("text", ["0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "fd00::1", "ffff:ffff:8000:0:8000::1"])
def test_address_text_round_trip(text):
    version, high, low = parse_address(text)
    assert address_text(version, high, low) == text
    assert -(1 << 63) <= high < 1 << 63 and -(1 << 63) <= low < 1 << 63


def test_address_refuses():
    with pytest.raises(ValueError):
        parse_address("10.0.0.256")


def test_untagged():
    row = parsed(bytes(ETHER / IP(src="10.0.0.1", dst="10.0.0.2", tos=3, ttl=17) / TCP_TO_5201))
    assert row["rc"] == 0 and row["err"] == rows.FINE
    assert (row["dst_mac"], row["src_mac"]) == (0x020000000001, 0x020000000002)
    assert (row["vlan_tci"], row["eth_type"], row["ip_at"]) == (-1, 0x0800, 14)
    assert (row["ip_version"], row["ip_proto"], row["tos"], row["ttl"]) == (4, 6, 3, 17)
    assert (row["saddr_hi"], row["saddr_lo"]) == (0, 0x0A000001) and (row["daddr_hi"], row["daddr_lo"]) == (0, 0x0A000002)
    assert (row["tcp_at"], row["payload_at"], row["header_bytes"], row["payload_bytes"]) == (34, 54, 54, 0)


def test_one_tag_and_two():
    one = parsed(bytes(ETHER / Dot1Q(vlan=5, prio=3) / IP() / TCP_TO_5201))
    assert (one["rc"], one["vlan_tci"], one["ip_at"], one["tcp_at"]) == (0, 3 << 13 | 5, 18, 38)
    two = parsed(bytes(ETHER / Dot1AD(vlan=7) / Dot1Q(vlan=5) / IP() / TCP_TO_5201))
    assert (two["rc"], two["vlan_tci"], two["ip_at"], two["tcp_at"], two["dport"]) == (0, 7, 22, 42, 5201)
    three = parsed(bytes(ETHER / Dot1Q(vlan=7) / Dot1Q(vlan=5) / Dot1Q(vlan=6) / IP() / TCP_TO_5201))
    assert (three["rc"], three["err"], three["header_bytes"]) == (-22, rows.NOT_IP, 22)


@pytest.mark.parametrize("nbytes", range(22))
def test_short_link_header(nbytes):
    row = parsed(bytes(ETHER / Dot1AD(vlan=7) / Dot1Q(vlan=5) / IP() / TCP_TO_5201)[:nbytes])
    assert (row["rc"], row["err"], row["header_bytes"]) == (-22, rows.SHORT_ETHERNET, 0)


def test_not_ip():
    row = parsed(bytes(ETHER / ARP()))
    assert (row["rc"], row["err"], row["header_bytes"], row["eth_type"]) == (-22, rows.NOT_IP, 14, 0x0806)


def test_ipv4_options_are_stepped_over():
    row = parsed(bytes(ETHER / IP(options=[IPOption_Router_Alert(), IPOption_NOP()]) / TCP_TO_5201 / b"abc"))
    assert (row["rc"], row["tcp_at"], row["payload_bytes"], row["dport"]) == (0, 14 + 28, 3, 5201)


def test_padding_is_no_payload():
    octets = emitted(b"xy", sport=1)
    row = parsed(octets.ljust(60, b"\xa5"))
    assert (row["rc"], row["payload_bytes"], row["ip_bytes"]) == (0, 2, 42)
    assert parsed(emitted(sport=1).ljust(64, b"\xa5"))["payload_bytes"] == 0


@pytest.mark.parametrize("version", [4, 6])
def test_truncated_payload_keeps_the_header(version):
    octets = emitted(bytes(100), ip_version=version, seq=5, opt_timestamp=1)
    row = parsed(octets[:-60])
    assert (row["rc"], row["err"], row["seq"], row["payload_bytes"]) == (-22, rows.TRUNCATED, 5, 40)
    assert row["ip_bytes"] - (row["header_bytes"] - row["ip_at"]) == 100


@pytest.mark.parametrize("version", [4, 6])
def test_every_cut_has_its_reason(version):
    octets = emitted(b"payload", ip_version=version, opt_mss=1460, opt_wscale=3)
    ip_end = 34 if version == 4 else 54
    for nbytes in range(len(octets)):
        row = parsed(octets[:nbytes])
        wanted = rows.SHORT_ETHERNET if nbytes < 14 else rows.SHORT_IP if nbytes < ip_end else rows.TRUNCATED
        assert (row["rc"], row["err"]) == (-22, wanted), nbytes
        assert row["header_bytes"] + row["payload_bytes"] <= nbytes
        assert (row["tcp_at"] > 0) == (nbytes >= ip_end + 28)


@pytest.mark.parametrize("at, value, reason", [
    (14, 0x55, rows.BAD_IP_VERSION), (14, 0x44, rows.BAD_IP_HEADER), (14, 0x4F, rows.SHORT_IP), (17, 19, rows.BAD_IP_LENGTH),
    (17, 39, rows.SHORT_TCP), (17, 41, rows.TRUNCATED), (20, 0x20, rows.FRAGMENT), (21, 1, rows.FRAGMENT), (23, 1, rows.NOT_TCP),
    (46, 0x40, rows.BAD_DOFF), (46, 0x60, rows.SHORT_TCP), (12, 0x08, rows.FINE), (13, 0xDD, rows.NOT_IP), (15, 255, rows.FINE),
])
def test_ipv4_contradictions(at, value, reason):
    octets = bytearray(emitted(dont_fragment=0))
    octets[at] = value
    row = parsed(bytes(octets))
    assert (rows.REASONS[row["err"]], row["rc"]) == (rows.REASONS[reason], -22 if reason else 0)


def test_fragments_are_not_looked_into():
    whole = ETHER / IP(id=1) / TCP_TO_5201 / bytes(600)
    for piece in whole[IP].fragment(200):
        row = parsed(bytes(ETHER / piece))
        assert (row["err"], row["frag"], row["sport"], row["header_bytes"]) == (rows.FRAGMENT, 1, 0, 34)
        assert row["payload_bytes"] == len(piece) - 20


def test_udp_gives_its_ports_only():
    row = parsed(bytes(ETHER / IP() / UDP(sport=53, dport=5353) / b"query"))
    assert (row["rc"], row["err"], row["ip_proto"]) == (-22, rows.NOT_TCP, 17)
    assert (row["sport"], row["dport"], row["header_bytes"], row["payload_bytes"], row["tcp_at"]) == (53, 5353, 42, 5, 0)
    short = parsed(bytes(ETHER / IP(len=25) / UDP()))
    assert (short["err"], short["header_bytes"], short["payload_bytes"]) == (rows.NOT_TCP, 34, 5)


HOP = IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 12)])
DEST = IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)])
ROUTING = IPv6ExtHdrRouting(addresses=["fd00::9"], segleft=0)
CHAINS = {"none": [], "hop": [HOP], "dest": [DEST], "routing": [ROUTING], "atomic": [IPv6ExtHdrFragment(m=0, offset=0)],
          "all": [HOP, DEST, ROUTING, IPv6ExtHdrFragment(m=0, offset=0), DEST]}


def chained(extensions, **ip):
    """An IPv6 frame with extension headers."""
    packet = ETHER / IPv6(src="fd00::1", dst="fd00::2", **ip)
    for extension in extensions:
        packet = packet / extension
    return packet


@pytest.mark.parametrize("name", CHAINS)
def test_ipv6_extensions(name):
    octets = bytes(chained(CHAINS[name], tc=9, hlim=33) / TCP_TO_5201 / b"hello")
    row = parsed(octets)
    skipped = sum(len(extension) for extension in CHAINS[name])
    assert (row["rc"], row["ip_version"], row["ip_proto"], row["tos"], row["ttl"]) == (0, 6, 6, 9, 33)
    assert (row["tcp_at"], row["dport"], row["payload_bytes"], row["frag"]) == (54 + skipped, 5201, 5, 0)
    assert address_text(6, row["saddr_hi"], row["saddr_lo"]) == "fd00::1"
    assert address_text(6, row["daddr_hi"], row["daddr_lo"]) == "fd00::2"
    for nbytes in range(54, 54 + skipped):
        cut = parsed(octets[:nbytes])
        assert cut["err"] == rows.TRUNCATED and cut["tcp_at"] == 0 and cut["header_bytes"] <= nbytes


def test_ipv6_refusals():
    assert parsed(bytes(chained([IPv6ExtHdrFragment(m=1, offset=0)]) / TCP_TO_5201))["err"] == rows.FRAGMENT
    later = parsed(bytes(chained([HOP, IPv6ExtHdrFragment(m=0, offset=3)]) / TCP_TO_5201))
    assert (later["err"], later["frag"], later["sport"], later["header_bytes"]) == (rows.FRAGMENT, 1, 0, 54 + 16 + 8)
    routed = IPv6ExtHdrRouting(addresses=["fd00::9"], segleft=1)
    assert parsed(bytes(chained([routed]) / TCP_TO_5201))["err"] == rows.ROUTED
    assert parsed(bytes(chained([], nh=59)))["err"] == rows.NOT_TCP
    assert parsed(bytes(chained([HOP], plen=0) / TCP_TO_5201))["err"] == rows.BAD_IP_LENGTH
    assert parsed(bytes(chained([HOP], plen=12) / TCP_TO_5201))["err"] == rows.SHORT_IP
    assert parsed(bytes(chained([], plen=19) / TCP_TO_5201))["err"] == rows.SHORT_TCP
    wrong = bytearray(bytes(chained([]) / TCP_TO_5201))
    wrong[14] = 0x45
    assert parsed(bytes(wrong))["err"] == rows.BAD_IP_VERSION


@given(st.sampled_from(sorted(CHAINS)), st.data())
def test_damaged_extensions_stay_inside(name, data):
    octets = bytearray(bytes(chained(CHAINS[name]) / TCP_TO_5201 / b"hello"))
    for _ in range(3):
        octets[data.draw(st.integers(12, len(octets) - 1))] = data.draw(st.integers(0, 255))
    row = parsed(bytes(octets[: data.draw(st.integers(0, len(octets)))]))
    assert row["err"] in rows.REASONS and (row["rc"] == 0) == (row["err"] == 0)
