"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


@dml.kernel
def seen_from(offset, want, end):
    count = 0
    for i in range(offset, offset + want):
        if i < end:
            count += 1
    return count


def with_a_helper():
    @dml.kernel
    def may_read(how, headlen, length, unreadable, offset, want):
        end = length
        if unreadable == 1:
            end = headlen
        if how == 1:
            return end
        if how == 2:
            return -12 if end < length else length
        if how != 0 and how != 3:
            return -22
        if offset < 0 or want < 0 or length < offset:
            return -14
        got = seen_from(offset, want, end)
        return -14 if how == 0 and got < want else got
    return may_read


def by_readability():
    @dml.kernel
    def may_read(how, headlen, length, unreadable, offset, want):
        closed = unreadable and headlen < length
        if how == 0 or how == 3:
            if min(offset, want) < 0 or offset - length > 0:
                return -14
            stop = offset + want
            if how == 0:
                if want and (stop > length or (closed and stop > headlen)):
                    return -14
                return want
            if stop > length:
                stop = length
            if closed and stop > headlen:
                stop = headlen
            return stop - offset if stop > offset else 0
        if how == 1:
            return headlen if closed else length
        if how == 2:
            return -12 if closed else length
        return -22
    return may_read


RIGHT = [with_a_helper(), by_readability()]

MUTANTS = [
    ("how < 0 or ", ""),
    ("how > 3", "how > 4"),
    ("headlen if unreadable else length", "headlen"),
    ("headlen if unreadable else length", "length"),
    ("        return seen\n", "        return -14 if unreadable else seen\n"),
    ("        return seen\n", "        return min(seen, want)\n"),
    ("length if seen == length else -12", "length if not unreadable else -12"),
    ("else -12", "else -14"),
    ("else -12", "else headlen"),
    ("offset < 0 or want < 0 or offset > length", "want < 0 or offset > length"),
    ("offset < 0 or want < 0 or offset > length", "offset < 0 or offset > length"),
    ("offset < 0 or want < 0 or offset > length", "offset < 0 or want < 0"),
    ("offset > length", "offset >= length"),
    ("        if want == 0:\n            return 0\n", ""),
    ("offset + want <= seen", "offset + want < seen"),
    ("offset + want <= seen", "offset <= seen"),
    ("<= seen else -14", "<= seen else max(seen - offset, 0)"),
    ("max(min(want, seen - offset), 0)", "min(want, seen - offset)"),
    ("max(min(want, seen - offset), 0)", "max(min(want, length - offset), 0)"),
]
