"""The life of an io_uring interface queue: registration, and every way it can end."""

import pytest

import devmemlab as dml
from devmemlab.base.errno import (
    EBADF,
    EEXIST,
    EFAULT,
    EINVAL,
    ENODEV,
    EOPNOTSUPP,
    EOVERFLOW,
    EPERM,
    ERANGE,
)
from devmemlab.host.io_uring import SETUP
from devmemlab.host.readiness import POLLIN
from devmemlab.lab.lab import Lab
from tests.mem.kit import refused
from tests.sock.zcrx_kit import LARGE, STREAM, Zcrx, spelled

PAGES = dml.host_memory("256KiB", "pages of a program")
AREA = dml.ZcrxArea.pages(PAGES)


@pytest.fixture(scope="module")
def k():
    with Lab() as lab:
        host = lab.host("h", ip="10.0.0.2", rx_queues=2, rx_ring=16, ifname="eth0", sockets=8)
        host.ethtool("eth0").set_rings(tcp_data_split="on", hds_thresh=0)
        yield host


@pytest.fixture
def ring(k):
    with k.io_uring(4) as made:
        yield made
    assert k.audit().netmems_in_flight == 0
    assert not (k.mem.providers.binding.kind != 0).sum() - k.mem.providers.ctl[0].pending


@pytest.mark.parametrize("entries, flags", [(0, SETUP), (32769, SETUP), (8, 1 << 13), (8, 1 << 30)])
def test_rings_that_cannot_be(k, entries, flags):
    with refused(EINVAL):
        k.io_uring(entries, flags)
    with k.io_uring(32769, SETUP | dml.IORING_SETUP_CLAMP) as made, k.io_uring(33) as small:
        assert made.sq_entries == 32768 and small.sq_entries == 64


@pytest.mark.parametrize("number, changes", [
    (EINVAL, {"if_rxq": -1}), (EINVAL, {"rq_entries": 0}), (EINVAL, {"flags": 1}), (EINVAL, {"rq_entries": 32769}),
    (EINVAL, {"region_bytes": 4096, "rq_entries": 256}), (ENODEV, {"if_idx": 9}), (EOPNOTSUPP, {"if_idx": 1}),
    (ERANGE, {"if_rxq": 2}), (EINVAL, {"rx_buf_len": 8192}), (EINVAL, {"rx_buf_len": 5000}),
    (EINVAL, {"area": AREA._replace(flags=2)}), (EINVAL, {"area": AREA._replace(rq_area_token=1)}),
    (EINVAL, {"area": AREA._replace(addr=AREA.addr + 512)}), (EINVAL, {"area": AREA._replace(len=AREA.len - 512)}),
    (EFAULT, {"area": AREA._replace(len=0)}), (EFAULT, {"area": AREA._replace(len=(1 << 30) + 4096)}),
    (EOVERFLOW, {"area": AREA._replace(addr=(1 << 64) - 4096)}), (EFAULT, {"area": AREA._replace(addr=0)}),
    (EFAULT, {"area": AREA._replace(len=AREA.len + 4096)}), (EFAULT, {"area": AREA._replace(memory=None)}),
    (EINVAL, {"area": AREA._replace(dmabuf_fd=5)}), (EBADF, {"area": dml.ZcrxArea.dmabuf(99, 4096)}),
    (EINVAL, {"area": dml.ZcrxArea.dmabuf(99, 4096)._replace(addr=4096)}),
])
def test_a_registration_is_refused_and_leaves_nothing(k, ring, number, changes):
    k.mem.run_work(0)
    before = [*k.mem.ranges["words"].free], [*k.mem.ranges["sg"].free], dict(k.netdev.restarts)
    with refused(number):
        ring.register_ifq(**{"if_idx": 2, "if_rxq": 1, "area": AREA, "rq_entries": 16, **changes})
    k.mem.run_work(0)
    assert (k.mem.ranges["words"].free, k.mem.ranges["sg"].free, k.netdev.restarts) == before
    assert ring.ifqs == {} and k.netdev.providers == {}


def test_memory_that_is_no_memory_of_the_program(k, ring):
    device, gone = dml.DeviceMemory(4096), dml.host_memory(4096)
    closed = dml.ZcrxArea.pages(gone)
    gone.close()
    for area in (dml.ZcrxArea.pages(device), closed):
        with refused(EFAULT):
            ring.register_ifq(2, 1, area, 16)


