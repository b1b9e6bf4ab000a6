"""What the tests of transmission share: a host whose segments are queued by hand, and a reader of frames that is not ours."""

import numpy as np
from scapy.all import IP, TCP, Ether, IPv6

from devmemlab.host.ports import Manual
from devmemlab.lab.lab import Lab
from devmemlab.mem.netmem import netmem_row
from devmemlab.mem.pages import get_page, page_alloc, put_page
from devmemlab.mem.region import memory
from devmemlab.net.skb import skb_alloc
from devmemlab.wire.ethernet import mac
from devmemlab.wire.rows import clear_segment

ACK = 16


class Sender:
    """A host with one NIC; `queue` puts a segment where TCP puts it, with pages of its own behind it."""

    def __init__(self, version=4, **options):
        self.lab, self.port = Lab(seed=1), Manual()
        self.host = self.lab.host("dut", ip="10.0.0.2", ip6="fd00::2", mac="02:00:00:00:00:02", port=self.port,
                                  **{"rx_ring": 64, "sockets": 8, **options})
        self.version, self.page, self.used = version, 0, 0
        self.ctl, self.txq = self.host.nics.ctl[0], self.host.txq

    def __enter__(self):
        return self

    def __exit__(self, *why):
        if self.page:
            put_page(self.host.mem.netmems, self.host.mem.providers, self.page)
        self.lab.close()

    def _skb(self, data, frags):
        """An skb with the octets in so many frags, which lie behind one another unless there are more of them."""
        mem, skb = self.host.mem, skb_alloc(self.host.skbs)
        row = self.host.skbs.skb[skb]
        row.pp_recycle = 0
        for part in np.array_split(np.frombuffer(data, np.uint8), frags):
            if not self.page or self.used + len(part) + 64 > 1 << 15:
                if self.page:
                    put_page(mem.netmems, mem.providers, self.page)
                self.page, self.used = page_alloc(mem.netmems, mem.providers, 3), 0
            at = mem.netmems[netmem_row(self.page)].dma_addr + self.used
            memory()[at:at + len(part)] = part
            frag = self.host.skbs.frag[skb, row.nr_frags]
            frag.netmem, frag.offset, frag.length = self.page, self.used, len(part)
            get_page(mem.netmems, self.page)
            self.used += len(part) + (frags > 1) * 64
            row.nr_frags += 1
            row.length += len(part)
            row.data_len += len(part)
        return skb

    def queue(self, data=b"", frags=1, tcb=1, **fields):
        """Queue a segment; its row has the fields besides the usual ones."""
        ctl = self.txq.ctl[0]
        seg, whose = self.txq.seg[ctl.count], self.txq.whose[ctl.count]
        clear_segment(seg)
        whose.nic, whose.tcb, whose.skb = 0, tcb, self._skb(data, frags) if data else 0
        ctl.count += 1
        seg.dst_mac, seg.ip_version, seg.payload_bytes = mac("02:00:00:00:00:01"), self.version, len(data)
        if self.version == 4:
            seg.saddr_lo, seg.daddr_lo = 0x0A000002, 0x0A000001
        else:
            seg.saddr_hi = seg.daddr_hi = -0x300 << 48
            seg.saddr_lo, seg.daddr_lo = 2, 1
        seg.sport, seg.dport, seg.tcp_flags, seg.window, seg.ack_seq = 5201, 40000, ACK, 500, 77
        for name, value in fields.items():
            seg[name] = value
        return seg

    def run(self, sizes, seq=0xFFFFFF00, ip_id=0xFFFE, tcb=1, **fields):
        """Queue segments that follow one another; returns their octets."""
        octets = np.random.default_rng(len(sizes)).integers(0, 256, sum(sizes), np.uint8).tobytes()
        at = 0
        for k, size in enumerate(sizes):
            self.queue(octets[at:at + size], tcb=tcb, seq=seq + at & 0xFFFFFFFF, ip_id=ip_id + k & 0xFFFF, **fields)
            at += size
        return octets

    def sent(self):
        """Frames that leave now."""
        self.host.flush()
        return [bytes(frame.octets) for frame in self.port.take()]

    def ring(self, queue=0):
        return self.host.rings.ctl[queue]


def sums_are_right(octets):
    """Have scapy make both sums of a frame again."""
    frame = Ether(octets)
    ip = frame[IP] if IP in frame else frame[IPv6]
    if IP in frame:
        del ip.chksum
    del ip[TCP].chksum
    return bytes(frame) == octets
