"""Attribute policies: what may stand in a request, and in which order the kernel looks.

Law.   Attributes are judged one by one in the order of the message; the first that breaks its rule ends the request.
Reads. Linux lib/nlattr.c (strict validation), net/netlink/policy.c (a policy as attributes), include/net/netlink.h.
Omits. The lenient validation of old families; kinds that no family here uses.

For each attribute: known number, length, nested flag, nested content, "is it supported at all", shortest length, range.
"""

import struct
from typing import NamedTuple

from devmemlab.base.errno import EINVAL, ERANGE
from devmemlab.host.genl.extack import Refused
from devmemlab.host.genl.wire import NLATTR, attribute, attributes

LENGTHS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "s32": 4}
KINDS = {"u8": 2, "u16": 3, "u32": 4, "u64": 5, "s32": 8, "string": 12, "nest": 13, "uint": 17}
U32_MAX, S32_MAX, U64_MAX = (1 << 32) - 1, (1 << 31) - 1, (1 << 64) - 1
DEEPEST = 10
TYPE, MIN_S, MAX_S, MIN_U, MAX_U, MAX_LENGTH, POLICY_IDX, POLICY_MAXTYPE, MASK = 1, 2, 3, 4, 5, 7, 8, 9, 12


class Rule(NamedTuple):
    """The rule of one attribute.

    kind : str
        ``"u32"``, ``"uint"`` (four or eight octets), ``"s32"``, ``"string"``, ``"nest"``, ...
    low, high : int
        Range of a number, or longest string.
    mask : int
        Bits that may be set; 0 when there is no such rule.
    nested : dict of int to Rule, optional
        Policy of what is inside a nest.
    """

    kind: str
    low: int = 0
    high: int = 0
    mask: int = 0
    nested: dict = None

    def described(self, index=None):
        """Write the rule as attributes, as refusals and policy dumps show it.

        Parameters
        ----------
        index : callable, optional
            Gives the number of a nested policy in the dump at hand.

        Returns
        -------
        octets : bytes
            Attributes.
        """
        out = b""
        if self.kind == "nest":
            if index is not None:
                out = attribute(POLICY_IDX, struct.pack("<I", index(self.nested)))
                out += attribute(POLICY_MAXTYPE, struct.pack("<I", max(self.nested)))
        elif self.kind == "string":
            out = attribute(MAX_LENGTH, struct.pack("<I", self.high))
        elif self.mask:
            out = attribute(MASK, struct.pack("<Q", self.mask))
        elif self.kind == "s32":
            out = attribute(MIN_S, struct.pack("<q", self.low)) + attribute(MAX_S, struct.pack("<q", self.high))
        else:
            out = attribute(MIN_U, struct.pack("<Q", self.low)) + attribute(MAX_U, struct.pack("<Q", self.high))
        return out + attribute(TYPE, struct.pack("<I", KINDS[self.kind]))


def u32(low=0, high=U32_MAX):
    """Make the rule of a 32-bit number.

    Parameters
    ----------
    low, high : int
        Range.

    Returns
    -------
    rule : Rule
        Of kind ``"u32"``.
    """
    return Rule("u32", low, high)


def uint(low=0, high=U64_MAX, mask=0):
    """Make the rule of a number of four or eight octets.

    Parameters
    ----------
    low, high : int
        Range.
    mask : int
        Bits that may be set, instead of a range.

    Returns
    -------
    rule : Rule
        Of kind ``"uint"``.
    """
    return Rule("uint", low, high, mask)


def nest(nested):
    """Make the rule of a nest.

    Parameters
    ----------
    nested : dict of int to Rule
        Policy of what is inside.

    Returns
    -------
    rule : Rule
        Of kind ``"nest"``.
    """
    return Rule("nest", nested=nested)


def number_of(octets, found, signed=False):
    """Read the number that an attribute holds.

    Parameters
    ----------
    octets : bytes
        The message.
    found : Attribute
        Where it is.
    signed : bool
        Whether it may be negative.

    Returns
    -------
    value : int
        Little endian.
    """
    return int.from_bytes(octets[found.start:found.end], "little", signed=signed)


def parse(octets, start, end, policy, depth=0):
    """Check attributes strictly and tell where each is.

    Parameters
    ----------
    octets : bytes
        The message.
    start, end : int
        Where they are.
    policy : dict of int to Rule
        What may be there.
    depth : int
        How many nests are around.

    Returns
    -------
    table : dict of int to Attribute
        The last one of each number.

    Raises
    ------
    Refused
        EINVAL: unknown, not supported, wrong length or nesting, octets left over; ERANGE: out of range.
    """
    if depth >= DEEPEST:
        raise Refused(EINVAL, "nests within nests within nests", msg="allowed policy recursion depth exceeded")
    found, leftover = attributes(octets, start, end)
    highest = max(policy, default=0)
    for one in found:
        if not 0 < one.number <= highest:
            raise Refused(EINVAL, f"attribute {one.number} is not one of {sorted(policy)}", msg="Unknown attribute type",
                          bad_attr=one)
        _check(octets, one, policy.get(one.number), depth)
    if leftover:
        raise Refused(EINVAL, f"{leftover} octets behind the last attribute make none",
                      msg="bytes leftover after parsing attributes")
    return {one.number: one for one in found}


def _check(octets, one, rule, depth):
    """Judge one attribute."""
    length = one.end - one.start
    if rule is None:
        raise Refused(EINVAL, f"attribute {one.number} is known, but not in a request like this", msg="Unsupported attribute",
                      bad_attr=one)
    if rule.kind in LENGTHS and length != LENGTHS[rule.kind] or rule.kind == "uint" and length not in (4, 8):
        # Kernels look at the flag of a number of free length before its length; of a fixed one after.
        if rule.kind != "uint" or not one.nested:
            raise Refused(EINVAL, f"{length} octets for a {rule.kind}", msg="invalid attribute length", bad_attr=one, rule=rule)
    if (rule.kind == "nest") != one.nested:
        word = "is missing" if rule.kind == "nest" else "not expected"
        raise Refused(EINVAL, "the nested bit (0x8000) of the attribute type belongs on nests and nowhere else",
                      msg=f"NLA_F_NESTED {word}", bad_attr=one, rule=rule)
    if rule.kind == "nest":
        if 0 < length < NLATTR.size:
            _fail(one, rule, f"{length} octets make no attribute")
        if length:
            parse(octets, one.start, one.end, rule.nested, depth + 1)
    elif rule.kind == "string":
        text = octets[one.start:one.end]
        if not text or b"\0" not in text[:rule.high + 1]:
            _fail(one, rule, f"a string of up to {rule.high} characters ends with a zero", EINVAL)
    elif rule.mask:
        value = number_of(octets, one)
        if value & ~rule.mask:
            raise Refused(EINVAL, f"{value:#x} has bits beside {rule.mask:#x}", msg="reserved bit set", bad_attr=one)
    else:
        value = number_of(octets, one, signed=rule.kind[0] == "s")
        if not rule.low <= value <= rule.high:
            raise Refused(ERANGE, f"{value}: {rule.low} to {rule.high} is possible", msg="integer out of range", bad_attr=one,
                          rule=rule)


def _fail(one, rule, advice, number=ERANGE):
    """Refuse with the general sentence."""
    raise Refused(number, advice, msg="Attribute failed policy validation", bad_attr=one, rule=rule)
