"""A watch over a queue: where its buffers are, what the card drops and what the program has got, over time.

Law.   A watch only reads; free, posted, in the socket and held add up to what is bound, at every moment.
Reads. Spec section 12.4 (the back-pressure chain) for what is worth looking at.
Omits. What Linux does not show: of these columns only drops and segments sent again have a counter there.
"""

import numpy as np

from devmemlab.base.ring import ring_count
from devmemlab.base.table import schema, table

SAMPLE = schema("at_ns", "held", "free", "posted", "socket", "dropped", "sent_again", "received", "window")
"""A moment: buffers held by tokens, free, posted to the card and in the socket; then frames that the card had no descriptor for,
segments that the sender has sent again and octets that the program has received, all from the start; and the send window."""
COLUMNS = SAMPLE.names


class Watch:
    """Looks at a receiving queue and at who sends to it.

    Parameters
    ----------
    receiver, queue : Host, int
        Where the buffers are, and the row of the queue.
    sender, client : Host, Socket
        Who sends, and on which socket.

    Attributes
    ----------
    pages : int
        Net_iovs that are bound.
    """

    def __init__(self, receiver, queue, sender, client):
        self._mem, self._q = receiver.mem, receiver.rxqs.ctl[queue]
        self._binding = int(self._mem.pools.ctl[self._q.pool].mp_priv)
        self._tcb = sender.tcbs.tcb[client.sock]
        own = self._mem.providers.binding[self._binding]
        self._chunks = self._mem.providers.chunk[own.chunk_first:own.chunk_first + own.chunk_count]
        self._shift = int(own.niov_shift)
        self.pages = int(self._chunks.niov_count.sum())
        self._rows, self._dropped, self._again = [], int(self._q.rx_hw_drop_overruns), int(self._tcb.total_retrans)

    def look(self, now_ns, held, received):
        """Note what there is now, when it is not what was there before.

        Parameters
        ----------
        now_ns : int
            Present time.
        held, received : int
            Buffers that the program holds by tokens, and octets that it has received.
        """
        pools, q = self._mem.pools, self._q
        pool = int(q.pool)
        free = int(self._chunks.avail_bytes.sum() >> self._shift)
        free += int(pools.ctl[pool].cache_count) + int(ring_count(pools.ring, pool))
        # What a completion has taken is the socket's: between two steps no completion waits.
        posted = int(q.post - q.used)
        seen = (held, free, posted, self.pages - held - free - posted, int(q.rx_hw_drop_overruns) - self._dropped,
                int(self._tcb.total_retrans) - self._again, received, int(self._tcb.snd_wnd))
        if not self._rows or self._rows[-1][1:] != seen:
            self._rows.append((now_ns, *seen))

    @property
    def samples(self):
        """SAMPLE[n]: what was noted so far, in order."""
        made = table(SAMPLE, len(self._rows))
        for name, column in zip(COLUMNS, np.array(self._rows, np.int64).reshape(-1, len(COLUMNS)).T):
            made[name] = column
        return made


def silences(samples, end_ns=None, least=0.05):
    """Find the long times in which nothing changed.

    Parameters
    ----------
    samples : SAMPLE[n]
        From a `Watch`.
    end_ns : int, optional
        When watching ended; the last sample when left out.
    least : float
        What counts as long: this part of the whole time.

    Returns
    -------
    silences : list of (int, int)
        Begin and end of each, ns.
    """
    if not len(samples):
        return []
    at_ns = [int(at) for at in samples.at_ns] + ([end_ns] if end_ns is not None else [])
    limit_ns = max((at_ns[-1] - at_ns[0]) * least, 1)
    return [(one, other) for one, other in zip(at_ns, at_ns[1:]) if other - one >= limit_ns]
