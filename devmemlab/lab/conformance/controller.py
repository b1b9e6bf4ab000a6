"""What the controller family tells of another family: its commands, and the policies of their attributes.

Law.   Every number of the dump is kept; only the family's own number and its groups' are dynamic.
Reads. Linux include/uapi/linux/{genetlink,netlink}.h (CTRL_ATTR_*, NL_POLICY_TYPE_ATTR_*).
Omits. The maximum lengths of strings and binaries.
"""

from devmemlab.lab.conformance.messages import attributes_of, number

FLAGS = ((1, "ADMIN_PERM"), (2, "DO"), (4, "DUMP"), (8, "HASPOL"), (0x10, "UNS_ADMIN_PERM"))
TYPES = {1: "flag", 2: "u8", 3: "u16", 4: "u32", 5: "u64", 6: "s8", 7: "s16", 8: "s32", 9: "s64", 10: "binary", 11: "string",
         12: "nul-string", 13: "nested", 14: "nested-array", 15: "bitfield32", 16: "sint", 17: "uint"}
POLICY = {2: "min_s", 3: "max_s", 4: "min_u", 5: "max_u", 8: "policy_idx", 9: "policy_maxtype", 12: "mask"}
SIGNED = (2, 3)


def family(bodies):
    """Read a reply to getfamily.

    Parameters
    ----------
    bodies : list of (int, bytes)
        Command and attributes.

    Returns
    -------
    told : dict
        ``name``, ``version``, ``ops``, ``mcast_groups``, ...
    """
    told = {"name": None, "id": "dynamic", "version": None, "hdrsize": None, "maxattr": None, "ops": [], "mcast_groups": []}
    for kind, body in attributes_of(bodies[0][1]):
        if kind == 2:
            told["name"] = body.rstrip(b"\0").decode("ascii")
        elif kind in (3, 4, 5):
            told[{3: "version", 4: "hdrsize", 5: "maxattr"}[kind]] = number(body)
        elif kind == 6:
            for _, op in attributes_of(body):
                fields = {what: number(value) for what, value in attributes_of(op)}
                bits = fields[2]
                told["ops"].append({"cmd": fields[1], "flags": bits,
                                    "flags_str": "|".join(word for bit, word in FLAGS if bits & bit)})
        elif kind == 7:
            for _, group in attributes_of(body):
                told["mcast_groups"].append({"id": "dynamic", "name": dict(attributes_of(group))[1].rstrip(b"\0").decode()})
    return told


def policies(bodies):
    """Read a policy dump.

    Parameters
    ----------
    bodies : list of (int, bytes)
        Command and attributes of each message.

    Returns
    -------
    told : dict
        ``op_policy`` and ``policies``.
    """
    told = {"op_policy": {}, "policies": {}}
    for _, octets in bodies:
        for kind, body in attributes_of(octets):
            if kind == 9:
                for command, numbers in attributes_of(body):
                    told["op_policy"][str(command)] = {{1: "do", 2: "dump"}[what]: number(value)
                                                       for what, value in attributes_of(numbers)}
            elif kind == 8:
                for index, table in attributes_of(body):
                    for attribute, fields in attributes_of(table):
                        told["policies"].setdefault(str(index), {})[str(attribute)] = _rule(fields)
    return told


def _rule(octets):
    fields = {}
    for kind, body in attributes_of(octets):
        if kind == 1:
            fields["type"] = TYPES[number(body)]
        elif kind in POLICY:
            fields[POLICY[kind]] = int.from_bytes(body, "little", signed=kind in SIGNED)
    return fields
