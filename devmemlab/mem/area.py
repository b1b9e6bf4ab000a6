"""The end of an io_uring area: buffers that user space still holds are taken from it.

Law.   After scrubbing, no user counter is above zero, and each reference it stood for has been dropped.
Reads. Linux io_uring/zcrx.c; spec section 7.1, last row.
Omits. Waiting for requests in progress.
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.mem.iouring import zcrx_return_fallback
from devmemlab.mem.pool_put import page_pool_put_unrefed_netmem, page_pool_unref_netmem


@kernel
def zcrx_scrub(pools, netmems, providers, trace, binding):
    """Drop every reference that user space holds in an area.

    Parameters
    ----------
    pools : PagePools
        Buffers go to the rings of their pools; those that were copied into belong to none, and go to the free list.
    netmems : NETMEM[n]
        References drop.
    providers : Providers
        User counters become 0.
    trace : Trace or None
        Records where buffers went.
    binding : int64
        Binding row of the area.

    Returns
    -------
    scrubbed : int64
        References dropped.
    """
    own = providers.binding[binding]
    scrubbed = np.int64(0)
    for row in range(own.touched_low, own.touched_high + 1):
        users = providers.words[own.refs_first + row - own.niov_first]
        if users.entry:
            netmem = row << 1 | 1
            scrubbed += users.entry
            if netmems[row].pp == 0:
                users.entry = 0
                zcrx_return_fallback(netmems, providers, binding, row - own.niov_first)
                continue
            last = page_pool_unref_netmem(netmems, netmem, users.entry) == 0
            users.entry = 0
            if last:
                page_pool_put_unrefed_netmem(pools, netmems, providers, trace, netmems[row].pp - 1, netmem, 0)
    return scrubbed
