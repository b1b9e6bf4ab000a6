"""Frames of every form at the split point: tags, options, extensions, fragments, tunnels, sums, sizes above a packet.

scapy builds the frames and says where their payload begins.
"""

import socket

import numpy as np
import pytest
from scapy.all import (
    GRE,
    IP,
    TCP,
    UDP,
    VXLAN,
    Dot1AD,
    Dot1Q,
    Ether,
    IPOption_NOP,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    PadN,
    Raw,
)

from devmemlab.nic.drops import drop_counts
from devmemlab.nic.rxq import check_header_bytes
from devmemlab.wire.frame import CSUM_PARTIAL
from tests.naive.toeplitz import naive_toeplitz
from tests.ports.kit import burst_of
from tests.scripts.kit import DUT, DUT6, PEER, PEER6, Script

V4 = IP(src=PEER[0], dst=DUT[0], id=0, flags="DF")
V6 = IPv6(src=PEER6[0], dst=DUT6[0])
DATA = bytes(range(256)) * 4


def ether(kind=None):
    return Ether(src=PEER[2], dst=DUT[2], **({} if kind is None else {"type": kind}))


def tcp(s, **fields):
    """The next data segment of the script's peer."""
    return TCP(**{"sport": s.peer[1], "dport": s.dut[1], "seq": s.isn + s.next & 0xFFFFFFFF, "ack": s.iss + 1 & 0xFFFFFFFF,
                  "flags": "A", "window": 65535, **fields})


def tcp_options(count):
    return [("NOP", None)] * count


FORMS = {
    "plain": (lambda: ether() / V4, {}),
    "one tag": (lambda: ether() / Dot1Q(vlan=7) / V4, {}),
    "two tags": (lambda: ether() / Dot1AD(vlan=5) / Dot1Q(vlan=7) / V4, {}),
    "IPv4 options": (lambda: ether() / IP(src=PEER[0], dst=DUT[0], options=[IPOption_NOP()] * 40), {}),
    "TCP options": (lambda: ether() / V4, {"options": tcp_options(40)}),
    "IPv6": (lambda: ether() / V6, {}),
    "IPv6 hop-by-hop": (lambda: ether() / V6 / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]), {}),
    "IPv6 destination options": (lambda: ether() / V6 / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 20)]), {}),
    "IPv6 atomic fragment": (lambda: ether() / V6 / IPv6ExtHdrFragment(offset=0, m=0, id=1), {}),
}


def script_for(name, device):
    v6 = name.startswith("IPv6")
    s = Script(device=device, **({"peer": PEER6, "dut": DUT6} if v6 else {}))
    if not device:
        s.ethtool.set_rings(tcp_data_split="on")
    s.handshake()
    return s


@pytest.mark.parametrize("device", [False, True])
@pytest.mark.parametrize("name", FORMS)
def test_payload_begins_where_scapy_says_and_is_all_that_leaves_the_host_buffers(name, device):
    build, fields = FORMS[name]
    s = script_for(name, device)
    packet = build() / tcp(s, **fields) / Raw(DATA)
    octets = bytes(packet)
    before = {row: int(s.host.rxqs.ctl[row].rx_hsplit_bytes) for row in range(2)}
    headers = int(s.host.ledger[0].length)
    s.arrive(octets)
    s.next += len(DATA)
    queue = s.host.rxqs.ctl[int(device)] if device else max(s.host.rxqs.ctl[:2], key=lambda q: q.rx_hsplit_bytes)
    moved = sum(int(s.host.rxqs.ctl[row].rx_hsplit_bytes) - before[row] for row in range(2))
    assert moved == len(octets) - len(DATA) == int(s.host.ledger[0].length) - headers and queue.rx_hsplit_pkt > 0
    assert s.drain() == DATA
    s.close()


