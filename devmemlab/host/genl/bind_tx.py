"""bind-tx: a dmabuf is made known to a device, so that sockets can send from it.

Law.   A TX binding has no queues and needs no rights; it ends with its netlink socket all the same.
Reads. Linux net/core/netdev-genl.c (netdev_nl_bind_tx_doit); spec section 9.4.
Omits. Virtual devices that borrow the DMA of another.
"""

from devmemlab.base.errno import EOPNOTSUPP
from devmemlab.host.genl.bind_rx import make_binding
from devmemlab.host.genl.devices import can, device_at
from devmemlab.host.genl.extack import Refused
from devmemlab.mem.dmabuf import TO_DEVICE


def bind_tx(request):
    """Bind a dmabuf for sending.

    Parameters
    ----------
    request : Request
        With ``ifindex`` and ``fd``.

    Returns
    -------
    replies : list of dict
        One, with the ``id`` of the binding.

    Raises
    ------
    Refused
        EINVAL, ENODEV, EOPNOTSUPP, EBADF, and what making a binding refuses.
    """
    request.need("ifindex", "fd")
    device = device_at(request, request.number("ifindex"))
    if not can(device, "netmem_tx"):
        raise Refused(EOPNOTSUPP, f"{device.name} cannot send from memory that the host does not read",
                      msg="Driver does not support netmem TX")
    binding = make_binding(request, device, direction=TO_DEVICE)
    request.sock.bindings.append(binding)
    return [{"id": int(request.host.mem.providers.binding[binding].id)}]
