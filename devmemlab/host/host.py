"""A host: tables put together, driven by its port, and shown as Linux shows itself.

Law.   The host owns its tables; a program changes them through file descriptors and configuration only.
Reads. House laws 5, 7 and 10.
Omits. Protocols other than TCP.
"""

import numpy as np

from devmemlab.base.crossing import seal
from devmemlab.base.errno import EINVAL, error
from devmemlab.base.profile import profile
from devmemlab.base.table import first_rows, table, word
from devmemlab.base.trace import make_trace
from devmemlab.base.xarray import make_xarrays
from devmemlab.host.addresses import ADDRESS
from devmemlab.host.arrivals import Arrivals
from devmemlab.host.audit import audit
from devmemlab.host.detached import Detached
from devmemlab.host.devices import NIC_ROOM, QUEUES_AT_LEAST, SPARE_QUEUES, Devices
from devmemlab.host.entry import machine_keep, machine_receive, machine_timers, machine_transmit, machine_windows
from devmemlab.host.face import LinuxFace
from devmemlab.host.fds import FdTable
from devmemlab.host.genl.core import Genl
from devmemlab.host.machine import Machine
from devmemlab.host.process import Processes
from devmemlab.host.routes import Routes
from devmemlab.host.tcp_profile import use_tcp_profile
from devmemlab.mem.ledger import make_ledger
from devmemlab.mem.mem import Mem
from devmemlab.mem.region import host_memory, memory
from devmemlab.net.gro import make_gro
from devmemlab.net.linear_tap import make_taps
from devmemlab.net.skb import HEAD_BYTES, make_skbs
from devmemlab.nic.device import make_nics
from devmemlab.nic.rxq import make_rx_queues
from devmemlab.nic.tx_ring import make_tx_rings
from devmemlab.sock.deliver import MSGHDR
from devmemlab.tcp.output import make_tx_queue
from devmemlab.tcp.tcb import make_tcbs
from devmemlab.wire.ethernet import mac as parse_mac
from devmemlab.wire.frame import FRAME, PKT, Burst

TX_ARENA_BYTES = 1 << 19
LIVE_BURSTS = 64
"""Bursts of a live port after which a timer that is due runs at the next step; it runs as soon as nothing waits."""


