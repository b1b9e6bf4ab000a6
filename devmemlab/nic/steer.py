"""Steering: which RX queue a packet goes to.

Law.   Rules win over RSS; the lowest location that matches wins among rules; no packet is without a queue.
Reads. Linux Documentation/networking/scaling.rst, net/ethtool/ioctl.c (n-tuple rules, indirection).
Omits. Masks narrower than a field, extra RSS contexts, symmetric hashing.
"""

from devmemlab.base.kernel import kernel
from devmemlab.nic.device import MAX_RULES
from devmemlab.nic.toeplitz import toeplitz_packet

TCP, UDP = 6, 17


@kernel
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
        True when every field that the rule names is equal.
    """
    if rule.active == 0 or pkt.ip_proto != TCP or pkt.ip_version != rule.ip_version or pkt.frag != 0:
        return False
    if rule.match_dport and rule.dport != pkt.dport:
        return False
    if rule.match_sport and rule.sport != pkt.sport:
        return False
    if rule.match_daddr and (rule.daddr_lo != pkt.daddr_lo or rule.daddr_hi != pkt.daddr_hi):
        return False
    if rule.match_saddr and (rule.saddr_lo != pkt.saddr_lo or rule.saddr_hi != pkt.saddr_hi):
        return False
    return True


@kernel
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
        Queue index within the NIC; location of the rule that decided or -1; RSS hash (0 when a
        rule decided or the packet is not IP).
    """
    ctl = nics.ctl[nic]
    if ctl.ntuple and ctl.rule_count:
        for location in range(MAX_RULES):
            rule = nics.rule[nic, location]
            if rule_matches(rule, pkt):
                return rule.queue, location, 0
    if pkt.ip_version == 0:
        return 0, -1, 0
    with_ports = 0
    if pkt.frag == 0 and pkt.ip_proto == TCP:
        with_ports = 1
    rss = toeplitz_packet(nics.hash_table, nic, pkt, with_ports)
    return nics.indir[nic, rss % ctl.indir_count].entry, -1, rss
