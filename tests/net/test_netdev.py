"""bind-rx and the queues behind it: the order of refusals, restarts, and what a failure leaves."""

import pytest

import devmemlab as dml
from devmemlab.base.errno import EBADF, EEXIST, EINVAL, ENODATA, ENODEV, ERANGE
from devmemlab.net.netdev import ProviderError
from devmemlab.net.queue_ops import mem_alloc
from devmemlab.nic.hds import HDS_DISABLED
from tests.scripts.kit import Script


@pytest.fixture
def s():
    with Script(rx_queues=6, rx_ring=8, listen=False) as script:
        script.region = dml.DeviceMemory("1MiB")
        script.fd = script.host.export(script.region)
        script.nl = script.host.netlink()
        yield script
        script.host.audit()
        script.region.close()


def split(s):
    s.ethtool.set_rings(tcp_data_split="on")


def bind(s, *queues, fd=None, **attrs):
    request = {"ifindex": 2, "fd": s.fd if fd is None else fd, "queues": [{"type": "rx", "id": q} for q in queues], **attrs}
    return s.nl.bind_rx({name: value for name, value in request.items() if value is not None})["id"]


def refused(number, s, *queues, msg=None, **attrs):
    with pytest.raises(dml.NetlinkError) as caught:
        bind(s, *queues, **attrs)
    assert caught.value.errno == number
    if msg:
        assert caught.value.extack.msg == msg
    return caught.value.extack


def unreadable(s):
    return [q for q in range(6) if s.host.rxqs.ctl[q].unreadable]


def live(s):
    return int((s.host.mem.providers.binding.kind != 0).sum())


def test_case_2_missing_attributes_in_their_order(s):
    for attrs, number in (({}, 1), ({"ifindex": 2}, 3), ({"ifindex": 2, "fd": s.fd}, 2)):
        with pytest.raises(dml.NetlinkError) as caught:
            s.nl.do("bind-rx", attrs)
        assert caught.value.errno == EINVAL and caught.value.extack.miss_type == number


def test_case_3_interface_numbers(s):
    assert refused(ERANGE, s, 1, ifindex=0).bad_attr == "ifindex"
    refused(ENODEV, s, 1, ifindex=9999)
    refused(EINVAL, s, 1, extra=1)


def test_case_5_a_queue_without_id_or_type(s):
    split(s)
    for queue, number in (({"type": "rx"}, 1), ({"id": 1}, 3)):
        with pytest.raises(dml.NetlinkError) as caught:
            s.nl.bind_rx({"ifindex": 2, "fd": s.fd, "queues": [{"type": "rx", "id": 1}, queue]})
        assert caught.value.errno == EINVAL and caught.value.extack.miss_type == number
    assert unreadable(s) == [] and live(s) == 0


def test_case_6_queue_type_and_number(s):
    split(s)
    with pytest.raises(dml.NetlinkError) as caught:
        s.nl.bind_rx({"ifindex": 2, "fd": s.fd, "queues": [{"type": "tx", "id": 0}]})
    assert caught.value.errno == EINVAL and caught.value.extack.bad_attr == "type"
    assert refused(EINVAL, s, 6).bad_attr == "id"


def test_case_7_the_file_descriptor_is_looked_at_before_header_split(s):
    refused(EBADF, s, 1, fd=99)
    refused(EINVAL, s, 1, fd=s.nl.fileno(), msg=None)


def test_case_8_header_split_off_auto_on(s):
    s.ethtool.set_rings(tcp_data_split="off")
    refused(EINVAL, s, 1, msg="tcp-data-split is disabled")
    s.ethtool.set_rings(tcp_data_split="auto")
    refused(EINVAL, s, 1, msg="tcp-data-split is disabled")
    split(s)
    bind(s, 1)
    assert unreadable(s) == [1]


def test_case_9_the_threshold_must_be_zero(s):
    s.ethtool.set_rings(tcp_data_split="on", hds_thresh=1)
    refused(EINVAL, s, 1, msg="hds-thresh is not zero")
    s.ethtool.set_rings(hds_thresh=0)
    bind(s, 1)


def test_case_12_a_bound_queue_is_refused_and_stays_bound(s):
    split(s)
    first = bind(s, 1)
    refused(EEXIST, s, 1, msg="designated queue already memory provider bound")
    assert s.nl.do("queue-get", {"ifindex": 2, "type": "rx", "id": 1})["dmabuf"] == first
    s.lab.run(until_ns=2_000_000_000)
    assert live(s) == 1 and unreadable(s) == [1]


