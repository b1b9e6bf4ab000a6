"""An io_uring-like area: buffers that come back through a ring which user space writes.

Law.   A buffer that user space holds has one pool reference for each count in its user counter.
Reads. Linux io_uring/zcrx.c; spec section 7.1.
Omits. Completions (sock delivers), and the ring as octets: its entries are words that `zcrx_post_rqe` writes.

User space returns a buffer by writing its offset (area id in bits 48 and up) into the refill ring. The
kernel looks there only when a pool needs buffers, at most 64 entries a time; entries that name
no buffer, or one that user space does not hold, are skipped. What could not be received in place is copied into a
fallback buffer, which belongs to no pool: it goes straight back to the area's free list.
"""

import numpy as np

from devmemlab.base.errno import EINVAL, ENOSPC
from devmemlab.base.kernel import kernel
from devmemlab.base.ring import ring_produce
from devmemlab.mem.lifo import lifo_pop, lifo_push
from devmemlab.mem.netmem import PLACE_CACHE, PLACE_PROVIDER, PLACE_RING, PLACE_SKB, PLACE_TOKEN
from devmemlab.mem.pool_table import PP_ALLOC_CACHE_REFILL
from devmemlab.mem.provider_table import niov_fill

AREA_SHIFT = 48
RQ_MAX = 32768
_OFFSET_MASK = (1 << AREA_SHIFT) - 1


@kernel
def zcrx_offset(netmems, providers, netmem):
    """Say where a buffer is, in the words of a completion.

    Parameters
    ----------
    netmems : NETMEM[n]
        Not changed.
    providers : Providers
        Not changed.
    netmem : int64
        Handle of a net_iov of an area.

    Returns
    -------
    offset : int64
        Index times size, with the area id in bits 48 and up.
    """
    own = providers.binding[providers.chunk[netmems[netmem >> 1].owner].binding]
    return own.area_id << AREA_SHIFT | ((netmem >> 1) - own.niov_first) << own.niov_shift


@kernel
def zcrx_get_user_ref(netmems, providers, netmem):
    """Lend a buffer to user space: its counter and its pool reference both go up.

    Parameters
    ----------
    netmems : NETMEM[n]
        ``pp_ref_count`` goes up.
    providers : Providers
        The user counter goes up.
    netmem : int64
        Handle of a net_iov of an area.
    """
    own = providers.binding[providers.chunk[netmems[netmem >> 1].owner].binding]
    providers.words[own.refs_first + (netmem >> 1) - own.niov_first].entry += 1
    netmems[netmem >> 1].pp_ref_count += 1
    netmems[netmem >> 1].place = PLACE_TOKEN


@kernel
def zcrx_lend_fallback(netmems, providers, binding):
    """Take a free buffer of an area, to be copied into, and lend it to user space at once.

    Parameters
    ----------
    netmems : NETMEM[n]
        Its row is filled; it belongs to no pool and has one reference, the user's.
    providers : Providers
        The free list is shorter; the user counter is 1.
    binding : int64
        Binding row of the area.

    Returns
    -------
    netmem : int64
        Handle, 0 when every buffer is out.
    """
    own = providers.binding[binding]
    index = lifo_pop(providers, binding)
    if index < 0:
        return np.int64(0)
    row = own.niov_first + index
    niov_fill(netmems, providers, binding, row, np.int64(0))
    netmems[row].pp_ref_count = 1
    netmems[row].place = PLACE_TOKEN
    providers.words[own.refs_first + index].entry = 1
    return row << 1 | 1


@kernel
def zcrx_return_fallback(netmems, providers, binding, index):
    """Put a fallback buffer that nobody holds any more back on the free list.

    Parameters
    ----------
    netmems : NETMEM[n]
        Its place changes.
    providers : Providers
        The free list is longer.
    binding : int64
        Binding row of the area.
    index : int64
        Net_iov index; its user counter is 0.
    """
    netmems[providers.binding[binding].niov_first + index].place = PLACE_PROVIDER
    lifo_push(providers, binding, index)


