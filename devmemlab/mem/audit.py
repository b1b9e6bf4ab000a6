"""Audit: is every buffer in exactly one place?

Law.   provider, cache, ring, or out with a reference: one of the four, for every row, at every moment.
Reads. House rules, section 4 (conservation of references).
Omits. Who outside holds the references: the floors above count descriptors, frags and tokens.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.mem.audit_places import IN_PROVIDER, audit_pages, audit_resting, audit_rows
from devmemlab.mem.pool_alloc import page_pool_inflight
from devmemlab.mem.pool_table import PROVIDER_IOURING
from devmemlab.mem.provider_table import GEN_POOL, LIFO

RULES = (
    "clean",
    "a buffer in the cache of pool {a} is not that pool's at rest: netmem row {b}, pp_ref_count {c}",
    "a buffer in the ring of pool {a} is not that pool's at rest: netmem row {b}, pp_ref_count {c}",
    "netmem row {b} is twice in caches and rings (second time in pool {a})",
    "netmem row {b} is out of pool {a} without a reference: pp_ref_count {c}",
    "hold_cnt - release_cnt of pool {a} is {b}, but {c} buffers are out of its provider",
    "netmem row {b} of binding {a} is free in the allocator but belongs to pool {c}",
    "binding {a}: {b} net_iovs are out of its allocator, {c} belong to pools or hold a copy for user space",
    "the stack of binding {a} holds index {b} twice or out of range",
    "page row {b} waits in the page allocator but belongs to pool {a}, or has {c} references",
    "order {a}: {b} pages are out of the page allocator, {c} have references",
    "netmem row {b} belongs to pool {a}, which does not exist",
    "a chunk of binding {a} counts {b} bytes available, its bitmap says {c}",
    "binding {a} has {b} references, its pools alone need {c}",
)


@kernel
def _sum(counts):
    """Add counts up.

    Parameters
    ----------
    counts : int64[n]
        Counts.

    Returns
    -------
    total : int64
        Their sum.
    """
    total = np.int64(0)
    for i in range(len(counts)):
        total += counts[i]
    return total


@kernel
def _check_bitmap(netmems, providers, binding):
    """Compare the bitmaps of a gen_pool with the rows.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    providers : Providers
        Not changed.
    binding : int64
        Binding row.

    Returns
    -------
    rule, a, b, c : int64
        The first broken rule, 0 when none is; then `c` is the number of bits set.
    """
    own = providers.binding[binding]
    total = np.int64(0)
    for chunk in range(own.chunk_first, own.chunk_first + own.chunk_count):
        piece = providers.chunk[chunk]
        out = np.int64(0)
        for word in range((piece.niov_count + 63) >> 6):
            bits = providers.words[piece.word_first + word].entry
            if bits == 0 and piece.niov_first + (word << 6) > own.touched_high:
                continue
            for bit in range(word << 6, min((word << 6) + 64, piece.niov_count)):
                row = piece.niov_first + bit
                if bits >> (bit & 63) & 1:
                    out += 1
                elif netmems[row].pp != 0:
                    return np.int64(6), np.int64(binding), row, netmems[row].pp - 1
        avail = piece.length - (out << own.niov_shift)
        if avail != piece.avail_bytes:
            return np.int64(12), np.int64(binding), piece.avail_bytes, avail
        if piece.dma_addr == 0 and out and netmems[piece.niov_first].owner == 0:
            out -= 1
        total += out
    return np.int64(0), np.int64(0), np.int64(0), total


@kernel
def _check_stack(netmems, providers, binding, mark):
    """Compare the stack of a lifo with the rows.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    providers : Providers
        Not changed.
    binding : int64
        Binding row.
    mark : int64[n]
        Free rows get ``IN_PROVIDER``.

    Returns
    -------
    rule, a, b, c : int64
        The first broken rule, 0 when none is; then `c` is the number of net_iovs that are not in the stack.
    """
    own = providers.binding[binding]
    for at in range(own.implicit, own.free_count):
        index = providers.words[own.words_first + at].entry
        row = own.niov_first + index
        if index < own.implicit or index >= own.niov_count or mark[row] == IN_PROVIDER:
            return np.int64(8), np.int64(binding), index, np.int64(0)
        if netmems[row].pp != 0:
            return np.int64(6), np.int64(binding), row, netmems[row].pp - 1
        mark[row] = IN_PROVIDER
    return np.int64(0), np.int64(0), np.int64(0), own.niov_count - own.free_count


@kernel
def _fallbacks(netmems, providers, binding):
    """Count the buffers of an io_uring area that hold a copy: user space has them, and they belong to no pool.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    providers : Providers
        Not changed.
    binding : int64
        Binding row.

    Returns
    -------
    count : int64
        0 for every other kind of binding.
    """
    own = providers.binding[binding]
    count = np.int64(0)
    if own.kind == PROVIDER_IOURING:
        for row in range(own.touched_low, own.touched_high + 1):
            if netmems[row].pp == 0 and providers.words[own.refs_first + row - own.niov_first].entry == 1:
                count += 1
    return count


@kernel
def audit_tables(pools, netmems, providers, mark, owned, needed):
    """Check that every buffer is in exactly one place and every count adds up.

    Parameters
    ----------
    pools : PagePools
        Not changed.
    netmems : NETMEM[n]
        Not changed.
    providers : Providers
        Not changed.
    mark : int64[n]
        Scratch, zeros, longer than the highest row ever used.
    owned : int64[n_pool]
        Scratch, zeros.
    needed : int64[n_binding]
        Scratch, zeros.

    Returns
    -------
    rule, a, b, c : int64
        0 when all is well, else a number of `RULES` and what to fill in.
    """
    found = audit_resting(pools, netmems, mark)
    if found[0]:
        return found
    for pool in range(len(pools.ctl)):
        if pools.ctl[pool].alive and pools.ctl[pool].provider:
            needed[pools.ctl[pool].mp_priv] += 1
    for binding in range(1, len(providers.binding)):
        own = providers.binding[binding]
        if own.kind == 0:
            continue
        before = _sum(owned)
        found = audit_rows(pools, netmems, mark, owned, own.touched_low, own.touched_high + 1)
        if found[0]:
            return found
        mine = _sum(owned) - before
        if own.allocator == GEN_POOL:
            found = _check_bitmap(netmems, providers, binding)
        elif own.allocator == LIFO:
            found = _check_stack(netmems, providers, binding, mark)
        else:
            found = (np.int64(0), np.int64(0), np.int64(0), own.niov_count - own.free_count)
        if found[0]:
            return found
        copies = _fallbacks(netmems, providers, binding)
        if found[3] != mine + copies:
            return np.int64(7), np.int64(binding), found[3], mine + copies
        wanted = needed[binding] + own.live + own.hold_niov * (mine - own.leaked)
        if own.ref < wanted:
            return np.int64(13), np.int64(binding), own.ref, wanted
    found = audit_rows(pools, netmems, mark, owned, np.int64(1), providers.pages[0].next_row)
    if found[0]:
        return found
    for pool in range(len(pools.ctl)):
        if pools.ctl[pool].alive and page_pool_inflight(pools, pool) != owned[pool]:
            return np.int64(5), np.int64(pool), page_pool_inflight(pools, pool), owned[pool]
    return audit_pages(netmems, providers)


def audit_mem(pools, netmems, providers, mark):
    """Check the tables of a host.

    Parameters
    ----------
    pools : PagePools
        Not changed.
    netmems : NETMEM[n]
        Not changed.
    providers : Providers
        Not changed.
    mark : int64[n]
        Zeros, longer than the highest row ever used; rows found at rest are marked afterwards.

    Returns
    -------
    found : tuple of int
        What `audit_tables` returned; pass it to `describe`.
    """
    owned, needed = np.zeros(len(pools.ctl), np.int64), np.zeros(len(providers.binding), np.int64)
    return audit_tables(pools, netmems, providers, mark, owned, needed)


def describe(found):
    """Say which rule is broken.

    Parameters
    ----------
    found : tuple of int
        What `audit_mem` returned.

    Returns
    -------
    text : str
        One sentence.
    """
    rule, a, b, c = (int(v) for v in found)
    return RULES[rule].format(a=a, b=b, c=c)
