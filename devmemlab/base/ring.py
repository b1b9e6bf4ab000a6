"""ptr_ring: a FIFO whose consumer frees its slots in batches.

Law.   A slot holds 0 or one entry; entries leave in the order they came.
Reads. Linux include/linux/ptr_ring.h.
Omits. The two spinlocks and resizing while in use.

The producer trusts slots, not counters: it refuses while the slot it would write is occupied.
The consumer clears the slots it has passed only every `batch` consumes (or at the end of the
array), newest first. A full ring of 1024 therefore refuses producers after 1 to 15 consumes and
opens 16 slots at once at the sixteenth.
"""

from typing import NamedTuple

import numpy as np

from devmemlab.base.component import component
from devmemlab.base.errno import ENOSPC
from devmemlab.base.kernel import kernel
from devmemlab.base.table import schema, table

RING = schema("capacity", "producer", "consumer_head", "consumer_tail", "batch")
SLOT = schema("entry")
CONSUME_BATCH = 16


@component
class Rings(NamedTuple):
    """Any number of rings.

    ctl : RING[n_ring]
        One row a ring.
    slot : SLOT[n_ring, n_slot]
        Entries; 0 means empty, so entries are never 0.
    """

    ctl: np.recarray
    slot: np.recarray


def make_rings(count, slots):
    """Make empty rings; `ring_init` gives each its capacity.

    Parameters
    ----------
    count : int
        Number of rings.
    slots : int
        Largest capacity that one of them may have.

    Returns
    -------
    rings : Rings
        All zero.
    """
    return Rings(table(RING, count), table(SLOT, count, slots))


@kernel
def ring_init(rings, ring, capacity):
    """Empty a ring and set its capacity.

    Parameters
    ----------
    rings : Rings
        Row `ring` is reset.
    ring : int64
        Which ring.
    capacity : int64
        Entries, need not be a power of two; at most the slots of the table.
    """
    ctl = rings.ctl[ring]
    ctl.capacity = capacity
    ctl.producer = 0
    ctl.consumer_head = 0
    ctl.consumer_tail = 0
    ctl.batch = CONSUME_BATCH
    if CONSUME_BATCH > capacity // 2:
        ctl.batch = 1
    for i in range(capacity):
        rings.slot[ring, i].entry = 0


@kernel(inline="always")
def ring_produce(rings, ring, entry):
    """Put one entry at the end.

    Parameters
    ----------
    rings : Rings
        Row `ring` and one slot are changed on success.
    ring : int64
        Which ring.
    entry : int64
        Not 0.

    Returns
    -------
    err : int64
        0, or ``-ENOSPC`` when the slot is still occupied or the capacity is 0.
    """
    ctl = rings.ctl[ring]
    slots = rings.slot[ring]
    if ctl.capacity == 0:
        return -ENOSPC
    slot = slots[ctl.producer]
    if slot.entry != 0:
        return -ENOSPC
    slot.entry = entry
    ctl.producer += 1
    if ctl.producer >= ctl.capacity:
        ctl.producer = 0
    return 0


@kernel
def ring_peek(rings, ring):
    """Look at the oldest entry.

    Parameters
    ----------
    rings : Rings
        Not changed.
    ring : int64
        Which ring.

    Returns
    -------
    entry : int64
        0 when the ring looks empty.
    """
    ctl = rings.ctl[ring]
    if ctl.capacity == 0:
        return np.int64(0)
    return rings.slot[ring, ctl.consumer_head].entry


@kernel
def ring_consume(rings, ring):
    """Take the oldest entry.

    Parameters
    ----------
    rings : Rings
        Row `ring` is changed; slots are cleared a batch at a time.
    ring : int64
        Which ring.

    Returns
    -------
    entry : int64
        0 when the ring is empty.
    """
    entry = ring_peek(rings, ring)
    if entry == 0:
        return entry
    ctl = rings.ctl[ring]
    passed = ctl.consumer_head
    head = passed + 1
    if head - ctl.consumer_tail >= ctl.batch or head >= ctl.capacity:
        while passed >= ctl.consumer_tail:
            rings.slot[ring, passed].entry = 0
            passed -= 1
        ctl.consumer_tail = head
    if head >= ctl.capacity:
        head = 0
        ctl.consumer_tail = 0
    ctl.consumer_head = head
    return entry


@kernel
def ring_count(rings, ring):
    """Count the entries that a consumer would still get.

    Parameters
    ----------
    rings : Rings
        Not changed.
    ring : int64
        Which ring.

    Returns
    -------
    count : int64
        Entries waiting; slots passed but not yet cleared do not count.
    """
    ctl = rings.ctl[ring]
    if ctl.capacity == 0 or rings.slot[ring, ctl.consumer_head].entry == 0:
        return np.int64(0)
    count = ctl.producer - ctl.consumer_head
    if count <= 0:
        count += ctl.capacity
    return count