def test_case_13_a_driver_that_ignores_the_provider(s):
    split(s)
    netdev = s.host.netdev
    pool = int(s.host.rxqs.ctl[1].pool)

    def ignores(netdev, queue, config):
        return mem_alloc(netdev, queue, config._replace(hds=HDS_DISABLED))

    netdev.driver = netdev.driver._replace(mem_alloc=ignores)
    refused(ENODATA, s, 1)
    assert s.host.rxqs.ctl[1].pool == pool and 1 not in netdev.restarts and netdev.providers == {}


def test_case_14_scenario_g_the_second_queue_fails_and_the_first_is_restored(s):
    split(s)
    bind(s, 5)
    before = s.host.netdev.restarts.get(3, 0)
    refused(EEXIST, s, 3, 5)
    assert unreadable(s) == [5] and s.host.netdev.restarts[3] - before == 2
    s.lab.run(until_ns=2_000_000_000)
    assert live(s) == 1 and len(s.nl.bindings) == 1


def test_case_15_a_queue_named_twice_is_bound_once(s):
    split(s)
    bind(s, 1, 1)
    assert s.host.netdev.restarts[1] == 1 and unreadable(s) == [1]


def test_case_16_ids_increase_and_are_not_used_again(s):
    split(s)
    a, b = bind(s, 1), bind(s, 2)
    other = s.host.netlink()
    keep, s.nl = s.nl, other
    c = bind(s, 3)
    other.close()
    s.nl = keep
    d = bind(s, 3)
    assert a < b < c < d


def test_case_17_queue_get_and_page_pool_get_show_the_binding(s):
    split(s)
    number = bind(s, 2)
    queue = s.nl.do("queue-get", {"ifindex": 2, "type": "rx", "id": 2})
    assert queue == {"id": 2, "type": "rx", "ifindex": 2, "napi-id": 8195, "dmabuf": number}
    assert "dmabuf" not in s.nl.do("queue-get", {"ifindex": 2, "type": "rx", "id": 3})
    pools = s.nl.dump("page-pool-get")
    assert len(pools) == 6 and [p.get("dmabuf") for p in pools].count(number) == 1
    assert len({p["id"] for p in pools}) == 6
    for pool in pools:
        assert s.nl.do("page-pool-get", {"id": pool["id"]}) == pool


def test_case_18_binding_while_down_takes_effect_when_up(s):
    split(s)
    s.host.netdev.close()
    bind(s, 1)
    assert s.host.netdev.restarts == {} and not s.host.netdev.running
    with pytest.raises(dml.NetlinkError):
        s.nl.do("queue-get", {"ifindex": 2, "type": "rx", "id": 1})
    s.host.netdev.open()
    assert unreadable(s) == [1] and s.host.rxqs.ctl[1].post == 8
    s.host.netdev.close()
    s.nl.close()
    s.host.netdev.open()
    assert unreadable(s) == []


def test_case_20_what_is_frozen_while_a_provider_is_bound(s):
    split(s)
    bind(s, 1)
    for change in ({"tcp_data_split": "off"}, {"tcp_data_split": "auto"}, {"hds_thresh": 64}):
        s.call("set_rings", lambda change=change: s.ethtool.set_rings(**change), raises=EINVAL)
    restarts = dict(s.host.netdev.restarts)
    with Script(rx_ring=16, device=True) as other:
        other.ethtool.set_rings(rx=8)
        assert other.host.rxqs.ctl[1].desc_count == 8 and other.host.rxqs.ctl[1].unreadable == 1
        other.handshake()
        other.data(b"after resize")
        assert other.drain() == b"after resize"
    rings = s.ethtool.get_rings()
    assert s.host.netdev.restarts == restarts and (rings["rx"], rings["tcp_data_split"], rings["hds_thresh"]) == (8, "on", 0)


@pytest.mark.parametrize("change", [{"rx": 7}, {"rx": 12}, {"rx": 16}, {"tcp_data_split": "maybe"}, {"hds_thresh": -1},
                                    {"hds_thresh": 1024}])
def test_impossible_rings(s, change):
    before = s.ethtool.get_rings()
    s.call("set_rings", lambda: s.ethtool.set_rings(**change), raises=EINVAL)
    assert s.ethtool.get_rings() == before


def test_case_21_closing_the_netlink_socket_makes_the_queue_readable_again():
    with Script(device=True) as s:
        s.handshake()
        s.netlink.close()
        s.data(b"pages again")
        assert s.recv() == b"pages again"
        assert "dmabuf" not in s.host.netlink().do("queue-get", {"ifindex": 2, "type": "rx", "id": 1})


def test_a_queue_out_of_range_is_refused_by_the_device_too(s):
    with pytest.raises(ProviderError) as caught:
        s.host.netdev.open_provider(6, 1)
    assert caught.value.errno == ERANGE
