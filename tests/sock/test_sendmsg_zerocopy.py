"""Lists of ranges against a naive twin (cases 60 to 63), and the life of completion objects against another one."""

import numpy as np
import pytest

from devmemlab.net.skb import make_skbs
from devmemlab.net.zerocopy import (
    errq_purge,
    msg_zerocopy_realloc,
    net_zcopy_get,
    net_zcopy_put,
    net_zcopy_put_abort,
    sock_dequeue_err,
)
from tests.host.send_kit import Pair
from tests.naive import fill

SIZE = 1 << 16


def some_pieces(rng):
    """A few ranges, most of them short, some across pages, some out of bounds."""
    pieces = []
    for _ in range(rng.integers(1, 30)):
        start = int(rng.choice([rng.integers(0, SIZE), 4096 * rng.integers(0, 16) - rng.integers(0, 5), SIZE - 1]))
        length = int(rng.choice([0, 1, 2, rng.integers(1, 200), rng.integers(1, 3000)]))
        if rng.random() > 0.1:
            start, length = max(start, 0), min(length, SIZE - max(start, 0))
        pieces.append((max(start, 0), length))
    return pieces


@pytest.mark.parametrize("mtu", [1500, 9000])
def test_random_ranges_against_a_naive_twin(mtu):
    rng = np.random.default_rng(mtu)
    with Pair(mtu=mtu) as pair:
        mss = int(pair.row.mss_now)
        goal = (65536 - 321) // mss * mss
        refused = 0
        for _ in range(12):
            pieces = some_pieces(rng)
            expected, queue = fill.send(pieces, SIZE, mss, goal)
            pair.k.netdev.pause_tx(True)
            frags_before = pair.k.audit().tx_frags
            assert frags_before == 0 and pair.queue() == []
            try:
                sent = pair.put(pieces)
            except OSError as problem:
                sent = {14: "EFAULT"}[problem.errno]
            assert sent == expected and pair.queue() == [[(at % 4096, n) for at, n in skb] for skb in queue]
            assert pair.binding.ref - 1 == sum(map(len, queue)) == pair.k.audit().tx_frags
            pair.k.netdev.pause_tx(False)
            refused += sent == "EFAULT"
            count = 0 if sent == "EFAULT" else sent
            assert pair.hear(count) == b"".join(pair.octets(skb) for skb in queue)
            pair.run(300)
        assert refused > 0


class Twin:
    """Completion objects as lists: a send is its number, an object the numbers it has, a queue the ranges it tells."""

    def __init__(self):
        self.number, self.told = 0, []

    def tell(self, numbers):
        if not numbers:
            return
        if self.told and self.told[-1][1] + 1 == numbers[0]:
            self.told[-1][1] = numbers[-1]
        else:
            self.told.append([numbers[0], numbers[-1]])


def test_completion_objects_against_a_naive_twin():
    """Sends begin, join the object before them, fail, and end in any order; the error queue is read now and then."""
    rng, skbs, twin, most = np.random.default_rng(5), make_skbs(4096, 0, 4), Twin(), 1 << 30
    alive, last = {}, 0
    for _ in range(4000):
        what = rng.random()
        if what < 0.35 and len(alive) < 40:
            before = int(rng.choice([last, 0])) if last in alive else 0
            length = int(rng.choice([1, 1000, 400_000]))
            ubuf = int(msg_zerocopy_realloc(skbs, 1, length, before, most))
            joins = before and alive[before]["octets"] + length <= 1 << 19 and alive[before]["numbers"][-1:] == [twin.number - 1]
            assert (ubuf == before) == bool(joins)
            if not joins:
                alive[ubuf] = {"numbers": [], "octets": 0, "refs": 0}
            row = alive[ubuf]
            if rng.random() < 0.2:
                net_zcopy_put_abort(skbs, None, ubuf)
                row["octets"] += length if joins else 0
            else:
                row["numbers"].append(twin.number)
                row["octets"] += length
                row["refs"] += 1
                twin.number += 1
                last = ubuf
            if row["refs"] == 0:
                del alive[ubuf]
        elif what < 0.5 and alive:
            ubuf = int(rng.choice(list(alive)))
            net_zcopy_get(skbs, ubuf)
            alive[ubuf]["refs"] += 1
        elif what < 0.9 and alive:
            ubuf = int(rng.choice(list(alive)))
            net_zcopy_put(skbs, None, ubuf)
            alive[ubuf]["refs"] -= 1
            if alive[ubuf]["refs"] == 0:
                twin.tell(alive.pop(ubuf)["numbers"])
        else:
            first, end, copied = sock_dequeue_err(skbs, 1)
            assert [first, end] == twin.told.pop(0) if twin.told else first == -1
            assert copied == 0
    assert twin.number > 500


def test_a_socket_that_ends_leaves_no_message_to_the_next_one():
    skbs = make_skbs(16, 0, 4)
    one, two = (int(msg_zerocopy_realloc(skbs, 1, 1, 0, 1 << 20)) for _ in range(2))
    net_zcopy_put(skbs, None, one)
    errq_purge(skbs, 1)
    assert sock_dequeue_err(skbs, 1)[0] == -1 and skbs.errq[1].charged == 0
    assert int(msg_zerocopy_realloc(skbs, 1, 1, 0, 1 << 20)) and skbs.errq[1].number == 1
    net_zcopy_put(skbs, None, two)      # an skb of the old socket was still with the card
    assert sock_dequeue_err(skbs, 1)[0] == -1 and skbs.ubuf.active.sum() == 1


def test_numbers_go_round():
    """Numbers are 32 bits; a message may reach across the end."""
    skbs = make_skbs(16, 0, 4)
    skbs.errq[1].number = 0xFFFFFFFF
    for _ in range(2):
        net_zcopy_put(skbs, None, msg_zerocopy_realloc(skbs, 1, 1, 0, 1 << 20))
    assert tuple(sock_dequeue_err(skbs, 1)) == (0xFFFFFFFF, 0, 0)
