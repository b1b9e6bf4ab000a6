"""A host with a netlink socket, a dmabuf and no program: what the tests of the control side start from."""

import contextlib

import pytest

import devmemlab as dml
from tests.scripts.kit import Script


class Rig(Script):
    """A script without connection; `bind` and `refused` speak netlink."""

    def __init__(self, queues=4, split=True, dmabuf="1MiB", **options):
        super().__init__(listen=False, **{"rx_queues": queues, "rx_ring": 8, **options})
        self.region = dml.DeviceMemory(dmabuf)
        self.fd = self.host.export(self.region)
        self.nl = self.host.netlink()
        self.netdev = self.host.netdev
        if split:
            self.netdev.set_rings(tcp_data_split="on")

    def close(self):
        self.host.audit()
        super().close()
        self.region.close()

    def bind_queues(self, *queues, nl=None):
        """Bind the dmabuf; the id is returned."""
        request = {"ifindex": self.netdev.ifindex, "fd": self.fd, "queues": [{"type": "rx", "id": queue} for queue in queues]}
        return (nl or self.nl).bind_rx(request)["id"]

    def refused(self, number, *queues):
        """The bind fails with that errno; its sentence is returned."""
        with pytest.raises(dml.NetlinkError) as caught:
            self.bind_queues(*queues)
        assert caught.value.errno == number, caught.value
        return caught.value.extack.msg

    def unbind(self):
        """Close the netlink socket and open another."""
        self.nl.close()
        self.nl = self.host.netlink()

    def settle(self, ns=2_000_000_000):
        """Let retries and work items run."""
        self.host.poke()
        self.lab.run(until_ns=self.lab.clock.now_ns + ns)

    def bindings(self):
        """How many bindings exist, dying ones included."""
        return int((self.host.mem.providers.binding.kind != 0).sum())

    def live_on(self, queue):
        """What a queue runs on: ``"dead"``, ``"pages"``, or the id of a binding."""
        q = self.host.rxqs.ctl[self.netdev.row_of(queue)]
        if not q.active:
            return "dead"
        pool = self.host.mem.pools.ctl[q.pool]
        assert pool.alive and not pool.detached and pool.queue == queue
        return int(self.host.mem.providers.binding[pool.mp_priv].id) if pool.provider else "pages"

    def lives(self):
        """`live_on` of every active queue."""
        return [self.live_on(queue) for queue in range(self.netdev.real_num_rx_queues)]

    def pools(self):
        """Row of the pool of every active queue."""
        return [int(self.host.rxqs.ctl[self.netdev.row_of(queue)].pool) for queue in range(self.netdev.real_num_rx_queues)]

    def knock(self, queue):
        """Let one packet for a queue arrive that nobody waits for; whether the queue took it is returned."""
        port = 7000 + queue
        ethtool = self.host.ethtool(self.netdev.name)
        rule = ethtool.add_rule("tcp4", queue=queue, dst_port=port)
        q = self.host.rxqs.ctl[self.netdev.row_of(queue)]
        before = int(q.rx_packets)
        dut, self.dut = self.dut, (self.dut[0], port, self.dut[2])
        self.inject("A", b"knock", seq=0)
        self.dut = dut
        self.forget()
        ethtool.delete_rule(rule)
        return int(q.rx_packets) > before


@contextlib.contextmanager
def untouched(rig):
    """What is done inside changes nothing: pools, providers, settings, buffers."""
    def state():
        netdev = rig.netdev
        return (rig.pools(), rig.lives(), dict(netdev.providers), dict(netdev.xsk_pools), netdev.xdp, netdev.get_rings(),
                netdev.get_channels(), dict(netdev.restarts), netdev.running,
                [int(rig.host.rxqs.ctl[netdev.row_of(q)].post) for q in range(netdev.real_num_rx_queues)])

    before = state()
    yield
    assert state() == before
    rig.host.audit()
