"""A netlink message octet by octet: every field and every attribute with its name, nests indented.

Law.   Each octet of the message is shown once, in order; a name comes from the tables that write and read messages.
Reads. devmemlab.host.genl: wire, sets, extack.
Omits. Messages in several parts; attributes of other families.
"""

from devmemlab.base.errno import name_of
from devmemlab.host.genl.extack import MISS_NEST, MISS_TYPE, MSG, OFFS, POLICY
from devmemlab.host.genl.operations import CTRL_ID
from devmemlab.host.genl.sets import SETS
from devmemlab.host.genl.wire import (
    HEADERS,
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGHDR,
    aligned,
    attributes,
    messages,
)

EXTACK = {MSG: "msg", OFFS: "offset of the bad attribute", POLICY: "policy", MISS_TYPE: "miss-type", MISS_NEST: "miss-nest"}
WIDTH = 4


class Octets:
    """Messages spelled out. Prints as lines of offset, octets and meaning.

    Attributes
    ----------
    lines : list of (int, bytes, int, str)
        Offset, octets, depth of the nest, meaning; the octets of all lines together are the messages.
    """

    def __init__(self):
        self.lines = []

    def add(self, octets, start, end, words, depth=0):
        """Note a stretch.

        Parameters
        ----------
        octets : bytes
            The messages.
        start, end : int
            Where it is.
        words : str
            What it means.
        depth : int
            How many nests it is in.
        """
        self.lines.append((start, octets[start:end], depth, words))

    def __str__(self):
        out = []
        for start, octets, depth, words in self.lines:
            for at in range(0, max(len(octets), 1), 8):
                piece = octets[at:at + 8].hex(" ")
                out.append(f"{start + at:4}  {piece:<24}{'  ' * depth}{words if at == 0 else ''}".rstrip())
        return "\n".join(out)

    def __repr__(self):
        return str(self)


def _attributes(told, octets, start, end, names, depth):
    """Spell attributes; `names` is number -> (name, field)."""
    for one in attributes(octets, start, end)[0]:
        name, field = names.get(one.number, (f"attribute {one.number}", None))
        if one.nested or field is not None and field.kind == "nest":
            told.add(octets, one.offset, one.start, f"{name}: {one.end - one.offset} octets with attributes inside", depth)
            inner = SETS.get(field.within.lstrip("*"), {}) if field is not None and field.within else {}
            _attributes(told, octets, one.start, one.end, {f.number: (n, f) for n, f in inner.items()}, depth + 1)
            continue
        payload = octets[one.start:one.end]
        text = payload.rstrip(b"\0")
        value = (repr(text.decode()) if name == "msg" or field is not None and field.kind == "string"
                 else str(int.from_bytes(payload, "little")))
        if field is not None and field.words and int(value) < len(field.words):
            value = f"{value} ({field.words[int(value)]})"
        told.add(octets, one.offset, min(aligned(one.end), end), f"{name} {value}", depth)


def _header(told, octets, at, names, depth=0):
    """Spell the header of a message at an offset."""
    length, kind, bits, seq, pid = NLMSGHDR.unpack_from(octets, at)
    meanings = (f"length {length}", f"type {kind}: {names.get(kind, 'a family')}", f"flags {bits:#x}", f"sequence {seq}",
                f"port of the socket {pid}")
    start = at
    for width, words in zip((4, 2, 2, 4, 4), meanings):
        told.add(octets, start, start + width, words, depth)
        start += width
    return start


def netlink_octets(netlink, octets):
    """Spell out a request of a netlink socket, or what it was answered.

    Parameters
    ----------
    netlink : NetlinkSocket
        Whose commands and families are meant.
    octets : bytes
        One or several messages.

    Returns
    -------
    told : Octets
        Shows itself as lines.
    """
    told, at = Octets(), 0
    names = {NLMSG_ERROR: "an error, or an acknowledgement", NLMSG_DONE: "the end of a list", netlink.number: netlink.family}
    commands = {op.number: op for op in netlink.commands.values() if (op.set == "ctrl") == (netlink.number == CTRL_ID)}
    for one in messages(octets):
        end, start = at + len(one.octets), _header(told, octets, at, names)
        if one.kind == NLMSG_ERROR:
            number = -int.from_bytes(octets[start:start + WIDTH], "little", signed=True)
            told.add(octets, start, start + WIDTH, f"{'error ' + name_of(number) if number else 'no error'} ({-number})")
            start = _header(told, octets, start + WIDTH, names, 1)
            if not one.bits & NLM_F_CAPPED:
                whole = int.from_bytes(octets[at + 20:at + 24], "little")
                told.add(octets, start, at + 20 + aligned(whole), "the rest of the request", 1)
                start = at + 20 + aligned(whole)
            if one.bits & NLM_F_ACK_TLVS:
                _attributes(told, octets, start, end, {n: (name, None) for n, name in EXTACK.items()}, 0)
        elif one.kind == NLMSG_DONE:
            told.add(octets, start, end, "how it ended")
        else:
            op = commands.get(one.command)
            told.add(octets, start, start + 1, f"command {one.command}{': ' + op.name if op else ''}")
            told.add(octets, start + 1, start + 2, "version of the family")
            told.add(octets, start + 2, at + HEADERS, "reserved")
            fields = SETS.get(op.set, {}) if op else {}
            _attributes(told, octets, at + HEADERS, end, {f.number: (n, f) for n, f in fields.items()}, 0)
        at += aligned(len(one.octets))
    return told
