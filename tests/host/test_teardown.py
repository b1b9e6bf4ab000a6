"""Teardown in every order: the scenarios of spec section 18.2."""

import pytest

from tests.scripts.kit import Script


def pools_of(s, number):
    return [p for p in s.host.netlink().dump("page-pool-get") if p.get("dmabuf") == number]


def live(s):
    return int((s.host.mem.providers.binding.kind != 0).sum())


def holding(count=3):
    s = Script(device=True, rx_ring=8)
    s.handshake()
    for k in range(count):
        s.data(bytes([k]) * 10)
    s.pieces = s.recvmsg()[1]
    return s


def test_scenario_a_everything_in_order():
    with holding() as s:
        assert s.host.dontneed(s.conn, [(1, 3)]) == 3
        s.call("close", s.conn.close)
        s.call("close", s.netlink.close)
        s.lab.run(until_ns=0)
        assert live(s) == 0 and pools_of(s, s.binding_id) == []
        assert s.host.audit().netmems_in_flight == 0


def test_case_57_scenario_b_the_netlink_socket_goes_first():
    with holding() as s:
        s.data(b"unread")
        s.call("close", s.netlink.close)
        assert "dmabuf" not in s.host.netlink().do("queue-get", {"ifindex": 2, "type": "rx", "id": 1})
        assert s.device_bytes(s.pieces) == b"".join(bytes([k]) * 10 for k in range(3))
        (detached,) = [p for p in s.host.netlink().dump("page-pool-get") if "detach-time" in p]
        assert detached["inflight"] == 4 and detached["dmabuf"] == s.binding_id and live(s) == 1
        _, late = s.recvmsg()
        assert s.device_bytes(late) == b"unread" and late.dmabuf_id[0] == s.binding_id
        again = s.host.netlink().bind_rx({"ifindex": 2, "fd": s.fd, "queues": [{"type": "rx", "id": 1}]})["id"]
        assert again > s.binding_id and live(s) == 2
        assert s.host.dontneed(s.conn, [(1, 10)]) == 4
        s.host.audit()
        start = s.lab.clock.now_ns
        s.lab.run(until_ns=start + 1_000_000_000)
        assert live(s) == 1 and pools_of(s, s.binding_id) == []
        s.data(b"new binding")
        assert s.device_bytes(s.recvmsg()[1]) == b"new binding"
        s.host.audit()


def test_the_pool_of_a_dead_binding_waits_as_long_as_tokens_are_held():
    with holding() as s:
        s.call("close", s.netlink.close)
        s.wait(120_000)
        assert live(s) == 1
        s.host.dontneed(s.conn, [(1, 3)])
        s.wait(1000)
        assert live(s) == 0


def test_the_dmabuf_lives_until_the_binding_is_gone():
    with holding() as s:
        dmabuf = s.host.dmabuf_of(s.fd)
        s.call("close", s.host.close, s.fd)
        s.call("close", s.netlink.close)
        assert s.host.mem.dmabufs.buf[dmabuf].refs > 0
        s.call("close", s.conn.close)
        s.inject("R", ack=2)
        s.wait(2000)
        assert live(s) == 0 and s.host.mem.dmabufs.buf[dmabuf].refs == 0


def test_case_56_scenario_c_the_socket_goes_first():
    with holding() as s:
        s.call("close", s.conn.close)
        s.inject("FA", ack=2)
        report = s.host.audit()
        assert report.netmems_in_flight == 0 and live(s) == 1
        s.forget()
        s.peer, s.next, s.ack, s.iss = ("10.0.0.1", 40009, s.peer[2]), 0, 0, None
        s.handshake()
        s.data(b"next")
        assert s.drain() == b"next"


@pytest.mark.parametrize("shutdown_first", [False, True])
def test_tokens_of_a_closed_connection_wait_for_the_acknowledgement_of_its_fin_and_not_for_the_peers(shutdown_first):
    with holding() as s:
        if shutdown_first:
            s.call("shutdown", s.conn.shutdown, 1)
            s.inject("A", ack=2)
            assert s.host.audit().tokens == 3
        s.call("close", s.conn.close)
        if not shutdown_first:
            assert s.host.audit().tokens == 3
            s.inject("A", ack=2)
        assert s.host.ss()[-1].state == "FIN-WAIT-2" and s.host.audit().netmems_in_flight == 0
        s.inject("FA", ack=2)
        assert s.host.ss()[-1].state == "TIME-WAIT" and s.host.audit().netmems_in_flight == 0


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("unread", [False, True])
def test_scenario_d_the_process_ends_in_either_order(order, unread):
    with holding() as s:
        if unread:
            s.data(b"unread")
        if order == 1:
            s.host.fds.close_all()
        else:
            for fd in sorted(s.host.fds.things, reverse=True):
                s.host.close(fd)
        s.lab.run(until_ns=s.lab.clock.now_ns)
        s._collect()
        if not unread:
            s.inject("FA", ack=2)
        s.wait(2000)
        assert live(s) == 0 and s.host.audit().netmems_in_flight == 0
        assert s.host.fds.things == {}


def test_scenario_e_down_and_up_while_bound():
    with Script(device=True, rx_ring=8) as s:
        s.handshake()
        s.data(b"before")
        s.host.netdev.close()
        s.host.audit()
        s.host.netdev.open()
        s.data(b" after")
        assert s.device_bytes(s.recvmsg()[1]) == b"before after"
        s.host.audit()


def test_scenario_i_resizing_the_ring_with_data_in_flight():
    with Script(device=True, rx_ring=16) as s:
        s.handshake()
        s.data(b"before")
        s.ethtool.set_rings(rx=8)
        s.data(b" after")
        _, pieces = s.recvmsg()
        assert s.device_bytes(pieces) == b"before after"
        s.host.dontneed(s.conn, [(1, 2)])
        s.wait(1000)
        assert len(pools_of(s, s.binding_id)) == 1
        s.host.audit()
