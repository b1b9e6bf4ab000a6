"""System calls of a host: waiting, file descriptors, memory, and the same run twice."""

import numpy as np
import pytest

import devmemlab as dml
from devmemlab.base.errno import EAFNOSUPPORT, EBADF, EINVAL, ENODEV, ENOENT, EOPNOTSUPP, EPROTONOSUPPORT
from devmemlab.sock.uapi import SO_RCVBUF, SOL_SOCKET
from tests.scripts.kit import Script


def refused(number, call, *args, **options):
    with pytest.raises(OSError) as caught:
        call(*args, **options)
    assert caught.value.errno == number
    return str(caught.value)


def test_a_socket_that_does_not_block_says_so_at_once():
    with Script() as s:
        s.handshake()
        with pytest.raises(BlockingIOError):
            s.conn.recv(1)
        with pytest.raises(BlockingIOError):
            s.server.accept()
        s.conn.settimeout(None)
        with pytest.raises(BlockingIOError):
            s.conn.recv(1, dml.MSG_DONTWAIT)
        assert s.lab.clock.now_ns == 0


def test_a_timeout_passes_virtual_time():
    with Script() as s:
        s.handshake()
        s.port.inject(s.segment("A", b"late"), at_ns=5_000_000_000)
        s.conn.settimeout(2)
        with pytest.raises(TimeoutError):
            s.conn.recv(1)
        s.conn.settimeout(10)
        assert s.conn.recv(10) == b"late" and s.lab.clock.now_ns == 5_000_000_000
        s.server.settimeout(1)
        s.inject("S", seq=900)
        s.port.inject(s.segment("A"), at_ns=90_000_000_000)
        with pytest.raises(TimeoutError):
            s.server.accept()


def test_waiting_for_ever_ends_at_the_horizon_or_when_nothing_is_left_to_happen():
    with Script() as s:
        s.handshake()
        s.conn.setblocking(True)
        with pytest.raises(TimeoutError, match="nothing is left"):
            s.conn.recv(1)
        s.port.inject(s.segment("A", b"much later"), at_ns=400_000_000_000)
        with pytest.raises(TimeoutError, match="300 s of virtual time"):
            s.conn.recv(1)
        assert s.conn.recv(10) == b"much later"


def test_a_blocking_accept_drives_the_clock():
    with Script() as s:
        s.server.settimeout(None)
        s.port.inject(s.segment("S", seq=0), at_ns=7_000_000)
        s.port.inject(s.segment("A", seq=1, ack=0), at_ns=8_000_000)
        with pytest.raises(TimeoutError):
            s.server.settimeout(0.0075)
            s.server.accept()
        assert s.lab.clock.now_ns == 7_500_000


def test_descriptors_are_the_lowest_free_numbers():
    with Script(listen=False) as s:
        fds = [s.host.socket().fileno(), s.host.udmabuf(4096), s.host.netlink().fileno()]
        assert fds == [4, 5, 6]
        s.host.close(5)
        refused(EBADF, s.host.close, 5)
        assert s.host.udmabuf(8192) == 5
        refused(EBADF, s.host.mmap, 77)
        refused(EINVAL, s.host.mmap, 4)
        refused(EINVAL, s.host.dmabuf_of, 6)


def test_a_dmabuf_is_mapped_and_synced():
    with Script(listen=False) as s:
        fd = s.host.udmabuf("8KiB")
        octets = s.host.mmap(fd)
        for k in range(4):
            octets[k] = k + 1
        assert bytes(s.host.mmap(fd)[:4]) == b"\1\2\3\4" and len(octets) == 8192
        for flags in (dml.SYNC_READ, dml.SYNC_RW | dml.SYNC_END):
            s.host.dmabuf_sync(fd, flags)
        for flags in (0, 4, 8 | 1):
            refused(EINVAL, s.host.dmabuf_sync, fd, flags)


def test_sockets_that_are_not_modelled():
    with Script(listen=False) as s:
        refused(EAFNOSUPPORT, s.host.socket, 1)
        refused(EPROTONOSUPPORT, s.host.socket, 2, 2)
        assert s.host.socket(10, 1 | 0o4000 | 0o2000000, 6).family == 10
        sock = s.host.socket()
        sock.setsockopt(SOL_SOCKET, SO_RCVBUF, 5000)
        assert sock.getsockopt(SOL_SOCKET, SO_RCVBUF) == 10000
        refused(EINVAL, sock.listen)
        refused(EINVAL, sock.accept)


def test_a_socket_is_bound_once_and_a_connection_does_not_listen():
    with Script() as s:
        refused(EINVAL, s.server.bind, ("", 5202))
        s.handshake()
        refused(EINVAL, s.conn.bind, ("", 5202))
        refused(EINVAL, s.conn.listen)
        s.server.listen(3)
        assert s.server.getsockname() == ("0.0.0.0", 5201) and s.server._row.backlog == 3


def test_names_of_interfaces_and_families():
    with Script(listen=False) as s:
        assert s.host.ifindex("eth0") == 2
        refused(ENODEV, s.host.ethtool, "eth9")
        refused(ENOENT, s.host.netlink, "nl80211")
        nl = s.host.netlink()
        refused(EOPNOTSUPP, nl.do, "qstats-get")
        refused(ENOENT, nl.do, "page-pool-get", {"id": 999})
        refused(EINVAL, nl.do, "queue-get", {"ifindex": 2, "type": "rx", "id": 99})
        assert [q["id"] for q in nl.dump("queue-get", {"ifindex": 2}) if q["type"] == "rx"] == [0, 1]


def test_the_same_run_twice_leaves_the_same_trace():
    def run():
        with Script(device=True, trace=20_000, rx_ring=8, isn=5) as s:
            first = s.host.mem.providers.binding[1].niov_first
            s.handshake(opt_timestamp=1)
            for k, seq in enumerate((1, 31, 11, 21, 11)):
                s.data(bytes([k]) * 10, seq=seq)
            s.drain()
            s.wait(50)
            s.call("close", s.conn.close)
            count = s.host.trace.ctl[0].count
            assert count > 100 and s.host.trace.ctl[0].lost == 0
            events = s.host.trace.event[:count].copy()
            # Header buffers lie at addresses of this process, which differ from run to run.
            events.b[events.kind == 7] -= s.host._regions[0].start
            return events.tobytes(), first
    assert run() == run()


def test_a_host_needs_an_address_and_a_possible_number_of_queues():
    with dml.Lab() as lab:
        refused(EINVAL, lab.host, "none")
        refused(EINVAL, lab.host, "many", ip="10.0.0.1", rx_queues=300)
        host = lab.host("silent", ip="10.0.0.1", rx_ring=8, sockets=4)
        assert lab.run(until_ns=1000) == 1000 and host.next_ns() is None
        assert host.rxqs.ctl.post[0] == 8 and not host.rxqs.ctl.post[1:].any()
