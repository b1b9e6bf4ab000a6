"""Who excludes whom: the matrix of spec section 10.5, cell by cell, in the kernel's order of arrival."""


import json
import pathlib

import pytest

from devmemlab.base.errno import EBUSY, EEXIST, EINVAL, EOPNOTSUPP
from devmemlab.base.profile import profile
from devmemlab.net.refusal import ProviderError
from tests.net.rig import Rig, untouched

GOLDEN = pathlib.Path(__file__).parents[2] / "data" / "kernel-golden.json"
QUEUE, OTHER = 2, 1
OK = 0
"""Cells of the matrix: what exists -> what is attempted -> errno. A missing cell is one where the two cannot meet."""
MATRIX = {
    "provider on q": {"bind": EEXIST, "hds off": EINVAL, "hds auto": EINVAL, "thresh": EINVAL, "xdp": EBUSY, "xdp mb": EBUSY,
                      "xsk": EBUSY, "fewer": EINVAL},
    "provider on other queue": {"bind": OK, "hds off": EINVAL, "hds auto": EINVAL, "thresh": EINVAL, "xdp": EBUSY,
                                "xdp mb": EBUSY, "xsk": EBUSY, "fewer": EINVAL, "fewer, above it": OK},
    "hds off": {"bind": EINVAL, "thresh": OK, "xdp": OK, "xdp mb": OK, "xsk": OK, "fewer": OK},
    "hds auto": {"bind": EINVAL, "thresh": OK, "xdp": OK, "xdp mb": OK, "xsk": OK, "fewer": OK},
    "hds-thresh": {"bind": EINVAL, "hds off": OK, "hds auto": OK, "xdp": EBUSY, "xdp mb": OK, "xsk": OK, "fewer": OK},
    "xdp single-buffer": {"bind": EINVAL, "hds on": EINVAL, "xdp mb": OK, "xsk": OK, "fewer": OK},
    "xdp multi-buffer": {"bind": EEXIST, "hds off": OK, "thresh": OK, "xsk": OK, "fewer": OK},
    "af_xdp on q": {"bind": EBUSY, "hds off": OK, "thresh": OK, "xdp mb": OK, "xsk": EBUSY, "fewer": EINVAL,
                    "fewer, above it": OK},
    "nothing": {"bind": OK, "hds off": OK, "hds auto": OK, "thresh": OK, "xdp": EBUSY, "xdp mb": OK, "xsk": OK, "fewer": OK},
}
EXIST = {
    "provider on q": lambda rig: rig.bind_queues(QUEUE),
    "provider on other queue": lambda rig: rig.bind_queues(OTHER),
    "hds off": lambda rig: rig.netdev.set_rings(tcp_data_split="off"),
    "hds auto": lambda rig: rig.netdev.set_rings(tcp_data_split="auto"),
    "hds-thresh": lambda rig: rig.netdev.set_rings(hds_thresh=64),
    "xdp single-buffer": lambda rig: (rig.netdev.set_rings(tcp_data_split="off"), rig.netdev.attach_xdp()),
    "xdp multi-buffer": lambda rig: rig.netdev.attach_xdp(multi_buffer=True),
    "af_xdp on q": lambda rig: rig.netdev.register_xsk_pool(QUEUE),
    "nothing": lambda rig: None,
}
ATTEMPT = {
    "bind": lambda rig: rig.bind_queues(QUEUE),
    "hds off": lambda rig: rig.netdev.set_rings(tcp_data_split="off"),
    "hds auto": lambda rig: rig.netdev.set_rings(tcp_data_split="auto"),
    "hds on": lambda rig: rig.netdev.set_rings(tcp_data_split="on"),
    "thresh": lambda rig: rig.netdev.set_rings(hds_thresh=1 + rig.netdev.hds_thresh),
    "xdp": lambda rig: rig.netdev.attach_xdp(),
    "xdp mb": lambda rig: rig.netdev.attach_xdp(multi_buffer=True),
    "xsk": lambda rig: rig.netdev.register_xsk_pool(QUEUE, force=True),
    "fewer": lambda rig: rig.netdev.set_channels(combined=2),
    "fewer, above it": lambda rig: rig.netdev.set_channels(combined=3),
}
CELLS = [(old, new, number) for old, row in MATRIX.items() for new, number in row.items()]


