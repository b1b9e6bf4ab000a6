"""Attribute sets by name: the numbers behind the words of the YAML specification.

Law.   A name and its number are written down once; requests, replies and notifications are spelled from the same table.
Reads. Linux Documentation/netlink/specs/{netdev,nlctrl}.yaml, include/uapi/linux/{netdev,genetlink}.h; spec section 9.2.
Omits. Comments and documentation strings of the YAML; sets of other families.
"""

from typing import NamedTuple

from devmemlab.base.errno import EINVAL, error
from devmemlab.host.genl.rules import LENGTHS, U32_MAX
from devmemlab.host.genl.wire import attribute, attributes

RX, TX = "rx", "tx"
QUEUE_TYPES = (RX, TX)
THREADED = ("disabled", "enabled", "busy-poll")


class Field(NamedTuple):
    """One attribute.

    number : int
        On the wire.
    kind : str
        ``"u32"``, ``"uint"``, ``"string"``, ``"nest"``, ...
    within : str, optional
        Set of the attributes in a nest; ``"*name"`` is a nest of numbered nests of that set.
    words : tuple of str, optional
        Names of the values 0, 1, ...
    many : bool
        Whether it may come several times; its value is then a list.
    """

    number: int
    kind: str = "u32"
    within: str = None
    words: tuple = None
    many: bool = False


STATISTICS = ("alloc-fast", "alloc-slow", "alloc-slow-high-order", "alloc-empty", "alloc-refill", "alloc-waive",
              "recycle-cached", "recycle-cache-full", "recycle-ring", "recycle-ring-full", "recycle-released-refcnt")
QSTATS = ("rx-packets", "rx-bytes", "tx-packets", "tx-bytes", "rx-alloc-fail", "rx-hw-drops", "rx-hw-drop-overruns",
          "rx-csum-complete", "rx-csum-unnecessary", "rx-csum-none", "rx-csum-bad", "rx-hw-gro-packets", "rx-hw-gro-bytes",
          "rx-hw-gro-wire-packets", "rx-hw-gro-wire-bytes", "rx-hw-drop-ratelimits", "tx-hw-drops", "tx-hw-drop-errors",
          "tx-csum-none", "tx-needs-csum", "tx-hw-gso-packets", "tx-hw-gso-bytes", "tx-hw-gso-wire-packets",
          "tx-hw-gso-wire-bytes", "tx-hw-drop-ratelimits", "tx-stop", "tx-wake")
U64 = Field(0, "u64")
UINT = Field(0, "uint")
EMPTY = {}

SETS = {
    "dev": {"ifindex": Field(1), "pad": Field(2, "binary"), "xdp-features": U64._replace(number=3), "xdp-zc-max-segs": Field(4),
            "xdp-rx-metadata-features": U64._replace(number=5), "xsk-features": U64._replace(number=6)},
    "page-pool": {"id": Field(1, "uint"), "ifindex": Field(2), "napi-id": Field(3, "uint"), "inflight": Field(4, "uint"),
                  "inflight-mem": Field(5, "uint"), "detach-time": Field(6, "uint"), "dmabuf": Field(7),
                  "io-uring": Field(8, "nest", "nothing")},
    "page-pool-info": {"id": Field(1, "uint"), "ifindex": Field(2)},
    "page-pool-stats": {"info": Field(1, "nest", "page-pool-info"),
                        **{name: Field(8 + i, "uint") for i, name in enumerate(STATISTICS)}},
    "napi": {"ifindex": Field(1), "id": Field(2), "irq": Field(3), "pid": Field(4), "defer-hard-irqs": Field(5),
             "irq-suspend-timeout": Field(6, "uint"), "gro-flush-timeout": Field(7, "uint"),
             "threaded": Field(8, words=THREADED)},
    "queue": {"id": Field(1), "ifindex": Field(2), "type": Field(3, words=QUEUE_TYPES), "napi-id": Field(4),
              "dmabuf": Field(5), "io-uring": Field(6, "nest", "nothing"), "xsk": Field(7, "nest", "nothing"),
              "lease": Field(8, "nest", "lease")},
    "queue-id": {"id": Field(1), "type": Field(3, words=QUEUE_TYPES)},
    "qstats": {"ifindex": Field(1), "queue-type": Field(2, words=QUEUE_TYPES), "queue-id": Field(3), "scope": Field(4, "uint"),
               **{name: Field(8 + i, "uint") for i, name in enumerate(QSTATS)}},
    "dmabuf": {"ifindex": Field(1), "queues": Field(2, "nest", "queue-id", many=True), "fd": Field(3), "id": Field(4),
               "rx-page-size": Field(5)},
    "lease": {"ifindex": Field(1), "queue": Field(2, "nest", "queue-id"), "netns-id": Field(3, "s32")},
    "queue-dmabuf": {"type": Field(1, words=QUEUE_TYPES), "id": Field(2)},
    "bind-dmabuf": {"ifindex": Field(1), "queues": Field(2, "nest", "queue-dmabuf", many=True), "fd": Field(3), "id": Field(4)},
    "nothing": {},
    "ctrl": {"family-id": Field(1, "u16"), "family-name": Field(2, "string"), "version": Field(3), "hdrsize": Field(4),
             "maxattr": Field(5), "ops": Field(6, "nest", "*ctrl-op"), "mcast-groups": Field(7, "nest", "*ctrl-group"),
             "policy": Field(8, "nest", "raw"), "op-policy": Field(9, "nest", "*ctrl-policy"), "op": Field(10)},
    "ctrl-op": {"id": Field(1), "flags": Field(2)},
    "ctrl-group": {"name": Field(1, "string"), "id": Field(2)},
    "ctrl-policy": {"do": Field(1), "dump": Field(2)},
}
"""Set -> name -> Field. ``queue-dmabuf`` and ``bind-dmabuf`` are the sets of series v9, under today's names."""


