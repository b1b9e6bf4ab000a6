"""napi-get and napi-set: the polling contexts of devices and their settings.

Law.   A NAPI has its number as long as its device is up.
Reads. Linux net/core/netdev-genl.c (netdev_nl_napi_fill_one, netdev_nl_napi_set_config).
Omits. Interrupt numbers; what the settings would do: polling here is driven by the lab's clock.
"""

from devmemlab.base.errno import ENOENT
from devmemlab.host.genl.devices import device_at, devices_of
from devmemlab.host.genl.extack import Refused

SETTINGS = ("threaded", "defer-hard-irqs", "irq-suspend-timeout", "gro-flush-timeout")


def napi_fill(request, device, napi_id):
    """Describe a NAPI.

    Parameters
    ----------
    request : Request
        For the host.
    device : device
        Its device.
    napi_id : int
        Its number.

    Returns
    -------
    reply : dict
        Of the set ``napi``; settings where the release has napi-set.
    """
    reply = {"id": napi_id, "ifindex": device.ifindex}
    if request.host.genl.knows("napi-set"):
        stored = request.host.genl.napis.settings.get(napi_id, {})
        reply.update({name: stored.get(name, 0) for name in SETTINGS})
    return reply


def _find(request):
    """Find the NAPI of a request."""
    request.need("id")
    napi_id = request.number("id")
    device = request.host.genl.napis.find(napi_id)
    if device is None:
        raise Refused(ENOENT, f"there is no NAPI {napi_id}; dump napi-get for those there are", bad_attr=request.where("id"))
    return device, napi_id


def napi_get(request):
    """Answer napi-get.

    Parameters
    ----------
    request : Request
        With ``id``.

    Returns
    -------
    replies : list of dict
        One.

    Raises
    ------
    Refused
        EINVAL, ENOENT.
    """
    device, napi_id = _find(request)
    return [napi_fill(request, device, napi_id)]


def napi_set(request):
    """Change the settings of a NAPI.

    Parameters
    ----------
    request : Request
        With ``id`` and settings.

    Raises
    ------
    Refused
        EINVAL, ENOENT.
    """
    _, napi_id = _find(request)
    given = {name: request.number(name) for name in SETTINGS}
    request.host.genl.napis.settings.setdefault(napi_id, {}).update(
        {name: value for name, value in given.items() if value is not None})


def napi_dump(request):
    """Answer a dump of napi-get.

    Parameters
    ----------
    request : Request
        Perhaps with ``ifindex``.

    Returns
    -------
    replies : list of dict
        The newest NAPI of each device first.

    Raises
    ------
    Refused
        ENODEV.
    """
    ifindex = request.number("ifindex")
    chosen = devices_of(request.host).values() if ifindex is None else [device_at(request, ifindex)]
    napis = request.host.genl.napis
    return [napi_fill(request, device, napi_id) for device in chosen for napi_id in reversed(napis.of(device))]
