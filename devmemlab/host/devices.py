"""The interfaces of a host by number: loopback, NICs, and the simple kinds.

Law.   An interface number is given once and never again; ``devices`` holds what is registered now, and nothing else.
Reads. Linux net/core/dev.c (dev_new_index, unregister_netdevice).
Omits. Namespaces, renaming, and wires between simple devices.
"""

from devmemlab.base.errno import EEXIST, EINVAL, ENODEV, error
from devmemlab.net.simple import SimpleDevice

LOOPBACK = 1


class Devices:
    """The part of a host that owns interfaces.

    Attributes
    ----------
    devices : dict of int to device
        By interface number. Every device answers ``name``, ``ifindex``, ``running``, ``real_num_rx_queues``,
        ``real_num_tx_queues``, ``ops_locked``, ``netmem_tx``, ``has_dma``, ``providers``, ``open_provider``, ``close_provider``.
    """

    def _first_devices(self):
        """Make the table of interfaces, with the loopback device in it."""
        self.devices = {LOOPBACK: SimpleDevice("lo", LOOPBACK, "lo")}
        self._next_ifindex = LOOPBACK + 1

    def _new_ifindex(self, name):
        """Give out the next interface number.

        Parameters
        ----------
        name : str
            Name that the new interface will have.

        Returns
        -------
        ifindex : int
            Never used before.
        """
        if not name or len(name) > 15 or "/" in name or any(c.isspace() for c in name):
            raise error(EINVAL, f"{name!r} is no interface name: 1 to 15 characters, no slash, no blanks")
        if any(device.name == name for device in self.devices.values()):
            raise error(EEXIST, f"{self.name} has an interface {name!r} already; choose another name")
        self._next_ifindex += 1
        return self._next_ifindex - 1

    def add_device(self, name, kind="dummy"):
        """Add an interface without queue management.

        Parameters
        ----------
        name : str
            Interface name.
        kind : {"veth", "tun", "tap", "bridge", "netkit", "dummy"}
            What it is.

        Returns
        -------
        device : SimpleDevice
            Up.
        """
        device = SimpleDevice(name, self._new_ifindex(name), kind)
        self.devices[device.ifindex] = device
        return device

    def remove_device(self, ifname):
        """Unregister an interface: bindings lose it, its pools stay until their last buffer is back.

        Parameters
        ----------
        ifname : str
            Its name.
        """
        device = self.device(ifname)
        if device.ifindex == LOOPBACK:
            raise error(EINVAL, "the loopback device stays")
        device.unregister()
        del self.devices[device.ifindex]
        self.poke()

    def device(self, ifname):
        """Find an interface by name.

        Parameters
        ----------
        ifname : str
            Its name.

        Returns
        -------
        device : Netdev or SimpleDevice
            Registered.

        Raises
        ------
        OSError
            ENODEV when there is none of that name.
        """
        for device in self.devices.values():
            if device.name == ifname:
                return device
        names = ", ".join(device.name for device in self.devices.values())
        raise error(ENODEV, f"{self.name} has no interface {ifname!r}; it has {names}")
