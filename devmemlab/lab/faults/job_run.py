"""Running a job: time passes, messages are sent, the program takes its turns; and what a person would see of it.

Law.   The program calls what a program can call, and ends at an error, as programs do.
Reads. Linux Documentation/networking/devmem.rst for the loop of a receiver.
Omits. Programs that wait in a call.
"""

from devmemlab.host.readiness import POLLIN, tcp_poll
from devmemlab.lab.traffic import octets_of
from devmemlab.sock.uapi import MSG_PEEK, frags

QUEUE, IFNAME = 1, "eth1"
NS_PER_MS = 10**6
COUNTERS = ("rx_buf_alloc_fail", "rx_hw_drop_overruns", "rx_csum_bad", "rx_csum_none", "rx_skb_alloc_fail",
            "rx_hsplit_unsplit_pkt")
"""Counters of the queue that a person looks at; those of ``ethtool -S``."""


class Running:
    """The part of `devmemlab.lab.faults.job.Job` that runs."""

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
                self.conn.recvmsg(1 << 20, self.control, self.flags | MSG_PEEK)
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
