"""page_pool: all of it under one name, for the floors above.

Law.   What is imported from here is the whole interface of a page_pool.
Reads. Linux include/net/page_pool/helpers.h; the chapters are pool_table, pool_create, pool_alloc, pool_put, pool_bulk,
       pool_frag, pool_destroy, pool_stats.
Omits. Nothing of its own: it only collects.
"""

from devmemlab.mem.pool_alloc import page_pool_alloc_netmems, page_pool_inflight, page_pool_return_netmem
from devmemlab.mem.pool_bulk import page_pool_put_entries, page_pool_put_netmem_bulk
from devmemlab.mem.pool_create import page_pool_create, page_pool_use_xdp_mem
from devmemlab.mem.pool_destroy import (
    LOOPBACK_IFINDEX,
    page_pool_destroy,
    page_pool_release_retry,
    page_pool_run_retries,
    page_pool_unreg_netdev,
)
from devmemlab.mem.pool_frag import BIAS_MAX, page_pool_alloc_frag_netmem, page_pool_alloc_netmem, page_pool_free_frag
from devmemlab.mem.pool_put import page_pool_put_netmem, page_pool_put_unrefed_netmem, page_pool_unref_netmem
from devmemlab.mem.pool_table import (
    DEFER_TIME_NS,
    POOL,
    POOL_PARAMS,
    PP_ALLOC_CACHE_REFILL,
    PP_ALLOC_CACHE_SIZE,
    PP_FLAG_ALL,
    PP_FLAG_ALLOW_UNREADABLE_NETMEM,
    PP_FLAG_DMA_MAP,
    PP_FLAG_DMA_SYNC_DEV,
    PP_FLAG_SYSTEM_POOL,
    PROVIDER_DMABUF,
    PROVIDER_IOURING,
    PROVIDER_PAGES,
    PROVIDER_USER,
    PagePools,
    make_page_pools,
    make_pool_params,
)

__all__ = [
    "BIAS_MAX", "DEFER_TIME_NS", "LOOPBACK_IFINDEX", "POOL", "POOL_PARAMS", "PP_ALLOC_CACHE_REFILL", "PP_ALLOC_CACHE_SIZE",
    "PP_FLAG_ALL", "PP_FLAG_ALLOW_UNREADABLE_NETMEM", "PP_FLAG_DMA_MAP", "PP_FLAG_DMA_SYNC_DEV", "PP_FLAG_SYSTEM_POOL",
    "PROVIDER_DMABUF", "PROVIDER_IOURING", "PROVIDER_PAGES", "PROVIDER_USER", "PagePools", "make_page_pools",
    "make_pool_params", "page_pool_alloc_frag_netmem", "page_pool_alloc_netmem", "page_pool_alloc_netmems",
    "page_pool_create", "page_pool_destroy", "page_pool_free_frag", "page_pool_inflight", "page_pool_put_entries",
    "page_pool_put_netmem", "page_pool_put_netmem_bulk", "page_pool_put_unrefed_netmem", "page_pool_release_retry",
    "page_pool_return_netmem", "page_pool_run_retries", "page_pool_unref_netmem", "page_pool_unreg_netdev",
    "page_pool_use_xdp_mem",
]
