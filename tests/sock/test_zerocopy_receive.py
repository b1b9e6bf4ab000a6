"""Zero-copy receive: which pages change hands, what happens to them in their pool, and that nothing is copied."""

import pytest

from devmemlab.base.errno import EFAULT, EIO, ENOTCONN
from devmemlab.mem.ledger import NAMES
from devmemlab.sock.uapi import SO_OOBINLINE, SOL_SOCKET
from tests.scripts.kit import Script

STREAM = bytes(k * 7 % 251 for k in range(40000))
PAGE = 4096


@pytest.fixture
def s():
    with Script(split=True, mtu=9200) as script:
        script.handshake(opt_mss=8960)
        yield script
        script.host.audit()


def copied(s):
    """Payload octets that a CPU has copied so far."""
    copies = [name for name in NAMES if name.endswith("COPY") and name != "HEADER_COPY"]
    return {name: int(s.host.ledger[NAMES.index(name)].length) for name in copies}


def queue(s, *lengths):
    at = int(s.row.bytes_received)
    for length in lengths:
        s.data(STREAM[at:at + length])
        at += length


def pages_out(s):
    return int(s.host.mem.providers.pages[0].out)


def test_whole_pages_are_given_away_without_a_copy(s):
    queue(s, 2 * PAGE, PAGE)
    before, held = copied(s), pages_out(s)
    pool = s.host.mem.pools.ctl[s.host.rxqs.ctl[0].pool]
    released = int(pool.recycle_released_refcnt)
    with s.conn.zerocopy_receive(1 << 16) as got:
        assert (got.length, got.recv_skip_hint, got.inq, got.copybuf) == (3 * PAGE, 0, 3 * PAGE, b"")
        assert got.tobytes() == STREAM[:3 * PAGE] and copied(s) == before
        with pytest.raises(ValueError, match="read-only"):
            got.views[0][0] = 1
        assert s.row.rcvq_head == 0 and pages_out(s) == held
        assert pool.recycle_released_refcnt - released == 3           # the pool cannot use them while the program has them
        s.host.audit()
        queue(s, 2 * PAGE)
        assert got.tobytes() == STREAM[:3 * PAGE]                   # nobody else writes there meanwhile
    assert pages_out(s) == held - 3 and s.recv() == STREAM[3 * PAGE:5 * PAGE]
    assert got.release() == 0


def test_a_page_read_in_part_is_no_page(s):
    queue(s, 2 * PAGE)
    assert s.conn.recv(10) == STREAM[:10]
    with s.conn.zerocopy_receive(1 << 16) as got:
        assert (got.length, got.recv_skip_hint) == (0, 2 * PAGE - 10)
    assert s.conn.recv(PAGE - 10) == STREAM[10:PAGE]
    with s.conn.zerocopy_receive(1 << 16) as got:
        assert got.length == PAGE and got.tobytes() == STREAM[PAGE:2 * PAGE]


def test_the_hint_leads_to_the_next_page(s):
    queue(s, 1000, 2 * PAGE, 3000)                                  # one skb: coalesced
    with s.conn.zerocopy_receive(1 << 16) as got:
        assert (got.length, got.recv_skip_hint) == (0, 1000)
    with s.conn.zerocopy_receive(1 << 16, 600) as got:
        assert (got.length, got.recv_skip_hint, got.copybuf) == (0, 400, STREAM[:600])
    assert s.conn.recv(400) == STREAM[600:1000]
    with s.conn.zerocopy_receive(1 << 16, 100) as got:
        end = 1000 + 2 * PAGE
        assert (got.length, got.copybuf) == (2 * PAGE, STREAM[end:end + 100])
        assert got.tobytes() == STREAM[1000:end + 100]
    assert s.recv() == STREAM[end + 100:end + 3000]


def test_the_length_is_rounded_down_to_pages(s):
    queue(s, 2 * PAGE)
    with s.conn.zerocopy_receive(PAGE + 100) as got:
        assert (got.length, got.recv_skip_hint) == (PAGE, 0)
    with s.conn.zerocopy_receive(100) as got:
        assert (got.length, got.recv_skip_hint) == (0, 100)


def test_little_data_are_copied(s):
    queue(s, 500)
    with s.conn.zerocopy_receive(1 << 16) as got:
        assert (got.length, got.recv_skip_hint) == (0, 500)
    with s.conn.zerocopy_receive(1 << 16, 4096) as got:
        assert (got.length, got.recv_skip_hint, got.copybuf) == (0, 0, STREAM[:500])
    with s.conn.zerocopy_receive(1 << 16, 4096) as got:
        assert (got.length, got.recv_skip_hint, got.copybuf, got.inq) == (0, 0, b"", 0)
    s.inject("FA")
    s.call("zerocopy_receive", s.conn.zerocopy_receive, 4096, raises=EIO)
    s.call("zerocopy_receive", s.server.zerocopy_receive, 4096, raises=ENOTCONN)


def test_pages_end_at_the_urgent_mark(s):
    s.inject("PAU", STREAM[:2 * PAGE], urg_ptr=PAGE + 2)
    with s.conn.zerocopy_receive(1 << 16) as got:
        assert got.length == PAGE and got.inq == PAGE + 1
    s.conn.setsockopt(SOL_SOCKET, SO_OOBINLINE, 1)
    with s.conn.zerocopy_receive(1 << 16) as got:
        assert got.tobytes() == STREAM[PAGE:2 * PAGE]


def test_without_header_split_no_frag_is_a_page():
    with Script(mtu=9200) as s:
        s.handshake(opt_mss=8960)
        queue(s, 2 * PAGE)
        with s.conn.zerocopy_receive(1 << 16) as got:
            assert got.length == 0 and 0 < got.recv_skip_hint <= 2 * PAGE
        assert s.recv() == STREAM[:2 * PAGE]


def test_device_memory_has_no_pages_to_give_away():
    with Script(device=True, mtu=9200) as s:
        s.handshake(opt_mss=8960)
        queue(s, 2 * PAGE)
        with s.conn.zerocopy_receive(1 << 16) as got:
            assert (got.length, got.recv_skip_hint, got.inq) == (0, 0, 2 * PAGE)
        s.call("zerocopy_receive", s.conn.zerocopy_receive, 1 << 16, 1 << 16, raises=EFAULT)
        assert s.device_bytes(s.recvmsg()[1]) == STREAM[:2 * PAGE]


def test_pages_outlive_their_connection(s):
    queue(s, PAGE)
    got = s.conn.zerocopy_receive(PAGE)
    held = pages_out(s)
    s.call("close", s.conn.close)
    assert got.tobytes() == STREAM[:PAGE] and got.release() == 1 and pages_out(s) == held - 1
