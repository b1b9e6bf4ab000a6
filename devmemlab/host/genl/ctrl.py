"""nlctrl, the family of families: what a program asks before anything else.

Law.   What the controller tells about a command is computed from the very tables that requests are judged by.
Reads. Linux net/netlink/genetlink.c (ctrl_fill_info, ctrl_dumppolicy), net/netlink/policy.c (how policies are numbered).
Omits. Notifications about families.
"""

import struct

from devmemlab.base.errno import EINVAL, ENODATA, ENOENT
from devmemlab.host.genl.extack import Refused
from devmemlab.host.genl.operations import CTRL_ID, MCAST, shares_rejection
from devmemlab.host.genl.sets import encode
from devmemlab.host.genl.wire import attribute, attributes

VERSIONS = {"nlctrl": 2, "netdev": 1}
GROUPS = {"nlctrl": {"notify": 16}, "netdev": MCAST}
POLICY, DO, DUMP = 8, 1, 2


def _find(request):
    """Number of the family that a request names."""
    families = request.host.genl.families
    name = request.where("family-name")
    if request.where("family-id") is not None:
        number = request.number("family-id")
    elif name is not None:
        wanted = request.octets[name.start:name.end].split(b"\0")[0].decode("latin-1")
        number = next((known for known, (word, _) in families.items() if word == wanted), None)
    else:
        raise Refused(EINVAL, "the request names no family, neither by family-id nor by family-name")
    if number not in families:
        raise Refused(ENOENT, f"there is no such family; there are {', '.join(word for word, _ in families.values())}")
    return number


def family_fill(host, number):
    """Describe a family.

    Parameters
    ----------
    host : Host
        The machine.
    number : int
        Number of the family.

    Returns
    -------
    reply : dict
        Of the set ``ctrl``.
    """
    name, operations = host.genl.families[number]
    ops = {i + 1: {"id": op.number, "flags": op.bits} for i, op in enumerate(operations.values())}
    groups = {i + 1: {"id": group, "name": word} for i, (word, group) in enumerate(GROUPS[name].items())}
    return {"family-name": name, "family-id": number, "version": VERSIONS[name], "hdrsize": 0, "maxattr": 0, "ops": ops,
            "mcast-groups": groups}


def getfamily(request):
    """Answer getfamily.

    Parameters
    ----------
    request : Request
        With ``family-name`` or ``family-id``.

    Returns
    -------
    replies : list of dict
        One.

    Raises
    ------
    Refused
        EINVAL, ENOENT.
    """
    return [family_fill(request.host, _find(request))]


def getfamily_dump(request):
    """Answer a dump of getfamily.

    Parameters
    ----------
    request : Request
        Its attributes are not looked at.

    Returns
    -------
    replies : list of dict
        One a family.
    """
    return [family_fill(request.host, number) for number in request.host.genl.families]


class _Numbering:
    """Policies get numbers in the order in which they are met, what is nested in one right behind it."""

    def __init__(self):
        self.tables, self.numbers = [], {}

    def add(self, policy):
        key = id(policy) if policy is not None else "refuses everything"
        if key not in self.numbers:
            self.numbers[key] = len(self.tables)
            self.tables.append(policy or {})
            for rule in [rule for _, rule in sorted((policy or {}).items())]:
                if rule.nested is not None:
                    self.add(rule.nested)
        return self.numbers[key]


def getpolicy_dump(request):
    """Answer a dump of getpolicy.

    Parameters
    ----------
    request : Request
        With ``family-name`` or ``family-id``, and a command as ``op`` perhaps.

    Returns
    -------
    replies : list of dict or bytes
        First which policies the commands have, then every attribute of every policy.

    Raises
    ------
    Refused
        EINVAL, ENOENT; ENODATA: the family has no such command.
    """
    number = _find(request)
    only = request.number("op")
    chosen = [op for op in request.host.genl.families[number][1].values() if only in (None, op.number)]
    if not chosen:
        raise Refused(ENODATA, f"the family has no command {only}")
    old = shares_rejection(request.host.profile)
    numbering = _Numbering()
    replies = []
    for op in chosen:
        # Kernels up to 6.18 take the number of the command from its "do" half, which is zero where there is none.
        command = 0 if old and not op.do and number != CTRL_ID else op.number
        policies = {"do": numbering.add(op.do_policy)} if op.do else {}
        if op.dump:
            policies["dump"] = numbering.add(op.dump_policy)
        replies.append({"family-id": number, "op-policy": {command: policies}})
    for index, table in enumerate(numbering.tables):
        for kind, rule in sorted(table.items()):
            body = attribute(kind, rule.described(numbering.add), nested=True)
            told = attribute(POLICY, attribute(index, body, nested=True), nested=True)
            replies.append(encode("ctrl", {"family-id": number}) + told)
    return replies


def read_policies(octets, start, end, policies):
    """Read one policy message into a table.

    Parameters
    ----------
    octets : bytes
        The message.
    start, end : int
        Payload of its ``policy`` attribute.
    policies : dict of int to dict
        Policy number -> attribute number -> what is told, by the numbers of NL_POLICY_TYPE_ATTR_*; this is added to.
    """
    for table in attributes(octets, start, end)[0]:
        for one in attributes(octets, table.start, table.end)[0]:
            told = {part.number: octets[part.start:part.end] for part in attributes(octets, one.start, one.end)[0]}
            policies.setdefault(table.number, {})[one.number] = {
                number: struct.unpack("<I" if len(value) == 4 else "<Q", value)[0] for number, value in told.items()}
