"""Toeplitz against the sixteen published values, a naive twin, and itself in its other form."""

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devmemlab.nic.device import make_nics
from devmemlab.nic.toeplitz import REFERENCE_KEY, toeplitz_bitwise, toeplitz_fill, toeplitz_packet
from devmemlab.wire.frame import make_packets
from tests.naive.toeplitz import naive_toeplitz
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
        assert naive_toeplitz(REFERENCE_KEY, octets) == int(wanted, 16)


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
