"""The scenes of skbs: what they hold and what waits is what arrived, and every answer is the guard table's (spec 13)."""

import errno

import numpy as np
import pytest

from devmemlab.lab import scenes_skb as scenes
from devmemlab.lab.frames import make_frame
from devmemlab.net.guards import RULES
from devmemlab.net.skb import SKB_OVERHEAD
from devmemlab.sock.uapi import CMSG_SPACE, MSG_SOCK_DEVMEM, frags
from tests.net.test_guards import folded
from tests.scripts.kit import Script

FRAME = make_frame(tcp_options="timestamps", payload=bytes(range(200)) * 7)
DEVICE = {1: "EFAULT", 2: "EFAULT", 3: "fails", 4: "ENOMEM", 5: "NULL", 6: "EFAULT", 7: "0, and a warning", 8: "0",
          9: "66 octets, the end", 10: "66 octets, the end", 13: "EFAULT", 14: "skipped", 15: "refused", 16: "EFAULT", 21: "NULL",
          22: "an address", 23: "dropped", 24: "dropped"}
"""Spec section 13.3, by the numbers of the rules."""


@pytest.fixture
def card():
    card = scenes.card(ring=32)
    yield card
    card.host.audit()
    scenes.close(card)


def test_every_question_is_answered_as_the_guard_table_says():
    answers = scenes.ask()
    assert {answer.number: answer.device for answer in answers} == DEVICE
    assert {a.number for a in answers if not a.refused} == {22}, "only a card may look at both memories"
    whole = make_frame(tcp_options="timestamps", payload=bytes(range(150)))
    for rule in (7, 8):
        assert (answers[rule].head, answers[rule].pages) == (f"0x{folded(whole[:66]):04x}", f"0x{folded(whole):04x}")
    assert answers[1].head == "66 octets" and answers[10].pages == answers[5].pages == "216 octets"
    assert all(RULES[answer.number - 1].where for answer in answers) and "rule" not in str(answers)
    assert str(answers).count("\n") == len(DEVICE) - 1
    with pytest.raises(KeyError):
        answers[12]


@pytest.mark.parametrize("queue", scenes.QUEUES)
def test_a_packet_is_held_between_driver_and_tcp(queue):
    card = scenes.card(queue, ring=32)
    skb = scenes.hold(card, FRAME)
    found = card.host.inspect(skb)
    assert found.octets == (FRAME if queue == "pages" else FRAME[:66]) and found.readable == (queue == "pages")
    if card.device:
        assert card.device.read(found.frags[0].frag_offset, 1400) == FRAME[66:]
    assert not card.port.take() and card.host.audit().skb_frags == 1, "TCP would have answered RST"
    scenes.free(card, skb)
    assert card.host.audit().netmems_in_flight == 0
    scenes.close(card)


def test_what_the_driver_drops_is_not_held(card):
    with pytest.raises(OSError) as caught:
        scenes.hold(card, make_frame(protocol=17, payload=bytes(500)))
    assert caught.value.errno == errno.EINVAL and sum(scenes.drops(card).values()) == 1


def test_one_net_iov_makes_a_page_beside_it_unreadable(card):
    skb = scenes.hold(card, FRAME)
    scenes.add_page(card, skb, 100)
    ask = lambda length, offset: scenes.ask_one(card.host, skb, 1, length, offset)  # noqa: E731
    assert (ask(66, 0), ask(100, 1466), ask(1, 1565), ask(1, 65)) == ("66 octets", "EFAULT", "EFAULT", "1 octets")
    scenes.free(card, skb)


def test_split_and_clone_own_references_and_the_audit_agrees(card):
    skb = scenes.hold(card, FRAME)
    rest = scenes.split(card, skb, 766)
    copy = scenes.clone(card, rest)
    look = [card.host.inspect(one) for one in (skb, rest, copy)]
    assert [(f.offset, f.length) for one in look for f in one.frags] == [(0, 700), (700, 700), (700, 700)]
    assert [f.pp_ref_count for one in look for f in one.frags] == [3, 3, 3]
    assert card.host.audit().skb_frags == 3 and not any(one.readable for one in look)
    for left, one in ((2, skb), (1, rest), (0, copy)):
        scenes.free(card, one)
        assert card.host.audit().skb_frags == left


