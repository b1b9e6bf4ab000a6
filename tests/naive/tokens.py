"""The tokens of sockets as plain dicts, written from spec sections 14.5 and 15 and the corrections of section 27."""

from collections import Counter

from tests.naive.xarray import NaiveXArray

MOST_IDS, MOST_RANGES = 1024, 128


class NaiveTokens:
    """Every socket has a table of its own; buffers count how many tokens of all sockets refer to them."""

    def __init__(self, socks):
        self.tables = {sock: NaiveXArray() for sock in socks}
        self.refs = Counter()

    def receive(self, sock, buffers):
        """Hand out a token for each buffer; the numbers."""
        for buffer in buffers:
            self.refs[buffer] += 1
        return [self.tables[sock].alloc(buffer) for buffer in buffers]

    def _give(self, sock, token):
        buffer = self.tables[sock].erase(token)
        if not buffer:
            return 0
        self.refs[buffer] -= 1
        return 1

    def dontneed(self, sock, ranges):
        """One system call: 1024 ids at most, whether they exist or not."""
        ids = [start + j & 0xFFFFFFFF for start, count in ranges for j in range(min(count, MOST_IDS + 1))]
        return sum(self._give(sock, token) for token in ids[:MOST_IDS])

    def dontneed_tokens(self, sock, ids):
        """As many calls as it takes: the order is kept, and nobody runs out of budget."""
        return sum(self._give(sock, token) for token in ids)

    def held(self, sock):
        return sorted(self.tables[sock].entries)

    @property
    def live(self):
        return sum(len(table.entries) for table in self.tables.values())
