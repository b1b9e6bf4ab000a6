"""n-tuple rules and RSS contexts: what a NIC takes, what it refuses, and which rule wins (features B5, B6, B8)."""

import pytest

from devmemlab.base.errno import EBUSY, EINVAL, ENOENT, ENOSPC, EOPNOTSUPP
from devmemlab.nic.context_life import follow_channels, highest_queue
from tests.nic.kit import BareNic, frame

FRAME = frame("10.1.2.3", "10.0.0.2", 40000, 5201)
FRAME6 = frame("fd00::1:2", "fd00::2", 40000, 5201)


@pytest.fixture
def nic():
    return BareNic(queues=8)


def refused(number, call, *args, **options):
    with pytest.raises(OSError) as caught:
        call(*args, **options)
    assert caught.value.errno == number
    return str(caught.value)


@pytest.mark.parametrize("rule, octets, matches", [
    ({"src_ip": "10.1.0.0/16"}, FRAME, True), ({"src_ip": "10.2.0.0/16"}, FRAME, False),
    ({"src_ip": "10.1.99.99", "src_ip_mask": "255.255.0.0"}, FRAME, True),
    ({"src_ip": "0.0.0.3", "src_ip_mask": "0.0.0.255"}, FRAME, True),
    ({"src_ip": "0.0.0.4", "src_ip_mask": "0.0.0.255"}, FRAME, False),
    ({"dst_port": 5200, "dst_port_mask": 0xFFF8}, FRAME, True), ({"dst_port": 5208, "dst_port_mask": 0xFFF8}, FRAME, False),
    ({"src_port": 1, "src_port_mask": 0}, FRAME, True), ({"src_port": 0, "src_port_mask": 1}, FRAME, True),
    ({"src_ip": "fd00::/64", "flow_type": "tcp6"}, FRAME6, True), ({"src_ip": "fd01::/64", "flow_type": "tcp6"}, FRAME6, False),
    ({"src_ip": "::1:0", "src_ip_mask": "::ffff:0", "flow_type": "tcp6"}, FRAME6, True),
    ({"flow_type": "ip6", "dst_ip": "fd00::2"}, FRAME6, True), ({"flow_type": "udp6"}, FRAME6, False),
    ({"flow_type": "ip4"}, FRAME, True), ({"flow_type": "ip4"}, FRAME6, False),
    ({"flow_type": "udp4", "dst_port": 5201}, frame("10.1.2.3", "10.0.0.2", 1, 5201, proto=17), True)])
def test_masks_and_flow_types(nic, rule, octets, matches):
    location = nic.ethtool.add_rule(**{"flow_type": "tcp4", "queue": 5, **rule})
    assert (nic.steer(octets)[:2] == (5, location)) == matches
    assert (nic.explain(octets).rule == location) == matches


def test_a_fragment_has_no_ports(nic):
    octets = frame("10.1.2.3", "10.0.0.2", 40000, 5201, fragment=True)
    nic.ethtool.add_rule("tcp4", queue=5)
    nic.ethtool.add_rule("ip4", queue=6, dst_ip="10.0.0.2", location=9)
    assert nic.steer(octets)[:2] == (6, 9)
    told = nic.explain(octets)
    assert (told.queue, told.rule) == (6, 9) and "a fragment has no ports" in str(told)


def test_priority_is_the_location(nic):
    for location, queue in ((30, 3), (10, 1), (20, 2)):
        nic.ethtool.add_rule("tcp4", queue=queue, dst_port=5201, location=location)
    order = []
    while nic.ethtool.get_rules():
        queue, location, _ = nic.steer(FRAME)
        order.append(queue)
        nic.ethtool.delete_rule(location)
    assert order == [1, 2, 3] and nic.steer(FRAME)[1] == -1 and nic.ctl.rule_top == nic.ctl.rule_count == 0


def test_capacity_and_locations(nic):
    nic.ethtool.model_device(rules=3)
    assert [nic.ethtool.add_rule("tcp4", dst_port=port) for port in (1, 2, 3)] == [0, 1, 2]
    assert "delete one" in refused(ENOSPC, nic.ethtool.add_rule, "tcp4", dst_port=4)
    refused(EINVAL, nic.ethtool.add_rule, "tcp4", dst_port=4, location=3)
    nic.ethtool.delete_rule(1)
    assert nic.ethtool.add_rule("tcp4", dst_port=4) == 1
    refused(ENOENT, nic.ethtool.delete_rule, 3)
    refused(ENOENT, nic.ethtool.get_rule, -1)


