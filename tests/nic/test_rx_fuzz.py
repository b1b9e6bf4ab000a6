"""Any octets on the wire: nothing crashes, nothing lands in the wrong memory, every frame is counted exactly once."""

import struct

import dpkt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.all import GRE, IP, TCP, UDP, VXLAN, Dot1Q, Ether, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, Raw

from devmemlab.base.table import as_dict
from devmemlab.mem.region import memory
from devmemlab.nic.drops import drop_counts
from tests.ports.kit import burst_of
from tests.scripts.kit import DUT, PEER, Script

HEADER, PAYLOAD, FREE = 0x11, 0xA5, 0x77

links = st.sampled_from([Ether, lambda **k: Ether(**k) / Dot1Q(vlan=3), lambda **k: Ether(**k) / Dot1Q(vlan=3) / Dot1Q(vlan=4)])
networks = st.sampled_from([
    lambda: IP(src=PEER[0], dst=DUT[0]), lambda: IP(src=PEER[0], dst=DUT[0], options=b"\1" * 8),
    lambda: IP(src=PEER[0], dst=DUT[0], flags="MF"), lambda: IP(src=PEER[0], dst="10.9.9.9"),
    lambda: IPv6(src="fd00::1", dst="fd00::2"), lambda: IPv6(src="fd00::1", dst="fd00::2") / IPv6ExtHdrDestOpt(),
    lambda: IPv6(src="fd00::1", dst="fd00::2") / IPv6ExtHdrFragment(m=1)])
transports = st.sampled_from([
    lambda: TCP(sport=40000, dport=5201, flags="A"), lambda: TCP(sport=40000, dport=5201, options=[("NOP", None)] * 40),
    lambda: TCP(sport=1, dport=9, flags="S"), lambda: UDP(sport=1, dport=5201),
    lambda: UDP(dport=4789) / VXLAN() / Ether() / IP() / TCP(),
    lambda: GRE() / IP() / TCP()])


@st.composite
def frames(draw):
    """A frame of scapy, perhaps with a few octets changed, cut or added."""
    link, network, transport = draw(links), draw(networks), draw(transports)
    packet = link(src=PEER[2], dst=DUT[2]) / network() / transport() / Raw(bytes([PAYLOAD]) * draw(st.integers(0, 300)))
    octets = bytearray(bytes(packet))
    for at, value in draw(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=3)):
        if at < len(octets):
            octets[at] = value
    cut = draw(st.integers(0, 3))
    if cut == 1:
        octets = octets[:draw(st.integers(1, len(octets)))]
    elif cut == 2:
        octets += bytes(draw(st.integers(1, 40)))
    return bytes(octets)


def paint(s):
    """Fill what DMA can write with octets that say so."""
    buffers = s.host.netdev.header_region
    memory()[buffers.start:buffers.start + buffers.length] = FREE
    s.device.view(np.uint8, s.device.length)[:] = FREE


def counted(s):
    """Frames that are accounted for: refused by the NIC, dropped behind it, or handed to TCP."""
    host = s.host
    dropped = sum(packets for packets, _ in drop_counts(host.nics, host.rxqs, 0).values())
    return dropped, int(host.nics.ctl[0].rx_packets), int(host.nics.ctl[0].rx_dropped), int(host.rxqs.drop.packets.sum())


def tcp_payload(octets):
    """What dpkt says is TCP payload of a frame: (offset, length), or None."""
    try:
        packet = dpkt.ethernet.Ethernet(octets)
        tcp = packet.data.data
        if not isinstance(packet.data, (dpkt.ip.IP, dpkt.ip6.IP6)) or not isinstance(tcp, dpkt.tcp.TCP):
            return None
        return len(octets) - len(bytes(tcp.data)), len(bytes(tcp.data))
    except (dpkt.UnpackError, AttributeError, IndexError, struct.error, TypeError, ValueError):
        return None


@pytest.fixture(scope="module", params=[(0, 0), (1, 0), (1, 1)], ids=["plain", "gro", "gro packed"])
def bound(request):
    with Script(device=True, listen=False, dmabuf="256KiB", rx_ring=16) as s:
        s.ethtool.set_rxfh_indir(table=[1])
        s.host.nics.ctl[0].gro_hw, s.host.nics.ctl[0].gro_hw_packs = request.param
        yield s


@settings(max_examples=8)
@given(st.lists(st.one_of(frames(), st.binary(min_size=1, max_size=120)), min_size=1, max_size=4), st.booleans())
def test_no_frame_crashes_or_is_counted_twice(bound, octets, offload):
    s = bound
    s.host.nics.ctl[0].rx_csum = offload
    before = counted(s)
    packets = s.host.receive(burst_of(*octets), 0)
    after = [b - a for a, b in zip(before, counted(s))]
    assert after[1] + after[2] == len(octets), "the NIC takes or refuses each"
    assert after[0] == after[2] + after[3] and after[0] <= len(octets)
    if not s.host.nics.ctl[0].gro_hw:
        assert packets + after[0] == len(octets), (packets, drop_counts(s.host.nics, s.host.rxqs, 0))
    else:
        assert packets + after[0] <= len(octets) and (packets > 0 or after[0] == len(octets))
    s.host.flush()
    s.port.take()
    s.host.audit()


@settings(max_examples=6)
@given(st.data(), st.integers(1, 300), st.integers(0, 20))
def test_only_payload_reaches_device_memory_and_only_headers_the_host(bound, data, length, options):
    """Header octets never equal the payload's, so that each memory tells what it was given."""
    s = bound
    s.host.nics.ctl[0].rx_csum = 1
    paint(s)
    fields = {"seq": 0x11111111, "ack": 0x11111111, "flags": "A", "window": 0x1111}
    network = data.draw(st.sampled_from([lambda: IP(src=PEER[0], dst=DUT[0], id=0x1111),
                                         lambda: IPv6(src="fd00::1", dst="fd00::2")]))
    link = data.draw(links)
    tcp = TCP(sport=40000, dport=5201, options=[("NOP", None)] * 4 * (options // 2), **fields)
    packet = link(src=PEER[2], dst=DUT[2]) / network() / tcp
    octets = bytes(packet / Raw(bytes([PAYLOAD]) * length))
    found = tcp_payload(octets)
    headers = len(octets) - length
    assert found in (None, (headers, length)), "two tags are beyond dpkt; all else agrees"
    s.host.receive(burst_of(octets + bytes(data.draw(st.integers(0, 8)))), 0)
    device = s.device.view(np.uint8, s.device.length)
    assert int((device == PAYLOAD).sum()) == length and set(np.unique(device)) <= {FREE, PAYLOAD}
    buffers = s.host.netdev.header_region
    host = bytes(memory()[buffers.start:buffers.start + buffers.length])
    assert host.count(octets[:headers - 8]) == 1 and bytes([PAYLOAD]) * 3 not in host
    s.host.flush()
    s.port.take()
    s.host.audit()


@settings(max_examples=6)
@given(frames())
def test_what_cannot_be_cut_writes_nothing_into_device_memory(bound, octets):
    s = bound
    paint(s)
    before = as_dict(s.host.rxqs.ctl[1])
    s.host.receive(burst_of(octets), 0)
    after = as_dict(s.host.rxqs.ctl[1])
    if after["rx_hsplit_pkt"] == before["rx_hsplit_pkt"]:
        assert (s.device.view(np.uint8, s.device.length) == FREE).all()
    s.host.flush()
    s.port.take()
    s.host.audit()
