"""recvmsg beside its plain twin: random queues, random calls, references and control octets compared after every one."""

import random

import pytest

from devmemlab.sock.uapi import MSG_OOB, MSG_PEEK, MSG_SOCK_DEVMEM, MSG_TRUNC, MSG_WAITALL, SO_OOBINLINE, SOL_SOCKET, Ancdata
from devmemlab.tcp.urgent import URG_VALID
from tests.naive.recvmsg import Receiver, Refused
from tests.sock.plant import U32, Garden

KINDS = ("page", "dmabuf", "mixed", "io_uring")


@pytest.fixture(scope="module")
def garden():
    with Garden() as made:
        yield made


def a_shape(rng):
    """Linear part and kinds of frags, of one skb or a chain of them."""
    kind = rng.choices(KINDS, (6, 10, 2, 1))[0]

    def kinds():
        count = rng.choice((1, 2, 3, 3, 17))
        if kind == "mixed":
            return [rng.choice(("page", "dmabuf")) for _ in range(count)]
        if kind == "io_uring":
            return ["dmabuf"] * (count - 1) + ["io_uring"]
        return [kind] * count

    linear = rng.randbytes(rng.choice((0, 0, 1, 5, 60)))
    return [(linear, kinds()), *((b"", kinds()) for _ in range(rng.choice((0, 0, 0, 1, 2))))]


def a_call(rng, left):
    flags = rng.choice((MSG_SOCK_DEVMEM,) * 6 + (0, MSG_SOCK_DEVMEM | MSG_WAITALL))
    flags |= rng.choice((0,) * 6 + (MSG_PEEK, MSG_PEEK, MSG_TRUNC))
    flags |= rng.choice((0,) * 9 + (MSG_OOB,))
    length = rng.choice((0, 1, 2, 5, 50, 100, 1000, left, max(left - 1, 0), left + 5))
    return length, rng.choice((0, 39, 40, 79, 80, 120, 2000, 2000, 2000)), flags


def both(s, twin, length, room, flags):
    """Make a call on both; they agree."""
    error = None
    try:
        wanted = twin.recvmsg(length, room, flags)
    except Refused as refused:
        wanted, error = None, refused.args[0]
    buffer = bytearray(length)
    try:
        copied, ancdata, msg_flags, _ = s.conn.recvmsg_into([buffer], room, flags)
    except OSError as problem:
        assert problem.errno == error, (problem, wanted)
        return
    assert error is None, (error, copied)
    octets = b"" if not isinstance(ancdata, Ancdata) else ancdata.control
    assert (copied, octets, msg_flags) == (wanted.copied, wanted.control, wanted.flags)
    assert bytes(buffer[:len(wanted.data)]) == wanted.data and not any(buffer[len(wanted.data):])


def agree(s, twin):
    s.host.audit()
    held = twin.references()
    netmems = s.host.mem.netmems
    assert {netmem: int(netmems[netmem >> 1].pp_ref_count) for netmem in held} == held
    assert int(s.row.rcv_nxt - s.row.copied_seq) & U32 == twin.left()
    assert int(s.host.tokens.root[s.conn.sock].live) == len(twin.tokens)


def set_mark(rng, s, twin):
    """Make some octet urgent."""
    left = twin.left()
    if left and twin.mark is None:
        twin.mark, twin.marked = rng.randrange(left), "there"
        s.row.urg_seq, s.row.urg_state = int(s.row.copied_seq + twin.mark) & U32, URG_VALID
        twin.in_line = rng.random() < 0.3
        s.conn.setsockopt(SOL_SOCKET, SO_OOBINLINE, int(twin.in_line))


@pytest.mark.parametrize("seed", range(5))
def test_random_queues_and_calls(garden, seed):
    s, twin, rng = garden, Receiver(), random.Random(seed)
    s.row.urg_state = 0
    for _ in range(22):
        action = rng.random()
        if action < 0.35 and len(twin.queue) < 5:
            twin.queue.append(s.plant(rng, a_shape(rng)))
        elif action < 0.45 and twin.tokens:
            chosen = rng.sample(sorted(twin.tokens), rng.randrange(1, len(twin.tokens) + 1)) + [9999]
            assert s.host.dontneed(s.conn, [(token, 1) for token in chosen]) == twin.dontneed(chosen)
        elif action < 0.5:
            set_mark(rng, s, twin)
        else:
            both(s, twin, *a_call(rng, twin.left()))
        agree(s, twin)
    while twin.queue:
        both(s, twin, 1 << 12, 0, MSG_TRUNC)
    for start in range(1, 1 + max(twin.tokens, default=0), 1024):
        s.host.dontneed(s.conn, [(start, 1024)])
    assert s.host.audit().netmems_in_flight == 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 400))
def test_many_random_queues_and_calls(garden, seed):
    test_random_queues_and_calls(garden, seed)
