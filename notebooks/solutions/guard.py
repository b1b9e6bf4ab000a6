"""May this be read? Everything follows from how far can be seen."""

import devmemlab as dml


@dml.kernel
def may_read(how, headlen, length, unreadable, offset, want):
    if how < 0 or how > 3:
        return -22
    seen = headlen if unreadable else length
    if how == 1:
        return seen
    if how == 2:
        return length if seen == length else -12
    if offset < 0 or want < 0 or offset > length:
        return -14
    if how == 0:
        if want == 0:
            return 0
        return want if offset + want <= seen else -14
    return max(min(want, seen - offset), 0)
