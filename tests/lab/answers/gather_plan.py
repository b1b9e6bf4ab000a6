"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


@dml.kernel
def trouble(frags, memory_bytes, room):
    outside = False
    for at, length in frags:
        if length < 0:
            return -22
        outside = outside or at < 0 or at > memory_bytes - length
        room -= length
    if outside:
        return -14
    return -28 if room < 0 else 0


def with_a_helper():
    @dml.kernel
    def gather_plan(frags, copies, memory_bytes, room):
        err = trouble(frags, memory_bytes, room)
        if err:
            return err
        k, source_end, target = -1, -1, 0
        for at, length in frags:
            if length:
                if at != source_end:
                    k += 1
                    copies[k, 0], copies[k, 1], copies[k, 2] = at, target, 0
                copies[k, 2] += length
                source_end = at + length
                target += length
        return k + 1
    return gather_plan


def run_by_run():
    @dml.kernel
    def gather_plan(frags, copies, memory_bytes, room):
        n, negative, outside, total = len(frags), 0, 0, 0
        i = 0
        while i < n:
            negative += frags[i, 1] < 0
            outside += frags[i, 0] < 0 or frags[i, 0] + frags[i, 1] > memory_bytes
            total += frags[i, 1]
            i += 1
        if negative:
            return -22
        if outside:
            return -14
        if total > room:
            return -28
        i, k, target = 0, 0, 0
        while i < n:
            end = frags[i, 0]
            j = i
            while j < n and (frags[j, 0] == end or frags[j, 1] == 0):
                end += frags[j, 1]
                j += 1
            if end > frags[i, 0]:
                copies[k, :] = frags[i, 0]
                copies[k, 1] = target
                copies[k, 2] = end - frags[i, 0]
                target += copies[k, 2]
                k += 1
                i = j
            else:
                i += 1
        return k
    return gather_plan


RIGHT = [with_a_helper(), run_by_run()]

MUTANTS = [
    ("        if frags[i, 1] < 0:\n            return -22\n", ""),
    ("if frags[i, 1] < 0:", "if frags[i, 1] <= 0:"),
    ("        total += frags[i, 1]\n", "        total += frags[i, 1]\n        if total > room:\n            return -28\n"),
    ("frags[i, 0] < 0 or ", ""),
    ("> memory_bytes", ">= memory_bytes"),
    ("frags[i, 0] + frags[i, 1] > memory_bytes", "frags[i, 0] > memory_bytes"),
    ("if frags[i, 0] < 0 or", "if frags[i, 1] and frags[i, 0] < 0 or frags[i, 1] and"),
    ("    if total > room:\n        return -28\n", ""),
    ("if total > room", "if total >= room"),
    ("        if length == 0:\n            continue\n", ""),
    ("written > 0 and ", ""),
    ("if written > 0 and copies[written - 1, 0] + copies[written - 1, 2] == start", "if False"),
    ("copies[written - 1, 0] + copies[written - 1, 2] == start", "copies[written - 1, 0] + copies[written - 1, 2] >= start"),
    ("copies[written, 1] = target", "copies[written, 1] = start"),
    ("            written += 1\n        target += length\n", "            written += 1\n            target += length\n"),
    ("return written", "return target"),
    ("copies[written - 1, 2] += length", "copies[written - 1, 2] = length"),
]
