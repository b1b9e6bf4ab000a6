"""bench tokens: what a frag costs from recvmsg to DONTNEED, by how many tokens are held and which go first.

Law.   A run counts only if every frag came with a token, every return released one, and the table is as full as before.
Reads. interfaces section 3; spec sections 14.5 and 15.
Omits. The system calls themselves, and a program's use of the payload.

A batch of 100 frags is received by one recvmsg, and 100 tokens that were held before are returned: the oldest (``fifo``), or
any (``random``). Queueing the frags is the card's and TCP's work and not timed.
"""

import random
from contextlib import contextmanager

import numpy as np
from numba import config

from devmemlab.base.crossing import seal
from devmemlab.base.errno import EIO, error
from devmemlab.base.table import table
from devmemlab.base.xarray import make_xarrays
from devmemlab.lab.bench import tokens_loops as loops
from devmemlab.lab.bench.measure import Case
from devmemlab.mem.dmabuf import FROM_DEVICE
from devmemlab.mem.ledger import make_ledger
from devmemlab.mem.mem import Mem
from devmemlab.mem.netmem import PAGE_SIZE
from devmemlab.mem.page_pool import PROVIDER_DMABUF
from devmemlab.mem.pool_table import rx_pool_flags
from devmemlab.mem.region import DeviceMemory, memory
from devmemlab.net.skb import make_skbs
from devmemlab.sock.deliver import CMSG_BYTES, MSGHDR
from devmemlab.sock.token_batch import OPTVAL_BYTES
from devmemlab.tcp.output import make_tx_queue
from devmemlab.tcp.states import ESTABLISHED
from devmemlab.tcp.tcb import make_tcbs

LIVE, INTERPRETED_LIVE = (100, 1_000, 10_000, 100_000, 1_000_000), (100, 1_000)
FRAGS, INTERPRETED_FRAGS, BATCH, RING = 8_000, 200, 100, 16_384
ORDERS = ("fifo", "random")
CONTRASTS, QUOTED = {}, {}
NOTES = """\
fifo_N, random_N: N tokens are held all the time. A frag's cost is one control message and one token of a recvmsg of 100, one
element or part of one of DONTNEED, and the return of its buffer to the page_pool's ring. In fifo the ids of a batch are one
range, in random each is a range of its own; a batch is one call in both. 8000 frags wait in the
receive queue when a run begins. The tables are sealed: a run's one crossing from Python costs it next to nothing."""


def figures(runs):
    """Name the figures of this bench.

    Parameters
    ----------
    runs : list of Sample
        Of one case.

    Returns
    -------
    figures : dict of str to list of float
        ``ns_per_frag``, one a repeat.
    """
    return {"ns_per_frag": [run.ns / run.elements for run in runs]}


