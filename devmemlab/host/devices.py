"""The interfaces of a host by number: loopback, NICs, and the simple kinds.

Law.   An interface number is given once and never again; ``devices`` holds what is registered now, and nothing else.
Reads. Linux net/core/dev.c (dev_new_index, unregister_netdevice).
Omits. Namespaces, renaming, and wires between simple devices.
"""

from devmemlab.base.errno import EEXIST, EINVAL, ENODEV, ENOSPC, error
from devmemlab.base.table import table
from devmemlab.host.addresses import ADDRESS
from devmemlab.host.hooks import rx_memory
from devmemlab.mem.region import host_memory
from devmemlab.net.netdev import Netdev
from devmemlab.net.simple import SimpleDevice
from devmemlab.nic.context_life import reset_rss
from devmemlab.nic.user_steer import steering_address
from devmemlab.wire.address import parse_address
from devmemlab.wire.ethernet import mac as parse_mac

LOOPBACK = 1
NIC_ROOM = 4
QUEUES_AT_LEAST = 16
SPARE_QUEUES = 32
HEADER_ROOM = 256
NAME_LONGEST = 15
MTU_LEAST = 68


class Devices:
    """The part of a host that owns interfaces.

    Attributes
    ----------
    devices : dict of int to device
        By interface number. Every device answers ``name``, ``ifindex``, ``running``, ``real_num_rx_queues``,
        ``real_num_tx_queues``, ``ops_locked``, ``netmem_tx``, ``has_dma``, ``providers``, ``open_provider``, ``close_provider``.
    ports : list of Port or None
        Where the frames of each NIC come from and go to, by row of ``nics``.
    """

    def _first_devices(self):
        """Make the table of interfaces, with the loopback device in it."""
        self.devices = {LOOPBACK: SimpleDevice("lo", LOOPBACK, "lo")}
        self.ports, self._regions = [], []
        self._next_ifindex, self._next_queue = LOOPBACK + 1, 0

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
        if not name or len(name) > NAME_LONGEST or "/" in name or any(c.isspace() for c in name):
            raise error(EINVAL, f"{name!r} is no interface name: 1 to {NAME_LONGEST} characters, no slash, no blanks")
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
        device = SimpleDevice(name, self._next_ifindex, kind)
        self._new_ifindex(name)
        self.devices[device.ifindex] = device
        return device

    def add_nic(self, ifname, mac=None, rx_queues=1, port=None, ip=None, ip6=None, mtu=1500, queues_max=None, restart="queue",
                restart_ns=0, provider=None, allocator=None, steering=None):
        """Add a NIC with queues of its own.

        Parameters
        ----------
        ifname : str
            Interface name.
        mac : str, optional
            Its address; one derived from the first NIC's when left out.
        rx_queues : int
            RX queues that are active.
        port : Port, optional
            Where frames come from and go to.
        ip, ip6 : str, optional
            Addresses besides those that the host has.
        mtu : int
            Largest IP packet, octets.
        queues_max : int, optional
            RX queues that it can have; `rx_queues` when left out.
        restart : {"queue", "device"}
            What a bind restarts: its queue, or the whole device as in the first design.
        restart_ns : int
            Modelled time that a restart stops queues for.
        provider, allocator : UserProvider, optional
            Where the buffers of bound queues come from, see `devmemlab.host.hooks`.
        steering : kernel, optional
            ``steering(pkt, rss, queues) -> queue``, see `devmemlab.nic.user_steer`.

        Returns
        -------
        netdev : Netdev
            Up.

        Raises
        ------
        OSError
            EINVAL impossible numbers or hooks, EEXIST the name is taken, ENOSPC no room for another NIC or its queues.
        """
        nic, limit = len(self.ports), queues_max or rx_queues
        if nic == NIC_ROOM or self._next_queue + limit > len(self.rxqs.ctl):
            raise error(ENOSPC, f"{self.name} has room for {NIC_ROOM} NICs, and for {len(self.rxqs.ctl) - self._next_queue} more "
                                "queues; add a smaller one")
        if mtu < MTU_LEAST:
            raise error(EINVAL, f"mtu {mtu}: an IP packet may need {MTU_LEAST} octets; 1500 is usual")
        if restart not in ("queue", "device") or restart_ns < 0:
            raise error(EINVAL, f"restart={restart!r}, restart_ns={restart_ns}: 'queue' or 'device', and 0 or more")
        if not 1 <= rx_queues <= limit:
            raise error(EINVAL, f"rx_queues {rx_queues}: 1 to {limit} is possible")
        hooks, address = rx_memory(provider, allocator), steering_address(steering)
        number = parse_mac(mac) if mac else int(self.nics.ctl[0].mac) + (nic << 16)
        ifindex = self._new_ifindex(ifname)
        ctl = self.nics.ctl[nic]
        ctl.ifindex, ctl.mac, ctl.mtu, ctl.first_queue, ctl.queue_count = ifindex, number, mtu, self._next_queue, rx_queues
        ctl.rx_csum = ctl.ntuple = 1
        ctl.moderated = port is not None and port.moderated
        ctl.steering = address
        reset_rss(self.nics, nic, rx_queues)
        self._next_queue += limit
        self.ports.append(port)
        self._add_addresses(ifindex, ip, ip6)
        ring = self.rxqs.desc.shape[1]
        self._regions.append(host_memory(limit * ring * HEADER_ROOM, f"header buffers of {ifname}"))
        netdev = Netdev(ifname, ifindex, nic, self.nics, self.rxqs, self.mem, self._regions[-1], ring, self.clock, self.trace,
                        limit, self.poke, self._pause)
        netdev.restart_design, netdev.restart_ns, netdev.rx_memory, netdev.rings = restart, restart_ns, hooks, self.rings
        self.devices[ifindex] = netdev
        netdev.open()
        self.lab.note_port(port)
        return netdev

    def _add_addresses(self, ifindex, *texts):
        """Make addresses this host's.

        Parameters
        ----------
        ifindex : int
            The interface that they belong to.
        *texts : str or None
            Addresses.
        """
        texts = [text for text in texts if text]
        rows = table(ADDRESS, len(self.addresses) + len(texts))
        rows[:len(self.addresses)] = self.addresses
        for row, text in zip(rows[len(self.addresses):], texts):
            row.ip_version, row.addr_hi, row.addr_lo = parse_address(text)
            row.ifindex = ifindex
        self.addresses = rows

    def _pause(self, duration_ns):
        """Let time pass on the wire while a device changes itself.

        Parameters
        ----------
        duration_ns : int
            How long; 0 does nothing.
        """
        until_ns = self.clock.now_ns + duration_ns
        while duration_ns and self.clock.now_ns < until_ns:
            self.lab.run(until_ns=until_ns)

    def remove_device(self, ifname):
        """Unregister an interface: bindings lose it, its pools stay until their last buffer is back.

        Parameters
        ----------
        ifname : str
            Its name.
        """
        device = self.device(ifname)
        if device.ifindex == LOOPBACK:
            raise error(EINVAL, f"{ifname} is the loopback device, which stays; take it down instead")
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