@pytest.mark.parametrize("device", [False, True])
def test_a_tag_that_the_nic_takes_off_travels_beside_the_packet(device):
    s = script_for("one tag", device)
    s.host.nics.ctl[0].vlan_strip = 1
    s.arrive(bytes(ether() / Dot1Q(vlan=7, prio=1) / V4 / tcp(s) / Raw(DATA)))
    s.next += len(DATA)
    skb = int(s.row.rcvq_head)
    assert s.host.skbs.skb[skb].vlan_tci == (1 << 13) | 7
    assert s.drain() == DATA
    s.ethtool.set_rings(hds_thresh=0)
    s.arrive(bytes(ether() / Dot1AD(vlan=7) / V4 / tcp(s) / Raw(DATA)))
    assert s.host.skbs.skb[int(s.row.rcvq_head)].vlan_tci == -1
    s.close()


def test_a_tag_is_taken_off_a_packet_that_is_not_split():
    s = Script()
    s.host.nics.ctl[0].vlan_strip = 1
    s.handshake()
    s.arrive(bytes(ether() / Dot1Q(vlan=9) / V4 / tcp(s) / Raw(DATA)))
    assert s.host.skbs.skb[int(s.row.rcvq_head)].vlan_tci == 9 and s.drain() == DATA
    s.close()


TUNNELS = {
    "VXLAN": lambda inner: ether() / V4 / UDP(sport=1, dport=4789, chksum=0) / VXLAN(vni=1) / Ether() / inner,
    "GRE": lambda inner: ether() / V4 / GRE() / inner,
    "IPIP": lambda inner: ether() / V4 / inner,
    "UDP": lambda inner: ether() / V4 / UDP(sport=1, dport=2) / Raw(DATA),
    "ARP": lambda inner: ether(0x0806) / Raw(bytes(46)),
    "first fragment": lambda inner: ether() / IP(src=PEER[0], dst=DUT[0], flags="MF", proto=6) / TCP(dport=5201) / Raw(DATA),
    "last fragment": lambda inner: ether() / IP(src=PEER[0], dst=DUT[0], frag=20, proto=6) / Raw(DATA),
    "IPv6 fragment": lambda inner: ether() / V6 / IPv6ExtHdrFragment(offset=0, m=1, id=1, nh=6) / TCP(dport=5201) / Raw(DATA),
}


@pytest.mark.parametrize("name", TUNNELS)
def test_case_38_what_is_not_plain_tcp_is_never_cut(name):
    """Whole into pages, where the stack has no taker; refused by the driver where it would land in device memory."""
    octets = bytes(TUNNELS[name](V4 / TCP(dport=5201) / Raw(DATA)))
    for device in (False, True):
        with Script(device=device, listen=False) as s:
            s.ethtool.set_rings(tcp_data_split="on")
            s.ethtool.set_rxfh_indir(table=[1])
            s.host.netdev.rxqs.ctl[0].hds = 2
            written = int(s.host.ledger[1].length)
            s.arrive(octets)
            q = s.host.rxqs.ctl[int(s.host.rxqs.ctl[1].rx_packets > 0)]
            assert q.rx_hsplit_pkt == 0 and q.rx_packets == 1 and int(s.host.ledger[1].length) == written
            reason = "header would be in unreadable memory" if q.unreadable else "protocol not spoken here"
            assert drop_counts(s.host.nics, s.host.rxqs, 0) == {reason: (1, len(octets))}
            s.host.audit()


@pytest.mark.parametrize("name, outer", [
    ("VXLAN", lambda k: IP(src=f"10.9.0.{k}", dst=DUT[0], id=0, flags="DF") / UDP(sport=5000 + k, dport=4789, chksum=0)
     / VXLAN(vni=1) / Ether()),
    ("GRE", lambda k: IP(src=f"10.9.0.{k}", dst=DUT[0]) / GRE()), ("IPIP", lambda k: IP(src=f"10.9.0.{k}", dst=DUT[0])),
    ("IPv4 in IPv6", lambda k: IPv6(src=f"fd09::{k}", dst=DUT6[0])), ("GRE over IPv6", lambda k: IPv6(src=f"fd09::{k}") / GRE())])
