"""dev-get and qstats-get: what devices are, and what their queues have counted.

Law.   A counter that a driver does not keep is left out, never zero.
Reads. Linux net/core/netdev-genl.c (netdev_nl_dev_fill, netdev_nl_stats_by_netdev, netdev_nl_stats_by_queue).
Omits. XDP metadata of real drivers; base statistics of queues that are gone.
"""

from devmemlab.base.errno import EOPNOTSUPP
from devmemlab.host.genl.devices import can, device_at, devices_of
from devmemlab.host.genl.extack import Refused
from devmemlab.host.genl.sets import QSTATS, RX, TX
from devmemlab.nic.stats import tx_qstats

RX_COUNTERS = {"rx-alloc-fail": "rx_buf_alloc_fail"}
"""Counters of the NIC's queues that are not called as qstats call them."""

XSK_ZEROCOPY = 1 << 3


def dev_fill(device):
    """Describe a device.

    Parameters
    ----------
    device : device
        It.

    Returns
    -------
    reply : dict
        Of the set ``dev``.
    """
    reply = {"ifindex": device.ifindex, "xdp-features": int(can(device, "xdp_features")),
             "xdp-rx-metadata-features": int(can(device, "xdp_rx_metadata_features")),
             "xsk-features": int(can(device, "xsk_features"))}
    if reply["xdp-features"] & XSK_ZEROCOPY:
        reply["xdp-zc-max-segs"] = int(getattr(device, "xdp_zc_max_segs", 1))
    return reply


def dev_get(request):
    """Answer dev-get.

    Parameters
    ----------
    request : Request
        With ``ifindex``.

    Returns
    -------
    replies : list of dict
        One.
    """
    request.need("ifindex")
    return [dev_fill(device_at(request, request.number("ifindex")))]


def dev_dump(request):
    """Answer a dump of dev-get.

    Parameters
    ----------
    request : Request
        Its attributes are not looked at.

    Returns
    -------
    replies : list of dict
        One a device.
    """
    return [dev_fill(device) for device in devices_of(request.host).values()]


def counters(device, kind, queue):
    """Read the counters of a queue.

    Parameters
    ----------
    device : device
        Its device.
    kind : str
        ``"rx"`` or ``"tx"``.
    queue : int
        Its index.

    Returns
    -------
    counts : dict
        Name -> count, those that the device keeps.
    """
    own = getattr(device, "qstats", None)
    if own is not None:
        return {name: int(count) for name, count in own(kind, queue).items()}
    if kind == RX:
        row = device.rxqs.ctl[device.row_of(queue)]
        fields = {name: RX_COUNTERS.get(name, name.replace("-", "_")) for name in QSTATS}
        return {name: int(row[field]) for name, field in fields.items() if field in row.dtype.names}
    rings = getattr(device, "rings", None)
    return {} if rings is None else tx_qstats(rings, device.row_of(queue))


def keeps_counters(device):
    """Tell whether a device answers qstats-get.

    Parameters
    ----------
    device : device
        It.

    Returns
    -------
    keeps : bool
        True when it says so, or has counters to read.
    """
    said = can(device, "stat_ops")
    return hasattr(device, "qstats") or hasattr(device, "rxqs") if said is None else bool(said)


def qstats_dump(request):
    """Answer a dump of qstats-get.

    Parameters
    ----------
    request : Request
        Perhaps with ``ifindex``, and ``scope`` 1 for every queue by itself.

    Yields
    ------
    reply : dict
        Of the set ``qstats``.

    Raises
    ------
    Refused
        ENODEV, EOPNOTSUPP: the device asked for keeps none.
    """
    ifindex, by_queue = request.number("ifindex"), bool(request.number("scope"))
    if ifindex is not None:
        device = device_at(request, ifindex, request.where("ifindex"))
        if not keeps_counters(device):
            raise Refused(EOPNOTSUPP, f"{device.name} counts nothing by queue", bad_attr=request.where("ifindex"))
        chosen = [device]
    else:
        chosen = [device for device in devices_of(request.host).values() if keeps_counters(device)]
    for device in chosen:
        queues = [(RX, k) for k in range(device.real_num_rx_queues)]
        queues += [(TX, k) for k in range(can(device, "real_num_tx_queues"))]
        if by_queue:
            for kind, k in queues if device.running else ():
                counts = counters(device, kind, k)
                if counts:
                    yield {"ifindex": device.ifindex, "queue-type": kind, "queue-id": k, **_in_order(counts)}
        else:
            total = {}
            for kind, k in queues:
                for name, count in counters(device, kind, k).items():
                    total[name] = total.get(name, 0) + count
            yield {"ifindex": device.ifindex, **_in_order(total)}


def _in_order(counts):
    """Sort counters as they are numbered."""
    return {name: counts[name] for name in QSTATS if name in counts}
