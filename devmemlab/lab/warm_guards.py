"""An exercise of ``devmemlab warm``: the operations on an skb that no packet of the lab's own meets.

Law.   It reaches every kernel of `linear_ops`, `linear_collapse`, `refuse` and `skb_clone` in `devmemlab.net`.
Reads. devmemlab/lab/warm.py.
Omits. Any check of results: that is what tests are for.
"""

import numpy as np

from devmemlab.host.ports.manual import Manual
from devmemlab.lab.lab import Lab
from devmemlab.mem.region import memory
from devmemlab.net import linear_ops, refuse
from devmemlab.net.linear_collapse import skb_alloc_pages, skb_fill
from devmemlab.net.linear_tap import make_taps, tap_packet
from devmemlab.net.skb import skb_add_rx_frag, skb_alloc
from devmemlab.net.skb_clone import skb_clone, skb_split


def guards():
    """Floor 3: one skb of a page, looked at in every way."""
    with Lab() as lab:
        host = lab.host("guards", ip="10.0.0.2", port=Manual())
        mem, skbs, octets = host.mem, host.skbs, np.zeros(64, np.uint8)
        skb = skb_alloc(skbs)
        skb_add_rx_frag(skbs, skb, mem.netmems, mem.alloc(int(host.rxqs.ctl[0].pool)), 0, 32, 4096)
        args = memory(), skbs, skb, mem.netmems
        tap_packet(memory(), make_taps(64, 1, 64), skbs, skb, mem.netmems, 0)
        linear_ops.skb_store_bits(*args, 0, octets, 0, 8)
        linear_ops.skb_checksum(*args, 0, 32, octets)
        linear_ops.skb_copy(*args, octets)
        linear_ops.skb_seq_read(skbs, skb, 0)
        for look in (refuse.skb_copy_ubufs, refuse.skb_may_append_pages, refuse.skb_may_condense, refuse.skb_checksum_help):
            look(skbs, skb)
        refuse.skb_frag_address(skbs, skb, 0, mem.netmems)
        refuse.skb_frag_dma_map(skbs, skb, 0, mem.netmems)
        refuse.skb_may_xmit(skbs, skb, 1, 2, mem.netmems, mem.providers)
        skb_clone(skbs, skb, mem.netmems, mem.providers)
        skb_split(skbs, skb, mem.netmems, mem.providers, 8)
        linear_ops.skb_linearize(*args, host.ledger)
        full = skb_alloc_pages(skbs, mem.netmems, mem.providers, 8)
        skb_fill(memory(), skbs, full, skb, mem.netmems, 0, 8, host.ledger)