def test_a_dmabuf_is_taken_whole(k, ring):
    fd, other = k.udmabuf(8192), k.open_other()
    with refused(EINVAL):
        ring.register_ifq(2, 1, dml.ZcrxArea.dmabuf(fd, 4096), 16)
    with refused(EINVAL):
        ring.register_ifq(2, 1, dml.ZcrxArea.dmabuf(other, 4096), 16)
    assert ring.register_ifq(2, 1, dml.ZcrxArea.dmabuf(fd, 8192), 16).free_count == 0
    k.close(fd), k.close(other)


def test_an_area_may_be_a_part_of_the_memory(k, ring):
    ifq = ring.register_ifq(2, 1, dml.ZcrxArea.pages(PAGES, 8192, 65536), 16, region_bytes=4096)
    own = k.mem.providers.binding[ifq.binding]
    assert own.niov_count == 16 and k.mem.providers.chunk[own.chunk_first].dma_addr == PAGES.start + 8192


def test_header_split_is_needed_and_frozen(k, ring):
    nic = k.ethtool("eth0")
    for settings in ({"tcp_data_split": "off"}, {"tcp_data_split": "auto"}, {"tcp_data_split": "on", "hds_thresh": 64}):
        nic.set_rings(**settings)
        with refused(EINVAL):
            ring.register_ifq(2, 1, AREA, 16)
    nic.set_rings(hds_thresh=0)
    ring.register_ifq(2, 1, AREA, 16)
    for settings in ({"tcp_data_split": "off"}, {"hds_thresh": 64}):
        with refused(EINVAL):
            nic.set_rings(**settings)


def test_a_queue_has_one_provider(k, ring):
    ring.register_ifq(2, 1, AREA, 16)
    with refused(EEXIST):
        ring.register_ifq(2, 1, dml.ZcrxArea.pages(dml.host_memory("64KiB")), 16)
    fd = k.udmabuf(65536)
    with k.netlink() as netdev, refused(EEXIST):
        netdev.bind_rx({"ifindex": 2, "fd": fd, "queues": [{"type": "rx", "id": 1}]})
    assert k.netlink().do("queue-get", {"ifindex": 2, "type": "rx", "id": 1})["io-uring"] == {}
    assert [p for p in k.netlink().dump("page-pool-get") if "io-uring" in p]
    with k.netlink() as netdev:
        netdev.bind_rx({"ifindex": 2, "fd": fd, "queues": [{"type": "rx", "id": 0}]})
        with refused(EEXIST):
            ring.register_ifq(2, 0, AREA, 16)
    k.close(fd)


def test_ids_of_dmabuf_bindings_are_not_used_up_by_areas(k, ring):
    fd = k.udmabuf(65536)
    ids = []
    for _ in range(2):
        with k.netlink() as netdev:
            ids.append(netdev.bind_rx({"ifindex": 2, "fd": fd, "queues": [{"type": "rx", "id": 0}]})["id"])
        ring.unregister_ifq(ring.register_ifq(2, 1, AREA, 16))
    assert ids[1] == ids[0] + 1
    k.close(fd)


@pytest.mark.parametrize("flags", [dml.IORING_SETUP_SINGLE_ISSUER | dml.IORING_SETUP_DEFER_TASKRUN, dml.IORING_SETUP_CQE32, 0])
def test_what_the_ring_must_be_made_with(k, flags):
    with k.io_uring(4, flags) as made, refused(EINVAL):
        made.register_ifq(2, 1, AREA, 16)


def test_clamp_makes_the_refill_ring_smaller(k):
    with k.io_uring(4, SETUP | dml.IORING_SETUP_CLAMP) as made:
        assert made.register_ifq(2, 1, AREA, 40000).rq_entries == 32768


def test_rights_are_those_of_bind_rx(k):
    guest = k.process("guest", admin=False)
    with guest.io_uring(4) as made, refused(EPERM):
        made.register_ifq(9, -1, AREA._replace(len=1), 0)
    k.kill(guest)


def test_a_release_without_zero_copy_receive():
    with Lab() as lab:
        host = lab.host("old", ip="10.0.0.2", rx_queues=2, kernel="6.12", sockets=8, rx_ring=16)
        with host.io_uring(4) as made, refused(EINVAL):
            made.register_ifq(2, 1, AREA, 16)


