"""Long random lives of a device beside a naive one: every request, its errno, and an audit after each step."""

import random

import pytest

from devmemlab.base.errno import name_of
from tests.naive.control import Control, Refused
from tests.net.rig import Rig

STEPS = ("blob", "mem_alloc", "stop", "start")
OFTEN = ["bind"] * 8 + ["data", "channels"] * 5 + ["traffic", "split", "up", "xdp off", "xsk off"] * 3 + [
    "unbind", "restart"] * 2 + ["xdp", "xsk"]
RARE = ["rings", "thresh", "down", "dontneed", "settle"]
TOKENS_KEPT = 12


class Life:
    """A rig and its twin; `step` does one random thing to both."""

    def __init__(self, seed):
        self.random, self.told = random.Random(seed), []
        self.rig = Rig(queues=4, queues_max=8, rx_ring=16, restart_ns=self.random.choice((0, 1000)), dmabuf="2MiB",
                       lab_seed=seed)
        self.twin = Control(4)
        self.twin.set_rings("on", None, None)
        self.sockets, self.tokens, self.refused, self.sent, self.bound = {}, [], 0, 0, 0
        self.rig.device = self.rig.region
        self.rig.server.bind(("", self.rig.dut[1]))
        self.rig.server.listen(1)
        self.rig.handshake()

    def next_id(self):
        """Id that the next binding will get."""
        return int(self.rig.host.mem.providers.ctl[0].last_id) + 1

    def bind(self, queues):
        nl, number = self.rig.host.netlink(), self.next_id()
        try:
            assert self.rig.bind_queues(*queues, nl=nl) == number
        except OSError:
            nl.close()
            raise
        self.sockets[number] = nl

    def choose(self):
        """Pick a request: its name, what the lab does, what the twin does."""
        r, netdev, twin = self.random, self.rig.netdev, self.twin
        what, queue = r.choice(OFTEN + RARE), r.randrange(twin.queues)
        if what == "bind":
            queues = [r.randrange(twin.queues + (r.random() < 0.03)) for _ in range(r.choice((1, 1, 2, 3)))]
            number = self.next_id()
            return f"bind {queues}", lambda: self.bind(queues), lambda: twin.bind(number, queues)
        if what == "unbind" and self.sockets:
            number = r.choice(sorted(self.sockets))
            return f"unbind {number}", self.sockets.pop(number).close, lambda: twin.unbind(number)
        if what in ("split", "rings", "thresh"):
            hds = r.choice(("on", "on", "on", "on", "off", "auto")) if what == "split" else None
            thresh = None if what == "rings" else 0 if what == "split" else r.choice((0, 64, 2000))
            ring = r.choice((8, 16, 12, 32)) if what == "rings" else None
            return (f"rings {hds} {thresh} {ring}", lambda: netdev.set_rings(tcp_data_split=hds, hds_thresh=thresh, rx=ring),
                    lambda: twin.set_rings(hds, thresh, ring))
        if what == "channels":
            # Mostly at the edges of what the guards allow: one queue less or more than something needs.
            edge = max([*twin.stored, *twin.xsk], default=r.randrange(8))
            combined = r.choice((edge, edge + 1, edge + 1, edge + 2, edge + 2, r.randrange(10)))
            return f"channels {combined}", lambda: netdev.set_channels(combined=combined), lambda: twin.set_channels(combined)
        if what == "xdp":
            multi = r.random() < 0.7
            return f"xdp {multi}", lambda: netdev.attach_xdp(multi_buffer=multi), lambda: twin.attach(multi)
        if what == "xsk":
            force = r.random() < 0.7
            return f"xsk {queue}", lambda: netdev.register_xsk_pool(queue, force=force), lambda: twin.xsk_add(queue, force)
        if what == "xsk off":
            return f"xsk off {queue}", lambda: netdev.unregister_xsk_pool(queue), lambda: twin.xsk_remove(queue)
        if what == "restart":
            return f"restart {queue}", lambda: netdev.restart(queue), lambda: twin.restart(queue)
        plain = {"down": (netdev.close, twin.down), "up": (netdev.open, twin.rise), "xdp off": (netdev.detach_xdp, twin.detach),
                 "traffic": (lambda: self.knock(queue), lambda: None), "data": (lambda: self.data(queue), lambda: None),
                 "dontneed": (self.dontneed, lambda: None)}
        return what, *plain.get(what, (self.rig.settle, lambda: None))

    def alive(self, queue):
        return self.twin.up and self.twin.runs[queue] != "dead"

    def knock(self, queue):
        assert self.rig.knock(queue) == self.alive(queue)

    def data(self, queue):
        """A packet of the connection arrives on a queue: as a frag of the binding that the queue runs on, or as plain bytes."""
        if len(self.tokens) > TOKENS_KEPT:
            self.dontneed()
        self.sent += 1
        rig, payload = self.rig, f"payload {self.sent}".encode()
        ethtool = rig.host.ethtool("eth0")
        rule = ethtool.add_rule("tcp4", queue=queue, dst_port=rig.dut[1])
        rig.data(payload)
        ethtool.delete_rule(rule)
        rig.forget()
        if not self.alive(queue):
            rig.next -= len(payload)
            return
        data, pieces = rig.recvmsg()
        if self.twin.runs[queue] == "pages":
            assert data == payload and not len(pieces)
        else:
            (piece,) = pieces
            assert piece.dmabuf_id == self.twin.runs[queue] and rig.device_bytes(pieces) == payload
            self.tokens.append(int(piece.frag_token))

    def dontneed(self):
        """Half of the tokens go back, any half."""
        self.random.shuffle(self.tokens)
        back = [self.tokens.pop() for _ in range((len(self.tokens) + 1) // 2)]
        assert not back or self.rig.host.dontneed(self.rig.conn, [(token, 1) for token in back]) == len(back)

    def step(self):
        name, lab, twin = self.choose()
        netdev, seen, wanted = self.rig.netdev, 0, 0
        if self.random.random() < 0.2:
            fault, times, skip = self.random.choice(STEPS), self.random.choice((1, 1, 2, 3)), self.random.choice((0, 0, 1, 3))
            netdev.fail_next(fault, times=times, skip=skip)
            self.twin.plan(fault, times, skip)
            name += f", with {times} faults of {fault} after {skip}"
        self.told.append(name)
        try:
            lab()
        except OSError as err:
            seen = err.errno
        try:
            twin()
        except Refused as no:
            wanted = no.args[0]
        netdev.faults.plan.clear()
        self.twin.plan(None, 0, 0)
        self.refused += bool(wanted)
        self.bound += bool(self.twin.stored)
        self.same("errno", name_of(seen), name_of(wanted))
        twin = self.twin
        rings = netdev.get_rings()
        self.same("rings", (rings["tcp_data_split"], rings["hds_thresh"], rings["rx"]), (twin.hds, twin.thresh, twin.ring))
        self.same("up", (netdev.running, netdev.real_num_rx_queues), (twin.up, twin.queues))
        self.same("XDP", (netdev.xdp or "")[:4], (twin.xdp or "")[:4])
        self.same("AF_XDP", netdev.xsk_pools, twin.xsk)
        ids = self.rig.host.mem.providers.binding.id
        self.same("providers", {queue: int(ids[row]) for queue, row in netdev.providers.items()}, twin.stored)
        if twin.up:
            self.same("memory", self.rig.lives(), twin.runs)
        self.rig.host.audit()

    def same(self, what, lab, twin):
        assert lab == twin, "\n".join([*self.told, f">>> {what}: the lab {lab!r}, the twin {twin!r}"])

    def end(self):
        """Everything is closed; nothing may be left."""
        for nl in self.sockets.values():
            nl.close()
        self.rig.netdev.close()
        if self.tokens:
            assert self.rig.host.dontneed(self.rig.conn, [(token, 1) for token in self.tokens]) == len(self.tokens)
        self.rig.conn.close()
        self.rig.host.wait_detached()
        self.rig.settle()
        assert self.rig.bindings() == 0 and self.rig.host.mem.page_pool_dump() == []
        self.rig.device = None
        self.rig.close()


def live(seed, steps):
    life = Life(seed)
    for _ in range(steps):
        life.step()
    assert life.refused > steps // 10 and life.bound > steps // 10 and life.sent
    life.end()
    return life


@pytest.mark.once
@pytest.mark.parametrize("seed", range(6))
def test_random_lives(seed):
    live(seed, 80)


@pytest.mark.once
@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 200))
def test_long_random_lives(seed):
    live(seed, 1000)
