"""recvmsg on device data, by the numbers of the specification's cases."""

import contextlib

import numpy as np
import pytest

from devmemlab.base.errno import EAGAIN, EFAULT, ENODEV, ENOMEM, ENOTCONN, ETOOSMALL
from devmemlab.mem.netmem import NIOV_IOURING
from devmemlab.mem.page_pool import page_pool_alloc_netmems, page_pool_put_netmem
from devmemlab.mem.region import DeviceMemory, memory
from devmemlab.sock.uapi import (
    CMSG_SPACE,
    IPPROTO_TCP,
    MSG_CTRUNC,
    MSG_DONTWAIT,
    MSG_PEEK,
    MSG_SOCK_DEVMEM,
    MSG_TRUNC,
    SHUT_WR,
    TCP_INQ,
    frags,
)
from tests.scripts.kit import Script

STREAM = bytes(k * 11 % 253 for k in range(12000))


@pytest.fixture
def s():
    with Script(device=True, mtu=9200) as script:
        script.handshake()
        yield script
        script.host.audit()
        script.call("close", script.conn.close)
        script.inject("R", seq=int(script.host.tcbs.tcb[script.conn.sock].rcv_nxt - script.isn) % (1 << 32))
        assert script.host.audit().netmems_in_flight == 0


def queue(s, *lengths):
    """Let device data arrive, one segment each."""
    at = int(s.row.bytes_received)
    for length in lengths:
        s.data(STREAM[at:at + length])
        at += length


