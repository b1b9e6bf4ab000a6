"""Keep the ring full: one loop, and one last doorbell."""

import devmemlab as dml


@dml.kernel
def refill(ctl, ring, pool, cleaned, every):
    ctl[1] = min(ctl[1] + cleaned, ctl[0])
    posted = 0
    while ctl[0] - ctl[1] < len(ring):
        if ctl[5] == 0:
            ctl[4] += 1
            break
        ctl[5] -= 1
        ring[ctl[0] % len(ring)] = pool[ctl[5]]
        ctl[0] += 1
        posted += 1
        if ctl[0] % every == 0:
            ctl[2] = ctl[0]
            ctl[3] += 1
    if ctl[2] != ctl[0]:
        ctl[2] = ctl[0]
        ctl[3] = ctl[3] + 1
    return posted