def test_a_thousand_rules_are_possible(nic):
    nic.ethtool.model_device(rules=1024)
    for port in range(1024):
        nic.ethtool.add_rule("tcp4", queue=port % 8, dst_port=6000 + port)
    nic.ethtool.delete_rule(500)
    nic.ethtool.add_rule("tcp4", queue=7, dst_port=5201)
    assert nic.steer(FRAME)[:2] == (7, 500)


def test_the_feature_bit(nic):
    nic.ethtool.add_rule("tcp4", queue=-1)
    nic.ctl.ntuple = 0
    assert nic.steer(FRAME)[1] == -1 and "ntuple-filters is off" in str(nic.explain(FRAME))
    refused(EOPNOTSUPP, nic.ethtool.add_rule, "tcp4")
    nic.ctl.ntuple = 1
    assert nic.steer(FRAME) == (-1, 0, 0)


def test_a_device_that_knows_few_combinations(nic):
    """Spec 11.2 and 20.1: the reason for ncdevmem's retry with fewer fields."""
    nic.ethtool.model_device(combinations=[("dst-ip", "dst-port"), ("src-ip", "dst-ip", "src-port", "dst-port")], masks=False)
    said = refused(EOPNOTSUPP, nic.ethtool.add_rule, "tcp4", src_ip="10.0.0.1", dst_ip="10.0.0.2", dst_port=5201)
    assert "src_ip, dst_ip, dst_port" in said and "fewer fields" in said
    refused(EOPNOTSUPP, nic.ethtool.add_rule, "tcp4")
    refused(EOPNOTSUPP, nic.ethtool.add_rule, "tcp4", dst_ip="10.0.0.0/8", dst_port=5201)
    assert nic.ethtool.get_rules() == []
    assert nic.ethtool.add_rule("tcp4", dst_ip="10.0.0.2", dst_port=5201) == 0
    assert nic.ethtool.add_rule("tcp4", dst_ip="10.0.0.2", dst_port=5201, src_ip="10.0.0.1", src_port=1) == 1


@pytest.mark.parametrize("rule", [
    {"queue": 8}, {"queue": -2}, {"context": 1}, {"context": 1, "queue": 2}, {"dst_port": 65536}, {"dst_port": -1},
    {"src_ip": "fd00::1"}, {"src_ip": "10.0.0"}, {"src_ip": "10.0.0.0/33"}, {"src_ip": "10.0.0.1", "src_ip_mask": "ffff::"},
    {"dst_port": 1, "dst_port_mask": 0x10000}, {"flow_type": "ip4", "dst_port": 1}, {"location": 64}, {"location": -1},
    {"flow_type": "ether"}])
def test_impossible_rules_change_nothing(nic, rule):
    refused(EINVAL, nic.ethtool.add_rule, **{"flow_type": "tcp4", **rule})
    assert nic.ctl.rule_count == 0 and not nic.nics.rule.active.any()


def test_contexts_own_table_key_and_fields(nic):
    k = nic.ethtool
    context = k.add_context(equal=2, start=4, key=bytes(range(40)), transform="symmetric-xor")
    k.set_flow_hash("tcp4", "sd", context=context)
    k.add_rule("tcp4", context=context, dst_port=5201)
    there, back = FRAME, frame("10.0.0.2", "10.1.2.3", 5201, 5201)
    assert nic.steer(there)[0] in (4, 5) and nic.steer(there)[::2] == nic.steer(back)[::2]
    assert k.get_rxfh()["transform"] == "none" and k.get_flow_hash("tcp4") == "sdfn" and k.get_contexts() == [0, 1]
    other = frame("10.1.2.3", "10.0.0.2", 40000, 80)
    assert nic.steer(other)[1] == -1 and nic.steer(other)[0] == k.get_rxfh_indir()[nic.steer(other)[2] % 128]


def test_the_life_of_contexts(nic):
    k = nic.ethtool
    assert [k.add_context() for _ in range(15)] == list(range(1, 16))
    refused(ENOSPC, k.add_context)
    rule = k.add_rule("tcp4", context=7)
    refused(EBUSY, k.delete_context, 7)
    refused(EINVAL, k.delete_context, 0)
    k.delete_rule(rule)
    k.delete_context(7)
    refused(ENOENT, k.delete_context, 7)
    refused(ENOENT, k.get_rxfh_indir, context=7)
    refused(ENOENT, k.delete_context, 16)
    refused(EINVAL, k.add_context, equal=9)
    assert 7 not in k.get_contexts() and k.add_context() == 7
    refused(EINVAL, k.set_rxfh_indir, table=[], context=7)


