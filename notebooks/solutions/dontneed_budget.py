"""Take tokens back: the budget ends the loop, not the count."""

import devmemlab as dml


@dml.kernel
def dontneed(live, ranges, optlen, budget, most_ranges):
    if optlen < 8 or optlen % 8 != 0 or optlen > most_ranges * 8:
        return -22
    released = 0
    attempted = 0
    for row in range(optlen // 8):
        for i in range(ranges[row, 1]):
            if attempted == budget:
                return released
            attempted += 1
            token = (ranges[row, 0] + i) & 0xFFFFFFFF
            if token < len(live) and live[token]:
                live[token] = 0
                released += 1
    return released
