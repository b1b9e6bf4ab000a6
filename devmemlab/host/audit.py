"""The audit: does every reference belong to somebody, and every octet to some place?

Law.   For every RX netmem: references = descriptors + skb frags + tokens + user references of areas; at rest it is 1.
       TX frags of device memory count in their binding, and skbs to be sent in the completion object of their send.
Reads. House rules section 4; spec section 18.1.
Omits. Sends that wait for room in the middle of an audit: their own references would be missing.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.xarray import FANOUT, SHIFT
from devmemlab.host.audit_sending import audit_sending
from devmemlab.mem.audit import audit_mem, describe
from devmemlab.mem.ledger import DMA_DEVICE, DMA_HOST
from devmemlab.mem.pool_table import PROVIDER_IOURING
from devmemlab.net.skb import LINKED


class Audit(NamedTuple):
    """What an audit counted.

    descriptors : int
        Netmems posted to the NIC or completed and not yet polled.
    skb_frags : int
        References held by skbs.
    tokens : int
        References held by users.
    skbs : int
        Skbs alive.
    payload_octets : int
        Octets that DMA wrote into payload buffers, ever.
    tx_frags : int
        Frags of device memory that wait to be sent or acknowledged.
    user_refs : int
        References that user space holds in io_uring areas.
    """

    descriptors: int
    skb_frags: int
    tokens: int
    skbs: int
    payload_octets: int
    tx_frags: int = 0
    user_refs: int = 0

    @property
    def netmems_in_flight(self):
        """Skb frags plus what users hold: 0 at the end of a clean run."""
        return self.skb_frags + self.tokens + self.user_refs


@kernel
def count_tokens(tokens, tree, held):
    """Count the references of a socket's tokens.

    Parameters
    ----------
    tokens : XArrays
        Not changed.
    tree : int64
        Row of the connection.
    held : int64[n_row]
        Grows by one for each token, at the row of its netmem.

    Returns
    -------
    count : int64
        Tokens.
    """
    root = tokens.root[tree]
    count = np.int64(0)
    if root.top == 0:
        return count
    leaves = np.int64(1) << (SHIFT * (root.levels - 1))
    for leaf in range(leaves):
        node = root.top
        for level in range(root.levels - 2, -1, -1):
            node = tokens.slot[node, (leaf >> (SHIFT * level)) & 63].entry
            if node == 0:
                break
        if node == 0:
            continue
        for slot in range(FANOUT):
            netmem = tokens.slot[node, slot].entry
            if netmem:
                held[netmem >> 1] += 1
                count += 1
    return count


@kernel
def count_user_refs(providers, held):
    """Count what user space holds in io_uring areas.

    Parameters
    ----------
    providers : Providers
        Areas and their user counters.
    held : int64[n_row]
        Grows at the rows of buffers that are held.

    Returns
    -------
    count : int64
        References.
    """
    count = np.int64(0)
    for binding in range(1, len(providers.binding)):
        own = providers.binding[binding]
        if own.kind == PROVIDER_IOURING:
            for row in range(own.touched_low, own.touched_high + 1):
                users = providers.words[own.refs_first + row - own.niov_first].entry
                held[row] += users
                count += users
    return count


@kernel
def count_references(rxqs, skbs, tokens, held, octets):
    """Count who holds what.

    Parameters
    ----------
    rxqs : RxQueues
        Descriptors and completions.
    skbs : Skbs
        Frags.
    tokens : XArrays
        Tokens of all sockets.
    held : int64[n_row]
        Zeros; gets the number of holders of each netmem row.
    octets : int64[2]
        Gets the payload octets in completions and in live skbs.

    Returns
    -------
    descriptors, frags, live, users : int64
        Buffers with the NIC, frag references, skbs alive, tokens.
    """
    descriptors = np.int64(0)
    for queue in range(len(rxqs.ctl)):
        q = rxqs.ctl[queue]
        for at in range(q.used, q.post):
            netmem = rxqs.desc[queue, at & (q.desc_count - 1)].netmem
            held[netmem >> 1] += 1
            descriptors += 1
        for at in range(q.clean, q.complete):
            cqe = rxqs.cqe[queue, at & (q.desc_count - 1)]
            held[cqe.netmem >> 1] += 1
            octets[0] += cqe.payload_bytes
            descriptors += 1
    frags = np.int64(0)
    live = np.int64(0)
    for skb in range(1, skbs.ctl[0].watermark):
        row = skbs.skb[skb]
        if row.active:
            live += 1
            if row.pp_recycle == 0:
                continue                # to be sent: pages of no pool
            if row.active != LINKED:
                octets[1] += row.data_len
            for i in range(row.nr_frags):
                held[skbs.frag[skb, i].netmem >> 1] += 1
                frags += 1
    users = np.int64(0)
    for tree in range(len(tokens.root)):
        users += count_tokens(tokens, tree, held)
    return descriptors, frags, live, users


def audit(host):
    """Check a host.

    Parameters
    ----------
    host : Host
        Not changed.

    Returns
    -------
    report : Audit
        What was counted.

    Raises
    ------
    AssertionError
        Names the first broken rule.
    """
    mem = host.mem
    netmems = mem.netmems
    rows = mem._touched() + 1
    held, octets, resting = np.zeros(rows, np.int64), np.zeros(2, np.int64), np.zeros(rows, np.int64)
    found = audit_mem(mem.pools, netmems, mem.providers, resting)
    if found[0]:
        raise AssertionError(describe(found))
    descriptors, frags, live, users = count_references(host.rxqs, host.skbs, host.tokens, held, octets)
    lent = count_user_refs(mem.providers, held)
    out = np.nonzero(held)[0]
    wrong = out[netmems.pp_ref_count[out] != held[out]]
    if len(wrong):
        row = int(wrong[0])
        raise AssertionError(f"netmem row {row} has pp_ref_count {netmems[row].pp_ref_count}, but {held[row]} holders")
    lost = np.nonzero((held == 0) & (netmems.pp[:rows] != 0) & (resting == 0))[0]
    if len(lost):
        raise AssertionError(f"netmem row {int(lost[0])} is out of its pool, but nobody holds it: a leak")
    if live != host.skbs.ctl[0].live:
        raise AssertionError(f"{live} skbs are active, {host.skbs.ctl[0].live} are counted")
    if host.gro.ctl[0].mixed:
        raise AssertionError(f"GRO met {host.gro.ctl[0].mixed} neighbours in a flow of which one only was readable: a queue "
                             f"mixes host and device memory")
    ctl = host.skbs.ctl[0]
    if ctl.octets_in - ctl.octets_freed != octets[1]:
        raise AssertionError(f"skbs took in {ctl.octets_in} payload octets and freed {ctl.octets_freed}, "
                             f"but hold {octets[1]}")
    moved, reached = int(host.ledger[DMA_DEVICE].length + host.ledger[DMA_HOST].length), ctl.octets_in - ctl.octets_cloned
    dropped = int(host.rxqs.ctl.rx_dropped_octets.sum())
    if moved != reached + octets[0] + dropped:
        raise AssertionError(f"DMA wrote {moved} payload octets; {reached} reached skbs, {octets[0]} wait, "
                             f"{dropped} were dropped")
    return Audit(int(descriptors), int(frags), int(users), int(live), moved, audit_sending(host), int(lent))
