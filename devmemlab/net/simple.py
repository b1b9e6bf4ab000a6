"""Devices without queue management: loopback, veth, tun and the like, which can do nothing for device memory.

Law.   They answer every question that a real NIC answers, and refuse what the kernel's refuse, with its errno.
Reads. Linux include/net/netdev_lock.h (who has an instance lock), drivers/net/{loopback,veth,tun}.c; spec 8.1, 9.3 #9, 9.4 #5.
Omits. Their data path: no frame crosses them here.
"""

from devmemlab.base.errno import EBUSY, EINVAL
from devmemlab.net.refusal import ProviderError, unsupported

KINDS = ("lo", "dummy", "veth", "tun", "tap", "bridge", "netkit")


class SimpleDevice:
    """An interface that is no NIC. Made by ``host.add_device(name, kind)``.

    Parameters
    ----------
    name : str
        Interface name.
    ifindex : int
        Its number.
    kind : str
        One of `KINDS`.

    Attributes
    ----------
    running : bool
        Up or down.
    real_num_rx_queues, real_num_tx_queues : int
        Active queues.
    ops_locked, netmem_tx, has_dma : bool
        False, but for the lock of a dummy: no device memory on transmit, no DMA.
    providers : dict
        Always empty.
    """

    ops_locked = netmem_tx = has_dma = False

    def __init__(self, name, ifindex, kind):
        if kind not in KINDS:
            raise ProviderError(EINVAL, f"no kind of device {kind!r}", f"there are {', '.join(KINDS)}")
        self.name, self.ifindex, self.kind = name, ifindex, kind
        self.running = True
        self.registered = True
        # A dummy asks for the instance lock and has no queue operations: a bind gets as far as its missing DMA.
        self.ops_locked = self.ops_locked or kind == "dummy"
        self.real_num_rx_queues = self.real_num_tx_queues = 1
        self.providers, self.xsk_pools = {}, {}
        self.xdp = None

    def open(self):
        """Bring the interface up."""
        self.running = True

    def close(self):
        """Take the interface down."""
        self.running = False

    def unregister(self):
        """Remove the interface; it holds nothing that could outlive it."""
        self.running = self.registered = False

    def open_provider(self, queue, binding, rx_page_size=None):
        """Refuse to put a queue on a binding.

        Parameters
        ----------
        queue, binding, rx_page_size : int
            Not looked at.

        Raises
        ------
        ProviderError
            EOPNOTSUPP: the device is not ops-locked.
        """
        raise unsupported(self.name, f"bind queue {queue}: a {self.kind} device has no queue operations")

    def close_provider(self, queue, binding):
        """Do nothing: no queue can have a provider.

        Parameters
        ----------
        queue, binding : int
            Not looked at.
        """

    def set_rings(self, **settings):
        """Refuse a ring configuration.

        Parameters
        ----------
        **settings
            Not looked at.

        Raises
        ------
        ProviderError
            EOPNOTSUPP.
        """
        raise unsupported(self.name, f"set rings: a {self.kind} device has none")

    get_rings = set_rings

    def set_channels(self, **counts):
        """Refuse a channel count.

        Parameters
        ----------
        **counts
            Not looked at.

        Raises
        ------
        ProviderError
            EOPNOTSUPP.
        """
        raise unsupported(self.name, f"set channels: a {self.kind} device has one queue of each direction")

    get_channels = set_channels

    def attach_xdp(self, multi_buffer=False):
        """Attach an XDP program; generic mode takes any.

        Parameters
        ----------
        multi_buffer : bool
            Whether the program copes with packets in several buffers.
        """
        self.xdp = "multi-buffer" if multi_buffer else "single-buffer"

    def detach_xdp(self):
        """Take the XDP program off again."""
        self.xdp = None

    def register_xsk_pool(self, queue, zero_copy=True, force=False):
        """Give a queue to an AF_XDP socket; without driver support its packets are copied.

        Parameters
        ----------
        queue : int
            Index within this device.
        zero_copy : bool
            False: copy mode was asked for.
        force : bool
            True: zero copy or nothing.

        Returns
        -------
        mode : str
            ``"copy"``.

        Raises
        ------
        ProviderError
            EINVAL no such queue, EBUSY it has a pool, EOPNOTSUPP zero copy was forced.
        """
        if not 0 <= queue < self.real_num_rx_queues:
            raise ProviderError(EINVAL, f"there is no queue {queue}", f"{self.name} has queue 0 alone")
        if queue in self.xsk_pools:
            raise ProviderError(EBUSY, f"queue {queue} has an AF_XDP pool already", "unregister it first")
        if zero_copy and force:
            raise unsupported(self.name, "receive without a copy", "do not force zero copy")
        self.xsk_pools[queue] = "copy"
        return "copy"

    def unregister_xsk_pool(self, queue):
        """Take a queue back from its AF_XDP socket.

        Parameters
        ----------
        queue : int
            Index within this device.
        """
        self.xsk_pools.pop(queue, None)

    def __repr__(self):
        return f"<SimpleDevice {self.name} ifindex {self.ifindex}, {self.kind}, {'up' if self.running else 'down'}>"