@pytest.mark.parametrize("queue", scenes.QUEUES)
@pytest.mark.parametrize("gro", [True, False])
@pytest.mark.parametrize("segment, count", [(300, 44), (8948, 6)])
def test_a_segment_is_as_many_frags_as_buffers_whatever_joins(queue, gro, segment, count):
    arrived = scenes.arrivals(queue, segment, count, gro)
    found = arrived.host.inspect(arrived.conn)
    buffers = -(-(segment + (0 if arrived.device else 66)) // 4096)
    assert found.length == segment * count and len(found.frags) == buffers * count and not found.early
    assert all(len(one.frags) <= 17 for one in found.skbs)
    assert found.charged == len(found.skbs) * SKB_OVERHEAD + len(found.frags) * 4096 == sum(one.truesize for one in found.skbs)
    most = 17 // buffers
    assert len(found.skbs) == -(-count // most)
    assert scenes.packets(arrived) == (len(found.skbs) if gro else count)
    data, ancdata, _, _ = arrived.conn.recvmsg(1 << 20, CMSG_SPACE(24) * 64, MSG_SOCK_DEVMEM)
    pieces = frags(ancdata)
    if arrived.device:
        data = b"".join(arrived.device.read(int(p.frag_offset), int(p.frag_size)) for p in pieces)
        assert len(pieces) == len(found.frags) and arrived.host.audit().tokens == len(pieces)
    assert data == np.repeat(np.arange(count), segment).astype(np.uint8).tobytes()
    arrived.host.audit()
    scenes.close(arrived)


def test_small_segments_in_pages_are_copied_and_charged_little():
    arrived = scenes.arrivals("pages", 100, 5)
    found = arrived.host.inspect(arrived.conn)
    assert [(one.headlen, len(one.frags), one.truesize) for one in found.skbs] == [(100, 0, SKB_OVERHEAD)] * 5
    assert found.skbs[3].octets == b"\3" * 100
    scenes.close(arrived)


@pytest.mark.parametrize("queue, fewest, most", [("device memory", 8, 17), ("pages", 150, 180)])
def test_a_receive_buffer_holds_what_is_charged(queue, fewest, most):
    """It is overrun by the last skb at most, as in Linux; what can be read is collapsed before anything is refused."""
    arrived = scenes.arrivals(queue, 100, 300, gro=False, rcvbuf=16384)
    found = arrived.host.inspect(arrived.conn)
    assert found.rcvbuf == 32768 >= found.charged - found.skbs[-1].truesize
    assert fewest <= found.length // 100 <= most
    assert (arrived.host.nstat()["TcpExtTCPRcvCollapsed"] > 0) == (queue == "pages")
    scenes.close(arrived)


@pytest.mark.parametrize("operation, device, pages", [  # tokens, octets and sums are reckoned by hand
    ("recv, without the flag", "EFAULT", "30 octets in the buffer, 0 tokens"),
    ("recvmsg with MSG_SOCK_DEVMEM", "0 octets in the buffer, 1 tokens", "30 octets in the buffer, 0 tokens"),
    ("copy 40 octets out", "EFAULT", "40 octets"), ("pull 40 octets into the head", "fails", "pulled"),
    ("sum all octets", "0, and a warning", f"0x{folded(bytes([0]) * 900 + bytes([1]) * 900):04x}"),
    ("splice to a pipe", "0 octets, the end", "1800 octets"), ("copy the whole skb", "NULL", "1800 octets"),
    ("send through loopback", "dropped", "sent")])
def test_what_is_tried_with_a_queue(operation, device, pages):
    assert operation in scenes.OPERATIONS
    for queue, answer in zip(scenes.QUEUES, (device, pages)):
        arrived = scenes.arrivals(queue, 900, 2, ring=8)
        assert scenes.try_operation(arrived._replace(segment=3), operation) == answer
        arrived.host.audit()
        scenes.close(arrived)


def test_neighbours_differ_in_what_a_tap_sees_and_in_who_must_verify():
    """Spec section 24, cases 36 and 37, on two connections of one card."""
    two = scenes.neighbours()
    with two.host.tap() as tap:
        two.send(b"secret" * 200)
        assert tap.capture().frame.length.tolist() == [66, 1266] and tap.capture().octets.tobytes().count(b"secret") == 200
    two.host.ethtool("eth1").set_feature("rx", False)
    two.send(b"x" * 100)
    waits = lambda: [two.host.inspect(conn).length for conn in two.conns.values()]  # noqa: E731
    assert waits() == [1200, 1300] and scenes.drops(two) == {"bad checksum": 1}
    two.host.ethtool("eth1").set_feature("rx", True)
    two.lab.run(until_ns=two.lab.clock.now_ns + 1_000_000_000)
    assert waits() == [1300, 1300]
    with pytest.raises(OSError) as caught:
        two.conns["device memory"].recv(10)
    assert caught.value.errno == errno.EFAULT and two.conns["pages"].recv(3) == b"sec"
    two.host.audit()
    scenes.close(two)


def test_what_came_too_early_is_inspected_apart():
    with Script(device=True) as s:
        s.handshake()
        s.data(b"a" * 100)
        s.data(b"c" * 50, seq=201)
        found = s.host.inspect(s.conn)
        assert [one.length for one in found.skbs] == [100] and [one.length for one in found.early] == [50]
        assert found.length == 100 and found.charged == 2 * (SKB_OVERHEAD + 4096) and len(found.frags) == 2
        assert str(found).startswith(f"connection {s.conn.sock}: 1 skbs in order, 1 early, 2 frags, 100 octets in order, 9728")
        s.drain()
