"""``ethtool -n`` and ``-N``: rules and hashed fields on the command line.

Law.   What is printed can be typed again; a mask has ones where bits are ignored, as the tool wants it.
Reads. ethtool(8) 6.15, --config-nfc; its output and messages.
Omits. Fields other than addresses and ports; virtual functions.
"""

import ipaddress

from devmemlab.host.shell_words import BAD_ARGUMENTS, Refused, Usage, number, reason
from devmemlab.nic.rules import FLOW_TYPES

FIELDS = {"src-ip": "src_ip", "dst-ip": "dst_ip", "src-port": "src_port", "dst-port": "dst_port"}
LETTERS = {"s": "IP SA", "d": "IP DA", "f": "L4 bytes 0 & 1 [TCP/UDP src port]", "n": "L4 bytes 2 & 3 [TCP/UDP dst port]"}
SIGNED_DROP = (str((1 << 64) - 1), "-1", hex((1 << 64) - 1))


def ignored_bits(flow_type, name, mask):
    """Turn a mask over: ones where bits are compared, or ones where they are ignored.

    Parameters
    ----------
    flow_type : str
        ``"tcp4"`` and the like.
    name : str
        ``"src_ip"``, ``"dst_ip"``, ``"src_port"`` or ``"dst_port"``.
    mask : str or int
        Of an address or of a port.

    Returns
    -------
    mask : str or int
        The complement.
    """
    if name.endswith("port"):
        return mask ^ 0xFFFF
    address = ipaddress.ip_address(mask)
    return str(type(address)(int(address) ^ ((1 << address.max_prefixlen) - 1)))


def _value(word, name, flow_type, text):
    if name.endswith("port"):
        return number(text, f"Invalid {word} value[{text}]")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        address = None
    if address is None or address.version != FLOW_TYPES[flow_type][0]:
        raise Usage(f"Invalid {word} value[{text}]\n{BAD_ARGUMENTS}")
    return text


def parse_rule(words):
    """Read the words after ``flow-type``.

    Parameters
    ----------
    words : list of str
        Type, fields, masks, action, context, location.

    Returns
    -------
    rule : dict
        Arguments of `devmemlab.host.ethtool_rules.RuleFace.add_rule`.
    """
    if not words or words[0] not in FLOW_TYPES:
        raise Usage(f"Add rule, invalid syntax\n{BAD_ARGUMENTS}")
    rule, rest, latest = {"flow_type": words[0]}, words[1:], None
    while rest:
        word = rest.pop(0)
        name = FIELDS.get("src-ip" if word == "m" and latest == "src-ip" else word.removesuffix("-mask"))
        if not rest:
            raise Usage(f"Add rule, invalid syntax\n{BAD_ARGUMENTS}")
        if word == "m" and latest:
            word, name = f"{latest}-mask", FIELDS[latest]
        if name:
            value = _value(word.removesuffix("-mask"), name, words[0], rest.pop(0))
            if word.endswith("-mask"):
                rule[f"{name}_mask"] = ignored_bits(words[0], name, value)
            else:
                rule[name], latest = value, word
        elif word in ("action", "queue"):
            value = rest.pop(0)
            rule["queue"] = -1 if value in SIGNED_DROP else number(value, f"Invalid {word} value[{value}]")
        elif word in ("context", "loc"):
            rule["location" if word == "loc" else word] = number(rest.pop(0))
        else:
            raise Usage(f"Unknown option: {word}\n{BAD_ARGUMENTS}")
    return rule


