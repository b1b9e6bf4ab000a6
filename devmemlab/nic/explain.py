"""Why a packet goes to the queue it goes to, step by step.

Law.   The answer is the one of `devmemlab.nic.steer.steer`, found by another way: field by field, bit by bit.
Reads. Spec sections 11.1 and 11.2.
Omits. What happens in the queue: header split, descriptors, memory.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.nic.contexts import effective_key, read_table
from devmemlab.nic.rules import read_rules
from devmemlab.nic.steer_tables import (
    CONTEXT_ROOM,
    RXH_ADDRESSES,
    RXH_IP_DST,
    RXH_IP_SRC,
    RXH_L4_DST,
    RXH_L4_SRC,
    SYM_OR_XOR,
    TRANSFORMS,
)
from devmemlab.nic.toeplitz import toeplitz_bitwise
from devmemlab.nic.user_steer import steer_user, steering_name
from devmemlab.wire.address import address_text
from devmemlab.wire.frame import REASONS, make_packets, parse_frame

PROTOCOLS = {6: "tcp", 17: "udp"}
BROADCAST = (1 << 48) - 1
_HALF = (1 << 64) - 1


class Step(NamedTuple):
    """One step of the decision.

    what : str
        What was looked at.
    found : str
        What was there.
    so : str
        What follows.
    """

    what: str
    found: str
    so: str


class Explanation:
    """Where a frame goes and why. Prints as a table, one line a step.

    Attributes
    ----------
    queue : int
        Index within the NIC; -1 when the packet is dropped by a rule.
    rule : int
        Location of the rule that decided, -1: none did.
    context : int
        RSS context that was asked.
    hash : int
        RSS hash; 0 when none was computed.
    hash_input : bytes
        What was hashed.
    index : int
        Index into the indirection table, -1 when none was used.
    drop : str
        Why the frame does not even get there (interface down, somebody else's address), or an empty text.
    steps : list of Step
        In the order of the decision.
    """

    def __init__(self):
        self.queue, self.rule, self.context, self.hash, self.index = 0, -1, 0, 0, -1
        self.hash_input, self.drop, self.steps = b"", "", []

    def add(self, what, found, so):
        """Note a step.

        Parameters
        ----------
        what, found, so : str
            See `Step`.
        """
        self.steps.append(Step(what, found, so))

    def __str__(self):
        widths = [max(len(step[i]) for step in self.steps) for i in range(2)]
        return "\n".join(f"{step.what:<{widths[0]}}  {step.found:<{widths[1]}}  {step.so}".rstrip() for step in self.steps)

    def __repr__(self):
        way = "dropped" if self.queue < 0 else f"queue {self.queue}"
        by = f"rule {self.rule}" if self.rule >= 0 else f"hash {self.hash:08x}"
        return f"<Explanation: {way} by {by}, {len(self.steps)} steps>\n{self}"


def _spelled(pkt):
    """Spell the two ends of a packet."""
    ends = [address_text(pkt.ip_version, pkt[f"{side}_hi"], pkt[f"{side}_lo"]) for side in ("saddr", "daddr")]
    protocol = PROTOCOLS.get(int(pkt.ip_proto), f"protocol {pkt.ip_proto}")
    if pkt.frag:
        return f"IPv{pkt.ip_version} fragment {ends[0]} -> {ends[1]}"
    if protocol not in PROTOCOLS.values():
        return f"{protocol} {ends[0]} -> {ends[1]}"
    shown = [f"[{end}]" if pkt.ip_version == 6 else end for end in ends]
    return f"{protocol}{pkt.ip_version} {shown[0]}:{pkt.sport} -> {shown[1]}:{pkt.dport}"


def _first_miss(row, pkt):
    """Name the first field that a rule and a packet disagree on, and both values; None when they agree."""
    if row.ip_version != pkt.ip_version:
        return "ip version", f"{row.ip_version} is wanted, the packet has {pkt.ip_version}"
    if row.ip_proto and row.ip_proto != pkt.ip_proto:
        return "protocol", f"{PROTOCOLS[int(row.ip_proto)]} is wanted, the packet has {pkt.ip_proto}"
    if row.ip_proto and pkt.frag:
        return "fragment", "a fragment has no ports to look at"
    for name, side in (("src_ip", "saddr"), ("dst_ip", "daddr")):
        mask_high, mask_low = int(row[f"{side}_mask_hi"]), int(row[f"{side}_mask_lo"])
        wanted = int(row[f"{side}_hi"]), int(row[f"{side}_lo"])
        found = int(pkt[f"{side}_hi"]) & mask_high, int(pkt[f"{side}_lo"]) & mask_low
        if wanted != found:
            version = row.ip_version
            return name, f"{address_text(version, *wanted)} is wanted, the packet has {address_text(version, *found)}"
    for name, side in (("src_port", "sport"), ("dst_port", "dport")):
        found = int(pkt[side]) & int(row[f"{side}_mask"])
        if int(row[side]) != found:
            return name, f"{row[side]} is wanted, the packet has {found}"
    return None


def hash_input(fields, transform, pkt):
    """Lay out the octets that are hashed.

    Parameters
    ----------
    fields : int
        RXH_* bits.
    transform : int
        ``NO_TRANSFORM``, ``SYM_XOR`` or ``SYM_OR_XOR``.
    pkt : PKT
        Parsed headers.

    Returns
    -------
    octets : bytes
        Source address, destination address, source port, destination port, as far as chosen.
    """
    ip_octets = 4 if pkt.ip_version == 4 else 16
    source, target = ((int(pkt[f"{side}_hi"]) & _HALF) << 64 | int(pkt[f"{side}_lo"]) & _HALF for side in ("saddr", "daddr"))
    pairs = [(source, target, ip_octets, RXH_IP_SRC, RXH_IP_DST), (int(pkt.sport), int(pkt.dport), 2, RXH_L4_SRC, RXH_L4_DST)]
    octets = b""
    for first, second, width, first_bit, second_bit in pairs:
        if transform:
            first, second = first | second if transform == SYM_OR_XOR else first ^ second, first ^ second
        octets += first.to_bytes(width, "big") if fields & first_bit else b""
        octets += second.to_bytes(width, "big") if fields & second_bit else b""
    return octets


def _explain_rules(told, nics, nic, pkt):
    """Try the rules; tells whether one of them decided alone."""
    ctl, rules = nics.ctl[nic], read_rules(nics, nic)
    if not rules:
        told.add("rules", "none", "on to RSS")
    elif not ctl.ntuple:
        told.add("rules", f"{len(rules)}, but the feature ntuple-filters is off", "on to RSS")
        return False
    for rule in rules:
        at = rule["location"]
        said = ", ".join(f"{name} {value}" for name, value in rule.items() if name not in ("location", "queue", "context"))
        miss = _first_miss(nics.rule[nic, at], pkt)
        if miss:
            told.add(f"rule {at}", said, f"misses by {miss[0]}: {miss[1]}")
            continue
        told.rule = at
        if "context" in rule:
            told.context = rule["context"]
            told.add(f"rule {at}", said, f"matches: RSS context {told.context} chooses")
            return False
        told.queue = rule["queue"]
        told.add(f"rule {at}", said, "matches: drop" if told.queue < 0 else f"matches: queue {told.queue}")
        return True
    return False


def _explain_function(told, ctl, pkt):
    """Ask the user's steering function; tells whether it chose."""
    queue = int(steer_user(ctl.steering, pkt, told.hash, int(ctl.queue_count)))
    told.add("function", f"{steering_name(ctl.steering)}(pkt, {told.hash:08x}, {ctl.queue_count})",
             f"queue {queue}" if queue >= 0 else "names no active queue: on to the table")
    told.queue = queue if queue >= 0 else told.queue
    return queue >= 0


def _explain_hash(told, nics, nic, pkt):
    """Hash the packet and look the queue up."""
    row = nic * CONTEXT_ROOM + told.context
    context = nics.context[row]
    flow = PROTOCOLS.get(int(pkt.ip_proto)) if pkt.frag == 0 else None
    fields = int(context[f"{flow}{pkt.ip_version}"]) if flow else RXH_ADDRESSES
    names = [name for bit, name in ((RXH_IP_SRC, "src ip"), (RXH_IP_DST, "dst ip"), (RXH_L4_SRC, "src port"),
                                    (RXH_L4_DST, "dst port")) if fields & bit]
    told.add("hash fields", f"{flow or 'no ports:'} {', '.join(names)}", "")
    if context.transform:
        told.add("transform", next(name for name, number in TRANSFORMS.items() if number == context.transform),
                 "both directions give one input")
    told.hash_input = hash_input(fields, int(context.transform), pkt)
    told.add("hash input", told.hash_input.hex(), f"{len(told.hash_input)} octets")
    key = np.frombuffer(bytearray(effective_key(nics, nic, row)), np.uint8)
    told.hash = int(toeplitz_bitwise(key, np.frombuffer(bytearray(told.hash_input), np.uint8), len(told.hash_input)))
    quirk = int(nics.ctl[nic].hash_init)
    if quirk:
        told.add("hash quirk", f"this device starts from {quirk:08x}", f"{told.hash:08x} becomes {told.hash ^ quirk:08x}")
        told.hash ^= quirk
    told.add("toeplitz", f"key {key.tobytes()[:4].hex()}...{' read from its end' if nics.ctl[nic].key_reversed else ''}",
             f"hash {told.hash:08x}")
    if nics.ctl[nic].steering and _explain_function(told, nics.ctl[nic], pkt):
        return
    table = read_table(nics, row)
    told.index = told.hash % len(table)
    told.queue = table[told.index]
    told.add("table index", f"{told.hash:08x} modulo {len(table)} entries", f"entry {told.index}")
    told.add("table entry", f"context {told.context}, entry {told.index}", f"queue {told.queue}")


def explain_frame(nics, nic, octets):
    """Explain which queue a frame goes to.

    Parameters
    ----------
    nics : Nics
        Not changed.
    nic : int
        Which NIC.
    octets : bytes
        The frame, from its destination MAC address on.

    Returns
    -------
    told : Explanation
        ``queue``, ``rule``, ``hash`` as `steer` answers, and the steps.
    """
    wire, pkt, ctl, told = np.frombuffer(bytearray(octets), np.uint8), make_packets(1)[0], nics.ctl[nic], Explanation()
    parsed = parse_frame(wire, 0, len(wire), pkt)
    if not ctl.up:
        told.drop = "the interface is down"
    elif pkt.dst_mac not in (ctl.mac, BROADCAST):
        told.drop = f"it is addressed to {int(pkt.dst_mac).to_bytes(6, 'big').hex(':')}, not to this interface"
    if told.drop:
        told.add("arrival", told.drop, "dropped before steering; the steps below tell what would follow")
    if pkt.ip_version == 0:
        told.add("packet", REASONS[int(pkt.err)] if parsed else "no IP", "no rule and no hash: queue 0")
        return told
    told.add("packet", _spelled(pkt), "")
    if not _explain_rules(told, nics, nic, pkt):
        _explain_hash(told, nics, nic, pkt)
    return told
