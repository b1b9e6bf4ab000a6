"""What Python is told about the pools of a host: counters, and what netlink would answer.

Law.   Asking changes nothing, and a row that is no pool is refused.
Reads. Spec sections 6.9 and 6.10.
Omits. Wire format: `devmemlab.host.genl.pool` encodes.
"""

from devmemlab.base.errno import EINVAL, error
from devmemlab.mem.pool_stats import page_pool_fill, page_pool_find, page_pool_stats_reply, spell_stats, visible


class PoolReports:
    """The part of `Mem` that answers questions about page_pools."""

    def _pool(self, pool):
        """Find a pool: kernels do not look whether a row number is one.

        Parameters
        ----------
        pool : int
            Row.

        Returns
        -------
        ctl : numpy.record
            Its row.

        Raises
        ------
        OSError
            EINVAL: there is no such pool.
        """
        if not 0 <= pool < len(self.pools.ctl) or not self.pools.ctl[pool].alive:
            raise error(EINVAL, f"pool {pool} does not exist: it was never made, or is freed")
        return self.pools.ctl[pool]

    def pool_stats(self, pool, names="struct"):
        """Read the counters of a pool.

        Parameters
        ----------
        pool : int
            Row.
        names : str
            ``"struct"``, ``"ethtool"``, ``"netlink"`` or ``"id"``.

        Returns
        -------
        stats : dict
            Name to count.
        """
        self._pool(pool)
        return spell_stats(self.pools, [pool], names)

    def ethtool_stats(self, ifindex):
        """Sum the counters of a device's pools, under the names that ethtool -S shows.

        Parameters
        ----------
        ifindex : int
            The device.

        Returns
        -------
        stats : dict
            Name to count; empty when statistics are not built in.
        """
        if not self.profile.page_pool_stats:
            return {}
        mine = [i for i, ctl in enumerate(self.pools.ctl) if ctl.alive and ctl.ifindex == ifindex]
        return spell_stats(self.pools, mine, "ethtool")

    def page_pool_get(self, pool_id):
        """Answer page-pool-get.

        Parameters
        ----------
        pool_id : int
            Id of a pool.

        Returns
        -------
        attributes : dict
            See `page_pool_fill`.
        """
        return page_pool_fill(self, page_pool_find(self, pool_id))

    def page_pool_dump(self):
        """Answer a dump of page-pool-get.

        Returns
        -------
        replies : list of dict
            One a visible pool, newest id last.
        """
        rows = [i for i, ctl in enumerate(self.pools.ctl) if visible(ctl)]
        return sorted((page_pool_fill(self, pool) for pool in rows), key=lambda reply: reply["id"])

    def page_pool_stats_get(self, info):
        """Answer page-pool-stats-get.

        Parameters
        ----------
        info : dict
            The nested attribute.

        Returns
        -------
        attributes : dict
            The counters.
        """
        return page_pool_stats_reply(self, info)
