"""Notifications: the recorded order of add, change and delete, to those who listen and to nobody else."""

import pytest
from pyroute2.netlink import genlmsg

import devmemlab as dml
from devmemlab.base.errno import EAGAIN, EINVAL, ENOBUFS, ENOENT, ENOPROTOOPT
from devmemlab.host.genl import core
from devmemlab.host.genl.wire import messages
from tests.host.netlink_kit import Pool, read
from tests.host.test_netlink_cases import Bench

SOL_NETLINK = 270


def heard(listener):
    return [(event["name"].removeprefix("page-pool-").removesuffix("-ntf"), event["msg"]) for event in listener.monitor()]


def summary(events):
    return [(name, msg["id"], msg.get("dmabuf"), "detach-time" in msg, msg["inflight"]) for name, msg in events]


@pytest.mark.once
def test_a_bind_and_its_end_are_told_in_the_recorded_order():
    with Bench() as bench:
        listener = bench.host.netlink().subscribe("page-pool")
        assert heard(listener) == []
        old = [pool["id"] for pool in bench.nl.dump("page-pool-get")]
        number = bench.nl.bind_rx({"ifindex": 2, "fd": bench.fd, "queues": [{"type": "rx", "id": q} for q in (3, 2)]})["id"]
        new = max(old) + 1
        # As on 7.3.4: each queue in turn, the new pool first, then the old one, whose buffers are all home.
        assert summary(heard(listener)) == [("add", new, number, False, 0), ("del", old[1], None, False, 0),
                                            ("add", new + 1, number, False, 0), ("del", old[0], None, False, 0)]
        bench.nl.close()
        assert summary(heard(listener)) == [("add", new + 2, None, False, 0), ("del", new, number, False, 0),
                                            ("add", new + 3, None, False, 0), ("del", new + 1, number, False, 0)]
        bench.host.netdev.close()
        assert [name for name, _ in heard(listener)] == ["del"] * 4


@pytest.mark.once
def test_a_failed_bind_tells_of_the_pools_it_made_and_unmade():
    with Bench() as bench:
        bench.nl.bind_rx({"ifindex": 2, "fd": bench.fd, "queues": [{"type": "rx", "id": 3}]})
        listener = bench.host.netlink().subscribe("page-pool")
        with pytest.raises(dml.NetlinkError):
            bench.nl.bind_rx({"ifindex": 2, "fd": bench.fd, "queues": [{"type": "rx", "id": 1}, {"type": "rx", "id": 3}]})
        assert [name for name, _ in heard(listener)] == ["add", "del", "add", "del"]


@pytest.mark.once
def test_a_detached_pool_changes_and_is_deleted_when_its_last_buffer_is_home():
    with Bench() as bench:
        mem, netdev = bench.host.mem, bench.host.netdev
        pool = int(bench.host.rxqs.ctl[1].pool)
        number, netmem = int(mem.pools.ctl[pool].id), mem.alloc(pool)
        listener = bench.host.netlink().subscribe("page-pool")
        bench.lab.run(until_ns=5_000_000_000)
        netdev.close()
        (changed,) = [msg for name, msg in heard(listener) if name == "change"]
        assert (changed["id"], changed["inflight"], changed["detach-time"]) == (number, 1, 5)
        bench.host.poke()
        bench.lab.run(until_ns=6_500_000_000)
        assert heard(listener) == []
        mem.put(pool, netmem)
        events = list(listener.monitor(seconds=3))
        assert [(event["name"], event["msg"]["id"], event["msg"]["inflight"]) for event in events] == [
            ("page-pool-del-ntf", number, 0)]
        assert events[0]["msg"]["detach-time"] == 5


@pytest.mark.once
def test_a_device_that_comes_and_goes_is_told_to_the_other_group():
    with Bench() as bench:
        listener, pools = bench.host.netlink().subscribe("mgmt"), bench.host.netlink().subscribe("page-pool")
        device = bench.host.add_device("v0", "veth")
        assert listener.receive() == {"name": "dev-add-ntf", "msg": {
            "ifindex": device.ifindex, "xdp-features": 0, "xdp-rx-metadata-features": 0, "xsk-features": 0}}
        device.xdp_features = 1
        assert [event["name"] for event in listener.monitor()] == ["dev-change-ntf"]
        bench.host.remove_device("v0")
        assert [event["name"] for event in listener.monitor()] == ["dev-del-ntf"] and heard(pools) == []


@pytest.mark.once
def test_pools_of_a_device_that_is_gone_move_to_loopback():
    with Bench() as bench:
        pool = int(bench.host.rxqs.ctl[0].pool)
        number, netmem = int(bench.host.mem.pools.ctl[pool].id), bench.host.mem.alloc(pool)
        listener = bench.host.netlink().subscribe("page-pool")
        bench.host.remove_device("eth0")
        last = [msg for name, msg in heard(listener) if name == "change" and msg["id"] == number][-1]
        assert "ifindex" not in last and last["inflight"] == 1
        assert bench.nl.dump("page-pool-get") == [last]
        bench.host.mem.put(pool, netmem)


@pytest.mark.once
def test_reading_by_octets_as_pyroute2_does():
    with Bench() as bench:
        listener = bench.host.netlink()
        listener.setsockopt(SOL_NETLINK, 1, 5)
        bench.host.netdev.close()
        told = read(Pool, listener.recv())
        assert (told["cmd"], told["header"]["pid"], told["header"]["sequence_number"]) == (7, 0, 0)
        assert told.get_attr("IFINDEX") == 2 and told.get_attr("INFLIGHT") == 0
        (message,) = messages(listener.recv())
        assert read(genlmsg, message.octets)["cmd"] == message.command == 7
        listener.setsockopt(SOL_NETLINK, 2, 5)
        bench.host.netdev.open()
        assert len(list(listener.monitor())) == 2 and bench.host.mem.watch is None


@pytest.mark.once
def test_who_does_not_read_loses_and_is_told_once(monkeypatch):
    monkeypatch.setattr(core, "RCVBUF_BYTES", 200)
    with Bench() as bench:
        listener = bench.host.netlink().subscribe("page-pool")
        bench.host.netdev.close()
        with pytest.raises(OSError, match="notifications were lost") as caught:
            listener.receive()
        assert caught.value.errno == ENOBUFS
        assert len(list(listener.monitor())) == 200 // 52
        with pytest.raises(BlockingIOError, match="no notification waits; groups: page-pool") as caught:
            listener.receive()
        assert caught.value.errno == EAGAIN


@pytest.mark.once
def test_groups_and_options_that_do_not_exist():
    with Bench() as bench:
        for call, number in ((lambda: bench.nl.subscribe("mgnt"), ENOENT),
                             (lambda: bench.nl.setsockopt(SOL_NETLINK, 1, 9), EINVAL),
                             (lambda: bench.nl.setsockopt(SOL_NETLINK, 99, 9), ENOPROTOOPT),
                             (lambda: bench.nl.setsockopt(1, 1, 5), ENOPROTOOPT), (bench.nl.receive, EAGAIN)):
            with pytest.raises(OSError) as caught:
                call()
            assert caught.value.errno == number


@pytest.mark.once
def test_a_monitor_prints_what_it_reads(capsys):
    with Bench() as bench:
        listener = bench.host.netlink().subscribe("page-pool")
        bench.host.netdev.close()
        events = list(listener.monitor(out=print))
        said = capsys.readouterr().out
        assert len(events) == 4 and said.count("'name': 'page-pool-del-ntf'") == 4 and "'inflight': 0" in said
        listener.unsubscribe("page-pool")
        bench.host.netdev.open()
        assert list(listener.monitor()) == []
