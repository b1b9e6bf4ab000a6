"""Puzzle: keep a receive ring full, and tell the card.

Law.   Every buffer that is posted is told to the card before the refill ends; a ring is never overrun.
Reads. devmemlab/nic/rxq.py; the refill of Linux drivers/net/ethernet/google/gve/gve_rx_dqo.c.
Omits. The pool's own way to a buffer.
"""

from devmemlab.lab.exercises.case import Call, Case, Cell, Lane, Wanted
from devmemlab.lab.exercises.puzzle import Exercise

FIELDS = ("post", "clean", "tail", "doorbells", "failures", "left")


def _case(name, left, post=0, clean=0, slots=8, every=4, calls=1, free=0):
    """``free`` more slots are cleaned before each call but the first: the calls then find room again."""
    pool = list(range(101, 101 + left))
    ring = [7000 + i for i in range(slots)]
    return Case(name, {"ctl": [post, clean, post, 0, 0, left], "ring": ring, "pool": pool},
                tuple(Call("refill", {"cleaned": free if i else 0, "every": every}) for i in range(calls)))


def _edges():
    return [
        _case("an empty ring", 20), _case("three slots are free", 20, 8, 3), _case("a full ring", 20, 8, 0),
        _case("the pool has five", 5), _case("the pool has none", 0), _case("the pool has exactly enough", 8),
        _case("the pool has none, and the ring is full", 0, 8, 0), _case("one slot is free", 20, 8, 1),
        _case("around the end of the ring", 20, 14, 10), _case("counters far beyond the ring", 20, 1_000_003, 1_000_001),
        _case("a doorbell for each", 20, every=1), _case("one doorbell for all", 20, every=8),
        _case("a doorbell at every second", 20, 5, 1, every=2), _case("the last doorbell is due anyway", 4, every=4),
        _case("one left over", 5, every=4), _case("three left over, from slot 6 on", 3, 6, 2, every=8),
        _case("cleaned, and filled again", 20, calls=4, free=3), _case("cleaned until the pool is empty", 12, calls=4, free=3),
        _case("cleaned, and nothing there", 8, calls=3, free=2), _case("called for nothing", 20, calls=3, free=0),
        _case("a ring of one", 5, slots=1, every=1, calls=3, free=1),
        _case("a ring of 16", 40, 3, 3, slots=16, every=8, calls=3, free=5),
    ]


def _more(random):
    for number in range(14):
        clean = random.randrange(40)
        yield _case(f"random ring {number}", random.randrange(24), clean + random.randrange(9), clean, 8,
                    random.choice((1, 2, 4, 8)), 4,
                    random.randrange(4))


def _twin(arrays, call):
    ctl, ring, pool = dict(zip(FIELDS, arrays["ctl"])), arrays["ring"], arrays["pool"]
    cleaned, every = call.numbers["cleaned"], call.numbers["every"]
    ctl["clean"] = min(ctl["clean"] + cleaned, ctl["post"])
    room = len(ring) - (ctl["post"] - ctl["clean"])
    posted = range(ctl["post"], ctl["post"] + min(room, ctl["left"]))
    for slot, netmem in zip(posted, reversed(pool[:ctl["left"]])):
        ring[slot % len(ring)] = netmem
    rung = [slot + 1 for slot in posted if (slot + 1) % every == 0]
    ctl["doorbells"] += len(rung)
    if posted and (not rung or rung[-1] != posted.stop):
        ctl["doorbells"] += 1
    if posted:
        ctl["post"] = ctl["tail"] = posted.stop
    ctl["failures"] += room > ctl["left"]
    ctl["left"] -= len(posted)
    return Wanted(len(posted), {"ctl": [ctl[name] for name in FIELDS], "ring": ring})


def _drawn(name, lists):
    ring, ctl = lists["ring"], dict(zip(FIELDS, lists["ctl"]))
    posted = {slot % len(ring) for slot in range(ctl["clean"], min(ctl["post"], ctl["clean"] + len(ring)))}
    return Lane(name, [Cell(1, "device", str(netmem)) if i in posted else Cell(1) for i, netmem in enumerate(ring)])


def _given(arrays, call):
    return [_drawn("ring before", arrays)]


def _lanes(arrays, call, returned, after):
    ctl = dict(zip(FIELDS, after["ctl"]))
    return [_drawn(f"{returned}, bell {ctl['doorbells']}, fail {ctl['failures']}", after)]


EXERCISE = Exercise(
    "refill_policy", "Keep the ring full", "05", {"refill": ("ctl", "ring", "pool", "cleaned", "every")},
    "First `cleaned` more descriptors come back from the card: `clean` grows by as many, but never beyond `post`. Then post "
    "buffers until the ring is full or the pool is empty. A buffer goes to slot `post` modulo the ring's length, and `post` "
    "grows. `post` and `clean` only ever grow; the ring is full when they are as far apart as it is long. The card sees `tail` "
    "alone: whenever `post` becomes a multiple of `every`, set `tail` to `post` and count a doorbell; once more at the end if "
    "posted buffers are left that it does not know of. If the pool is empty while a slot is free, count one failure.",
    {"ctl": "int64[6]: 0 `post`, 1 `clean`, 2 `tail`, 3 `doorbells`, 4 `failures`, 5 `left`, buffers in the pool",
     "ring": "int64[s], descriptors; slots that are not posted keep what is in them", "pool": "int64[p], a stack with its top at "
     "`left - 1`; never written", "cleaned": "descriptors that come back", "every": "posts to a doorbell"},
    "how many were posted", [],
    ["The loop runs while `post - clean` is less than the length of the ring.",
     "A failure ends the loop; it is counted once a call, and not when the ring is full.",
     "At the end: `if tail != post` there is one more doorbell."],
    _edges, _more, _twin, _lanes, _given, unit="descriptors; filled: posted",
)