@kernel
def zcrx_post_rqe(providers, binding, offset):
    """Write one entry of the refill ring, as user space does.

    Parameters
    ----------
    providers : Providers
        The ring's tail moves.
    binding : int64
        Binding row of the area.
    offset : int64
        What the completion said, anywhere inside the buffer; anything at all, in fact.

    Returns
    -------
    err : int64
        0, or ``-ENOSPC`` when the kernel has not looked at the oldest entries yet.
    """
    own = providers.binding[binding]
    if own.rq_tail - own.rq_head >= own.rq_entries:
        return -ENOSPC
    providers.words[own.rq_first + own.rq_tail % own.rq_entries].entry = offset
    own.rq_tail += 1
    return 0


@kernel
def zcrx_post_rqes(providers, binding, offsets):
    """Write entries of the refill ring until it is full.

    Parameters
    ----------
    providers : Providers
        The ring's tail moves.
    binding : int64
        Binding row of the area.
    offsets : int64[n]
        One an entry.

    Returns
    -------
    written : int64
        How many there was room for.
    """
    for i in range(len(offsets)):
        if zcrx_post_rqe(providers, binding, offsets[i]) < 0:
            return np.int64(i)
    return np.int64(len(offsets))


@kernel
def zcrx_parse_rqe(providers, binding, offset):
    """Read which buffer an entry names.

    Parameters
    ----------
    providers : Providers
        Not changed.
    binding : int64
        Binding row of the area.
    offset : int64
        The entry.

    Returns
    -------
    index : int64
        Net_iov index, or ``-EINVAL`` for another area or an offset outside it.
    """
    own = providers.binding[binding]
    index = (offset & _OFFSET_MASK) >> own.niov_shift
    if offset < 0 or offset >> AREA_SHIFT != own.area_id or index >= own.niov_count:
        return np.int64(-EINVAL)
    return index


@kernel
def zcrx_refill(pools, netmems, providers, pool):
    """Move what user space has returned into the pool's empty cache and hand out the top one.

    Parameters
    ----------
    pools : PagePools
        The cache changes; a buffer of another (older) pool goes to that pool's ring, one of no pool to the free list.
    netmems : NETMEM[n]
        References drop.
    providers : Providers
        User counters drop; the ring's head moves.
    pool : int64
        Pool row.

    Returns
    -------
    netmem : int64
        Handle, 0 when the ring brought nothing. Buffers from here are held already: hold_cnt stays.
    """
    ctl = pools.ctl[pool]
    own = providers.binding[ctl.mp_priv]
    for _ in range(min(own.rq_tail - own.rq_head, PP_ALLOC_CACHE_REFILL)):
        index = zcrx_parse_rqe(providers, ctl.mp_priv, providers.words[own.rq_first + own.rq_head % own.rq_entries].entry)
        own.rq_head += 1
        if index < 0:
            continue
        users = providers.words[own.refs_first + index]
        if users.entry == 0:
            continue
        users.entry -= 1
        netmem = (own.niov_first + index) << 1 | 1
        row = netmems[netmem >> 1]
        if row.pp_ref_count > 1:
            row.pp_ref_count -= 1
            row.place = PLACE_TOKEN if users.entry else PLACE_SKB
            continue
        home = row.pp - 1
        if home < 0:
            zcrx_return_fallback(netmems, providers, ctl.mp_priv, index)
            continue
        if home != pool:
            if ring_produce(pools.ring, home, netmem) == 0:
                row.place = PLACE_RING
                pools.ctl[home].recycle_ring += 1
                continue
            users.entry += 1
            own.rq_head -= 1
            break
        row.place = PLACE_CACHE
        pools.cache[pool, ctl.cache_count].entry = netmem
        ctl.cache_count += 1
    if ctl.cache_count == 0:
        return np.int64(0)
    ctl.cache_count -= 1
    return pools.cache[pool, ctl.cache_count].entry
