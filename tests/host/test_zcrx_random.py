"""Traffic, completions and refills in any order, right and wrong ones, beside a naive twin; audited at every step."""

import random

import pytest

from devmemlab.base.errno import ENOMEM, ENOSPC
from tests.naive.zcrx import Area, Program
from tests.sock.zcrx_kit import Zcrx

STREAM = random.Random(5).randbytes(1 << 20)


class Play:
    """One run."""

    def __init__(self, seed, pages=90, rq_entries=16, entries=8):
        self.rng = random.Random(seed)
        self.s = Zcrx(pages=pages, rq_entries=rq_entries, entries=entries, rx_ring=self.rng.choice([8, 16]))
        self.area = Area(pages, rq_entries)
        self.program = Program(STREAM, self.area, 2 * entries)
        self.ends, self.told = [], 0

    def arrive(self):
        """A few segments, steered or not; what finds no buffer is sent again later."""
        s, rng = self.s, self.rng
        lengths = [rng.choice([1, 80, 1000, 4096, 9000]) for _ in range(rng.randint(1, 4))]
        if rng.random() < 0.2:
            with s.misses():
                self._segments(lengths)
        else:
            self._segments(lengths)

    def _segments(self, lengths):
        for length in lengths:
            at = int(self.s.row.bytes_received)
            self.s.next = 1 + at
            self.s.data(STREAM[at:at + length])

    def arm(self):
        """A new request, bounded or not, when none runs."""
        if not self.program.running:
            length = self.rng.choice([0, 0, 1, 3000])
            self.program.start(length)
            self.s.ring.recv_zc(self.s.conn, self.s.ifq, 7, length)

    def take(self):
        """Let the kernel work, and look at some of the completions."""
        s, program = self.s, self.program
        s.ring.submit()
        ctl = s.ring.completions.ctl[0]
        for cqe in s.ring.peek()[self.told - int(ctl.tail):] if ctl.tail > self.told else []:
            if cqe.flags:
                self.area.lent(cqe.off)
        self.told = int(ctl.tail)
        room = 2 * s.ring.sq_entries - s.ring.cq_ready
        if s.ring.requests and not s.ring.requests[0].left:
            assert int(s.row.copied_seq) == int(s.row.rcv_nxt) or room == 0, "a request stopped although it could go on"
        cqes = s.ring.peek()[:self.rng.randint(0, 16)]
        s.ring.cq_advance(len(cqes))
        for cqe in cqes:
            end = program.completion(cqe, bytes(s.ifq.octets(cqe)) if cqe.flags else b"")
            if end is not None:
                assert end in (0, -ENOSPC, -ENOMEM)
                assert end or program.left == 0
                self.ends.append(end)

    def refill(self):
        """Right entries: some of what is held."""
        self.rng.shuffle(self.program.held)
        back = self.program.held[:self.rng.randint(0, 12)]
        count = self._post([self.s.ifq.rqe_off(cqe) + self.rng.choice([0, cqe.res - 1]) for cqe, _ in back])
        del self.program.held[:count]

    def refill_twice(self):
        """A buffer that is given back twice in a row."""
        if self.program.held:
            cqe, _ = self.program.held.pop()
            off = self.s.ifq.rqe_off(cqe)
            if self._post([off, off]) == 0:
                self.program.held.append((cqe, bytes(self.s.ifq.octets(cqe))))

    def refill_wrongly(self):
        """Entries that name nothing, or somebody else's area."""
        wrong = [1 << 48, 90 << 12, (1 << 64) - 1, 1 << 63, (1 << 48) - 1, self.rng.randrange(1 << 64) | 1 << 50]
        self._post(self.rng.choices(wrong, k=self.rng.randint(1, 3)))

    def _post(self, offsets):
        count = self.s.ifq.refill(offsets)
        assert count == self.area.post(offsets)
        return count

    def restart(self):
        """The interface goes down and up: an older pool stays for what is out."""
        if self.rng.random() < 0.2:
            self.s.host.netdev.close()
            self.s.host.netdev.open()
            self.s.wait(1000)

    def check(self):
        """Compare with the twin, look at every buffer that is held, and audit."""
        s, own = self.s, self.s.host.mem.providers.binding[self.s.ifq.binding]
        self.area.kernel_has_read(int(own.rq_head))
        words = s.host.mem.providers.words.entry[own.refs_first:own.refs_first + own.niov_count]
        assert [self.area.users[index] for index in range(len(words))] == words.tolist()
        for cqe, octets in self.program.still_mine(s.ring.peek()):
            assert bytes(s.ifq.octets(cqe)) == octets, "a buffer was written while the program held it"
        assert s.host.audit().user_refs == int(words.sum())


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_traffic_completions_and_refills(seed, sizes):
    play = Play(seed)
    steps = [play.arrive, play.arrive, play.arm, play.take, play.take, play.refill, play.refill, play.refill_twice,
             play.refill_wrongly, play.restart]
    for _ in range(sizes(400, 80)):
        play.rng.choice(steps)()
        play.check()
    assert play.program.at > sizes(20000, 1000)
    play.s.ring.close()
    play.s.call("close", play.s.conn.close)
    play.s.inject("R", ack=1)
    play.s.wait(2000)
    assert play.s.areas == 0
    play.s.at_rest()
    play.s.close()
