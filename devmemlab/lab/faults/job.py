"""A job that can be broken: one host sends messages, a program on another one receives them into device memory.

Law.   Every switch is one that a person or a program has: a command, an argument of a call, a wire, a machine.
Reads. Linux Documentation/networking/devmem.rst for the order of the steps.
Omits. Several connections of one job; what a program does with what it got.
"""

from collections import Counter

from devmemlab.host.ports.harm import HARMS
from devmemlab.lab.faults.job_run import IFNAME, NS_PER_MS, QUEUE, Running
from devmemlab.lab.lab import Lab
from devmemlab.lab.scenes import PAGE
from devmemlab.lab.traffic import octets_of
from devmemlab.mem.region import DeviceMemory
from devmemlab.sock.uapi import AF_INET, AF_INET6, CMSG_SPACE, MSG_SOCK_DEVMEM, SO_RCVBUF, SO_RCVLOWAT, SOL_SOCKET

PORT = 5201
TCP_NODELAY, IPPROTO_TCP = 1, 6
ROOM = CMSG_SPACE(24) * 64


class Job(Running):
    """Two hosts, and what runs on them. Nothing is configured yet; every step gives the job back.

    Parameters
    ----------
    messages, message : int
        How many are sent, and octets of one: a message that fits is one segment.
    pages, ring : int
        Buffers of device memory, and descriptors of each queue.
    pace_us, turn_us : float
        From one message to the next, and from one look of the program to the next.
    gbps, delay_us : float
        The wire.
    harm : dict of str to float, optional
        ``loss``, ``reorder``, ``duplicate``, ``corrupt``: probabilities.
    seed : int
        Decides octets and harm.
    sender : dict, optional
        For ``lab.host(...)`` of the sender.
    **receiver
        For ``lab.host(...)`` of the receiver.

    Attributes
    ----------
    lab, sender, receiver : Lab, Host, Host
        Where it runs.
    process, netlink, fd, device : Process, NetlinkSocket, int, DeviceMemory
        The program on the receiver, and what it holds; None before `bind`.
    client, conn : Socket
        Both ends; None before `call`.
    flags, control, peek : int, int, int
        How the program calls recvmsg; ``peek`` looks come before each call.
    give : str or callable
        ``"all"`` gives every token back at once, ``"none"`` never does, ``give(job, pieces)`` does what it likes.
    reading : bool
        Whether the program reads at all; an error ends that.
    refused : OSError or None
        Why `bind` was refused.
    errors : collections.Counter
        (call, errno) -> how often the program got it.
    stream, received, in_host : bytes, bytearray, int
        What is sent; what came, in order; how much of that lay in host memory.
    tokens : list of int
        Held by the program.
    again, early, done_ns : int, int, int
        Segments that the sender had sent again when `more` began; a count that a fault remembers; when `go` was done.
    """

    def __init__(self, messages=24, message=1448, pages=64, ring=32, pace_us=12.0, turn_us=50.0, gbps=1, delay_us=20, harm=None,
                 seed=3, sender=None, **receiver):
        self.messages, self.message, self.pages = messages, message, pages
        self.lab = Lab(seed)
        self.sender = self.lab.host("storage", ip="192.0.2.2", ip6="fd00::2", sockets=8, rx_ring=64, trace=1 << 14,
                                    **sender or {})
        options = {"rx_queues": 2, "ifname": IFNAME, "rx_ring": ring, "sockets": 8, "trace": 1 << 14, **receiver}
        self.receiver = self.lab.host("trainer", ip="192.0.2.1", ip6="fd00::1", **options)
        self.lab.connect(self.sender, self.receiver, gbps=gbps, delay_us=delay_us, **harm or {})
        self.stream, self.received, self.in_host = octets_of(seed, messages * message).tobytes(), bytearray(), 0
        self.process = self.netlink = self.fd = self.device = self.client = self.conn = self.refused = None
        self.flags, self.control, self.peek, self.give, self.reading = MSG_SOCK_DEVMEM, ROOM, 0, "all", True
        self.errors, self.tokens, self.again, self.early, self._counted = Counter(), [], 0, 0, 0
        self._sent, self._pace_ns, self._turn_ns = 0, round(pace_us * 1000), round(turn_us * 1000)
        self.begun_ns = self._next_ns = self._counted_ns = self.done_ns = 0

    def prepare(self, split="on", thresh=0, narrow=True, rule=PORT):
        """Configure the card as the recipe says, or not quite.

        Parameters
        ----------
        split, thresh : str, int
            ``tcp-data-split`` and ``hds-thresh``.
        narrow : bool
            Whether RSS leaves the device queue alone.
        rule : int or None
            Port of the rule that sends the connection there.

        Returns
        -------
        job : Job
            The same.
        """
        nic = self.receiver.ethtool(IFNAME)
        nic.set_rings(tcp_data_split=split, hds_thresh=thresh)
        if narrow:
            nic.set_rxfh_indir(equal=QUEUE)
        if rule:
            nic.add_rule(flow_type="tcp4", dst_port=rule, queue=QUEUE)
        return self

    def bind(self, queue=QUEUE, ifname=IFNAME, admin=True, pages=None, **request):
        """Start a program that binds device memory.

        Parameters
        ----------
        queue, ifname : int, str
            Which.
        admin : bool
            Whether it has CAP_NET_ADMIN.
        pages : int, optional
            Buffers; those of the job when left out.
        **request
            What the request says otherwise: ``fd``, ``queues``.

        Returns
        -------
        job : Job
            The same; ``refused`` is set when the kernel says no.
        """
        self.process = self.receiver.process("receive", admin)
        self.device = DeviceMemory((pages or self.pages) * PAGE)
        self.fd, self.netlink, self.refused = self.process.export(self.device), self.process.netlink("netdev"), None
        try:
            self.netlink.bind_rx({"ifindex": self.receiver.ifindex(ifname), "fd": self.fd,
                                  "queues": [{"type": "rx", "id": queue}], **request})
        except OSError as no:
            self.refused = no
            self.errors["bind-rx", no.errno] += 1
        return self

    def call(self, ip6=False, sport=0, **options):
        """Connect both ends.

        Parameters
        ----------
        ip6 : bool
            Whether over IPv6.
        sport : int
            The sender's port; 0: the host chooses.
        **options
            For the accepted socket: ``rcvbuf``, ``rcvlowat``.

        Returns
        -------
        job : Job
            The same. A program whose bind was refused does not come so far.
        """
        if self.refused is not None:
            return self
        family, server = (AF_INET6 if ip6 else AF_INET), self.process or self.receiver
        listener, self.client = server.socket(family), self.sender.socket(family)
        listener.bind(("", PORT))
        listener.listen()
        self.client.settimeout(0)
        if sport:
            self.client.bind(("", sport))
        try:
            self.client.connect((self.receiver.ip6 if ip6 else self.receiver.ip, PORT))
        except BlockingIOError:
            pass
        self.lab.run(until_ns=self.lab.clock.now_ns + 10 * NS_PER_MS)
        listener.settimeout(0)
        try:
            self.conn, _ = listener.accept()
        except BlockingIOError:
            self.errors["accept", 11] += 1
        listener.close()
        self.client.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        for name, value in options.items() if self.conn else ():
            self.conn.setsockopt(SOL_SOCKET, {"rcvbuf": SO_RCVBUF, "rcvlowat": SO_RCVLOWAT}[name], value)
        if self.conn:
            self.conn.settimeout(0)
        self.begun_ns = self.lab.clock.now_ns
        self._next_ns = self.begun_ns + self._turn_ns
        self._counted, self._counted_ns = 0, self.begun_ns
        return self

    def mend_wire(self):
        """Have the wire do no harm any more.

        Returns
        -------
        job : Job
            The same.
        """
        for host in (self.sender, self.receiver):
            for name in HARMS:
                host.port.link[name] = 0
        return self

    def close(self):
        """End the lab."""
        self.lab.close()
