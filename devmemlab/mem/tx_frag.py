"""References of what is to be sent: a page counts for itself, device memory counts in its binding.

Law.   A frag of device memory that waits to be sent, or to be acknowledged, holds the binding: dmabuf and mapping stay.
Reads. Linux net/core/devmem.c (net_devmem_get_net_iov), include/linux/skbuff_ref.h; spec sections 17.7 and 18.1.
Omits. Nothing.
"""

from devmemlab.base.kernel import kernel
from devmemlab.mem.binding import net_devmem_dmabuf_binding_get, net_devmem_dmabuf_binding_put
from devmemlab.mem.netmem import netmem_is_net_iov
from devmemlab.mem.pages import get_page, put_page
from devmemlab.mem.provider_table import net_iov_binding


@kernel
def tx_frag_ref(netmems, providers, netmem):
    """Take the reference of one more frag.

    Parameters
    ----------
    netmems : NETMEM[n_netmem]
        A page's own count grows,
    providers : Providers
        or that of a net_iov's binding.
    netmem : int64
        Handle.
    """
    if netmem_is_net_iov(netmem):
        net_devmem_dmabuf_binding_get(providers, net_iov_binding(netmems, providers, netmem))
    else:
        get_page(netmems, netmem)


@kernel
def tx_frag_unref(netmems, providers, netmem):
    """Drop the reference of a frag.

    Parameters
    ----------
    netmems : NETMEM[n_netmem]
        A page's own count falls; the last one frees it.
    providers : Providers
        Gets the page, or a binding's count falls; the last one leaves the binding to the work item.
    netmem : int64
        Handle.
    """
    if netmem_is_net_iov(netmem):
        net_devmem_dmabuf_binding_put(providers, net_iov_binding(netmems, providers, netmem))
    else:
        put_page(netmems, providers, netmem)
