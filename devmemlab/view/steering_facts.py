"""Why a packet lands on a queue, for any packet and any key: what the steering explorer knows of a card.

Law.   The steps are those of `devmemlab.nic.explain`, word by word; here they are made of a card's settings alone, without it.
Reads. nic/explain.py and nic/toeplitz.py; spec sections 11.1 and 11.2.
Omits. IPv6, UDP, other RSS contexts, symmetric transforms, devices with quirks, steering functions: `explain` knows them all.
"""

from devmemlab.nic.contexts import read_table
from devmemlab.nic.explain import PROTOCOLS
from devmemlab.nic.rules import read_rules
from devmemlab.nic.steer_tables import CONTEXT_ROOM, RXH_IP_DST, RXH_IP_SRC, RXH_L4_DST, RXH_L4_SRC
from devmemlab.wire.address import address_text

MOST_RULES, MOST_ENTRIES, MOST_QUEUES = 6, 256, 16
FIELDS = (("source address", 0, 4, RXH_IP_SRC, "src ip"), ("destination address", 4, 8, RXH_IP_DST, "dst ip"),
          ("source port", 8, 10, RXH_L4_SRC, "src port"), ("destination port", 10, 12, RXH_L4_DST, "dst port"))
"""Name, first octet of the tuple and the one behind the last, whether it is hashed, and its name in `explain`."""
WANTS = (("src_ip", "saddr"), ("dst_ip", "daddr"), ("src_port", "sport"), ("dst_port", "dport"))


def _rule_facts(row, rule):
    """Spell a rule for a packet of TCP over IPv4.

    Parameters
    ----------
    row : RULE
        Of the table.
    rule : dict
        The same as `devmemlab.nic.rules.read_rule` tells it.

    Returns
    -------
    facts : dict
        JSON: what it says, what it wants in each field, where to; ``never`` where no such packet can match.
    """
    said = ", ".join(f"{name} {value}" for name, value in rule.items() if name not in ("location", "queue", "context"))
    never = ""
    if row.ip_version != 4:
        never = f"ip version: {row.ip_version} is wanted, the packet has 4"
    elif row.ip_proto not in (0, 6):
        never = f"protocol: {PROTOCOLS[int(row.ip_proto)]} is wanted, the packet has 6"
    wanted = [[name, int(row[f"{side}_lo" if side.endswith("addr") else side]),
               int(row[f"{side}_mask_lo" if side.endswith("addr") else f"{side}_mask"])] for name, side in WANTS]
    return {"at": rule["location"], "said": said, "never": never, "wanted": wanted, "queue": rule["queue"]}


def steering_facts(host):
    """Read what decides about packets of TCP over IPv4 on a host's first NIC.

    Parameters
    ----------
    host : Host
        Asked, not changed.

    Returns
    -------
    facts : dict
        JSON.

    Raises
    ------
    ValueError
        Something that is set there is beyond this explorer; the message says what.
    """
    netdev = host.netdev
    nics, nic = netdev.nics, netdev.nic
    ctl, context = nics.ctl[nic], nics.context[nic * CONTEXT_ROOM]
    rules, table = read_rules(nics, nic), [int(queue) for queue in read_table(nics, nic * CONTEXT_ROOM)]
    beyond = [what for what, there in (
        ("a steering function", ctl.steering), ("a hash with a quirk", ctl.hash_init or ctl.key_reversed),
        ("a symmetric transform", context.transform), ("a rule that names a context", any("context" in rule for rule in rules)),
        (f"more than {MOST_RULES} rules", len(rules) > MOST_RULES),
        (f"more than {MOST_ENTRIES} entries", len(table) > MOST_ENTRIES),
        (f"more than {MOST_QUEUES} queues", netdev.real_num_rx_queues > MOST_QUEUES)) if there]
    if beyond:
        raise ValueError(f"{netdev.name} has {' and '.join(beyond)}; ask host.explain(frame)")
    key = host.ethtool(netdev.name).get_rxfh()["key"]
    return {"name": netdev.name, "queues": int(netdev.real_num_rx_queues), "bound": sorted(int(q) for q in netdev.providers),
            "key": bytes(key).hex(), "table": table, "hashed": [bool(context.tcp4 & bit) for _, _, _, bit, _ in FIELDS],
            "names": [name for name, *_ in FIELDS], "short": [short for *_, short in FIELDS],
            "rules": [_rule_facts(nics.rule[nic, rule["location"]], rule) for rule in rules], "ntuple": bool(ctl.ntuple)}


