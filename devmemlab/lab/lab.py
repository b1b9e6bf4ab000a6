"""The lab: one clock, the hosts on it, and the loop that drives them.

Law.   With simulated ports only, time jumps to the next event; with a live port it passes by itself.
Reads. House law 7.
Omits. Switches: a wire has two ends.
"""

import select

from devmemlab.base.clock import HORIZON_NS, VirtualClock
from devmemlab.host.host import Host
from devmemlab.host.ports.base import monotonic_ns
from devmemlab.host.ports.wire import wire


class Lab:
    """Hosts on one clock.

    Parameters
    ----------
    seed : int
        Decides everything that is random.

    Attributes
    ----------
    clock : VirtualClock
        Present time.
    hosts : list of Host
        In the order they were made.
    journey : Journey or None
        The recorded run that it is a moment of, see `devmemlab.lab.journey`.
    """

    journey = None

    def __init__(self, seed=0):
        self.seed = seed
        self.clock = VirtualClock()
        self.hosts = []

    def host(self, name, **options):
        """Add a host.

        Parameters
        ----------
        name : str
            For people.
        **options
            See `devmemlab.host.host.Host`.

        Returns
        -------
        host : Host
            With its interface up.
        """
        number = len(self.hosts) + 1
        options.setdefault("mac", f"02:00:00:00:00:{number:02x}")
        options.setdefault("seed", self.seed * 1_000_003 + number)
        host = Host(self, name, **options)
        self.hosts.append(host)
        return host

    def note_port(self, port):
        """Take notice of a port that hosts receive from: a live one makes the clock live.

        Parameters
        ----------
        port : Port or None
            Of some NIC.
        """
        if port is not None and port.live:
            self.clock.go_live(monotonic_ns)

    def connect(self, a, b, gbps=0, delay_us=0.0, loss=0.0, reorder=0.0, duplicate=0.0, corrupt=0.0):
        """Put a wire between two hosts and tell each where the other is.

        Parameters
        ----------
        a, b : Host
            Hosts of this lab without a port.
        gbps : float
            Rate of each direction, 0: no limit.
        delay_us : float
            Time from one end to the other.
        loss, reorder, duplicate, corrupt : float
            Probabilities from 0 to 1.

        Returns
        -------
        ends : tuple of WireEnd
            The two ports, with their counters.

        Raises
        ------
        ValueError
            A host has a port already, or both are the same.
        """
        if a is b:
            raise ValueError(f"{a.name} cannot be connected to itself; loopback is an interface of every host")
        for host in (a, b):
            if host.port is not None:
                raise ValueError(f"{host.name} has a port already: {host.port!r}")
        a.ports[0], b.ports[0] = ends = wire(gbps, delay_us, loss, reorder, duplicate, corrupt, self.seed + len(self.hosts))
        for here, there in ((a, b), (b, a)):
            here.nics.ctl[0].moderated = here.port.moderated
            for address in filter(None, (there.ip, there.ip6)):
                here.add_neighbour(address, int(there.nics.ctl[0].mac))
        return ends

    @property
    def live(self):
        """True when a port of some host is live."""
        return self.clock.live

    def step(self):
        """Let every host do what is due now.

        Returns
        -------
        progressed : bool
            True when frames moved.
        """
        progressed = False
        for host in self.hosts:
            progressed = host.step() or progressed
        return progressed

    def next_ns(self):
        """Tell when something happens by itself.

        Returns
        -------
        at_ns : int or None
            Time of the next arrival or timer.
        """
        return min((t for t in (host.next_ns() for host in self.hosts) if t is not None), default=None)

    def run(self, until_ns=None):
        """Drive the hosts until a time, or until nothing is left to happen.

        Parameters
        ----------
        until_ns : int, optional
            Virtual time to stop at.

        Returns
        -------
        now_ns : int
            Present time.
        """
        while self.turn(until_ns):
            pass
        return self.clock.now_ns

    def turn(self, until_ns=None):
        """Do one round of `run`: every host does what is due, or time passes.

        Parameters
        ----------
        until_ns : int, optional
            As for `run`.

        Returns
        -------
        more : bool
            False when `run` is over.
        """
        if self.step():
            return True
        following = self.next_ns()
        if following is None or (until_ns is not None and following > until_ns):
            if until_ns is not None:
                self._pass_time(until_ns, until_ns)
                self.step()
            return False
        self._pass_time(following, following)
        return True

    def wait(self, ready, what, timeout_ns=None):
        """Drive the hosts until a condition holds.

        Parameters
        ----------
        ready : callable
            Returns true when the wait is over.
        what : str
            What is waited for, for the message.
        timeout_ns : int, optional
            Give up after this long.

        Raises
        ------
        TimeoutError
            The time is over; or, with simulated ports only, 300 s of virtual time passed or nothing is left that could
            happen.
        """
        start_ns = self.clock.now_ns
        limit_ns = start_ns + (timeout_ns if timeout_ns is not None else HORIZON_NS)
        while not ready():
            if self.step():
                if not self.live:
                    limit_ns = max(limit_ns, self.clock.now_ns + HORIZON_NS) if timeout_ns is None else limit_ns
                continue
            if ready():
                return
            following = self.next_ns()
            if self.live:
                if timeout_ns is not None and self.clock.now_ns >= limit_ns:
                    raise TimeoutError(f"no {what} within {timeout_ns / 1e9:g} s")
                self._pass_time(following, limit_ns if timeout_ns is not None else None)
            elif following is None:
                raise TimeoutError(f"no {what}, and nothing is left that could bring it: no port has frames and no timer runs")
            elif following > limit_ns:
                self.clock.advance_to(limit_ns)
                raise TimeoutError(f"no {what} within {(limit_ns - start_ns) / 1e9:g} s of virtual time")
            else:
                self._pass_time(following, limit_ns)

    def _pass_time(self, following, limit_ns):
        """Jump to the next event, or sleep until a live port or a timer wakes us."""
        if not self.live:
            if following is not None:
                self.clock.advance_to(following)
            return
        now_ns = self.clock.now_ns
        until = min(t for t in (following, limit_ns, now_ns + 100_000_000) if t is not None)
        fds = [fd for fd in (port.fileno() for host in self.hosts for port in host.ports if port) if fd is not None]
        select.select(fds, [], [], max(until - now_ns, 0) / 1e9)

    def state_hash(self):
        """Digest the state: every table, the memory of every host, and what is on the wires.

        Returns
        -------
        sha256 : str
            The same for the same state, wherever in this or another process its memory lies.
        """
        from devmemlab.lab.state_hash import state_hash
        return state_hash(self)

    def save(self, path):
        """Save the state as a file that others can open with ``dml.open_lab``.

        Parameters
        ----------
        path : str or os.PathLike
            Usually ends in ``.dml``.

        Raises
        ------
        ValueError
            It is no moment of a recorded run: nothing says how to get here again.
        """
        if self.journey is None:
            raise ValueError("this lab was made call by call, and a file cannot say how to get here again; write what happens "
                             "as a scenario: lab = dml.journey(dml.Scenario({...})).at(event=...)")
        self.journey.save(path)

    def why(self, thing):
        """Find out why something does not work, from state, counters, refused calls and trace.

        Parameters
        ----------
        thing : Socket, Packet or tuple
            A socket, or ``(host, fd)``; ``(host, ifname, queue)``; a line of ``dml.packets(host)``, or ``(host, "packet", n)``.

        Returns
        -------
        answer : devmemlab.lab.why.answer.Answer
            ``ok``; and when it is not: ``cause``, ``fix`` and the ``chain`` of events.
        """
        from devmemlab.lab.why.ask import why
        return why(self, thing)

    def as_commands(self):
        """Write the configuration of every host as the commands that make it on real machines.

        Returns
        -------
        text : str
            For each host a comment with its name, then its lines, see ``host.as_commands()``.
        """
        return "".join(f"# on {host.name}\n{host.as_commands()}" for host in self.hosts)

    def close(self):
        """End every host and close its port."""
        for host in self.hosts:
            host.shut_down()
            for port in filter(None, host.ports):
                port.close()
        self.hosts = []

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __repr__(self):
        return f"<Lab at {self.clock.now_ns} ns: {', '.join(host.name for host in self.hosts) or 'no hosts'}>"
