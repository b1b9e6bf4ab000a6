"""Equal shares: count first, then walk around."""

import devmemlab as dml


@dml.kernel
def rss_table(table, out, start, equal):
    if equal < 1 or start < 0 or start + equal > len(out):
        return -22
    if len(table) == 0:
        return -95
    left = 0
    for queue in range(start, start + equal):
        if not out[queue]:
            left += 1
    if left == 0:
        return -22
    queue = start
    for i in range(len(table)):
        while out[queue]:
            queue += 1
            if queue == start + equal:
                queue = start
        table[i] = queue
        queue += 1
        if queue >= start + equal:
            queue = start
    return left
