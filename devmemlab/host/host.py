"""A host: tables put together, driven by its port, and shown as Linux shows itself.

Law.   The host owns its tables; a program changes them through file descriptors and configuration only.
Reads. House laws 5, 7 and 10.
Omits. More than one NIC; connect and send.
"""

import numpy as np

from devmemlab.base.errno import EINVAL, error
from devmemlab.base.profile import profile
from devmemlab.base.table import table
from devmemlab.base.trace import make_trace
from devmemlab.base.xarray import make_xarrays
from devmemlab.host.addresses import ADDRESS
from devmemlab.host.audit import audit
from devmemlab.host.devices import Devices
from devmemlab.host.entry import machine_receive, machine_timers, machine_transmit
from devmemlab.host.face import LinuxFace
from devmemlab.host.fds import FdTable
from devmemlab.host.machine import Machine
from devmemlab.mem.ledger import make_ledger
from devmemlab.mem.mem import Mem
from devmemlab.mem.region import host_memory, memory
from devmemlab.net.netdev import Netdev
from devmemlab.net.skb import HEAD_BYTES, make_skbs
from devmemlab.nic.device import INDIR_SIZE, make_nics
from devmemlab.nic.rxq import HEADER_BYTES, make_rx_queues
from devmemlab.nic.toeplitz import REFERENCE_KEY, toeplitz_fill
from devmemlab.sock.deliver import MSGHDR
from devmemlab.tcp.output import make_tx_queue
from devmemlab.tcp.tcb import make_tcbs
from devmemlab.wire.address import parse_address
from devmemlab.wire.ethernet import mac as parse_mac
from devmemlab.wire.frame import FRAME, PKT, Burst

TX_ARENA_BYTES = 1 << 19


class Host(Devices, LinuxFace):
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

    Attributes
    ----------
    machine : Machine
        Every table.
    trace : Trace or None
        The record.
    fds : FdTable
        Open file descriptors of the one process that runs here.

    Notes
    -----
    Memory has work to do by itself (pools that wait for their last buffers, bindings that wait to be freed) only after
    something was closed or reconfigured; ``_work_ns`` says when to look again, None: never.
    """

    def __init__(self, lab, name, ip=None, ip6=None, mac="02:00:00:00:00:01", port=None, mtu=1500, rx_queues=1, ifname="eth0",
                 kernel="6.18", rx_ring=1024, sockets=1024, seed=0, trace=False):
        if ip is None and ip6 is None:
            raise error(EINVAL, "a host needs an address: give ip= or ip6=")
        if not 1 <= rx_queues <= 256:
            raise error(EINVAL, f"rx_queues {rx_queues}: 1 to 256 is possible")
        self.lab, self.name, self.ip, self.ip6 = lab, name, ip, ip6
        self.clock, self.port = lab.clock, port
        self.profile = profile(kernel)
        self.trace = make_trace((1 << 20) if trace is True else int(trace)) if trace else None
        self.fds = FdTable()
        self._work_ns = 0
        self.mem = Mem(self.profile)
        self.ledger = make_ledger()
        skb_count = max(1 << 15, 4 * rx_ring)
        self._heads = host_memory(skb_count * HEAD_BYTES, "skb heads")
        self._headers = host_memory(rx_queues * rx_ring * HEADER_BYTES, "header buffers")
        self.nics, self.rxqs = make_nics(1), make_rx_queues(rx_queues, rx_ring)
        self.skbs = make_skbs(skb_count, self._heads.start)
        self.tcbs, self.txq = make_tcbs(sockets + 1, seed), make_tx_queue(4096)
        self.tokens = make_xarrays(sockets + 1, 1 << 17)
        self.pkt, self.msg, self.addresses = table(PKT, 2), table(MSGHDR, 1), table(ADDRESS, 2)
        for row, text in zip(self.addresses, filter(None, (ip, ip6))):
            row.ip_version, row.addr_hi, row.addr_lo = parse_address(text)
            row.ifindex = 2
        self._tx_octets, self._tx_frames = np.zeros(TX_ARENA_BYTES, np.uint8), table(FRAME, 4096)
        self._set_up_nic(parse_mac(mac), mtu, rx_queues)
        self._first_devices()
        self.netdev = Netdev(ifname, self._new_ifindex(ifname), 0, self.nics, self.rxqs, self.mem, self._headers, rx_ring,
                             self.clock, self.trace)
        self.devices[self.netdev.ifindex] = self.netdev
        self.netdev.open()

    def _set_up_nic(self, mac, mtu, rx_queues):
        ctl = self.nics.ctl[0]
        ctl.ifindex, ctl.mac, ctl.mtu, ctl.queue_count, ctl.rx_csum, ctl.ntuple = 2, mac, mtu, rx_queues, 1, 1
        ctl.indir_count = INDIR_SIZE
        for i in range(INDIR_SIZE):
            self.nics.indir[0, i].entry = i % rx_queues
        toeplitz_fill(self.nics.hash_table, 0, np.frombuffer(bytearray(REFERENCE_KEY), np.uint8))

    @property
    def machine(self):
        """Every table, as entry kernels take them."""
        return Machine(self.nics, self.rxqs, self.skbs, self.tcbs, self.txq, self.tokens, self.mem.netmems, self.mem.pools,
                       self.mem.providers, self.ledger, self.pkt, self.msg, self.addresses)

    def step(self):
        """Do what is due now: one burst from the port, timers, and what they made to send.

        Returns
        -------
        progressed : bool
            True when frames came in or went out.
        """
        now_ns = self.clock.now_ns
        if self._work_ns is not None and now_ns >= self._work_ns:
            self._work_ns = self.mem.run_work(now_ns, self.trace)
        burst = self.port.recv(now_ns) if self.port else None
        if burst is not None:
            self.receive(burst, now_ns)
            self.mem.settle()
        if now_ns >= self.tcbs.ctl[0].next_timer_ns:
            machine_timers(self.machine, self.trace, now_ns)
        return self.flush() > 0 or burst is not None

    def receive(self, burst, now_ns):
        """Take a burst of frames from the wire to the sockets.

        Parameters
        ----------
        burst : Burst
            Frames.
        now_ns : int
            Time, ns.

        Returns
        -------
        packets : int
            Packets that reached TCP.
        """
        return int(machine_receive(memory(), burst.octets, burst.frame, self.machine, 0, self.trace, now_ns))

    def flush(self):
        """Put the waiting segments on the wire.

        Returns
        -------
        sent : int
            Frames.
        """
        if self.txq.ctl[0].count == 0:
            return 0
        now_ns = self.clock.now_ns
        sent = machine_transmit(self._tx_octets, self._tx_frames, self.machine, 0, self.trace, now_ns)
        self.txq.ctl[0].count = 0
        if self.port and sent:
            self.port.send(now_ns, Burst(self._tx_octets, self._tx_frames[:sent]))
        return int(sent)

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
        times = [self.port.next_ns()] if self.port else []
        times += [int(self.tcbs.ctl[0].next_timer_ns), self._work_ns]
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
        self.fds.close_all()
        self.netdev.close()
        self.mem.run_work(self.clock.now_ns, self.trace)
        self.mem.close()
        self._heads.close()
        self._headers.close()

    def __repr__(self):
        return f"<Host {self.name!r} {self.ip or self.ip6} on {self.netdev.name}, kernel {self.profile.name}>"
