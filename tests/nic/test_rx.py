"""Receive: where frames are cut, why they are dropped, and what ends up in which memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devmemlab.mem.region import memory
from devmemlab.nic.drops import drop_counts
from devmemlab.nic.hds import (
    HDS_DISABLED,
    HDS_ENABLED,
    HDS_UNKNOWN,
    MISS_NOT_TCP,
    MISS_OFF,
    MISS_OVERFLOW,
    MISS_THRESH,
    SPLIT,
    hds_decide,
)
from devmemlab.nic.rx import nic_rx_frame
from devmemlab.wire.frame import make_packets
from tests.ports.kit import burst_of
from tests.scripts.kit import DUT, Script


@pytest.mark.parametrize("hds, fields, parsed, thresh, outcome", [
    (HDS_DISABLED, {}, 0, 0, MISS_OFF), (HDS_UNKNOWN, {}, 0, 0, MISS_OFF), (HDS_ENABLED, {}, 0, 0, SPLIT),
    (HDS_ENABLED, {"ip_proto": 17}, 0, 0, MISS_NOT_TCP), (HDS_ENABLED, {"frag": 1}, 0, 0, MISS_NOT_TCP),
    (HDS_ENABLED, {}, -22, 0, MISS_NOT_TCP), (HDS_ENABLED, {"payload_bytes": 0}, 0, 0, SPLIT),
    (HDS_ENABLED, {"payload_bytes": 100}, 0, 100, MISS_THRESH), (HDS_ENABLED, {"payload_bytes": 101}, 0, 100, SPLIT),
    (HDS_ENABLED, {"header_bytes": 128}, 0, 0, SPLIT), (HDS_ENABLED, {"header_bytes": 129}, 0, 0, MISS_OVERFLOW)])
def test_the_decision_table(hds, fields, parsed, thresh, outcome):
    pkt = make_packets(1)[0]
    for name, value in {"ip_proto": 6, "payload_bytes": 1000, "header_bytes": 54, **fields}.items():
        pkt[name] = value
    assert hds_decide(pkt, parsed, hds, thresh, 128) == outcome


def drops(s):
    """Reason -> (packets, octets) of every reason that counted."""
    return drop_counts(s.host.nics, s.host.rxqs, 0)


def once(s, reason, octets, queue=None):
    """Exactly one frame was dropped, for this reason."""
    assert drops(s) == {reason: (1, octets)}
    dropped = [int(n) for n in s.host.rxqs.ctl.rx_dropped_pkt[:2]]
    assert s.host.nics.ctl[0].rx_dropped + s.host.nics.ctl[0].rx_packets == 1
    assert dropped == [int(q == queue) for q in range(2)] and s.host.rxqs.ctl.rx_dropped_pkt.sum() == sum(dropped)
    s.host.audit()


@pytest.fixture
def s():
    with Script(listen=False) as script:
        yield script


@pytest.fixture
def bound():
    with Script(listen=False, device=True) as script:
        yield script


def test_dropped_while_down(s):
    s.host.netdev.close()
    s.inject("S")
    assert drops(s) == {"interface down": (1, 54)}


def test_dropped_when_for_another_address(s):
    s.dut = (DUT[0], DUT[1], "02:00:00:00:00:99")
    s.inject("S")
    once(s, "not for this address", 54)


def test_a_broadcast_is_taken_by_the_nic(s):
    s.dut = (DUT[0], DUT[1], "ff:ff:ff:ff:ff:ff")
    s.inject("S")
    assert s.host.nics.ctl[0].rx_packets == 1


def test_dropped_with_a_malformed_header(s):
    octets = bytearray(s.segment("A", b"data"))
    octets[46] = 0x10
    s.arrive(bytes(octets))
    once(s, "malformed header", 58)


@pytest.mark.parametrize("at", [14 + 8, 34 + 4, 34 + 16, 57])
def test_dropped_with_a_bad_checksum(s, at):
    octets = bytearray(s.segment("A", b"data"))
    octets[at] ^= 1
    s.ethtool.set_rxfh_indir(equal=1)
    s.arrive(bytes(octets))
    once(s, "bad checksum", 58, queue=0)
    assert s.host.rxqs.ctl[0].rx_csum_bad == 1


def test_a_port_that_vouches_is_believed(s):
    octets = bytearray(s.segment("A", b"data"))
    octets[57] ^= 1
    s.arrive(bytes(octets), csum=1)
    assert s.host.nics.ctl[0].rx_packets == 1


def test_dropped_when_the_capture_was_cut(s):
    burst = burst_of(s.segment("A", b"data"))
    burst.frame[0].wire_length += 10
    s.arrive(burst)
    once(s, "capture cut the frame", 58)


def test_dropped_without_descriptors(s):
    s.ethtool.set_rxfh_indir(equal=1)
    s.host.rxqs.ctl[0].active = 0
    s.inject("A", b"data")
    assert drops(s) == {"no descriptor posted": (1, 58)} and s.host.rxqs.ctl[0].rx_dropped_pkt == 1


def test_dropped_when_longer_than_all_descriptors_together():
    with Script(listen=False, rx_ring=8) as s:
        s.ethtool.set_rxfh_indir(equal=1)
        s.inject("A", bytes(8 * 4096 + 1))
        once(s, "frame longer than the buffers", 54 + 8 * 4096 + 1, queue=0)


def test_dropped_when_dma_would_leave_the_map(bound):
    queue = bound.host.rxqs
    netmem = queue.desc[1, int(queue.ctl[1].used + 1) & 15].netmem
    row = bound.host.mem.netmems[netmem >> 1]
    address, row.dma_addr = int(row.dma_addr), len(memory()) - 10
    bound.inject("A", bytes(5000))
    assert drops(bound) == {"DMA outside the map": (1, 5054)} and queue.ctl[1].rx_dropped_pkt == 1
    assert queue.ctl[1].rx_hsplit_pkt == queue.ctl[1].rx_hsplit_bytes == 0
    row.dma_addr = address
    bound.host.audit()
    bound.inject("A", bytes(5000))
    assert queue.ctl[1].rx_hsplit_pkt == 1 and drops(bound) == {"DMA outside the map": (1, 5054)}


def test_case_38_dropped_when_a_bound_queue_cannot_split(bound):
    bound.ethtool.set_rxfh_indir(table=[1])
    octets = bytearray(bound.segment("A", b"datagram"))
    octets[23] = 17
    bound.arrive(bytes(octets), csum=1)
    once(bound, "header would be in unreadable memory", 62, queue=1)


def test_case_38_dropped_when_headers_overflow_on_a_bound_queue(bound):
    bound.host.rxqs.ctl[1].header_bytes = 60
    bound.inject("A", b"data", opt_timestamp=1)
    once(bound, "header overflow on an unreadable queue", 70, queue=1)
    assert bound.host.rxqs.ctl[1].rx_hsplit_unsplit_pkt == 1
    assert bound.host.audit().descriptors == 32


def test_headers_that_overflow_on_a_readable_queue_stay_in_one_piece():
    with Script() as s:
        s.ethtool.set_rings(tcp_data_split="on")
        s.host.rxqs.ctl.header_bytes = 60
        s.handshake(opt_timestamp=1)
        s.data(b"data")
        assert s.recv() == b"data"
        assert s.host.rxqs.ctl.rx_hsplit_pkt.sum() == 0


@pytest.mark.parametrize("payload", [0, 1, 4095, 4096, 4097, 8192, 8193])
def test_long_frames_take_several_descriptors_and_the_last_ends_the_packet(bound, payload):
    q = bound.host.rxqs.ctl[1]
    burst = burst_of(bound.segment("A", bytes(payload), opt_timestamp=1))
    host = bound.host
    assert nic_rx_frame(memory(), burst.octets, burst.frame[0], 0, host.nics, 0, host.rxqs, host.mem.netmems,
                        host.ledger, None) == 0
    needed = max(-(-payload // 4096), 1)
    assert (q.used, q.complete, q.clean) == (needed, needed, 0)
    cqes = host.rxqs.cqe[1][:needed]
    assert [int(c.eop) for c in cqes] == [0] * (needed - 1) + [1] and cqes[0].split == 1
    assert cqes.payload_bytes.sum() == payload and [int(c.header_bytes) for c in cqes] == [66] + [0] * (needed - 1)
    assert host.audit().descriptors == 32
    bound.arrive(bound.segment("A", b""))
    assert (q.rx_hsplit_pkt, q.rx_hsplit_bytes) == (2, 66 + 54)


MARK = 0xA5


@settings(max_examples=6)
@given(st.lists(st.integers(0, 9000), min_size=1, max_size=3), st.booleans())
def test_no_payload_octet_reaches_host_headers_and_no_header_octet_device_memory(lengths, timestamps):
    with Script(device=True, mtu=9200) as s:
        s.handshake(opt_timestamp=int(timestamps))
        s.device.view(np.uint8, s.device.length)[:] = 0x11
        buffers = s.host.netdev.header_region
        memory()[buffers.start:buffers.start + buffers.length] = 0
        total = 0
        for length in lengths:
            s.data(bytes([MARK]) * length)
            total += length
            _, pieces = s.recvmsg(1 << 20) if length else (b"", ())
            assert s.device_bytes(pieces) == bytes([MARK]) * length
        device = s.device.view(np.uint8, s.device.length)
        assert set(np.unique(device)) <= {0x11, MARK}
        headers = memory()[buffers.start:buffers.start + buffers.length]
        assert b"\xa5\xa5\xa5" not in bytes(headers)
        heads = memory()[s.host._heads.start:s.host._heads.start + 64 * 256]
        assert b"\xa5\xa5\xa5" not in bytes(heads)
        assert s.row.bytes_received == total
