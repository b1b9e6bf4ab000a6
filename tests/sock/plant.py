"""A connection whose receive queue is planted, skb by skb: mixes that no wire would bring."""

import numpy as np

from devmemlab.mem.ledger import DMA_HOST
from devmemlab.mem.netmem import NIOV_IOURING
from devmemlab.mem.page_pool import page_pool_alloc_netmems
from devmemlab.mem.region import DeviceMemory, memory
from devmemlab.net.frag_list import skb_chain
from devmemlab.net.skb import skb_add_rx_frag, skb_alloc
from tests.naive.recvmsg import Link, Skb
from tests.scripts.kit import Script

U32 = 0xFFFFFFFF


class Garden(Script):
    """Queue 0 on pages, queues 1 and 2 on a dmabuf each."""

    def __init__(self):
        super().__init__(device=True, rx_queues=3, rx_ring=8)
        self.handshake()
        self.second = DeviceMemory("256KiB")
        self.second_id = self.netlink.bind_rx({"ifindex": 2, "fd": self.host.export(self.second),
                                               "queues": [{"type": "rx", "id": 2}]})["id"]
        self.foreign = set()

    def close(self):
        super().close()
        self.second.close()

    def frag(self, rng, kind):
        """A frag of a kind with random octets; None when memory is short."""
        mem, queue = self.host.mem, 0 if kind == "page" else rng.choice((1, 2))
        netmem = int(page_pool_alloc_netmems(mem.pools, mem.netmems, mem.providers, None, self.host.rxqs.ctl[queue].pool))
        if netmem == 0:
            return None
        row = mem.netmems[netmem >> 1]
        if kind == "io_uring":
            row.niov_type = NIOV_IOURING
            self.foreign.add(netmem)
        kind = "io_uring" if netmem in self.foreign else kind
        offset, octets = rng.randrange(64), rng.randbytes(rng.choice((1, 2, 7, 40, 100)))
        start = int(row.dma_addr) + offset
        memory()[start:start + len(octets)] = np.frombuffer(octets, np.uint8)
        if kind == "page":
            return kind, netmem, offset, octets, 0
        device, binding = ((self.device, self.binding_id), (self.second, self.second_id))[queue - 1]
        return kind, netmem, start - device.start, octets, binding

    def link(self, rng, kinds, linear):
        """A row with a linear part and frags of these kinds; its twin and its number."""
        skbs, skb = self.host.skbs, int(skb_alloc(self.host.skbs))
        row = skbs.skb[skb]
        memory()[row.head:row.head + len(linear)] = np.frombuffer(linear, np.uint8)
        row.headlen = row.length = len(linear)
        frags = []
        for kind in kinds:
            frag = self.frag(rng, kind)
            if frag is None:
                break
            netmem = frag[1]
            offset = frag[2] if frag[0] == "page" else frag[2] & 4095
            skb_add_rx_frag(skbs, skb, self.host.mem.netmems, netmem, offset, len(frag[3]), 4096)
            self.host.ledger[DMA_HOST].length += len(frag[3])
            frags.append(frag)
        return Link(linear, frags, bool(row.unreadable)), skb

    def plant(self, rng, shape):
        """Put an skb at the end of the queue; `shape` is ``(linear, kinds)`` of each link. Its twin is returned."""
        links = [self.link(rng, kinds, linear) for linear, kinds in shape]
        skb, row, table = links[0][1], self.row, self.host.skbs
        for _, child in links[1:]:
            skb_chain(table, skb, child)
        s = table.skb[skb]
        s.seq, s.end_seq = row.rcv_nxt, int(row.rcv_nxt + s.length) & U32
        row.rcv_nxt = s.end_seq
        self.next += int(s.length)
        s.prev = row.rcvq_tail
        if row.rcvq_tail:
            table.skb[row.rcvq_tail].next = skb
        else:
            row.rcvq_head = skb
        row.rcvq_tail = skb
        row.rmem_alloc += s.truesize
        # What the first skb says of readability covers its frag list: nobody looks further before going through the frags.
        first = links[0][0]._replace(unreadable=any(link.unreadable for link, _ in links))
        return Skb([first, *(link for link, _ in links[1:])])
