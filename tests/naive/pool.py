"""page_pool and its allocators in plain Python, written from the rules and not from the kernels.

Buffers are plain numbers here: the index of a net_iov, or the row number of a page.
"""

from collections import Counter

from tests.naive.ring import NaiveRing

BIAS = (1 << 62) - 1


class NaiveGenPool:
    """First fit, last segment first. Segments are (address, length)."""

    def __init__(self, segments, piece=4096):
        self.piece, self.owner, self.free, self.avail, self.address = piece, {}, [], [], []
        index = 0
        for number, (address, length) in enumerate(segments):
            mine = set()
            for i in range(length // piece):
                mine.add(index)
                self.owner[index] = number
                self.address.append(address + i * piece)
                index += 1
            self.free.append(mine)
            self.avail.append(length)
        self.total = index
        self.lost = 0

    def take(self):
        for number in reversed(range(len(self.free))):
            if self.avail[number] >= self.piece and self.free[number]:
                index = min(self.free[number])
                self.free[number].discard(index)
                self.avail[number] -= self.piece
                if self.address[index] == 0:
                    self.lost += 1
                    return None
                return index
        return None

    def give(self, index):
        number = self.owner[index]
        assert index not in self.free[number]
        self.free[number].add(index)
        self.avail[number] += self.piece

    def out(self):
        return self.total - sum(map(len, self.free)) - self.lost


class NaiveStack:
    """Last in, first out; the highest index first."""

    def __init__(self, total):
        self.total, self.stack = total, list(range(total))

    def take(self):
        return self.stack.pop() if self.stack else None

    def give(self, index):
        assert index not in self.stack and len(self.stack) < self.total
        self.stack.append(index)

    def out(self):
        return self.total - len(self.stack)


class NaivePages:
    """Pages by row number: freed ones of an order come back first, then fresh ones in order."""

    def __init__(self, first):
        self.next, self.lists = first, {}
        self.refs, self.order, self.node, self.pressure = {}, {}, {}, {}
        self.now_node = self.now_pressure = 0

    def take(self, order=0):
        waiting = self.lists.setdefault(order, [])
        if waiting:
            row = waiting.pop()
        else:
            row = self.next
            self.next += 1
            self.order[row], self.node[row] = order, self.now_node
        self.refs[row], self.pressure[row] = 1, self.now_pressure
        return row

    def get(self, row):
        self.refs[row] += 1

    def put(self, row):
        self.refs[row] -= 1
        if self.refs[row] == 0:
            self.lists[self.order[row]].append(row)


class NaivePool:
    """A pool over an allocator of net_iovs, or over pages when `allocator` is None."""

    def __init__(self, pages, allocator=None, batch=1, ring=1024, order=0, nid=-1):
        self.pages, self.allocator, self.batch, self.order, self.nid = pages, allocator, batch, order, nid
        self.cache, self.ring, self.refs = [], NaiveRing(ring), {}
        self.hold = self.release = 0
        self.counts = Counter()
        self.dying = self.gone = False
        self.shared = None          # [buffer, users, offset] of the fragment API

    def _from_provider(self):
        for _ in range(self.batch):
            index = self.allocator.take()
            if index is None:
                break
            self._adopt(index)
        return self.cache.pop() if self.cache else None

    def _from_pages(self):
        for _ in range(1 if self.order else 64):
            self._adopt(self.pages.take(self.order))
        self.counts["alloc_slow_high_order" if self.order else "alloc_slow"] += 1
        return self.cache.pop()

    def _adopt(self, buffer):
        self.refs[buffer] = 1
        self.hold += 1
        self.cache.append(buffer)

    def alloc(self):
        if self.cache:
            self.counts["alloc_fast"] += 1
            return self.cache.pop()
        if self.ring.peek() is None:
            self.counts["alloc_empty"] += 1
        else:
            while len(self.cache) < 64 and self.ring.peek() is not None:
                buffer = self.ring.consume()
                if self.allocator is None and self.nid >= 0 and self.pages.node[buffer] != self.nid:
                    self._home(buffer)
                    self.counts["alloc_waive"] += 1
                    break
                self.cache.append(buffer)
            if self.cache:
                self.counts["alloc_refill"] += 1
                return self.cache.pop()
        return self._from_pages() if self.allocator is None else self._from_provider()

    def _home(self, buffer):
        del self.refs[buffer]
        self.release += 1
        if self.allocator is None:
            self.pages.put(buffer)
        else:
            self.allocator.give(buffer)

    def _drop(self, buffer, count=1):
        """True when that was the last reference."""
        assert self.refs[buffer] >= count
        left = self.refs[buffer] - count
        self.refs[buffer] = left or 1
        return left == 0

    def _keepable(self, buffer):
        return self.allocator is not None or (self.pages.refs[buffer] == 1 and not self.pages.pressure[buffer])

    def _recycle(self, buffer, direct):
        if not self._keepable(buffer):
            self.counts["recycle_released_refcnt"] += 1
            return self._home(buffer)
        if direct and not self.dying:
            if len(self.cache) < 128:
                self.cache.append(buffer)
                self.counts["recycle_cached"] += 1
                return None
            self.counts["recycle_cache_full"] += 1
        if self.ring.produce(buffer):
            self.counts["recycle_ring"] += 1
        else:
            self.counts["recycle_ring_full"] += 1
            self._home(buffer)
        return None

    def put(self, buffer, direct):
        if self._drop(buffer):
            self._recycle(buffer, direct)
            return 1
        return 0

    def alloc_part(self, size):
        whole = 4096 << self.order
        if 2 * size > whole:
            buffer = self.alloc()
            return buffer, 0, whole if buffer is not None else 0
        if self.shared and self.shared[2] + size > whole:
            buffer, users, _ = self.shared
            self.shared = None
            if self._drop(buffer, BIAS - users):
                if self._keepable(buffer):
                    self.counts["recycle_cached"] += 1
                    self.counts["alloc_fast"] += 1
                    self.shared = [buffer, 0, 0]
                else:
                    self._home(buffer)
        if not self.shared:
            buffer = self.alloc()
            if buffer is None:
                return None, 0, 0
            self.shared = [buffer, 0, 0]
        buffer, users, offset = self.shared
        if users == 0:
            self.refs[buffer] = BIAS
        self.shared = [buffer, users + 1, offset + size]
        if offset + 2 * size > whole:
            size = whole - offset
            self.shared[2] = whole
        return buffer, offset, size

    def _empty(self):
        while self.cache:
            self._home(self.cache.pop())
        while self.ring.peek() is not None:
            self._home(self.ring.consume())
        self.gone = self.hold == self.release

    def destroy(self):
        self.dying = True
        if self.shared:
            buffer, users, _ = self.shared
            self.shared = None
            if self._drop(buffer, BIAS - users):
                self._home(buffer)
        self._empty()

    def retry(self):
        self._empty()
