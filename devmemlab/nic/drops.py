"""Why a frame did not arrive: one reason each, from the wire to the door of TCP.

Law.   A frame is counted once: delivered to TCP, or under exactly one reason here.
Reads. Linux include/net/dropreason-core.h for the idea; spec section 12.2 for what a driver refuses.
Omits. What TCP itself discards (`devmemlab.tcp.input`).

The NIC counts what never reaches a ring (`Nics.drop`); driver and stack count what they take from one (`RxQueues.drop`).
"""

from devmemlab.base.table import schema

OFFLOADS = ("vlan_strip", "gro", "gro_hw", "gro_hw_packs", "moderated", "rx_usecs", "rx_frames", "irq_next_ns")
"""What a NIC row says about receive offloads and interrupt moderation; 0 everywhere is a NIC without them.
``gro`` is the stack's own (`devmemlab.net.gro`), on by default; ``gro_hw`` is the NIC's."""
DROP = schema("packets", "octets")
DROP_REASONS = ("none", "interface down", "not for this address", "malformed header", "bad checksum",
                "no descriptor posted", "frame longer than the buffers", "DMA outside the map",
                "header would be in unreadable memory", "header overflow on an unreadable queue", "capture cut the frame",
                "a steering rule drops it", "no skb left", "invalid completion descriptor", "protocol not spoken here",
                "not an address of this host", "the queue was stopped")
(DROP_NONE, DROP_DOWN, DROP_ADDRESS, DROP_MALFORMED, DROP_CSUM, DROP_NO_DESC, DROP_TOO_LONG, DROP_DMA_FAULT,
 DROP_UNREADABLE_HEADER, DROP_HEADER_OVERFLOW, DROP_CUT, DROP_RULE, DROP_NO_SKB, DROP_DESCRIPTOR, DROP_PROTOCOL,
 DROP_NOT_OURS, DROP_STOPPED) = range(len(DROP_REASONS))


def drop_counts(nics, rxqs, nic):
    """List why frames were dropped, the NIC's reasons and those of driver and stack together.

    Parameters
    ----------
    nics : Nics
        Not changed.
    rxqs : RxQueues
        Not changed.
    nic : int
        Which NIC.

    Returns
    -------
    counts : dict of str to (int, int)
        Reason -> packets and octets, of those reasons that occurred.
    """
    ctl = nics.ctl[nic]
    queues = rxqs.drop[ctl.first_queue:ctl.first_queue + ctl.queue_count]
    counts = {}
    for k, reason in enumerate(DROP_REASONS):
        packets = int(nics.drop[nic, k].packets + queues.packets[:, k].sum())
        if packets:
            counts[reason] = (packets, int(nics.drop[nic, k].octets + queues.octets[:, k].sum()))
    return counts
