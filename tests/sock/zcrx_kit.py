"""A packet script whose connection is received through an io_uring ring: queue 1 has an area."""

import contextlib

import devmemlab as dml
from devmemlab.base.errno import name_of
from tests.scripts.kit import Script

LARGE = 16384
STREAM = bytes(k * 11 % 253 for k in range(40000))


class Zcrx(Script):
    """One host, one peer, one ring; ``dmabuf=True`` makes the area of device memory."""

    def __init__(self, pages=128, rq_entries=64, entries=16, dmabuf=False, rx_buf_len=0, handshake=True, **options):
        super().__init__(split=True, **{"mtu": 9200, **options})
        self.ethtool.set_rxfh_indir(equal=1)
        self.rule = self.ethtool.add_rule("tcp4", queue=1, dst_port=self.dut[1])
        if dmabuf:
            self.device = dml.DeviceMemory(pages * 4096)
            self.area = dml.ZcrxArea.dmabuf(self.host.export(self.device), pages * 4096)
        else:
            memory = dml.host_memory(pages * 4096 + LARGE)
            self.area = dml.ZcrxArea.pages(memory, -memory.start % LARGE, pages * 4096)
        self.ring = self.host.io_uring(entries)
        self.ifq = self.ring.register_ifq(2, 1, self.area, rq_entries, rx_buf_len=rx_buf_len)
        if handshake:
            self.handshake()

    def misses(self):
        """A context in which the port is not steered to the queue of the area."""
        @contextlib.contextmanager
        def away():
            self.ethtool.delete_rule(self.rule)
            self.ethtool.set_rxfh_indir(weight=[1, 0])
            yield
            self.rule = self.ethtool.add_rule("tcp4", queue=1, dst_port=self.dut[1])
        return away()

    def send(self, *lengths):
        """Let the next octets of `STREAM` arrive, one segment each."""
        at = int(self.row.bytes_received)
        for length in lengths:
            self.data(STREAM[at:at + length])
            at += length

    def recv_zc(self, length=0, user_data=7, **options):
        """Start a receive request."""
        self.ring.recv_zc(self.conn, self.ifq, user_data, length, **options)
        self.ring.submit()

    def take(self):
        """Completions that are there after one more call, audited."""
        self.ring.submit()
        self.host.audit()
        return self.ring.cqes()

    def octets(self, cqes):
        """What completions name."""
        if self.device is not None:
            return b"".join(self.device.read(cqe.area_offset, cqe.res) for cqe in cqes if cqe.res > 0)
        return b"".join(bytes(self.ifq.octets(cqe)) for cqe in cqes if cqe.res > 0)

    def drain(self, cqes=None):
        """Take everything and give every buffer back; returns the octets."""
        got = b""
        while cqes := self.take():
            got += self.octets(cqes)
            self.ifq.refill([cqe for cqe in cqes if cqe.res > 0])
        return got

    def at_rest(self):
        """The audit finds nothing in flight, and nothing warned."""
        report = self.host.audit()
        assert report.netmems_in_flight == 0, report
        assert not self.host.mem.log, self.host.mem.log

    @property
    def areas(self):
        """Bindings that are alive."""
        return int((self.host.mem.providers.binding.kind != 0).sum())


def spelled(cqes):
    """Completions as (user_data, octets or name of the error, goes on)."""
    return [(cqe.user_data, cqe.res if cqe.res >= 0 else name_of(cqe.res), bool(cqe.flags & 2)) for cqe in cqes]
