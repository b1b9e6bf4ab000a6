"""SO_DEVMEM_DONTNEED, by the numbers of the specification's cases."""

import numpy as np
import pytest

from devmemlab.base.errno import EINVAL, ENOPROTOOPT
from devmemlab.sock.uapi import MSG_PEEK, MSG_SOCK_DEVMEM, SO_DEVMEM_DONTNEED, SOL_SOCKET
from tests.scripts.kit import Script


@pytest.fixture
def s():
    with Script(device=True, rx_ring=16) as script:
        script.handshake()
        yield script
        script.host.audit()


def hold(s, count):
    """Hold tokens 1 to `count`, all of one frag."""
    s.data(b"x" * 10)
    for _ in range(count):
        s.conn.recvmsg(10, 40, MSG_SOCK_DEVMEM | MSG_PEEK)
    assert s.host.audit().tokens == count


def option(sock, octets):
    return sock.setsockopt(SOL_SOCKET, SO_DEVMEM_DONTNEED, octets)


@pytest.mark.parametrize("length", [0, 4, 7, 12, 129 * 8])
def test_case_52_lengths_that_are_refused(s, length):
    s.call("DONTNEED", option, s.conn, bytes(length), raises=EINVAL)


def test_case_52_unknown_tokens_and_sockets_that_hold_none(s):
    assert option(s.conn, np.asarray([(k, 1) for k in range(128)], "<u4").tobytes()) == 0
    assert option(s.conn, np.asarray([(1, 0xFFFFFFFF)], "<u4").tobytes()) == 0
    assert option(s.conn, np.asarray([(0xFFFFFFFF, 1)], "<u4").tobytes()) == 0
    assert option(s.server, np.asarray([(1, 1)], "<u4").tobytes()) == 0
    assert option(s.host.socket(), np.asarray([(1, 1)], "<u4").tobytes()) == 0
    s.call("getsockopt", s.conn.getsockopt, SOL_SOCKET, SO_DEVMEM_DONTNEED, raises=ENOPROTOOPT)


def test_case_53_ranges_duplicates_and_what_is_gone(s):
    hold(s, 5)
    assert s.host.dontneed(s.conn, [(3, 10)]) == 3
    assert s.host.dontneed(s.conn, [(3, 10)]) == 0
    assert s.host.dontneed(s.conn, [(1, 1), (1, 1), (2, 1)]) == 2
    assert s.host.dontneed(s.conn, [(1, 0)]) == 0


def test_case_54_at_most_1024_a_call(s):
    hold(s, 1500)
    assert s.host.dontneed(s.conn, [(1, 1500)]) == 1024
    assert s.host.dontneed(s.conn, [(1025, 476)]) == 476


def test_case_55_unknown_tokens_use_up_the_budget(s):
    hold(s, 10)
    assert s.host.dontneed(s.conn, [(5000, 1024), (1, 10)]) == 0
    assert s.host.dontneed(s.conn, [(5000, 1023), (1, 10)]) == 1
    assert s.host.dontneed(s.conn, [(1, 10)]) == 9


def test_case_56_closing_the_socket_returns_its_tokens_to_the_ring(s):
    hold(s, 3)
    pool = s.host.mem.pools.ctl[s.host.rxqs.ctl[1].pool]
    ring, inflight = int(pool.recycle_ring), int(pool.hold_cnt - pool.release_cnt)
    s.call("close", s.conn.close)
    s.expect("A", ack=11)
    s.expect("RA")
    assert s.host.audit().netmems_in_flight == 0
    assert pool.recycle_ring == ring + 1 and pool.hold_cnt - pool.release_cnt == inflight


def test_tokens_outlive_close_until_the_fin_is_acknowledged(s):
    s.data(b"x" * 10)
    s.recvmsg()
    s.call("close", s.conn.close)
    assert s.host.audit().tokens == 1
    s.inject("A", ack=2)
    assert s.host.audit().tokens == 0, "what waits for the peer's FIN from here on holds no tokens"
    s.inject("FA", ack=2)
    s.host.audit()


def test_tokens_belong_to_one_socket(s):
    hold(s, 2)
    assert s.host.dontneed(s.server, [(1, 2)]) == 0 and s.host.audit().tokens == 2
