"""Facts: what can be known of a queue and its memory, from tables, counters and the trace.

Law.   Reading changes nothing.
Reads. Spec sections 12.4 and 19.
Omits. Memory that io_uring areas hold.
"""

import numpy as np

from devmemlab.base.ring import ring_count
from devmemlab.base.trace import NAMES
from devmemlab.host.inspect import inspect_queue, tokens_of
from devmemlab.host.socket import Socket
from devmemlab.lab.why.answer import Event, some
from devmemlab.nic.drops import DROP_REASONS


def sockets_of(host):
    """List the TCP sockets that programs of a host hold.

    Parameters
    ----------
    host : Host
        Any.

    Returns
    -------
    sockets : dict of int to Socket
        By row of the connection.
    """
    tables = [host.fds, *(process.fds for process in host.processes.values())]
    return {thing.sock: thing for table in tables for thing in table.things.values() if isinstance(thing, Socket)}


class Times:
    """Times of events in a host's trace; a host without one knows none.

    Parameters
    ----------
    host : Host
        Any.
    """

    def __init__(self, host):
        trace = host.trace
        self.known = trace is not None
        self.events = trace.event[:trace.ctl[0].count] if self.known else np.recarray(0, [(n, "i8") for n in "kabcd"])

    def of(self, kind, **fields):
        """Find the times of events.

        Parameters
        ----------
        kind : str
            Tracepoint.
        **fields : int
            Values of ``a`` to ``d``.

        Returns
        -------
        at_ns : int64[n]
            In order.
        """
        if not self.known:
            return np.zeros(0, np.int64)
        found = self.events.kind == NAMES.index(kind)
        for name, value in fields.items():
            found &= self.events[name] == value
        return self.events.at_ns[found]

    def first(self, kind, **fields):
        """Tell when something happened first.

        Parameters
        ----------
        kind : str
            Tracepoint.
        **fields : int
            Values of ``a`` to ``d``.

        Returns
        -------
        at_ns : int or None
            None: never, or nobody knows.
        """
        at_ns = self.of(kind, **fields)
        return int(at_ns[0]) if len(at_ns) else None

    def last(self, kind, **fields):
        """Tell when something happened last.

        Parameters
        ----------
        kind : str
            Tracepoint.
        **fields : int
            Values of ``a`` to ``d``.

        Returns
        -------
        at_ns : int or None
            None: never, or nobody knows.
        """
        at_ns = self.of(kind, **fields)
        return int(at_ns[-1]) if len(at_ns) else None

    def since(self, at_ns, kind, **fields):
        """Count what happened after a time.

        Parameters
        ----------
        at_ns : int or None
            Time; None: nothing is counted.
        kind : str
            Tracepoint.
        **fields : int
            Values of ``a`` to ``d``.

        Returns
        -------
        count : int
            Events.
        """
        return int((self.of(kind, **fields) > at_ns).sum()) if at_ns is not None else 0


class QueueFacts:
    """A queue of a NIC.

    Parameters
    ----------
    host : Host
        Where.
    device : Netdev
        Its interface.
    queue : int
        Index within the interface.

    Attributes
    ----------
    row, ctl, nic : int, RXQ, NIC
        Row of the queue, itself, and its NIC's row.
    provider : int
        Row of the binding that it runs on, 0: pages.
    times : Times
        Of the host.
    """

    def __init__(self, host, device, queue):
        self.host, self.device, self.queue = host, device, queue
        self.row = device.row_of(queue)
        self.ctl, self.nic = host.rxqs.ctl[self.row], host.nics.ctl[device.nic]
        self.provider = int(device.providers.get(queue, 0))
        self.times = Times(host)

    @property
    def name(self):
        """str: as a person calls it."""
        return f"queue {self.queue} of {self.device.name} on {self.host.name}"

    def dropped(self, reason):
        """Count the packets that driver and stack dropped for a reason.

        Parameters
        ----------
        reason : int
            ``DROP_``.

        Returns
        -------
        packets : int
            Of this queue.
        """
        return int(self.host.rxqs.drop[self.row, reason].packets)

    def refused_by_nic(self, reason):
        """Count the frames that the NIC dropped for a reason, of all queues.

        Parameters
        ----------
        reason : int
            ``DROP_``.

        Returns
        -------
        frames : int
            They reached no ring.
        """
        return int(self.host.nics.drop[self.device.nic, reason].packets)

    def drop_event(self, reason, count):
        """Make a link of the chain of drops.

        Parameters
        ----------
        reason, count : int
            ``DROP_``, and how many frames.

        Returns
        -------
        event : Event
            With the time of the first one.
        """
        return Event(self.times.first("nic_drop", b=reason), f"{some(count, 'frame')} dropped: {DROP_REASONS[reason]}",
                     "ethtool -S rx_drop")

    @property
    def pages(self):
        """int: buffers of the binding."""
        binding = self.host.mem.providers.binding[self.provider]
        chunks = self.host.mem.providers.chunk[binding.chunk_first:binding.chunk_first + binding.chunk_count]
        return int(chunks.niov_count.sum())

    @property
    def spare(self):
        """int: buffers that the pool could post now."""
        mem, pool = self.host.mem, int(self.ctl.pool)
        if pool < 0:
            return 0
        binding = mem.providers.binding[self.provider]
        chunks = mem.providers.chunk[binding.chunk_first:binding.chunk_first + binding.chunk_count]
        free = int(chunks.avail_bytes.sum() >> int(binding.niov_shift)) if self.provider else 0
        return free + int(mem.pools.ctl[pool].cache_count) + int(ring_count(mem.pools.ring, pool))

    @property
    def posted(self):
        """int: descriptors that the card has."""
        return int(self.ctl.post - self.ctl.used)

    def mine(self, netmem):
        """Tell whether a buffer belongs to the binding of this queue.

        Parameters
        ----------
        netmem : int
            Handle.

        Returns
        -------
        mine : bool
            False for pages.
        """
        mem = self.host.mem
        return bool(netmem & 1) and int(mem.providers.chunk[mem.netmems[netmem >> 1].owner].binding) == self.provider

    def tokens(self):
        """Find who holds buffers of the binding by tokens.

        Returns
        -------
        held : dict of int to dict of int to int
            Connection -> buffer -> number of its tokens.
        """
        held = {}
        for netmem, holders in tokens_of(self.host.tokens).items():
            for sock, _ in holders if self.mine(netmem) else ():
                buffers = held.setdefault(sock, {})
                buffers[netmem] = buffers.get(netmem, 0) + 1
        return held

    def unread(self):
        """Find who has not read what lies in buffers of the binding.

        Returns
        -------
        waiting : dict of int to (int, int)
            Connection -> buffers in its receive queue, and behind a gap.
        """
        found = {}
        for sock, conn in sockets_of(self.host).items():
            queue = inspect_queue(self.host, conn)
            counts = [sum(self.mine(frag.netmem) for one in part for view in (one, *one.linked) for frag in view.frags)
                      for part in (queue.skbs, queue.early)]
            if any(counts):
                found[sock] = tuple(counts)
        return found

    def old_pools(self):
        """Count the buffers of this binding that pools of the past still wait for.

        Returns
        -------
        buffers : int
            In flight.
        """
        ctl = self.host.mem.pools.ctl
        rows = np.nonzero((ctl.alive != 0) & (ctl.detached != 0) & (ctl.mp_priv == self.provider))[0]
        return sum(int(ctl[row].hold_cnt - ctl[row].release_cnt) for row in rows) if self.provider else 0
