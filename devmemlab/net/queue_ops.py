"""Driver operations: how one queue gets memory, goes live, stops, and gives its memory back.

Law.   Memory can be made and freed at any time, queues stop and start only on a running interface; what fails changed nothing.
Reads. Linux include/net/netdev_queues.h (struct netdev_queue_mgmt_ops); drivers/net/ethernet/google/gve/gve_main.c.
Omits. Rings of a size of their own for each queue: the opaque blob is the page_pool and what the queue is set to.
"""

from typing import NamedTuple

from devmemlab.base.errno import ENETDOWN
from devmemlab.mem.dmabuf import FROM_DEVICE
from devmemlab.mem.netmem import PAGE_SHIFT, PAGE_SIZE
from devmemlab.mem.pool_table import PROVIDER_PAGES, RING_MAX, rx_pool_flags
from devmemlab.net.refusal import ProviderError
from devmemlab.nic.hds import HDS_ENABLED
from devmemlab.nic.rxq import NO_POOL, rxq_drain, rxq_refill

OPERATIONS = ("mem_alloc", "mem_free", "stop", "start")


class QueueConfig(NamedTuple):
    """What a queue is to be.

    rx_ring : int
        Descriptors.
    hds, hds_thresh : int
        Header split.
    rx_page_size : int
        Octets of each buffer.
    """

    rx_ring: int
    hds: int
    hds_thresh: int
    rx_page_size: int


class QueueMemory(NamedTuple):
    """What a queue needs to be live: the opaque blob of the driver operations.

    pool : int
        Row of the page_pool, -1 when the queue had none.
    unreadable : int
        1 when the pool's memory is a provider's.
    config : QueueConfig
        What it was made for.
    """

    pool: int
    unreadable: int
    config: QueueConfig


class QueueOps(NamedTuple):
    """A driver: its operations, each called with the device first.

    mem_alloc : callable
        ``(netdev, queue, config)`` makes a QueueMemory.
    mem_free : callable
        ``(netdev, blob)`` undoes that.
    stop : callable
        ``(netdev, queue)`` takes the live queue's memory out.
    start : callable
        ``(netdev, queue, blob)`` makes it live.
    rx_page_size : bool
        Whether buffers may be larger than a page.
    validate_qcfg : callable or None
        ``(netdev, queue, config)`` raises when the queue cannot be set so.
    """

    mem_alloc: object
    mem_free: object
    stop: object
    start: object
    rx_page_size: bool = True
    validate_qcfg: object = None


def mem_alloc(netdev, queue, config):
    """Make memory for a queue, from its provider if it has one and the release lets the driver use it.

    Parameters
    ----------
    netdev : Netdev
        The device.
    queue : int
        Index within it.
    config : QueueConfig
        What the queue is to be.

    Returns
    -------
    blob : QueueMemory
        A pool, nothing posted yet.
    """
    mem = netdev.mem
    binding = netdev.providers.get(queue, 0)
    pool = mem.page_pool_create(
        pool_size=min(4 * config.rx_ring, RING_MAX), order=config.rx_page_size.bit_length() - 1 - PAGE_SHIFT,
        dma_dir=FROM_DEVICE, max_len=config.rx_page_size, ifindex=netdev.ifindex, queue=queue,
        pp_flags=rx_pool_flags(mem.profile, bool(binding), config.hds == HDS_ENABLED),
        provider=int(mem.providers.binding[binding].kind) if binding else PROVIDER_PAGES, mp_priv=binding, trace=netdev.trace)
    return QueueMemory(pool, int(mem.pools.ctl[pool].provider != PROVIDER_PAGES), config)


def mem_free(netdev, blob):
    """Give a queue's memory back; a pool with buffers out stays until they are home.

    Parameters
    ----------
    netdev : Netdev
        The device.
    blob : QueueMemory
        Not live.
    """
    if blob.pool != NO_POOL:
        netdev.mem.destroy(blob.pool, netdev.clock.now_ns, trace=netdev.trace)


def stop(netdev, queue):
    """Stop a live queue: every buffer it holds goes back to its pool.

    Parameters
    ----------
    netdev : Netdev
        The device, up.
    queue : int
        Index within it.

    Returns
    -------
    blob : QueueMemory
        What it ran on.

    Raises
    ------
    ProviderError
        ENETDOWN: there is nothing to stop on an interface that is down.
    """
    if not netdev.running:
        raise ProviderError(ENETDOWN, f"{netdev.name} is down", "bring it up, or use a kernel that looks before it asks")
    row = netdev.row_of(queue)
    q = netdev.rxqs.ctl[row]
    blob = QueueMemory(int(q.pool), int(q.unreadable), QueueConfig(
        int(q.desc_count), int(q.hds), int(q.hds_thresh), int(q.buffer_bytes)))
    waiting = netdev.rxqs.cqe[row]
    mask = int(q.desc_count) - 1
    netdev.tally.packets += sum(int(waiting[at & mask].eop) for at in range(int(q.clean), int(q.complete)))
    netdev.tally.returned += int(rxq_drain(netdev.rxqs, row, netdev.mem.pools, netdev.mem.netmems, netdev.mem.providers,
                                           netdev.trace))
    netdev.tally.queues += 1
    q.pool, q.unreadable, q.host_pages = NO_POOL, 0, 0
    return blob


def _host_pages(mem, blob):
    """Tell whether payload that the stack may not read lies in host memory all the same."""
    return int(mem.providers.binding[mem.pools.ctl[blob.pool].mp_priv].user_pages) if blob.unreadable else 0


def start(netdev, queue, blob):
    """Make memory live: the ring is filled from its pool.

    Parameters
    ----------
    netdev : Netdev
        The device.
    queue : int
        Index within it.
    blob : QueueMemory
        From `mem_alloc` or `stop`.
    """
    row = netdev.row_of(queue)
    q, config = netdev.rxqs.ctl[row], blob.config
    q.nic, q.index = netdev.nic, queue
    q.pool, q.unreadable = blob.pool, blob.unreadable
    q.host_pages = _host_pages(netdev.mem, blob)
    q.desc_count, q.buffer_bytes, q.header_bytes = config.rx_ring, config.rx_page_size, netdev.header_bytes
    q.header_start = netdev.header_region.start + queue * netdev.rings_max * netdev.header_bytes
    q.hds, q.hds_thresh = config.hds, config.hds_thresh
    q.active = int(blob.pool != NO_POOL)
    post(netdev, queue)


def post(netdev, queue):
    """Fill the ring of a live queue from its pool, as far as that has memory.

    Parameters
    ----------
    netdev : Netdev
        The device.
    queue : int
        Index within it.
    """
    netdev.tally.posted += int(rxq_refill(netdev.rxqs, netdev.row_of(queue), netdev.mem.pools, netdev.mem.netmems,
                                          netdev.mem.providers, netdev.trace))


def default_config(netdev, queue):
    """Tell what a queue is to be by the device's present settings.

    Parameters
    ----------
    netdev : Netdev
        The device.
    queue : int
        Index within it.

    Returns
    -------
    config : QueueConfig
        Rings, header split, buffer size.
    """
    return QueueConfig(netdev.rx_ring, netdev.hds, netdev.hds_thresh, netdev.rx_page_sizes.get(queue, PAGE_SIZE))


DRIVER = QueueOps(mem_alloc, mem_free, stop, start)
"""The reference driver."""
