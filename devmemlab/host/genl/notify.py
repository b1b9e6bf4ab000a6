"""Notifications: who listens hears of every pool and device that comes, changes and goes.

Law.   A listener hears of a change in the order in which it happened, and with what was true at that moment.
Reads. Linux net/core/page_pool_user.c (netdev_nl_page_pool_event), net/core/netdev-genl.c (netdev_genl_dev_notify); spec 9.7.
Omits. Changes of XDP features.

A pool is added when it is made, changes when it is detached with buffers still out or when its device goes, and is deleted when
it is freed. Nothing is watched while nobody listens.
"""

import numpy as np

from devmemlab.host.genl.dev import dev_fill
from devmemlab.host.genl.devices import devices_of
from devmemlab.host.genl.operations import DEV_NTF, MCAST, NETDEV_ID, NOTIFICATIONS, POOL_NTF
from devmemlab.host.genl.sets import encode
from devmemlab.host.genl.wire import generic
from devmemlab.mem.pool_stats import page_pool_fill, visible

MGMT, PAGE_POOL = MCAST["mgmt"], MCAST["page-pool"]


class Watch:
    """What listeners of a host have been told so far.

    Parameters
    ----------
    genl : Genl
        The host's generic netlink.
    """

    def __init__(self, genl):
        self.genl, self.host = genl, genl.host
        self.pools, self.devices = {}, {}

    def listen(self):
        """Begin or end to watch: somebody has joined or left a group."""
        groups = set().union(*(sock.groups for sock in self.genl.socks))
        watched = self.host.mem.watch is not None
        if PAGE_POOL in groups and not watched:
            self.pools = dict(self._pools())
            self.host.mem.watch = self.look_at_pools
        elif PAGE_POOL not in groups and watched:
            self.host.mem.watch = None
        if MGMT in groups and not self.devices:
            self.devices = self._devices()
        elif MGMT not in groups:
            self.devices = {}

    def look(self):
        """Tell what has changed and was not told yet."""
        if self.host.mem.watch is not None:
            self.look_at_pools()
        if self.devices:
            now = self._devices()
            for ifindex, reply in now.items():
                if self.devices.get(ifindex) != reply:
                    self.tell(MGMT, DEV_NTF["change" if ifindex in self.devices else "add"], reply)
            for ifindex, reply in self.devices.items():
                if ifindex not in now:
                    self.tell(MGMT, DEV_NTF["del"], reply)
            self.devices = now

    def look_at_pools(self):
        """Compare the pools with what is known; `Mem` calls this whenever one was made, destroyed or looked after."""
        now = dict(self._pools())
        for number, reply in now.items():
            old = self.pools.get(number)
            if old is None:
                self.tell(PAGE_POOL, POOL_NTF["add"], reply)
            elif any(old.get(name) != reply.get(name) for name in ("ifindex", "detach-time")):
                self.tell(PAGE_POOL, POOL_NTF["change"], reply)
        for number, old in self.pools.items():
            if number not in now:
                self.tell(PAGE_POOL, POOL_NTF["del"], {**old, "inflight": 0, "inflight-mem": 0})
        self.pools = now

    def _pools(self):
        """Id and description of every pool that can be seen."""
        mem = self.host.mem
        for row in np.nonzero(mem.pools.ctl.alive)[0]:
            if visible(mem.pools.ctl[row]):
                yield int(mem.pools.ctl[row].id), page_pool_fill(mem, int(row))

    def _devices(self):
        """Number and description of every device."""
        return {ifindex: dev_fill(device) for ifindex, device in devices_of(self.host).items()}

    def tell(self, group, command, reply):
        """Send a notification to everybody in a group.

        Parameters
        ----------
        group : int
            Number of the group.
        command : int
            Key of `NOTIFICATIONS`.
        reply : dict
            What is told.
        """
        octets = generic(NETDEV_ID, 0, 0, 0, command, encode(NOTIFICATIONS[command][1], reply))
        for sock in self.genl.socks:
            if group in sock.groups:
                sock.hear(octets)