@pytest.mark.once
@pytest.mark.parametrize(("old", "new", "number"), CELLS, ids=[f"{old} - {new}" for old, new, _ in CELLS])
def test_matrix(old, new, number):
    with Rig() as rig:
        EXIST[old](rig)
        if number == OK:
            ATTEMPT[new](rig)
            assert rig.netdev.dead_queues() == []
        else:
            with untouched(rig), pytest.raises(OSError) as caught:
                ATTEMPT[new](rig)
            assert caught.value.errno == number
        assert rig.knock(OTHER)


@pytest.mark.once
def test_case_10_bind_meets_single_buffer_xdp_with_split_checked_first():
    """The single-buffer program keeps split off, so EINVAL comes first; on 6.12, which has no split check, EEXIST shows."""
    with Rig(split=False, kernel="6.12") as rig:
        rig.netdev.attach_xdp()
        with untouched(rig):
            rig.refused(EEXIST, QUEUE)


@pytest.mark.once
def test_case_11_af_xdp_falls_back_to_copies_unless_it_was_forced():
    with Rig() as rig:
        rig.bind_queues(OTHER)
        assert rig.netdev.register_xsk_pool(QUEUE) == "copy"
        rig.unbind()
        rig.netdev.unregister_xsk_pool(QUEUE)
        assert rig.netdev.register_xsk_pool(QUEUE, force=True) == "zero-copy"
        assert rig.netdev.register_xsk_pool(0, zero_copy=False) == "copy"
        for queue, number in ((4, EINVAL), (-1, EINVAL), (0, EBUSY)):
            with pytest.raises(ProviderError) as caught:
                rig.netdev.register_xsk_pool(queue)
            assert caught.value.errno == number
        rig.netdev.xsk_zero_copy = False
        with pytest.raises(ProviderError) as caught:
            rig.netdev.register_xsk_pool(1, force=True)
        assert caught.value.errno == EOPNOTSUPP and rig.netdev.register_xsk_pool(1) == "copy"


@pytest.mark.once
def test_case_19_quirk_6_channels_with_a_provider_on_the_last_queue():
    with Rig(queues=8) as rig:
        rig.bind_queues(7)
        for wanted in ({"combined": 7}, {"tx": 1}):
            with untouched(rig), pytest.raises(ProviderError) as caught:
                rig.netdev.set_channels(**wanted)
            assert caught.value.errno == EINVAL
        rig.netdev.set_channels(combined=16)
        assert rig.netdev.real_num_rx_queues == rig.netdev.real_num_tx_queues == 16 and isinstance(rig.live_on(7), int)
        assert rig.lives().count("pages") == 15
        rig.netdev.set_channels(combined=9)
        with pytest.raises(ProviderError):
            rig.netdev.set_channels(combined=8)
        rig.netdev.quirks["channel_guard_counts"] = False
        rig.netdev.set_channels(combined=8)
        assert isinstance(rig.live_on(7), int)
        with pytest.raises(ProviderError):
            rig.netdev.set_channels(combined=7)


@pytest.mark.once
@pytest.mark.parametrize("wanted", [{"combined": 17}, {"combined": -1}, {"rx": 17}, {"combined": 0}, {"combined": 0, "rx": 2},
                                    {"combined": 0, "tx": 2}, {"combined": 12, "rx": 5}])
def test_impossible_channels(wanted):
    with Rig() as rig, untouched(rig), pytest.raises(ProviderError) as caught:
        rig.netdev.set_channels(**wanted)
    assert caught.value.errno == EINVAL


@pytest.mark.once
def test_channels_of_one_direction():
    with Rig() as rig:
        rig.netdev.set_channels(combined=2, rx=3, tx=1)
        assert rig.netdev.get_channels() == {"rx": 3, "tx": 1, "combined": 2, "rx_max": 16, "tx_max": 16, "combined_max": 16}
        assert (rig.netdev.real_num_rx_queues, rig.netdev.real_num_tx_queues) == (5, 3)
        assert rig.knock(4)
        rig.netdev.close()
        rig.netdev.set_channels(rx=0, tx=0)
        rig.netdev.open()
        assert rig.lives() == ["pages"] * 2


