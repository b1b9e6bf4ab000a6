"""Scattered frags, few copies: three looks, then one walk."""

import devmemlab as dml


@dml.kernel
def gather_plan(frags, copies, memory_bytes, room):
    total = 0
    for i in range(len(frags)):
        if frags[i, 1] < 0:
            return -22
        total += frags[i, 1]
    for i in range(len(frags)):
        if frags[i, 0] < 0 or frags[i, 0] + frags[i, 1] > memory_bytes:
            return -14
    if total > room:
        return -28
    written = 0
    target = 0
    for i in range(len(frags)):
        start, length = frags[i, 0], frags[i, 1]
        if length == 0:
            continue
        if written > 0 and copies[written - 1, 0] + copies[written - 1, 2] == start:
            copies[written - 1, 2] += length
        else:
            copies[written, 0] = start
            copies[written, 1] = target
            copies[written, 2] = length
            written += 1
        target += length
    return written
