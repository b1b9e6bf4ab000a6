"""Trains: frames that follow one another and are alike but for their place in the stream, as TSO and GSO cut them.

Law.   What becomes of a frame, what is counted and what is traced is what it would be by itself; only looking is spared.
Reads. Van Jacobson's header prediction; the completion compression of NICs (mlx5's rx_cqe_compress): the headers are told
       once, and each completion behind that says only what differs.
Omits. IPv6, VLAN tags, IP options and headers of other lengths than 54 and 66 octets; NICs with hardware GRO or a steering
       function: each of their frames is looked at.

What may differ between two frames of a train, and the octets of an Ethernet frame that are compared::

     0                   16   18  20        24  26                    38    42          50  52  54            66
    +-------------------+----+---+---------+---+---------------------+-----+-----------+---+---+-------------+
    | MACs, 0800 45 tos |len | id|frag ttl |sum| saddr daddr s/dport | seq |ack off win|sum|urg| timestamps  |
    +-------------------+----+---+---------+---+---------------------+-----+-----------+---+---+-------------+
      same                same  -   same      -   same                  told  same       -  same  same
"""

import numpy as np

from devmemlab.base.kernel import kernel
from devmemlab.base.octets import load_be32
from devmemlab.base.prefetch import LINE_BYTES, prefetch_octets
from devmemlab.base.trace import FRAME_IN, HDS_SPLIT, STEER, emit
from devmemlab.nic.csum import CSUM_GOOD, rx_csum
from devmemlab.nic.place import place_frame
from devmemlab.nic.rxq import PARSED_ROWS
from devmemlab.wire.ethernet import ETH_BYTES
from devmemlab.wire.ipv4 import IP4_BYTES
from devmemlab.wire.tcp import TCP_BYTES, TCP_SEQ

TCP_AT = ETH_BYTES + IP4_BYTES
PLAIN_BYTES = TCP_AT + TCP_BYTES
STAMPED_BYTES = PLAIN_BYTES + 12
AHEAD = 16
"""Headers of so many frames are on their way into the cache, as a card's writes go there, while one is received."""


@kernel(forceinline=True)
def train_begins(ctl, pkt):
    """Tell whether frames that are like this one may be taken with it.

    Parameters
    ----------
    ctl : NIC
        Row of the NIC.
    pkt : PKT
        Parsed headers of a frame that was split, and whose sums are right.

    Returns
    -------
    may : bool
        Its headers are those of the diagram, and nothing else at the NIC wants to see every frame.
    """
    return (ctl.trains != 0 and ctl.gro_hw == 0 and ctl.steering == 0 and pkt.ip_version == 4 and pkt.vlan_tci < 0
            and pkt.tcp_at == TCP_AT
            and (pkt.header_bytes == STAMPED_BYTES or pkt.header_bytes == PLAIN_BYTES))


@kernel(forceinline=True)
def _differ(wire, a, b, at):
    """Compare four octets of two frames.

    Parameters
    ----------
    wire : uint8[n]
        Frame octets.
    a, b : int64
        Where the frames start.
    at : int64
        Offset of the octets.

    Returns
    -------
    differ : int64
        The bits in which they differ, the first octet highest.
    """
    return load_be32(wire, a + at) ^ load_be32(wire, b + at)


@kernel(forceinline=True)
def frames_alike(wire, a, b, header_bytes):
    """Tell whether two headers differ only in IP identification, sums and sequence number.

    Parameters
    ----------
    wire : uint8[n]
        Both frames have at least 54 octets there, of which the first one's are an IPv4 header without options and a TCP header.
    a, b : int64
        Where they start.
    header_bytes : int64
        54 or 66.

    Returns
    -------
    alike : bool
        Then `devmemlab.wire.frame.parse_frame` says the same of both, but for ``seq``.
    """
    differ = (_differ(wire, a, b, 0) | _differ(wire, a, b, 4) | _differ(wire, a, b, 8) | _differ(wire, a, b, 12)
              | _differ(wire, a, b, 16) & 0xFFFF0000 | _differ(wire, a, b, 20) | _differ(wire, a, b, 24) & 0xFFFF
              | _differ(wire, a, b, 28) | _differ(wire, a, b, 32) | _differ(wire, a, b, 36) & 0xFFFF0000
              | _differ(wire, a, b, 40) & 0xFFFF | _differ(wire, a, b, 44) | _differ(wire, a, b, 48) & 0xFFFF0000
              | _differ(wire, a, b, 50) & 0xFFFF)
    if header_bytes == STAMPED_BYTES:
        differ |= _differ(wire, a, b, 54) | _differ(wire, a, b, 58) | _differ(wire, a, b, 62)
    return differ == 0