@pytest.mark.once
def test_channels_and_what_steering_names():
    """Tables and rules compare an index with a count, where "<=" is right; a default table follows the channels."""
    with Rig() as rig:
        ethtool = rig.host.ethtool("eth0")
        assert max(ethtool.get_rxfh_indir()) == 3
        rig.netdev.set_channels(combined=2)
        assert max(ethtool.get_rxfh_indir()) == 1
        rig.netdev.set_channels(combined=4)
        assert max(ethtool.get_rxfh_indir()) == 3
        ethtool.set_rxfh_indir(equal=3)
        with untouched(rig), pytest.raises(ProviderError):
            rig.netdev.set_channels(combined=2)
        rig.netdev.set_channels(combined=3)
        ethtool.set_rxfh_indir(equal=1)
        rule = ethtool.add_rule("tcp4", queue=2, dst_port=9)
        with untouched(rig), pytest.raises(ProviderError):
            rig.netdev.set_channels(combined=2)
        ethtool.delete_rule(rule)
        rig.netdev.set_channels(combined=1)
        assert rig.knock(0)


@pytest.mark.once
def test_nothing_modified_succeeds_without_the_driver():
    with Rig() as rig:
        rig.bind_queues(3)
        with untouched(rig):
            for step in ("mem_alloc", "stop", "start"):
                rig.netdev.fail_next(step)
            rig.netdev.set_rings(tcp_data_split="on", hds_thresh=0, rx=8)
            rig.netdev.set_channels(combined=4)
            assert rig.netdev.faults.hits == 0 and len(rig.netdev.faults.plan) == 3


@pytest.mark.once
def test_rings_in_the_order_of_their_checks():
    """Spec section 10.1: unsupported, unmodified, XDP, provider, maxima, driver."""
    with Rig() as rig:
        def says(number, **change):
            with untouched(rig), pytest.raises(ProviderError) as caught:
                rig.netdev.set_rings(**change)
            assert caught.value.errno == number
            return caught.value.message

        for name in ("rx_buf_len", "cqe_size", "tx_push", "rx_push", "tx_push_buf_len"):
            says(EOPNOTSUPP, tcp_data_split="off", rx=1 << 20, **{name: 1})
        rig.bind_queues(3)
        split = "can't disable tcp-data-split while device has memory provider enabled"
        assert says(EINVAL, tcp_data_split="off", hds_thresh=5000, rx=1 << 20) == split
        assert "hds_thresh" in says(EINVAL, hds_thresh=5000, rx=1 << 20)
        assert "maximum" in says(EINVAL, rx=1 << 20) and "maximum" in says(EINVAL, tx=1 << 20)
        assert "impossible" in says(EINVAL, rx=7)
        rig.unbind()
        assert "hds-thresh exceeds" in says(EINVAL, hds_thresh=1024)
        rig.netdev.ring_params = set()
        says(EOPNOTSUPP, tcp_data_split="on")
        says(EOPNOTSUPP, hds_thresh=0)
        rig.netdev.set_rings(tx=4)
        assert rig.netdev.get_rings()["tx"] == 4


@pytest.mark.once
def test_the_recorded_sentences():
    """What 7.3.4 said in devmem-rig/bind-lifecycle to split off and to a second bind while a queue was bound."""
    (record,) = [r for r in json.loads(GOLDEN.read_text()) if (r["case"], r["kernel"]) == ("devmem-rig/bind-lifecycle", "7.3.4")]
    said = {step["op"]: step for step in record["result"]}
    with Rig(kernel="7.3") as rig:
        rig.bind_queues(3)
        with untouched(rig), pytest.raises(ProviderError) as caught:
            rig.netdev.set_rings(tcp_data_split="off")
        assert f"netlink error: {caught.value.message}\n" in said["ethtool -G tcp-data-split off while bound"]["err"]
        for queues, step in (((3,), "bind-rx q3 again, same socket"), ((1, 3), "bind-rx q1+q3 (q3 busy)")):
            assert rig.refused(EEXIST, *queues) == said[step]["ext"]["msg"]


@pytest.mark.once
def test_the_older_ring_call_asks_no_provider_and_keeps_the_split():
    with Rig(rx_ring=32) as rig:
        number = rig.bind_queues(3)
        rig.netdev.set_rings_ioctl(rx=16)
        assert rig.netdev.get_rings()["rx"] == 16 and rig.live_on(3) == number
        with untouched(rig), pytest.raises(ProviderError):
            rig.netdev.set_rings_ioctl(rx=64)


