"""Floor 1, memory: two memories, and who may hold which piece of them.

Law.   A buffer is in exactly one place: with its provider, in a cache, in a ring, or out with a reference.
Reads. Linux net/core/devmem.c, net/core/page_pool.c, drivers/dma-buf/udmabuf.c, lib/genalloc.c.
Omits. Locks, RCU and IOMMU page tables.

Reading order, which is the life of a buffer; every stop ends where the next begins:

1. a place to be: ranges, space, region are the two memories; ledger counts what crosses between them;
   poison fills what was let go of, in a host that watches;
2. a name that others can hold: dmabuf is attached and mapped; udmabuf and exporter make one, staging of memory that only a
   copy reaches; dmabuf_map and dmabuf_file are what a program sees of it;
3. cut into net_iovs: netmem is one number for a page and a net_iov; provider_table, binding_create and binding make them of
   a mapped dmabuf; bind_face is bind with every check in its order, area_face makes an area of a program's own pages;
4. chosen for a pool: gen_pool or lifo choose a net_iov, user_provider asks yours, iouring takes what user space gave back,
   pages are the host's own; provider asks the right one of them, and provider_kit judges yours;
5. in a pool: pool_table, pool_create; pool_alloc hands it out (cache, ring, provider), and pool_put takes the last reference
   back (cache, ring, home), pool_bulk of many at once; pool_frag shares one between packets; tx_frag is the other
   currency, of buffers that are only to be sent;
6. the end: pool_destroy waits for the last buffer; area and work_face undo what bind did;
7. told and checked: pool_stats, pool_reports, pool_face, page_pool (the whole interface in one place), audit_places, audit, mem.

Between being handed out and coming back, a buffer is with the floors above: posted by ``nic/rxq``, in an skb of ``net``, behind
a token of ``sock``.
"""
