"""Frames by hand: scapy reads what was written and says where the payload begins; the layers leave no gap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Padding, Raw

from devmemlab.lab.frames import TCP_OPTIONS, cut_of, layers, make_frame

FORMS = [(version, tags, more, options) for version in (4, 6) for tags in (0, 1, 2) for more in (0, 8, 40)
         for options in TCP_OPTIONS]


def whole(found, octets):
    """Layers cover a frame without gaps."""
    assert [layer.at for layer in found] == [sum(one.length for one in found[:k]) for k in range(len(found))]
    assert sum(layer.length for layer in found) == len(octets) and all(layer.length > 0 for layer in found)
    return {layer.name: octets[layer.at:layer.at + layer.length] for layer in found}


@pytest.mark.parametrize("version, tags, more, options", FORMS)
def test_scapy_reads_it_and_agrees_on_sums_and_cut(version, tags, more, options):
    octets = make_frame(version, tags, more, options, b"the payload", seq=77)
    packet = Ether(octets)
    assert bytes(packet[Raw]) == b"the payload" and packet[TCP].seq == 77 and packet[TCP].dport == 5201
    assert sum(isinstance(layer, Dot1Q) for layer in packet.iterpayloads()) == tags
    assert (IPv6ExtHdrHopByHop in packet) == (version == 6 and more > 0)
    for layer in (IP, TCP) if version == 4 else (TCP,):
        fresh = Ether(octets)
        written, fresh[layer].chksum = fresh[layer].chksum, None
        assert Ether(bytes(fresh))[layer].chksum == written
    found = whole(layers(octets), octets)
    assert found["payload"] == b"the payload" and found.get("TCP options", b"") == TCP_OPTIONS[options]
    assert cut_of(octets, header_buffer=256) == (len(octets) - 11, "split")
    assert cut_of(octets, header_buffer=64).at == (len(octets) - 11 if len(octets) - 11 <= 64 else None)


def test_case_9_a_payload_at_the_threshold_is_not_cut():
    assert cut_of(make_frame(payload=bytes(100)), hds_thresh=100) == (None, "at or below hds-thresh")
    assert cut_of(make_frame(payload=bytes(101)), hds_thresh=100).at == 54
    assert cut_of(make_frame(payload=b"")).at == 54


@pytest.mark.parametrize("octets, why, last", [
    (make_frame(fragment=True), "not TCP: an IP fragment", "not looked at"),
    (make_frame(6, fragment=True), "not TCP: an IP fragment", "not looked at"),
    (make_frame(protocol=17, payload=bytes(range(1, 60))), "not TCP", "not looked at"),
    (make_frame(6, protocol=17, payload=bytes(range(1, 60))), "not TCP", "not looked at"),
    (make_frame(protocol=4, payload=make_frame()[14:]), "not TCP", "not looked at"),
    (bytes(Ether(dst="02:00:00:00:00:01") / ARP()), "not TCP: neither IPv4 nor IPv6", "not looked at"),
    (make_frame(6, 2, 40, "timestamps, 3 SACK blocks"), "header overflow", "payload")])
def test_what_is_not_cut_says_why_and_is_taken_apart_as_far_as_the_card_looks(octets, why, last):
    assert cut_of(octets) == (None, why)
    found = layers(octets)
    whole(found, octets)
    assert found[-1].name == last
    packet = Ether(octets)
    assert (UDP in packet) == any(layer.name == "UDP" for layer in found)
    assert ("IPv6 extensions" in [layer.name for layer in found]) == any(
        isinstance(one, (IPv6ExtHdrFragment, IPv6ExtHdrHopByHop)) for one in packet.iterpayloads())


@given(st.integers(0, 70))
def test_filling_is_no_payload(length):
    octets = make_frame(payload=b"x" * length).ljust(60, b"\0")
    found = whole(layers(octets), octets)
    assert found.get("payload", b"") == b"x" * length
    assert len(found.get("padding", b"")) == len(Ether(octets)[Padding]) if Padding in Ether(octets) else "padding" not in found


@given(st.binary(max_size=120))
def test_any_octets_are_taken_apart(octets):
    whole(layers(octets), octets)
    assert cut_of(octets).why


def test_a_frame_beyond_64_kib_has_length_0():
    assert Ether(make_frame(6, payload=bytes(70_000)))[IPv6].plen == 0 and cut_of(make_frame(6, payload=bytes(70_000))).at == 74


@pytest.mark.parametrize("version, more", [(4, 3), (4, 44), (6, 4), (4, -4)])
def test_impossible_lengths_of_options_are_refused(version, more):
    with pytest.raises(ValueError, match="multiple of"):
        make_frame(version, ip_more=more)
