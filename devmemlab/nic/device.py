"""A NIC as a row: its address, its features and what it counted.

Law.   Every frame that reaches a NIC is counted once: delivered to a queue, or dropped with one reason.
Reads. Linux include/linux/netdevice.h (statistics), drivers/net/ethernet/google/gve.
Omits. Multicast filters and promiscuous mode.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.table import schema, table

NIC = schema("ifindex", "mac", "mtu", "up", "first_queue", "queue_count", "rx_csum", "ntuple", "rule_count", "indir_count",
             "rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "rx_dropped", "tx_dropped")
DROP = schema("packets", "octets")
DROP_REASONS = ("none", "interface down", "not for this address", "malformed header", "bad checksum",
                "no descriptor posted", "frame longer than the buffers", "DMA outside the map",
                "header would be in unreadable memory", "header overflow on an unreadable queue", "capture cut the frame")
(DROP_NONE, DROP_DOWN, DROP_ADDRESS, DROP_MALFORMED, DROP_CSUM, DROP_NO_DESC, DROP_TOO_LONG, DROP_DMA_FAULT,
 DROP_UNREADABLE_HEADER, DROP_HEADER_OVERFLOW, DROP_CUT) = range(len(DROP_REASONS))

RULE = schema("active", "ip_version", "match_saddr", "saddr_hi", "saddr_lo", "match_daddr", "daddr_hi", "daddr_lo",
              "match_sport", "sport", "match_dport", "dport", "queue")
ENTRY = schema("entry")
MAX_RULES = 64
INDIR_SIZE = 128
KEY_BYTES = 40
TUPLE_BYTES = 36


class Nics(NamedTuple):
    """All NICs of a host.

    ctl : NIC[n_nic]
        One row a NIC.
    drop : DROP[n_nic, n_reason]
        Frames and octets dropped, by reason (`DROP_REASONS`).
    rule : RULE[n_nic, 64]
        n-tuple rules by location.
    indir : ENTRY[n_nic, 128]
        Indirection table: queue index by hash modulo its length.
    hash_table : ENTRY[n_nic, 36 * 256]
        Toeplitz hash of each value of each tuple octet, see `devmemlab.nic.toeplitz`.
    """

    ctl: np.recarray
    drop: np.recarray
    rule: np.recarray
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
        All zero.
    """
    return Nics(table(NIC, count), table(DROP, count, len(DROP_REASONS)), table(RULE, count, MAX_RULES),
                table(ENTRY, count, INDIR_SIZE), table(ENTRY, count, TUPLE_BYTES * 256))
