"""Toeplitz against the sixteen published values, a naive twin, and itself in its other form."""

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devmemlab.nic.device import make_nics
from devmemlab.nic.steer_tables import NO_TRANSFORM, RXH_ADDRESSES, RXH_PORTS, SYM_OR_XOR, SYM_XOR
from devmemlab.nic.toeplitz import REFERENCE_KEY, toeplitz_bitwise, toeplitz_fields, toeplitz_fill, toeplitz_packet
from devmemlab.wire.frame import make_packets
from tests.naive.toeplitz import naive_toeplitz
from tests.nic.kit import BareNic, frame
from tests.wire.kit import addresses

PUBLISHED = """
66.9.149.187 2794 161.142.100.80 1766 323e8fc2 51ccc178
199.92.111.2 14230 65.69.140.83 4739 d718262a c626b0ea
24.19.198.95 12898 12.22.207.184 38024 d2d0a5de 5c2b394a
38.27.205.30 48228 209.142.163.6 2217 82989176 afc7327f
153.39.163.191 44251 202.188.127.2 1303 5d1809c5 10e828a2
3ffe:2501:200:1fff::7 2794 3ffe:2501:200:3::1 1766 2cc18cd5 40207d3d
3ffe:501:8::260:97ff:fe40:efab 14230 ff02::1 4739 0f0c461c dde51bbf
3ffe:1900:4545:3:200:f8ff:fe21:67cf 44251 fe80::200:f8ff:fe21:67cf 38024 4b61e985 02d1feef
"""
ROWS = [line.split() for line in PUBLISHED.strip().splitlines()]


def array(octets):
    return np.frombuffer(bytearray(octets), np.uint8)


def packet(source, sport, target, dport):
    pkt = make_packets(1)[0]
    for name, value in addresses(source, target).items():
        pkt[name] = value
    pkt.sport, pkt.dport = sport, dport
    return pkt


@pytest.fixture(scope="module")
def table():
    nics = make_nics(2)
    toeplitz_fill(nics.hash_table, 1, array(REFERENCE_KEY))
    return nics.hash_table


@pytest.mark.parametrize("source, sport, target, dport, two, four", ROWS)
def test_published_values_in_both_forms(table, source, sport, target, dport, two, four):
    ips = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    ports = int(sport).to_bytes(2, "big") + int(dport).to_bytes(2, "big")
    for octets, with_ports, wanted in ((ips, 0, two), (ips + ports, 1, four)):
        assert toeplitz_bitwise(array(REFERENCE_KEY), array(octets), len(octets)) == int(wanted, 16)
        assert toeplitz_packet(table, 1, packet(source, int(sport), target, int(dport)), with_ports) == int(wanted, 16)
        assert toeplitz_fields(table, 1, packet(source, int(sport), target, int(dport)),
                               RXH_ADDRESSES | with_ports * RXH_PORTS, NO_TRANSFORM) == int(wanted, 16)
        assert naive_toeplitz(REFERENCE_KEY, octets) == int(wanted, 16)


@pytest.mark.parametrize("source, sport, target, dport, two, four", ROWS)
def test_published_values_reach_the_queue(source, sport, target, dport, two, four):
    """Spec 25.3: the whole way, from a frame to the entry of the table that the hash selects."""
    nic, octets = BareNic(queues=64), frame(source, target, int(sport), int(dport))
    assert nic.steer(octets) == (int(four, 16) % 128 % 64, -1, int(four, 16))
    for flow in ("tcp4", "tcp6"):
        nic.ethtool.set_flow_hash(flow, "sd")
    assert nic.steer(octets) == (int(two, 16) % 128 % 64, -1, int(two, 16))
    told = nic.explain(octets)
    assert (told.hash, told.index) == (int(two, 16), int(two, 16) % 128) and two in str(told)


@pytest.mark.parametrize("transform", [SYM_XOR, SYM_OR_XOR])
@pytest.mark.parametrize("source, sport, target, dport", [row[:4] for row in ROWS])
def test_both_directions_hash_alike_under_a_symmetric_transform(table, transform, source, sport, target, dport):
    there, back = packet(source, int(sport), target, int(dport)), packet(target, int(dport), source, int(sport))
    fields = RXH_ADDRESSES | RXH_PORTS
    both = [toeplitz_fields(table, 1, pkt, fields, transform) for pkt in (there, back)]
    assert both[0] == both[1] != toeplitz_fields(table, 1, there, fields, NO_TRANSFORM)
    assert toeplitz_fields(table, 1, there, fields, NO_TRANSFORM) != toeplitz_fields(table, 1, back, fields, NO_TRANSFORM)


@pytest.mark.parametrize("length", range(40, 61))
def test_keys_of_40_to_60_octets(length):
    """Spec 11.1: octets after the 40th decide about tuples longer than any here, so they change nothing."""
    nic = BareNic()
    nic.ethtool.model_device(key_bytes=length)
    nic.ethtool.set_rxfh(key=REFERENCE_KEY + bytes(range(length - 40)))
    source, sport, target, dport, _, four = ROWS[5]
    assert nic.steer(frame(source, target, int(sport), int(dport)))[2] == int(four, 16)
    assert nic.ethtool.get_rxfh()["key"] == REFERENCE_KEY + bytes(range(length - 40))


def test_vendor_quirks():
    """A key given backwards to hardware that reads backwards hashes as published; another start value XORs into all."""
    source, sport, target, dport, _, four = ROWS[0]
    octets, nic = frame(source, target, int(sport), int(dport)), BareNic()
    nic.ethtool.model_device(reversed_key=True)
    assert nic.steer(octets)[2] == naive_toeplitz(REFERENCE_KEY[::-1], told_input(nic, octets)) != int(four, 16)
    nic.ethtool.set_rxfh(key=REFERENCE_KEY[::-1])
    assert nic.steer(octets)[2] == int(four, 16)
    nic.ethtool.model_device(hash_init=0xFFFFFFFF)
    assert nic.steer(octets)[2] == int(four, 16) ^ 0xFFFFFFFF
    assert "ffffffff" in str(nic.explain(octets))


def told_input(nic, octets):
    return nic.explain(octets).hash_input


@given(st.binary(min_size=40, max_size=40), st.sampled_from([4, 16]), st.data())
def test_any_tuple_and_key_hash_alike_in_three_forms(key, width, data):
    source, target = (data.draw(st.binary(min_size=width, max_size=width)) for _ in range(2))
    ports = data.draw(st.binary(min_size=4, max_size=4))
    nics = make_nics(1)
    toeplitz_fill(nics.hash_table, 0, array(key))
    pkt = packet(str(ipaddress.ip_address(source)), int.from_bytes(ports[:2], "big"), str(ipaddress.ip_address(target)),
                 int.from_bytes(ports[2:], "big"))
    octets = source + target + ports
    wanted = naive_toeplitz(key, octets)
    assert toeplitz_bitwise(array(key), array(octets), len(octets)) == wanted
    assert toeplitz_packet(nics.hash_table, 0, pkt, 1) == wanted
