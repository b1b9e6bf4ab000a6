"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


@dml.kernel
def ring_the_bell(ctl):
    ctl[2] = ctl[0]
    ctl[3] += 1


def with_a_helper():
    @dml.kernel
    def refill(ctl, ring, pool, cleaned, every):
        ctl[1] += cleaned
        if ctl[1] > ctl[0]:
            ctl[1] = ctl[0]
        before = ctl[0]
        for _ in range(len(ring) - ctl[0] + ctl[1]):
            if not ctl[5]:
                ctl[4] += 1
                break
            ring[ctl[0] % len(ring)] = pool[ctl[5] - 1]
            ctl[5] -= 1
            ctl[0] += 1
            if not ctl[0] % every:
                ring_the_bell(ctl)
        if ctl[0] > ctl[2]:
            ring_the_bell(ctl)
        return ctl[0] - before
    return refill


def counted_beforehand():
    @dml.kernel
    def refill(ctl, ring, pool, cleaned, every):
        size = len(ring)
        clean = ctl[1] + cleaned if ctl[1] + cleaned < ctl[0] else ctl[0]
        room = size - (ctl[0] - clean)
        n = min(room, ctl[5])
        for i in range(n):
            ring[(ctl[0] + i) % size] = pool[ctl[5] - 1 - i]
        bells = (ctl[0] + n) // every - ctl[0] // every
        if n > 0 and (ctl[0] + n) % every:
            bells += 1
        ctl[0] += n
        ctl[1] = clean
        ctl[2] = ctl[0]
        ctl[3] += bells
        if room > n:
            ctl[4] += 1
        ctl[5] -= n
        return n
    return refill


RIGHT = [with_a_helper(), counted_beforehand()]

MUTANTS = [
    ("min(ctl[1] + cleaned, ctl[0])", "ctl[1] + cleaned"),
    ("min(ctl[1] + cleaned, ctl[0])", "min(ctl[1], ctl[0])"),
    ("< len(ring)", "<= len(ring)"),
    ("< len(ring)", "< len(ring) - 1"),
    ("            ctl[4] += 1\n", ""),
    ("            break\n", "            return posted\n"),
    ("        ctl[5] -= 1\n        ring", "        ring"),
    ("ring[ctl[0] % len(ring)]", "ring[posted]"),
    ("pool[ctl[5]]", "pool[posted]"),
    ("        posted += 1\n", ""),
    ("ctl[0] % every == 0", "posted % every == 0"),
    ("ctl[0] % every == 0", "True"),
    ("        if ctl[0] % every == 0:\n            ctl[2] = ctl[0]\n            ctl[3] += 1\n", ""),
    ("    if ctl[2] != ctl[0]:\n        ctl[2] = ctl[0]\n        ctl[3] = ctl[3] + 1\n", ""),
    ("    if ctl[2] != ctl[0]:\n", "    if posted:\n"),
    ("    if ctl[2] != ctl[0]:\n        ctl[2]", "    if ctl[2] != ctl[0]:\n        ctl[1]"),
    ("    if ctl[2] != ctl[0]:\n", "    if True:\n"),
]
