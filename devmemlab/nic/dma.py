"""DMA: the two writes of a receive, checked against what the device may reach.

Law.   Payload enters memory here and nowhere else on the receive path, and each octet is in the ledger.
Reads. Linux Documentation/networking/netmem.rst (drivers use the stored DMA address as it is).
Omits. PCIe transactions and their ordering.

What a card writes to another card's memory passes the processor's caches by, and what it writes to the host's memory goes into
them (Intel calls it Data Direct I/O). So it is here: payload for device memory is streamed.
"""

from devmemlab.base.errno import EFAULT
from devmemlab.base.kernel import kernel
from devmemlab.base.octets import copy_octets
from devmemlab.base.streaming import stream_octets
from devmemlab.base.trace import DMA_HEADER as TP_DMA_HEADER
from devmemlab.base.trace import DMA_PAYLOAD, emit
from devmemlab.mem.ledger import DMA_DEVICE, DMA_HEADER, DMA_HOST, ledger_add
from devmemlab.mem.netmem import netmem_row
from devmemlab.wire.plain import copy_headers

MACS_BYTES = 12
UNMOVED = 2
"""In ``unmoved`` of a queue's row: payload for device memory stays where it is, and is booked as if it had moved. That is how
``bench control`` measures the path without its copy; no face of the lab sets it, and what arrives is not what was sent."""


@kernel(forceinline=True)
def dma_header(memory, wire, at, length, address, limit, tag, ledger, trace, queue):
    """Write headers into a header buffer.

    Parameters
    ----------
    memory : uint8[n]
        Written in ``[address, address + length)``.
    wire : uint8[m]
        Frame octets.
    at : int64
        First header octet in `wire`.
    length : int64
        Header octets.
    address : int64
        Header buffer.
    limit : int64
        Its length, octets.
    tag : int64
        Octets of a VLAN tag behind the MAC addresses that the NIC takes off: 0 or 4; `length` does not count them.
    ledger : LEDGER[n_stage]
        DMA_HEADER grows.
    trace : Trace or None
        Receives dma_header.
    queue : int64
        For the trace.

    Returns
    -------
    err : int64
        0, or ``-EFAULT`` when the headers do not fit the mapped buffer.
    """
    if length > limit:
        return -EFAULT
    if tag:
        copy_octets(memory, address, wire, at, MACS_BYTES)
        copy_octets(memory, address + MACS_BYTES, wire, at + MACS_BYTES + tag, length - MACS_BYTES)
    else:
        copy_headers(memory, address, wire, at, length)
    ledger_add(ledger, DMA_HEADER, length)
    emit(trace, TP_DMA_HEADER, queue, address, length, at)
    return 0


@kernel(forceinline=True)
def dma_payload(memory, wire, at, length, netmems, netmem, offset, limit, unreadable, ledger, trace, queue):
    """Write payload into the buffer behind a netmem.

    Parameters
    ----------
    memory : uint8[n]
        Written from the netmem's DMA address plus `offset` on.
    wire : uint8[m]
        Frame octets.
    at : int64
        First octet to write, in `wire`.
    length : int64
        Octets.
    netmems : NETMEM[n_netmem]
        Not changed; holds the DMA address.
    netmem : int64
        Handle.
    offset : int64
        Where in the buffer.
    limit : int64
        Buffer length, octets.
    unreadable : int64
        1 when the buffer is device memory: decides the ledger line. 1 + `UNMOVED`: it is, and everything happens but the copy.
    ledger : LEDGER[n_stage]
        DMA_DEVICE or DMA_HOST grows.
    trace : Trace or None
        Receives dma_payload.
    queue : int64
        For the trace.

    Returns
    -------
    err : int64
        0, or ``-EFAULT`` when the write would leave the map; nothing is written then.
    """
    address = netmems[netmem_row(netmem)].dma_addr
    if offset + length > limit or address < 0 or address + offset + length > len(memory):
        return -EFAULT
    if unreadable == 1:
        stream_octets(memory, address + offset, wire, at, length)
    elif unreadable <= UNMOVED:
        copy_octets(memory, address + offset, wire, at, length)
    if unreadable & 1:
        ledger_add(ledger, DMA_DEVICE, length)
    else:
        ledger_add(ledger, DMA_HOST, length)
    emit(trace, DMA_PAYLOAD, queue, netmem, offset, length)
    return 0