def test_a_tunnel_is_steered_by_its_outer_addresses(name, outer):
    """One connection in many tunnels is on many queues, many connections in one tunnel are on one; n-tuple rules for the inner
    ports do not see it. Ports of VXLAN's UDP do not count: udp4 hashes addresses only, as on any fresh NIC."""
    with Script(listen=False, rx_queues=8) as s:
        s.ethtool.add_rule("tcp4", queue=7, dst_port=5201)
        key = s.ethtool.get_rxfh()["key"]
        table = s.ethtool.get_rxfh_indir()
        queues = set()
        for k in range(1, 9):
            for port in (5201, 80):
                packet = outer(k) / V4 / TCP(dport=port) / Raw(DATA)
                head = packet.getlayer(0)
                family = (socket.AF_INET6, IPv6) if isinstance(head, IPv6) else (socket.AF_INET, IP)
                addresses = b"".join(socket.inet_pton(family[0], a) for a in (head.src, head.dst))
                wanted = table[naive_toeplitz(key, addresses) % len(table)]
                before = s.host.rxqs.ctl.rx_packets.copy()
                s.arrive(bytes(ether() / packet))
                assert list((s.host.rxqs.ctl.rx_packets - before).nonzero()[0]) == [wanted]
                queues.add(wanted)
        assert len(queues) > 2
        assert set(drop_counts(s.host.nics, s.host.rxqs, 0)) == {"protocol not spoken here"}


@pytest.mark.parametrize("header_bytes", [64, 128, 256])
@pytest.mark.parametrize("options, room", [(0, 54), (10, 66), (40, 94)])
def test_headers_longer_than_the_header_buffer_overflow(header_bytes, options, room):
    s = Script(device=True)
    s.host.netdev.header_bytes = check_header_bytes(header_bytes)
    s.host.netdev.restart(1)
    s.handshake(opt_mss=-1, opt_sack_permitted=0, opt_wscale=-1)
    s.arrive(bytes(ether() / V4 / tcp(s, options=tcp_options(options)) / Raw(DATA)))
    q = s.host.rxqs.ctl[1]
    fits = room <= header_bytes
    assert q.header_bytes == header_bytes and q.rx_hsplit_unsplit_pkt == (not fits)
    assert s.drain() == (DATA if fits else b"")
    s.close()


@pytest.mark.parametrize("wrong", [0, 32, 63, 100, 127, 512])
def test_impossible_header_buffers(wrong):
    with pytest.raises(OSError, match="64, 128 and 256"):
        check_header_bytes(wrong)
    with Script(rx_ring=8, listen=False) as s:
        with pytest.raises(OSError, match=f"of {wrong} octets"):
            s.host.netdev.header_bytes = wrong
        assert s.host.netdev.header_bytes == 128


@pytest.mark.parametrize("thresh, payload, split", [(0, 1, 1), (100, 100, 0), (100, 101, 1), (1023, 1023, 0)])
def test_case_9_payload_above_the_threshold_is_split(thresh, payload, split):
    with Script() as s:
        s.ethtool.set_rings(tcp_data_split="on", hds_thresh=thresh)
        s.handshake()
        before = int(s.host.rxqs.ctl.rx_hsplit_pkt.sum())
        s.data(b"x" * payload)
        assert s.host.rxqs.ctl.rx_hsplit_pkt.sum() - before == split and s.drain() == b"x" * payload


def test_the_sweep_of_payload_sizes_leaves_nothing_linear():
    """Spec section 12.3: 1, 8, 16, 32 ... 8192."""
    with Script(device=True, mtu=9000) as s:
        s.handshake()
        for power in (0, *range(3, 14)):
            payload = bytes([power + 1]) * (1 << power)
            s.data(payload)
            data, pieces = s.recvmsg()
            assert data == b"" and s.device_bytes(pieces) == payload and {int(p.kind) for p in pieces} == {79}
            for piece in pieces:
                s.host.dontneed(s.conn, [(piece.frag_token, 1)])


def spoiled(octets):
    return octets[:-1] + bytes([octets[-1] ^ 1])


@pytest.mark.parametrize("device", [False, True])
@pytest.mark.parametrize("offload, bad, vouched, counted", [
    (1, False, 0, "unnecessary"), (1, True, 0, "bad"), (0, False, 0, "none"), (0, True, 0, "none"),
    (1, True, CSUM_PARTIAL, "unnecessary"), (0, True, CSUM_PARTIAL, "unnecessary")])
