"""Puzzle: put segments into order by their numbers alone.

Law.   What is in order is told exactly once; no octet is looked at.
Reads. devmemlab/tcp/queues.py; RFC 9293 section 3.4 (sequence numbers wrap).
Omits. Which segment's octets count where two overlap.
"""

from devmemlab.base.errno import ENOSPC
from devmemlab.lab.exercises.case import Call, Case, Cell, Lane, Wanted
from devmemlab.lab.exercises.puzzle import Exercise

WRAP = 1 << 32


def _case(name, start, *segments, slots=4):
    """Segments are (offset from the first number, length)."""
    calls = tuple(Call("segment_arrives", {"seq": (start + at) % WRAP, "length": length}) for at, length in segments)
    return Case(name, {"ctl": [start, 0], "blocks": [[0, 0]] * slots}, calls)


def _edges():
    high = WRAP - 150
    return [
        _case("in order", 1000, (0, 100), (100, 100)), _case("the second one first", 1000, (100, 100), (0, 100)),
        _case("three, the middle one last", 1000, (0, 50), (100, 50), (50, 50)), _case("nothing in it", 1000, (0, 0)),
        _case("nothing in it, early", 1000, (50, 0)), _case("old", 1000, (-100, 100)), _case("old and new", 1000, (-50, 100)),
        _case("old up to the last octet", 1000, (-100, 101)), _case("twice the same, early", 1000, (100, 50), (100, 50),
                                                                    (0, 100)),
        _case("two that touch become one", 1000, (100, 50), (150, 50), (0, 100)),
        _case("two that touch, the later one first", 1000, (150, 50), (100, 50), (0, 100)),
        _case("two that overlap", 1000, (100, 80), (150, 80), (0, 100)),
        _case("a third joins two", 1000, (100, 20), (140, 20), (110, 40)),
        _case("one covers three", 1000, (100, 10), (120, 10), (140, 10), (90, 100)),
        _case("blocks are kept in order", 1000, (300, 10), (100, 10), (200, 10)),
        _case("over the end of the numbers", high, (0, 100), (100, 100), (200, 50)),
        _case("early, over the end of the numbers", high, (100, 100), (0, 100)),
        _case("a block on either side of the end", high, (200, 20), (50, 20), (0, 50), (70, 130)),
        _case("old, from before the end of the numbers", 20, (-100, 50), (-100, 130)),
        _case("no slot left", 1000, (100, 10), (200, 10), (300, 10), (400, 10), (350, 5), (110, 90), (350, 5)),
        _case("no slot left, but in order", 1000, (100, 10), (0, 50), (200, 10), (50, 50), slots=1),
        _case("no slot left, but it joins", 1000, (100, 10), (110, 10), (90, 10), (300, 5), slots=1),
        _case("reaches the first block", 1000, (100, 50), (0, 120)), _case("covers the first block", 1000, (100, 50), (0, 200)),
        _case("in order up to the first block, not the second", 1000, (100, 50), (200, 50), (0, 100)),
    ]


def _more(random):
    for number in range(12):
        segments = [(10 * at, 10 * random.randrange(1, 4)) for at in random.sample(range(16), 12)]
        yield _case(f"random order {number}", random.choice((5, WRAP - 70)), *segments)


def _twin(arrays, call):
    rcv_nxt, count = arrays["ctl"]

    def far(seq):
        return (seq - rcv_nxt + WRAP // 2) % WRAP - WRAP // 2

    held = {i for start, end in arrays["blocks"][:count] for i in range(far(start), far(end))}
    held |= {i for i in range(far(call.numbers["seq"]), far(call.numbers["seq"]) + call.numbers["length"]) if i >= 0}
    ready = next(i for i in range(len(held) + 1) if i not in held)
    firsts = sorted(i for i in held if i > ready and i - 1 not in held)
    blocks = [[i, next(k for k in range(i, i + WRAP) if k not in held)] for i in firsts]
    if len(blocks) > len(arrays["blocks"]):
        return Wanted(-ENOSPC)
    rows = [[(rcv_nxt + first) % WRAP, (rcv_nxt + end) % WRAP] for first, end in blocks]
    return Wanted(ready, {"ctl": [(rcv_nxt + ready) % WRAP, len(rows)], "blocks": rows})


def _drawn(name, arrays, since):
    cells, at = [], since
    rcv_nxt, count = arrays["ctl"]
    done = (rcv_nxt - since) % WRAP
    if 0 < done < 1 << 16:
        cells, at = [Cell(done, "payload", "in order")], rcv_nxt
    for start, end in arrays["blocks"][:max(min(count, len(arrays["blocks"])), 0)]:
        gap, length = (start - at) % WRAP, (end - start) % WRAP
        if gap < 1 << 16 and length < 1 << 16:
            cells += [Cell(gap), Cell(length, "token", str(length))]
            at = end
    return Lane(name, cells or [Cell(1, "", "nothing waits")])


def _given(arrays, call):
    gap = (call.numbers["seq"] - arrays["ctl"][0]) % WRAP
    arriving = [Cell(gap), Cell(call.numbers["length"], "wire", "arrives")] if gap < 1 << 16 else [Cell(1, "wire", "old")]
    return [_drawn("before", arrays, arrays["ctl"][0]), Lane("segment", arriving)]


def _lanes(arrays, call, returned, after):
    return [_drawn(f"gives {returned}", after, arrays["ctl"][0])]


EXERCISE = Exercise(
    "reorder_queue", "Order without octets", "08", {"segment_arrives": ("ctl", "blocks", "seq", "length")},
    "A segment arrives: `length` octets from sequence number `seq` on. Octets before `rcv_nxt` are old and do not count. Keep "
    "what came early as blocks: in order, apart from one another (blocks that touch or overlap are one). Whatever is in order "
    "from `rcv_nxt` on is told at once: `rcv_nxt` moves behind it, and blocks that it reaches or touches leave. Sequence "
    "numbers are 32 bits and begin again at 0; all numbers here are less than 2^31 apart.",
    {"ctl": "int64[2]: 0 `rcv_nxt`, 1 the number of blocks", "blocks": "int64[s, 2]: first octet, octet behind the last; rows "
                                                                       "from the "
     "number of blocks on do not matter", "seq": "0 to 2^32 - 1", "length": "octets, 0 or more"},
    "how many octets have become in order",
    [("ENOSPC", "more blocks would have to be kept than there are rows; nothing changes then")],
    ["Count in distances from `rcv_nxt`: `(seq - rcv_nxt) & 0xFFFFFFFF`, less 2^32 when that is 2^31 or more.",
     "Blocks that lie wholly before the new one stay; those wholly behind it move; all between melt into it.",
     "Begin with the case of in order: the new one starts at distance 0 or less.",
     "Count the blocks that will remain before you write any."],
    _edges, _more, _twin, _lanes, _given, unit="octets from rcv_nxt on",
)
