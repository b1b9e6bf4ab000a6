"""What came early: again and again the newest block that is older than the last one told."""

import devmemlab as dml


@dml.kernel
def sack_blocks(queue, sack, most, twice_start, twice_end):
    if most < 0:
        return -22
    count = 0
    if twice_start != twice_end and most > 0:
        sack[0, 0] = twice_start
        sack[0, 1] = twice_end
        count = 1
    older_than = 1 << 62
    while count < most:
        newest = 0
        i = 0
        while i < len(queue):
            first = i
            arrival = queue[i, 2]
            while i + 1 < len(queue) and queue[i + 1, 0] == queue[i, 1]:
                i += 1
                arrival = max(arrival, queue[i, 2])
            if newest < arrival < older_than:
                newest = arrival
                sack[count, 0] = queue[first, 0]
                sack[count, 1] = queue[i, 1]
            i += 1
        if newest == 0:
            break
        older_than = newest
        count += 1
    return count
