"""n-tuple rules: made, refused, inserted, deleted and read back.

Law.   A rule says exactly what its fields say; a refused rule leaves the table as it was.
Reads. Linux include/uapi/linux/ethtool.h (ethtool_rx_flow_spec), net/ethtool/ioctl.c; spec section 11.2.
Omits. Flow types other than TCP, UDP and plain IP; wake-on-LAN as an action.

A mask here has ones where bits are compared, as in the kernel's structures; the command line of ethtool says it the other way.
"""

import ipaddress

from devmemlab.base.errno import EINVAL, ENOENT, ENOSPC, EOPNOTSUPP, error
from devmemlab.nic.contexts import context_numbers
from devmemlab.nic.steer_tables import DROP_PACKET, RULE
from devmemlab.wire.address import address_text, parse_address

FLOW_TYPES = {"tcp4": (4, 6), "udp4": (4, 17), "ip4": (4, 0), "tcp6": (6, 6), "udp6": (6, 17), "ip6": (6, 0)}
_FIELDS = (("src_ip", "saddr"), ("dst_ip", "daddr"), ("src_port", "sport"), ("dst_port", "dport"))
_ALL = {4: "255.255.255.255", 6: str(ipaddress.IPv6Address((1 << 128) - 1))}


def _address(flow_type, text, mask):
    """Read an address with its mask: columns hi, lo, mask_hi, mask_lo, and whether the mask is whole."""
    version = FLOW_TYPES[flow_type][0]
    address, slash, prefix = str(text).partition("/")
    try:
        if slash:
            network = ipaddress.ip_network(text, strict=False)
            mask = str(network.netmask) if mask is None else mask
        found, high, low = parse_address(address)
        of_mask, mask_high, mask_low = parse_address(mask or _ALL[version])
    except ValueError as err:
        raise error(EINVAL, f"{err}") from None
    if (found, of_mask) != (version, version):
        raise error(EINVAL, f"{text} (mask {mask or 'none'}) is no address for {flow_type}")
    whole = (mask_high, mask_low) == parse_address(_ALL[version])[1:]
    return (high & mask_high, low & mask_low, mask_high, mask_low), whole, (mask_high, mask_low) != (0, 0)


def _port(name, value, mask):
    """Read a port with its mask: columns value and mask, and whether the mask is whole."""
    mask = 0xFFFF if mask is None else int(mask)
    if not 0 <= int(value) <= 0xFFFF or not 0 <= mask <= 0xFFFF:
        raise error(EINVAL, f"{name} {value} (mask {mask:#x}): 0 to 65535 is possible")
    return (int(value) & mask, mask), mask == 0xFFFF, mask != 0


def make_rule(flow_type, queue=0, src_ip=None, dst_ip=None, src_port=None, dst_port=None, src_ip_mask=None, dst_ip_mask=None,
              src_port_mask=None, dst_port_mask=None, context=0):
    """Make the row of a rule.

    Parameters
    ----------
    flow_type : {"tcp4", "tcp6", "udp4", "udp6", "ip4", "ip6"}
        What it is about.
    queue : int
        Where matching packets go; -1 drops them.
    src_ip, dst_ip : str, optional
        Addresses to match; ``"10.0.0.0/8"`` is an address with a mask.
    src_port, dst_port : int, optional
        Ports to match.
    src_ip_mask, dst_ip_mask : str, optional
        Which bits of the address are compared; all when left out.
    src_port_mask, dst_port_mask : int, optional
        Which bits of the port are compared; all when left out.
    context : int
        RSS context that chooses the queue; 0 leaves it to `queue`.

    Returns
    -------
    row : dict of str to int
        Columns of RULE.
    narrow : bool
        True when a mask is narrower than its field.

    Raises
    ------
    OSError
        EINVAL names the value that is impossible.
    """
    if flow_type not in FLOW_TYPES:
        raise error(EINVAL, f"flow type {flow_type!r}: {', '.join(FLOW_TYPES)} are possible")
    row = dict.fromkeys(RULE.names, 0)
    version, proto = FLOW_TYPES[flow_type]
    row.update(active=1, ip_version=version, ip_proto=proto, queue=int(queue), context=int(context))
    narrow = False
    given = {"src_ip": (src_ip, src_ip_mask), "dst_ip": (dst_ip, dst_ip_mask), "src_port": (src_port, src_port_mask),
             "dst_port": (dst_port, dst_port_mask)}
    for name, column in _FIELDS:
        value, mask = given[name]
        if value is None:
            continue
        if column in ("sport", "dport"):
            if proto == 0:
                raise error(EINVAL, f"{name} {value}: {flow_type} has no ports; use tcp{version} or udp{version}")
            columns, whole, compared = _port(name, value, mask)
            row[column], row[f"{column}_mask"] = columns
        else:
            columns, whole, compared = _address(flow_type, value, mask)
            row.update(zip((f"{column}{part}" for part in ("_hi", "_lo", "_mask_hi", "_mask_lo")), columns))
        row[f"match_{column}"] = int(compared)
        narrow |= compared and not whole
    return row, narrow