def test_a_device_without_contexts(nic):
    nic.ethtool.model_device(contexts=1)
    refused(EOPNOTSUPP, nic.ethtool.add_context)


def test_tables_of_other_lengths(nic):
    """Spec 11.1: a shorter table must divide the device's and is replicated."""
    nic.ethtool.model_device(table=96)
    refused(EINVAL, nic.ethtool.set_rxfh_indir, table=[0] * 64)
    nic.ethtool.set_rxfh_indir(table=list(range(8)) * 3 + [7, 6, 5, 4, 3, 2, 1, 0])
    assert len(nic.ethtool.get_rxfh_indir()) == 96
    queue, _, rss = nic.steer(FRAME)
    assert queue == nic.ethtool.get_rxfh_indir()[rss % 96]
    refused(EINVAL, nic.ethtool.model_device, table=2049)
    refused(EINVAL, nic.ethtool.model_device, key_bytes=39)
    refused(EINVAL, nic.ethtool.model_device, combinations=[("vlan",)])


@pytest.mark.parametrize("call, number", [
    ({"key": bytes(39)}, EINVAL), ({"key": bytes(41)}, EINVAL), ({"function": "xor"}, EOPNOTSUPP), ({"transform": "odd"}, EINVAL),
    ({"transform": "symmetric-xor"}, EINVAL)])
def test_impossible_hashes_change_nothing(nic, call, number):
    nic.ethtool.set_flow_hash("tcp4", "s")
    before = nic.ethtool.get_rxfh()
    refused(number, nic.ethtool.set_rxfh, **call)
    assert nic.ethtool.get_rxfh() == before


def test_a_symmetric_hash_needs_both_directions(nic):
    nic.ethtool.set_rxfh(transform="symmetric-or-xor")
    for letters in ("s", "sdf", "n"):
        refused(EINVAL, nic.ethtool.set_flow_hash, "tcp4", letters)
    for letters in ("", "m", "sdx"):
        refused(EINVAL, nic.ethtool.set_flow_hash, "udp4", letters)
    refused(EINVAL, nic.ethtool.set_flow_hash, "ah4", "sd")
    nic.ethtool.model_device(symmetric=False)
    refused(EOPNOTSUPP, nic.ethtool.set_rxfh, transform="symmetric-xor")


def test_channels_and_tables(nic):
    """Spec 10.2: what a user configured holds channels; what nobody configured follows them."""
    assert highest_queue(nic.nics, 0) == (-1, -1)
    follow_channels(nic.nics, 0, 3)
    assert nic.ethtool.get_rxfh_indir() == [i % 3 for i in range(128)]
    nic.ethtool.set_rxfh_indir(equal=6)
    context = nic.ethtool.add_context(equal=1, start=7)
    nic.ethtool.add_rule("tcp4", queue=4)
    nic.ethtool.add_rule("tcp4", context=context)
    follow_channels(nic.nics, 0, 2)
    assert highest_queue(nic.nics, 0) == (7, 4) and max(nic.ethtool.get_rxfh_indir()) == 5


def test_an_explanation_reads_like_one(nic):
    nic.ethtool.add_rule("tcp4", queue=1, dst_port=80)
    nic.ethtool.add_rule("tcp6", queue=1)
    told = nic.explain(FRAME)
    text = str(told)
    for words in ("tcp4 10.1.2.3:40000 -> 10.0.0.2:5201", "misses by dst_port: 80 is wanted, the packet has 5201",
                  "misses by ip version", "src ip, dst ip, src port, dst port", told.hash_input.hex(), f"hash {told.hash:08x}",
                  f"entry {told.index}", f"queue {told.queue}"):
        assert words in text
    assert told.hash_input == bytes([10, 1, 2, 3, 10, 0, 0, 2]) + (40000).to_bytes(2, "big") + (5201).to_bytes(2, "big")
    assert repr(told).startswith(f"<Explanation: queue {told.queue} by hash")


def test_frames_that_never_get_to_steering(nic):
    assert "02:00:00:00:00:09" in nic.explain(frame("10.1.2.3", "10.0.0.2", mac=0x020000000009)).drop
    nic.ctl.up = 0
    assert "down" in nic.explain(FRAME).drop
    arp = b"\xff" * 6 + bytes(6) + b"\x08\x06" + bytes(28)
    assert (nic.explain(arp).queue, nic.steer(arp)) == (0, (0, -1, 0))
