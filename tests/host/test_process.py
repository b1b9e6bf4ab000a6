"""Processes and their file descriptors: who holds what, and in which order it goes."""

import pytest

import devmemlab as dml
from devmemlab.base.errno import EBADF, EINVAL, EMFILE
from devmemlab.host.fds import FdTable
from tests.host.test_netlink_cases import Bench
from tests.scripts.kit import Script


def refused(number, call, *args):
    with pytest.raises(OSError) as caught:
        call(*args)
    assert caught.value.errno == number


class Thing:
    def __init__(self, order):
        self.order = order

    def release(self):
        self.order.append(self)


@pytest.mark.once
def test_numbers_and_what_they_name():
    order, table = [], FdTable(limit=6)
    a, b = Thing(order), Thing(order)
    assert (table.install(a), table.install(b), table.dup(3)) == (3, 4, 5)
    refused(EMFILE, table.install, a)
    table.close(3)
    assert order == [] and table.names(a) == 1 and table.dup(5) == 3
    child = table.copy()
    assert child.things == table.things and child.names(a) == 4 and child.names(b) == 2
    table.close_all()
    assert order == [] and table.things == {}
    given = child.give(4, table)
    child.close(4)
    assert given == 3 and order == []
    table.close(3)
    assert order == [b]
    child.close_all()
    assert order == [b, a]
    refused(EBADF, table.dup, 3)
    refused(EBADF, child.give, 3, table)


@pytest.mark.once
def test_a_process_has_numbers_of_its_own():
    with Bench() as bench:
        process = bench.host.process("reader")
        assert process.pid == 2 and process.udmabuf(4096) == 3 and bench.host.fds.get(3) is not process.fds.get(3)
        refused(EBADF, process.dmabuf_of, 4)
        # The machine is the same one.
        assert process.ifindex("eth0") == 2 and process.clock is bench.host.clock and process.netdev is bench.host.netdev
        with pytest.raises(AttributeError):
            process.nothing_of_that_name  # noqa: B018
        assert "reader" in repr(process) and bench.host.process().pid == 3
        process.exit()
        refused(EBADF, process.fork)
        refused(EMFILE, process.netlink)
        assert list(bench.host.processes) == [3]
        with dml.Lab() as lab:
            refused(EINVAL, lab.host("other", ip="10.0.0.9", rx_ring=8, sockets=4).kill, process)


@pytest.mark.once
def test_the_ports_of_netlink_sockets():
    with Bench() as bench:
        process = bench.host.process()
        first, second, other = process.netlink(), process.netlink(), bench.host.netlink()
        assert first.sock.port == process.pid and second.sock.port > 1 << 31 and other.sock.port not in (1, second.sock.port)
        first.close()
        refused(EBADF, first.send, b"")
        assert process.netlink().sock.port == process.pid


@pytest.mark.once
def test_a_binding_lives_until_the_last_number_of_its_socket_is_closed():
    with Bench() as bench:
        nl = bench.host.netlink()
        number = nl.bind_rx({"ifindex": 2, "fd": bench.fd, "queues": [{"type": "rx", "id": 1}]})["id"]
        again = nl.dup()
        nl.close()
        nl.close()
        assert bench.ids() == [number] and again.bindings and "1 bindings" in repr(again)
        with again:
            assert again.bind_rx({"ifindex": 2, "fd": bench.fd, "queues": [{"type": "rx", "id": 2}]})["id"] > number
        assert bench.ids() == [] and again.bindings == []


@pytest.mark.once
def test_a_child_keeps_what_its_parent_bound():
    with Bench() as bench:
        parent = bench.host.process("parent")
        fd = parent.udmabuf("16KiB")
        nl = parent.netlink()
        number = nl.bind_rx({"ifindex": 2, "fd": fd, "queues": [{"type": "rx", "id": 0}]})["id"]
        child = parent.fork("child")
        bench.host.kill(parent)
        assert bench.ids() == [number] and child.fds.get(nl.fileno()) is nl.sock
        child.close(nl.fileno())
        assert bench.ids() == []
        dmabuf = child.dmabuf_of(fd)
        bench.lab.run(until_ns=0)
        assert bench.host.mem.dmabufs.buf[dmabuf].refs == 1
        child.exit()
        assert bench.host.mem.dmabufs.buf[dmabuf].refs == 0


@pytest.mark.once
def test_a_process_that_is_killed_unbinds_and_its_queues_go_back_to_pages():
    with Bench() as bench:
        owner = bench.host.process("owner")
        owner.netlink().bind_rx({"ifindex": 2, "fd": owner.udmabuf("16KiB"), "queues": [{"type": "rx", "id": 0}]})
        watcher = bench.host.netlink().subscribe("page-pool")
        bench.host.kill(owner)
        assert [event["name"] for event in watcher.monitor()] == ["page-pool-add-ntf", "page-pool-del-ntf"]
        assert bench.ids() == [] and bench.host.netdev.providers == {} and not owner.alive and owner.fds.things == {}
        bench.lab.run(until_ns=0)
        assert not bench.host.mem.providers.binding.kind.any()


