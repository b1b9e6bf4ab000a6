"""queue-create: what is refused before a virtual device may lease a physical queue.

Law.   A lease needs a virtual device that can have queues made and a physical one that can be restarted; they differ.
Reads. Linux net/core/netdev-genl.c (netdev_nl_queue_create_doit); spec section 22, item 6.
Omits. The lease itself: the lab has no virtual device that can have queues made, so every complete request ends in EINVAL.
"""

from devmemlab.base.errno import EBUSY, EINVAL, EOPNOTSUPP, ERANGE
from devmemlab.host.genl.devices import can, device_at
from devmemlab.host.genl.extack import Refused
from devmemlab.host.genl.operations import LEASE, QUEUE_ID
from devmemlab.host.genl.sets import QUEUE_TYPES, RX


def queue_create(request):
    """Refuse to make a queue.

    Parameters
    ----------
    request : Request
        With ``ifindex``, ``type`` and ``lease``.

    Raises
    ------
    Refused
        EINVAL, ENODEV, ERANGE, EBUSY; EOPNOTSUPP for a request that nothing is wrong with.
    """
    request.need("ifindex", "type", "lease")
    nest = request.where("lease")
    table = request.inside(nest, LEASE)
    request.need("ifindex", "queue", table=table, within="lease", nest=nest)
    inner = request.where("queue", table, "lease")
    asked = request.inside(inner, QUEUE_ID)
    request.need("id", "type", table=asked, within="queue-id", nest=inner)
    if QUEUE_TYPES[request.number("type")] != RX:
        raise Refused(EINVAL, "only RX queues can be made", bad_attr=request.where("type"))
    if QUEUE_TYPES[request.number("type", asked, "queue-id")] != RX:
        raise Refused(EINVAL, "only RX queues can be leased", bad_attr=request.where("type", asked, "queue-id"))
    ifindex, other, queue = (request.number("ifindex"), request.number("ifindex", table, "lease"),
                             request.number("id", asked, "queue-id"))
    if ifindex == other:
        raise Refused(EINVAL, "a device cannot lease a queue of its own", bad_attr=request.where("ifindex", table, "lease"))
    virtual = device_at(request, ifindex, request.where("ifindex"))
    if not can(virtual, "queue_create"):
        raise Refused(EINVAL, f"{virtual.name} is no virtual device that can have queues made", bad_attr=request.where("ifindex"))
    physical = device_at(request, other, request.where("ifindex", table, "lease"))
    if not (can(physical, "ops_locked") and can(physical, "has_dma")):
        raise Refused(EINVAL, f"{physical.name} has no queues that could be leased",
                      bad_attr=request.where("ifindex", table, "lease"))
    if queue >= physical.real_num_rx_queues:
        raise Refused(ERANGE, f"queue {queue}: {physical.name} has {physical.real_num_rx_queues} RX queues",
                      bad_attr=request.where("id", asked, "queue-id"))
    if queue in physical.providers:
        raise Refused(EBUSY, f"queue {queue} of {physical.name} has a memory provider",
                      bad_attr=request.where("id", asked, "queue-id"))
    raise Refused(EOPNOTSUPP, "leases are not modelled")
