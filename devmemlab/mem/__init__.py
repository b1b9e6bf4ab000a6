"""Floor 1, memory: two memories, and who may hold which piece of them.

Law.   A buffer is in exactly one place: with its provider, in a cache, in a ring, or out with a reference.
Reads. Linux net/core/devmem.c, net/core/page_pool.c, drivers/dma-buf/udmabuf.c, lib/genalloc.c.
Omits. Locks, RCU and IOMMU page tables.

Reading order: region, ledger (two memories and the count of what crosses between them); dmabuf, exporter
(memory with a name that others may map); netmem, binding, gen_pool, lifo (a dmabuf cut into net_iovs);
pages, iouring, user_provider, provider (where a pool gets its buffers from); pool_table, pool_create,
pool_alloc, pool_put, pool_frag, pool_destroy (the page_pool); audit and mem (all of it for one host).
"""
