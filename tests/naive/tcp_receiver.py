"""A receiver as the RFCs tell it, octet by octet: no queues, no skbs, no compiled code.

RFC 9293 (what is in order), RFC 2018 and 2883 (what is told of the rest), RFC 7323 (which stamp is echoed, PAWS).
"""

from typing import NamedTuple


class Answer(NamedTuple):
    """What the acknowledgement of one arrival holds."""

    ack: int
    sack: list
    echo: int


class NaiveReceiver:
    """Octets are numbered from 1; ``stamps`` None means that timestamps were not agreed on."""

    def __init__(self, sack=True, stamps=None, at=1):
        self.sack, self.stamps = sack, stamps
        self.next = self.told = at
        self.came = {}                  # octet beyond the first hole: number of the arrival that touched it last
        self.arrivals = 0
        self.stream = {}
        self.end = None

    def blocks(self):
        """Ranges of early octets, the one that changed last first."""
        found = []
        for at in sorted(self.came):
            if found and found[-1][1] == at:
                found[-1][1] = at + 1
                found[-1][2] = max(found[-1][2], self.came[at])
            else:
                found.append([at, at + 1, self.came[at]])
        return [(first, last) for first, last, _ in sorted(found, key=lambda block: -block[2])]

    def twice(self, first, last):
        """The first stretch of a segment that is here already."""
        here = [at for at in range(first, last) if at < self.next or at in self.came]
        stop = here[0] if here else None
        while here and stop < last and (stop < self.next or stop in self.came):
            stop += 1
        return [(here[0], stop)] if here else []

    def arrive(self, first, octets, fin=False, ts=None):
        """One acceptable segment; returns what its acknowledgement says. A stamp may lie one tick back."""
        self.arrivals += 1
        last = first + len(octets)
        if self.stamps is not None and ts < self.stamps - 1:
            old = [(first, min(last, self.next))] if octets and first < self.next else []
            return self.answer(old)
        # A segment that ends before what was told last is outside of the window, and its stamp with it.
        if self.stamps is not None and first <= self.told <= last:
            self.stamps = max(self.stamps, ts)
        twice = self.twice(first, last)
        for at, octet in zip(range(first, last), octets, strict=True):
            if at >= self.next:
                self.came[at] = self.arrivals
                self.stream.setdefault(at, octet)
        if fin and last >= self.next and not (self.end is not None and self.next > self.end):
            self.end = last
        while self.next in self.came:
            del self.came[self.next]
            self.next += 1
        if self.next == self.end:
            self.next += 1
        return self.answer(twice)

    def answer(self, twice):
        """What is told now."""
        self.told = self.next
        room = 3 if self.stamps is not None else 4
        return Answer(self.next, (twice + self.blocks())[:room] if self.sack else [], self.stamps)

    def read(self):
        """Every octet without a hole."""
        at, got = 1, bytearray()
        while at in self.stream and at < self.next:
            got.append(self.stream[at])
            at += 1
        return bytes(got)
