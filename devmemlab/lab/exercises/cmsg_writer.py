"""Puzzle: describe one frag to a program, in 40 octets.

Law.   A message is written whole, or not at all; what is behind it is not touched.
Reads. devmemlab/sock/uapi.py; Linux include/uapi/linux/uio.h (struct dmabuf_cmsg), net/core/scm.c.
Omits. Machines of 32 bits, and those that store the most significant octet first.
"""

import struct

from devmemlab.base.errno import EINVAL, ETOOSMALL
from devmemlab.lab.exercises.case import Call, Case, Cell, Lane, Wanted
from devmemlab.lab.exercises.puzzle import Exercise

LINEAR, DMABUF = 78, 79
PARTS = ((8, "length"), (4, "level"), (4, "type"), (8, "frag_offset"), (4, "frag_size"), (4, "frag_token"), (4, "dmabuf_id"),
         (4, "flags"))


def _case(name, *frags, room=120, at=0, left=None):
    calls = tuple(Call("put_cmsg", dict(zip(("kind", "frag_offset", "frag_size", "frag_token", "dmabuf_id"),
                                            frag))) for frag in frags)
    return Case(name, {"control": [0xEE] * room, "ctl": [at, room - at if left is None else left]}, calls)


def _edges():
    one = (DMABUF, 25128, 896, 3, 1)
    return [
        _case("device memory", one, room=40), _case("three messages", one, (DMABUF, 0, 4096, 4, 1), (DMABUF, 4096, 1, 5, 1)),
        _case("linear octets", (LINEAR, 0, 200, 0, 0), room=40),
        _case("linear octets have no token", (LINEAR, 77, 200, 5, 6), room=40),
        _case("exactly 40 octets of room", one, room=40), _case("39 octets of room", one, room=39), _case("no room", one, room=0),
        _case("79 octets: one message", one, one, room=79), _case("behind another message", one, room=80, at=40),
        _case("the room ends before the buffer does", one, room=80, at=0, left=39),
        _case("the room ends in the middle", one, one, room=120, at=0, left=60),
        _case("an offset above 4 GiB", (DMABUF, 0x123456789A, 1, 2, 3)),
        _case("large numbers", (DMABUF, (1 << 40) - 1, 0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFE)),
        _case("token 0", (DMABUF, 4096, 10, 0, 1)),
        _case("a frag of nothing", (DMABUF, 4096, 0, 7, 1)), _case("a type that is none", (77, 0, 1, 2, 3)),
        _case("type 80", (80, 0, 1, 2, 3)),
        _case("a type that is none, and no room", (0, 0, 1, 2, 3), room=10),
        _case("linear, then device", (LINEAR, 0, 9, 0, 0), one),
        _case("type 78, and 39 octets", (LINEAR, 0, 9, 0, 0), room=39),
        _case("each octet another", (DMABUF, 0x0102030405060708, 0x11121314,
                                                                                             0x21222324, 0x31323334), room=40),
    ]


def _more(random):
    for number in range(10):
        yield _case(f"random frags {number}", *[(random.choice((LINEAR, DMABUF)), random.randrange(1 << 36),
                                                 random.randrange(1 << 16),
                                                random.randrange(1 << 10), random.randrange(1, 99)) for _ in range(4)], room=130)


def _twin(arrays, call):
    (at, left), n, control = arrays["ctl"], call.numbers, arrays["control"]
    if n["kind"] not in (LINEAR, DMABUF):
        return Wanted(-EINVAL)
    if left < 40:
        return Wanted(-ETOOSMALL)
    place = [n[name] if n["kind"] == DMABUF else 0 for name in ("frag_offset", "frag_token", "dmabuf_id")]
    message = struct.pack("<QIIQIIII", 40, 1, n["kind"], place[0], n["frag_size"], *place[1:], 0)
    return Wanted(40, {"control": control[:at] + list(message) + control[at + 40:], "ctl": [at + 40, left - 40]})


def _lanes(arrays, call, returned, after):
    at, cells = arrays["ctl"][0], []
    octets = after["control"][at:at + 40]
    if returned is None or returned < 0 or len(octets) < 40 or octets == arrays["control"][at:at + 40]:
        return [Lane("", [Cell(40, "dropped", f"{returned}, nothing written")])]
    for number, (size, name) in enumerate(PARTS):
        value = int.from_bytes(bytes(octet & 255 for octet in octets[:size]), "little")
        cells.append(Cell(size, ("header", "payload")[number > 2], f"{name} {value}"))
        octets = octets[size:]
    return [Lane("", cells)]


EXERCISE = Exercise(
    "cmsg_writer", "40 octets for a frag", "11",
    {"put_cmsg": ("control", "ctl", "kind", "frag_offset", "frag_size", "frag_token", "dmabuf_id")},
    "Write the control message that `recvmsg` gives to a program, and move on. All numbers are little endian:\n\n"
    "| octets | what |\n|---|---|\n| 0 to 7 | 40, the length |\n| 8 to 11 | 1, SOL_SOCKET |\n| 12 to 15 | `kind` |\n| 16 to 23 | "
    "`frag_offset` |\n| 24 to 27 | `frag_size` |\n| 28 to 31 | `frag_token` |\n| 32 to 35 | `dmabuf_id` |\n| 36 to 39 | 0, "
    "flags |\n\nFor linear octets (`kind` 78) the offset, the token and the id are written as 0, whatever they are.",
    {"control": "int64[n], octets of the control buffer, 0 to 255 each", "ctl": "int64[2]: 0 where to write, 1 octets of room "
                                                                                "from there "
     "on (perhaps less than the buffer has); after a message 40 more and 40 less", "kind": "78 linear, 79 dmabuf",
     "frag_offset": "below 2^63", "frag_size": "below 2^32", "frag_token": "below 2^32", "dmabuf_id": "below 2^32"},
    "40",
    [("EINVAL", "`kind` is neither 78 nor 79"), ("ETOOSMALL", "(525) there is room for fewer than 40 octets")],
    ["A loop over `i` stores a number: `control[at + i] = value >> 8 * i & 255`.", "A helper kernel `store(control, at, value, "
                                                                                   "octets)` "
     "makes eight lines of it.", "525 is no number that a program should ever see; Linux lets it out all the same."],
    _edges, _more, _twin, _lanes, unit="octets of the message",
)
