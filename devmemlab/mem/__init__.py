"""Floor 1, memory: two memories, and who may hold which piece of them.

Law.   A buffer is in exactly one place: with its provider, in a cache, in a ring, or out with a reference.
Reads. Linux net/core/devmem.c, net/core/page_pool.c, drivers/dma-buf/udmabuf.c, lib/genalloc.c.
Omits. Locks, RCU and IOMMU page tables.

Reading order:

- two memories: ranges, space, region, ledger (the count of what crosses between them);
- memory with a name that others may map: dmabuf, udmabuf, exporter, dmabuf_map, dmabuf_file;
- a dmabuf cut into net_iovs: netmem, provider_table, binding_create, gen_pool, lifo, binding;
- where a pool gets its buffers from: pages, iouring, user_provider, provider, provider_kit;
- the page_pool: pool_table, pool_create, pool_alloc, pool_put, pool_frag, pool_destroy, pool_stats, area, page_pool;
- all of it for one host: audit_places, audit, bind_face, work_face, pool_face, mem.
"""
