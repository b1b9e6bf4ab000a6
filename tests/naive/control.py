"""The control side of a NIC as a person would tell it: dictionaries, and an errno for each request.

It knows nothing of pools, tables or rings. For each queue it keeps what is stored (a binding's id or nothing), what the queue
runs on (``"pages"``, an id, or ``"dead"``), and it works out by itself where a restart breaks off.
"""

from devmemlab.base.errno import EBUSY, EEXIST, EINVAL, ENOMEM

QUEUES_MAX, RING_MAX, THRESH_MAX = 8, 16, 1023


class Refused(Exception):
    """A request fails with this errno."""


class Control:
    """One device with kernel 6.18's rules."""

    def __init__(self, queues):
        self.up, self.hds, self.thresh, self.ring, self.xdp = True, "auto", 0, RING_MAX, None
        self.stored, self.xsk = {}, {}
        self.plan(None, 0, 0)
        self.runs = ["pages"] * queues

    @property
    def queues(self):
        return self._queues if not self.up else len(self.runs)

    def plan(self, step, times, skip):
        """This step fails so many times, after so many successes."""
        self.bad, self.times, self.skip = step, times, skip

    def fault(self, step):
        """Whether this step fails now."""
        if step != self.bad or not self.times:
            return
        if self.skip:
            self.skip -= 1
            return
        self.times -= 1
        raise Refused(ENOMEM)

    def wanted(self, queue):
        return self.stored.get(queue, "pages")

    def put_back(self, queue, old):
        """Start a queue on what it had; one that refuses is dead."""
        try:
            self.fault("start")
            self.runs[queue] = old
        except Refused:
            self.runs[queue] = "dead"

    def restart(self, queue):
        self.fault("blob")
        self.fault("mem_alloc")
        if not self.up:
            return
        self.fault("stop")
        old = self.runs[queue]
        try:
            self.fault("start")
        except Refused:
            self.put_back(queue, old)
            raise
        self.runs[queue] = self.wanted(queue)

    def bind(self, number, queues):
        if any(not 0 <= queue < self.queues for queue in queues):
            raise Refused(EINVAL)
        done = []
        try:
            for queue in sorted(set(queues)):
                if self.hds != "on" or self.thresh:
                    raise Refused(EINVAL)
                if self.xdp or queue in self.stored:
                    raise Refused(EEXIST)
                if queue in self.xsk:
                    raise Refused(EBUSY)
                self.stored[queue] = number
                try:
                    self.restart(queue)
                except Refused:
                    del self.stored[queue]
                    raise
                done.append(queue)
        except Refused:
            self.unbind(number)
            raise

    def unbind(self, number):
        for queue in sorted(queue for queue, who in self.stored.items() if who == number):
            del self.stored[queue]
            try:
                self.restart(queue)
            except Refused:
                pass

    def down(self):
        if self.up:
            self._queues, self.up, self.runs = len(self.runs), False, []

    def rise(self):
        if self.up:
            return
        for step in ("mem_alloc", "start"):
            for _ in range(self._queues):
                self.fault(step)
        self.up, self.runs = True, [self.wanted(queue) for queue in range(self._queues)]

    def rebuild(self, queues):
        """Every queue gets new memory, or every queue keeps its own."""
        if not self.up:
            self._queues = queues
            return
        for _ in range(queues):
            self.fault("mem_alloc")
        old, stopped = list(self.runs), []
        try:
            for queue in range(len(old)):
                self.fault("stop")
                stopped.append(queue)
            for _ in range(queues):
                self.fault("start")
        except Refused:
            for queue in stopped:
                self.put_back(queue, old[queue])
            raise
        self.runs = [self.wanted(queue) for queue in range(queues)]

    def set_rings(self, hds, thresh, ring):
        new = self.hds if hds is None else hds, self.thresh if thresh is None else thresh, self.ring if ring is None else ring
        if new == (self.hds, self.thresh, self.ring):
            return
        if new[0] == "on" and self.xdp == "single":
            raise Refused(EINVAL)
        if self.stored and (new[0] != "on" or new[1]):
            raise Refused(EINVAL)
        if new[2] > RING_MAX or new[1] > THRESH_MAX or new[2] not in (8, 16):
            raise Refused(EINVAL)
        self.rebuild(self.queues)
        self.hds, self.thresh, self.ring = new

    def set_channels(self, combined):
        if combined == self.queues:
            return
        if not 1 <= combined <= QUEUES_MAX or (self.stored and combined <= max(self.stored) + 1):
            raise Refused(EINVAL)
        if any(queue >= combined for queue in self.xsk):
            raise Refused(EINVAL)
        self.rebuild(combined)

    def attach(self, multi):
        if (self.hds == "on" and not multi) or self.stored:
            raise Refused(EBUSY)
        self.xdp = "multi" if multi else "single"

    def detach(self):
        if self.xdp and self.stored:
            raise Refused(EBUSY)
        self.xdp = None

    def xsk_add(self, queue, force):
        if queue >= self.queues:
            raise Refused(EINVAL)
        if queue in self.xsk or (self.stored and force):
            raise Refused(EBUSY)
        self.xsk[queue] = "copy" if self.stored else "zero-copy"

    def xsk_remove(self, queue):
        self.xsk.pop(queue, None)
