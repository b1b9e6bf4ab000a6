"""A network device's control side: its configuration, its queues, and who provides their memory.

Law.   A queue is live on exactly one pool; a failed change leaves the queue as it was.
Reads. Linux net/core/netdev_rx_queue.c (restart, provider open and close), net/ethtool/rings.c, channels.c.
Omits. XDP and AF_XDP, leased queues, rx-page-size, notifications, faults injected into a restart.
"""

from typing import NamedTuple

from devmemlab.base.errno import EEXIST, EINVAL, ENODATA, ERANGE, error
from devmemlab.mem.dmabuf import FROM_DEVICE
from devmemlab.mem.netmem import PAGE_SIZE
from devmemlab.mem.pool_table import (
    PP_FLAG_ALLOW_UNREADABLE_NETMEM,
    PP_FLAG_DMA_MAP,
    PP_FLAG_DMA_SYNC_DEV,
    PROVIDER_DMABUF,
    PROVIDER_PAGES,
    RING_MAX,
)
from devmemlab.net.refusal import ProviderError
from devmemlab.nic.hds import HDS_DISABLED, HDS_ENABLED, HDS_UNKNOWN
from devmemlab.nic.rxq import HEADER_BYTES, NO_POOL, rxq_drain, rxq_refill

HDS_NAMES = {"auto": HDS_UNKNOWN, "unknown": HDS_UNKNOWN, "off": HDS_DISABLED, "on": HDS_ENABLED}


class QueueMemory(NamedTuple):
    """What a queue needs to be live: the opaque blob of the driver operations.

    pool : int
        Row of the page_pool.
    unreadable : int
        1 when the pool's memory is a provider's.
    """

    pool: int
    unreadable: int


