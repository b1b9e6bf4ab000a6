"""RX rings: buffers go out to the NIC as descriptors and come back as completions.

Law.   A posted descriptor owns one netmem and one header buffer; a completion hands both back.
Reads. Linux drivers/net/ethernet/google/gve/gve_rx_dqo.c; ptr names as in corundum's driver model.
Omits. Out-of-order buffer ids: slots are used in ring order.

Who writes what: the driver advances ``post`` (refill) and tells the NIC by ringing the doorbell, which sets ``tail``;
the NIC advances ``used`` (descriptors used) and ``complete`` (completions written), the driver advances ``clean``
(completions consumed). All five run free; a slot is ``pointer & (desc_count - 1)``, so a ring is a power of two long.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.errno import EINVAL, error
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table
from devmemlab.base.trace import RXQ_POST, emit
from devmemlab.mem.netmem import PLACE_POSTED, netmem_row
from devmemlab.mem.page_pool import page_pool_alloc_netmems, page_pool_put_netmem
from devmemlab.nic.drops import DROP, DROP_REASONS, DROP_STOPPED
from devmemlab.wire.rows import PKT

RXQ = schema("active", "nic", "index", "pool", "header_start", "header_bytes", "buffer_bytes", "desc_count",
             "hds", "hds_thresh", "unreadable", "host_pages", "unmoved", "post", "used", "complete", "clean",
             "rx_packets", "rx_bytes", "rx_hsplit_pkt", "rx_hsplit_unsplit_pkt", "rx_hsplit_bytes",
             "rx_buf_alloc_fail", "rx_dropped_pkt", "rx_dropped_octets",
             "tail", "doorbell_shift", "doorbells", "copybreak", "parsed", "parsing", "train", "train_rule", "train_hash",
             "gro_open",
             "irq_at_ns", "irq_waiting", "interrupts",
             "rx_copybreak_pkt", "rx_copied_pkt", "rx_cont_packet_cnt", "rx_frag_alloc_cnt", "rx_skb_alloc_fail",
             "rx_desc_err_dropped_pkt", "rx_hw_drops", "rx_hw_drop_overruns", "rx_csum_unnecessary", "rx_csum_none",
             "rx_csum_bad", "rx_hw_gro_packets", "rx_hw_gro_bytes", "rx_hw_gro_wire_packets", "rx_hw_gro_wire_bytes")
DESC = schema("netmem")
CQE = schema("netmem", "header_at", "header_bytes", "payload_bytes", "split", "eop", "hash", "frame_bytes",
             "slot", "overflow", "error", "csum", "vlan_tci", "parsed", "seq", "gso_size", "gso_segs", "held")
HEADER_BYTES = 128
HEADER_BYTES_MIN, HEADER_BYTES_MAX = 64, 256
DOORBELL_SHIFT = 5
COPYBREAK_BYTES = 256
NO_POOL = -1
PARSED_ROWS = 64
GRO_FLOWS = 4
GRO_BUFFERS = 17


@component
class RxQueues(NamedTuple):
    """RX queues of all NICs of a host.

    ctl : RXQ[n_queue]
        One row a queue; ``pool`` is the row of its page_pool or -1. ``host_pages`` 1: payload that the stack may not read
        lies in host memory all the same (an io_uring area of user pages), which the ledger wants to know. ``unmoved`` is
        `devmemlab.nic.dma.UNMOVED` only where ``bench control`` has set it, else 0.
    desc : DESC[n_queue, n_desc]
        Posted buffers.
    cqe : CQE[n_queue, n_desc + 4 * 17]
        Completions; ``eop`` 1 ends a packet. ``parsed`` is the number of its headers among those kept, from 1, or 0; a negative
        one says that they are those, but for ``seq``. Behind the ring: completions that hardware GRO still holds back.
    drop : DROP[n_queue, n_reason]
        What driver and stack dropped, see `devmemlab.nic.drops`.
    parsed : PKT[n_queue * 64 + n_queue * 4]
        Headers as the NIC understood them. Those of a NIC's latest good packets, 64 at most, begin at its first queue
        times 64; in that queue's row ``parsed`` counts those kept and ``parsing`` those begun, ``train`` is 1 + the queue of
        the latest frame when others may follow it as `devmemlab.nic.train` says, ``train_rule`` and ``train_hash``
        what chose the queue. The rows behind all of these are hardware GRO's open flows.
    """

    ctl: np.recarray
    desc: np.recarray
    cqe: np.recarray
    drop: np.recarray
    parsed: np.recarray


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
    if descriptors < 1 or descriptors & (descriptors - 1):
        raise error(EINVAL, f"rx_ring {descriptors}: a ring has a power of two of descriptors, such as 8 or 1024")
    rxqs = RxQueues(table(RXQ, count), table(DESC, count, descriptors),
                    table(CQE, count, descriptors + GRO_FLOWS * GRO_BUFFERS), table(DROP, count, len(DROP_REASONS)),
                    table(PKT, count * (PARSED_ROWS + GRO_FLOWS)))
    rxqs.ctl.pool = NO_POOL
    rxqs.ctl.doorbell_shift, rxqs.ctl.copybreak = DOORBELL_SHIFT, COPYBREAK_BYTES
    return rxqs


def check_header_bytes(length):
    """Check a length of header buffers.

    Parameters
    ----------
    length : int
        Octets of each header buffer.

    Returns
    -------
    length : int
        The same.

    Raises
    ------
    OSError
        EINVAL: no power of two from 64 to 256.
    """
    if not HEADER_BYTES_MIN <= length <= HEADER_BYTES_MAX or length & (length - 1):
        raise error(EINVAL, f"header buffers of {length} octets: 64, 128 and 256 are possible")
    return length


@kernel
def rxq_drop(rxqs, queue, reason, length, packets):
    """Count a packet that driver or stack drops.

    Parameters
    ----------
    rxqs : RxQueues
        ``rx_dropped_pkt`` and the reason's row grow.
    queue : int64
        Row of the queue.
    reason : int64
        One of ``DROP_``.
    length : int64
        Octets of the frame, or of all frames that the NIC made into one.
    packets : int64
        How many that were.
    """
    rxqs.ctl[queue].rx_dropped_pkt += packets
    row = rxqs.drop[queue, reason]
    row.packets += packets
    row.octets += length


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

    Notes
    -----
    The doorbell rings at every 2^``doorbell_shift`` slots, and once more for what is left over, so that no buffer is
    stranded in a ring that the NIC believes empty.
    """
    q = rxqs.ctl[queue]
    if q.active == 0 or q.pool < 0:
        return np.int64(0)
    first, end, slots, pool = q.post, q.clean + q.desc_count, q.desc_count - 1, q.pool
    post = first
    mask = (np.int64(1) << q.doorbell_shift) - 1
    while post < end:
        netmem = page_pool_alloc_netmems(pools, netmems, providers, trace, pool)
        if netmem == 0:
            q.rx_buf_alloc_fail += 1
            break
        rxqs.desc[queue, post & slots].netmem = netmem
        netmems[netmem_row(netmem)].place = PLACE_POSTED
        emit(trace, RXQ_POST, queue, post & slots, netmem, 0)
        post += 1
        if post & mask == 0:
            q.tail = post
            q.doorbells += 1
    if q.tail != post:
        q.tail = post
        q.doorbells += 1
    q.post = post
    q.rx_frag_alloc_cnt += post - first
    return post - first


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
        if cqe.eop:
            rxq_drop(rxqs, queue, DROP_STOPPED, cqe.frame_bytes, max(cqe.gso_segs, 1))
        q.clean += 1
    while q.used < q.post:
        netmem = rxqs.desc[queue, q.used & (q.desc_count - 1)].netmem
        page_pool_put_netmem(pools, netmems, providers, trace, q.pool, netmem, 0)
        rxqs.desc[queue, q.used & (q.desc_count - 1)].netmem = 0
        returned += 1
        q.used += 1
    q.active = 0
    q.post = 0
    q.tail = 0
    q.used = 0
    q.complete = 0
    q.clean = 0
    q.irq_at_ns = 0
    q.irq_waiting = 0
    return returned