def test_larger_buffers_where_the_release_has_them():
    with Lab() as lab:
        host = lab.host("new", ip="10.0.0.2", rx_queues=2, kernel="7.3", rx_ring=16, sockets=8)
        host.ethtool("eth0").set_rings(tcp_data_split="on", hds_thresh=0)
        with host.io_uring(4) as made:
            for size, number in ((12288, EINVAL), (2048, EINVAL), (1 << 18, ERANGE)):
                with refused(number):
                    made.register_ifq(2, 1, dml.ZcrxArea.pages(PAGES, 4096, 65536), 16, rx_buf_len=size)
            large = dml.host_memory("1MiB")
            inside = -large.start % 16384
            ifq = made.register_ifq(2, 1, dml.ZcrxArea.pages(large, inside, 16384 * 32), 16, rx_buf_len=16384)
            assert host.mem.providers.binding[ifq.binding].niov_count == 32 and host.rxqs.ctl[1].buffer_bytes == 16384
            host.netdev.driver = host.netdev.driver._replace(rx_page_size=False)
            with refused(EOPNOTSUPP):
                made.register_ifq(2, 0, dml.ZcrxArea.pages(large, inside + 16384 * 32, 16384), 16, rx_buf_len=16384)


def test_larger_buffers_receive():
    with Zcrx(kernel="7.3", rx_buf_len=LARGE, pages=512) as s:
        s.recv_zc()
        s.send(9000)
        with s.misses():
            s.send(9000)
        cqes = s.take()
        assert [cqe.res for cqe in cqes][:1] == [9000] and s.octets(cqes) == STREAM[:18000]
        assert cqes[0].area_offset % LARGE == 0


def holding(count=3, unread=0, **options):
    """A program that holds `count` buffers; `unread` more packets wait in the socket."""
    s = Zcrx(**options)
    s.recv_zc()
    s.send(*[100] * count)
    s.held = s.take()
    s.send(*[100] * unread)
    assert len(s.held) == count
    return s


@pytest.mark.parametrize("unread", [0, 2])
@pytest.mark.parametrize("dmabuf", [False, True])
def test_exit_with_buffers_in_flight(unread, dmabuf):
    with holding(3, unread, dmabuf=dmabuf) as s:
        s.call("close", s.ring.close)
        assert s.host.audit().user_refs == 0 and s.host.netdev.providers == {}
        s.wait(1)
        assert s.areas == (1 if unread else 0)
        if unread:
            s.call("recv", s.conn.recv, 100, raises=EFAULT)
            s.call("close", s.conn.close)
            s.inject("R", ack=1)
            s.wait(2000)
        assert s.areas == 0
        s.at_rest()


def test_the_queue_serves_again_after_the_ring_is_gone():
    with holding(2) as s:
        s.call("close", s.ring.close)
        s.send(500)
        assert s.recv() == STREAM[200:700]
        s.ring = s.host.io_uring(8)
        s.ifq = s.ring.register_ifq(2, 1, s.area, 16)
        s.recv_zc()
        s.send(300)
        assert s.drain() == STREAM[700:1000]
        s.host.audit()


@pytest.mark.parametrize("socket_first", [True, False])
@pytest.mark.parametrize("unread", [0, 1])
def test_abnormal_exit_the_process_is_killed(socket_first, unread):
    with Zcrx(handshake=False) as s:
        s.call("close", s.ring.close)
        process = s.host.process("receiver")
        s.handshake()
        fd = s.host.fds.give(s.conn.fileno(), process.fds) if socket_first else None
        ring = process.io_uring(16)
        fd = fd if socket_first else s.host.fds.give(s.conn.fileno(), process.fds)
        s.host.close(s.conn.fileno())
        ifq = ring.register_ifq(2, 1, s.area, 16)
        ring.recv_zc(fd, ifq)
        ring.submit()
        s.send(100, 200)
        ring.submit()
        assert s.host.audit().user_refs == 2 and ring.cq_ready == 2
        s.send(*[50] * unread)
        s.host.kill(process)
        s.lab.run(until_ns=s.lab.clock.now_ns)
        s._collect()
        assert s.host.audit().user_refs == 0 and s.host.netdev.providers == {}
        s.inject("R")
        s.wait(2000)
        assert s.areas == 0
        s.at_rest()


