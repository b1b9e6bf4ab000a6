"""Scenes in which something breaks: a bad wire, and a program that keeps its tokens. scenes_end.py has leaks and ends.

Law.   A scene does what programs and wires could do, and nothing else; what is watched is only read.
Reads. Spec section 12.4; features D8, L6, Q3.
Omits. Whatever a program does between its turns.
"""

from devmemlab.host.ports.harm import counters as wire_counters
from devmemlab.lab.scenes_end import again, begin, pieces_of, shared, teardown
from devmemlab.lab.scenes_talk import QUEUE, receive, talk
from devmemlab.lab.traffic import octets_of
from devmemlab.lab.watch import Watch, silences

__all__ = ["POLICIES", "Run", "again", "begin", "counters", "pieces_of", "shared", "start", "teardown"]
POLICIES = {"oldest": "the oldest, when it holds more", "together": "all together, when it holds so many",
            "never": "none, ever"}
"""When a program gives tokens back."""
NS_PER_MS = 10**6
TCP_NODELAY, IPPROTO_TCP = 1, 6
NSTAT = ("TcpRetransSegs", "TcpExtTCPFastRetrans", "TcpExtTCPLossProbes", "TcpExtTCPTimeouts")
STATS = (f"rx_hw_drop_overruns[{QUEUE}]", f"rx_buf_alloc_fail[{QUEUE}]", f"rx_csum_bad[{QUEUE}]", f"rx_csum_none[{QUEUE}]",
         "rx_pp_alloc_empty")
INFO = ("bytes_received", "bytes_retrans", "rcv_ooopack", "dsack_dups", "rto")


class Run:
    """A sender of messages, and a program that receives them into device memory. Made by `start`.

    Attributes
    ----------
    lab, sender, receiver : Lab, Host, Host
        Where it runs.
    talk : Talk
        Both ends of the connection, and the device memory.
    message, messages : int
        Octets of one, and how many.
    keep, give : int, str
        How many tokens the program keeps, and when it gives them back; both may be changed.
    stream, received : bytes, bytearray
        What is sent, and what the device has seen in the order of the tokens.
    held, offsets : list of int, list of int
        Tokens that the program has, and where each piece so far lay in the dmabuf.
    watch : Watch
        Its ``samples`` are what a picture is drawn from.
    begun_ns : int
        When the first message was sent.
    """

    def __init__(self, talk, messages, message, keep, give, pace_ns, turn_ns, seed):
        self.talk, self.lab, self.sender, self.receiver = talk, talk.lab, talk.storage, talk.trainer
        self.messages, self.message, self.keep, self.give = messages, message, keep, give
        self.stream, self.received = octets_of(seed, messages * message).tobytes(), bytearray()
        self.held, self.offsets, self._sent, self.begun_ns = [], [], 0, self.lab.clock.now_ns
        self._pace_ns, self._turn_ns, self._tcb = pace_ns, turn_ns, self.receiver.tcbs.tcb[talk.conn.sock]
        self._next_turn_ns = self.begun_ns + turn_ns
        self.watch = Watch(self.receiver, QUEUE, self.sender, talk.client)
        talk.client.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._look()

    @property
    def whole(self):
        """True when the program has got everything, and everything is right."""
        return self.received == self.stream

    @property
    def samples(self):
        """SAMPLE[n]: see `devmemlab.lab.watch`."""
        return self.watch.samples

    @property
    def ms(self):
        """float: virtual time since the first message."""
        return (self.lab.clock.now_ns - self.begun_ns) / NS_PER_MS

    def go(self, ms=3000):
        """Let time pass, at most until the program has everything.

        Parameters
        ----------
        ms : float
            Virtual time.

        Returns
        -------
        run : Run
            The same.
        """
        limit_ns = self.lab.clock.now_ns + round(ms * NS_PER_MS)
        while not self.whole:
            moved = self._send() | self._receive()
            moved |= self.lab.step()
            self._look()
            if moved:
                continue
            turn_ns = self._next_turn_ns if self._tcb.rcv_nxt != self._tcb.copied_seq else None
            times = [at for at in (self.lab.next_ns(), self._due_ns(), turn_ns) if at is not None]
            self.lab.clock.advance_to(min(limit_ns, *times) if times else limit_ns)
            if self.lab.clock.now_ns >= limit_ns:
                break
        return self

    def give_back(self, count=None):
        """Have the program give tokens back now.

        Parameters
        ----------
        count : int, optional
            The oldest so many; all when left out.

        Returns
        -------
        released : int
            References that DONTNEED released.
        """
        going, self.held = self.held[:count], self.held[len(self.held[:count]):]
        released = self.receiver.dontneed(self.talk.conn, [(token, 1) for token in going]) if going else 0
        self._look()
        return released

    def _look(self):
        self.watch.look(self.lab.clock.now_ns, len(self.held), len(self.received))

    def _due_ns(self):
        """Time of the next message, None when there is none."""
        whole = self._sent // self.message
        return self.begun_ns + whole * self._pace_ns if whole < self.messages else None

    def _send(self):
        """Send the messages that are due; tell whether there was one."""
        before = self._sent
        while (due_ns := self._due_ns()) is not None and due_ns <= self.lab.clock.now_ns:
            at = self._sent
            try:
                self._sent += self.talk.client.send(self.stream[at:at + self.message - at % self.message])
            except BlockingIOError:
                break
        return self._sent > before

    def _receive(self):
        """Receive when it is the program's turn, and give back what the policy says; tell whether something came."""
        now_ns = self.lab.clock.now_ns
        if now_ns < self._next_turn_ns:
            return False
        pieces, octets = receive(self.talk, room=256)
        if not len(pieces):
            return False
        self._next_turn_ns = now_ns + self._turn_ns
        self.received += octets
        self.held += pieces.frag_token.tolist()
        self.offsets += pieces.frag_offset.tolist()
        if self.give == "oldest" and len(self.held) > self.keep:
            self.give_back(len(self.held) - self.keep)
        elif self.give == "together" and len(self.held) >= max(self.keep, 1):
            self.give_back()
        return True

    @property
    def verdict(self):
        """A sentence: what came of it. Times are modelled, frames counted."""
        last = self.samples[-1]
        longest = max((end - begin for begin, end in silences(self.samples, self.lab.clock.now_ns)), default=0) / NS_PER_MS
        lost = f"{int(last.dropped)} frames found no descriptor, {int(last.sent_again)} segments sent again"
        if self.whole and not last.sent_again:
            return f"whole after {self.ms:.1f} ms; nothing was sent twice"
        if self.whole:
            return f"whole after {self.ms:.1f} ms, the longest silence {longest:.1f} ms; {lost}"
        gap = f", {int(last.socket)} wait in the socket behind a gap" if last.socket else ""
        why = f"{len(self.held)} of {self.watch.pages} buffers are held by tokens{gap}"
        return f"stuck at {len(self.received):,} of {len(self.stream):,} octets after {self.ms:.0f} ms; {why}; {lost}"

    def close(self):
        """End the lab."""
        self.lab.close()


