"""Puzzle: the Toeplitz hash, by which a network card spreads flows over its queues.

Law.   Each input bit that is 1 adds (by XOR) the 32 bits of the key that begin where it stands.
Reads. devmemlab/nic/toeplitz.py; Microsoft's RSS hashing functions.
Omits. Choosing the fields and the transform that makes both directions of a flow alike.
"""

from devmemlab.base.errno import EINVAL
from devmemlab.lab.exercises.case import Cell, Lane, Wanted, one
from devmemlab.lab.exercises.puzzle import Exercise

KEY = list(bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa"))


def _case(name, octets, key=KEY):
    return one(name, "toeplitz", key=list(key), octets=list(octets))


def _flow(source, destination, *ports):
    parts = [int(part) for address in (source, destination) for part in address.split(".")]
    return parts + [octet for port in ports for octet in divmod(port, 256)]


def _edges():
    return [
        _case("two addresses and two ports", _flow("66.9.149.187", "161.142.100.80", 2794, 1766)),
        _case("addresses only", _flow("66.9.149.187", "161.142.100.80")),
        _case("one bit, the first", [0x80]), _case("one bit, the last of an octet", [0x01]), _case("nothing", []),
        _case("zeros", [0] * 12), _case("ones", [255] * 12), _case("one bit in the third octet", [0, 0, 0x10]),
        _case("36 octets: the whole key", range(36)), _case("37 octets are too many", range(37)),
        _case("the last octet of the key decides", [0] * 35 + [1]), _case("a key of 4 octets, and nothing", [], KEY[:4]),
        _case("a key of 4 octets, and one", [1], KEY[:4]), _case("a key of 3 octets", [], KEY[:3]),
        _case("a key of zeros", [255] * 12, [0] * 40), _case("a key of ones", [1, 1], [255] * 8),
    ]


def _more(random):
    for number in range(12):
        key = [random.randrange(256) for _ in range(random.choice((16, 24, 40)))]
        yield _case(f"random flow {number}", [random.randrange(256) for _ in range(12)], key)


def _twin(arrays, call):
    key, octets = arrays["key"], arrays["octets"]
    if len(key) < len(octets) + 4:
        return Wanted(-EINVAL)
    bits = "".join(f"{octet:08b}" for octet in key)
    total = 0
    for place, bit in enumerate("".join(f"{octet:08b}" for octet in octets)):
        total ^= int(bit) * int(bits[place:place + 32], 2)
    return Wanted(total)


def _lanes(arrays, call, returned, after):
    if returned is None or not 0 <= returned < 1 << 32:
        return [Lane("", [Cell(32, "dropped", "no hash of 32 bits")])]
    return [Lane("", [Cell(1, "payload" if bit == "1" else "", bit) for bit in f"{returned:032b}"])]


EXERCISE = Exercise(
    "toeplitz", "A hash for a flow", "06", {"toeplitz": ("key", "octets")},
    "Compute the Toeplitz hash of `octets`. Number the bits of both arrays from the most significant bit of octet 0 on. For "
    "every bit of `octets` that is 1, say bit `i`, XOR the 32 bits `i` to `i + 31` of the key into the result.",
    {"key": "int64[k], its octets, 0 to 255 each", "octets": "int64[n], 0 to 255 each, the flow in network order"},
    "the hash, 0 to 2^32 - 1; 0 when there is nothing to hash",
    [("EINVAL", "the key has fewer octets than `octets` has and 4 more")],
    ["The first window is the first four octets of the key, as a number.",
     "After each bit the window moves: `window = (window << 1 | next_bit) & 0xFFFFFFFF`.",
     "For octet `i` the bits that move in are those of key octet `i + 4`, from the most significant one on."],
    _edges, _more, _twin, _lanes, unit="bits of the hash",
)
