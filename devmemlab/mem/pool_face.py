"""The pools of a host, for Python.

Law.   Kernels answer errno; this face raises it, with a sentence that says what to do.
Reads. Spec section 6.
Omits. Speed: a call from Python costs microseconds; bursts call the kernels themselves.
"""

from devmemlab.base.errno import E2BIG, EBUSY, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP, error
from devmemlab.base.ring import Rings
from devmemlab.base.table import grown
from devmemlab.mem.netmem import PAGE_SIZE, netmem_address
from devmemlab.mem.page_pool import (
    PP_ALLOC_CACHE_SIZE,
    make_pool_params,
    page_pool_alloc_netmem,
    page_pool_alloc_netmems,
    page_pool_create,
    page_pool_destroy,
    page_pool_inflight,
    page_pool_put_netmem,
)
from devmemlab.mem.pool_reports import PoolReports
from devmemlab.mem.region import memory

ADVICE = {
    EINVAL: "unknown flags, DMA_MAP without a receiving direction, DMA_SYNC_DEV without DMA_MAP and max_len, or no such binding",
    E2BIG: "the order must be that of the binding's net_iovs (or the ring is too long for this release)",
    EOPNOTSUPP: "a pool with a provider must map, and must sync exactly where the release wants it to",
    EFAULT: "no such kind of provider",
    ENOMEM: "no free pool row, or the ring is longer than the table",
    EBUSY: "the provider is busy",
}


class Pools(PoolReports):
    """The part of `Mem` that deals with page_pools."""

    def page_pool_create(self, trace=None, **params):
        """Make a page_pool.

        Parameters
        ----------
        trace : Trace, optional
            Passed on.
        **params
            Fields of POOL_PARAMS.

        Returns
        -------
        pool : int
            Row.
        """
        if self.pools.common[0].alive == len(self.pools.ctl):
            self._more_pools()
        pool = page_pool_create(self.pools, self.providers, self.netmems, trace, make_pool_params(**params))
        if pool < 0:
            raise error(pool, f"page_pool with {params}: {ADVICE.get(-pool, 'the provider refused it')}")
        if self.watch is not None:
            self.watch()
        return int(pool)

    def _more_pools(self):
        """Double the number of pools that may exist."""
        rows = len(self.pools.ctl) + 1
        ring = Rings(grown(self.pools.ring.ctl, rows), grown(self.pools.ring.slot, rows))
        self.pools = self.pools._replace(ctl=grown(self.pools.ctl, rows), cache=grown(self.pools.cache, rows), ring=ring)

    def alloc(self, pool, trace=None):
        """Allocate one buffer.

        Parameters
        ----------
        pool : int
            Row.
        trace : Trace, optional
            Passed on.

        Returns
        -------
        netmem : int
            Handle, 0 when there is none.
        """
        self._pool(pool)
        return int(page_pool_alloc_netmems(self.pools, self.netmems, self.providers, trace, pool))

    def alloc_part(self, pool, length, trace=None):
        """Allocate a buffer of a size, perhaps a part of a shared one.

        Parameters
        ----------
        pool : int
            Row.
        length : int
            Bytes wanted.
        trace : Trace, optional
            Passed on.

        Returns
        -------
        netmem, offset, length : int
            Handle (0 when there is none), where the part begins, its real size.
        """
        self._pool(pool)
        if length <= 0:
            raise error(EINVAL, f"a part of {length} bytes; ask for at least one")
        found = page_pool_alloc_netmem(self.pools, self.netmems, self.providers, trace, pool, length)
        return tuple(int(value) for value in found)

    def put(self, pool, netmem, direct=False, trace=None):
        """Drop one reference.

        Parameters
        ----------
        pool : int
            Row.
        netmem : int
            Handle.
        direct : bool
            True in the pool's own NAPI context.
        trace : Trace, optional
            Passed on.

        Returns
        -------
        last : bool
            Whether it was the last.
        """
        self._pool(pool)
        if not 0 < netmem >> 1 < len(self.netmems):
            raise error(EINVAL, f"netmem {netmem} is no handle of this host; put what alloc() returned")
        last = page_pool_put_netmem(self.pools, self.netmems, self.providers, trace, pool, netmem, int(direct))
        if last < 0:
            raise error(last, f"netmem {netmem} has no reference to give back to pool {pool}: "
                              "it was returned already, or is another pool's")
        return bool(last)

    def destroy(self, pool, now_ns=0, trace=None):
        """Destroy a pool, now or when its buffers are back.

        Parameters
        ----------
        pool : int
            Row.
        now_ns : int
            Present time.
        trace : Trace, optional
            Passed on.

        Returns
        -------
        inflight : int
            Buffers still out.
        """
        inflight = int(page_pool_destroy(self.pools, self.netmems, self.providers, trace, pool, now_ns))
        if inflight == -EINVAL:
            raise error(EINVAL, f"pool {pool} does not exist, or is being destroyed already")
        if self.watch is not None:
            self.watch()
        return inflight

    def inflight(self, pool):
        """Count the buffers of a pool that are out of their provider.

        Parameters
        ----------
        pool : int
            Row.

        Returns
        -------
        inflight : int
            Those in cache and ring included.
        """
        self._pool(pool)
        return int(page_pool_inflight(self.pools, pool))

    def octets(self, netmem):
        """Look at a buffer as the host's CPU: pages only.

        Parameters
        ----------
        netmem : int
            Handle.

        Returns
        -------
        octets : uint8[n]
            The bytes of the page.

        Raises
        ------
        OSError
            EFAULT for a net_iov, and for what is no handle.
        """
        if not 0 < netmem >> 1 < len(self.netmems):
            raise error(EFAULT, f"netmem {netmem} is no handle of this host; 0 means that there was none")
        address = netmem_address(self.netmems, netmem)
        if address < 0:
            raise error(EFAULT, f"netmem {netmem} is a net_iov: the host cannot read it; use the dmabuf or its device")
        order = int(self.netmems[netmem >> 1].niov_type) & 0xFF
        return memory()[address:address + (PAGE_SIZE << order)]

    def fail_alloc(self, pool, interval=1, times=-1):
        """Inject faults: make allocations fail.

        Parameters
        ----------
        pool : int
            Row.
        interval : int
            Every how many-th allocation; 0 turns it off.
        times : int
            How often at most, -1 for ever.
        """
        ctl = self._pool(pool)
        ctl.fault_interval, ctl.fault_times, ctl.fault_seen = interval, times, 0
        ctl.cache_floor = PP_ALLOC_CACHE_SIZE if interval and times else 0

    def fail_map(self, pool, interval=1):
        """Inject faults: make DMA mappings of fresh pages fail.

        Parameters
        ----------
        pool : int
            Row.
        interval : int
            Every how many-th mapping; 0 turns it off.
        """
        ctl = self._pool(pool)
        ctl.fault_map_interval, ctl.fault_map_seen = interval, 0
