"""queue-get: which queues there are, and whose memory they use.

Law.   A queue shows the binding that provides its memory, as long as it does.
Reads. Linux net/core/netdev-genl.c (netdev_nl_queue_fill, netdev_nl_queue_validate); spec section 9.5.
Omits. Leases.
"""

from devmemlab.base.errno import EINVAL, ENOENT
from devmemlab.host.genl.devices import can, device_at, devices_of
from devmemlab.host.genl.extack import Refused
from devmemlab.host.genl.sets import QUEUE_TYPES, RX, TX
from devmemlab.mem.pool_table import PROVIDER_IOURING


def queue_fill(request, device, kind, queue):
    """Describe a queue.

    Parameters
    ----------
    request : Request
        For the host.
    device : device
        Its device.
    kind : str
        ``"rx"`` or ``"tx"``.
    queue : int
        Its index.

    Returns
    -------
    reply : dict
        Of the set ``queue``.
    """
    host = request.host
    reply = {"id": queue, "type": kind, "ifindex": device.ifindex}
    if kind == TX:
        return reply
    napi_id = host.genl.napis.of_queue(device, queue)
    if napi_id is not None:
        reply["napi-id"] = napi_id
    if queue in device.providers and host.profile.dmabuf_id_in_dumps:
        own = host.mem.providers.binding[device.providers[queue]]
        reply.update({"io-uring": {}} if own.kind == PROVIDER_IOURING else {"dmabuf": int(own.id)})
    if queue in getattr(device, "xsk_pools", ()):
        reply["xsk"] = {}
    return reply


def count_of(device, kind):
    """Count the active queues of a device.

    Parameters
    ----------
    device : device
        It.
    kind : str
        ``"rx"`` or ``"tx"``.

    Returns
    -------
    count : int
        How many.
    """
    return int(device.real_num_rx_queues if kind == RX else can(device, "real_num_tx_queues"))


def queue_get(request):
    """Answer queue-get.

    Parameters
    ----------
    request : Request
        With ``id``, ``type`` and ``ifindex``.

    Returns
    -------
    replies : list of dict
        One.

    Raises
    ------
    Refused
        EINVAL (something missing; no such queue), ENODEV, ENOENT: the device is down.
    """
    request.need("id", "type", "ifindex")
    queue, kind = request.number("id"), QUEUE_TYPES[request.number("type")]
    device = device_at(request, request.number("ifindex"))
    if not device.running:
        raise Refused(ENOENT, f"{device.name} is down, and so has no queues")
    if queue >= count_of(device, kind):
        raise Refused(EINVAL, f"there is no {kind} queue {queue}; {device.name} has {count_of(device, kind)}")
    return [queue_fill(request, device, kind, queue)]


def queue_dump(request):
    """Answer a dump of queue-get.

    Parameters
    ----------
    request : Request
        Perhaps with ``ifindex``.

    Returns
    -------
    replies : list of dict
        RX queues, then TX queues, of every device that is up.

    Raises
    ------
    Refused
        ENODEV.
    """
    ifindex = request.number("ifindex")
    chosen = devices_of(request.host).values() if ifindex is None else [device_at(request, ifindex)]
    return [queue_fill(request, device, kind, queue) for device in chosen if device.running for kind in QUEUE_TYPES
            for queue in range(count_of(device, kind))]
