"""Actors: what every generator of traffic has in common, and the loop that moves several of them.

Law.   A step never waits; an actor that has no more to do says so, and an actor that waits for a time names it.
Reads. House law 7 for how time passes.
Omits. Threads and processes.
"""

from devmemlab.base.clock import HORIZON_NS
from devmemlab.host.ports.base import monotonic_ns


class Actor:
    """A program that is moved on step by step.

    Parameters
    ----------
    sock : socket
        A connected socket of a lab host, or of a real kernel; it is made not to block.

    Attributes
    ----------
    done : bool
        Whether there is no more to do.
    """

    def __init__(self, sock):
        self.sock, self.done = sock, False
        sock.setblocking(False)

    @property
    def now_ns(self):
        """int: time of the socket's host; for a real kernel the monotonic clock."""
        host = getattr(self.sock, "host", None)
        return host.clock.now_ns if host is not None else monotonic_ns()

    def step(self):
        """Do what can be done without waiting.

        Returns
        -------
        moved : bool
            True when octets moved.
        """
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def next_ns(self):
        """Tell when this actor will do something although nothing arrives.

        Returns
        -------
        at_ns : int or None
            None: it waits for its socket.
        """
        return None

    def _send(self, octets):
        """Send what the socket takes.

        Parameters
        ----------
        octets : buffer
            Not empty.

        Returns
        -------
        taken : int
            0 when the socket takes nothing now.
        """
        try:
            return self.sock.send(octets)
        except BlockingIOError:
            return 0

    def _recv(self, limit):
        """Receive what is there.

        Parameters
        ----------
        limit : int
            Octets at most.

        Returns
        -------
        octets : bytes or None
            Empty at the end of the stream, None when nothing is there now.
        """
        try:
            return self.sock.recv(limit)
        except BlockingIOError:
            return None


class Drive:
    """The loop that moves actors and hosts, one turn at a time.

    Parameters
    ----------
    lab : Lab
        Its hosts and its clock.
    *actors : Actor
        Programs, on one host or on several.
    timeout_ns : int, optional
        As for `drive`.

    Attributes
    ----------
    done : bool
        Whether every actor is done.
    """

    def __init__(self, lab, *actors, timeout_ns=None):
        self.lab, self.actors, self.timeout_ns = lab, actors, timeout_ns
        self.start_ns = self._moved_ns = lab.clock.now_ns
        self.done, self._turn, self._moved = not actors, 0, False

    def move(self):
        """Give one actor its turn, or one host; after the last host let time pass if nothing moved.

        Raises
        ------
        TimeoutError
            As for `drive`.
        OSError
            What an actor's socket raises.
        """
        number, self._turn, hosts = self._turn, self._turn + 1, self.lab.hosts
        if number >= len(self.actors):
            self._moved = hosts[number - len(self.actors)].step() or self._moved
        elif not self.actors[number].done:
            # Every one of them steps: any() over a generator would starve the later ones.
            self._moved = self.actors[number].step() or self._moved
        if self._turn == len(self.actors):
            self.done = all(actor.done for actor in self.actors)
        if self._turn >= len(self.actors) + len(hosts) and not self.done:
            self._end_round()

    def _end_round(self):
        """Every one has had a turn: see whether time has to pass, and whether there is hope."""
        moved, self._turn, self._moved = self._moved, 0, False
        lab, waiting, now_ns = self.lab, [actor for actor in self.actors if not actor.done], self.lab.clock.now_ns
        if self.timeout_ns is not None and now_ns - self.start_ns >= self.timeout_ns:
            raise TimeoutError(f"not done within {self.timeout_ns / 1e9:g} s: {', '.join(map(repr, waiting))}")
        if moved:
            self._moved_ns = now_ns
            return
        times = [at_ns for at_ns in (lab.next_ns(), *(actor.next_ns() for actor in waiting)) if at_ns is not None]
        limit_ns = None if self.timeout_ns is None else self.start_ns + self.timeout_ns
        if lab.live:
            lab._pass_time(min(times, default=None), limit_ns)
            return
        names = ", ".join(map(repr, waiting))
        if not times:
            raise TimeoutError(f"nothing is left that could bring what is waited for: {names}")
        if min(times) - self._moved_ns > HORIZON_NS:
            raise TimeoutError(f"nothing has moved for {HORIZON_NS / 1e9:g} s of virtual time: {names}")
        lab.clock.advance_to(min(times) if limit_ns is None else min(*times, limit_ns))


def drive(lab, *actors, timeout_ns=None):
    """Move actors and the hosts of a lab until every actor is done.

    Parameters
    ----------
    lab : Lab
        Its hosts and its clock.
    *actors : Actor
        Programs, on one host or on several.
    timeout_ns : int, optional
        Give up after this long; None: 300 s of virtual time in which nothing moves, for ever when the clock is live.

    Raises
    ------
    TimeoutError
        The time is over, or nothing is left that could happen; the text names the actors that are not done.
    OSError
        What an actor's socket raises: its connection broke.
    """
    going = Drive(lab, *actors, timeout_ns=timeout_ns)
    while not going.done:
        going.move()
