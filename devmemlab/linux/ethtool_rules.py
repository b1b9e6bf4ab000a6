"""n-tuple rules of a real interface: netlink has no request for them, the ioctl has.

Law.   The words are those of a lab host's rules; a mask has ones where bits are compared, on both sides of the call.
Reads. Linux include/uapi/linux/ethtool.h (struct ethtool_rx_flow_spec, ethtool_tcpip4_spec, ...); spec section 11.2.
Omits. Rules on what is below IP, on VLANs and virtual functions.
"""

import ipaddress
import struct

from devmemlab.base.errno import EINVAL, ENOENT, error
from devmemlab.linux.ethtool_ioctl import (
    ETHTOOL_GRXCLSRULE,
    ETHTOOL_SRXCLSRLDEL,
    ETHTOOL_SRXCLSRLINS,
    FLOW_RSS,
    ethtool_ioctl,
    rule_count,
    rule_places,
    rxnfc,
)

FLOW_TYPES = {"tcp4": 0x01, "udp4": 0x02, "tcp6": 0x05, "udp6": 0x06, "ip4": 0x0D, "ip6": 0x0E}
ANY_PLACE, DROP = 0xFFFFFFFF, (1 << 64) - 1
IP_VERSION_AT, RX_NFC_IP4 = 13, 1
HEADER_AT, MASK_AT, COOKIE_AT, PLACE_AT, SPEC_AT, CONTEXT_AT = 4, 76, 152, 160, 16, 184


def places_of(flow_type):
    """Tell where the fields of a flow are, inside its union.

    Parameters
    ----------
    flow_type : str
        A key of `FLOW_TYPES`.

    Returns
    -------
    places : dict of str to (int, int)
        Name -> offset and octets.
    """
    size = 16 if flow_type.endswith("6") else 4
    places = {"src_ip": (0, size), "dst_ip": (size, size)}
    if not flow_type.startswith("ip"):
        places |= {"src_port": (2 * size, 2), "dst_port": (2 * size + 2, 2)}
    return places


def _address(text, version):
    """Octets of an address, and of the mask that is written behind it."""
    try:
        found = ipaddress.ip_interface(text)
    except ValueError:
        raise error(EINVAL, f"{text!r} is no address") from None
    if found.version != version:
        raise error(EINVAL, f"{text!r} is no IPv{version} address")
    return found.ip.packed, found.netmask.packed


def write_spec(flow_type, queue, fields, masks, place, context):
    """Lay out a struct ethtool_rx_flow_spec.

    Parameters
    ----------
    flow_type : str
        A key of `FLOW_TYPES`.
    queue : int
        Where matching packets go; -1 drops them.
    fields, masks : dict
        By name; None is "not compared", and "all of it" for a mask.
    place, context : int
        Location, and RSS context.

    Returns
    -------
    octets : bytes
        168 of them.
    """
    if flow_type not in FLOW_TYPES:
        raise error(EINVAL, f"flow type {flow_type!r}: {', '.join(FLOW_TYPES)} are possible")
    spec, version = bytearray(168), int(flow_type[-1])
    places = places_of(flow_type)
    for name, value in fields.items():
        if value is None:
            continue
        if name not in places:
            raise error(EINVAL, f"{name} {value}: {flow_type} has no ports; use tcp{version} or udp{version}")
        at, size = places[name]
        if name.endswith("ip"):
            octets, mask = _address(value, version)
            mask = mask if masks[name] is None else _address(masks[name], version)[0]
        else:
            octets, mask = (int(number).to_bytes(2, "big") for number in (value, 0xFFFF if masks[name] is None else masks[name]))
        spec[HEADER_AT + at:HEADER_AT + at + size] = bytes(a & b for a, b in zip(octets, mask))
        spec[MASK_AT + at:MASK_AT + at + size] = mask
    if flow_type == "ip4":
        spec[HEADER_AT + IP_VERSION_AT] = RX_NFC_IP4
    struct.pack_into("=I", spec, 0, FLOW_TYPES[flow_type] | (FLOW_RSS if context else 0))
    struct.pack_into("=QI", spec, COOKIE_AT, DROP if queue == -1 else queue, place)
    return bytes(spec)


