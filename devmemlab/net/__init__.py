"""Floor 3, the network layer: completions become skbs, skbs carry frags nobody may read.

Law.   Only `devmemlab.net.linear` touches bytes, and only those of the linear part.
Reads. Linux net/core/{skbuff,dev,gro,netdev_rx_queue}.c.
Omits. Routing.

Reading order, first the way of a packet: napi (completions become skbs), skb and frag_list (what an skb is), gro and skb_merge
(several become one), skb_clone (one becomes two), linear, linear_rx, linear_ops, linear_collapse and linear_tap (the only rooms
that look into one), refuse and guards (what each consumer gets of an unreadable one);
zerocopy and transmit (what is lent to be sent, and what a device may
send). Then the control side, as a bind meets it:
netdev, refusal, provider_queue (may this queue have a provider?), restart and queue_ops (one queue gets new memory), faults
(what can go wrong in that), updown (all queues), rings, channels, xdp, features, max_sizes (what else is
set), simple (devices that refuse).
"""