@pytest.mark.once
def test_case_20_a_resize_rebuilds_every_pool_and_keeps_the_provider():
    with Rig(rx_ring=32) as rig:
        number, pools = rig.bind_queues(3), [rig.host.mem.pools.ctl[p].id for p in rig.pools()]
        rig.netdev.set_rings(rx=8)
        assert rig.live_on(3) == number and rig.lives().count("pages") == 3
        assert not set(pools) & {rig.host.mem.pools.ctl[p].id for p in rig.pools()}
        assert {int(rig.host.rxqs.ctl[q].desc_count) for q in range(4)} == {8} and rig.knock(3)


@pytest.mark.once
def test_xdp_comes_and_goes_and_the_quirk_of_its_going():
    with Rig() as rig:
        rig.netdev.detach_xdp()
        rig.netdev.attach_xdp(multi_buffer=True)
        rig.netdev.attach_xdp(multi_buffer=True)
        rig.netdev.providers[1] = 0                 # both at once cannot be had by asking; the install routine looks all the same
        with pytest.raises(ProviderError) as caught:
            rig.netdev.detach_xdp()
        assert caught.value.errno == EBUSY and rig.netdev.xdp == "multi-buffer"
        rig.netdev.quirks["xdp_removal_guard"] = False
        rig.netdev.detach_xdp()
        del rig.netdev.providers[1]
        assert rig.netdev.xdp is None
        rig.bind_queues(1)


@pytest.mark.once
def test_v9_guards_nothing():
    """Spec section 21: the seed had no XDP, AF_XDP, channel or ring guard, and no split check."""
    with Rig(split=False, kernel="v9") as rig:
        rig.netdev.attach_xdp()
        rig.netdev.register_xsk_pool(2)
        number = rig.bind_queues(2)
        assert rig.live_on(2) == number
        rig.refused(EEXIST, 2)
        assert rig.netdev.register_xsk_pool(0, force=True) == "zero-copy"
        rig.netdev.detach_xdp()
        rig.netdev.attach_xdp()
        rig.netdev.set_rings(tcp_data_split="on")
        rig.netdev.set_rings(tcp_data_split="off", hds_thresh=64)
        assert rig.live_on(2) == number


@pytest.mark.once
def test_6_12_leaves_header_split_to_the_driver():
    """Recorded: on 6.12.107 a bind with split off succeeds, and turning it off while bound is not refused by the core."""
    with Rig(split=False, kernel="6.12") as rig:
        number = rig.bind_queues(2)
        rig.netdev.set_rings(tcp_data_split="on")
        rig.netdev.set_rings(tcp_data_split="off")
        assert rig.live_on(2) == number
        for attempt in (rig.netdev.attach_xdp, lambda: rig.netdev.register_xsk_pool(0, force=True)):
            with untouched(rig), pytest.raises(ProviderError) as caught:
                attempt()
            assert caught.value.errno == EBUSY
        with pytest.raises(ProviderError):
            rig.netdev.set_channels(combined=2)


@pytest.mark.once
def test_features():
    with Rig() as rig:
        features = rig.netdev.get_features()
        assert features["rx-checksum"] and features["ntuple"]
        ethtool = rig.host.ethtool("eth0")
        ethtool.set_rxfh_indir(equal=1)
        ethtool.add_rule("tcp4", queue=3, dst_port=rig.dut[1])
        rig.netdev.set_feature("ntuple", False)
        assert not rig.netdev.get_features()["ntuple"]
        rig.inject("A", b"by hash", seq=0)
        rig.netdev.set_feature("ntuple", True)
        rig.inject("A", b"by rule", seq=0)
        assert [int(q.rx_packets) for q in rig.host.rxqs.ctl[:4]] == [1, 0, 0, 1]
        for name in rig.netdev.fixed_features():
            rig.netdev.set_feature(name, False)
            with pytest.raises(ProviderError) as caught:
                rig.netdev.set_feature(name, True)
            assert caught.value.errno == EOPNOTSUPP
        with pytest.raises(ProviderError) as caught:
            rig.netdev.set_feature("rx-magic", True)
        assert caught.value.errno == EINVAL


@pytest.mark.once
def test_features_that_need_another(monkeypatch):
    monkeypatch.setattr("devmemlab.net.features.NEEDS", {"ntuple": "rx-checksum"})
    with Rig() as rig:
        rig.netdev.set_feature("rx-checksum", False)
        assert not rig.netdev.get_features()["ntuple"]
        with pytest.raises(ProviderError) as caught:
            rig.netdev.set_feature("ntuple", True)
        assert caught.value.errno == EINVAL and "rx-checksum" in str(caught.value)
        rig.netdev.set_feature("rx-checksum", True)
        rig.netdev.set_feature("ntuple", True)
        assert rig.netdev.get_features()["ntuple"]