@kernel(forceinline=True)
def nic_rx_train(memory, wire, frames, number, stop, nics, nic, rxqs, netmems, ledger, trace):
    """Receive the frames that are like the one before them.

    Parameters
    ----------
    memory : uint8[n]
        Header buffers and payload buffers are written by DMA.
    wire : uint8[m]
        Octets of the burst.
    frames : FRAME[count]
        The burst; the frame before `number` has just been through `devmemlab.nic.rx.nic_rx_frame`.
    number, stop : int64
        Frames ``[number, stop)`` may be taken, in order.
    nics : Nics
        Counters.
    nic : int64
        Which NIC.
    rxqs : RxQueues
        Descriptors are used and completions written; their ``parsed`` is that of the frame before, negative, and ``seq`` is
        their own. ``train`` in the row of the NIC's first queue says whether that frame allows it.
    netmems : NETMEM[n_netmem]
        DMA addresses.
    ledger : LEDGER[n_stage]
        Octets moved.
    trace : Trace or None
        frame_in, steer, hds_split, dma_*, rxq_complete.

    Returns
    -------
    number : int64
        The first frame that was not taken.
    """
    ctl = nics.ctl[nic]
    keeper = rxqs.ctl[ctl.first_queue]
    if keeper.train == 0:
        return number
    queue = keeper.train - 1
    q = rxqs.ctl[queue]
    pkt = rxqs.parsed[ctl.first_queue * PARSED_ROWS + ((keeper.parsed - 1) & (PARSED_ROWS - 1))]
    header, payload, length = pkt.header_bytes, pkt.payload_bytes, frames[number - 1].length
    model = frames[number - 1].offset
    needed = max((payload + q.buffer_bytes - 1) // q.buffer_bytes, 1)
    rss = keeper.train_hash
    begin = number
    while number < stop:
        frame = frames[number]
        at = frame.offset
        if (frame.length != length or frame.wire_length > length or q.tail - q.used < needed
                or not frames_alike(wire, at, model, header) or rx_csum(wire, at, pkt, frame.csum, ctl.rx_csum) != CSUM_GOOD):
            break
        ahead = frames[min(number + AHEAD, len(frames) - 1)].offset
        prefetch_octets(wire, ahead)
        prefetch_octets(wire, ahead + LINE_BYTES)
        emit(trace, FRAME_IN, nic, number, length, 0)
        emit(trace, STEER, queue, keeper.train_rule, rss, number)
        cqe = rxqs.cqe[queue, place_frame(memory, wire, at, length, np.int64(0), header, payload, q, rxqs, queue, needed, netmems,
                                          ledger, trace)]
        emit(trace, HDS_SPLIT, queue, header, payload, number)
        cqe.split = 1
        cqe.overflow = 0
        cqe.hash = rss
        cqe.csum = 1
        cqe.vlan_tci = -1
        cqe.gso_size = 0
        cqe.parsed = -keeper.parsed
        cqe.seq = load_be32(wire, at + TCP_AT + TCP_SEQ)
        number += 1
    taken = number - begin
    q.rx_csum_unnecessary += taken
    q.irq_waiting += taken
    q.rx_packets += taken
    q.rx_bytes += taken * length
    ctl.rx_packets += taken
    ctl.rx_bytes += taken * length
    return number