def read_spec(spec, context=0):
    """Read a struct ethtool_rx_flow_spec, in the words that make it.

    Parameters
    ----------
    spec : bytes
        168 octets.
    context : int
        RSS context, when the rule has one.

    Returns
    -------
    rule : dict
        As `RuleFace.add_rule` takes it; a kind that has no word here is its number.
    """
    kind = struct.unpack_from("=I", spec)[0]
    cookie, place = struct.unpack_from("=QI", spec, COOKIE_AT)
    name_of = {number: name for name, number in FLOW_TYPES.items()}
    flow_type = name_of.get(kind & 0xFF, f"kind {kind & 0xFF}")
    rule = {"location": place, "flow_type": flow_type}
    for name, (at, size) in places_of(flow_type).items() if kind & 0xFF in name_of else ():
        value, mask = spec[HEADER_AT + at:HEADER_AT + at + size], spec[MASK_AT + at:MASK_AT + at + size]
        if not any(mask):
            continue
        spell = (lambda octets: int.from_bytes(octets, "big")) if size == 2 else lambda octets: str(ipaddress.ip_address(octets))
        rule[name] = spell(value)
        if mask != b"\xff" * size:
            rule[f"{name}_mask"] = spell(mask)
    if kind & FLOW_RSS:
        return {**rule, "context": context}
    return {**rule, "queue": -1 if cookie == DROP else cookie}


class RuleFace:
    """The part of `devmemlab.linux.ethtool.Ethtool` about n-tuple rules."""

    def add_rule(self, flow_type, queue=0, src_ip=None, dst_ip=None, src_port=None, dst_port=None, location=None,
                 src_ip_mask=None, dst_ip_mask=None, src_port_mask=None, dst_port_mask=None, context=0):
        """Add an n-tuple rule (``ethtool -N``).

        Parameters
        ----------
        flow_type : {"tcp4", "tcp6", "udp4", "udp6", "ip4", "ip6"}
            Protocol.
        queue : int
            Where matching packets go; -1 drops them.
        src_ip, dst_ip : str, optional
            Addresses to match; ``"10.0.0.0/8"`` is an address with a mask.
        src_port, dst_port : int, optional
            Ports to match.
        location : int, optional
            Place in the table. The driver's choice when left out, or the first free one where it does not choose.
        src_ip_mask, dst_ip_mask : str, optional
            Bits to compare; all when left out.
        src_port_mask, dst_port_mask : int, optional
            Bits to compare; all when left out.
        context : int
            RSS context that chooses the queue, instead of `queue`.

        Returns
        -------
        location : int
            The rule's id.

        Raises
        ------
        OSError
            EINVAL, EOPNOTSUPP, ENOSPC as the driver has it.
        """
        if location is None:
            _, chooses = rule_count(self.name)
            location = ANY_PLACE
            if not chooses:
                taken, most = rule_places(self.name)
                location = next((place for place in range(most or 1) if place not in taken), most)
        spec = write_spec(flow_type, queue, {"src_ip": src_ip, "dst_ip": dst_ip, "src_port": src_port, "dst_port": dst_port},
                          {"src_ip": src_ip_mask, "dst_ip": dst_ip_mask, "src_port": src_port_mask, "dst_port": dst_port_mask},
                          location, context)
        answer = ethtool_ioctl(self.name, rxnfc(ETHTOOL_SRXCLSRLINS, 0, 0, spec, context))
        return struct.unpack_from("=I", answer, SPEC_AT + PLACE_AT)[0]

    def delete_rule(self, location):
        """Delete an n-tuple rule.

        Parameters
        ----------
        location : int
            The rule's id.
        """
        ethtool_ioctl(self.name, rxnfc(ETHTOOL_SRXCLSRLDEL, spec=bytes(PLACE_AT) + struct.pack("=I", location)))

    def get_rule(self, location):
        """Read one rule (``ethtool -n IFNAME rule N``).

        Parameters
        ----------
        location : int
            The rule's id.

        Returns
        -------
        rule : dict
            In the words of `add_rule`.

        Raises
        ------
        OSError
            ENOENT when there is none.
        """
        try:
            answer = ethtool_ioctl(self.name, rxnfc(ETHTOOL_GRXCLSRULE, spec=bytes(PLACE_AT) + struct.pack("=I", location)))
        except OSError as problem:
            if problem.errno != EINVAL:
                raise
            raise error(ENOENT, f"no rule at {location} on {self.name}") from None
        return read_spec(answer[SPEC_AT:SPEC_AT + 168], struct.unpack_from("=I", answer, CONTEXT_AT)[0])

    def get_rules(self):
        """Read every rule (``ethtool -n``).

        Returns
        -------
        rules : list of dict
            In the words of `add_rule`; by location.
        """
        return [self.get_rule(place) for place in rule_places(self.name)[0]]
