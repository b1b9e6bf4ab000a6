"""Binding: a dmabuf cut into net_iovs for one network device, and who holds it.

Law.   While anybody holds a reference, the dmabuf stays attached and mapped; unbinding waits for nobody.
Reads. Linux net/core/devmem.c; spec sections 4.3, 4.6.
Omits. Which RX queues a binding serves: net closes and opens queues, and sees both floors.
"""

import numpy as np

from devmemlab.base.errno import EFAULT
from devmemlab.base.kernel import kernel
from devmemlab.base.trace import BINDING as TP_BINDING
from devmemlab.base.trace import emit
from devmemlab.mem.dmabuf import dma_buf_detach, dma_buf_unmap_attachment
from devmemlab.mem.gen_pool import gen_pool_avail
from devmemlab.mem.provider_table import GEN_POOL, niov_fill

EVENT_BIND, EVENT_UNBIND, EVENT_FREE = 0, 1, 2


@kernel
def net_devmem_dmabuf_binding_get(providers, binding):
    """Try to take a reference.

    Parameters
    ----------
    providers : Providers
        The count goes up on success.
    binding : int64
        Binding row.

    Returns
    -------
    taken : int64
        1, or 0 when the count was 0 already.
    """
    own = providers.binding[binding]
    if own.ref <= 0:
        return 0
    own.ref += 1
    return 1


@kernel
def net_devmem_dmabuf_binding_put(providers, binding):
    """Drop a reference; the last one leaves the binding to the work item.

    Parameters
    ----------
    providers : Providers
        The count goes down.
    binding : int64
        Binding row.
    """
    own = providers.binding[binding]
    own.ref -= 1
    if own.ref == 0:
        own.dying = 1
        providers.ctl[0].pending += 1


@kernel
def net_devmem_lookup_dmabuf(providers, binding_id):
    """Find a binding by id and take a reference, as sendmsg does.

    Parameters
    ----------
    providers : Providers
        The binding found gets a reference.
    binding_id : int64
        What user space passed.

    Returns
    -------
    binding : int64
        Binding row; 0 when the id is unknown, unbound, or the binding is going away.
    """
    for i in range(1, len(providers.binding)):
        row = providers.binding[i]
        if row.kind != 0 and row.live and row.id and row.id == binding_id:
            return np.int64(i) if net_devmem_dmabuf_binding_get(providers, i) else np.int64(0)
    return np.int64(0)


@kernel
def net_devmem_get_niov_at(netmems, providers, binding, offset):
    """Find the net_iov at an offset of a dmabuf that is to be sent.

    Parameters
    ----------
    netmems : NETMEM[n]
        The row is filled if this is its first use.
    providers : Providers
        Not changed otherwise.
    binding : int64
        Binding row.
    offset : int64
        Byte offset in the dmabuf.

    Returns
    -------
    netmem, inside, room : int64
        Handle, offset inside the net_iov, bytes from there to its end; (``-EFAULT``, 0, 0) outside the dmabuf.
    """
    own = providers.binding[binding]
    if offset < 0 or offset >= own.length:
        return np.int64(-EFAULT), np.int64(0), np.int64(0)
    index = offset >> own.niov_shift
    if index >= own.niov_count:
        return np.int64(-EFAULT), np.int64(0), np.int64(0)
    size = np.int64(1) << own.niov_shift
    row = own.niov_first + index
    niov_fill(netmems, providers, binding, row, 0)
    inside = offset & (size - 1)
    return row << 1 | 1, inside, size - inside


@kernel
def binding_erase(providers, trace, binding):
    """First half of unbind: the id is gone, so no new lookup can succeed.

    Parameters
    ----------
    providers : Providers
        The binding is no longer live.
    trace : Trace or None
        Records it.
    binding : int64
        Binding row. The caller closes its queues next and then calls `binding_kill`.
    """
    own = providers.binding[binding]
    own.live = 0
    emit(trace, TP_BINDING, binding, EVENT_UNBIND, own.id, 0)


@kernel
def binding_kill(providers, binding):
    """Second half of unbind: the reference that bind-rx or bind-tx started with is dropped.

    Parameters
    ----------
    providers : Providers
        The count goes down.
    binding : int64
        Binding row.
    """
    net_devmem_dmabuf_binding_put(providers, binding)


@kernel
def binding_free(netmems, providers, dmabufs, trace, binding):
    """The work item: undo what bind did, in reverse.

    Parameters
    ----------
    netmems : NETMEM[n]
        Rows that were touched are zero again.
    providers : Providers
        The binding's `kind` is still set; the caller gives its ranges back and clears it.
    dmabufs : Dmabufs
        Unmapped and detached.
    trace : Trace or None
        Records it.
    binding : int64
        Binding row, `dying`.

    Returns
    -------
    missing_bytes : int64
        0; otherwise what never came home, in which case the allocator's ranges must be leaked.
    """
    own = providers.binding[binding]
    if own.allocator == GEN_POOL:
        missing = own.length - gen_pool_avail(providers, binding)
    else:
        missing = (own.niov_count - own.free_count) << own.niov_shift
    if missing == 0:
        for row in range(own.touched_low, own.touched_high + 1):
            niov = netmems[row]
            niov.pp_magic = 0
            niov.pp = 0
            niov.dma_addr = 0
            niov.pp_ref_count = 0
            niov.owner = 0
            niov.niov_type = 0
            niov.place = 0
            niov.page_refcount = 0
    else:
        own.warnings += 1
    if own.attachment:
        dma_buf_unmap_attachment(dmabufs, own.attachment)
        dma_buf_detach(dmabufs, own.attachment)
        own.attachment = 0
    own.dying = 0
    providers.ctl[0].pending -= 1
    emit(trace, TP_BINDING, binding, EVENT_FREE, own.id, 0)
    return missing
