"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


def as_in_linux():
    @dml.kernel
    def ring_produce(ctl, slots, entry):
        if not len(slots):
            return -28
        at = ctl[0]
        if slots[at]:
            return -28
        slots[at] = entry
        at += 1
        if at >= len(slots):
            at = 0
        ctl[0] = at
        return 0

    @dml.kernel
    def ring_consume(ctl, slots, batch):
        entry = slots[ctl[1]] if len(slots) else 0
        if entry:
            passed = ctl[1]
            head = passed + 1
            if head - ctl[2] >= batch or head >= len(slots):
                while passed >= ctl[2]:
                    slots[passed] = 0
                    passed -= 1
                ctl[2] = head
            if head >= len(slots):
                head = ctl[2] = 0
            ctl[1] = head
        return entry
    return ring_produce, ring_consume


@dml.kernel
def behind(at, slots):
    return 0 if at + 1 == len(slots) else at + 1


def with_a_helper():
    @dml.kernel
    def ring_produce(ctl, slots, entry):
        result = -28
        if len(slots) > 0 and slots[ctl[0]] == 0:
            slots[ctl[0]] = entry
            ctl[0] = behind(ctl[0], slots)
            result = 0
        return result

    @dml.kernel
    def ring_consume(ctl, slots, batch):
        if len(slots) < 1 or not slots[ctl[1]]:
            return 0
        head, tail = ctl[1], ctl[2]
        entry = slots[head]
        ctl[1] = behind(head, slots)
        if ctl[1] == 0 or head - tail + 1 >= batch:
            slots[tail:head + 1] = 0
            ctl[2] = ctl[1]
        return entry
    return ring_produce, ring_consume


RIGHT = [as_in_linux(), with_a_helper()]

MUTANTS = [
    ("len(slots) == 0 or slots[ctl[0]] != 0", "slots[ctl[0]] != 0"),
    ("len(slots) == 0 or slots[ctl[0]] != 0", "len(slots) == 0"),
    ("len(slots) == 0 or slots[ctl[0]] != 0", "len(slots) == 0 or (ctl[0] + 1) % len(slots) == ctl[1]"),
    ("return -28", "return -12"),
    ("    ctl[0] = (ctl[0] + 1) % len(slots)\n", "    ctl[0] = ctl[0] + 1\n"),
    ("    ctl[0] = (ctl[0] + 1) % len(slots)\n", ""),
    ("    if len(slots) == 0:\n        return 0\n", ""),
    ("    if entry == 0:\n        return 0\n", ""),
    (">= batch", "> batch"),
    ("head - ctl[2] >= batch or", "True or"),
    (" or head == len(slots)", ""),
    ("head - ctl[2] >= batch", "head % (batch + 1) == 0"),
    ("range(ctl[2], head)", "range(ctl[2], head - 1)"),
    ("range(ctl[2], head)", "range(head - 1, head)"),
    ("        ctl[2] = head % len(slots)\n", "        ctl[2] = head\n"),
    ("        ctl[2] = head % len(slots)\n", ""),
    ("    ctl[1] = head % len(slots)\n    return", "    ctl[1] = head\n    return"),
    ("    return entry\n", "    return head\n"),
]