class Netdev:
    """One interface of a host.

    Parameters
    ----------
    name : str
        Interface name.
    ifindex : int
        Its number.
    nic : int
        Row of `nics`.
    nics : Nics
        Hardware side; the row is set up here.
    rxqs : RxQueues
        Its queues are rows ``first_queue`` and following.
    mem : Mem
        Memory of the host: pools, bindings.
    header_region : Region
        Host memory for header buffers.
    rings_max : int
        Largest RX ring, a power of two.
    clock : VirtualClock
        For what the memory side notes the time of.
    trace : Trace or None
        What happens.

    Attributes
    ----------
    hds, hds_thresh : int
        Stored configuration; the bind check looks at these.
    providers : dict of int to int
        Queue index -> binding row.
    ops_locked, netmem_tx, has_dma : bool
        Whether it has queue operations, sends from device memory, and can do DMA.
    """

    ops_locked = netmem_tx = has_dma = True

    def __init__(self, name, ifindex, nic, nics, rxqs, mem, header_region, rings_max, clock, trace=None):
        self.name, self.ifindex, self.nic = name, ifindex, nic
        self.nics, self.rxqs, self.mem, self.trace = nics, rxqs, mem, trace
        self.header_region, self.rings_max, self.clock = header_region, rings_max, clock
        self.hds, self.hds_thresh, self.rx_ring = HDS_UNKNOWN, 0, rings_max
        self.providers = {}
        self.restarts = {}

    @property
    def ctl(self):
        """Row of the NIC."""
        return self.nics.ctl[self.nic]

    @property
    def real_num_rx_queues(self):
        """Active RX queues."""
        return int(self.ctl.queue_count)

    @property
    def real_num_tx_queues(self):
        """Active TX queues."""
        return self.real_num_rx_queues

    @property
    def running(self):
        """True while the interface is up."""
        return bool(self.ctl.up)

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

    def open(self):
        """Bring the interface up: memory for every queue, then all of them live."""
        if self.running:
            return
        made = []
        try:
            for queue in range(self.real_num_rx_queues):
                made.append((queue, self._mem_alloc(queue)))
        except OSError:
            for _, blob in made:
                self._mem_free(blob)
            raise
        for queue, blob in made:
            self._start(queue, blob)
        self.ctl.up = 1

    def close(self):
        """Take the interface down: queues stop, their pools go; stored providers stay."""
        if not self.running:
            return
        self.ctl.up = 0
        for queue in range(self.real_num_rx_queues):
            self._mem_free(self._stop(queue))

    def _mem_alloc(self, queue):
        split = self.hds == HDS_ENABLED
        binding = self.providers.get(queue, 0)
        flags = PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV | (PP_FLAG_ALLOW_UNREADABLE_NETMEM if split else 0)
        pool = self.mem.page_pool_create(
            pool_size=min(4 * self.rx_ring, RING_MAX), dma_dir=FROM_DEVICE, max_len=PAGE_SIZE, pp_flags=flags,
            ifindex=self.ifindex, queue=queue, provider=PROVIDER_DMABUF if binding else PROVIDER_PAGES, mp_priv=binding,
            trace=self.trace)
        return QueueMemory(pool, int(self.mem.pools.ctl[pool].provider != PROVIDER_PAGES))

    def _mem_free(self, blob):
        if blob.pool != NO_POOL:
            self.mem.destroy(blob.pool, self.clock.now_ns, trace=self.trace)

    def _stop(self, queue):
        row = self.row_of(queue)
        q = self.rxqs.ctl[row]
        blob = QueueMemory(int(q.pool), int(q.unreadable))
        rxq_drain(self.rxqs, row, self.mem.pools, self.mem.netmems, self.mem.providers, self.trace)
        q.pool = NO_POOL
        return blob

    def _start(self, queue, blob):
        row = self.row_of(queue)
        q = self.rxqs.ctl[row]
        q.nic, q.index = self.nic, queue
        q.pool, q.unreadable = blob.pool, blob.unreadable
        q.desc_count, q.buffer_bytes, q.header_bytes = self.rx_ring, PAGE_SIZE, HEADER_BYTES
        q.header_start = self.header_region.start + row * self.rings_max * HEADER_BYTES
        q.hds, q.hds_thresh = self.hds, self.hds_thresh
        q.active = 1
        rxq_refill(self.rxqs, row, self.mem.pools, self.mem.netmems, self.mem.providers, self.trace)

    def restart(self, queue):
        """Give a queue new memory without touching the others.

        Parameters
        ----------
        queue : int
            Index within this device.

        Raises
        ------
        OSError
            ENODATA when the driver built a pool that ignores the provider; creation errors.

        References
        ----------
        Linux net/core/netdev_rx_queue.c, netdev_rx_queue_restart().
        """
        new = self._mem_alloc(queue)
        if queue in self.providers and not new.unreadable:
            self._mem_free(new)
            raise ProviderError(ENODATA, "the driver did not use the memory provider")
        if not self.running:
            self._mem_free(new)
            return
        old = self._stop(queue)
        self._start(queue, new)
        self._mem_free(old)
        self.restarts[queue] = self.restarts.get(queue, 0) + 1

    def open_provider(self, queue, binding):
        """Put a queue on a binding.

        Parameters
        ----------
        queue : int
            Index within this device.
        binding : int
            Binding row.

        Raises
        ------
        ProviderError
            ERANGE, EINVAL (header split off, threshold set), EEXIST, ENODATA, in the order of spec section 8.3.
        """
        if not 0 <= queue < self.real_num_rx_queues:
            raise ProviderError(ERANGE, "rx queue index out of range")
        if self.hds != HDS_ENABLED:
            raise ProviderError(EINVAL, "tcp-data-split is disabled")
        if self.hds_thresh != 0:
            raise ProviderError(EINVAL, "hds-thresh is not zero")
        if queue in self.providers:
            raise ProviderError(EEXIST, "designated queue already memory provider bound")
        self.providers[queue] = binding
        try:
            self.restart(queue)
        except OSError:
            del self.providers[queue]
            raise

    def close_provider(self, queue, binding):
        """Put a queue back on the host's pages.

        Parameters
        ----------
        queue : int
            Index within this device.
        binding : int
            The binding expected there; another one is left alone.
        """
        if self.providers.get(queue) == binding:
            del self.providers[queue]
            self.restart(queue)

    def set_rings(self, rx=None, tcp_data_split=None, hds_thresh=None):
        """Change the stored ring configuration and rebuild what depends on it.

        Parameters
        ----------
        rx : int, optional
            Descriptors in each RX ring, a power of two.
        tcp_data_split : {"on", "off", "auto"}, optional
            Header split.
        hds_thresh : int, optional
            Payloads larger than this are split, octets.

        Raises
        ------
        OSError
            EINVAL with the reason.
        """
        if tcp_data_split is not None and tcp_data_split not in HDS_NAMES:
            raise error(EINVAL, f"tcp-data-split {tcp_data_split!r} is none of {', '.join(HDS_NAMES)}")
        hds = self.hds if tcp_data_split is None else HDS_NAMES[tcp_data_split]
        thresh = self.hds_thresh if hds_thresh is None else int(hds_thresh)
        ring = self.rx_ring if rx is None else int(rx)
        if ring > self.rings_max or ring < 8 or ring & (ring - 1):
            raise error(EINVAL, f"rx ring {ring}: a power of two from 8 to {self.rings_max} is possible")
        if not 0 <= thresh <= 1023:
            raise error(EINVAL, f"hds-thresh {thresh}: 0 to 1023 is possible")
        if self.providers and hds != HDS_ENABLED:
            raise error(EINVAL, "can't disable tcp-data-split while device has memory provider enabled; "
                                "close the netlink socket that bound it first")
        if self.providers and thresh != 0:
            raise error(EINVAL, "can't set non-zero hds_thresh while device is memory provider bound; "
                                "close the netlink socket that bound it first")
        if (hds, thresh, ring) == (self.hds, self.hds_thresh, self.rx_ring):
            return
        up = self.running
        self.close()
        self.hds, self.hds_thresh, self.rx_ring = hds, thresh, ring
        if up:
            self.open()
