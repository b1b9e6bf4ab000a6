"""Order without octets: everything is a distance from rcv_nxt."""

import devmemlab as dml


@dml.kernel
def distance(seq, rcv_nxt):
    far = (seq - rcv_nxt) & 0xFFFFFFFF
    return far - 0x100000000 if far >= 0x80000000 else far


@dml.kernel
def segment_arrives(ctl, blocks, seq, length):
    rcv_nxt, count = ctl[0], ctl[1]
    start = distance(seq, rcv_nxt)
    end = start + length
    if length == 0 or end <= 0:
        return 0
    start = max(start, 0)
    before = 0
    while before < count and distance(blocks[before, 1], rcv_nxt) < start:
        before += 1
    behind = before
    while behind < count and distance(blocks[behind, 0], rcv_nxt) <= end:
        start = min(start, distance(blocks[behind, 0], rcv_nxt))
        end = max(end, distance(blocks[behind, 1], rcv_nxt))
        behind += 1
    kept = 0 if start == 0 else 1
    remaining = before + kept + count - behind
    if remaining > len(blocks):
        return -28
    if kept == 1 and behind == before:
        for i in range(count - 1, before - 1, -1):
            blocks[i + 1, 0] = blocks[i, 0]
            blocks[i + 1, 1] = blocks[i, 1]
    else:
        for i in range(behind, count):
            blocks[before + kept + i - behind, 0] = blocks[i, 0]
            blocks[before + kept + i - behind, 1] = blocks[i, 1]
    ctl[1] = remaining
    if kept == 0:
        ctl[0] = (rcv_nxt + end) & 0xFFFFFFFF
        return end
    blocks[before, 0] = (rcv_nxt + start) & 0xFFFFFFFF
    blocks[before, 1] = (rcv_nxt + end) & 0xFFFFFFFF
    return 0
