"""Floor 2, the NIC: from a frame on the wire to bytes in buffers and completions in a ring.

Law.   The NIC reads headers to place payload; it never keeps either.
Reads. Linux drivers/net/ethernet/google/gve (the reference driver), Documentation/networking/netmem.rst.
Omits. Cutting inside tunnels (`devmemlab.nic.hds` says what becomes of them), adaptive moderation, PTP, link state.

Reading order, which is the way of a frame:

1. the card: device, drops (why a frame did not arrive);
2. which queue: steer_tables, toeplitz, user_steer, steer; how that is set: hash_fields, contexts, context_life, rules; and
   explain, which answers why this packet went to this queue;
3. into buffers: rxq (descriptors, refill, doorbell), hds (where to cut), csum, dma, place (a frame and its
   completions), rx (all of it for one frame), train (those behind it that are like it);
4. several frames as one: gro_held, gro_hw; when the host is told: moderation;
5. the way out: tx_ring (descriptors, doorbell, completions), tso (several segments as one), tx; and counted: stats.
"""