class Host(Arrivals, Devices, Detached, Processes, Routes, LinuxFace):
    """One machine of the lab. Made by ``lab.host(...)``; it is also the Linux face that programs use.

    Parameters
    ----------
    lab : Lab
        The lab: clock and drive loop.
    name : str
        For people.
    ip, ip6 : str, optional
        Addresses; at least one of them.
    mac : str
        MAC address of the interface.
    port : Port
        Where frames come from and go to.
    mtu : int
        Largest IP packet, octets.
    rx_queues : int
        RX queues of the interface.
    ifname : str
        Name of the interface.
    kernel : str
        Kernel profile, see `devmemlab.base.profile`.
    rx_ring : int
        Descriptors of each queue, a power of two.
    sockets : int
        Connections and listeners that can exist at once.
    seed : int
        Decides the initial sequence numbers.
    trace : bool or int
        True or a capacity in events: record what happens.
    gateway_mac : str, optional
        Next hop of frames to addresses that no ``lab.connect`` named.
    tcp : TcpProfile, optional
        What its TCP looks like from outside.
    page_aware_window : bool
        Whether a connection is offered no more than the free buffers of its device queue can take. Linux has no such thing.
    **nic
        Of its first NIC, see `add_nic`: ``queues_max``, ``restart``, ``restart_ns``, ``provider``, ``allocator``, ``steering``.

    Attributes
    ----------
    machine : Machine
        Every table.
    trace : Trace or None
        The record.
    fds : FdTable
        Open file descriptors of the one process that runs here.
    netdev : Netdev
        The first NIC; `devices` has all interfaces.

    Notes
    -----
    Memory has work to do by itself (pools that wait for their last buffers, bindings that wait to be freed) only after
    something was closed or reconfigured; ``_work_ns`` says when to look again, None: never.
    """

    def __init__(self, lab, name, ip=None, ip6=None, mac="02:00:00:00:00:01", port=None, mtu=1500, rx_queues=1, ifname="eth0",
                 kernel="6.18", rx_ring=1024, sockets=1024, seed=0, trace=False, gateway_mac=None,
                 tcp=None, page_aware_window=False, **nic):
        if ip is None and ip6 is None:
            raise error(EINVAL, "a host needs an address: give ip= or ip6=")
        if not 1 <= rx_queues <= 256:
            raise error(EINVAL, f"rx_queues {rx_queues}: 1 to 256 is possible")
        self.lab, self.name, self.ip, self.ip6 = lab, name, ip, ip6
        self.clock = lab.clock
        self.profile = profile(kernel)
        self.trace = make_trace((1 << 20) if trace is True else int(trace)) if trace else None
        self.fds = FdTable()
        self._work_ns = self._put_off = 0
        self._tables = None
        self._no_routes(parse_mac(gateway_mac) if gateway_mac else None)
        self.mem = Mem(self.profile)
        self.genl = Genl(self)
        self.ledger = make_ledger()
        skb_count = max(1 << 15, 4 * rx_ring)
        self._heads = host_memory(skb_count * HEAD_BYTES, "skb heads")
        nic.setdefault("queues_max", max(rx_queues, QUEUES_AT_LEAST))
        self.nics, self.rxqs = make_nics(NIC_ROOM), make_rx_queues(nic["queues_max"] + SPARE_QUEUES, rx_ring)
        self.rings = make_tx_rings(len(self.rxqs.ctl), rx_ring)
        self.skbs = make_skbs(skb_count, self._heads.start, sockets + 1)
        self.tcbs, self.txq = make_tcbs(sockets + 1, seed, len(self.rxqs.ctl)), make_tx_queue(4096)
        self.tcbs.ctl[0].pmtu, self.page_aware_window = mtu, page_aware_window
        use_tcp_profile(self.tcbs, tcp)
        self.tokens = make_xarrays(sockets + 1, 1 << 17)
        self.pkt, self.msg, self.addresses = table(PKT, 2), table(MSGHDR, 1), table(ADDRESS, 0)
        self.said = {name: word(self.msg, name) for name in MSGHDR.names}
        self.gro, self.taps = make_gro(), make_taps()
        self._queued, self._timer = word(self.txq.ctl, "count"), word(self.tcbs.ctl, "next_timer_ns")
        self._aware, self._irqs = word(self.tcbs.ctl, "page_aware"), [word(self.nics.ctl, "irq_next_ns", nic) for nic in
                                                                      range(NIC_ROOM)]
        self._tx_octets, self._tx_frames = np.zeros(TX_ARENA_BYTES, np.uint8), table(FRAME, 4096)
        self._tx_rows = np.asarray(self._tx_frames)     # the same; what Numba is given as a recarray, it asks Python about
        self._first_devices()
        self.netdev = self.add_nic(ifname, mac, rx_queues, port, ip, ip6, mtu, **nic)

    @property
    def port(self):
        """Port of the first NIC, or None."""
        return self.ports[0]

    @property
    def page_aware_window(self):
        """bool: whether receive windows count the free buffers of device queues; may be set at any time."""
        return bool(self.tcbs.ctl[0].page_aware)

    @page_aware_window.setter
    def page_aware_window(self, on):
        self.tcbs.ctl[0].page_aware = int(bool(on))

    @property
    def machine(self):
        """Every table, as entry kernels take them."""
        mem, tables = self.mem, self._tables
        # These are the ones that grow or are exchanged; the others are a host's own from its first moment to its last.
        if (tables is None or tables.netmems is not mem.netmems or tables.pools is not mem.pools
                or tables.addresses is not self.addresses or tables.taps is not self.taps):
            self._tables = Machine(self.nics, self.rxqs, self.skbs, self.tcbs, self.txq, self.tokens, mem.netmems, mem.pools,
                                   mem.providers, self.ledger, self.pkt, self.msg, self.addresses, self.gro, self.taps,
                                   self.rings)
            self._machine = seal(self._tables)
        return self._machine

    @property
    def tables(self):
        """Machine: every table, by name."""
        return self.machine and self._tables

    def step(self):
        """Do what is due now: a burst from each port, or several from a live wire, timers, and what they made to send.

        Returns
        -------
        progressed : bool
            True when frames came in or went out.
        """
        now_ns = self.clock.now_ns
        if self._work_ns is not None and now_ns >= self._work_ns:
            self._work_ns = self.mem.run_work(now_ns, self.trace)
        came = self._arrivals(now_ns)
        if came:
            now_ns = self.clock.now_ns          # a live wire may have been served for a while
        if now_ns >= self._timer[0]:
            # On a live wire the acknowledgement that a timer waits for may have arrived already, and wait to be read.
            self._put_off = self._put_off + came if came and self.clock.live else LIVE_BURSTS
            if self._put_off >= LIVE_BURSTS:
                self._put_off = 0
                machine_timers(self.machine, self.trace, now_ns)
        if self._aware[0]:
            machine_windows(self.machine, self.trace, now_ns)
        sent = self.flush()
        if self._work_ns is None and self.mem.pending[0]:
            self._work_ns = now_ns          # an acknowledgement has freed the last frag of a binding that was unbound before
        return sent > 0 or came > 0

    def receive(self, burst, now_ns, nic=0):
        """Take a burst of frames from the wire to the sockets.

        Parameters
        ----------
        burst : Burst
            Frames.
        now_ns : int
            Time, ns.
        nic : int
            Row of the NIC that they reach.

        Returns
        -------
        packets : int
            Packets that reached TCP.
        """
        return int(machine_receive(memory(), burst.octets, np.asarray(burst.frame), self.machine, nic, self.trace, now_ns))

    def flush(self):
        """Put the waiting segments on the wire; those that no NIC takes now stay.

        Returns
        -------
        sent : int
            Frames.
        """
        queued = self._queued
        if queued[0] == 0:
            return 0
        now_ns, total, left = self.clock.now_ns, 0, False
        for nic, port in enumerate(self.ports):
            first, following = -1, 0
            while first < following < queued[0]:
                first = following
                sent, following = machine_transmit(memory(), self._tx_octets, self._tx_rows, self.machine, nic, self.trace,
                                                   first, now_ns)
                if port and sent:
                    port.send(now_ns, Burst(self._tx_octets, first_rows(self._tx_frames, sent)))
                total += int(sent)
            left = left or following < queued[0]
        if left:
            machine_keep(self.machine)
        else:
            queued[0] = 0
        return total

    def poke(self):
        """Have the memory side looked after at the next step."""
        self._work_ns = 0

    def next_ns(self):
        """Tell when something will happen here by itself.

        Returns
        -------
        at_ns : int or None
            Time of the next arrival or timer; None when there is none.
        """
        times = [port.next_ns() for port in self.ports if port]
        times += [self._timer[0], self._work_ns]
        times += [irq[0] for irq in self._irqs[:len(self.ports)] if irq[0]]
        times = [t for t in times if t is not None and t < 1 << 62]
        return min(times, default=None)

    def audit(self):
        """Check the conservation of references and octets.

        Returns
        -------
        report : Audit
            What was counted.

        Raises
        ------
        AssertionError
            Names the first broken rule.
        """
        return audit(self)

    def shut_down(self):
        """End the process that runs here and give its memory back; the host is of no use afterwards."""
        self.end_processes()
        for device in self.devices.values():
            device.close()
        self.mem.run_work(self.clock.now_ns, self.trace)
        self.mem.close()
        for region in (self._heads, *self._regions):
            region.close()

    def __repr__(self):
        return f"<Host {self.name!r} {self.ip or self.ip6} on {self.netdev.name}, kernel {self.profile.name}>"
