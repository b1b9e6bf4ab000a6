"""Messages at their times: what a program sends that has something to say now and then.

Law.   A message is sent whole and in order; one that is late is sent when there is room.
Reads. Nothing of Linux.
Omits. Times that are drawn: `devmemlab.lab.traffic.bulk.Bursty` has those.
"""

from devmemlab.lab.traffic.bulk import Bulk


class Paced(Bulk):
    """Send message after message, each at its time.

    Parameters
    ----------
    sock : socket
        Connected.
    nbytes, message : int
        In all, and of one message.
    start_ns, pace_ns : int
        When the first one is due, and from one to the next.
    seed : int
        Decides the octets.
    """

    def __init__(self, sock, nbytes, message, start_ns, pace_ns, seed):
        super().__init__(sock, nbytes, seed)
        self.message, self.start_ns, self.pace_ns = message, start_ns, pace_ns

    @property
    def allowed(self):
        """int: octets of the messages that are due."""
        late_ns = self.now_ns - self.start_ns
        if late_ns < 0:
            return 0
        return min(self.nbytes, (late_ns // self.pace_ns + 1) * self.message if self.pace_ns else self.nbytes)

    def next_ns(self):
        """Tell when the next message is due; see `Actor.next_ns`.

        Returns
        -------
        at_ns : int or None
            None when all are.
        """
        if self.allowed >= self.nbytes:
            return None
        return self.start_ns if self.now_ns < self.start_ns else self.start_ns + self.allowed // self.message * self.pace_ns
