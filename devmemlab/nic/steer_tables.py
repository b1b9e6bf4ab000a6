"""The tables of steering: rules, RSS contexts, and what a device can and cannot do.

Law.   A rule compares only the bits of its masks; a context owns one row of everything that RSS needs.
Reads. Linux include/uapi/linux/ethtool.h (RXH_*, RX_CLS_*), include/linux/ethtool.h (ethtool_rxfh_context).
Omits. Rules on MAC addresses, VLAN tags, TOS and user-defined octets.

Row ``nic * CONTEXT_ROOM + context`` of `context`, `indir` and `hash_table` belongs to one context of one NIC; context 0 is
the device's own RSS.
"""

from devmemlab.base.table import schema

_SIDES = ("saddr", "daddr")
RULE = schema("active", "ip_version", "ip_proto",
              *(f"{side}{part}" for side in _SIDES for part in ("_hi", "_lo", "_mask_hi", "_mask_lo")),
              "sport", "sport_mask", "dport", "dport_mask",
              "match_saddr", "match_daddr", "match_sport", "match_dport", "queue", "context")
"""An n-tuple rule. ``ip_proto`` 0 is any; ``match_*`` tells which fields the rule names; ``queue`` -1 drops; ``context`` above 0
leaves the choice to that RSS context."""

KEY_WORDS = tuple(f"key_{i}" for i in range(8))
CONTEXT = schema("active", "configured", "indir_count", "indir_mask", "transform", "key_length",
                 "tcp4", "udp4", "tcp6", "udp6", *KEY_WORDS)
"""An RSS context. ``configured``: a user set its table; ``indir_mask``: count - 1 when the count is a power of two, else -1;
``transform``: `SYM_XOR` and the like; ``tcp4`` and so on: RXH_* fields hashed; the key in words of 8 octets."""

ENTRY = schema("entry")

RXH_IP_SRC, RXH_IP_DST, RXH_L4_SRC, RXH_L4_DST = 0x10, 0x20, 0x40, 0x80
RXH_ADDRESSES = RXH_IP_SRC | RXH_IP_DST
RXH_PORTS = RXH_L4_SRC | RXH_L4_DST
NO_TRANSFORM, SYM_XOR, SYM_OR_XOR = 0, 1, 2
TRANSFORMS = {"none": NO_TRANSFORM, "symmetric-xor": SYM_XOR, "symmetric-or-xor": SYM_OR_XOR}

DROP_PACKET = -1
MAX_RULES = 64
RULE_ROOM = 1024
CONTEXT_ROOM = 16
INDIR_SIZE = 128
INDIR_ROOM = 2048
KEY_BYTES = 40
KEY_ROOM = 8 * len(KEY_WORDS)
KEY_LONGEST = 60
TUPLE_BYTES = 36
ANY_COMBINATION = (1 << 16) - 1
"""A set of combinations of (source address, destination address, source port, destination port): bit c stands for combination c,
whose own bits 0 to 3 are those fields."""

LIMITS = ("rule_max", "rule_combinations", "rule_masks", "context_max", "key_bytes", "key_reversed", "hash_init", "transforms",
          "steering")
"""Columns of the NIC's row that say what the device can: number of rules, combinations of fields that one may name, 1 when masks
narrower than a field are possible, number of contexts, length of the key; 1 when the hardware reads the key from its end; the
value its hash starts from; 1 when symmetric transforms are possible; address of a user's steering function, 0 for none."""
