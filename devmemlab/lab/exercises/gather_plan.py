"""Puzzle: from scattered frags to a list of copies.

Law.   The copies put the octets of the frags behind one another, in order, with none lost and none twice.
Reads. devmemlab/lab/accelerator.py (the gather); the kernel's ncdevmem, which has no such step.
Omits. Copying; alignment.
"""

from devmemlab.base.errno import EFAULT, EINVAL, ENOSPC
from devmemlab.lab.exercises.case import Cell, Lane, Wanted, one
from devmemlab.lab.exercises.puzzle import Exercise


def _case(name, frags, room=1 << 20, memory=65536):
    return one(name, "gather_plan", {"memory_bytes": memory, "room": room}, frags=[list(frag) for frag in frags] or [[0, 0]],
               copies=[[0, 0, 0]] * (len(frags) + 1))


def _edges():
    return [
        _case("two pages apart", [(0, 4096), (8192, 4096)]), _case("three that touch",
                                                                   [(4096, 4096), (8192, 4096), (12288, 100)]),
        _case("backwards", [(8192, 4096), (4096, 4096), (0, 4096)]), _case("one", [(100, 7)]), _case("no frag at all", []),
        _case("an empty frag in the middle", [(0, 100), (500, 0), (100, 50)]),
        _case("an empty frag at the beginning", [(9, 0), (10, 5)]),
        _case("empty frags only", [(0, 0), (5, 0)]), _case("the same octets twice", [(0, 100), (0, 100)]),
        _case("two that overlap", [(0, 100), (50, 100)]), _case("touching, but not in order", [(100, 50), (0, 100)]),
        _case("the end of the memory", [(65000, 536)]), _case("one octet past the end", [(65000, 537)]),
        _case("an empty frag at the end of the memory", [(65536, 0)]), _case("an empty frag outside", [(65537, 0)]),
        _case("a negative offset", [(0, 10), (-1, 10)]), _case("a negative length", [(0, 10), (20, -1)]),
        _case("exactly enough room", [(0, 60), (100, 40)], 100), _case("one octet too little room", [(0, 60), (100, 41)], 100),
        _case("no room, and nothing to copy", [(5, 0)], 0), _case("both errors", [(0, 500), (-5, 1)], 100),
        _case("negative length that would make it fit", [(0, 200), (300, -150)], 100),
        _case("room is found too small before the last", [(0, 200), (300, 20), (70000, 5)], 100),
    ]


def _more(random):
    for number in range(14):
        at, frags = random.randrange(1000), []
        for _ in range(random.randrange(1, 9)):
            length = random.choice((0, 1, 100, 4096))
            frags.append((at, length))
            at = at + length if random.random() < 0.6 else random.randrange(30000)
        yield _case(f"random frags {number}", frags, random.choice((1 << 20, 4200)))


def _twin(arrays, call):
    frags, memory = arrays["frags"], call.numbers["memory_bytes"]
    if any(length < 0 for _, length in frags):
        return Wanted(-EINVAL)
    if any(at < 0 or at + length > memory for at, length in frags):
        return Wanted(-EFAULT)
    if sum(length for _, length in frags) > call.numbers["room"]:
        return Wanted(-ENOSPC)
    octets = [octet for at, length in frags for octet in ((at, length),) if length]
    pieces, target = [], 0
    for at, length in octets:
        if pieces and sum(pieces[-1][::2]) == at:
            pieces[-1][2] += length
        else:
            pieces.append([at, target, length])
        target += length
    return Wanted(len(pieces), {"copies": pieces})


def _lanes(arrays, call, returned, after):
    rows = after["copies"][:max(min(returned or 0, len(after["copies"])), 0)]
    return [Lane(f"{returned} copies", [Cell(max(min(n, 8192), 1), "device", f"{n} from {src} to {dst}") for src, dst, n in rows]
                 or [Cell(1, "", "none")])]


def _given(arrays, call):
    return [Lane("frags", [Cell(max(min(n, 8192), 0), "payload", f"{at}: {n}") for at, n in arrays["frags"]])]


EXERCISE = Exercise(
    "gather_plan", "Scattered frags, few copies", "02",
    {"gather_plan": ("frags", "copies", "memory_bytes", "room")},
    "The payload of a message lies in `frags` all over a dmabuf, and a program wants it in one piece. Write the list of copies. "
    "A frag that begins where the one before it ends belongs into the same copy; an empty frag needs none, and parts nothing.",
    {"frags": "int64[n, 2]: offset in the dmabuf, length", "copies": "int64[m, 3], to be written: from, to, octets; long enough",
     "memory_bytes": "size of the dmabuf", "room": "octets of the target, which begins at 0"},
    "the number of copies",
    [("EINVAL", "some length is negative"), ("EFAULT", "some frag, an empty one too, begins before or ends behind the dmabuf"),
     ("ENOSPC", "all lengths together are more than `room`")],
    ["Three loops are fine: one for each error, before anything is written.",
     "Remember the copy that you wrote last: it ends at `copies[k - 1, 0] + copies[k - 1, 2]`."],
    _edges, _more, _twin, _lanes, _given, unit="octets (long frags are drawn shorter)",
)