def change_classes(face, words):
    """Run ``ethtool -N``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        ``flow-type ...``, ``delete N`` or ``rx-flow-hash FLOW FIELDS [context N]``.

    Returns
    -------
    text : str
        ``Added rule with ID N``, or nothing.
    """
    verb = words[0] if words else ""
    if verb == "flow-type":
        rule = parse_rule(words[1:])
        try:
            location = face.add_rule(**rule)
        except OSError as err:
            raise Refused(f"rmgr: Cannot insert RX class rule: {reason(err)}\nCannot insert classification rule", err) from None
        return "" if "location" in rule else f"Added rule with ID {location}\n"
    if verb == "delete" and len(words) == 2:
        try:
            face.delete_rule(number(words[1]))
        except OSError as err:
            raise Refused(f"rmgr: Cannot delete RX class rule: {reason(err)}\nCannot delete classification rule", err) from None
        return ""
    if verb == "rx-flow-hash" and len(words) in (3, 5):
        try:
            face.set_flow_hash(words[1], words[2], context=_context(words[3:]))
        except OSError as err:
            raise Refused(f"Cannot change RX network flow hashing options: {reason(err)}", err) from None
        return ""
    raise Usage(BAD_ARGUMENTS)


def _context(words):
    if words and words[0] != "context":
        raise Usage(BAD_ARGUMENTS)
    return number(words[1]) if words else 0


def rule_text(rule):
    """Print one rule as ``ethtool -n`` does.

    Parameters
    ----------
    rule : dict
        From ``get_rule``.

    Returns
    -------
    text : str
        Several lines and an empty one.
    """
    flow = rule["flow_type"]
    version, kind = flow[-1], {"tcp": "TCP over", "udp": "UDP over", "ip": "Raw"}[flow[:-1]]
    nothing, everything = ("0.0.0.0", "255.255.255.255") if version == "4" else ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
    lines = [f"Filter: {rule['location']}", f"\tRule Type: {kind} IPv{version}"]
    for label, name in (("Src IP addr", "src_ip"), ("Dest IP addr", "dst_ip")):
        mask = ignored_bits(flow, name, rule.get(f"{name}_mask", everything)) if name in rule else everything
        lines.append(f"\t{label}: {rule.get(name, nothing)} mask: {mask}")
    lines.append("\tTOS: 0x0 mask: 0xff" if version == "4" else "\tTraffic Class: 0x0 mask: 0xff")
    if flow.startswith("ip"):
        lines += ["\tProtocol: 0 mask: 0xff", "\tL4 bytes: 0x0 mask: 0xffffffff"]
    else:
        for label, name in (("Src port", "src_port"), ("Dest port", "dst_port")):
            mask = ignored_bits(flow, name, rule.get(f"{name}_mask", 0xFFFF)) if name in rule else 0xFFFF
            lines.append(f"\t{label}: {rule.get(name, 0)} mask: {mask:#x}")
    if "context" in rule:
        lines.append(f"\tAction: Direct to RSS Context {rule['context']}")
    else:
        lines.append("\tAction: Drop" if rule["queue"] < 0 else f"\tAction: Direct to queue {rule['queue']}")
    return "\n".join(lines) + "\n\n"


def show_classes(face, words):
    """Print ``ethtool -n``.

    Parameters
    ----------
    face : Ethtool
        The interface.
    words : list of str
        Nothing, ``rule N``, or ``rx-flow-hash FLOW [context N]``.

    Returns
    -------
    text : str
        Rules or hashed fields.
    """
    if not words:
        rules = face.get_rules()
        return (f"{face.netdev.real_num_rx_queues} RX rings available\nTotal {len(rules)} rules\n\n"
                + "".join(rule_text(rule) for rule in rules))
    if words[0] == "rule" and len(words) == 2:
        try:
            return rule_text(face.get_rule(number(words[1])))
        except OSError as err:
            raise Refused(f"rxclass: Cannot get RX class rule: {reason(err)}\nCannot get classification rule", err) from None
    if words[0] == "rx-flow-hash" and len(words) in (2, 4):
        context = _context(words[2:])
        try:
            letters = face.get_flow_hash(words[1], context=context)
        except OSError as err:
            raise Refused(f"Cannot get RX network flow hashing options: {reason(err)}", err) from None
        head = f"For RSS context {context}:\n" if words[2:] else ""
        return (f"{head}{words[1][:3].upper()} over IPV{words[1][-1]} flows use these fields for computing Hash flow key:\n"
                + "".join(f"{LETTERS[letter]}\n" for letter in letters) + "\n")
    raise Usage(BAD_ARGUMENTS)
