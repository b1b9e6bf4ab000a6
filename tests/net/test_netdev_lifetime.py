"""Down and up, unregistered, torn down with buffers out, and several NICs: what bindings and pools go through."""

import pytest

import devmemlab as dml
from devmemlab.base.errno import EEXIST, EINVAL, ENODEV, ENOSPC
from devmemlab.host.ports.manual import Manual
from devmemlab.mem.dmabuf import TO_DEVICE
from tests.net.rig import Rig
from tests.ports.kit import made
from tests.scripts.kit import Script

SECOND = 1_000_000_000


def holding(count=2, **options):
    """A connection on device memory; so many packets were received and their tokens are held."""
    s = Script(device=True, **{"rx_ring": 8, **options})
    s.handshake()
    for k in range(count):
        s.data(bytes([k + 1]) * 10)
    s.pieces = s.recvmsg()[1]
    return s


def live(s):
    return int((s.host.mem.providers.binding.kind != 0).sum())


def test_scenario_e_as_recorded_link_down_with_a_token_held():
    """devmem-rig/teardown: down leaves one pool, detached, with the binding's id; up makes new ones, and the queue is bound."""
    with holding(1) as s:
        netdev = s.host.netdev
        s.wait(32_000)
        netdev.close()
        assert [(p["inflight"], p["detach-time"], p["dmabuf"]) for p in s.host.mem.page_pool_dump()] == [(1, 32, s.binding_id)]
        assert list(netdev.providers) == [1] and s.host.detached_pools() == s.host.mem.page_pool_dump()
        netdev.open()
        assert len(s.host.mem.page_pool_dump()) == 3
        assert s.host.netlink().do("queue-get", {"ifindex": 2, "type": "rx", "id": 1})["dmabuf"] == s.binding_id
        s.data(b"after up")
        assert s.device_bytes(s.recvmsg()[1]) == b"after up"
        assert s.host.dontneed(s.conn, [(1, 2)]) == 2
        s.host.wait_detached()
        assert s.host.detached_pools() == []
        s.host.audit()
        s.netlink.close()
        s.conn.close()
        s.host.wait_detached()
        s.lab.run(until_ns=s.lab.clock.now_ns)
        assert live(s) == 0


@pytest.mark.once
def test_unbinding_while_down():
    with Rig() as rig:
        rig.bind_queues(1, 2)
        rig.netdev.close()
        rig.unbind()
        assert rig.netdev.providers == {}
        rig.settle()
        assert rig.bindings() == 0 and rig.host.mem.page_pool_dump() == []
        rig.netdev.open()
        assert rig.lives() == ["pages"] * 4 and rig.knock(1)


def test_case_58_scenario_f_unregistered_while_bound_with_tokens_held():
    with holding(2) as s:
        s.data(b"unread")
        number = s.binding_id
        s.host.remove_device("eth0")
        assert s.host.netdev.providers == {} and not s.host.netdev.registered and list(s.host.devices) == [1]
        (pool,) = s.host.detached_pools()
        assert "ifindex" not in pool and pool["inflight"] == 3 and pool["dmabuf"] == number
        assert s.device_bytes(s.pieces) == b"\1" * 10 + b"\2" * 10
        assert s.device_bytes(s.recvmsg()[1]) == b"unread"
        s.netlink.close()
        assert live(s) == 1 and not [line for line in s.host.mem.log if "WARNING" in line]
        s.host.audit()
        with pytest.raises(TimeoutError, match="3 by tokens of connection"):
            s.host.wait_detached(timeout_ns=5 * SECOND)
        assert s.host.dontneed(s.conn, [(1, 3)]) == 3
        s.host.wait_detached()
        s.lab.run(until_ns=s.lab.clock.now_ns)
        assert live(s) == 0 and s.host.mem.page_pool_dump() == []
        with pytest.raises(OSError) as caught:
            s.host.device("eth0")
        assert caught.value.errno == ENODEV
        s.host.audit()


@pytest.mark.once
def test_uninstall_takes_the_device_from_a_binding_when_its_last_queue_goes():
    with Rig() as rig:
        rig.bind_queues(1, 3)
        own = rig.host.mem.providers.binding[rig.netdev.providers[1]]
        rig.netdev.uninstall(1)
        assert own.ifindex == 2
        rig.netdev.uninstall(3)
        assert own.ifindex == 0


@pytest.mark.once
@pytest.mark.parametrize("quirk", [True, False])
def test_quirk_19_a_tx_binding_keeps_its_device(quirk):
    with Rig() as rig:
        mem = rig.host.mem
        sending, receiving = mem.bind(2, rig.host.dmabuf_of(rig.fd), direction=TO_DEVICE), rig.bind_queues(1)
        own = mem.providers.binding[rig.netdev.providers[1]]
        rig.netdev.quirks["tx_binding_keeps_device"] = quirk
        rig.host.remove_device("eth0")
        assert own.id == receiving and own.ifindex == 0
        assert mem.providers.binding[sending].ifindex == (2 if quirk else 0)
        mem.unbind(sending)


