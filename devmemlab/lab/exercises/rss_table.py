"""Puzzle: fill the indirection table, and keep some queues out of it.

Law.   Only queues that are left in get traffic, each as much as the others as far as the table allows.
Reads. devmemlab/nic/steer.py; ethtool -X equal, start; Linux ethtool_rxfh_indir_default() (entry i: i modulo N).
Omits. Weights, contexts.
"""

from devmemlab.base.errno import EINVAL, EOPNOTSUPP
from devmemlab.lab.exercises.case import Cell, Lane, Wanted, one
from devmemlab.lab.exercises.puzzle import Exercise


def _case(name, slots, equal, queues, out=(), start=0):
    return one(name, "rss_table", {"start": start, "equal": equal}, table=[77] * slots,
               out=[int(queue in out) for queue in range(queues)])


def _edges():
    return [
        _case("four queues", 16, 4, 8), _case("all queues", 16, 8, 8), _case("queue 1 is out", 16, 4, 8, [1]),
        _case("one queue", 8, 1, 8), _case("no more than one is left", 8, 3, 4, [0, 1]), _case("the first is out", 8, 4, 4, [0]),
        _case("the last is out", 8, 4, 4, [3]), _case("all are out", 8, 4, 4, [0, 1, 2, 3]),
        _case("out, but not chosen", 8, 2, 4, [3]),
        _case("from queue 2 on", 8, 3, 8, (), 2), _case("from queue 2 on, 3 is out", 8, 3, 8, [3], 2),
        _case("more queues than entries", 4, 8, 8), _case("a table that is not a multiple", 10, 4, 8),
        _case("a multiple no more, with one out", 8, 4, 4, [2]), _case("one more than there are", 8, 9, 8),
        _case("up to the last", 8, 6, 8, (), 2), _case("one past the last", 8, 7, 8, (), 2), _case("no queue", 8, 0, 8),
        _case("less than none", 8, -1, 8), _case("a negative start", 8, 2, 8, (), -1), _case("no table", 0, 4, 8),
        _case("too many and all out", 8, 9, 8, range(8)), _case("a table of 128", 128, 15, 16, [4, 9]),
        _case("no table, and all out", 0, 4, 4, range(4)), _case("no table, and too many", 0, 5, 4),
        _case("no table, and no queue", 0, 0, 4),
    ]


def _more(random):
    for number in range(14):
        queues = random.randrange(1, 12)
        yield _case(f"random card {number}", random.choice((8, 13, 32)), random.randrange(1, queues + 1), queues,
                    random.sample(range(queues), random.randrange(queues)), random.choice((0, 0, 1)))


def _twin(arrays, call):
    start, equal, out = call.numbers["start"], call.numbers["equal"], arrays["out"]
    if equal < 1 or start < 0 or start + equal > len(out):
        return Wanted(-EINVAL)
    if not arrays["table"]:
        return Wanted(-EOPNOTSUPP)
    left = [queue for queue in range(start, start + equal) if not out[queue]]
    if not left:
        return Wanted(-EINVAL)
    return Wanted(len(left), {"table": (left * len(arrays["table"]))[:len(arrays["table"])]})


def _given(arrays, call):
    return [Lane("queues", [Cell(1, "dropped" if out else "device", str(queue)) for queue, out in enumerate(arrays["out"])])]


def _lanes(arrays, call, returned, after):
    roles = ("header", "payload", "host", "user", "token", "copied")
    cells = [Cell(1, roles[queue % 6] if queue != 77 else "", str(queue)) for queue in after["table"][:32]]
    return [Lane(f"{returned} queues", cells or [Cell(1, "", "no table")])]


EXERCISE = Exercise(
    "rss_table", "Equal shares, some queues kept out", "06", {"rss_table": ("table", "out", "start", "equal")},
    "Fill a network card's indirection table as `ethtool -X start S equal N` does, but keep the queues out that are marked: "
    "they wait for device memory. From the `equal` queues `start`, `start + 1`, ... leave those out, and write the others into "
    "the table, rising, again and again until it is full.",
    {"table": "int64[t], to be written: the queue of each entry", "out": "int64[q], one number a queue: 1 is kept out",
     "start": "first queue", "equal": "how many"},
    "how many queues have a place in the table's order (even when the table is too short for all)",
    [("EINVAL", "`equal` is below 1, `start` is negative, or there are fewer than `start + equal` queues"),
     ("EOPNOTSUPP", "the table has no entries"), ("EINVAL", "all these queues are kept out")],
    ["Count those that stay, first: if there are none, nothing may be written.",
     "Walk along the table with a queue beside it: step on until it is one that stays, and from the last back to `start`."],
    _edges, _more, _twin, _lanes, _given, unit="entries",
)
