"""The devices of a host as the family sees them, and their NAPIs.

Law.   A device is asked for what it can do; the family knows no driver.
Reads. Linux include/linux/netdevice.h (dev_get_by_index, netdev_lock_ops), include/net/busy_poll.h (where NAPI numbers begin).
Omits. Namespaces; devices that are unregistered while a request runs.
"""

from devmemlab.base.errno import ENODEV
from devmemlab.host.genl.extack import Refused

LOOPBACK_IFINDEX = 1
MIN_NAPI_ID = 8193
"""Numbers up to the largest possible CPU count (8192 in distribution kernels) are kept for CPUs."""

DEFAULTS = {"real_num_tx_queues": 1, "ops_locked": True, "netmem_tx": True, "has_dma": True, "xdp_features": 0,
            "xdp_rx_metadata_features": 0, "xsk_features": 0, "present": True, "stat_ops": None, "napi_count": None,
            "napi_linked": True, "queue_create": False}


class Loopback:
    """The loopback device: one queue each way, and nothing to configure."""

    name, ifindex, running = "lo", LOOPBACK_IFINDEX, True
    real_num_rx_queues = real_num_tx_queues = 1
    ops_locked = netmem_tx = has_dma = stat_ops = False
    providers = {}


LOOPBACK = Loopback()


def devices_of(host):
    """List the devices of a host.

    Parameters
    ----------
    host : Host
        The machine.

    Returns
    -------
    devices : dict of int to device
        By number, rising.
    """
    own = getattr(host, "devices", None)
    if own is None:
        own = {LOOPBACK_IFINDEX: LOOPBACK, host.netdev.ifindex: host.netdev}
    return {ifindex: own[ifindex] for ifindex in sorted(own)}


def can(device, what):
    """Ask a device for a property that not every device spells out.

    Parameters
    ----------
    device : device
        One of `devices_of`.
    what : str
        Key of `DEFAULTS`.

    Returns
    -------
    value : object
        Its own answer, or the default.
    """
    return getattr(device, what, DEFAULTS[what])


def device_at(request, ifindex, bad_attr=None):
    """Find the device of a request.

    Parameters
    ----------
    request : Request
        The request.
    ifindex : int
        Its number.
    bad_attr : Attribute, optional
        What to blame.

    Returns
    -------
    device : device
        It.

    Raises
    ------
    Refused
        ENODEV.
    """
    devices = devices_of(request.host)
    if ifindex not in devices:
        known = ", ".join(f"{number} ({device.name})" for number, device in devices.items())
        raise Refused(ENODEV, f"there is no interface number {ifindex}; there are {known}", bad_attr=bad_attr)
    return devices[ifindex]


class Napis:
    """The NAPIs of a host: numbers are given at first sight and never twice.

    Parameters
    ----------
    host : Host
        Whose they are.
    """

    def __init__(self, host):
        self.host = host
        self.ids = {}
        self.settings = {}

    def of(self, device):
        """List the NAPIs of a device.

        Parameters
        ----------
        device : device
            It.

        Returns
        -------
        ids : list of int
            One an RX queue, queue 0 first; empty while the device is down.
        """
        count = can(device, "napi_count")
        if count is None:
            # Who counts by queue polls by queue.
            count = device.real_num_rx_queues if hasattr(device, "rxqs") or hasattr(device, "qstats") else 0
        if not device.running:
            return []
        return [self.ids.setdefault((device.ifindex, k), MIN_NAPI_ID + len(self.ids)) for k in range(count)]

    def of_queue(self, device, queue):
        """Find the NAPI that a device has linked to an RX queue.

        Parameters
        ----------
        device : device
            It.
        queue : int
            Its queue.

        Returns
        -------
        napi_id : int or None
            None when there is none.
        """
        ids = self.of(device) if can(device, "napi_linked") else []
        return ids[queue] if queue < len(ids) else None

    def find(self, napi_id):
        """Find the device of a NAPI.

        Parameters
        ----------
        napi_id : int
            Number.

        Returns
        -------
        device : device or None
            None when no device that is up has it.
        """
        return next((device for device in devices_of(self.host).values() if napi_id in self.of(device)), None)
