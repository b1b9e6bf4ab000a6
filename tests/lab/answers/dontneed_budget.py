"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


@dml.kernel
def release(live, token):
    if token >= len(live):
        return 0
    held = live[token]
    live[token] = 0
    return held


def with_a_helper():
    @dml.kernel
    def dontneed(live, ranges, optlen, budget, most_ranges):
        rows = optlen // 8
        if rows < 1 or rows > most_ranges or rows * 8 != optlen:
            return -22
        released = 0
        for row in range(rows):
            count = min(ranges[row, 1], budget)
            budget -= count
            for i in range(count):
                released += release(live, (ranges[row, 0] + i) % 4294967296)
        return released
    return dontneed


def one_loop():
    @dml.kernel
    def dontneed(live, ranges, optlen, budget, most_ranges):
        if optlen <= 0 or optlen & 7 or optlen >> 3 > most_ranges:
            return -22
        row = used = released = 0
        while budget > 0 and row < optlen >> 3:
            if used == ranges[row, 1]:
                row, used = row + 1, 0
                continue
            token = ranges[row, 0] + used
            if token > 4294967295:
                token -= 4294967296
            if 0 <= token < len(live):
                released += live[token]
                live[token] = 0
            used += 1
            budget -= 1
        return released
    return dontneed


RIGHT = [with_a_helper(), one_loop()]

MUTANTS = [
    ("optlen < 8 or ", ""),
    ("optlen % 8 != 0 or ", ""),
    (" or optlen > most_ranges * 8", ""),
    ("optlen > most_ranges * 8", "optlen >= most_ranges * 8"),
    ("optlen > most_ranges * 8", "optlen > 128 * 8"),
    ("return -22", "return 0"),
    ("range(optlen // 8)", "range(len(ranges))"),
    ("range(optlen // 8)", "range(1)"),
    ("range(ranges[row, 1])", "range(ranges[row, 1] + 1)"),
    ("attempted == budget", "attempted > budget"),
    ("attempted == budget", "released == budget"),
    ("attempted == budget", "attempted == 1024"),
    ("                return released\n", "                return -22\n"),
    ("    attempted = 0\n    for row in range(optlen // 8):\n", "    for row in range(optlen // 8):\n        attempted = 0\n"),
    (" & 0xFFFFFFFF", ""),
    ("token < len(live) and live[token]", "token < len(live)"),
    ("token < len(live) and ", ""),
    ("                live[token] = 0\n", ""),
    ("                released += 1\n", ""),
]