def owned(count=3):
    """A script whose binding belongs to a process of its own, with `count` segments received."""
    s = Script(rx_ring=8, listen=False)
    s.owner = s.host.process("owner")
    s.host, s.machine = s.owner, s.host
    s.bind()
    s.host = s.machine
    s.server.bind(("", s.dut[1]))
    s.server.listen(8)
    s.handshake()
    for k in range(count):
        s.data(bytes([k]) * 10)
    return s


def test_scenario_d_the_owner_of_the_binding_is_killed_while_another_process_reads():
    with owned() as s:
        _, pieces = s.recvmsg()
        s.data(b"queued")
        s.host.kill(s.owner)
        s.lab.run(until_ns=s.lab.clock.now_ns)
        nl = s.host.netlink()
        assert all("dmabuf" not in queue for queue in nl.dump("queue-get"))
        assert s.device_bytes(pieces) == b"".join(bytes([k]) * 10 for k in range(3))
        _, late = s.recvmsg()
        assert s.device_bytes(late) == b"queued" and late.dmabuf_id[0] == s.binding_id
        (detached,) = [pool for pool in nl.dump("page-pool-get") if "detach-time" in pool]
        assert detached["dmabuf"] == s.binding_id and detached["inflight"] == 4
        s.data(b"in pages")
        assert s.drain() == b"in pages"
        assert s.host.dontneed(s.conn, [(1, 4)]) == 4
        s.wait(1100)
        assert all("dmabuf" not in pool for pool in nl.dump("page-pool-get"))
        assert not s.host.mem.providers.binding.kind.any() and s.host.audit().netmems_in_flight == 0


@pytest.mark.parametrize("netlink_first", [True, False])
def test_scenario_d_both_sockets_in_one_process_close_in_the_order_of_their_numbers(netlink_first):
    with Script(rx_ring=8, listen=False) as s:
        machine, order = s.host, []
        s.host = process = machine.process("ncdevmem")
        if netlink_first:
            s.bind()
        s.server.close()
        s.server = process.socket()
        s.server.settimeout(0)
        s.server.bind(("", s.dut[1]))
        s.server.listen(1)
        if not netlink_first:
            s.bind()
        s.handshake()
        s.data(b"held")
        s.recvmsg()
        for fd, thing in process.fds.things.items():
            release = thing.release
            thing.release = lambda release=release, fd=fd: (order.append(fd), release())
        machine.kill(process)
        assert order == sorted(order) and len(order) == 4
        s.lab.run(until_ns=s.lab.clock.now_ns)
        s._collect()
        s.inject("FA", ack=2)
        s.wait(2000)
        assert not machine.mem.providers.binding.kind.any() and machine.audit().netmems_in_flight == 0


def test_scenario_h_a_restart_fails_while_the_owner_is_killed():
    with owned() as s:
        _, pieces = s.recvmsg()
        old = int(s.host.rxqs.ctl[1].pool)
        s.host.netdev.fail_next("mem_alloc", queue=1)
        s.host.kill(s.owner)
        s.lab.run(until_ns=s.lab.clock.now_ns)
        # The provider is forgotten and the id gone, but the queue runs on, on the old pool, which keeps the binding.
        assert s.host.netdev.providers == {} and int(s.host.rxqs.ctl[1].pool) == old
        assert any("queue 1" in line for line in s.host.mem.log)
        assert all("dmabuf" not in queue for queue in s.host.netlink().dump("queue-get"))
        assert [pool["dmabuf"] for pool in s.host.netlink().dump("page-pool-get") if "dmabuf" in pool] == [s.binding_id]
        s.data(b"still device memory")
        assert s.device_bytes(s.recvmsg()[1]) == b"still device memory"
        assert s.device_bytes(pieces) == b"".join(bytes([k]) * 10 for k in range(3))
        s.host.netdev.restart(1)
        assert s.host.dontneed(s.conn, [(1, 4)]) == 4
        s.wait(1100)
        assert not s.host.mem.providers.binding.kind.any() and s.host.audit().netmems_in_flight == 0


@pytest.mark.once
def test_a_socket_that_was_handed_over_keeps_its_bindings():
    with Bench() as bench:
        owner, heir = bench.host.process("owner"), bench.host.process("heir", admin=False)
        nl = owner.netlink()
        number = nl.bind_rx({"ifindex": 2, "fd": owner.udmabuf("16KiB"), "queues": [{"type": "rx", "id": 0}]})["id"]
        fd = owner.give(nl.fileno(), heir)
        assert owner.dup(nl.fileno()) == 5 and bench.host.fds.names(nl.sock) == 3
        owner.exit()
        assert bench.ids() == [number]
        heir.close(fd)
        assert bench.ids() == []
        refused(EBADF, heir.give, fd, bench.host)
        with dml.Lab() as lab:
            refused(EINVAL, bench.host.give, bench.fd, lab.host("other", ip="10.0.0.9", rx_ring=8, sockets=4))


def test_tokens_go_back_through_another_number_of_the_socket():
    with Script(device=True, rx_ring=8) as s:
        s.handshake()
        s.data(b"one")
        s.data(b"two")
        s.recvmsg()
        again = s.host.dup(s.conn.fileno())
        old = s.conn.fileno()
        s.host.close(old)
        # The connection lives on under its other number, and so does the object.
        assert s.conn.fileno() == again != old and s.host.dontneed(s.conn, [(1, 2)]) == 2
        s.call("close", s.conn.close)
        assert old not in s.host.fds.things and again not in s.host.fds.things
