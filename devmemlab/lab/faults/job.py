"""A job that can be broken: one host sends messages, a program on another one receives them into device memory.

Law.   Every switch is one that a person or a program has: a command, an argument of a call, a wire, a machine.
Reads. Linux Documentation/networking/devmem.rst for the order of the steps.
Omits. Several connections of one job; what a program does with what it got.
"""

from collections import Counter

from devmemlab.host.ports.harm import HARMS
from devmemlab.host.readiness import POLLIN, tcp_poll
from devmemlab.lab.lab import Lab
from devmemlab.lab.scenes import PAGE
from devmemlab.lab.traffic import octets_of
from devmemlab.mem.region import DeviceMemory
from devmemlab.sock.uapi import AF_INET, CMSG_SPACE, MSG_SOCK_DEVMEM, frags

PORT, QUEUE, IFNAME = 5201, 1, "eth1"
NS_PER_MS = 10**6
TCP_NODELAY, IPPROTO_TCP = 1, 6
ROOM = CMSG_SPACE(24) * 64
COUNTERS = ("rx_buf_alloc_fail", "rx_hw_drop_overruns", "rx_csum_bad", "rx_csum_none", "rx_skb_alloc_fail",
            "rx_hsplit_unsplit_pkt")


class Job:
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
        family, server = (10, self.process or self.receiver) if ip6 else (AF_INET, self.process or self.receiver)
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
            self.conn.setsockopt(1, {"rcvbuf": 8, "rcvlowat": 18}[name], value)
        if self.conn:
            self.conn.settimeout(0)
        self.begun_ns = self.lab.clock.now_ns
        self._next_ns = self.begun_ns + self._turn_ns
        self._counted, self._counted_ns = 0, self.begun_ns
        return self

    @property
    def whole(self):
        """bool: everything came, in order, into device memory."""
        return self.received == self.stream and not self.in_host

    @property
    def ms(self):
        """float: virtual time since the first message."""
        return (self.lab.clock.now_ns - self.begun_ns) / NS_PER_MS

    @property
    def ms_a_message(self):
        """float: virtual time for each of the latest messages."""
        return (self.done_ns - self._counted_ns) / NS_PER_MS / max(self.messages - self._counted, 1)

    def go(self, ms=40.0):
        """Let time pass, at most until everything has come.

        Parameters
        ----------
        ms : float
            Virtual time.

        Returns
        -------
        job : Job
            The same.
        """
        limit_ns = self.lab.clock.now_ns + round(ms * NS_PER_MS)
        while self.conn is not None and len(self.received) < len(self.stream):
            moved = self._send() | self._turn()
            if self.lab.step() or moved:
                continue
            turn_ns = self._next_ns if self._awake else None
            times = [at for at in (self.lab.next_ns(), self._due_ns(), turn_ns) if at is not None]
            self.lab.clock.advance_to(min(limit_ns, *times))
            if self.lab.clock.now_ns >= limit_ns:
                break
        self.done_ns = self.lab.clock.now_ns
        if self.conn is None or len(self.received) == len(self.stream):
            self.lab.run(until_ns=min(limit_ns, self.lab.clock.now_ns + NS_PER_MS))
        return self

    def _due_ns(self):
        """Time of the next message, None when there is none, or no room for it."""
        number = self._sent // self.message
        at_ns = self.begun_ns + number * self._pace_ns
        return at_ns if number < self.messages and at_ns > self.lab.clock.now_ns else None

    def _send(self):
        """Send the messages that are due; tell whether there was one."""
        before = self._sent
        while self._sent < len(self.stream) and self._due_ns() is None:
            at = self._sent
            try:
                self._sent += self.client.send(self.stream[at:at + self.message - at % self.message])
            except OSError:
                break
        return self._sent > before

    @property
    def _awake(self):
        """bool: the program has something to do when its turn comes."""
        return self.reading and bool(tcp_poll(self.conn._row) & POLLIN)

    def _turn(self):
        """Let the program look, when it is its turn; tell whether something came."""
        now_ns = self.lab.clock.now_ns
        if now_ns < self._next_ns or not self._awake:
            return False
        self._next_ns = now_ns + self._turn_ns
        try:
            for _ in range(self.peek):
                self.conn.recvmsg(1 << 20, self.control, self.flags | 2)
            octets, ancdata, _, _ = self.conn.recvmsg(1 << 20, self.control, self.flags)
        except OSError as no:
            self.errors["recvmsg", no.errno] += 1
            self.reading = False
            return False
        pieces = frags(ancdata)
        self.received += octets
        self.in_host += len(octets)
        for piece in pieces:
            self.received += self.device.read(int(piece.frag_offset), int(piece.frag_size))
        self.tokens += pieces.frag_token.tolist()
        if callable(self.give):
            self.give(self, pieces)
        elif self.give == "all" and self.tokens:
            self.give_back()
        return True

    def begin_again(self):
        """Close the connection and forget what came: the next `call` sends everything from the beginning.

        Returns
        -------
        job : Job
            The same.
        """
        for sock in (self.client, self.conn):
            if sock is not None:
                sock.close()
        self.lab.run(until_ns=self.lab.clock.now_ns + 2_000 * NS_PER_MS)
        self.client = self.conn = None
        self.received.clear()
        self.tokens.clear()
        self._sent = self.in_host = 0
        self.reading, self.again = True, self.sender.nstat()["TcpRetransSegs"]
        return self

    def more(self, messages=24):
        """Send as much again, over the same connection.

        Parameters
        ----------
        messages : int
            How many.

        Returns
        -------
        job : Job
            The same; ``again`` is what had been sent again until now.
        """
        now_ns, first = self.lab.clock.now_ns, self.messages
        self._counted, self._counted_ns = first, now_ns
        self.stream += octets_of(7, messages * self.message).tobytes()
        self.messages += messages
        self.begun_ns = now_ns - first * self._pace_ns
        self.reading, self.again = True, self.sender.nstat()["TcpRetransSegs"]
        return self

    def give_back(self, conn=None):
        """Give every token back that the program holds.

        Parameters
        ----------
        conn : Socket, optional
            On which socket; on the one that received them when left out.

        Returns
        -------
        freed : int
            What DONTNEED released.
        """
        going, self.tokens = self.tokens, []
        return self.process.dontneed_tokens(conn or self.conn, going)

    def seen(self):
        """Say what a person would see: octets, errors, counters that are not 0.

        Returns
        -------
        seen : dict of str to object
            In the order in which one would look.
        """
        seen = {"octets": f"{len(self.received):,} of {len(self.stream):,}", "ms": round(self.ms, 1)}
        if self.in_host:
            seen["octets in host memory"] = f"{self.in_host:,}"
        for (call, number), times in sorted(self.errors.items()):
            seen[f"{call}: errno {number}"] = f"{times} times" if times > 1 else "once"
        stats = self.receiver.ethtool(IFNAME).get_stats()
        seen |= {name: stats[f"{name}[{QUEUE}]"] for name in COUNTERS if stats[f"{name}[{QUEUE}]"]}
        seen |= {name: count for name, count in stats.items() if name.startswith("rx_drop: ")}
        again = self.sender.nstat()["TcpRetransSegs"]
        return seen | ({"TcpRetransSegs": again} if again else {})

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
