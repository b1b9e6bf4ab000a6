"""A NIC as a row: its address, its features and what it counted.

Law.   Every frame that reaches a NIC is counted once: delivered to a queue, or dropped with one reason.
Reads. Linux include/linux/netdevice.h (statistics), drivers/net/ethernet/google/gve.
Omits. Multicast filters and promiscuous mode.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.table import schema, table
from devmemlab.nic.drops import DROP, DROP_REASONS, OFFLOADS
from devmemlab.nic.steer_tables import (
    ANY_COMBINATION,
    CONTEXT,
    CONTEXT_ROOM,
    ENTRY,
    INDIR_ROOM,
    INDIR_SIZE,
    KEY_BYTES,
    LIMITS,
    MAX_RULES,
    RULE,
    RULE_ROOM,
    RXH_ADDRESSES,
    RXH_PORTS,
    TUPLE_BYTES,
)
from devmemlab.nic.tso import GSO_LEGACY_MAX_SIZE, TSO_MAX_SEGS

SENDING = ("tx_queue_count", "tx_ring", "tx_paused", "tso", "tso6", "gso_max_size", "gso_ipv4_max_size", "gso_max_segs",
           "netmem_tx", "sg", "tx_csum")
"""What a NIC row says about transmission; ``tx_paused`` is 1 while the link partner's PAUSE holds the transmitter;
``netmem_tx``, ``sg`` and ``tx_csum``: it sends device memory, gathers frags, makes checksums."""
SIZES = ("gro_max_size", "gro_ipv4_max_size")
"""How long a packet may become in the stack's GRO: it is shorter than this, IP header included."""
NIC = schema("ifindex", "mac", "mtu", "up", "first_queue", "queue_count", "rx_csum", "ntuple", "rule_count", "rule_top",
             "rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "rx_dropped", "tx_dropped", *LIMITS, *OFFLOADS, *SENDING,
             *SIZES, "trains")
"""A NIC. ``trains`` is 1: frames that are alike need not be looked at one by one (`devmemlab.nic.train`)."""

__all__ = ["DROP", "DROP_REASONS", "ENTRY", "INDIR_SIZE", "KEY_BYTES", "MAX_RULES", "NIC", "RULE", "TUPLE_BYTES", "Nics",
           "make_nics"]


@component
class Nics(NamedTuple):
    """All NICs of a host.

    ctl : NIC[n_nic]
        One row a NIC.
    drop : DROP[n_nic, n_reason]
        Frames and octets dropped, by reason (`DROP_REASONS`).
    rule : RULE[n_nic, 1024]
        n-tuple rules by location; those below ``rule_top`` may be active.
    context : CONTEXT[n_nic * 16]
        RSS contexts, see `devmemlab.nic.steer_tables`.
    indir : ENTRY[n_nic * 16, 2048]
        Indirection tables: queue index by hash modulo the context's count.
    hash_table : ENTRY[n_nic * 16, 36 * 256]
        Toeplitz hash of each value of each tuple octet, see `devmemlab.nic.toeplitz`.
    """

    ctl: np.recarray
    drop: np.recarray
    rule: np.recarray
    context: np.recarray
    indir: np.recarray
    hash_table: np.recarray


def make_nics(count):
    """Make NICs that are down and have no queues.

    Parameters
    ----------
    count : int
        How many.

    Returns
    -------
    nics : Nics
        Counters are zero; each has RSS context 0 and the abilities of an ordinary device.
    """
    rows = count * CONTEXT_ROOM
    nics = Nics(table(NIC, count), table(DROP, count, len(DROP_REASONS)), table(RULE, count, RULE_ROOM), table(CONTEXT, rows),
                table(ENTRY, rows, INDIR_ROOM), table(ENTRY, rows, TUPLE_BYTES * 256))
    for nic in range(count):
        ctl, own = nics.ctl[nic], nics.context[nic * CONTEXT_ROOM]
        ctl.rule_max, ctl.rule_combinations, ctl.rule_masks = MAX_RULES, ANY_COMBINATION, 1
        ctl.gro = ctl.tso = ctl.tso6 = ctl.tx_queue_count = ctl.tx_ring = ctl.netmem_tx = ctl.sg = ctl.tx_csum = 1
        ctl.gso_max_size = ctl.gso_ipv4_max_size = ctl.gro_max_size = ctl.gro_ipv4_max_size = GSO_LEGACY_MAX_SIZE
        ctl.gso_max_segs = TSO_MAX_SEGS
        ctl.trains = 1
        ctl.context_max, ctl.key_bytes, ctl.transforms = CONTEXT_ROOM, KEY_BYTES, 1
        own.active, own.indir_count, own.indir_mask = 1, INDIR_SIZE, INDIR_SIZE - 1
        own.tcp4 = own.tcp6 = RXH_ADDRESSES | RXH_PORTS
        own.udp4 = own.udp6 = RXH_ADDRESSES
    return nics
