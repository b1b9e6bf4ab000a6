"""Puzzle: take tokens back, and do not let anybody keep the kernel busy.

Law.   A token is released once; a call looks at no more than its budget of numbers, whether they are tokens or not.
Reads. devmemlab/sock/tokens.py; Linux net/core/sock.c (sock_devmem_dontneed); spec section 15 (Q22).
Omits. What becomes of the buffers; that Linux gives its lock up after every 16.
"""

from devmemlab.base.errno import EINVAL
from devmemlab.lab.exercises.case import Call, Case, Cell, Lane, Wanted
from devmemlab.lab.exercises.puzzle import Exercise

WRAP = 1 << 32


def _case(name, live, *ranges, optlen=None, budget=1024, most=128, calls=1):
    rows = [list(row) for row in ranges] or [[0, 0]]
    call = Call("dontneed", {"optlen": 8 * len(ranges) if optlen is None else optlen, "budget": budget, "most_ranges": most})
    return Case(name, {"live": [int(letter) for letter in live], "ranges": rows}, (call,) * calls)


def _edges():
    return [
        _case("one token", "0111", (2, 1)), _case("a range", "01111111", (2, 4)), _case("two ranges", "01111111", (1, 2), (5, 2)),
        _case("token 0", "1111", (0, 1)), _case("not held", "0101", (2, 1)), _case("half of them not held", "01010101", (0, 8)),
        _case("twice the same range", "0111", (1, 2), (1, 2)), _case("twice the same call", "0111", (1, 2), calls=2),
        _case("a count of 0", "0111", (1, 0), (2, 1)), _case("numbers that no token has", "0111", (100, 5), (1, 1)),
        _case("past the last token", "0111", (2, 1000)), _case("no ranges", "0111", optlen=0),
        _case("4 octets", "0111", (1, 1), optlen=4),
        _case("12 octets", "0111", (1, 1), (2, 1), optlen=12), _case("a negative length", "0111", (1, 1), optlen=-8),
        _case("8 octets of 16", "0111", (1, 1), (2, 1), optlen=8),
        _case("as many ranges as there may be", "01111", (1, 1), (2, 1), most=2),
        _case("a range too many", "01111", (1, 1), (2, 1), (3, 1), most=2),
        _case("the budget ends in a range", "11111111", (0, 8), budget=5),
        _case("the budget ends between ranges", "11111111", (0, 3), (3, 3), (6, 2), budget=6),
        _case("what is not held uses the budget up", "01111111", (100, 4), (1, 4), budget=6),
        _case("ranges of nothing use nothing", "0111", (1, 0), (1, 0), (1, 3), budget=3),
        _case("a budget of 1", "0111", (1, 3), budget=1),
        _case("5000 that are not held, then ten", "0" + "1" * 10, (5000, 1024), (1, 10)),
        _case("as many as there can be", "0111", (1, WRAP - 1), budget=64),
        _case("over the end of the numbers", "1110", (WRAP - 2, 5)),
        _case("the second call gets the rest", "1" * 12, (0, 12), budget=5, calls=3),
        _case("1500 tokens", "1" * 1500, (0, 1500)), _case("no tokens", "", (0, 4)),
    ]


def _more(random):
    for number in range(16):
        ranges = [(random.randrange(14), random.randrange(6)) for _ in range(random.randrange(1, 6))]
        yield _case(f"random ranges {number}", random.choices("01", k=12), *ranges, budget=random.randrange(1, 14), calls=2)


def _twin(arrays, call):
    n, live = call.numbers, arrays["live"]
    if n["optlen"] not in range(8, 8 * n["most_ranges"] + 1, 8):
        return Wanted(-EINVAL)
    asked = []
    for start, count in arrays["ranges"][:n["optlen"] // 8]:
        asked += [(start + i) % WRAP for i in range(min(count, n["budget"] - len(asked)))]
    released = {token for token in asked if token < len(live) and live[token]}
    return Wanted(len(released), {"live": [held if token not in released else 0 for token, held in enumerate(live)]})


def _drawn(name, live):
    cells = [Cell(1, "token" if held else "", str(token)) for token, held in enumerate(live[:64])]
    return Lane(name, cells or [Cell(1, "", "none")])


def _given(arrays, call):
    rows = arrays["ranges"][:max(min(call.numbers["optlen"] // 8, 8), 0)]
    asked = [Cell(max(min(count, 16), 1), "user", f"{start}+{count}") for start, count in rows] or [Cell(1, "", "nothing")]
    return [Lane("asked", asked), _drawn("held before", arrays["live"])]


def _lanes(arrays, call, returned, after):
    return [_drawn(f"gives {returned}", after["live"])]


EXERCISE = Exercise(
    "dontneed_budget", "Take tokens back, within a budget", "11",
    {"dontneed": ("live", "ranges", "optlen", "budget", "most_ranges")},
    "The kernel's half of `SO_DEVMEM_DONTNEED`. Go through the ranges in order and through each range's numbers in order; a "
    "number that is a token is released (its entry becomes 0) and counts, any other number is passed over. Each number that is "
    "looked at uses one of the budget, token or not. When the budget is used up, the call ends there, and without an error. "
    "Numbers have 32 bits: behind 2^32 - 1 comes 0.",
    {"live": "int64[t]: entry `i` is 1 when token `i` is held; numbers from `t` on are no tokens",
     "ranges": "int64[r, 2]: first number, count (both below 2^32); never written",
     "optlen": "octets that the program gave; a range takes 8", "budget": "numbers that a call looks at, 1 or more (1024 in "
                                                                          "Linux)",
     "most_ranges": "ranges that a call takes (128 in Linux)"},
    "how many tokens were released",
    [("EINVAL", "`optlen` is below 8, no multiple of 8, or more than `most_ranges` ranges take")],
    ["A count of 2^32 - 1 must not keep you busy: the budget ends the loop, not the count.",
     "Only `optlen // 8` ranges were given, however many rows there are."],
    _edges, _more, _twin, _lanes, _given, unit="tokens; filled: held",
)
