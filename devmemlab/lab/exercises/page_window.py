"""Puzzle: a receive window for memory that is counted in pages.

Law.   No window promises payload that the free pages cannot take, and no promise is taken back.
Reads. devmemlab/tcp/page_room.py; RFC 9293 section 3.8.6 (the window never shrinks), RFC 7323 section 2 (scaling).
Omits. Several connections that share the pages; what a sender's habits say about octets in a page.
"""

from devmemlab.base.errno import EINVAL
from devmemlab.lab.exercises.case import Cell, Lane, Wanted, one
from devmemlab.lab.exercises.puzzle import Exercise

WRAP = 1 << 32


def _case(name, free=100, octets=4096, reserve=0, rcv_nxt=1000, promised=0, scale=7):
    return one(name, "page_window", {"free_pages": free, "page_octets": octets, "reserve": reserve, "rcv_nxt": rcv_nxt,
                                     "right_edge": (rcv_nxt + promised) % WRAP, "scale": scale})


def _edges():
    return [
        _case("a hundred pages"), _case("small segments: a page takes 100 octets", octets=100), _case("a reserve", reserve=10),
        _case("the reserve is everything", free=10, reserve=10), _case("less than the reserve", free=5, reserve=10),
        _case("no page"), _case("no page at all", free=0), _case("what was promised stays", free=0, promised=12800),
        _case("promised more than there is", free=1, promised=65536), _case("promised less than there is", promised=1280),
        _case("rounded down", free=1, octets=300), _case("below one unit of the scale", free=1, octets=100),
        _case("a promise is rounded up", free=0, promised=1000), _case("a promise of one octet", free=0, promised=1),
        _case("no scale", scale=0, free=10), _case("no scale: 65535 at most", scale=0, free=100),
        _case("scale 7: 65535 units at most", free=100_000), _case("scale 14", free=1_000_000, scale=14),
        _case("exactly 65535 units", free=65535, octets=128), _case("a promise over the end of the numbers", rcv_nxt=WRAP - 100,
                                                                    free=0, promised=12800),
        _case("rcv_nxt has reached the edge", free=0, promised=0), _case("rcv_nxt is past the edge", free=0, promised=-500),
        _case("past the edge, with pages", free=3, promised=-500), _case("a page takes nothing", octets=0),
        _case("less than nothing", octets=-5), _case("negative pages", free=-1), _case("scale 15", scale=15),
        _case("scale below 0", scale=-1),
        _case("the promise is more than the field holds", scale=0, free=0, promised=70000),
    ]


def _more(random):
    for number in range(16):
        yield _case(f"random window {number}", random.randrange(200), random.choice((64, 576, 1448, 4096)), random.randrange(20),
                    random.randrange(WRAP), random.choice((0, 0, random.randrange(100_000))), random.randrange(15))


def _twin(arrays, call):
    n = call.numbers
    if n["free_pages"] < 0 or n["page_octets"] < 1 or n["scale"] not in range(15):
        return Wanted(-EINVAL)
    unit = 2 ** n["scale"]
    room = max(n["free_pages"] - n["reserve"], 0) * n["page_octets"] // unit
    promised = (n["right_edge"] - n["rcv_nxt"]) % WRAP
    units = -(-promised // unit) if promised < WRAP // 2 else 0
    return Wanted(min(max(room, units), 65535) * unit)


def _lanes(arrays, call, returned, after):
    if returned is None or returned < 0:
        return [Lane("", [Cell(1, "dropped", "no window")])]
    return [Lane("", [Cell(returned, "payload", f"window {returned}")])]


def _given(arrays, call):
    n = call.numbers
    promised = (n["right_edge"] - n["rcv_nxt"]) % WRAP
    octets = max(n["page_octets"], 0)
    kept = max(min(n["reserve"], n["free_pages"]), 0)
    return [Lane("free pages", [Cell(max(n["free_pages"] - kept, 0) * octets, "device", f"{n['free_pages'] - kept} pages"),
                                Cell(kept * octets, "dropped", f"reserve {kept}")]),
            Lane("promised", [Cell(promised if promised < WRAP // 2 else 0, "token", str(promised))])]


EXERCISE = Exercise(
    "page_window", "A window in pages", "08",
    {"page_window": ("free_pages", "page_octets", "reserve", "rcv_nxt", "right_edge", "scale")},
    "Tell a peer how many octets it may send. Each segment begins a page of its own, and a page has been found to take "
    "`page_octets`; `reserve` pages are promised to nobody. The window goes out in units of `2**scale` octets, and the "
    "field has 16 bits: never more than 65535 of them. Round the room down. But the right edge of an earlier promise never "
    "moves left: what is left of it (`right_edge - rcv_nxt`, 32 bits, nothing when `rcv_nxt` is past the edge), rounded up, is "
    "the least.",
    {"free_pages": "pages that hold nothing", "page_octets": "payload that a page takes", "reserve": "pages kept back, 0 or more",
     "rcv_nxt": "next octet expected, 0 to 2^32 - 1", "right_edge": "octet behind the last that was promised, 0 to 2^32 - 1",
     "scale": "0 to 14"},
    "the window in octets: units times `2**scale`",
    [("EINVAL", "`free_pages` is negative, `page_octets` is below 1, or `scale` is not 0 to 14")],
    ["Work in units: room down, promise up, the larger of both, at most 65535; multiply at the end.",
     "Sequence numbers wrap: `(right_edge - rcv_nxt) & 0xFFFFFFFF`; 2^31 or more means that it is behind you.",
     "Rounding up without a division: `(n + unit - 1) >> scale`."],
    _edges, _more, _twin, _lanes, _given, unit="octets",
)