def octets_of(field, value):
    """Spell a value as octets.

    Parameters
    ----------
    field : Field
        What it is.
    value : int, str or bytes
        A word, a number, a text, or the octets themselves.

    Returns
    -------
    octets : bytes
        Little endian.
    """
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if field.kind == "string":
        return value.encode() + b"\0"
    if field.kind == "flag":
        return b""
    if isinstance(value, str):
        if field.words is None or value not in field.words:
            raise error(EINVAL, f"{value!r} is none of {', '.join(field.words or ()) or 'no words: give a number'}")
        value = field.words.index(value)
    length = LENGTHS.get(field.kind) or (4 if 0 <= value <= U32_MAX else 8)
    return (int(value) & (1 << 8 * length) - 1).to_bytes(length, "little")


def encode(name, values, sets=SETS):
    """Write attributes by their names.

    Parameters
    ----------
    name : str
        Set.
    values : dict
        By name, in the order in which they are to stand. An int as a name is a raw attribute number; its value is octets or a
        32-bit number.
    sets : dict
        Sets of the family, as `SETS`.

    Returns
    -------
    octets : bytes
        Attributes.

    Raises
    ------
    KeyError
        A name that the set does not have.
    """
    out = b""
    for key, value in values.items():
        if isinstance(key, int):
            out += attribute(key, octets_of(Field(key), value))
            continue
        field = sets[name][key]
        for one in value if field.many else [value]:
            if field.kind != "nest" or isinstance(one, (bytes, bytearray)):
                out += attribute(field.number, octets_of(field, one), nested=field.kind == "nest")
            elif field.within.startswith("*"):
                parts = [attribute(index, encode(field.within[1:], part, sets), nested=True) for index, part in one.items()]
                out += attribute(field.number, b"".join(parts), nested=True)
            else:
                out += attribute(field.number, encode(field.within, one, sets), nested=True)
    return out


def decode(name, octets, start=0, end=None, words=True, sets=SETS):
    """Read attributes by their names.

    Parameters
    ----------
    name : str
        Set.
    octets : bytes
        A message, or attributes alone.
    start, end : int, optional
        Where the attributes are.
    words : bool
        Whether enumerations are words rather than numbers.
    sets : dict
        Sets of the family, as `SETS`.

    Returns
    -------
    values : dict
        By name; an attribute that the set does not have is under its number, as octets.
    """
    names = {field.number: (key, field) for key, field in sets.get(name, EMPTY).items()}
    values = {}
    for one in attributes(octets, start, len(octets) if end is None else end)[0]:
        key, field = names.get(one.number, (one.number, None))
        payload = octets[one.start:one.end]
        if field is None:
            value = payload
        elif field.kind == "nest" and field.within.startswith("*"):
            parts = attributes(octets, one.start, one.end)[0]
            value = {part.number: decode(field.within[1:], octets, part.start, part.end, words, sets) for part in parts}
        elif field.kind == "nest":
            value = decode(field.within, octets, one.start, one.end, words, sets)
        elif field.kind == "string":
            value = payload.rstrip(b"\0").decode()
        elif field.kind == "binary":
            value = payload
        elif field.kind == "flag":
            value = True
        else:
            value = int.from_bytes(payload, "little", signed=field.kind == "s32")
            if words and field.words is not None and value < len(field.words):
                value = field.words[value]
        if field is not None and field.many:
            values.setdefault(key, []).append(value)
        else:
            values[key] = value
    return values


def name_at(name, octets, start, offset, sets=SETS):
    """Find the name of the attribute that begins at an offset.

    Parameters
    ----------
    name : str
        Set of the attributes.
    octets : bytes
        The message.
    start : int
        Where the attributes begin.
    offset : int or None
        Where the wanted one begins.
    sets : dict
        Sets of the family, as `SETS`.

    Returns
    -------
    path : tuple of str
        Names from the outside in; empty when none begins there. An attribute without a name is ``"attribute 50"``.
    """
    names = {field.number: (key, field) for key, field in sets.get(name, EMPTY).items()}

    def search(start, end, names):
        for one in attributes(octets, start, end)[0]:
            key, field = names.get(one.number, (f"attribute {one.number}", None))
            if one.offset == offset:
                return (key,)
            if one.offset < offset < one.end and field is not None and field.kind == "nest":
                inner = {f.number: (k, f) for k, f in sets.get(field.within.lstrip("*"), EMPTY).items()}
                return (key, *search(one.start, one.end, inner))
        return ()
    return search(start, len(octets), names) if offset is not None else ()
