"""Restart: one queue gets new memory while all the others keep running.

Law.   A failed restart leaves the queue on its old memory; only when even that fails is the queue dead, and that is said aloud.
Reads. Linux net/core/netdev_rx_queue.c (netdev_rx_queue_restart); net/core/page_pool_user.c (page_pool_check_memory_provider).
Omits. Locks: nothing else runs meanwhile but the wire.

::

    mem_alloc(new) -> does it use the provider? -> stop(old) -> start(new) -> mem_free(old)
         |                  |                         |            |
    as it was          mem_free(new)            mem_free(new)   start(old), mem_free(new)
"""

from typing import NamedTuple

from devmemlab.base.errno import ENODATA, EOPNOTSUPP, ERANGE, name_of
from devmemlab.net.queue_ops import OPERATIONS, default_config, post
from devmemlab.net.refusal import ProviderError
from devmemlab.nic.drops import DROP_DOWN, DROP_NO_DESC
from devmemlab.nic.rxq import NO_POOL


class RestartCost(NamedTuple):
    """What one restart cost, in counts and in modelled time.

    what : str
        ``"queue"``, ``"device"`` (the whole device was reset) or ``"settings"`` (rings or channels changed).
    queue : int
        For which queue, -1 for all.
    begin_ns, end_ns : int
        Virtual time.
    queues_stopped : int
        Queues that stood still.
    packets_lost : int
        Packets that waited in a stopped ring, and frames that came while nobody could take them.
    buffers_returned : int
        Posted buffers taken out of rings.
    buffers_posted : int
        Buffers posted anew.
    errno : int
        0, or why it failed.
    """

    what: str
    queue: int
    begin_ns: int
    end_ns: int
    queues_stopped: int
    packets_lost: int
    buffers_returned: int
    buffers_posted: int
    errno: int


class Tally:
    """Running counts of a device, from which costs are differences."""

    def __init__(self):
        self.queues = self.packets = self.returned = self.posted = 0


class Costs:
    """Notes the cost of what happens inside a ``with``, whether it succeeds or not.

    Parameters
    ----------
    netdev : Netdev
        Its ``costs`` get a row, unless no queue was stopped.
    what : str
        See `RestartCost`.
    queue : int
        See `RestartCost`.
    """

    def __init__(self, netdev, what, queue=-1):
        self.netdev, self.what, self.queue = netdev, what, queue

    def _read(self):
        drop = self.netdev.nics.drop[self.netdev.nic]
        tally = self.netdev.tally
        lost = tally.packets + int(drop[DROP_DOWN].packets) + int(drop[DROP_NO_DESC].packets)
        return tally.queues, lost, tally.returned, tally.posted

    def __enter__(self):
        self.begin_ns, self.before = self.netdev.clock.now_ns, self._read()

    def __exit__(self, kind, problem, where):
        counts = [now - then for now, then in zip(self._read(), self.before)]
        if counts[0]:
            number = getattr(problem, "errno", None) or 0
            self.netdev.costs.append(RestartCost(self.what, self.queue, self.begin_ns, self.netdev.clock.now_ns, *counts, number))


class Restart:
    """The part of a network device that changes the memory of one queue."""

    def operate(self, step, queue, *args):
        """Call a driver operation, or have the fault plan answer for it.

        Parameters
        ----------
        step : str
            One of `devmemlab.net.queue_ops.OPERATIONS`.
        queue : int
            Index within this device.
        *args
            What the operation takes besides.

        Returns
        -------
        result
            The operation's.
        """
        self.faults.check(step, queue)
        return getattr(self.driver, step)(self, queue, *args)

    def free(self, blob):
        """Give memory back; it cannot fail.

        Parameters
        ----------
        blob : QueueMemory
            Not live.
        """
        self.driver.mem_free(self, blob)
        self.poke()

    def restart(self, queue, undo=None):
        """Give a queue new memory without touching the others (or, on a device of the first design, by resetting it whole).

        Parameters
        ----------
        queue : int
            Index within this device.
        undo : callable, optional
            Takes back what the restart was for; a failed reset of the whole device calls it before it brings the device up.

        Raises
        ------
        OSError
            EOPNOTSUPP the driver lacks an operation; ENODATA it built a pool that ignores the provider; its own errors.

        References
        ----------
        Linux net/core/netdev_rx_queue.c, netdev_rx_queue_restart().
        """
        missing = [name for name in OPERATIONS if name not in self.offers]
        if missing:
            raise ProviderError(EOPNOTSUPP, f"{self.name} cannot restart a queue", f"its driver lacks {', '.join(missing)}")
        self.faults.check("blob", queue)
        if self.restart_design == "device":
            self.reset(queue, undo)
            return
        new = self.operate("mem_alloc", queue, default_config(self, queue))
        try:
            self.check_provider(queue)
        except OSError:
            self.free(new)
            raise
        if self.mem.profile.running_check and not self.running:
            self.free(new)
            return
        with Costs(self, "queue", queue):
            self._replace(queue, new)
        self.restarts[queue] = self.restarts.get(queue, 0) + 1

    def _replace(self, queue, new):
        """Take the live memory of a queue out and put other memory in.

        Parameters
        ----------
        queue : int
            Index within this device.
        new : QueueMemory
            Freed when that fails.
        """
        try:
            if queue == 0 and self.quirks["queue_0_stays"] and self.real_num_rx_queues > 1:
                raise ProviderError(ERANGE, "queue 0 cannot be stopped while there are others", "bind another queue")
            old = self.operate("stop", queue)
        except OSError:
            self.free(new)
            raise
        try:
            self.pause(self.restart_ns)
            self.operate("start", queue, new)
        except BaseException:
            self.start_again(queue, old)
            self.free(new)
            raise
        self.free(old)
        # Where old and new memory are of one binding, the new pool could not have all of it before.
        post(self, queue)

    def start_again(self, queue, old):
        """Put a queue back on its old memory; a queue that refuses even that is dead.

        Parameters
        ----------
        queue : int
            Index within this device, stopped.
        old : QueueMemory
            Freed when the queue is dead.
        """
        try:
            self.operate("start", queue, old)
        except OSError as err:
            self.mem.log.append(f"{self.name}: WARNING: rx queue {queue} is dead: it takes neither its new nor its old memory "
                                f"({name_of(err.errno)})")
            self.free(old)

    def check_provider(self, queue):
        """Check that some pool of this device serves a queue with the provider that is stored for it, where the release looks.

        Parameters
        ----------
        queue : int
            Index within this device.

        Raises
        ------
        ProviderError
            ENODATA: the driver went its own way in silence.
        """
        if queue not in self.providers or not self.mem.profile.provider_check:
            return
        ctl = self.mem.pools.ctl
        mine = (ctl.alive != 0) & (ctl.ifindex == self.ifindex) & (ctl.queue == queue)
        if not (mine & (ctl.provider != 0) & (ctl.mp_priv == self.providers[queue])).any():
            raise ProviderError(ENODATA, "the driver did not use the memory provider",
                                "its pool does not allow unreadable netmem, or is not tied to the queue")

    def dead_queues(self):
        """List the queues that have no memory although the interface is up.

        Returns
        -------
        queues : list of int
            Indexes within this device; empty on a healthy one.
        """
        if not self.running:
            return []
        return [queue for queue in range(self.real_num_rx_queues) if self.rxqs.ctl[self.row_of(queue)].pool == NO_POOL]