def test_case_37_who_verifies_sums(device, offload, bad, vouched, counted):
    with Script(device=device) as s:
        s.handshake()
        s.host.nics.ctl[0].rx_csum = offload
        before = {k: int(s.host.rxqs.ctl[f"rx_csum_{k}"].sum()) for k in ("unnecessary", "none", "bad")}
        octets = s.segment("A", DATA[:301])
        s.arrive(spoiled(octets) if bad else octets, csum=vouched)
        after = {k: int(s.host.rxqs.ctl[f"rx_csum_{k}"].sum()) - n for k, n in before.items()}
        assert after == {k: int(k == counted) for k in before}
        arrives = vouched == CSUM_PARTIAL or (not bad and (offload or not device))
        wanted = (spoiled(DATA[:301]) if bad else DATA[:301]) if arrives else b""
        assert s.drain() == wanted
        assert drop_counts(s.host.nics, s.host.rxqs, 0) == ({} if arrives else {"bad checksum": (1, len(octets))})


@pytest.mark.parametrize("split", ["on", "off"])
@pytest.mark.parametrize("lengths", [(1, 3), (301, 0), (4097, 4096), (9001, 77)])
def test_sums_made_by_the_host_cross_buffers_at_odd_places(split, lengths):
    with Script(mtu=9200) as s:
        s.ethtool.set_rings(tcp_data_split=split)
        s.handshake()
        s.host.nics.ctl[0].rx_csum = 0
        for length in filter(None, lengths):
            payload = bytes(k * 7 & 255 for k in range(length))
            s.data(payload)
            assert s.drain() == payload
            s.arrive(spoiled(s.segment("A", payload)))
            assert s.drain() == b""


@pytest.mark.parametrize("device", [False, True])
@pytest.mark.parametrize("payload", [20_000, 65_000, 69_632 + 5, 150_000])
def test_segments_of_a_virtual_device_are_longer_than_any_packet(device, payload):
    """TSO and BIG TCP: the length field of IPv4 is 0 above 64 KiB, the sum is left to hardware that is not there."""
    with Script(device=device, rx_ring=64, dmabuf="1MiB", rcvbuf=1 << 22) as s:
        s.ethtool.set_rings(tcp_data_split="on")
        s.handshake(opt_wscale=10)
        octets = bytearray(s.segment("AP", b"") + bytes(np.arange(payload, dtype=np.uint8)))
        total = len(octets) - 14
        octets[16:18] = (total if total < 65536 else 0).to_bytes(2, "big")
        burst = burst_of(bytes(octets))
        burst.frame.csum = CSUM_PARTIAL
        s.row.rcv_wnd = s.row.rcvbuf = 1 << 22
        s.arrive(burst)
        assert drop_counts(s.host.nics, s.host.rxqs, 0) == {}
        assert s.row.bytes_received == payload
        assert (s.drain() if device else s.recv(1 << 20)) == bytes(np.arange(payload, dtype=np.uint8))
        s.host.audit()


def test_doorbells_ring_every_32_slots_and_for_the_rest():
    with Script(listen=False, rx_ring=128) as s:
        q = s.host.rxqs.ctl[0]
        assert (q.post, q.tail, q.doorbells) == (128, 128, 4)
        s.ethtool.set_rings(rx=16)
        assert (q.post, q.tail, q.doorbells - 4) == (16, 16, 1)


def test_the_nic_uses_only_what_a_doorbell_told_it():
    with Script(listen=False, rx_ring=16) as s:
        s.ethtool.set_rxfh_indir(equal=1)
        s.host.rxqs.ctl[0].tail = 1
        for _ in range(2):
            s.port.inject(s.segment("A", b"x"), at_ns=0)
        s.lab.run(until_ns=0)
        assert drop_counts(s.host.nics, s.host.rxqs, 0) == {"no descriptor posted": (1, 55)}
        assert s.host.rxqs.ctl[0].rx_hw_drop_overruns == s.host.rxqs.ctl[0].rx_hw_drops == 1
