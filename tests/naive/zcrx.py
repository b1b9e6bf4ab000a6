"""An io_uring area as its program sees it: who holds which buffer, and what a refill entry does."""

from collections import Counter, deque

SHIFT = 48


class Area:
    """Counts of what the program holds, by buffer; entries take effect when the kernel has read them."""

    def __init__(self, buffers, entries, shift=12):
        self.buffers, self.entries, self.shift = buffers, entries, shift
        self.users, self.ring, self.read = Counter(), deque(), 0

    def index(self, off):
        """Which buffer an offset names, None for none of this area."""
        area, at = divmod(off % (1 << 64), 1 << SHIFT)
        return at >> self.shift if area == 0 and at >> self.shift < self.buffers else None

    def lent(self, off):
        self.users[self.index(off)] += 1

    def post(self, offsets):
        """How many entries fit; they wait."""
        fit = offsets[:self.entries - len(self.ring)]
        self.ring.extend(fit)
        return len(fit)

    def kernel_has_read(self, count):
        """The kernel's position in the ring, counted from the start."""
        while self.read < count:
            index = self.index(self.ring.popleft())
            if index is not None and self.users[index]:
                self.users[index] -= 1
            self.read += 1


class Program:
    """A program that knows the stream it should get, and what each completion it holds must still say."""

    def __init__(self, stream, area, cq_entries):
        self.stream, self.area, self.cq_entries = stream, area, cq_entries
        self.at, self.held, self.running, self.left = 0, [], False, 0

    def start(self, length):
        self.running, self.left = True, length

    def completion(self, cqe, octets):
        """One completion; the octets are what its buffer says now."""
        if cqe.flags:
            assert self.running and cqe.res > 0 and octets == self.stream[self.at:self.at + cqe.res]
            self.at += cqe.res
            self.left -= min(self.left, cqe.res)
            self.held.append((cqe, octets))
            return None
        self.running = False
        return cqe.res

    def still_mine(self, waiting):
        """Completions whose buffers nobody else may have written; `waiting`: those that it has not taken yet."""
        count = Counter(self.area.index(cqe.off) for cqe in [*(cqe for cqe, _ in self.held), *waiting])
        return [(cqe, octets) for cqe, octets in self.held if self.area.users[self.area.index(cqe.off)] >= count[
            self.area.index(cqe.off)]]
