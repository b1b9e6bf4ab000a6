"""Mem: the memory side of one host.

Law.   The tables are the state; this object only owns them, makes them longer, and passes them to kernels.
Reads. Spec sections 3 to 7.
Omits. File descriptors, netlink and queues: the floors above hold those and pass rows.

Its methods are in eight chapters: exporter (making dmabufs), staging, dmabuf_file (system calls on them),
bind_face, area_face and work_face (bindings and areas, from first to last), pool_face and pool_reports (page_pools).
"""

import numpy as np

from devmemlab.base.errno import ENOMEM, error
from devmemlab.base.profile import profile as find_profile
from devmemlab.base.table import grown, table, word
from devmemlab.base.units import format_size, parse_size
from devmemlab.mem.area_face import Areas
from devmemlab.mem.audit import audit_mem, describe
from devmemlab.mem.bind_face import Bindings
from devmemlab.mem.dmabuf import make_dmabufs
from devmemlab.mem.dmabuf_file import DmabufFiles
from devmemlab.mem.exporter import Exporters
from devmemlab.mem.netmem import NETMEM, PAGE_SHIFT
from devmemlab.mem.page_pool import make_page_pools
from devmemlab.mem.pool_face import Pools
from devmemlab.mem.provider_table import make_providers
from devmemlab.mem.ranges import Ranges
from devmemlab.mem.region import HOST, Region, memory
from devmemlab.mem.staging import StagedDmabufs
from devmemlab.mem.work_face import Leftovers

PAGES_BYTES = 4 << 30
SPARE_PAGES = 4096


class Mem(Exporters, StagedDmabufs, DmabufFiles, Bindings, Areas, Leftovers, Pools):
    """Tables of one host and what may be done to them.

    Parameters
    ----------
    profile : str or Profile
        Kernel release to follow.
    netmem_rows : int
        Pages and net_iovs that may be known at once; the table grows when a binding needs more.
    pages_bytes : int or str, optional
        Host memory that the page allocator starts with; it grows by as much.

    Attributes
    ----------
    netmems, providers, pools, dmabufs
        The tables, as kernels take them. They may be replaced by longer ones whenever something is made.
    pending : memoryview of one int64
        Of ``providers``: not 0 when work waits.
    backing : dict of int to Region
        Region of each dmabuf whose bytes are one whole region.
    log : list of str
        What the kernel would have logged.
    watch : callable or None
        Called when a pool was made, destroyed or looked after.
    """

    def __init__(self, profile="6.18", netmem_rows=1 << 25, pages_bytes=None):
        self.profile = find_profile(profile)
        self.netmems = table(NETMEM, netmem_rows)
        self.providers = make_providers()
        self.pending = word(self.providers.ctl, "pending")
        self._spare = [word(self.providers.pages, name) for name in ("end_addr", "next_addr", "listed")]
        self.pools = make_page_pools(self.profile)
        self.dmabufs = make_dmabufs()
        self.ranges = {
            "rows": Ranges(1, netmem_rows),
            "chunks": Ranges(1, len(self.providers.chunk)),
            "words": Ranges(0, len(self.providers.words)),
            "sg": Ranges(0, len(self.dmabufs.sg)),
        }
        self.backing, self.staged = {}, {}
        self.pinned = {}
        self.maps = {}
        self.begun = set()
        self.log = []
        self.watch = None
        self._taken = {}
        self._warned = {}
        self._page_regions = []
        self._pages_bytes = parse_size(pages_bytes) if pages_bytes else min(PAGES_BYTES, len(memory()) >> 5)
        self.more_pages()

    def take(self, name, count):
        """Take a range of rows, growing the netmem table when it is full.

        Parameters
        ----------
        name : str
            ``"rows"``, ``"chunks"``, ``"words"`` or ``"sg"``.
        count : int
            Length.

        Returns
        -------
        first : int
            First row.

        Raises
        ------
        OSError
            ENOMEM when the table is full and cannot grow.
        """
        first = self.ranges[name].take(count)
        if first is None and name == "rows":
            self.netmems = grown(self.netmems, len(self.netmems) + count)
            self.ranges[name].extend(len(self.netmems))
            first = self.ranges[name].take(count)
        if first is None:
            raise error(ENOMEM, f"no room for {count} more {name}; unbind something first")
        return first

    def more_pages(self):
        """Give the page allocator another region of host memory to cut fresh pages from."""
        region = Region(self._pages_bytes, HOST, "host pages")
        self._page_regions.append(region)
        count = region.length >> PAGE_SHIFT
        first = self.take("rows", count)
        fresh = self.providers.pages[0]
        fresh.next_addr, fresh.end_addr = region.start, region.start + region.length
        fresh.next_row, fresh.end_row = first, first + count

    def settle(self):
        """Make room before it runs out; hosts call it between bursts."""
        end, following, listed = self._spare
        if end[0] - following[0] < SPARE_PAGES << PAGE_SHIFT and listed[0] < SPARE_PAGES:
            self.more_pages()

    def audit(self):
        """Check that every buffer is in exactly one place and every count adds up.

        Raises
        ------
        AssertionError
            Names the first broken rule.
        """
        broken = audit_mem(self.pools, self.netmems, self.providers, np.zeros(self._touched() + 1, np.int64))
        if broken[0]:
            raise AssertionError(describe(broken))

    def _touched(self):
        """Find the highest netmem row that was ever written.

        Returns
        -------
        row : int
            0 when none was.
        """
        own = self.providers.binding
        touched = int(own.touched_high[own.kind != 0].max(initial=0))
        return max(touched, int(self.providers.pages[0].next_row))

    def close(self):
        """Give back the host's own pages; its tables are of no use afterwards."""
        while self._page_regions:
            self._page_regions.pop().close()

    def __repr__(self):
        bindings = int(np.count_nonzero(self.providers.binding.kind))
        return (f"<Mem kernel {self.profile.name}: {bindings} bindings, {self.pools.common[0].alive} pools, "
                f"{format_size(int(self.providers.pages.out[0]) << PAGE_SHIFT)} of pages out>")
