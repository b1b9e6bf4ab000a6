"""recvmsg, told plainly: octets in a list, one at a time where that helps (spec 14.2, 14.3; urgent data as in tcp(7)).

A queue is a list of `Skb`. An skb is a list of links, each a linear part and frags; a frag is ``(kind, netmem, at, octets, id)``
with kind "page", "dmabuf" or "io_uring" and `at` its offset in the dmabuf.
"""

import struct
from errno import EAGAIN, EFAULT, EINVAL, ENODEV
from typing import NamedTuple

ETOOSMALL = 525
PEEK, TRUNC, DEVMEM, OOB = 0x2, 0x20, 0x2000000, 0x1
ROOM = 40


class Link(NamedTuple):
    """One skb of a frag list, or the first of it."""

    linear: bytes
    frags: list
    unreadable: bool

    @property
    def octets(self):
        return self.linear + b"".join(frag[3] for frag in self.frags)


class Skb(NamedTuple):
    """What waits in the receive queue as one."""

    links: list

    @property
    def octets(self):
        return b"".join(link.octets for link in self.links)

    @property
    def unreadable(self):
        return any(link.unreadable for link in self.links)


class Refused(Exception):
    """An errno."""


class Call(NamedTuple):
    """What a call gave."""

    copied: int
    data: bytes
    control: bytes
    flags: int


class Receiver:
    """A receive queue and a table of tokens."""

    def __init__(self):
        self.queue, self.consumed = [], 0       # octets of the first skb that are read
        self.tokens, self.mark, self.marked = {}, None, "none"
        self.in_line = False

    def references(self):
        """How often each netmem is held."""
        held = {}
        for frag in [frag for skb in self.queue for link in skb.links for frag in link.frags]:
            held[frag[1]] = held.get(frag[1], 0) + 1
        for netmem in self.tokens.values():
            held[netmem] = held.get(netmem, 0) + 1
        return held

    def dontneed(self, numbers):
        return sum(self.tokens.pop(number, None) is not None for number in numbers)

    def left(self):
        return sum(len(skb.octets) for skb in self.queue) - self.consumed

    def _deliver(self, skb, offset, want, call):
        """14.3; what was done before an error counts."""
        done, described, base = 0, False, 0
        for link in skb.links:
            end = base + len(link.octets)
            if not link.unreadable:
                return self._end(described, done, ENODEV)
            parts = [("linear", None, 0, link.linear, 0), *link.frags]
            at = base
            for kind, netmem, where, octets, binding in parts:
                if kind in ("page", "io_uring"):
                    return self._end(described, done, ENODEV)
                if offset < at + len(octets):
                    skip = offset - at
                    piece = octets[skip:skip + want]
                    if kind == "linear":
                        call["data"] += piece
                    if call["room"] < ROOM:
                        return self._end(described, done, ETOOSMALL)
                    token = 0
                    if kind == "dmabuf":
                        token = next(number for number in range(1, 10000) if number not in self.tokens)
                        self.tokens[token] = netmem
                    call["control"] += struct.pack("<QiiQIIII", 40, 1, 78 if kind == "linear" else 79,
                                                   0 if kind == "linear" else where + skip, len(piece), token, binding, 0)
                    call["room"] -= ROOM
                    described = True
                    done, offset, want = done + len(piece), offset + len(piece), want - len(piece)
                    if want == 0:
                        return done
                at += len(octets)
            base = end
        return self._end(described, done, EFAULT)

    @staticmethod
    def _end(described, done, why):
        if not described:
            raise Refused(why)
        return done

    def recvmsg(self, length, room, flags):
        """14.2, on a socket that does not wait."""
        if flags & OOB:
            return self._oob(length, flags)
        peek, call = flags & PEEK, {"data": b"", "control": b"", "room": room}
        copied, kind, begun = 0, None, False
        number, consumed = 0, self.consumed
        before = self.consumed                                  # what `mark` counts from
        while True:
            while number < len(self.queue) and consumed >= len(self.queue[number].octets):
                consumed -= len(self.queue[number].octets)
                number += 1
            place = sum(len(skb.octets) for skb in self.queue[:number]) + consumed - before
            if copied and self.mark == place:
                break
            if number == len(self.queue):
                if not begun:
                    if not peek:
                        self._consume(place)
                    raise Refused(EAGAIN)
                break
            skb = self.queue[number]
            used, in_hole = min(len(skb.octets) - consumed, length - copied), False
            if self.mark is not None and place <= self.mark < place + used:
                if self.mark > place:
                    used = self.mark - place
                elif not self.in_line:
                    consumed, used, in_hole = consumed + 1, used - 1, True
                    if used == 0:
                        if copied >= length:
                            break
                        continue
            if not flags & TRUNC:
                if kind is not None and kind != skb.unreadable:
                    break
                try:
                    if not skb.unreadable:
                        call["data"] += skb.octets[consumed:consumed + used]
                    elif not flags & DEVMEM:
                        raise Refused(EFAULT)
                    else:
                        used = self._deliver(skb, consumed, used, call)
                except Refused:
                    if copied:
                        break
                    if not peek:
                        # The urgent octet is passed over all the same, and can still be asked for.
                        self._consume(place + in_hole, kept=in_hole)
                    raise
            kind, begun = skb.unreadable, True
            consumed, copied = consumed + used, copied + used
            if copied >= length:
                break
        if not peek:
            self._consume(sum(len(skb.octets) for skb in self.queue[:number]) + consumed - before)
        return Call(copied, call["data"], call["control"], 0)

    def _oob(self, length, flags):
        if self.in_line or self.mark is None or self.marked != "there":
            raise Refused(EINVAL)
        skb, at = self._find()
        if length and not flags & TRUNC:
            if skb.unreadable and at >= len(skb.links[0].linear):
                raise Refused(EFAULT)
        if not flags & PEEK:
            self.marked = "read"
        taken = b"" if flags & TRUNC or not length else skb.octets[at:at + 1]
        return Call(min(length, 1), taken, b"", OOB | (0 if length else TRUNC))

    def _find(self):
        at = self.mark + self.consumed
        for skb in self.queue:
            if at < len(skb.octets):
                return skb, at
            at -= len(skb.octets)
        raise AssertionError("the mark is nowhere")

    def _consume(self, octets, kept=False):
        """Octets of the stream go, and the mark when it is behind them, unless it is kept."""
        self.consumed += octets
        if self.mark is not None:
            self.mark -= octets
            if self.mark < 0 and not kept:
                self.mark, self.marked = None, "none"
        while self.queue and self.consumed >= len(self.queue[0].octets):
            self.consumed -= len(self.queue.pop(0).octets)
