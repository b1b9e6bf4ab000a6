"""Socket options: SO_DEVMEM_DONTNEED and its neighbours 78 and 79.

Law.   The octets of the option value are those of the record; what it abbreviates is continued as it begins.
Reads. Linux net/core/sock.c; recorded groups sockopt-dontneed and sockopt-other.
Omits. Real tokens: those are in the traces of a NIC.
"""

import re

from devmemlab.lab.conformance.answers import NotModelled, attempt
from devmemlab.sock.uapi import SO_DEVMEM_DONTNEED, SOL_SOCKET

ELEMENT = 8
CUT = ".."
ONE_TOKEN = (0x7FFFFFFF).to_bytes(4, "little") + (1).to_bytes(4, "little")
"""A token that nobody holds."""


def option_octets(text):
    """Read the option value of a record.

    Parameters
    ----------
    text : str, int or None
        Hex digits, which end with ``..`` when the rest was left out; else an address.

    Returns
    -------
    octets : bytes, int or None
        See `continued` for the rest; an address as it is.
    """
    return bytes.fromhex(text.removesuffix(CUT)) if isinstance(text, str) else text


def continued(octets, optlen):
    """Continue elements ``{u32 start, u32 count}`` by the step between the first two.

    Parameters
    ----------
    octets : bytes
        The first two elements.
    optlen : int
        Octets wanted.

    Returns
    -------
    octets : bytes
        ``optlen`` of them.
    """
    first, second = (tuple(int.from_bytes(octets[at + k:at + k + 4], "little") for k in (0, 4)) for at in (0, ELEMENT))
    rows = -(-optlen // ELEMENT)
    made = b"".join((a + k * (b - a) & 0xFFFFFFFF).to_bytes(4, "little") for k in range(rows) for a, b in zip(first, second,
                                                                                                             strict=True))
    return made[:optlen]


def plain_value(record):
    """Spell the value of an option whose record tells only its length.

    Parameters
    ----------
    record : Record
        Its case ends with ``int0``, ``int1``, ``24B`` or ``len1``.

    Returns
    -------
    octets : bytes
        As long as the record says.
    """
    return (1 if record.leaf.endswith("int1") else 0).to_bytes(record.args["optlen"], "little")


def replay(face, record):
    """Make the call of a record.

    Parameters
    ----------
    face : LabFace or RealFace
        On whom.
    record : Record
        Of setsockopt or getsockopt.

    Returns
    -------
    answer : Answer
        What came back.
    """
    name, args = record.args.get("sock", record.subject), record.args
    get, level, option = record.call.startswith("getsockopt"), SOL_SOCKET, SO_DEVMEM_DONTNEED
    if record.call == "setsockopt(SO_ZEROCOPY)":
        raise NotModelled(f"the lab does not model {record.subject.rstrip('46').upper()} sockets")
    if number := re.search(r", (78|79|80)\)", record.call):
        option = int(number[1])
    fd = face.descriptor(name)
    if get:
        return attempt(face.getsockopt, fd, level, option, args["optlen"])
    if "level" in args:
        return attempt(face.setsockopt, fd, args["level"], option, ONE_TOKEN, len(ONE_TOKEN))
    if "optval" in args:
        octets = option_octets(args["optval"])
        if str(args["optval"]).endswith(CUT):
            octets = continued(octets, args["optlen"])
        return attempt(face.setsockopt, fd, level, option, octets, args["optlen"])
    octets = plain_value(record) if "optlen" in args else ONE_TOKEN
    return attempt(face.setsockopt, fd, level, option, octets, len(octets))
