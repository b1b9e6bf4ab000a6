"""Floor 3, the network layer: completions become skbs, skbs carry frags nobody may read.

Law.   Only `devmemlab.net.linear` touches bytes, and only those of the linear part.
Reads. Linux net/core/{skbuff,dev,gro,netdev_rx_queue}.c.
Omits. GRO, packet taps, routing.

Reading order: skb, linear, napi; then the control side: netdev, queue_ops, restart, updown, provider_queue, rings, channels, xdp,
features, with refusal, faults and simple beside them.
"""
