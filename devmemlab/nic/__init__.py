"""Floor 2, the NIC: from a frame on the wire to bytes in buffers and completions in a ring.

Law.   The NIC reads headers to place payload; it never keeps either.
Reads. Linux drivers/net/ethernet/google/gve (the reference driver), Documentation/networking/netmem.rst.
Omits. Cutting inside tunnels, adaptive moderation, PTP, link state.

Reading order: device, steer_tables, toeplitz, steer, contexts, hash_fields, context_life, rules, explain,
drops, rxq, hds, csum, dma, rx, gro_held, gro_hw, moderation, stats, tx.
"""
