"""Floor 0, words: everything a kernel needs before it can say anything about packets.

Law.   Nothing here knows what a packet, a page or a socket is.
Reads. Linux include/linux/ptr_ring.h, lib/xarray.c, include/net/tcp.h (sequence arithmetic).
Omits. Memory barriers and locks: every table has one writer at a time.
"""
