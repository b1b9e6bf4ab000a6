"""Puzzle: may this reader have octets of this skb?

Law.   Octets past the head of an unreadable skb are told to nobody; everybody who asks is told so in a way that he understands.
Reads. devmemlab/net/guards.py; spec section 13.3.
Omits. The consumers that write, copy or transmit.
"""

from devmemlab.base.errno import EFAULT, EINVAL, ENOMEM
from devmemlab.lab.exercises.case import Cell, Lane, Wanted, one
from devmemlab.lab.exercises.puzzle import Exercise

HOWS = ("copy", "tap", "linearize", "sequence")


def _case(name, how, offset=0, want=0, headlen=100, length=1500, unreadable=1):
    return one(name, "may_read", {"how": how, "headlen": headlen, "length": length, "unreadable": unreadable, "offset": offset,
                                  "want": want})


def _edges():
    return [
        _case("copy of headers", 0, 0, 60), _case("copy past the head, readable", 0, 50, 200, unreadable=0),
        _case("copy past the head, unreadable", 0, 50, 200), _case("copy up to the end of the head", 0, 60, 40),
        _case("copy of one octet past the head", 0, 60, 41), _case("copy that begins past the head", 0, 200, 1),
        _case("copy of nothing past the head", 0, 200, 0), _case("copy past the end of a readable skb", 0, 1400, 101,
                                                                 unreadable=0),
        _case("copy to the end of a readable skb", 0, 1400, 100, unreadable=0),
        _case("copy from before the beginning", 0, -1, 10),
        _case("copy of less than nothing", 0, 10, -1), _case("copy of nothing at the end", 0, 1500, 0),
        _case("copy from the end of the head, nothing", 0, 100, 0), _case("tap of an unreadable skb", 1),
        _case("tap of a readable skb", 1, unreadable=0), _case("tap of an unreadable skb that is all head", 1, length=100),
        _case("tap minds no range", 1, -5, 10_000), _case("linearize, unreadable", 2),
        _case("linearize, readable", 2, unreadable=0),
        _case("linearize what is linear", 2, length=100), _case("linearize minds no range", 2, -5, 7, unreadable=0),
        _case("a sequence over the head", 3, 0, 60), _case("a sequence that leaves the head", 3, 50, 200),
        _case("a sequence past the head", 3, 100, 50), _case("a sequence far past the head", 3, 200, 50),
        _case("a sequence over a readable skb", 3, 50, 200, unreadable=0),
        _case("a sequence past the end of a readable skb", 3, 1400, 500, unreadable=0), _case("a sequence of nothing", 3, 10, 0),
        _case("a sequence from behind the end", 3, 1501, 1, unreadable=0),
        _case("a sequence from before the beginning", 3, -1, 5),
        _case("a sequence of less than nothing", 3, 5, -2), _case("another reader", 4), _case("a reader of number -1", -1),
        _case("a skb without a head", 0, 0, 10, headlen=0), _case("a skb without a head, in sequence", 3, 0, 10, headlen=0),
        _case("a tap of a skb without a head", 1, headlen=0), _case("an empty skb", 2, headlen=0, length=0),
    ]


def _more(random):
    for number in range(20):
        headlen = random.randrange(120)
        yield _case(f"random reader {number}", random.randrange(4), random.randrange(150), random.randrange(150), headlen,
                    headlen + random.randrange(80), random.randrange(2))


def _twin(arrays, call):
    n = call.numbers
    octets = "h" * n["headlen"] + "p" * (n["length"] - n["headlen"])
    seen = octets.replace("p", "") if n["unreadable"] else octets
    if n["how"] not in range(len(HOWS)):
        return Wanted(-EINVAL)
    how = HOWS[n["how"]]
    if how == "tap":
        return Wanted(len(seen))
    if how == "linearize":
        return Wanted(len(octets) if seen == octets else -ENOMEM)
    if min(n["offset"], n["want"]) < 0 or n["offset"] > len(octets):
        return Wanted(-EFAULT)
    part = seen[n["offset"]:n["offset"] + n["want"]]
    if how == "copy":
        return Wanted(n["want"] if len(part) == n["want"] else -EFAULT)
    return Wanted(len(part))


def _given(arrays, call):
    n = call.numbers
    role = "device" if n["unreadable"] else "host"
    return [Lane("skb", [Cell(n["headlen"], "header", f"head {n['headlen']}"),
                         Cell(n["length"] - n["headlen"], role, "not readable" if n["unreadable"] else "readable")])]


def _lanes(arrays, call, returned, after):
    n = call.numbers
    if returned is None or returned < 0:
        return [Lane("", [Cell(max(n["length"], 1), "dropped", f"{returned}")])]
    return [Lane(f"{returned} octets", [Cell(max(min(n["offset"], n["length"]), 0) if n["how"] in (0, 3) else 0),
                                        Cell(min(returned, 1 << 16), "user", "told")])]


EXERCISE = Exercise(
    "guard", "May this be read?", "07", {"may_read": ("how", "headlen", "length", "unreadable", "offset", "want")},
    "An skb has `length` octets; the first `headlen` of them lie in its head, in host memory. When it is `unreadable`, all "
    "others are in device memory. A reader comes:\n\n"
    "- `how` 0, *copy*: wants exactly `want` octets from `offset` on, all or none.\n"
    "- `how` 1, *tap* (tcpdump): takes whatever can be seen from the beginning; gives how many octets that is.\n"
    "- `how` 2, *linearize*: wants all octets in one piece; gives `length`. What is in the head alone is in one piece.\n"
    "- `how` 3, *sequence* (splice): wants up to `want` octets from `offset` on, and ends early, without an error, where "
    "nothing more can be seen.\n\nTap and linearize do not look at `offset` and `want`.",
    {"how": "which reader", "headlen": "octets of the head", "length": "octets in all, not fewer", "unreadable": "0 or 1",
     "offset": "first octet wanted", "want": "octets wanted"},
    "how many octets the reader gets",
    [("EINVAL", "there is no such reader"), ("EFAULT", "copy, sequence: `offset` or `want` is negative, or `offset` is behind "
                                                       "the end"),
     ("EFAULT", "copy: an octet that is wanted cannot be seen, or is behind the end"),
     ("ENOMEM", "linearize: an octet cannot be seen (the kernel fails to pull it, and says that it has no memory)")],
    ["How far can be seen? `headlen` when it is unreadable, `length` otherwise. Everything follows from that number.",
     "Nothing wanted is nothing refused: a copy of 0 octets is fine wherever it begins within the skb."],
    _edges, _more, _twin, _lanes, _given, unit="octets",
)
