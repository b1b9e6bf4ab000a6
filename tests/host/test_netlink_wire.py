"""Octets of netlink: against pyroute2, in both directions, and against what the kernel does with lengths and flags."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink import ctrlmsg, nlmsgerr

import devmemlab as dml
from devmemlab.base.errno import EINVAL, ENOENT
from devmemlab.host.genl import sets, wire
from devmemlab.host.genl.extack import read_outcome
from devmemlab.host.netlink import SOL_NETLINK
from tests.host.netlink_kit import (
    ACK,
    BIND_RX,
    DUMP,
    POOL_GET,
    QUEUE_GET,
    REQUEST,
    Dmabuf,
    Pool,
    QueueMessage,
    answer,
    attr,
    raw,
    read,
    spelled,
)

pytestmark = pytest.mark.once
U32 = st.integers(0, (1 << 32) - 1)


@pytest.fixture(scope="module")
def nl():
    with dml.Lab() as lab:
        yield lab.host("dut", ip="10.0.0.2", rx_queues=2, rx_ring=8, sockets=4).netlink()


@given(U32, U32, st.lists(st.tuples(U32, st.sampled_from(["rx", "tx"])), max_size=4))
def test_pyroute2_writes_the_same_request(ifindex, fd, queues):
    attrs = [["IFINDEX", ifindex], ["FD", fd]]
    attrs += [["QUEUES", {"attrs": [["ID", number], ["TYPE", int(kind == "tx")]]}] for number, kind in queues]
    ours = wire.generic(32, REQUEST | ACK, 7, 9, BIND_RX, sets.encode("dmabuf", {
        "ifindex": ifindex, "fd": fd, "queues": [{"id": number, "type": kind} for number, kind in queues]}))
    assert spelled(Dmabuf, 32, BIND_RX, attrs, seq=7, pid=9) == ours
    told = sets.decode("dmabuf", ours, wire.HEADERS)
    assert told.get("queues", []) == [{"id": number, "type": kind} for number, kind in queues]
    assert (told["ifindex"], told["fd"]) == (ifindex, fd)


def test_pyroute2_reads_queues_and_pools(nl):
    replies = list(wire.messages(nl.send(spelled(QueueMessage, nl.number, QUEUE_GET, [["IFINDEX", 2]], REQUEST | DUMP, seq=3))))
    assert replies.pop().kind == wire.NLMSG_DONE
    told = [read(QueueMessage, reply.octets) for reply in replies]
    assert [(q.get_attr("TYPE"), q.get_attr("ID")) for q in told] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert all(q["header"]["flags"] == wire.NLM_F_MULTI and q["header"]["sequence_number"] == 3 for q in told)
    assert all(q["header"]["pid"] == nl.sock.port and q["header"]["type"] == nl.number for q in told)
    pools = nl.dump("page-pool-get")
    for pool in pools:
        (reply, ack) = wire.messages(nl.send(spelled(Pool, nl.number, POOL_GET, [["ID", pool["id"]]])))
        theirs = read(Pool, reply.octets)
        assert (theirs.get_attr("INFLIGHT"), theirs.get_attr("INFLIGHT_MEM")) == (pool["inflight"], pool["inflight-mem"])
        assert read_outcome(ack)[0] == 0 and ack.bits == wire.NLM_F_CAPPED


def test_pyroute2_reads_an_extended_acknowledgement(nl):
    request = spelled(Dmabuf, nl.number, BIND_RX, [["IFINDEX", 0]], seq=44)
    (reply,) = wire.messages(nl.send(request))
    assert struct.unpack_from("<i", reply.octets, 16)[0] == -34 and reply.octets[20:36] == request[:16]
    assert reply.bits == wire.NLM_F_CAPPED | wire.NLM_F_ACK_TLVS
    # pyroute2 wants the attributes right behind the number: the quoted header is cut out.
    cut = struct.pack("<I", len(reply.octets) - 16) + reply.octets[4:20] + reply.octets[36:]
    told = read(nlmsgerr, cut)
    assert told.get_attr("NLMSGERR_ATTR_MSG") == "integer out of range" and told.get_attr("NLMSGERR_ATTR_OFFS") == 20


def test_pyroute2_reads_the_controllers_answers(nl):
    (reply, _) = wire.messages(nl.send(raw(wire.NLMSG_MIN_TYPE, 3, attr(2, b"netdev\0"))))
    told = read(ctrlmsg, reply.octets)
    assert told.get_attr("CTRL_ATTR_FAMILY_ID") == nl.number and told.get_attr("CTRL_ATTR_FAMILY_NAME") == "netdev"
    ops = {op.get_attr("CTRL_ATTR_OP_ID"): op.get_attr("CTRL_ATTR_OP_FLAGS") for op in told.get_attr("CTRL_ATTR_OPS")}
    assert ops == {1: 14, 5: 14, 9: 14, 10: 14, 11: 14, 12: 12, 13: 11, 14: 11, 15: 10}
    groups = [group.get_attr("CTRL_ATTR_MCAST_GRP_NAME") for group in told.get_attr("CTRL_ATTR_MCAST_GROUPS")]
    assert groups == ["mgmt", "page-pool"]


def test_an_error_quotes_the_whole_request_unless_asked_not_to(nl):
    request = raw(nl.number, BIND_RX, attr(1, 2))
    nl.setsockopt(SOL_NETLINK, 10, 0)
    try:
        (reply,) = wire.messages(nl.send(request))
    finally:
        nl.setsockopt(SOL_NETLINK, 10, 1)
    assert reply.octets[20:20 + len(request)] == request and reply.bits == wire.NLM_F_ACK_TLVS
    number, extack = read_outcome(reply)
    assert (number, extack.miss_type) == (EINVAL, 3)
    (short,) = wire.messages(nl.send(request))
    assert len(short.octets) == len(reply.octets) - len(request) + 16 and short.bits & wire.NLM_F_CAPPED


def test_without_extended_acknowledgements_there_is_only_the_number(nl):
    nl.setsockopt(SOL_NETLINK, 11, 0)
    try:
        (reply,) = wire.messages(nl.send(raw(nl.number, BIND_RX, attr(1, 0))))
    finally:
        nl.setsockopt(SOL_NETLINK, 11, 1)
    assert reply.bits == wire.NLM_F_CAPPED and len(reply.octets) == 36


def test_several_requests_in_one_buffer_are_answered_in_order(nl):
    buffer = raw(nl.number, QUEUE_GET, attr(1, 0) + attr(3, 0) + attr(2, 2), seq=5) + raw(nl.number, 99, seq=6)
    replies = list(wire.messages(nl.send(buffer)))
    assert [(reply.kind, reply.seq) for reply in replies] == [(nl.number, 5), (wire.NLMSG_ERROR, 5), (wire.NLMSG_ERROR, 6)]
    assert [read_outcome(reply)[0] for reply in replies[1:]] == [0, 95]


def test_what_is_no_request_is_answered_only_where_it_asks_for_it(nl):
    assert nl.send(raw(nl.number, 1, flags=0)) == b"" and nl.send(raw(3, 1, flags=REQUEST)) == b""
    (ack,) = wire.messages(nl.send(raw(2, 1)))
    assert read_outcome(ack)[0] == 0
    assert nl.send(raw(nl.number, QUEUE_GET)[:19]) == b"" and nl.send(b"") == b"" and nl.send(b"\x0f" + b"\0" * 30) == b""
    assert nl.send(raw(nl.number, QUEUE_GET, attr(1, 0) + attr(3, 0) + attr(2, 2), flags=REQUEST))


HEADER_CASES = [
    ({"reserved": 1}, "EINVAL", "genlmsghdr.reserved field is not 0"),
    ({"flags": 0x405}, "EINVAL", "ambiguous or reserved bits set in nlmsg_flags"),
    ({"flags": 0x105}, "EINVAL", "ambiguous or reserved bits set in nlmsg_flags"),
    ({"flags": 0xD}, None, None),
    ({"version": 0}, None, None),
    ({"version": 9}, None, None),
]


@pytest.mark.parametrize("changes, number, msg", HEADER_CASES)
def test_headers(nl, changes, number, msg):
    error, told, _ = answer(nl, raw(nl.number, 1, attr(1, 2), **changes))
    assert error == number and (told or {}).get("msg") == msg


def test_a_message_without_room_for_a_command(nl):
    (reply,) = wire.messages(nl.send(struct.pack("<IHHII", 16, nl.number, REQUEST, 1, 0)))
    assert read_outcome(reply)[0] == EINVAL
    (reply,) = wire.messages(nl.send(raw(77, 1)))
    assert read_outcome(reply)[0] == ENOENT


ATTRIBUTE_CASES = [
    (attr(1, b"\2\0"), "EINVAL", "invalid attribute length", 20),
    (attr(1, b"\2" + b"\0" * 7), "EINVAL", "invalid attribute length", 20),
    (attr(1, 2, nested=True), "EINVAL", "NLA_F_NESTED not expected", 20),
    (attr(1, 2) + b"\xff\xff\1\0", "EINVAL", "bytes leftover after parsing attributes", None),
    (attr(1, 2) + b"\2\0\3\0", "EINVAL", "bytes leftover after parsing attributes", None),
    (attr(0, 2), "EINVAL", "Unknown attribute type", 20),
    (attr(1, 2) + attr(3, 9) + attr(2, b"\1\2\3", nested=True), "ERANGE", "Attribute failed policy validation", 36),
    (attr(1, 2) + attr(2, attr(1, 0) + attr(1, 0, nested=True), nested=True), "EINVAL", "NLA_F_NESTED not expected", 40),
]


@pytest.mark.parametrize("body, number, msg, offset", ATTRIBUTE_CASES)
def test_attributes(nl, body, number, msg, offset):
    error, told, _ = answer(nl, raw(nl.number, BIND_RX, body))
    assert (error, told["msg"], told.get("bad_attr_offset")) == (number, msg, offset)


def test_numbers_of_free_length_and_bit_masks(nl):
    pool = nl.dump("page-pool-get")[0]["id"]
    for size in (4, 8):
        assert answer(nl, raw(nl.number, POOL_GET, attr(1, pool.to_bytes(size, "little"))))[0] is None
    error, told, _ = answer(nl, raw(nl.number, POOL_GET, attr(1, pool.to_bytes(2, "little"))))
    assert (error, told["msg"]) == ("EINVAL", "invalid attribute length")
    error, told, _ = answer(nl, raw(nl.number, 12, attr(1, 2) + attr(4, 2), flags=REQUEST | DUMP))
    assert (error, told) == ("EINVAL", {"msg": "reserved bit set", "bad_attr_offset": 28})


def test_an_attribute_that_comes_twice_counts_once_and_the_last_time(nl):
    error, _, replies = answer(nl, raw(nl.number, 1, attr(1, 9999) + attr(1, 2)))
    assert error is None and sets.decode("dev", replies[0])["ifindex"] == 2


def test_the_controller_refuses_what_it_does_not_know(nl):
    for body, number in ((b"", "EINVAL"), (attr(2, b"nl80211\0"), "ENOENT"), (attr(1, b"\x63\0"), "ENOENT"),
                         (attr(2, b"netdev"), "EINVAL"), (attr(2, b"x" * 16 + b"\0"), "EINVAL")):
        assert answer(nl, raw(16, 3, body))[0] == number
    assert answer(nl, raw(16, 10, attr(2, b"netdev\0") + attr(10, 99), flags=REQUEST | DUMP))[0] == "ENODATA"


def test_what_the_face_does_not_know_it_says_before_sending(nl):
    with pytest.raises(dml.NetlinkError, match="bind-rx has no attribute 'size'; its names are ifindex") as caught:
        nl.bind_rx({"size": 1})
    assert caught.value.errno == EINVAL
    with pytest.raises(dml.NetlinkError, match="'fly' is not known"):
        nl.do("fly")
    with pytest.raises(OSError, match="'up' is none of rx, tx"):
        nl.do("queue-get", {"type": "up"})
    with pytest.raises(dml.NetlinkError, match="command 99 cannot be done"):
        nl.do(99)
    assert nl.request("queue-get", {1: 5}, dump=True)[20:] == attr(1, 5)
