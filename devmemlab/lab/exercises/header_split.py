"""Puzzle: where does a frame fall apart into headers and payload?

Law.   The cut is the first octet of TCP data, or there is none.
Reads. devmemlab/nic/hds.py; RFC 791, RFC 9293 section 3.1; IEEE 802.1Q.
Omits. IPv6, which has extension headers to walk; checksums.
"""

from devmemlab.base.errno import EINVAL, EOPNOTSUPP
from devmemlab.lab.exercises.case import Cell, Lane, Wanted, one
from devmemlab.lab.exercises.puzzle import Exercise

TAGS = (0x8100, 0x88A8)


def _frame(payload=100, tags=(), options=0, tcp_options=0, kind=0x0800, version=4, protocol=6, fragment=0, padding=0, **odd):
    """Write a frame; ``ihl``, ``doff`` and ``total`` may be made to lie, ``keep`` cuts it short."""
    tcp = bytes([odd.get("fill", 0)]) * 12 + bytes([odd.get("doff", 5 + tcp_options) << 4 | 1, 0x18]) + bytes(6 + 4 * tcp_options)
    total = odd.get("total", 20 + 4 * options + len(tcp) + payload)
    ip = (bytes([version << 4 | odd.get("ihl", 5 + options), 0xB8]) + total.to_bytes(2, "big") + b"\x12\x34"
          + fragment.to_bytes(2, "big") + bytes([64, protocol]) + bytes([odd.get("fill", 0)]) * (10 + 4 * options))
    head = bytes(range(2, 14)) + b"".join(tag.to_bytes(2, "big") + b"\x00\x64" for tag in tags) + kind.to_bytes(2, "big")
    whole = head + ip + tcp + bytes(i * 7 % 251 for i in range(payload)) + bytes(padding)
    return list(whole[:odd.get("keep", len(whole))])


def _case(name, **fields):
    return one(name, "header_cut", frame=_frame(**fields))


def _edges():
    return [
        _case("plain IPv4"), _case("options in IP", options=2), _case("not IP at all: ARP", kind=0x0806),
        _case("options in TCP", tcp_options=3), _case("as many options as there can be", options=10, tcp_options=10),
        _case("a tag", tags=TAGS[:1]), _case("two tags", tags=(TAGS[1], TAGS[0])), 
        _case("two tags of one type", tags=(0x8100, 0x8100)),
        _case("no payload", payload=0), _case("no payload, padded to 60 octets", payload=0, padding=6),
        _case("one octet of payload", payload=1), _case("UDP", protocol=17), _case("IPv6", kind=0x86DD),
        _case("the type says IPv4, the version does not", version=6), _case("first fragment", fragment=0x2000),
        _case("last fragment", fragment=0x00B9), _case("may not be fragmented: no fragment", fragment=0x4000),
        _case("IP header shorter than 20", ihl=4, fill=0x55), _case("TCP header shorter than 20", doff=4),
        _case("TCP header longer than the packet", payload=0, doff=6), _case("cut off in IP", keep=30),
        _case("cut off in TCP", keep=40), _case("cut off in TCP's options", tcp_options=3, keep=58, payload=0),
        _case("13 octets", keep=13), _case("14 octets", keep=14), _case("a tag and nothing else", tags=TAGS[:1], keep=17),
        _case("IP claims more than there is", total=1500), _case("the padding is not TCP", payload=0, total=44, padding=20,
                                                                 doff=7),
        _case("8 octets of TCP, and the frame ends", total=28, keep=42),
        _case("three tags", tags=(0x8100,) * 3), _case("TCP header ends where the packet ends", payload=0, tcp_options=4),
    ]


def _more(random):
    for number in range(20):
        yield _case(f"random frame {number}", payload=random.randrange(60), tags=[random.choice(TAGS)] * random.randrange(3),
                    options=random.randrange(11), tcp_options=random.randrange(11),
                    fragment=random.choice((0, 0, 0x4000, 0x2001)))


def _twin(arrays, call):
    octets, rest = bytes(arrays["frame"]), bytes(arrays["frame"])[12:]
    for _ in range(2):
        if int.from_bytes(rest[:2], "big") in TAGS:
            rest = rest[4:]
    if len(rest) < 2 or len(octets) < 14:
        return Wanted(-EINVAL)
    if rest[:2] != b"\x08\x00":
        return Wanted(-EOPNOTSUPP)
    packet = rest[2:]
    if len(packet) < 20:
        return Wanted(-EINVAL)
    own, total = packet[0] % 16 * 4, int.from_bytes(packet[2:4], "big")
    if packet[0] // 16 != 4 or own < 20 or not own <= total <= len(packet):
        return Wanted(-EINVAL)
    if packet[9] != 6 or int.from_bytes(packet[6:8], "big") % 0x4000 != 0:
        return Wanted(-EOPNOTSUPP)
    segment = packet[own:total]
    length = segment[12] // 16 * 4 if len(segment) >= 20 else 0
    if length < 20 or length > len(segment):
        return Wanted(-EINVAL)
    return Wanted(len(octets) - len(packet) + own + length)


def _lanes(arrays, call, returned, after):
    length = len(arrays["frame"])
    if returned is None or not 0 < returned <= length:
        return [Lane("", [Cell(min(length, 140), "dropped", "not cut")])]
    short = min(length - returned, 80)
    return [Lane("", [Cell(returned, "header", f"headers: {returned} octets"),
                      Cell(short, "payload", f"{length - returned} octets")])]


EXERCISE = Exercise(
    "header_split", "Where to cut", "01", {"header_cut": ("frame",)},
    "Find the octet at which a network card cuts an Ethernet frame: the first one behind the TCP header. Before IP there may be "
    "none, one or two VLAN tags (types `0x8100` and `0x88a8`, 4 octets each).",
    {"frame": "int64[n], its octets, 0 to 255 each; perhaps cut off, perhaps with padding at its end"},
    "the number of header octets; it equals where TCP's data would begin, even when there are none",
    [("EINVAL", "fewer than 14 octets, or the frame ends within its tags, before the type that follows them"),
     ("EOPNOTSUPP", "the type behind at most two tags is not IPv4 (`0x0800`)"),
     ("EINVAL", "fewer than 20 octets of IP, a version other than 4, a header length below 20, or a total length below the "
                "header length or above what the frame holds"),
     ("EOPNOTSUPP", "the protocol is not 6, or it is a fragment (more-fragments bit `0x2000`, or an offset, `0x1fff`)"),
     ("EINVAL", "TCP has fewer than 20 octets within IP's total length, or its header length is below 20 or above those")],
    ["Read the type in octets 12 and 13. As long as it is a tag's, and at most twice, look 4 octets further on.",
     "IP's header length is the lower half of its first octet, in units of 4; TCP's is the upper half of its octet 12, in units "
     "of 4.",
     "What follows IP's total length is padding: TCP must fit below `ip + total`, not below `len(frame)`."],
    _edges, _more, _twin, _lanes, unit="octets (long payloads are drawn shorter)",
)