def insert_rule(nics, nic, row, narrow, location=None):
    """Put a rule into the table.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.
    row : dict of str to int
        From `make_rule`.
    narrow : bool
        From `make_rule`.
    location : int, optional
        Place in the table, which is also the priority; the first free one when left out. A rule that is there is replaced.

    Returns
    -------
    location : int
        The rule's id.

    Raises
    ------
    OSError
        EOPNOTSUPP: the feature is off, or the device cannot compare such fields; EINVAL: no such queue, context or location;
        ENOSPC: the table is full.
    """
    ctl, rules = nics.ctl[nic], nics.rule[nic]
    if not ctl.ntuple:
        raise error(EOPNOTSUPP, "the device's ntuple-filters are off; switch the feature on first (ethtool -K ... ntuple on)")
    if row["context"]:
        if row["context"] not in context_numbers(nics, nic):
            raise error(EINVAL, f"there is no RSS context {row['context']}; there are {context_numbers(nics, nic)}")
        if row["queue"] > 0:
            raise error(EINVAL, f"queue {row['queue']} together with context {row['context']}: the context chooses the queue")
    if not DROP_PACKET <= row["queue"] < ctl.queue_count:
        raise error(EINVAL, f"there is no queue {row['queue']}: 0 to {ctl.queue_count - 1} is possible, and -1 to drop")
    combination = (row["match_saddr"] | row["match_daddr"] << 1 | row["match_sport"] << 2 | row["match_dport"] << 3)
    if not ctl.rule_combinations >> combination & 1:
        named = [name for name, column in _FIELDS if row[f"match_{column}"]]
        raise error(EOPNOTSUPP, f"this device has no rules with {', '.join(named) or 'no field'}; try with fewer fields")
    if narrow and not ctl.rule_masks:
        raise error(EOPNOTSUPP, "this device compares whole fields only; leave the mask out")
    room = int(ctl.rule_max)
    if location is None:
        free = (rules.active[:room] == 0).nonzero()[0]
        if not len(free):
            raise error(ENOSPC, f"all {room} rules are in use; delete one")
        location = int(free[0])
    if not 0 <= location < room:
        raise error(EINVAL, f"location {location}: 0 to {room - 1} is possible")
    if row["context"] and row["queue"] == DROP_PACKET:
        row = {**row, "context": 0}
    ctl.rule_count += 1 - rules[location].active
    ctl.rule_top = max(int(ctl.rule_top), location + 1)
    rules[location] = tuple(row[name] for name in RULE.names)
    return location


def remove_rule(nics, nic, location):
    """Delete a rule.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.
    location : int
        The rule's id.

    Raises
    ------
    OSError
        ENOENT when there is none.
    """
    ctl, rules = nics.ctl[nic], nics.rule[nic]
    if not 0 <= location < ctl.rule_top or not rules[location].active:
        raise _no_rule(nics, nic, location)
    rules[location].active = 0
    ctl.rule_count -= 1
    left = rules.active[:ctl.rule_top].nonzero()[0]
    ctl.rule_top = int(left[-1]) + 1 if len(left) else 0


def read_rule(nics, nic, location):
    """Read a rule back, in the words that made it.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.
    location : int
        The rule's id.

    Returns
    -------
    rule : dict
        ``location``, ``flow_type``, ``queue`` or ``context``, and each field that is compared, with its mask where that is
        narrower than the field.

    Raises
    ------
    OSError
        ENOENT when there is none.
    """
    if not 0 <= location < nics.ctl[nic].rule_top or not nics.rule[nic, location].active:
        raise _no_rule(nics, nic, location)
    row = nics.rule[nic, location]
    kind = (int(row.ip_version), int(row.ip_proto))
    rule = {"location": int(location), "flow_type": next(name for name, pair in FLOW_TYPES.items() if pair == kind)}
    for name, column in _FIELDS:
        if not row[f"match_{column}"]:
            continue
        if column in ("sport", "dport"):
            rule[name], mask, whole = int(row[column]), int(row[f"{column}_mask"]), 0xFFFF
        else:
            rule[name] = address_text(kind[0], row[f"{column}_hi"], row[f"{column}_lo"])
            mask, whole = address_text(kind[0], row[f"{column}_mask_hi"], row[f"{column}_mask_lo"]), _ALL[kind[0]]
        if mask != whole:
            rule[f"{name}_mask"] = mask
    if row.context:
        return {**rule, "context": int(row.context)}
    return {**rule, "queue": int(row.queue)}


def _no_rule(nics, nic, location):
    """Say that there is no rule at a location, and where there are some."""
    there = nics.rule.active[nic, :nics.ctl[nic].rule_top].nonzero()[0].tolist()
    return error(ENOENT, f"there is no rule {location}; " + (f"there are {there}" if there else "there are none at all"))


def read_rules(nics, nic):
    """Read every rule back.

    Parameters
    ----------
    nics : Nics
        Tables.
    nic : int
        Which NIC.

    Returns
    -------
    rules : list of dict
        See `read_rule`; by location, which is the order in which they are tried.
    """
    return [read_rule(nics, nic, int(at)) for at in nics.rule.active[nic, :nics.ctl[nic].rule_top].nonzero()[0]]