def refs(s, piece):
    """References of the net_iov that a frag names."""
    first = s.host.mem.providers.binding[1].niov_first
    row = s.host.mem.netmems[first + int(piece.frag_offset) // 4096]
    assert row.dma_addr == s.device.start + int(piece.frag_offset) // 4096 * 4096
    return int(row.pp_ref_count)


def test_case_40_without_the_flag_efault_and_nothing_is_lost(s):
    queue(s, 100)
    for _ in range(2):
        s.call("recv", s.conn.recv, 100, raises=EFAULT)
    _, pieces = s.recvmsg()
    assert s.device_bytes(pieces) == STREAM[:100]


def test_case_41_host_data_with_the_flag_gives_bytes_and_no_message():
    with Script() as s:
        s.handshake()
        s.data(b"plain")
        data, pieces = s.recvmsg(flags=MSG_SOCK_DEVMEM | MSG_PEEK)
        assert (data, len(pieces)) == (b"plain", 0)
        assert s.recvmsg()[0] == b"plain"


def test_case_42_a_frag_read_in_two_calls_has_two_tokens(s):
    queue(s, 1000, 1000, 1000)
    _, first = s.recvmsg(2500)
    assert first.frag_size.tolist() == [1000, 1000, 500] and first.frag_token.tolist() == [1, 2, 3]
    assert set(first.dmabuf_id) == {s.binding_id}
    _, second = s.recvmsg(2500)
    assert second.frag_size.tolist() == [500] and second.frag_token.tolist() == [4]
    assert second.frag_offset[0] == first.frag_offset[2] + 500
    assert s.device_bytes(first) + s.device_bytes(second) == STREAM[:3000]
    assert refs(s, second[0]) == 2 and refs(s, first[0]) == 1


def plant_linear(s, octets):
    """Give the queued skb a linear part, as headers split too early would."""
    skb = int(s.row.rcvq_head)
    row = s.host.skbs.skb[skb]
    memory()[row.head:row.head + len(octets)] = np.frombuffer(octets, np.uint8)
    row.headlen += len(octets)
    row.length += len(octets)
    row.end_seq = (row.end_seq + len(octets)) & 0xFFFFFFFF
    s.row.rcv_nxt = (s.row.rcv_nxt + len(octets)) & 0xFFFFFFFF
    s.next += len(octets)


def test_case_43_linear_octets_come_first_in_the_iov_and_have_their_message(s):
    queue(s, 6000)
    plant_linear(s, b"L" * 100)
    data, pieces = s.recvmsg()
    assert data == b"L" * 100 and pieces.kind.tolist() == [78, 79, 79]
    assert (pieces.frag_size.tolist(), pieces.frag_token.tolist()) == ([100, 4096, 1904], [0, 1, 2])
    assert pieces.dmabuf_id.tolist() == [0, s.binding_id, s.binding_id] and pieces.frag_offset[0] == 0
    assert s.device_bytes(pieces) == STREAM[:6000]


def test_linear_octets_are_delivered_in_parts_and_written_again_when_their_message_did_not_fit(s):
    queue(s, 500)
    plant_linear(s, b"0123456789" * 10)
    data, pieces = s.recvmsg(30)
    assert data == (b"0123456789" * 3) and pieces.frag_size.tolist() == [30]
    s.call("recvmsg", s.conn.recvmsg, 200, 39, MSG_SOCK_DEVMEM, raises=ETOOSMALL)
    data, pieces = s.recvmsg(100)
    assert data == b"0123456789" * 7 and pieces.frag_size.tolist() == [70, 30]
    assert s.device_bytes(pieces) == STREAM[:30]


def test_case_44_a_call_stops_where_readability_changes(s):
    s.ethtool.delete_rule(s.rule)
    queue(s, 300)
    s.rule = s.ethtool.add_rule("tcp4", queue=1, dst_port=5201)
    queue(s, 400)
    s.ethtool.delete_rule(s.rule)
    queue(s, 500)
    data, pieces = s.recvmsg()
    assert (data, len(pieces)) == (STREAM[:300], 0)
    data, pieces = s.recvmsg()
    assert data == b"" and s.device_bytes(pieces) == STREAM[300:700]
    data, pieces = s.recvmsg()
    assert (data, len(pieces)) == (STREAM[700:1200], 0)


@pytest.mark.parametrize("room, frags_read", [(0, None), (39, None), (40, 1), (79, 1), (80, 2), (1000, 2)])
def test_case_45_control_messages_are_whole_or_absent(s, room, frags_read):
    queue(s, 10, 20)
    if frags_read is None:
        s.call("recvmsg", s.conn.recvmsg, 100, room, MSG_SOCK_DEVMEM, raises=ETOOSMALL)
        assert s.host.audit().tokens == 0
        frags_read, room = 2, 80
    _, pieces = s.recvmsg(100, room)
    assert pieces.frag_size.tolist() == [10, 20][:frags_read]
    if frags_read == 1:
        assert s.recvmsg(100, room)[1].frag_size.tolist() == [20]


def test_case_46_a_page_behind_a_niov_gives_the_niov_then_enodev(s):
    queue(s, 6000)
    frag = s.host.skbs.frag[s.row.rcvq_head, 1]
    niov = int(frag.netmem)
    pool = s.host.rxqs.ctl[0].pool
    mem = s.host.mem
    page = page_pool_alloc_netmems(mem.pools, mem.netmems, mem.providers, None, pool)
    frag.netmem = page
    _, pieces = s.recvmsg()
    assert pieces.frag_size.tolist() == [4096]
    s.call("recvmsg", s.conn.recvmsg, 6000, 400, MSG_SOCK_DEVMEM, raises=ENODEV)
    frag.netmem = niov
    assert s.device_bytes(s.recvmsg()[1]) == STREAM[4096:6000]
    page_pool_put_netmem(mem.pools, mem.netmems, mem.providers, None, pool, page, 1)


def test_case_47_an_io_uring_niov_gives_enodev(s):
    queue(s, 100)
    row = s.host.mem.netmems[s.host.skbs.frag[s.row.rcvq_head, 0].netmem >> 1]
    kind, row.niov_type = int(row.niov_type), NIOV_IOURING
    s.call("recvmsg", s.conn.recvmsg, 100, 400, MSG_SOCK_DEVMEM, raises=ENODEV)
    row.niov_type = kind
    assert s.device_bytes(s.recvmsg()[1]) == STREAM[:100]


def test_case_48_every_peek_hands_out_fresh_tokens(s):
    queue(s, 100)
    tokens = []
    for flags in (MSG_PEEK, MSG_PEEK, 0):
        _, pieces = s.recvmsg(flags=MSG_SOCK_DEVMEM | flags)
        assert s.device_bytes(pieces) == STREAM[:100]
        tokens.append(int(pieces.frag_token[0]))
    assert tokens == [1, 2, 3] and refs(s, pieces[0]) == 3
    ring = s.host.mem.pools.ctl[s.host.rxqs.ctl[1].pool]
    before = int(ring.recycle_ring)
    for token, returned in ((1, 0), (2, 0), (3, 1)):
        assert s.host.dontneed(s.conn, [(token, 1)]) == 1
        assert ring.recycle_ring - before == returned


def test_case_49_msg_trunc_discards_without_the_flag_and_without_tokens(s):
    queue(s, 100, 200)
    data, ancdata, _, _ = s.conn.recvmsg(150, 400, MSG_TRUNC)
    assert len(ancdata) == 0 and s.host.audit().tokens == 0 and s.row.bytes_copied == 150
    assert s.device_bytes(s.recvmsg()[1]) == STREAM[150:300]
    queue(s, 50)
    s.call("recvmsg", s.conn.recvmsg, 150, 400, MSG_TRUNC)
    assert s.host.audit().skb_frags == 0


def test_case_50_tokens_are_dense_and_the_lowest_comes_back(s):
    queue(s, 10, 10, 10)
    assert s.recvmsg()[1].frag_token.tolist() == [1, 2, 3]
    assert s.host.dontneed(s.conn, [(2, 1)]) == 1
    queue(s, 10)
    assert s.recvmsg()[1].frag_token.tolist() == [2]


def test_case_51_the_iov_limits_device_bytes_too(s):
    queue(s, 4096)
    data, pieces = s.recvmsg(10)
    assert data == b"" and pieces.frag_size.tolist() == [10]
    _, rest = s.recvmsg()
    assert rest.frag_size.tolist() == [4086] and rest.frag_offset[0] == pieces.frag_offset[0] + 10


def test_correction_1_token_0_comes_after_a_range_that_covers_it(s):
    queue(s, 10, 10)
    assert s.recvmsg()[1].frag_token.tolist() == [1, 2]
    assert s.host.dontneed(s.conn, [(0, 2)]) == 1
    queue(s, 10, 10)
    assert s.recvmsg()[1].frag_token.tolist() == [0, 1]
    assert s.host.dontneed(s.conn, [(0, 3)]) == 3


def test_correction_3_length_0_gives_one_message_of_size_0_and_a_live_token(s):
    queue(s, 100)
    data, pieces = s.recvmsg(0)
    assert data == b"" and pieces.frag_size.tolist() == [0] and pieces.frag_token.tolist() == [1]
    assert s.host.audit().tokens == 1
    assert s.host.dontneed(s.conn, [(1, 1)]) == 1
    assert s.device_bytes(s.recvmsg()[1]) == STREAM[:100]


def test_the_worked_trace_of_section_25_4(s):
    queue(s, 1448, 1448)
    _, one = s.recvmsg(2000, 4096)
    assert one.frag_size.tolist() == [1448, 552] and one.frag_token.tolist() == [1, 2]
    assert one.frag_offset[1] == one.frag_offset[0] + 4096 and [refs(s, p) for p in one] == [2, 2]
    _, two = s.recvmsg(2000, 4096)
    assert (two.frag_size.tolist(), two.frag_token.tolist()) == ([896], [3])
    assert two.frag_offset[0] == one.frag_offset[1] + 552 and [refs(s, one[0]), refs(s, two[0])] == [1, 2]
    assert s.host.dontneed(s.conn, [(1, 3)]) == 3
    assert s.host.audit().netmems_in_flight == 0


def test_correction_2_one_call_returns_frags_of_several_bindings():
    with contextlib.closing(DeviceMemory("256KiB")) as other, Script(device=True, rx_queues=3) as s:
        s.handshake()
        fd = s.host.export(other)
        second = s.netlink.bind_rx({"ifindex": 2, "fd": fd, "queues": [{"type": "rx", "id": 2}]})["id"]
        queue(s, 300)
        s.ethtool.delete_rule(s.rule)
        s.rule = s.ethtool.add_rule("tcp4", queue=2, dst_port=5201)
        queue(s, 400)
        _, pieces = s.recvmsg()
        assert pieces.dmabuf_id.tolist() == [s.binding_id, second] and pieces.frag_size.tolist() == [300, 400]
        assert other.read(int(pieces.frag_offset[1]), 400) == STREAM[300:700]
        s.host.audit()


def test_correction_5_held_tokens_do_not_shut_the_window(s):
    queue(s, 1000)
    window = s.forget()[-1]["window"]
    assert len(s.recvmsg()[1]) == 1
    for _ in range(8):
        queue(s, 1000)
        assert len(s.recvmsg()[1]) == 1
    assert s.host.audit().tokens == 9 and s.forget()[-1]["window"] >= window


def test_case_56_closing_returns_every_token_and_the_pool_counts_them_as_before(s):
    queue(s, 1000, 1000, 1000)
    assert len(s.recvmsg(2000)[1]) == 2
    pool = s.host.mem.pools.ctl[s.host.rxqs.ctl[1].pool]
    before, out = int(pool.recycle_ring), int(pool.hold_cnt - pool.release_cnt)
    s.call("close", s.conn.close)
    s.inject("R", seq=int(s.host.tcbs.tcb[s.conn.sock].rcv_nxt - s.isn) % (1 << 32))
    assert pool.recycle_ring - before == 3 and pool.hold_cnt - pool.release_cnt == out
    assert s.host.audit().netmems_in_flight == 0


def test_case_56_a_connection_that_lingers_keeps_its_tokens():
    with Script(device=True) as s:
        s.handshake()
        queue(s, 1000)
        assert len(s.recvmsg()[1]) == 1
        s.conn.shutdown(SHUT_WR)
        assert s.host.audit().tokens == 1
        s.call("close", s.conn.close)
        assert s.host.audit().tokens == 1, "FIN-WAIT-1: the connection is not over"
        s.inject("A", ack=2)
        s.wait(100_000)
        assert s.host.audit().tokens == 0


def test_no_token_comes_before_no_room(s):
    """The id is chosen before the message is written (14.3)."""
    queue(s, 10)
    pool = s.host.tokens.pool[0]
    limit, pool.limit = int(pool.limit), pool.watermark
    s.call("recvmsg", s.conn.recvmsg, 10, 400, MSG_SOCK_DEVMEM, raises=ENOMEM)
    s.call("recvmsg", s.conn.recvmsg, 10, 0, MSG_SOCK_DEVMEM, raises=ENOMEM)
    pool.limit = limit
    s.call("recvmsg", s.conn.recvmsg, 10, 39, MSG_SOCK_DEVMEM, raises=ETOOSMALL)
    assert s.host.audit().tokens == 0 and s.recvmsg()[1].frag_token.tolist() == [1]


def test_the_octets_of_25_2_as_a_call_writes_them(s):
    queue(s, *[10] * 6, 1448)
    assert len(s.recvmsg(60)[1]) == 6
    _, ancdata, flags, _ = s.conn.recvmsg(4096, 40, MSG_SOCK_DEVMEM)
    offset = int(frags(ancdata).frag_offset[0])
    wanted = bytes.fromhex("2800000000000000 01000000 4f000000") + offset.to_bytes(8, "little")
    wanted += bytes.fromhex("a8050000 07000000") + s.binding_id.to_bytes(4, "little") + bytes(4)
    assert flags == 0 and ancdata.control == wanted


def test_the_queue_length_stands_behind_the_frags_and_is_cut_first(s):
    s.conn.setsockopt(IPPROTO_TCP, TCP_INQ, 1)
    queue(s, 10, 20)
    for room, more, truncated in ((64, [(6, 36, bytes([30, 0, 0, 0]))], 0), (58, [(6, 36, bytes([30, 0]))], MSG_CTRUNC),
                                  (40, [], MSG_CTRUNC)):
        _, ancdata, flags, _ = s.conn.recvmsg(10, room, MSG_SOCK_DEVMEM | MSG_PEEK)
        assert (len(frags(ancdata)), list(ancdata)[1:], flags) == (1, more, truncated)
    s.call("recvmsg", s.conn.recvmsg, 10, 39, MSG_SOCK_DEVMEM, raises=ETOOSMALL)
    assert [f.frag_size for f in frags(s.conn.recvmsg(99, 104, MSG_SOCK_DEVMEM)[1])] == [10, 20]


def test_empty_and_listening_sockets(s):
    s.call("recvmsg", s.conn.recvmsg, 10, 400, MSG_SOCK_DEVMEM | MSG_DONTWAIT, raises=EAGAIN)
    s.call("recvmsg", s.server.recvmsg, 10, 400, MSG_SOCK_DEVMEM, raises=ENOTCONN)
    s.call("recv", s.host.socket().recv, 10, raises=ENOTCONN)


def test_recv_into_and_peek_of_host_data():
    with Script() as s:
        s.handshake()
        s.data(b"hello ")
        s.data(b"world")
        assert s.conn.recv(100, MSG_PEEK) == b"hello world" and s.conn.recv(3, MSG_PEEK) == b"hel"
        buffer = bytearray(8)
        assert s.conn.recv_into(buffer) == 8 and buffer == b"hello wo"
        assert s.conn.recv_into(buffer, 2) == 2 and buffer[:2] == b"rl"
        assert s.conn.recv(10) == b"d"


def test_many_small_segments_in_one_call_need_room_for_each_message(s):
    queue(s, *[7] * 10)
    _, pieces = s.recvmsg(1 << 16, CMSG_SPACE(24) * 4)
    assert len(pieces) == 4
    _, rest = s.recvmsg(1 << 16, CMSG_SPACE(24) * 40)
    assert len(rest) == 6 and s.device_bytes(pieces) + s.device_bytes(rest) == STREAM[:70]
