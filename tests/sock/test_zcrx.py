"""Zero-copy receive through an io_uring ring: delivery, fallback copies, the completion ring, the refill ring."""

import pytest

import devmemlab as dml
from devmemlab.base.errno import EBUSY, EFAULT, EINVAL, ENODEV
from devmemlab.mem.ledger import NAMES
from devmemlab.mem.netmem import PLACE_TOKEN
from devmemlab.sock.uapi import MSG_SOCK_DEVMEM
from tests.mem.kit import refused
from tests.scripts.kit import Script
from tests.sock.test_recvmsg import plant_linear
from tests.sock.zcrx_kit import STREAM, Zcrx, spelled


@pytest.fixture
def s():
    with Zcrx() as script:
        yield script
        script.host.audit()


def pressed(s):
    """Traffic until the pool needs buffers, so that the kernel reads the refill ring; gives the completions, all held."""
    kept = []
    for _ in range(80):
        if s.ifq.rq_ready == 0:
            return kept
        s.send(10)
        kept += s.take()
    raise AssertionError("the refill ring was never read")


def ledger(s):
    return {name: int(row.length) for name, row in zip(NAMES, s.host.ledger) if row.copies and "HEADER" not in name}


def refs(s, cqe):
    own = s.host.mem.providers.binding[s.ifq.binding]
    return int(s.host.mem.netmems[own.niov_first + cqe.area_offset // 4096].pp_ref_count)


@pytest.mark.parametrize("dmabuf", [False, True])
def test_a_multishot_request_tells_of_every_frag_and_copies_nothing(dmabuf):
    with Zcrx(dmabuf=dmabuf) as s:
        s.recv_zc()
        s.send(100, 6000)
        cqes = s.take()
        assert spelled(cqes) == [(7, 100, True), (7, 4096, True), (7, 1904, True)]
        assert s.octets(cqes) == STREAM[:6100]
        assert ledger(s) == {"DMA_DEVICE" if dmabuf else "DMA_HOST": 6100}
        assert s.host.audit().user_refs == s.ifq.user_refs == 3 and [refs(s, cqe) for cqe in cqes] == [1, 1, 1]
        s.send(50)
        (cqe,) = s.take()
        assert s.octets([cqe]) == STREAM[6100:6150] and cqe.flags == dml.IORING_CQE_F_MORE


def test_who_may_look_at_what_a_completion_names():
    with Zcrx(dmabuf=True) as s:
        s.recv_zc()
        s.send(10)
        (cqe,) = s.take()
        with refused(EFAULT):
            s.ifq.octets(cqe)


def test_a_bounded_request_ends_with_0_and_leaves_the_rest(s):
    s.send(1000, 1000)
    s.recv_zc(length=1500)
    cqes = s.take()
    assert spelled(cqes) == [(7, 1000, True), (7, 500, True), (7, 0, False)]
    s.recv_zc(user_data=8)
    more = s.take()
    assert spelled(more) == [(8, 500, True)] and s.octets(cqes + more) == STREAM[:2000]
    assert refs(s, more[0]) == 2, "one buffer, read by two requests, is lent twice"
    assert more[0].area_offset == cqes[1].area_offset + 500


def test_a_bounded_request_goes_on_until_it_has_what_it_asked_for(s):
    s.recv_zc(length=300)
    s.send(100)
    assert spelled(s.take()) == [(7, 100, True)]
    s.send(400)
    assert spelled(s.take()) == [(7, 200, True), (7, 0, False)]
    assert s.ring.requests == []


def test_nothing_but_multishot_is_known(s):
    s.recv_zc(ioprio=0)
    s.recv_zc(user_data=8, ioprio=dml.IORING_RECV_MULTISHOT | 4)
    assert spelled(s.take()) == [(7, "EINVAL", False), (8, "EINVAL", False)]


def test_requests_that_cannot_start(s):
    dmabuf = s.host.udmabuf(4096)
    for user_data, (sock, ifq) in enumerate([(99, s.ifq), (dmabuf, s.ifq), (s.conn, 5), (s.server, s.ifq),
                                             (s.host.socket(), s.ifq)]):
        s.ring.recv_zc(sock, ifq, user_data)
    assert s.ring.submit() == 5
    assert [res for _, res, more in spelled(s.ring.cqes()) if not more] == ["EBADF", "ENOTSOCK", "EINVAL", "ENOTCONN", "ENOTCONN"]


def test_the_submission_ring_is_as_long_as_it_is():
    with Zcrx(entries=1) as s:
        s.ring.recv_zc(s.conn, s.ifq)
        with refused(EBUSY):
            s.ring.recv_zc(s.conn, s.ifq)


def test_the_end_of_the_stream_is_a_completion_of_0(s):
    s.recv_zc()
    s.send(10)
    s.inject("FA")
    assert spelled(s.take()) == [(7, 10, True), (7, 0, False)]


def test_a_reset_is_told_once(s):
    s.recv_zc()
    s.send(10)
    s.inject("R")
    assert spelled(s.take()) in ([(7, "ECONNRESET", False)], [(7, 10, True), (7, "ECONNRESET", False)])
    s.recv_zc()
    assert spelled(s.take()) == [(7, 0, False)]


def test_a_request_is_cancelled_by_its_user_data(s):
    s.recv_zc()
    s.ring.cancel(9, user_data=1)
    s.ring.cancel(7, user_data=2)
    assert spelled(s.take()) == [(1, "ENOENT", False), (2, 0, False), (7, "ECANCELED", False)]
    s.send(10)
    assert s.take() == []


@pytest.mark.parametrize("length, stage", [(100, "RECV_COPY"), (6000, "RECV_COPY")])
def test_data_that_missed_the_queue_is_copied_into_free_buffers(s, length, stage):
    s.recv_zc()
    with s.misses():
        s.send(length)
    free = s.ifq.free_count
    cqes = s.take()
    assert s.octets(cqes) == STREAM[:length]
    assert all(cqe.area_offset % 4096 == 0 for cqe in cqes), "each copy begins a buffer"
    assert s.ifq.free_count == free - len(cqes)
    moved = ledger(s)
    assert moved.pop("DMA_HOST") == length and sum(moved.values()) - moved.get("COPY_BREAK", 0) == length
    assert s.host.audit().user_refs == len(cqes)
    s.ifq.refill(cqes)
    pressed(s)
    assert s.ifq.free_count + int(s.host.mem.pools.ctl[s.host.rxqs.ctl[1].pool].hold_cnt) == 128
    s.host.audit()


def test_a_linear_part_is_copied_and_counted(s):
    s.send(6000)
    plant_linear(s, b"L" * 100)
    s.recv_zc()
    cqes = s.take()
    assert [cqe.res for cqe in cqes] == [100, 4096, 1904]
    assert s.octets(cqes) == b"L" * 100 + STREAM[:6000] and ledger(s)["LINEAR_COPY"] == 100
    own = s.host.mem.providers.binding[s.ifq.binding]
    copy = s.host.mem.netmems[own.niov_first + cqes[0].area_offset // 4096]
    assert copy.pp == 0 and copy.place == PLACE_TOKEN, "the copy belongs to no pool"


def test_a_linear_part_is_taken_in_pieces(s):
    s.send(500)
    plant_linear(s, b"0123456789")
    s.recv_zc(length=4)
    assert s.octets(s.take()) == b"0123"
    s.recv_zc(length=10)
    assert s.octets(s.take()) == b"456789" + STREAM[:4]


def test_a_dmabuf_area_takes_no_copies():
    with Zcrx(dmabuf=True) as s:
        s.recv_zc()
        s.send(10)
        with s.misses():
            s.send(20)
        assert spelled(s.take()) == [(7, 10, True), (7, "EFAULT", False)]
        assert s.recv() == STREAM[10:30], "nothing is lost"


def test_no_free_buffer_for_a_copy():
    with Zcrx(pages=16) as s:
        assert s.ifq.free_count == 0, "the NIC has them all"
        with s.misses():
            s.send(300)
        s.recv_zc()
        assert spelled(s.take()) == [(7, "ENOMEM", False)] and s.recv() == STREAM[:300]


def test_a_net_iov_of_a_devmem_binding_is_refused():
    with Script(device=True) as s:
        s.handshake()
        ring = s.host.io_uring()
        ifq = ring.register_ifq(2, 0, dml.ZcrxArea.pages(dml.host_memory("64KiB")), 16)
        s.data(b"device data")
        ring.recv_zc(s.conn, ifq)
        ring.submit()
        assert spelled(ring.cqes()) == [(0, "EFAULT", False)] and s.host.audit().user_refs == 0
        assert s.device_bytes(s.recvmsg()[1]) == b"device data"


def test_a_net_iov_of_another_area_is_refused(s):
    other = s.ring.register_ifq(2, 0, dml.ZcrxArea.pages(dml.host_memory("64KiB")), 16)
    assert other.zcrx_id == 1
    s.send(10)
    s.ring.recv_zc(s.conn, other)
    assert spelled(s.take()) == [(0, "EFAULT", False)]
    s.recv_zc()
    assert s.octets(s.take()) == STREAM[:10]


def test_recvmsg_cannot_have_what_is_in_an_area(s):
    s.send(10)
    s.call("recv", s.conn.recv, 10, raises=EFAULT)
    s.call("recvmsg", s.conn.recvmsg, 10, 400, MSG_SOCK_DEVMEM, raises=ENODEV)
    s.recv_zc()
    assert s.octets(s.take()) == STREAM[:10]


def test_a_full_completion_ring_stops_the_request_and_loses_nothing():
    with Zcrx(entries=2) as s:
        s.recv_zc()
        s.send(*[100] * 7)
        s.ring.submit()
        assert s.ring.cq_ready == 4 and s.ring.requests == []
        first = s.ring.cqes()
        assert spelled(first) == [(7, 100, True)] * 4
        assert s.ring.peek() == [], "the last word waits until the kernel is called"
        assert spelled(s.take()) == [(7, "ENOSPC", False)]
        s.recv_zc()
        rest = s.take()
        assert s.octets(first + rest) == STREAM[:700]


def test_completions_that_wait_are_not_overtaken():
    with Zcrx(entries=1) as s:
        s.recv_zc()
        s.send(10, 20, 30)
        s.ring.submit()
        s.ring.cqes()
        s.ring.recv_zc(s.conn, s.ifq, user_data=8)
        s.ring.submit()
        assert spelled(s.ring.cqes()) == [(7, "ENOSPC", False), (8, "ENOSPC", False)]
        s.recv_zc()
        assert spelled(s.take()) == [(7, 30, True)]


def test_consuming_more_than_there_is(s):
    with refused(EINVAL):
        s.ring.cq_advance(1)


def test_a_call_reads_21_packets_and_every_request_has_its_turn():
    with Zcrx(entries=64, rx_ring=64, pages=256) as s:
        s.recv_zc()
        with s.misses():                # pages and device buffers take turns, so that no packets are joined
            s.send(10)
        for k in range(24):
            s.send(20)
            with s.misses():
                s.send(10)
        (request,) = s.ring.requests
        assert s.ring._call(request) and s.ring.cq_ready == 21
        assert s.octets(s.take()) == STREAM[:24 * 30 + 10]


def held(s, count):
    """Let the program hold so many buffers of one packet each."""
    s.recv_zc()
    s.send(*[100] * count)
    return s.take()


def test_refill_misuse_unknown_offset_double_return_and_wrong_area():
    with Zcrx(pages=16, rx_ring=8) as s:
        cqes = held(s, 3)
        good = s.ifq.rqe_off(cqes[0])
        wrong = [1 << 48 | s.ifq.rqe_off(cqes[1]), 16 * 4096, (1 << 64) - 1, -1, 1 << 63]
        assert s.ifq.refill([*wrong, good, good, good]) == 8
        more = pressed(s)
        assert s.ifq.user_refs == 2 + len(more)
        assert [refs(s, cqe) for cqe in cqes[1:]] == [1, 1]
        assert s.octets(cqes[1:]) == STREAM[100:300], "what was not returned is not written again"


def test_a_buffer_that_an_unread_packet_also_needs_stays(s):
    s.send(1000)
    s.recv_zc(length=400)
    first = s.take()
    s.ifq.refill(first[:1])
    s.recv_zc(length=10, user_data=8)
    again = s.take()[:1]
    for _ in range(128):
        if not s.ifq.rq_ready:
            break
        s.send(10)
    assert s.ifq.rq_ready == 0 and refs(s, first[0]) == 2 and s.ifq.user_refs == 1
    s.ifq.refill(again)
    s.recv_zc()
    assert s.octets(s.take())[:590] == STREAM[410:1000]


def test_the_refill_ring_takes_as_many_entries_as_it_has():
    with Zcrx(rq_entries=3) as s:
        assert s.ifq.rq_entries == 4
        assert s.ifq.refill([0] * 6) == 4 and s.ifq.rq_ready == 4
        assert s.ifq.refill([0]) == 0 and s.ifq.refill([]) == 0


def test_a_program_that_returns_nothing_starves_its_queue_until_it_does():
    with Zcrx(pages=16, rx_ring=8) as s:
        s.recv_zc()
        cqes, before = [], -1
        while before < int(s.row.bytes_received):
            before = int(s.row.bytes_received)
            s.data(STREAM[before:before + 100])
            cqes += s.take()
        s.next -= 100
        assert len(cqes) == s.host.audit().user_refs == 16 and s.octets(cqes) == STREAM[:1600]
        assert s.host.rxqs.ctl[1].rx_hw_drop_overruns == 1
        s.ifq.refill(cqes[3:4])
        s.data(STREAM[1600:1700])
        (last,) = s.take()
        assert s.octets([last]) == STREAM[1600:1700] and last.area_offset == cqes[3].area_offset


def test_many_completions_of_one_packet_in_parts():
    with Zcrx(entries=32) as s:
        s.send(9000)
        got = b""
        for _ in range(9):
            s.recv_zc(length=1000)
            cqes = s.take()
            assert sum(cqe.res for cqe in cqes) == 1000
            got += s.octets(cqes)
            s.ifq.refill([cqe for cqe in cqes if cqe.res])
        assert got == STREAM[:9000]
