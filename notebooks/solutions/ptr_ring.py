"""A ring with late slots: the producer trusts the slot, the consumer empties in batches."""

import devmemlab as dml


@dml.kernel
def ring_produce(ctl, slots, entry):
    if len(slots) == 0 or slots[ctl[0]] != 0:
        return -28
    slots[ctl[0]] = entry
    ctl[0] = (ctl[0] + 1) % len(slots)
    return 0


@dml.kernel
def ring_consume(ctl, slots, batch):
    if len(slots) == 0:
        return 0
    entry = slots[ctl[1]]
    if entry == 0:
        return 0
    head = ctl[1] + 1
    if head - ctl[2] >= batch or head == len(slots):
        for slot in range(ctl[2], head):
            slots[slot] = 0
        ctl[2] = head % len(slots)
    ctl[1] = head % len(slots)
    return entry
