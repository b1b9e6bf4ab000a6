"""Extended acknowledgements: how the kernel says no, and how a program reads it.

Law.   An error carries what the kernel knows and nothing else; what the lab adds in words does not travel.
Reads. Linux net/netlink/af_netlink.c (netlink_ack, its attributes), net/netlink/policy.c (the policy in a refusal).
Omits. Cookies.

Behind the request that an error quotes stand up to five attributes: 1 the sentence, 2 the offset of the attribute at fault,
4 the rule it broke, 5 the number of the attribute that is missing, 6 the offset of the nest it is missing from. Offsets count
from the first octet of the message, so the first attribute of a generic request is at 20.
"""

import struct

from devmemlab.host.genl.wire import (
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLMSG_ERROR,
    NLMSGHDR,
    aligned,
    attribute,
    attributes,
    message,
    padded,
)

MSG, OFFS, POLICY, MISS_TYPE, MISS_NEST = 1, 2, 4, 5, 6
MSG_CHARACTERS = 79
NUMBER = struct.Struct("<i")
WORD = struct.Struct("<I")


class Refused(Exception):
    """The kernel's side of an error, until it is written out.

    Parameters
    ----------
    number : int
        Errno.
    advice : str
        What was wrong and what to do, in the lab's words.
    msg : str, optional
        The kernel's sentence.
    bad_attr : Attribute, optional
        The attribute at fault.
    rule : Rule, optional
        The rule that it broke.
    miss_type : int, optional
        Number of the missing attribute.
    miss_nest : Attribute, optional
        The nest that it is missing from.
    """

    def __init__(self, number, advice="", msg=None, bad_attr=None, rule=None, miss_type=None, miss_nest=None):
        super().__init__(number, advice)
        self.number, self.advice, self.msg = number, advice, msg
        self.bad_attr, self.rule, self.miss_type, self.miss_nest = bad_attr, rule, miss_type, miss_nest

    def tlvs(self):
        """Write the attributes of the refusal.

        Returns
        -------
        octets : bytes
            Empty when there is nothing to say.
        """
        out = b""
        if self.msg:
            out += attribute(MSG, self.msg.encode()[:MSG_CHARACTERS] + b"\0")
        if self.bad_attr is not None:
            out += attribute(OFFS, WORD.pack(self.bad_attr.offset))
        told = self.rule.described() if self.rule is not None else b""
        if told:
            out += attribute(POLICY, told, nested=True)
        if self.miss_type is not None:
            out += attribute(MISS_TYPE, WORD.pack(self.miss_type))
        if self.miss_nest is not None:
            out += attribute(MISS_NEST, WORD.pack(self.miss_nest.offset))
        return out


class Extack:
    """What the kernel adds to a netlink error, as a program sees it.

    Parameters
    ----------
    msg : str, optional
        A sentence.
    bad_attr : str, optional
        The attribute at fault.
    miss_type : int, optional
        Number of the attribute that is missing.
    miss_nest : str, optional
        The nest that it is missing from.
    policy : dict of int to bytes, optional
        The rule that was broken, by NL_POLICY_TYPE_ATTR_* number.
    bad_attr_offset, miss_nest_offset : int, optional
        Where those two are in the request.
    """

    def __init__(self, msg=None, bad_attr=None, miss_type=None, miss_nest=None, policy=None, bad_attr_offset=None,
                 miss_nest_offset=None):
        self.msg, self.bad_attr, self.miss_type, self.miss_nest, self.policy = msg, bad_attr, miss_type, miss_nest, policy
        self.bad_attr_offset, self.miss_nest_offset = bad_attr_offset, miss_nest_offset

    def as_dict(self):
        """Spell it as recorded answers of real kernels are spelled.

        Returns
        -------
        parts : dict
            Of ``msg``, ``bad_attr_offset``, ``miss_type``, ``miss_nest_offset`` and ``policy`` (hexadecimal) those there are.
        """
        parts = {"msg": self.msg, "bad_attr_offset": self.bad_attr_offset, "miss_type": self.miss_type,
                 "miss_nest_offset": self.miss_nest_offset,
                 "policy": self.policy and {str(number): value.hex() for number, value in self.policy.items()}}
        return {name: value for name, value in parts.items() if value is not None}

    def __repr__(self):
        parts = [f"{k}={v!r}" for k, v in vars(self).items() if v is not None]
        return f"Extack({', '.join(parts)})"


def acknowledgement(request, port, number, tlvs, quote):
    """Write the message that ends a request: an error, or an acknowledgement.

    Parameters
    ----------
    request : Message
        What was asked.
    port : int
        Number of the socket that asked.
    number : int
        Errno, 0 for success.
    tlvs : bytes
        Attributes of the refusal.
    quote : bool
        Whether an error quotes the whole request, or its header only.

    Returns
    -------
    octets : bytes
        A message of type NLMSG_ERROR.
    """
    quoted = request.octets if number and quote else request.octets[:NLMSGHDR.size]
    bits = (0 if number and quote else NLM_F_CAPPED) | (NLM_F_ACK_TLVS if tlvs else 0)
    body = NUMBER.pack(-number) + (padded(quoted) if tlvs else quoted) + tlvs
    return message(NLMSG_ERROR, bits, request.seq, port, body)


def read_outcome(reply):
    """Read an error, an acknowledgement or the end of a dump.

    Parameters
    ----------
    reply : Message
        Of type NLMSG_ERROR or NLMSG_DONE.

    Returns
    -------
    number : int
        Errno, 0 for success.
    extack : Extack
        What the kernel added.
    """
    octets, at = reply.octets, NLMSGHDR.size
    number = -NUMBER.unpack_from(octets, at)[0] if len(octets) >= at + NUMBER.size else 0
    extack = Extack()
    if not reply.bits & NLM_F_ACK_TLVS:
        return number, extack
    at += NUMBER.size
    if reply.kind == NLMSG_ERROR:
        quoted = NLMSGHDR.size if reply.bits & NLM_F_CAPPED else WORD.unpack_from(octets, at)[0]
        at += aligned(quoted)
    for found in attributes(octets, at, len(octets))[0]:
        payload = octets[found.start:found.end]
        if found.number == MSG:
            extack.msg = payload.rstrip(b"\0").decode()
        elif found.number == OFFS:
            extack.bad_attr_offset = WORD.unpack(payload)[0]
        elif found.number == MISS_TYPE:
            extack.miss_type = WORD.unpack(payload)[0]
        elif found.number == MISS_NEST:
            extack.miss_nest_offset = WORD.unpack(payload)[0]
        elif found.number == POLICY:
            inner = attributes(octets, found.start, found.end)[0]
            extack.policy = {part.number: octets[part.start:part.end] for part in inner}
    return number, extack
