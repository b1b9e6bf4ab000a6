"""RX rings: buffers go out to the NIC as descriptors and come back as completions.

Law.   A posted descriptor owns one netmem and one header buffer; a completion hands both back.
Reads. Linux drivers/net/ethernet/google/gve/gve_rx_dqo.c; ptr names as in corundum's driver model.
Omits. Out-of-order buffer ids: slots are used in ring order.

Who writes what: the driver advances ``post`` (refill), the NIC advances ``used`` (descriptors used) and
``complete`` (completions written), the driver advances ``clean`` (completions consumed). All four run
free; a slot is ``pointer & (desc_count - 1)``, so a ring is a power of two long.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table
from devmemlab.base.trace import RXQ_POST, emit
from devmemlab.mem.netmem import PLACE_POSTED, netmem_row
from devmemlab.mem.page_pool import page_pool_alloc_netmems, page_pool_put_netmem

RXQ = schema("active", "nic", "index", "pool", "header_start", "header_bytes", "buffer_bytes", "desc_count",
             "hds", "hds_thresh", "unreadable", "post", "used", "complete", "clean",
             "rx_packets", "rx_bytes", "rx_hsplit_pkt", "rx_hsplit_unsplit_pkt", "rx_hsplit_bytes",
             "rx_buf_alloc_fail", "rx_dropped_pkt", "rx_dropped_octets")
DESC = schema("netmem")
CQE = schema("netmem", "header_at", "header_bytes", "payload_bytes", "split", "eop", "hash", "frame_bytes")
HEADER_BYTES = 128
NO_POOL = -1


class RxQueues(NamedTuple):
    """RX queues of all NICs of a host.

    ctl : RXQ[n_queue]
        One row a queue; ``pool`` is the row of its page_pool or -1.
    desc : DESC[n_queue, n_desc]
        Posted buffers.
    cqe : CQE[n_queue, n_desc]
        Completions; ``eop`` 1 ends a packet.
    """

    ctl: np.recarray
    desc: np.recarray
    cqe: np.recarray


def make_rx_queues(count, descriptors):
    """Make queues without buffers.

    Parameters
    ----------
    count : int
        Queues.
    descriptors : int
        Largest ring that one of them may have.

    Returns
    -------
    rxqs : RxQueues
        Inactive.
    """
    rxqs = RxQueues(table(RXQ, count), table(DESC, count, descriptors), table(CQE, count, descriptors))
    for q in range(count):
        rxqs.ctl[q].pool = NO_POOL
    return rxqs


@kernel
def rxq_refill(rxqs, queue, pools, netmems, providers, trace):
    """Post buffers until the ring is full or the pool has none.

    Parameters
    ----------
    rxqs : RxQueues
        Row `queue` and its descriptors are changed.
    queue : int64
        Row of the queue.
    pools : PagePools
        The queue's pool is changed.
    netmems : NETMEM[n_netmem]
        ``place`` of the posted ones.
    providers : Providers
        May be asked for memory.
    trace : Trace or None
        Receives rxq_post.

    Returns
    -------
    posted : int64
        Descriptors posted; a shortfall is counted in ``rx_buf_alloc_fail``.
    """
    q = rxqs.ctl[queue]
    if q.active == 0 or q.pool < 0:
        return np.int64(0)
    posted = np.int64(0)
    while q.post - q.clean < q.desc_count:
        netmem = page_pool_alloc_netmems(pools, netmems, providers, trace, q.pool)
        if netmem == 0:
            q.rx_buf_alloc_fail += 1
            break
        slot = q.post & (q.desc_count - 1)
        rxqs.desc[queue, slot].netmem = netmem
        netmems[netmem_row(netmem)].place = PLACE_POSTED
        emit(trace, RXQ_POST, queue, slot, netmem, 0)
        q.post += 1
        posted += 1
    return posted


@kernel
def rxq_drain(rxqs, queue, pools, netmems, providers, trace):
    """Take back every buffer a queue holds, posted or completed.

    Parameters
    ----------
    rxqs : RxQueues
        Row `queue` is emptied and made inactive.
    queue : int64
        Row of the queue.
    pools : PagePools
        Buffers return to the queue's pool.
    netmems : NETMEM[n_netmem]
        Reference counts.
    providers : Providers
        May take memory back.
    trace : Trace or None
        Passed on.

    Returns
    -------
    returned : int64
        Buffers given back.
    """
    q = rxqs.ctl[queue]
    returned = np.int64(0)
    while q.clean < q.complete:
        cqe = rxqs.cqe[queue, q.clean & (q.desc_count - 1)]
        netmem = cqe.netmem
        q.rx_dropped_octets += cqe.payload_bytes
        if netmem:
            page_pool_put_netmem(pools, netmems, providers, trace, q.pool, netmem, 0)
            returned += 1
        q.clean += 1
    while q.used < q.post:
        netmem = rxqs.desc[queue, q.used & (q.desc_count - 1)].netmem
        page_pool_put_netmem(pools, netmems, providers, trace, q.pool, netmem, 0)
        rxqs.desc[queue, q.used & (q.desc_count - 1)].netmem = 0
        returned += 1
        q.used += 1
    q.active = 0
    q.post = 0
    q.used = 0
    q.complete = 0
    q.clean = 0
    return returned
