"""Two hosts and a wire: one sends from device memory, the other receives into pages; frames may be lost by number."""

import contextlib

import numpy as np

import devmemlab as dml
from devmemlab.lab.lab import Lab
from devmemlab.lab.scenes_tcp import Losing
from devmemlab.sock.uapi import SO_ZEROCOPY, SOL_SOCKET

MS = 1_000_000
PORT = 5201


class Pair:
    """A sender with device memory bound for sending, and a connection."""

    def __init__(self, memory="64KiB", mtu=9000, kernel="6.18", lose=(), ip6=False, gbps=10, **options):
        self.lab = Lab()
        name = ({"ip6": "fd00::1"}, {"ip6": "fd00::2"}) if ip6 else ({"ip": "10.0.0.1"}, {"ip": "10.0.0.2"})
        common = {"mtu": mtu, "rx_ring": 64, "sockets": 8}
        self.k = self.lab.host("sender", kernel=kernel, **name[0], **common, **options)
        self.far = self.lab.host("receiver", **name[1], **common)
        self.lab.connect(self.k, self.far, gbps=gbps, delay_us=10)
        self.device = dml.DeviceMemory(memory)
        self.device.octets[:] = np.random.default_rng(1).integers(0, 256, len(self.device), dtype=np.uint8)
        self.fd = self.k.export(self.device)
        self.netlink = self.k.netlink("netdev")
        self.id = 0
        if self.k.profile.tx_binding:
            self.id = self.netlink.bind_tx({"ifindex": self.k.netdev.ifindex, "fd": self.fd})["id"]
        self.server = self.far.socket(dml.AF_INET6 if ip6 else dml.AF_INET)
        self.server.bind(("", PORT))
        self.server.listen()
        self.far_address = (name[1].get("ip") or name[1]["ip6"], PORT)
        self.family = dml.AF_INET6 if ip6 else dml.AF_INET
        self.conn, self.peer = self.connect()
        self.k.ports[0] = Losing(self.k.ports[0], lose)

    def connect(self):
        """One more connection, with SO_ZEROCOPY, and its other end; neither blocks."""
        conn = self.k.socket(self.family)
        conn.connect(self.far_address)
        peer = self.server.accept()[0]
        conn.setsockopt(SOL_SOCKET, SO_ZEROCOPY, 1)
        conn.settimeout(0)
        peer.settimeout(0)
        return conn, peer

    @property
    def row(self):
        return self.k.tcbs.tcb[self.conn.sock]

    @property
    def binding(self):
        return next(b for b in self.k.mem.providers.binding if b.kind and b.direction)

    def queue(self):
        """Frags of every skb in the send queue: (offset in the page, octets), and whether it is unreadable."""
        skb, found = int(self.row.sndq_head), []
        while skb:
            s = self.k.skbs.skb[skb]
            found.append([(int(f.offset), int(f.length)) for f in self.k.skbs.frag[skb][:s.nr_frags]])
            skb = int(s.next)
        return found

    def put(self, pieces, number=None, **options):
        return self.k.sendmsg_devmem(self.conn, pieces, self.id if number is None else number, **options)

    def octets(self, pieces):
        return b"".join(self.device.read(at, length) for at, length in pieces)

    def run(self, ms=1):
        self.lab.run(until_ns=self.lab.clock.now_ns + int(ms * MS))

    def hear(self, count, ms=3000, peer=None):
        """What the other end reads, up to so many octets."""
        got, until_ns = b"", self.lab.clock.now_ns + ms * MS
        while True:
            with contextlib.suppress(BlockingIOError):
                got += (peer or self.peer).recv(1 << 16)
            now_ns = self.lab.clock.now_ns
            if len(got) >= count or now_ns >= until_ns:
                self.run(0.1)           # the acknowledgement
                return got
            self.lab.run(until_ns=max(now_ns, min(self.lab.next_ns() or now_ns, until_ns)) + MS // 10)

    def done(self):
        """What the error queue tells, as (first, last, copied)."""
        return [tuple(c) for c in self.k.completions(self.conn)]

    def close(self):
        self.lab.close()
        self.device.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()
