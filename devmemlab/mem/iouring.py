"""An io_uring-like area: buffers that come back through a ring which user space writes.

Law.   A buffer that user space holds has one pool reference for each count in its user counter.
Reads. Linux io_uring/zcrx.c; spec section 7.1.
Omits. The completion queue (sock delivers), copying into fallback buffers, areas of user pages.

User space returns a buffer by writing its offset (area id in bits 48 and up) into the refill ring. The
kernel looks there only when a pool needs buffers, at most 64 entries a time; entries that name
no buffer, or one that user space does not hold, are skipped.
"""

import numpy as np

from devmemlab.base.errno import EINVAL, ENOSPC
from devmemlab.base.kernel import kernel
from devmemlab.base.ring import ring_produce
from devmemlab.mem.netmem import PLACE_CACHE, PLACE_RING
from devmemlab.mem.pool_table import PP_ALLOC_CACHE_REFILL

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
        The cache changes; a buffer of another (older) pool goes to that pool's ring.
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
            continue
        home = row.pp - 1
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
