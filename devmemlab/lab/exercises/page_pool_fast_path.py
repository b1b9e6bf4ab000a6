"""Puzzle: where a page_pool takes a buffer from: its cache, its ring, its provider.

Law.   Whatever is handed out leaves the place it came from; the cheapest place is asked first.
Reads. devmemlab/mem/pool_alloc.py; Linux net/core/page_pool.c.
Omits. NUMA nodes, the counters of held and released buffers.
"""

from devmemlab.lab.exercises.case import Call, Case, Cell, Lane, Wanted
from devmemlab.lab.exercises.puzzle import Exercise

FIELDS = ("cached", "head", "waiting", "left", "fast", "refill", "slow")


def _case(name, cache=(), ring=(), provider=(), calls=1, head=0, most=4, slots=8):
    """Fill the arrays; the ring holds its entries from slot ``head`` on, around its end."""
    places = [0] * slots
    for i, netmem in enumerate(ring):
        places[(head + i) % slots] = netmem
    ctl = [len(cache), head, len(ring), len(provider), 0, 0, 0]
    arrays = {"ctl": ctl, "cache": [*cache, *[0] * (8 - len(cache))], "ring": places, "provider": list(provider)}
    return Case(name, arrays, tuple(Call("pool_alloc", {"most": most}) for _ in range(calls)))


def _edges():
    return [
        _case("three in the cache", [11, 13, 15], [21, 23], [31]), _case("the cache is empty", (), [21, 23, 25], [31]),
        _case("cache and ring are empty", (), (), [31, 33]), _case("nothing anywhere"),
        _case("one in the cache", [11], (), ()), _case("one in the ring", (), [21], ()),
        _case("one at the provider", (), (), [31]),
        _case("the cache to its end", [11, 13], (), (), 3), _case("cache, then ring", [11], [21, 23], (), 4),
        _case("more in the ring than is moved", (), [21, 23, 25, 27, 29, 41], (), 7),
        _case("the ring goes around its end", (), [21, 23, 25, 27], (), 4, head=6),
        _case("the ring ends at its end", (), [21, 23], [31], 3, head=6),
        _case("one is moved at a time", (), [21, 23, 25], (), 3, most=1), _case("all eight", (), range(21, 29), (), 9, most=8),
        _case("a ring of three slots", (), [21, 23, 25], [31], 4, head=2, slots=3), _case("everything", [11], [21], [31, 33], 5),
    ]


def _more(random):
    for number in range(14):
        names = random.sample(range(1, 100), 20)
        yield _case(f"random pool {number}", names[:random.randrange(4)], names[4:4 + random.randrange(7)],
                    names[12:12 + random.randrange(4)], 10, random.randrange(8), random.randrange(1, 6))


def _twin(arrays, call):
    ctl, ring = dict(zip(FIELDS, arrays["ctl"])), arrays["ring"]
    cache = arrays["cache"][:ctl["cached"]]
    waiting = [ring[(ctl["head"] + i) % len(ring)] for i in range(ctl["waiting"])]
    moved = [] if cache else waiting[:call.numbers["most"]]
    netmem = 0
    if cache or moved:
        ctl["refill" if moved else "fast"] += 1
        *cache, netmem = cache + moved
        ctl["head"] = (ctl["head"] + len(moved)) % len(ring)
        ctl["waiting"] -= len(moved)
    elif ctl["left"]:
        ctl["left"] -= 1
        ctl["slow"] += 1
        netmem = arrays["provider"][ctl["left"]]
    ctl["cached"] = len(cache)
    return Wanted(netmem, {"ctl": [ctl[name] for name in FIELDS], "cache": cache})


def _given(arrays, call):
    ctl, ring = dict(zip(FIELDS, arrays["ctl"])), arrays["ring"]
    waiting = [ring[(ctl["head"] + i) % len(ring)] for i in range(min(ctl["waiting"], 16))] if ring else []
    places = [("cache", "host", arrays["cache"][:max(ctl["cached"], 0)]), ("ring", "copied", waiting),
              ("provider", "device", arrays["provider"][:max(ctl["left"], 0)])]
    return [Lane(f"{name} before", [Cell(1, role, str(netmem)) for netmem in held] or [Cell(8, "", "empty")])
            for name, role, held in places]


def _lanes(arrays, call, returned, after):
    cells = [Cell(1, "host", str(netmem)) for netmem in after["cache"][:max(after["ctl"][0], 0)]]
    return [Lane(f"{returned}, cache", cells or [Cell(8, "", "empty")])]


EXERCISE = Exercise(
    "page_pool_fast_path", "Cache, ring, provider", "04", {"pool_alloc": ("ctl", "cache", "ring", "provider", "most")},
    "Take one buffer out of a page_pool. If the cache holds any, the top one leaves it (`fast` grows). If not, the ring is "
    "asked: up to `most` entries move from it to the cache, oldest first, and the top of the cache leaves it at once (`refill` "
    "grows). If the ring is empty, too, the provider gives one, the last that it has (`slow` grows).",
    {"ctl": "int64[7]: 0 `cached`, entries of the cache; 1 `head`, slot of the ring's oldest entry; 2 `waiting`, entries of the "
            "ring; 3 `left`, entries of the provider; 4 `fast`, 5 `refill`, 6 `slow`, counters",
     "cache": "int64[8], a stack: its top is entry `cached - 1`; what is above does not matter",
     "ring": "int64[s], its entries lie from slot `head` on and go on in slot 0 behind the last; never "
             "written: `head` and `waiting` tell which slots count",
     "provider": "int64[p], a stack, too, with its top at `left - 1`; never written", "most": "entries moved at most, 1 to 8"},
    "the buffer; 0 when there is none anywhere (and no counter grows)", [],
    ["The cheapest case is a decrement and a load.", "Move while fewer than `most` are moved and the ring is not empty.",
     "The order turns around: the oldest of the ring lies at the bottom of the cache, so the youngest that was moved leaves "
     "first."],
    _edges, _more, _twin, _lanes, _given, unit="buffers",
)