def test_wait_detached_names_who_holds_what():
    with holding(2) as s:
        s.data(b"unread")
        s.netlink.close()
        with pytest.raises(TimeoutError) as caught:
            s.host.wait_detached(timeout_ns=3 * SECOND)
        said = str(caught.value)
        assert "3 buffers" in said and "2 by tokens of connection" in said and "1 by skbs" in said
        assert f"binding {s.binding_id}" in said and "queue 1" in said and "within 3 s" in said
        s.host.dontneed(s.conn, [(1, 2)])
        with pytest.raises(TimeoutError, match=r"1 buffers \(1 by skbs\)"):
            s.host.wait_detached(timeout_ns=3 * SECOND)
        s.conn.close()
        before = s.lab.clock.now_ns
        waited = s.host.wait_detached()
        assert 0 <= waited <= SECOND and s.lab.clock.now_ns == before + waited and s.host.detached_pools() == []


def test_scenario_i_what_old_pools_hold_is_missing_from_the_new_ones():
    with holding(4, dmabuf="32KiB", rx_ring=16) as s:
        s.host.netdev.set_rings(rx=8)
        q = s.host.rxqs.ctl[1]
        assert q.desc_count == 8 and q.post - q.used == 4 and q.unreadable
        s.host.dontneed(s.conn, [(1, 4)])
        s.host.wait_detached()
        s.data(b"x")
        assert q.post - q.used == 7 and s.device_bytes(s.recvmsg()[1]) == b"x"
        s.host.audit()


def second_nic(s, **options):
    port = Manual()
    return s.host.add_nic("eth9", mac="02:00:00:00:09:02", port=port, ip="10.0.9.2", **options), port


def test_a_second_nic_receives_into_its_own_memory():
    """Its own queues, rules, binding and port: a connection over each NIC, device memory on both."""
    with Script(device=True) as s:
        netdev, port = second_nic(s, rx_queues=3)
        assert [d.name for d in s.host.devices.values()] == ["lo", "eth0", "eth9"] and s.host.ifindex("eth9") == 3
        assert int(netdev.ctl.first_queue) == 16 and netdev.real_num_rx_queues == 3
        s.handshake()
        s.data(b"over the first")
        netdev.set_rings(tcp_data_split="on")
        ethtool = s.host.ethtool("eth9")
        ethtool.set_rxfh_indir(equal=1)
        ethtool.add_rule("tcp4", queue=2, dst_port=5201)
        memory = dml.DeviceMemory("64KiB")
        binding = s.host.mem.bind(3, s.host.dmabuf_of(s.host.export(memory)))
        netdev.open_provider(2, binding)
        s.forget()
        first, s.port = s.conn, port
        s.dut, s.peer = ("10.0.9.2", 5201, "02:00:00:00:09:02"), ("10.0.9.1", 4000, "02:00:00:00:09:01")
        s.next, s.ack, s.iss, device, s.device = 0, 0, None, s.device, memory
        s.handshake()
        s.data(b"over the second")
        data, pieces = s.recvmsg()
        assert s.device_bytes(pieces) == b"over the second"
        assert int(pieces.dmabuf_id[0]) == int(s.host.mem.providers.binding[binding].id) != s.binding_id
        second, s.conn, s.device = s.conn, first, device
        assert s.device_bytes(s.recvmsg()[1]) == b"over the first"
        assert int(s.host.nics.ctl[1].rx_packets) == 3 and int(s.host.nics.ctl[1].tx_packets) >= 2
        s.host.audit()
        second.close()
        s.host.mem.unbind(binding, lambda: netdev.close_provider(2, binding))
        s.host.remove_device("eth9")
        s.host.wait_detached()
        assert list(s.host.devices) == [1, 2]
        memory.close()


@pytest.mark.once
def test_frames_reach_only_the_nic_whose_port_they_come_in_by():
    with Script() as s:
        netdev, port = second_nic(s)
        frame = made(s.peer, s.dut, b"x", seq=1, tcp_flags=16)
        port.inject(frame, at_ns=0)
        s.lab.run(until_ns=0)
        assert netdev.ctl.rx_dropped == 1 and s.host.nics.ctl[0].rx_packets == 0
        assert s.host.next_ns() is None or s.host.next_ns() >= 0
        port.inject(frame, at_ns=5)
        assert s.host.next_ns() == 5


@pytest.mark.once
def test_nics_that_cannot_be():
    with Rig() as rig:
        add = rig.host.add_nic
        for options, number in (({"ifname": "eth0"}, EEXIST), ({"rx_queues": 0}, EINVAL),
                                ({"rx_queues": 3, "queues_max": 2}, EINVAL), ({"rx_queues": 33}, ENOSPC),
                                ({"restart": "host"}, EINVAL), ({"restart_ns": -1}, EINVAL)):
            with pytest.raises(OSError) as caught:
                add(**{"ifname": "eth1", **options})
            assert caught.value.errno == number, options
        macs = {int(rig.netdev.ctl.mac), *(int(add(f"eth{k}", rx_queues=2).ctl.mac) for k in (1, 2, 3))}
        assert len(macs) == 4 and [d.ifindex for d in rig.host.devices.values()] == [1, 2, 3, 4, 5]
        with pytest.raises(OSError) as caught:
            add("eth4")
        assert caught.value.errno == ENOSPC
        rig.host.audit()