def start(messages=140, message=1448, keep=0, give="oldest", pages=64, ring=32, gbps=1, delay_us=50, pace_us=12.0, turn_us=200,
          seed=0, harm=None, **options):
    """Connect a sender of messages to a receiver with little device memory. Nothing is sent yet.

    Parameters
    ----------
    messages, message : int
        How many, and octets of one: a message that fits is one segment.
    keep : int
        Tokens that the program keeps.
    give : str
        When it gives tokens back, one of `POLICIES`.
    pages, ring : int
        Net_iovs that are bound, and descriptors of the queue.
    gbps, delay_us : float
        The wire.
    pace_us : float
        From one message to the next.
    turn_us : float
        How long the program does other things after it has received something.
    seed : int
        Decides the octets, and which frames the wire harms.
    harm : dict of str to float, optional
        ``loss``, ``reorder``, ``duplicate``, ``corrupt``: probabilities.
    **options
        For ``lab.host(...)`` of the receiver.

    Returns
    -------
    run : Run
        Close it when done.
    """
    if give not in POLICIES:
        raise ValueError(f"give={give!r} is none of {', '.join(POLICIES)}")
    made = talk(pages, ring, gbps, delay_us, harm, seed=seed, **options)
    return Run(made, messages, message, keep, give, round(pace_us * 1000), round(turn_us * 1000), seed)


def counters(run):
    """Read the counters that tell of trouble, by their Linux names.

    Parameters
    ----------
    run : Run
        Not changed.

    Returns
    -------
    counts : dict of str to dict
        Where to look -> name -> value, those that are not 0; last what the wire itself knows, which no Linux shows.
    """
    sending, stats = run.sender.nstat(), run.receiver.ethtool("eth1").get_stats()
    ours = run.receiver.ss(listening=False)[0].info
    theirs = run.sender.ss(listening=False)[0].info
    wire = wire_counters(run.sender.port.link)
    found = {"sender, nstat": {name: sending[name] for name in NSTAT}, "sender, ss -ti": {n: theirs.get(n, 0) for n in INFO},
             "receiver, ethtool -S": {n: stats[n] for n in STATS}, "receiver, ss -ti": {n: ours.get(n, 0) for n in INFO[:-1]},
             "the wire to the receiver": wire}
    return {where: {name: count for name, count in counts.items() if count} for where, counts in found.items()}