@pytest.mark.once
def test_rx_page_size_where_release_and_driver_have_it():
    """Spec 8.3 #6 and section 22.4: a larger buffer needs the release, the driver's consent, and aligned memory."""
    with Rig(kernel="7.3", dmabuf="4MiB") as rig:
        mem = rig.host.mem
        binding = mem.bind(2, rig.host.dmabuf_of(rig.fd), niov_bytes=16384)
        rig.netdev.driver = rig.netdev.driver._replace(rx_page_size=False)
        with untouched(rig), pytest.raises(ProviderError) as caught:
            rig.netdev.open_provider(1, binding)
        assert caught.value.errno == EOPNOTSUPP
        rig.netdev.driver = rig.netdev.driver._replace(rx_page_size=True)
        rig.netdev.open_provider(1, binding)
        assert rig.host.rxqs.ctl[1].buffer_bytes == 16384 and mem.pools.ctl[rig.pools()[1]].order == 2
        assert rig.host.rxqs.ctl[0].buffer_bytes == 4096 and rig.knock(1)
        mem.unbind(binding, lambda: rig.netdev.close_provider(1, binding))
        assert rig.host.rxqs.ctl[1].buffer_bytes == 4096 and rig.knock(1)
        rig.settle()
        assert rig.bindings() == 0
    with Rig(kernel=profile("7.3", rx_page_size=False)) as rig, untouched(rig), pytest.raises(ProviderError) as caught:
        rig.netdev.open_provider(1, 0, rx_page_size=8192)
    assert caught.value.errno == EOPNOTSUPP


@pytest.mark.once
def test_queue_configs_that_the_driver_refuses():
    with Rig() as rig:
        seen = []

        def validate(netdev, queue, config):
            seen.append((queue, config.rx_ring, config.rx_page_size))
            raise ProviderError(EINVAL, "not this one")

        rig.netdev.driver = rig.netdev.driver._replace(validate_qcfg=validate)
        with untouched(rig):
            assert rig.refused(EINVAL, 3) == "not this one"
        assert seen == [(3, 8, 4096)]


@pytest.mark.once
@pytest.mark.parametrize("kind", ["veth", "tun", "tap", "bridge", "netkit", "dummy"])
def test_simple_devices_refuse_as_the_kernels_do(kind):
    with Rig() as rig:
        device = rig.host.add_device("x0", kind)
        assert rig.host.devices[device.ifindex] is device and rig.host.ifindex("x0") == device.ifindex == 3
        assert device.ops_locked == (kind == "dummy") and not (device.netmem_tx or device.has_dma or device.providers)
        for call in (lambda: device.open_provider(0, 1), device.set_rings, device.get_rings, device.set_channels,
                     lambda: device.register_xsk_pool(0, force=True)):
            with pytest.raises(ProviderError) as caught:
                call()
            assert caught.value.errno == EOPNOTSUPP
        assert device.register_xsk_pool(0) == "copy"
        for queue, number in ((0, EBUSY), (1, EINVAL)):
            with pytest.raises(ProviderError) as caught:
                device.register_xsk_pool(queue)
            assert caught.value.errno == number
        device.unregister_xsk_pool(0)
        device.attach_xdp()
        device.detach_xdp()
        device.close()
        assert not device.running
        device.open()
        rig.host.remove_device("x0")
        assert not device.registered and device.ifindex not in rig.host.devices
        assert rig.host.add_device("x0", kind).ifindex == 4


@pytest.mark.once
def test_names_and_numbers_of_interfaces():
    with Rig() as rig:
        host = rig.host
        assert [d.name for d in host.devices.values()] == ["lo", "eth0"] and host.ifindex("lo") == 1
        for name, kind, number in (("eth0", "dummy", EEXIST), ("", "dummy", EINVAL), ("a b", "dummy", EINVAL),
                                   ("x/y", "dummy", EINVAL), ("sixteen-letters-", "dummy", EINVAL), ("x0", "modem", EINVAL)):
            with pytest.raises(OSError) as caught:
                host.add_device(name, kind)
            assert caught.value.errno == number
        with pytest.raises(OSError):
            host.remove_device("lo")
        with pytest.raises(OSError, match="eth0"):
            host.device("nope")
        assert list(host.devices) == [1, 2]