def toeplitz(key, octets):
    """Hash octets as the definition says.

    Parameters
    ----------
    key, octets : bytes
        The key is at least four octets longer.

    Returns
    -------
    value : int
        32 bits.
    """
    bits, value = int.from_bytes(key, "big"), 0
    for at in range(8 * len(octets)):
        if octets[at // 8] >> (7 - at % 8) & 1:
            value ^= bits >> (8 * len(key) - 32 - at) & 0xFFFFFFFF
    return value


class Decision:
    """What becomes of a packet.

    Attributes
    ----------
    steps : list of (str, str, str)
        What was looked at, what was there, what follows; as in `devmemlab.nic.explain.Step`.
    queue, rule, hash, index : int
        As in `devmemlab.nic.explain.Explanation`.
    """

    def __init__(self):
        self.steps, self.queue, self.rule, self.hash, self.index = [], 0, -1, 0, -1


def _miss(rule, values):
    """Name what a rule and a packet disagree on; empty when they agree."""
    if rule["never"]:
        return rule["never"]
    for (name, want, mask), value in zip(rule["wanted"], values):
        if want != value & mask:
            spelled = (address_text(4, 0, number) if name.endswith("ip") else number for number in (want, value & mask))
            return "{}: {} is wanted, the packet has {}".format(name, *spelled)
    return ""


def decide(facts, flow, key):
    """Find the queue of a packet.

    Parameters
    ----------
    facts : dict
        From `steering_facts`.
    flow, key : bytes
        12 octets of addresses and ports, and the RSS key.

    Returns
    -------
    decision : Decision
        With its reasons.
    """
    told, values = Decision(), [int.from_bytes(flow[start:end], "big") for _, start, end, _, _ in FIELDS]
    ends = [f"{address_text(4, 0, values[i])}:{values[i + 2]}" for i in (0, 1)]
    told.steps.append(("packet", f"tcp4 {ends[0]} -> {ends[1]}", ""))
    if not facts["rules"]:
        told.steps.append(("rules", "none", "on to RSS"))
    elif not facts["ntuple"]:
        told.steps.append(("rules", f"{len(facts['rules'])}, but the feature ntuple-filters is off", "on to RSS"))
    for rule in facts["rules"] if facts["ntuple"] else ():
        miss = _miss(rule, values)
        if not miss:
            told.rule, told.queue = rule["at"], rule["queue"]
            so = "matches: drop" if told.queue < 0 else f"matches: queue {told.queue}"
            told.steps.append((f"rule {rule['at']}", rule["said"], so))
            return told
        told.steps.append((f"rule {rule['at']}", rule["said"], f"misses by {miss}"))
    names = [name for name, hashed in zip(facts["short"], facts["hashed"]) if hashed]
    octets = b"".join(flow[start:end] for (_, start, end, _, _), hashed in zip(FIELDS, facts["hashed"]) if hashed)
    told.hash = toeplitz(key, octets)
    told.index = told.hash % len(facts["table"])
    told.queue = facts["table"][told.index]
    told.steps += [("hash fields", f"tcp {', '.join(names)}", ""), ("hash input", octets.hex(), f"{len(octets)} octets"),
                   ("toeplitz", f"key {key[:4].hex()}...", f"hash {told.hash:08x}"),
                   ("table index", f"{told.hash:08x} modulo {len(facts['table'])} entries", f"entry {told.index}"),
                   ("table entry", f"context 0, entry {told.index}", f"queue {told.queue}")]
    return told
