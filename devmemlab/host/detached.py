"""Waiting for what was torn down: pools that nobody uses any more stay until their last buffer is home.

Law.   Tearing down waits for nobody; whoever wants to know when it is over waits here, and is told who holds what.
Reads. Linux net/core/page_pool.c (page_pool_release_retry); spec sections 6.8 and 18.2.
Omits. Notifications: `devmemlab.host.genl.notify` sends those.
"""

import numpy as np

from devmemlab.host.audit import count_tokens, count_user_refs
from devmemlab.mem.pool_stats import page_pool_fill


class Detached:
    """The part of a host that waits for detached pools."""

    def detached_pools(self):
        """List the pools that were destroyed while buffers were out.

        Returns
        -------
        pools : list of dict
            As page-pool-get describes them, ``detach-time`` included, oldest id first.
        """
        rows = np.nonzero((self.mem.pools.ctl.alive != 0) & (self.mem.pools.ctl.detached != 0))[0]
        return sorted((page_pool_fill(self.mem, int(row)) for row in rows), key=lambda pool: pool["id"])

    def wait_detached(self, timeout_ns=None):
        """Drive the clock until every detached pool is gone.

        Parameters
        ----------
        timeout_ns : int, optional
            Give up after this long; without it after 300 s of virtual time.

        Returns
        -------
        waited_ns : int
            Time that passed.

        Raises
        ------
        TimeoutError
            Names each pool that is left and who holds its buffers.
        """
        start_ns = self.clock.now_ns
        self.poke()
        try:
            self.lab.wait(lambda: not self.detached_pools(), "end of the detached pools", timeout_ns)
        except TimeoutError as late:
            raise TimeoutError(f"{late}; still held: {'; '.join(self._holders())}") from None
        return self.clock.now_ns - start_ns

    def _holders(self):
        """Say who holds the buffers of each detached pool.

        Returns
        -------
        sentences : list of str
            One a pool.
        """
        netmems = self.mem.netmems
        owner = netmems.pp
        frags, tokens = {}, {}
        live = self.skbs.skb[:int(self.skbs.ctl[0].watermark)]
        for skb in np.nonzero(live.active)[0]:
            for i in range(int(live[skb].nr_frags)):
                pool = int(owner[self.skbs.frag[skb, i].netmem >> 1]) - 1
                frags[pool] = frags.get(pool, 0) + 1
        for tree in range(-1, len(self.tokens.root)):
            held = np.zeros(self.mem._touched() + 1, np.int64)
            if count_user_refs(self.mem.providers, held) if tree < 0 else count_tokens(self.tokens, tree, held):
                rows = np.nonzero(held)[0]
                for pool in np.unique(owner[rows]):
                    count = int(held[rows[owner[rows] == pool]].sum())
                    tokens.setdefault(int(pool) - 1, []).append(f"{count} by tokens of connection {tree}" if tree >= 0 else
                                                                f"{count} by the program of an io_uring area")
        told = []
        for row in np.nonzero((self.mem.pools.ctl.alive != 0) & (self.mem.pools.ctl.detached != 0))[0]:
            pool = page_pool_fill(self.mem, int(row))
            holders = tokens.get(int(row), []) + ([f"{frags[int(row)]} by skbs"] if int(row) in frags else [])
            told.append(f"pool {pool['id']} of queue {self.mem.pools.ctl[row].queue}"
                        + (f", binding {pool['dmabuf']}" if "dmabuf" in pool else "")
                        + f": {pool['inflight']} buffers ({', '.join(holders) or 'by nobody that is known'})")
        return told