def test_the_socket_is_closed_first_but_a_request_keeps_it_open():
    with holding(1) as s:
        s.host.close(s.conn.fileno())
        s.send(100)
        assert spelled(s.take()) == [(7, 100, True)], "the request reads on, as the file is still open"
        s.ring.cancel(7)
        assert spelled(s.take()) == [(0, 0, False), (7, "ECANCELED", False)]
        s.lab.run(until_ns=s.lab.clock.now_ns)
        s._collect()
        assert s.forget()[-1]["flags"] == "FA", "the last user of the file is gone"
        assert s.ifq.user_refs == 2 and s.octets(s.held) == STREAM[:100]


def test_the_socket_is_closed_first_and_buffers_outlive_it():
    with holding(2) as s:
        s.ring.cancel(7)
        s.take()
        s.send(100)
        s.call("close", s.conn.close)
        s.inject("R", ack=1)
        report = s.host.audit()
        assert (report.skb_frags, report.user_refs) == (0, 2) and s.octets(s.held) == STREAM[:200]
        assert s.ifq.refill(s.held) == 2
        s.call("close", s.ring.close)
        s.wait(1)
        assert s.areas == 0
        s.at_rest()


def test_the_interface_goes_down_and_up():
    with holding(3, entries=64) as s:
        s.send(100)
        s.host.netdev.close()
        s.host.audit()
        assert s.octets(s.held) == STREAM[:300]
        (detached,) = s.host.detached_pools()
        assert detached["inflight"] == 4 and any("3 by the program" in told for told in s.host._holders())
        s.host.netdev.open()
        late = s.take()
        assert s.octets(late) == STREAM[300:400], "what had arrived is delivered"
        s.ifq.refill(s.held + late)
        for _ in range(65):
            s.send(10)
            s.ring.submit()
        s.wait(1000)
        assert s.host.detached_pools() == [] and s.ifq.rq_ready == 0 and s.ifq.user_refs == 65
        s.host.audit()


def test_a_ring_resize_with_buffers_out():
    with holding(3) as s:
        s.ethtool.set_rings(rx=8)
        s.send(100)
        assert s.octets(s.held + s.take()) == STREAM[:400]
        s.ring.close()
        s.wait(1000)
        assert s.areas == 0
        s.at_rest()


@pytest.mark.parametrize("copies", [False, True])
def test_unregister_with_buffers_outstanding(copies):
    with holding(2) as s:
        if copies:
            with s.misses():
                s.send(300)
            s.held += s.take()
        s.send(100, 100)
        s.ring.unregister_ifq(s.ifq)
        assert spelled(s.ring.cqes()) == [(7, "ECANCELED", False)]
        assert s.host.audit().user_refs == 0
        with refused(EINVAL):
            s.ifq.refill(s.held)
        with refused(EINVAL):
            s.ring.unregister_ifq(s.ifq)
        s.wait(1000)
        assert s.areas == 1, "unread packets still hold buffers"
        s.call("close", s.conn.close)
        s.inject("R", ack=1)
        s.wait(1000)
        assert s.areas == 0
        s.at_rest()


def test_the_device_goes_first():
    with holding(2) as s:
        s.send(100)
        s.host.remove_device("eth0")
        s.host.audit()
        late = s.take()
        assert s.octets(s.held + late) == STREAM[:300]
        s.call("close", s.ring.close)
        s.wait(2000)
        assert s.areas == 0
        s.at_rest()


def test_a_ring_that_another_process_also_holds_goes_with_the_last():
    with holding(1) as s:
        child = s.host.process()
        s.host.fds.give(s.ring.fileno(), child.fds)
        s.host.close(s.ring.fileno())
        s.send(100)
        assert spelled(s.take()) == [(7, 100, True)]
        s.host.kill(child)
        with refused(EBADF):
            s.ring.submit()
        assert s.host.audit().user_refs == 0


def test_waiting_for_completions_and_polling_the_ring():
    with Zcrx() as s:
        poll = s.host.poll()
        poll.register(s.ring, POLLIN)
        s.recv_zc()
        assert poll.poll(0) == []
        with pytest.raises(TimeoutError):
            s.ring.submit(wait_nr=1, timeout=0.5)
        s.port.inject(s.segment("A", STREAM[:10]), at_ns=s.lab.clock.now_ns + 5_000_000)
        enters = s.ring.enters
        s.ring.submit(wait_nr=1)
        assert s.octets(s.ring.peek()) == STREAM[:10] and s.ring.enters == enters + 1
        assert poll.poll(0) == [(s.ring.fileno(), POLLIN)]
