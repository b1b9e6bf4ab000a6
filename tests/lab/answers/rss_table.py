"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


@dml.kernel
def nth_left(out, start, n):
    queue = start
    while True:
        if out[queue] == 0:
            if n == 0:
                return queue
            n -= 1
        queue += 1


def with_a_helper():
    @dml.kernel
    def rss_table(table, out, start, equal):
        if start < 0 or equal <= 0 or len(out) < start + equal:
            return -22
        if len(table) < 1:
            return -95
        left = equal
        for i in range(equal):
            left -= out[start + i]
        for i in range(len(table)):
            if left:
                table[i] = nth_left(out, start, i % left)
        return left if left else -22
    return rss_table


def written_then_repeated():
    @dml.kernel
    def rss_table(table, out, start, equal):
        n = len(table)
        if equal < 1 or not 0 <= start <= len(out) - equal:
            return -22
        if not n:
            return -95
        left = 0
        for queue in range(start, start + equal):
            if out[queue] != 1:
                if left < n:
                    table[left] = queue
                left += 1
        for i in range(left, n):
            if left > 0:
                table[i] = table[i - left]
        if left == 0:
            return -22
        return left
    return rss_table


RIGHT = [with_a_helper(), written_then_repeated()]

MUTANTS = [
    ("equal < 1 or ", ""),
    ("equal < 1", "equal < 0"),
    ("start < 0 or ", ""),
    ("start + equal > len(out)", "equal > len(out)"),
    ("start + equal > len(out)", "start + equal >= len(out)"),
    ("    if len(table) == 0:\n        return -95\n", ""),
    ("return -95", "return -22"),
    ("range(start, start + equal)", "range(equal)"),
    ("range(start, start + equal)", "range(start, len(out))"),
    ("        if not out[queue]:\n            left += 1\n", "        left += 1\n"),
    ("    if left == 0:\n        return -22\n", ""),
    ("    queue = start\n    for", "    queue = 0\n    for"),
    ("        while out[queue]:\n", "        while False:\n"),
    ("        while out[queue]:\n", "        if out[queue]:\n"),
    ("        table[i] = queue\n", "        table[i] = i % left\n"),
    ("if queue >= start + equal", "if queue >= len(out)"),
    ("            if queue == start + equal:\n                queue = start\n", ""),
    ("return left", "return equal"),
    ("return left", "return min(left, len(table))"),
]
