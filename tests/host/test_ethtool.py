"""The ethtool face: every method, and each refusal of spec section 10 by calling it."""

import pytest

from devmemlab.base.errno import EBUSY, EEXIST, EINVAL, EOPNOTSUPP
from tests.scripts.kit import DUT, Script

pytestmark = pytest.mark.once


@pytest.fixture
def s():
    with Script(rx_queues=4, rx_ring=64, listen=False) as script:
        yield script


@pytest.fixture
def bound():
    """A host whose queue 1 has a binding."""
    with Script(rx_queues=4, rx_ring=64, listen=False, device=True, dmabuf="1MiB") as script:
        yield script


def refused(number, call, *args, **options):
    with pytest.raises(OSError) as caught:
        call(*args, **options)
    assert caught.value.errno == number
    return str(caught.value)


def state(k):
    return k.get_rings(), k.get_channels(), k.get_features(), k.get_coalesce(), k.get_rxfh(), k.get_rules()


def test_rings(s):
    k = s.ethtool
    assert k.get_rings() == {"rx": 64, "rx_max": 64, "tx": 64, "tx_max": 64, "tcp_data_split": "auto", "hds_thresh": 0,
                             "hds_thresh_max": 1023}
    k.set_rings(rx=32, tcp_data_split="on", hds_thresh=256)
    assert (k.get_rings()["rx"], k.get_rings()["tcp_data_split"], k.get_rings()["hds_thresh"]) == (32, "on", 256)
    assert all(int(q.desc_count) == 32 and q.hds_thresh == 256 for q in s.host.rxqs.ctl[:4])


@pytest.mark.parametrize("settings, number", [
    ({"rx": 128}, EINVAL), ({"rx": 33}, EINVAL), ({"rx": 0}, EINVAL), ({"tx": 65}, EINVAL), ({"hds_thresh": 1024}, EINVAL),
    ({"tcp_data_split": "sometimes"}, EINVAL), ({"rx_buf_len": 4096}, EOPNOTSUPP), ({"tx_push": 1}, EOPNOTSUPP),
    ({"cqe_size": 64}, EOPNOTSUPP)])
def test_refused_rings_change_nothing(s, settings, number):
    before = state(s.ethtool)
    refused(number, s.ethtool.set_rings, **settings)
    assert state(s.ethtool) == before


@pytest.mark.parametrize("settings, words", [
    ({"tcp_data_split": "off"}, "can't disable tcp-data-split while device has memory provider enabled"),
    ({"tcp_data_split": "auto"}, "can't disable tcp-data-split while device has memory provider enabled"),
    ({"hds_thresh": 1}, "can't set non-zero hds_thresh while device is memory provider bound")])
def test_rings_while_bound(bound, settings, words):
    """Spec 10.1 and the recorded answers of 7.3.4."""
    before = state(bound.ethtool)
    assert words in refused(EINVAL, bound.ethtool.set_rings, **settings)
    assert state(bound.ethtool) == before
    bound.ethtool.set_rings(rx=32)
    assert bound.ethtool.get_rings()["rx"] == 32 and bound.host.netdev.providers


def test_split_and_xdp_exclude_each_other(s):
    """Spec 10.1 row 1 and 10.3."""
    s.host.netdev.attach_xdp(multi_buffer=False)
    refused(EINVAL, s.ethtool.set_rings, tcp_data_split="on")
    s.host.netdev.detach_xdp()
    s.ethtool.set_rings(tcp_data_split="on")
    refused(EBUSY, s.host.netdev.attach_xdp, multi_buffer=False)


@pytest.mark.parametrize("counts", [{"combined": 0}, {"combined": 17}, {"rx": -1}, {"combined": 0, "rx": 4}])
def test_refused_channels_change_nothing(s, counts):
    before = state(s.ethtool)
    refused(EINVAL, s.ethtool.set_channels, **counts)
    assert state(s.ethtool) == before


def test_channels_and_what_needs_them(s):
    """Spec 10.2 and 11.2: tables and rules that name a queue hold it."""
    k = s.ethtool
    k.set_rxfh_indir(equal=4)
    refused(EINVAL, k.set_channels, combined=3)
    k.set_rxfh_indir(default=True)
    rule = k.add_rule("tcp4", queue=3)
    refused(EINVAL, k.set_channels, combined=3)
    k.delete_rule(rule)
    k.set_channels(combined=3)
    assert k.get_channels()["combined"] == 3 and k.get_rxfh_indir() == [i % 3 for i in range(128)]
    refused(EINVAL, k.add_rule, "tcp4", queue=3)


