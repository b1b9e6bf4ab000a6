"""Steering: which RX queue a packet goes to.

Law.   Rules win over RSS; the lowest location that matches wins among rules; without a rule no packet is without a queue.
Reads. Linux Documentation/networking/scaling.rst, net/ethtool/ioctl.c (n-tuple rules, indirection), rss.c (contexts).
Omits. Flow director by learning (aRFS), rules on what is below IP.

The answer is a queue index within the NIC, and -1 when a rule says that the packet is to be dropped.
`devmemlab.nic.explain` gives the same answer with its reasons. A steering function of the user's (`devmemlab.nic.user_steer`)
stands in for the indirection table, where it names a queue.

Every packet comes here, so the kernels are made part of their caller (``forceinline``): a call that hands a tuple of tables down
takes longer than the hash itself.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.nic.steer_tables import CONTEXT_ROOM, NO_TRANSFORM, RXH_ADDRESSES, RXH_PORTS
from devmemlab.nic.toeplitz import toeplitz_fields, toeplitz_packet
from devmemlab.nic.user_steer import steer_user

TCP, UDP = 6, 17
RXH_ALL = RXH_ADDRESSES | RXH_PORTS


@kernel(forceinline=True)
def rule_matches(rule, pkt):
    """Tell whether an n-tuple rule covers a packet.

    Parameters
    ----------
    rule : RULE
        One row.
    pkt : PKT
        Parsed headers.

    Returns
    -------
    matches : bool
        True when every bit under the rule's masks is equal.
    """
    if rule.active == 0 or pkt.ip_version != rule.ip_version:
        return False
    if rule.ip_proto != 0 and (pkt.ip_proto != rule.ip_proto or pkt.frag != 0):
        return False
    differ = ((pkt.dport ^ rule.dport) & rule.dport_mask) | ((pkt.sport ^ rule.sport) & rule.sport_mask)
    differ |= ((pkt.daddr_lo ^ rule.daddr_lo) & rule.daddr_mask_lo) | ((pkt.daddr_hi ^ rule.daddr_hi) & rule.daddr_mask_hi)
    differ |= ((pkt.saddr_lo ^ rule.saddr_lo) & rule.saddr_mask_lo) | ((pkt.saddr_hi ^ rule.saddr_hi) & rule.saddr_mask_hi)
    return differ == 0


@kernel
def find_rule(rules, nic, top, pkt):
    """Find the rule that decides about a packet.

    Parameters
    ----------
    rules : RULE[n_nic, 1024]
        Not changed.
    nic : int64
        Which NIC.
    top : int64
        No rule is at this location or above.
    pkt : PKT
        Parsed headers.

    Returns
    -------
    location : int64
        Lowest location that matches, or -1.
    """
    for location in range(top):
        if rule_matches(rules[nic, location], pkt):
            return location
    return np.int64(-1)


@kernel(forceinline=True)
def hashed_fields(context, pkt):
    """Tell which fields of a packet a context hashes.

    Parameters
    ----------
    context : CONTEXT
        One row.
    pkt : PKT
        Parsed headers of an IP packet.

    Returns
    -------
    fields : int64
        RXH_* bits; the addresses alone for fragments and for what has no ports.
    """
    if pkt.frag == 0:
        if pkt.ip_proto == TCP:
            return context.tcp4 if pkt.ip_version == 4 else context.tcp6
        if pkt.ip_proto == UDP:
            return context.udp4 if pkt.ip_version == 4 else context.udp6
    return np.int64(RXH_ADDRESSES)


@kernel(forceinline=True)
def rss_hash(hash_table, row, context, pkt, start):
    """Hash a packet as the device does.

    Parameters
    ----------
    hash_table : ENTRY[n_row, 36 * 256]
        From `devmemlab.nic.toeplitz.toeplitz_fill`.
    row : int64
        Which context row.
    context : CONTEXT
        That row.
    pkt : PKT
        Parsed headers of an IP packet.
    start : int64
        What the device's hash starts from.

    Returns
    -------
    hash : int64
        0 to 2^32 - 1.
    """
    fields = hashed_fields(context, pkt)
    if context.transform == NO_TRANSFORM and (fields == RXH_ALL or fields == RXH_ADDRESSES):
        return toeplitz_packet(hash_table, row, pkt, fields & RXH_PORTS) ^ start
    return toeplitz_fields(hash_table, row, pkt, fields, context.transform) ^ start


@kernel(forceinline=True)
def table_index(context, rss):
    """Tell which entry of the indirection table a hash selects.

    Parameters
    ----------
    context : CONTEXT
        One row.
    rss : int64
        Hash.

    Returns
    -------
    index : int64
        The hash modulo the length of the table.
    """
    if context.indir_mask >= 0:
        return rss & context.indir_mask
    return rss % context.indir_count


@kernel(forceinline=True)
def steer(nics, nic, pkt):
    """Choose the queue of a packet.

    Parameters
    ----------
    nics : Nics
        Not changed.
    nic : int64
        Which NIC.
    pkt : PKT
        Parsed headers.

    Returns
    -------
    queue, rule, hash : int64
        Queue index within the NIC, -1 when a rule drops the packet; location of the rule that decided or -1; RSS hash
        (0 when a rule named the queue or the packet is not IP).
    """
    ctl = nics.ctl[nic]
    row = nic * CONTEXT_ROOM
    location = np.int64(-1)
    if ctl.rule_count and ctl.ntuple:
        location = find_rule(nics.rule, nic, ctl.rule_top, pkt)
        if location >= 0:
            rule = nics.rule[nic, location]
            if rule.context == 0:
                return rule.queue, location, np.int64(0)
            row += rule.context
    if pkt.ip_version == 0:
        return np.int64(0), location, np.int64(0)
    context = nics.context[row]
    rss = rss_hash(nics.hash_table, row, context, pkt, ctl.hash_init)
    if ctl.steering:
        queue = steer_user(ctl.steering, pkt, rss, ctl.queue_count)
        if queue >= 0:
            return queue, location, rss
    return nics.indir[row, table_index(context, rss)].entry, location, rss
