"""Puzzle: tell the sender what came early.

Law.   The block that has just changed is told first; what came twice is told before it.
Reads. devmemlab/tcp/sack_blocks.py; RFC 2018 section 4, RFC 2883.
Omits. The octets of the option; blocks that were told and are gone.
"""

from devmemlab.base.errno import EINVAL
from devmemlab.lab.exercises.case import Cell, Lane, Wanted, one
from devmemlab.lab.exercises.puzzle import Exercise

WRAP = 1 << 32


def _case(name, *segments, most=4, twice=(0, 0), base=1000):
    rows = [[(base + start) % WRAP, (base + end) % WRAP, arrival] for start, end, arrival in segments]
    # A list without rows cannot say that it has three columns, hence the row that stands for none.
    return one(name, "sack_blocks", {"most": most, "twice_start": (base + twice[0]) % WRAP,
                                     "twice_end": (base + twice[1]) % WRAP},
               queue=rows or [[0, 0, 0]], sack=[[0, 0]] * 6)


def _edges():
    three = ((100, 200, 2), (300, 400, 3), (500, 600, 1))
    return [
        _case("one early segment", (100, 200, 1)), _case("three, the newest first", *three),
        _case("two that touch are one block", (100, 200, 1), (200, 300, 2)), _case("nothing early"),
        _case("the newest of a block counts", (100, 200, 3), (200, 300, 1), (400, 500, 2)),
        _case("the newest is in the middle of a block", (0, 50, 2), (100, 200, 1), (200, 300, 5), (300, 400, 3), (600, 700, 4)),
        _case("five blocks, four fit", *((200 * i, 200 * i + 100, 7 - i) for i in range(5))),
        _case("five blocks, three fit", *((200 * i, 200 * i + 100, i + 1) for i in range(5)), most=3),
        _case("one fits", *three, most=1), _case("none fits", *three, most=0), _case("less than none", *three, most=-1),
        _case("something came twice", *three, twice=(0, 50)), _case("something came twice, and nothing is early", twice=(0, 50)),
        _case("twice, and three fit", *three, twice=(0, 50), most=3), _case("twice, and one fits", *three, twice=(0, 50), most=1),
        _case("twice, and none fits", *three, twice=(0, 50), most=0), _case("twice the end of a block", *three, twice=(150, 200)),
        _case("twice, before the first", *three, twice=(-100, 0)),
        _case("over the end of the numbers", (0, 100, 1), (100, 300, 2),
                                                                       (500, 600, 3), base=WRAP - 100),
        _case("twice, over the end of the numbers", (500, 600, 3), twice=(-50, 50), base=0),
        _case("a block over the end of the numbers", (-50, 50, 2), (50, 80, 1), (90, 95, 9), base=0),
        _case("large arrival numbers", (100, 200, 1 << 40), (300, 400, (1 << 40) - 1), (500, 600, (1 << 40) + 1)),
        _case("all touch", *((100 * i, 100 * i + 100, 10 - i) for i in range(6))),
        _case("pairs that touch", *((150 * (i // 2) * 2 + 50 * i, 150 * (i // 2) * 2 + 50 * i + 50,
                                     (i * 5) % 8 + 1) for i in range(8))),
    ]


def _more(random):
    for number in range(16):
        count, at, segments = random.randrange(1, 9), 0, []
        for arrival in random.sample(range(1, 100), count):
            at += random.choice((0, 0, 10))
            segments.append((at, at + 10, arrival))
            at += 10
        yield _case(f"random queue {number}", *segments, most=random.randrange(5), twice=random.choice(((0, 0), (-20, -5))),
                    base=random.choice((5000, WRAP - 40)))


def _twin(arrays, call):
    n, blocks = call.numbers, []
    if n["most"] < 0:
        return Wanted(-EINVAL)
    for start, end, arrival in arrays["queue"]:
        if arrival and blocks and blocks[-1][1] == start:
            blocks[-1] = [blocks[-1][0], end, max(blocks[-1][2], arrival)]
        elif arrival:
            blocks.append([start, end, arrival])
    told = [block[:2] for block in sorted(blocks, key=lambda block: -block[2])]
    if n["twice_start"] != n["twice_end"]:
        told.insert(0, [n["twice_start"], n["twice_end"]])
    told = told[:n["most"]]
    return Wanted(len(told), {"sack": told + arrays["sack"][len(told):]})


def _given(arrays, call):
    cells, at = [], None
    for start, end, arrival in arrays["queue"]:
        if at is not None:
            cells.append(Cell(min((start - at) % WRAP, 400)))
        cells.append(Cell((end - start) % WRAP, "payload" if arrival else "", f"no. {arrival}" if arrival else "empty"))
        at = end
    return [Lane("queue", cells if any(cell.length for cell in cells) else [Cell(1, "", "empty")])]


def _lanes(arrays, call, returned, after):
    rows = after["sack"][:max(min(returned or 0, 6), 0)]
    return [Lane(f"{returned} blocks", [Cell(min((end - start) % WRAP, 400), "token", f"{start} to {end}") for start, end in rows]
                 or [Cell(1, "", "none")])]


EXERCISE = Exercise(
    "sack_blocks", "What came early", "08", {"sack_blocks": ("queue", "sack", "most", "twice_start", "twice_end")},
    "Write the blocks of a selective acknowledgement. The out-of-order queue holds segments in the order of their numbers; "
    "segments that touch (one ends where the next begins) are one block, and a block is as new as the newest of its segments. "
    "If something has just come twice, that is the first block (DSACK); then the blocks of the queue, the newest first. No more "
    "than `most` in all.",
    {"queue": "int64[n, 3]: first octet, octet behind the last, number of arrival (1 or more, each another); a row whose number "
              "of arrival "
     "is 0 stands for an empty queue", "sack": "int64[6, 2], to be written; rows behind the last block stay as they were",
     "most": "blocks that fit, at most 6", "twice_start": "first octet that came twice",
     "twice_end": "octet behind the last; the same as "
     "`twice_start` when nothing did"},
    "how many blocks there are",
    [("EINVAL", "`most` is negative")],
    ["To find the newest but one, look for the largest arrival below the one that you told last.",
     "A second loop walks each block: from its first segment on while the next one touches.",
     "Numbers wrap, but here they are only compared for being equal."],
    _edges, _more, _twin, _lanes, _given, unit="octets (gaps are drawn shorter); no.: arrival",
)
