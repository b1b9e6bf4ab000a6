"""Cache, ring, provider: every way but the first ends by filling the cache."""

import devmemlab as dml


@dml.kernel
def pool_alloc(ctl, cache, ring, provider, most):
    if ctl[0] > 0:
        ctl[0] -= 1
        ctl[4] += 1
        return cache[ctl[0]]
    while ctl[0] < most and ctl[2] > 0:
        cache[ctl[0]] = ring[ctl[1]]
        ctl[0] += 1
        ctl[1] = (ctl[1] + 1) % len(ring)
        ctl[2] -= 1
    if ctl[0] > 0:
        ctl[0] = ctl[0] - 1
        ctl[5] += 1
        return cache[ctl[0]]
    if ctl[3] == 0:
        return 0
    ctl[3] -= 1
    ctl[6] += 1
    return provider[ctl[3]]
