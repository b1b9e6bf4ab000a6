"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


def octet_by_octet():
    @dml.kernel
    def put_cmsg(control, ctl, kind, frag_offset, frag_size, frag_token, dmabuf_id):
        if kind < 78 or kind > 79:
            return -22
        if not ctl[1] >= 40:
            return -525
        if kind == 78:
            frag_offset = frag_token = dmabuf_id = 0
        first = ctl[0]
        for i in range(40):
            value, shift = 0, i % 4
            if i < 8:
                value, shift = 40, i
            elif i < 12:
                value = 1
            elif i < 16:
                value = kind
            elif i < 24:
                value, shift = frag_offset, i - 16
            elif i < 28:
                value = frag_size
            elif i < 32:
                value = frag_token
            elif i < 36:
                value = dmabuf_id
            control[first + i] = (value >> (8 * shift)) % 256
        ctl[0], ctl[1] = first + 40, ctl[1] - 40
        return 40
    return put_cmsg


@dml.kernel
def put32(control, at, value):
    control[at] = value & 0xFF
    control[at + 1] = value // 256 & 0xFF
    control[at + 2] = value // 65536 & 0xFF
    control[at + 3] = value // 16777216 & 0xFF


def in_words():
    @dml.kernel
    def put_cmsg(control, ctl, kind, frag_offset, frag_size, frag_token, dmabuf_id):
        linear = kind == 78
        if not linear and kind != 79:
            return -22
        if ctl[1] <= 39:
            return -525
        at = ctl[0]
        control[at:at + 40] = 0
        control[at], control[at + 8], control[at + 12] = 40, 1, kind
        put32(control, at + 24, frag_size)
        if not linear:
            put32(control, at + 16, frag_offset)
            put32(control, at + 20, frag_offset >> 32)
            put32(control, at + 28, frag_token)
            put32(control, at + 32, dmabuf_id)
        ctl[0] += 40
        ctl[1] -= 40
        return 40
    return put_cmsg


RIGHT = [octet_by_octet(), in_words()]

MUTANTS = [
    ("kind != 78 and kind != 79", "kind != 79"),
    ("kind != 78 and kind != 79", "kind < 78"),
    ("    if kind != 78 and kind != 79:\n        return -22\n    if ctl[1] < 40:\n        return -525\n",
     "    if ctl[1] < 40:\n        return -525\n    if kind != 78 and kind != 79:\n        return -22\n"),
    ("ctl[1] < 40", "ctl[1] <= 40"),
    ("ctl[1] < 40", "ctl[1] < 39"),
    ("ctl[1] < 40", "len(control) - ctl[0] < 40"),
    ("return -525", "return -7"),
    ("1 if kind == 79 else 0", "1"),
    ("value >> 8 * i & 255", "value >> 8 * (octets - 1 - i) & 255"),
    ("value >> 8 * i & 255", "value >> 8 * i"),
    ("ctl[0], 40, 8)", "ctl[0], 40, 4)"),
    ("ctl[0], 40, 8)", "ctl[0], 24, 8)"),
    ("store(control, at, 1, 4)", "store(control, at, 0, 4)"),
    ("frag_offset * named, 8", "frag_offset * named & 0xFFFFFFFF, 8"),
    ("frag_size, 4", "frag_size * named, 4"),
    ("frag_token * named, 4", "dmabuf_id * named, 4"),
    ("frag_token * named", "frag_token"),
    ("    at = store(control, at, 0, 4)\n", "    at += 4\n"),
    ("    ctl[0] = at\n", ""),
    ("    ctl[1] -= 40\n", ""),
    ("    return 40\n", "    return 0\n"),
]
