"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


@dml.kernel
def block_of(queue, i):
    first = last = i
    while first > 0 and queue[first - 1, 1] == queue[first, 0]:
        first -= 1
    while last < len(queue) - 1 and queue[last + 1, 0] == queue[last, 1]:
        last += 1
    return first, last


def by_segments():
    @dml.kernel
    def sack_blocks(queue, sack, most, twice_start, twice_end):
        if most < 0:
            return -22
        count, told = 0, 1 << 60
        if most and twice_end != twice_start:
            sack[count, 0], sack[count, 1] = twice_start, twice_end
            count += 1
        dsack = count
        for _ in range(len(queue)):
            best = -1
            for i in range(len(queue)):
                if 0 < queue[i, 2] < told and (best < 0 or queue[i, 2] > queue[best, 2]):
                    best = i
            if best < 0 or count == most:
                break
            told = queue[best, 2]
            first, last = block_of(queue, best)
            known = False
            for k in range(dsack, count):
                known = known or sack[k, 0] == queue[first, 0]
            if not known:
                sack[count, 0], sack[count, 1] = queue[first, 0], queue[last, 1]
                count += 1
        return count
    return sack_blocks


@dml.kernel
def newest_of(queue, first, last):
    newest = queue[first, 2]
    for i in range(first, last + 1):
        if queue[i, 2] > newest:
            newest = queue[i, 2]
    return newest


def by_rank():
    @dml.kernel
    def sack_blocks(queue, sack, most, twice_start, twice_end):
        if most <= -1:
            return -22
        total = shift = 0 if twice_start == twice_end else 1
        if shift and most:
            sack[0, 0] = twice_start
            sack[0, 1] = twice_end
        if queue[0, 2]:
            for i in range(len(queue)):
                first, last = block_of(queue, i)
                if first != i:
                    continue
                rank = shift
                for j in range(len(queue)):
                    other, end = block_of(queue, j)
                    if other == j and newest_of(queue, other, end) > newest_of(queue, first, last):
                        rank += 1
                if rank < most:
                    sack[rank, 0] = queue[first, 0]
                    sack[rank, 1] = queue[last, 1]
                total += 1
        return min(total, most)
    return sack_blocks


RIGHT = [by_segments(), by_rank()]

MUTANTS = [
    ("    if most < 0:\n        return -22\n", ""),
    ("if most < 0", "if most < 1"),
    ("twice_start != twice_end and most > 0", "most > 0"),
    ("twice_start != twice_end and most > 0", "twice_start != twice_end"),
    ("twice_start != twice_end and most > 0", "twice_start < twice_end and most > 0"),
    ("        count = 1\n", ""),
    ("while count < most", "while count <= most"),
    ("while count < most", "while count < 4"),
    ("arrival = max(arrival, queue[i, 2])", "arrival = queue[i, 2]"),
    ("arrival = max(arrival, queue[i, 2])", "pass"),
    ("arrival = max(arrival, queue[i, 2])", "arrival = min(arrival, queue[i, 2])"),
    ("queue[i + 1, 0] == queue[i, 1]", "queue[i + 1, 0] <= queue[i, 1]"),
    ("while i + 1 < len(queue) and queue[i + 1, 0] == queue[i, 1]:", "while False:"),
    ("newest < arrival < older_than", "newest < arrival"),
    ("newest < arrival < older_than", "newest < arrival <= older_than"),
    ("            if newest < arrival", "            if newest == 0 and newest < arrival"),
    ("older_than = 1 << 62", "older_than = 1 << 31"),
    ("sack[count, 0] = queue[first, 0]", "sack[count, 0] = queue[i, 0]"),
    ("sack[count, 1] = queue[i, 1]", "sack[count, 1] = queue[first, 1]"),
    ("        if newest == 0:\n            break\n", ""),
    ("        older_than = newest\n", ""),
]
