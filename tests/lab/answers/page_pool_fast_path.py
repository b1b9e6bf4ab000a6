"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


@dml.kernel
def refill(ctl, cache, ring, most):
    moved = min(most, ctl[2])
    for i in range(moved):
        cache[i] = ring[(ctl[1] + i) % len(ring)]
    ctl[1] = (ctl[1] + moved) % len(ring)
    ctl[2] -= moved
    return moved


def with_a_helper():
    @dml.kernel
    def pool_alloc(ctl, cache, ring, provider, most):
        counter = 4
        if ctl[0] == 0:
            ctl[0] = refill(ctl, cache, ring, most)
            counter = 5
        if ctl[0] == 0:
            if not ctl[3]:
                return 0
            ctl[3], ctl[6] = ctl[3] - 1, ctl[6] + 1
            return provider[ctl[3]]
        ctl[counter] += 1
        ctl[0] -= 1
        return cache[ctl[0]]
    return pool_alloc


def without_touching_the_cache_for_what_leaves():
    @dml.kernel
    def pool_alloc(ctl, cache, ring, provider, most):
        cached, head, waiting = ctl[0], ctl[1], ctl[2]
        if cached:
            ctl[0], ctl[4] = cached - 1, ctl[4] + 1
            netmem = cache[cached - 1]
            cache[cached - 1] = 0
            return netmem
        netmem = 0
        for i in range(most):
            if i == waiting:
                break
            if netmem:
                cache[ctl[0]] = netmem
                ctl[0] += 1
            netmem = ring[head]
            head += 1
            if head == len(ring):
                head = 0
            ctl[2] -= 1
        ctl[1] = head
        if netmem:
            ctl[5] += 1
        elif ctl[3]:
            ctl[6] += 1
            ctl[3] -= 1
            netmem = provider[ctl[3]]
        return netmem
    return pool_alloc


RIGHT = [with_a_helper(), without_touching_the_cache_for_what_leaves()]

MUTANTS = [
    ("    if ctl[0] > 0:\n        ctl[0] -= 1", "    if ctl[0] > 1:\n        ctl[0] -= 1"),
    ("        ctl[4] += 1\n", ""),
    ("        ctl[4] += 1\n        return cache[ctl[0]]", "        ctl[4] += 1\n        return cache[0]"),
    ("ctl[0] < most and ctl[2] > 0", "ctl[2] > 0"),
    ("ctl[0] < most and", "ctl[0] <= most and"),
    ("ctl[2] > 0:", "ctl[2] > 1:"),
    ("ring[ctl[1]]", "ring[(ctl[1] + ctl[2] - 1) % len(ring)]"),
    (" % len(ring)", ""),
    ("        ctl[2] -= 1\n", "        ctl[2] -= 1\n        ctl[5] += 1\n"),
    ("ctl[1] = (ctl[1] + 1) % len(ring)", "ctl[1] = 0"),
    ("        ctl[5] += 1\n", "        ctl[4] += 1\n"),
    ("        ctl[0] = ctl[0] - 1\n", ""),
    ("    if ctl[3] == 0:\n        return 0\n", ""),
    ("    ctl[3] -= 1\n", ""),
    ("    ctl[6] += 1\n", ""),
    ("return provider[ctl[3]]", "return provider[0]"),
    ("        ctl[2] -= 1\n", "        ctl[2] -= 1\n        ring[ctl[1]] = 0\n"),
]
