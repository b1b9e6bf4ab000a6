"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml

MASK = 0xFFFFFFFF


@dml.kernel
def signed(a, b):
    return (((a - b) & MASK) ^ 0x80000000) - 0x80000000


@dml.kernel
def drop(ctl, blocks, i):
    for k in range(i, ctl[1] - 1):
        blocks[k, 0] = blocks[k + 1, 0]
        blocks[k, 1] = blocks[k + 1, 1]
    ctl[1] -= 1


def eat_and_insert():
    @dml.kernel
    def segment_arrives(ctl, blocks, seq, length):
        nxt = ctl[0]
        end = (seq + length) & MASK
        if length == 0 or signed(end, nxt) <= 0:
            return 0
        if signed(seq, nxt) < 0:
            seq = nxt
        touched = 0
        for i in range(ctl[1]):
            if signed(blocks[i, 0], end) <= 0 and signed(blocks[i, 1], seq) >= 0:
                touched += 1
        if seq != nxt and touched == 0 and ctl[1] == len(blocks):
            return -28
        i = 0
        while i < ctl[1]:
            if signed(blocks[i, 0], end) <= 0 and signed(blocks[i, 1], seq) >= 0:
                if signed(blocks[i, 0], seq) < 0:
                    seq = blocks[i, 0]
                if signed(blocks[i, 1], end) > 0:
                    end = blocks[i, 1]
                drop(ctl, blocks, i)
            else:
                i += 1
        if seq == nxt:
            ctl[0] = end
            return (end - nxt) & MASK
        at = ctl[1]
        while at > 0 and signed(blocks[at - 1, 0], seq) > 0:
            blocks[at, 0] = blocks[at - 1, 0]
            blocks[at, 1] = blocks[at - 1, 1]
            at -= 1
        blocks[at, 0] = seq
        blocks[at, 1] = end
        ctl[1] += 1
        return 0
    return segment_arrives


def bubble_and_merge():
    @dml.kernel
    def segment_arrives(ctl, blocks, seq, length):
        rcv_nxt, n = ctl[0], ctl[1]
        first = signed(seq, rcv_nxt)
        last = first + length
        if length <= 0 or last <= 0:
            return 0
        if first <= 0:
            reach, k = last, 0
            while k < n and signed(blocks[k, 0], rcv_nxt) <= reach:
                reach = max(reach, signed(blocks[k, 1], rcv_nxt))
                k += 1
            for i in range(k, n):
                blocks[i - k, 0], blocks[i - k, 1] = blocks[i, 0], blocks[i, 1]
            ctl[0], ctl[1] = (rcv_nxt + reach) & MASK, n - k
            return reach
        place = -1
        for i in range(n):
            if signed(blocks[i, 1], rcv_nxt) >= first and signed(blocks[i, 0], rcv_nxt) <= last:
                place = i
                break
        if place < 0:
            if n >= len(blocks):
                return -28
            place = n
            blocks[n, 0], blocks[n, 1] = seq, (seq + length) & MASK
            ctl[1] = n + 1
            while place and signed(blocks[place - 1, 0], blocks[place, 0]) > 0:
                for c in range(2):
                    other = blocks[place, c]
                    blocks[place, c] = blocks[place - 1, c]
                    blocks[place - 1, c] = other
                place -= 1
            return 0
        if signed(seq, blocks[place, 0]) < 0:
            blocks[place, 0] = seq
        if signed(seq + length, blocks[place, 1]) > 0:
            blocks[place, 1] = (seq + length) & MASK
        while place + 1 < ctl[1] and signed(blocks[place + 1, 0], blocks[place, 1]) <= 0:
            if signed(blocks[place + 1, 1], blocks[place, 1]) > 0:
                blocks[place, 1] = blocks[place + 1, 1]
            drop(ctl, blocks, place + 1)
        return 0
    return segment_arrives


RIGHT = [eat_and_insert(), bubble_and_merge()]

MUTANTS = [
    ("return far - 0x100000000 if far >= 0x80000000 else far", "return far"),
    ("far = (seq - rcv_nxt) & 0xFFFFFFFF", "far = seq - rcv_nxt"),
    ("length == 0 or end <= 0", "length == 0"),
    ("length == 0 or end <= 0", "end <= 0"),
    ("    start = max(start, 0)\n", ""),
    ("rcv_nxt) < start:", "rcv_nxt) <= start:"),
    ("rcv_nxt) <= end:", "rcv_nxt) < end:"),
    ("start = min(start, distance(blocks[behind, 0], rcv_nxt))", "pass"),
    ("end = max(end, distance(blocks[behind, 1], rcv_nxt))", "end = distance(blocks[behind, 1], rcv_nxt)"),
    ("end = max(end, distance(blocks[behind, 1], rcv_nxt))", "pass"),
    ("    if remaining > len(blocks):\n        return -28\n", ""),
    ("if remaining > len(blocks)", "if remaining >= len(blocks)"),
    ("if remaining > len(blocks)", "if count >= len(blocks)"),
    ("    ctl[1] = remaining\n", ""),
    ("ctl[0] = (rcv_nxt + end) & 0xFFFFFFFF", "ctl[0] = rcv_nxt + end"),
    ("        return end\n", "        return length\n"),
    ("blocks[before, 1] = (rcv_nxt + end) & 0xFFFFFFFF", "blocks[before, 1] = rcv_nxt + end"),
    ("for i in range(behind, count):", "for i in range(behind, behind):"),
    ("range(count - 1, before - 1, -1)", "range(before, count)"),
]
