"""A network device's control side: what it is set to, and who provides the memory of its queues.

Law.   A queue is live on exactly one pool; a failed change leaves the queue as it was.
Reads. Linux include/linux/netdevice.h (struct net_device), net/core/dev.c.
Omits. Names that change, addresses, statistics: NIC and host have those.

Its methods are in nine chapters: restart (one queue), updown (all of them), provider_queue (open and close), rings, channels,
xdp, features, max_sizes and transmit. What the driver does for them is in queue_ops, what can be made to fail in faults.
"""

import collections

from devmemlab.net.channels import ChannelCounts, Channels
from devmemlab.net.faults import Faults
from devmemlab.net.features import Features
from devmemlab.net.max_sizes import MaxSizes
from devmemlab.net.provider_queue import ProviderQueues
from devmemlab.net.queue_ops import DRIVER, OPERATIONS, QueueConfig, QueueMemory
from devmemlab.net.refusal import ProviderError
from devmemlab.net.restart import Restart, Tally
from devmemlab.net.rings import HDS_NAMES, Rings
from devmemlab.net.transmit import Transmits
from devmemlab.net.updown import UpDown
from devmemlab.net.xdp import Xdp
from devmemlab.nic.hds import HDS_UNKNOWN
from devmemlab.nic.rxq import HEADER_BYTES, check_header_bytes

__all__ = ["HDS_NAMES", "Netdev", "ProviderError", "QueueConfig", "QueueMemory"]
COSTS_KEPT = 4096


def _nothing(*_):
    """Do nothing: what a device without host calls.

    Parameters
    ----------
    *_
        Anything.
    """


class Netdev(Restart, UpDown, ProviderQueues, Rings, Channels, Xdp, Features, MaxSizes, Transmits):
    """One NIC of a host, as the kernel's configuration sees it.

    Parameters
    ----------
    name : str
        Interface name.
    ifindex : int
        Its number.
    nic : int
        Row of `nics`.
    nics : Nics
        Hardware side; the row is set up already.
    rxqs : RxQueues
        Its queues are rows ``first_queue`` and following.
    mem : Mem
        Memory of the host: pools, bindings.
    header_region : Region
        Host memory for the header buffers of all its queues.
    rings_max : int
        Largest RX ring, a power of two.
    clock : VirtualClock
        For what the memory side notes the time of.
    trace : Trace or None
        What happens.
    queues_max : int, optional
        RX queues that the NIC can have; as many as it has now when left out.
    poke : callable, optional
        Called when pools were given back, so that the host looks after the detached ones.
    pause : callable, optional
        ``pause(ns)`` lets time pass on the wire while queues are stopped.

    Attributes
    ----------
    hds, hds_thresh, rx_ring, tx_ring : int
        Stored configuration; the bind check looks at these.
    header_bytes : int
        Octets of each header buffer (64, 128 or 256), from the next start of a queue on.
    channels : ChannelCounts
        Channels of each kind.
    providers : dict of int to int
        Queue index -> binding row.
    xdp : str or None
        ``"single-buffer"`` or ``"multi-buffer"`` while a program is attached.
    xsk_pools : dict of int to str
        Queue index -> ``"zero-copy"`` or ``"copy"``.
    registered, has_dma, xsk_zero_copy : bool
        Whether it exists for the kernel, can do DMA, serves AF_XDP without a copy.
    driver : QueueOps
        The driver's operations.
    offers : set of str
        Those that it lets the core call; without any, the device is not ops-locked.
    ring_params : set of str
        Ring parameters that the driver supports besides the sizes.
    faults : Faults
        What will fail, see `fail_next`.
    restart_design : str
        ``"queue"``, or ``"device"``: the first design, which resets the whole device.
    rings : TxRings or None
        TX queues of its host, which `Devices.add_nic` sets.
    rx_memory : dict
        What bind-rx tells `Mem.bind` besides the request: a provider or an allocator of the user's.
    restart_ns : int
        Modelled time that queues are stopped by a restart.
    restarts : dict of int to int
        Successful restarts by queue.
    costs : deque of RestartCost
        What the latest restarts cost.
    quirks : dict of str to bool
        ``channel_guard_counts`` (Q6), ``xdp_removal_guard``, ``tx_binding_keeps_device`` (Q19): True as in the kernel.
        ``queue_0_stays``: True as in gve, whose queue 0 cannot be stopped while there are others, so that it cannot be bound.
    """

    def __init__(self, name, ifindex, nic, nics, rxqs, mem, header_region, rings_max, clock, trace=None, queues_max=None,
                 poke=None, pause=None):
        self.name, self.ifindex, self.nic = name, ifindex, nic
        self.nics, self.rxqs, self.mem, self.trace = nics, rxqs, mem, trace
        self.header_region, self.rings_max, self.clock = header_region, rings_max, clock
        self.header_bytes = HEADER_BYTES
        self.queues_max = queues_max or int(self.ctl.queue_count)
        self.poke, self.pause = poke or _nothing, pause or _nothing
        self.hds, self.hds_thresh, self.rx_ring, self.tx_ring = HDS_UNKNOWN, 0, rings_max, rings_max
        self._channels = ChannelCounts(0, 0, int(self.ctl.queue_count))
        self.ctl.tx_queue_count, self.rings = self.ctl.queue_count, None
        self.providers, self.rx_page_sizes, self.rx_memory = {}, {}, {}
        self.xdp, self.xsk_pools = None, {}
        self.registered = self.has_dma = self.xsk_zero_copy = True
        self.driver, self.offers = DRIVER, set(OPERATIONS)
        self.ring_params = {"tcp-data-split", "hds-thresh"}
        self.faults = Faults()
        self.restart_design, self.restart_ns = "queue", 0
        self.restarts, self.tally = {}, Tally()
        self.costs = collections.deque(maxlen=COSTS_KEPT)
        self.quirks = {"channel_guard_counts": True, "xdp_removal_guard": True, "tx_binding_keeps_device": True,
                       "queue_0_stays": False}

    @property
    def ctl(self):
        """Row of the NIC."""
        return self.nics.ctl[self.nic]

    @property
    def header_bytes(self):
        """Octets of each header buffer; another length than 64, 128 or 256 is EINVAL, since the region has no room for it."""
        return self._header_bytes

    @header_bytes.setter
    def header_bytes(self, length):
        self._header_bytes = check_header_bytes(length)

    @property
    def running(self):
        """True while the interface is up."""
        return bool(self.ctl.up)

    @property
    def ops_locked(self):
        """True when the driver has queue operations, so that the core locks the device by itself."""
        return bool(self.offers)

    def row_of(self, queue):
        """Row of a queue in `rxqs`.

        Parameters
        ----------
        queue : int
            Index within this device.

        Returns
        -------
        row : int
            Row.
        """
        return int(self.ctl.first_queue) + queue

    def fail_next(self, step, times=1, errno=12, skip=0, queue=None):
        """Plan a fault.

        Parameters
        ----------
        step : {"blob", "mem_alloc", "stop", "start", "validate_qcfg"}
            What will fail.
        times : int
            How many calls fail.
        errno : int
            What they answer; 12 is ENOMEM.
        skip : int
            How many calls succeed first.
        queue : int, optional
            Only calls for this queue count.
        """
        self.faults.add(step, times, errno, skip, queue)

    def __repr__(self):
        state = "up" if self.running else "down" if self.registered else "unregistered"
        bound = f", providers on {sorted(self.providers)}" if self.providers else ""
        return f"<Netdev {self.name} ifindex {self.ifindex}, {state}, {self.real_num_rx_queues} rx queues{bound}>"