def test_channels_while_bound(bound):
    """Spec 10.2, quirk Q6: queue 1 bound, so 2 channels are refused and 3 are not."""
    k = bound.ethtool
    k.delete_rule(bound.rule)
    k.set_rxfh_indir(default=True)
    refused(EINVAL, k.set_channels, combined=1)
    refused(EINVAL, k.set_channels, combined=2)
    k.set_channels(combined=3)


def test_provider_and_xdp(bound):
    """Spec 10.5: the column and the row of XDP."""
    refused(EBUSY, bound.host.netdev.attach_xdp, multi_buffer=True)
    bound.netlink.close()
    bound.host.netdev.attach_xdp(multi_buffer=True)
    with bound.host.netlink() as socket:
        refused(EEXIST, socket.bind_rx, {"ifindex": 2, "fd": bound.fd, "queues": [{"type": "rx", "id": 1}]})


def test_features(s):
    k = s.ethtool
    assert k.get_features()["rx-checksumming"] and k.get_features()["ntuple-filters"] and k.get_features()["receive-hashing"]
    for name in ("ntuple", "ntuple-filters", "rx-ntuple-filter"):
        k.set_feature(name, False)
        assert not k.get_features()["ntuple-filters"]
        refused(EOPNOTSUPP, k.add_rule, "tcp4", queue=0)
        k.set_feature(name, True)
    k.set_feature("rx", False)
    assert s.host.nics.ctl[0].rx_csum == 0
    k.set_feature("receive-hashing", True)
    refused(EOPNOTSUPP, k.set_feature, "receive-hashing", False)
    refused(EINVAL, k.set_feature, "warp", True)
    for name in k.fixed_features():
        refused(EOPNOTSUPP, k.set_feature, name, not k.get_features()[name])


def test_moderation(s):
    k = s.ethtool
    assert k.get_coalesce() == {"rx_usecs": 0, "rx_frames": 0}
    k.set_coalesce(rx_usecs=50, rx_frames=32)
    assert k.get_coalesce() == {"rx_usecs": 50, "rx_frames": 32}
    refused(EOPNOTSUPP, k.set_coalesce, tx_usecs=1)
    refused(EINVAL, k.set_coalesce, rx_usecs=-1)
    assert k.get_coalesce() == {"rx_usecs": 50, "rx_frames": 32}


def test_statistics_count_by_their_real_names(bound):
    before = bound.ethtool.get_stats()
    bound.inject("S")
    bound.arrive(bound.segment("A", b"x" * 100, ack=0))
    after = bound.ethtool.get_stats()
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert grown["rx_packets"] == grown["rx_packets[1]"] == grown["rx_hsplit_pkt"] == grown["rx_hsplit_pkt[1]"] == 2
    assert grown["rx_bytes"] == int(bound.host.nics.ctl[0].rx_bytes) and grown["rx_completed_desc[1]"] == 2
    assert grown["rx_hsplit_bytes[1]"] == int(bound.host.rxqs.ctl[1].rx_hsplit_bytes)
    assert "rx_packets[3]" in after and "rx_packets[3]" not in grown
    assert {name for name in after if name.startswith("rx_pp_")} >= {"rx_pp_alloc_fast", "rx_pp_alloc_slow_ho",
                                                                    "rx_pp_recycle_released_ref"}


def test_drops_are_told_by_reason(s):
    s.ethtool.add_rule("tcp4", queue=-1, dst_port=DUT[1])
    s.arrive(s.segment("S"))
    assert s.ethtool.get_stats()["rx_drop: a steering rule drops it"] == 1


def test_driver(s):
    assert s.ethtool.get_driver()["driver"] == "devmemlab" and s.ethtool.get_driver()["supports-statistics"] == "yes"


def test_an_interface_that_is_no_nic(s):
    """It has every method of the face, and each says the same."""
    face = s.host.ethtool("lo")
    for call in (face.get_rings, face.get_rules, face.get_channels, face.add_context):
        refused(EOPNOTSUPP, call)
    with pytest.raises(AttributeError):
        face.no_such_method  # noqa: B018
