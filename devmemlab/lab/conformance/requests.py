"""Requests to the family netdev, as the records describe them.

Law.   A request follows from call, arguments and the name of the case; the order of its attributes is always the same.
Reads. Recorded groups genl-*, netdevsim and devmem-rig; spec section 9.2 for the numbers.
Omits. Requests that no record made.

bind-rx puts ifindex at octet 20 of the message, fd at 28, queues at 36 and whatever comes on top at 56.
"""

import struct

from devmemlab.lab.conformance.answers import NotModelled
from devmemlab.lab.conformance.messages import COMMANDS, attribute

RX, TX = 0, 1
OUT_OF_RANGE, ALL_ONES = 4096, 0xFFFFFFFF
NO_DEVICE = 99999
IFINDEX, QUEUES, FD, BINDING_ID, RX_PAGE_SIZE = 1, 2, 3, 4, 5
FDS = {"unopened-9999": 9999, "minus1": ALL_ONES, "fd-7fffffff": 0x7FFFFFFF}
"""Names of descriptors that are not open."""


def queue(index=0, kind=RX, extra=b"", nested=True):
    """Write one ``queues`` nest.

    Parameters
    ----------
    index, kind : int or None
        Of the queue; None leaves the attribute out.
    extra : bytes
        More attributes.
    nested : bool
        False: without the flag that says so.

    Returns
    -------
    octets : bytes
        An attribute.
    """
    body = (b"" if index is None else attribute(1, index)) + (b"" if kind is None else attribute(3, kind)) + extra
    return attribute(QUEUES, body, nested)


SHAPES = {
    "queue-out-of-range": queue(OUT_OF_RANGE), "queue-ffffffff": queue(ALL_ONES), "queue-no-id": queue(None),
    "queue-no-type": queue(0, None), "queue-type-tx": queue(0, TX), "queue-type-2": queue(0, 2),
    "queue-type-ffffffff": queue(0, ALL_ONES), "queue-empty-nest": queue(None, None), "queue-dup": queue() + queue(),
    "queue-not-nested-flag": queue(nested=False), "queue-extra-napi-id": queue(extra=attribute(4, 1)),
    "queue-extra-ifindex": queue(extra=attribute(2, 1)), "queue-unknown-attr-40": queue(extra=attribute(40, 1)),
    "queue-id-short-u16": attribute(QUEUES, attribute(1, struct.pack("=H", 0)) + attribute(3, RX), True),
    "second-out-of-range": queue() + queue(OUT_OF_RANGE),
}
"""What a record calls its queues -> the attributes."""


def bind(face, record, device, fd="memfd-unsealed", queues=None):
    """Write the attributes of bind-rx or bind-tx.

    Parameters
    ----------
    face : LabFace or RealFace
        Numbers its devices and descriptors.
    record : Record
        What to bind.
    device : str
        Interface of the case.
    fd : str
        What is bound where the record does not say.
    queues : bytes, optional
        Where the record does not say: queue 0; for bind-tx none.

    Returns
    -------
    octets : bytes
        Attributes.
    """
    args, leaf, rx = dict(record.args), record.leaf, record.call.startswith("netdev.bind-rx")
    if leaf == "no-attrs" or leaf.endswith("-no-attrs") or leaf == "dump-flag":
        return b""
    if not set(args) & {"fd", "queues", "ifindex"}:
        args = {"ifindex": device, "fd": fd, **args}
        if leaf == "only-ifindex":
            del args["fd"]
        elif leaf == "only-fd":
            del args["ifindex"]
    elif isinstance(args.get("ifindex"), int):
        args.setdefault("fd", fd)
    out = b""
    if "ifindex" in args:
        number = args["ifindex"]
        out += attribute(IFINDEX, number if isinstance(number, int) else face.ifindex(device))
    if "fd" in args:
        out += attribute(FD, FDS[args["fd"]] if args["fd"] in FDS else face.fd(args["fd"]) & ALL_ONES)
    shape = args.get("queues")
    if isinstance(shape, str):
        out += SHAPES[shape]
    elif shape is not None:
        out += b"".join(queue(index, {"rx": RX, "tx": TX}[kind]) for index, kind in shape)
    elif rx and "fd" in args and leaf not in ("ifindex+fd", "only-ifindex"):
        out += queue() if queues is None else queues
    if "rx-page-size" in args:
        out += attribute(RX_PAGE_SIZE, args["rx-page-size"])
    extra = {"attr 50": attribute(50, 1), "dmabuf id=7 (output-only)": attribute(BINDING_ID, 7), "queues": queue()}
    if "extra" in args:
        out += extra[args["extra"]]
    return out + (attribute(50, 1) if leaf.endswith("unknown-attr") else b"")


def ask(face, record, device):
    """Write the attributes of any other command.

    Parameters
    ----------
    face : LabFace or RealFace
        Numbers its devices.
    record : Record
        What to ask.
    device : str or None
        Interface of the case, None for all.

    Returns
    -------
    octets : bytes
        Attributes.

    Raises
    ------
    NotModelled
        The case is described by nothing here.
    """
    command, _, how = record.call.removeprefix("netdev.").partition("[")
    leaf, args = record.leaf, record.args
    here = b"" if device is None else attribute(2 if command == "queue-get" else 1, face.ifindex(device))
    if "no-attrs" in record.case or command == "queue-create" or leaf == "no-id":
        return attribute(5, 1) if leaf == "no-id" else b""
    if how.startswith("dump"):
        if leaf == "dump-info-ifindex":
            return attribute(1, attribute(2, face.ifindex("lo")), True)
        if leaf == "dump-ifindex99999":
            return attribute(2, NO_DEVICE)
        if command in ("page-pool-get", "page-pool-stats-get") or device is None:
            return b""
        return here + (attribute(4, struct.pack("=Q", 1)) if leaf == "dump-queue" else b"")
    if command == "queue-get":
        if leaf == "only-ifindex":
            return here
        if leaf == "queue-get-rx3":
            return here + attribute(3, RX) + attribute(1, 3)
        kind = 2 if leaf == "type2" else {"rx": RX, "tx": TX}[args["type"]]
        return here + attribute(3, kind) + attribute(1, args.get("id", 0))
    if command == "dev-get":
        return {"ifindex0": attribute(1, 0), "unknown-attr": attribute(1, face.ifindex("lo")) + attribute(50, 1)}.get(leaf, here)
    if leaf.startswith("id") and command in ("page-pool-get", "napi-get", "napi-set"):
        value = int(leaf.removeprefix("id").removesuffix("-u32"))
        wide = command == "page-pool-get" and not leaf.endswith("-u32")
        return attribute(1 if command == "page-pool-get" else 2, struct.pack("=Q", value) if wide else value)
    if command == "page-pool-stats-get":
        inside = {"info-id99999": attribute(1, struct.pack("=Q", NO_DEVICE)), "info-ifindex-do": attribute(2, face.ifindex("lo"))}
        return attribute(1, inside[leaf], True)
    if command == "napi-set" and leaf == "napi-set":
        return attribute(2, 1) + attribute(5, 1)
    if command == "cmd99":
        return b""
    raise NotModelled(f"what {record.call} was given in {leaf!r} is not known here")


def command_of(record):
    """Find the number of a record's command.

    Parameters
    ----------
    record : Record
        Of the family netdev.

    Returns
    -------
    command, dump : int, bool
        Number, and whether everything was asked for.
    """
    name, _, how = record.call.removeprefix("netdev.").partition("[")
    return COMMANDS[name], how.startswith("dump")