class TokenCase(Case):
    """So many live tokens, returned in one order.

    Parameters
    ----------
    order : str
        ``"fifo"`` or ``"random"``.
    held : int
        Tokens that are held.
    count : int
        Frags of a run.
    mem : Mem
        Of a host whose binding has room for all cases.
    binding : int
        Row.
    """

    def __init__(self, order, held, count, mem, binding):
        self.name, self.order, self.elements, self.mem = f"{order}_{held}", order, count, mem
        self.more = {"tokens": held, "burst": BATCH}
        self.tcbs, self.txq, self.skbs = make_tcbs(2), make_tx_queue(64), make_skbs(count // loops.FRAGS + 64, 0)
        self.tokens, self.ledger, self.msg = make_xarrays(2, held // 32 + 64), make_ledger(), table(MSGHDR, 1)
        self.control, self.ids = np.zeros(BATCH * CMSG_BYTES, np.uint8), np.zeros(BATCH, np.int64)
        self.optval, self.live = np.zeros(OPTVAL_BYTES, np.uint8), np.zeros(held, np.int64)
        self.tcbs.tcb[1].state = ESTABLISHED
        self.pool = mem.page_pool_create(pp_flags=rx_pool_flags(mem.profile), dma_dir=FROM_DEVICE, max_len=PAGE_SIZE,
                                         pool_size=RING, provider=PROVIDER_DMABUF, mp_priv=binding)
        self.receiver = seal(loops.Receiver(*self.tables[1:]))
        self.rng, self.next, self.picks = random.Random(held), 0, None
        filled = 0
        while filled < held:
            want = min(held - filled, count)
            self.queue(want)
            while want:
                got = int(loops.receive_tokens(*self.tables, 1, self.control, self.msg[0], self.ids, min(BATCH, want)))
                if got == 0:
                    raise error(EIO, f"{self.name}: {want} queued frags cannot be received")
                np.copyto(self.live[filled:filled + got], self.ids[:got])
                filled, want = filled + got, want - got

    @property
    def tables(self):
        """What recvmsg takes."""
        mem = self.mem
        return (memory(), self.tcbs, self.txq, self.skbs, mem.pools, mem.netmems, mem.providers, self.tokens, self.ledger)

    def queue(self, count):
        """Queue frags.

        Parameters
        ----------
        count : int
            How many.

        Raises
        ------
        OSError
            EIO: there were not enough buffers.
        """
        self.txq.ctl[0].count = 0
        mem = self.mem
        queued = loops.queue_frags(self.tcbs, 1, self.skbs, mem.pools, mem.netmems, mem.providers, self.pool, count)
        if queued != count:
            raise error(EIO, f"{self.name}: only {queued} of {count} frags could be queued")

    def prepare(self):
        """Queue the frags of a run, and choose who goes."""
        self.queue(self.elements)
        held = len(self.live)
        if self.order == "fifo":
            self.picks = (self.next + np.arange(self.elements)) % held
            self.next = (self.next + self.elements) % held
        else:
            # Within a batch no place is chosen twice: what went is not held any more.
            batches = range(0, self.elements, BATCH)
            self.picks = np.array([place for _ in batches for place in self.rng.sample(range(held), BATCH)][:self.elements])

    def run(self):
        """Receive and return."""
        return loops.exchange(memory(), self.receiver, 1, self.control, self.msg[0], self.ids, self.optval, self.live, self.picks,
                              self.elements)

    def check(self, result):
        """See that everything came and went.

        Parameters
        ----------
        result : (int, int)
            Frags received, references released.

        Raises
        ------
        OSError
            EIO.
        """
        received, released = (int(number) for number in result)
        live = int(self.tokens.root[1].live)
        if (received, released, live) != (self.elements, self.elements, len(self.live)):
            raise error(EIO, f"{self.name}: of {self.elements} frags {received} came and {released} went; {live} tokens are "
                             f"held, not {len(self.live)}")


@contextmanager
def cases(quick=False, sizes=None, orders=ORDERS):
    """Make a binding and fill the tables.

    Parameters
    ----------
    quick : bool
        Says nothing here: fewer repeats are quick enough.
    sizes : sequence of int, optional
        Tokens that are held, for each case; `LIVE` when left out.
    orders : sequence of str
        In which they are returned.

    Yields
    ------
    cases : list of Case
        By order, then by how many tokens are held.
    """
    live, count = (INTERPRETED_LIVE, INTERPRETED_FRAGS) if config.DISABLE_JIT else (LIVE, FRAGS)
    sizes = sizes or live
    buffers = 2 * sum(size + RING + count for size in sizes)
    device = DeviceMemory(buffers * PAGE_SIZE, "bench")
    mem = Mem("6.18", netmem_rows=buffers + (1 << 16), pages_bytes="16MiB")
    try:
        binding = mem.bind(2, mem.export(device))
        made = [TokenCase(order, size, count, mem, binding) for order in orders for size in sizes]
        yield made
        for case in made:
            if len(set(case.live.tolist())) != len(case.live):
                raise error(EIO, f"{case.name}: a token is held twice")
    finally:
        mem.close()
        device.close()
