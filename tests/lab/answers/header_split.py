"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


@dml.kernel
def word(octets, at):
    return octets[at] * 256 + octets[at + 1]


def with_a_helper():
    @dml.kernel
    def header_cut(frame):
        end, at, tags = len(frame), 12, 0
        if end < 14:
            return -22
        while tags < 2 and at + 2 <= end and (word(frame, at) == 33024 or word(frame, at) == 34984):
            at, tags = at + 4, tags + 1
        if at + 2 > end:
            return -22
        if word(frame, at) != 2048:
            return -95
        at += 2
        if at + 20 > end or frame[at] < 0x45 or frame[at] > 0x4F:
            return -22
        tcp, stop = at + frame[at] % 16 * 4, at + word(frame, at + 2)
        if stop > end or stop < tcp:
            return -22
        if frame[at + 9] != 6 or word(frame, at + 6) & 0x3FFF != 0:
            return -95
        if tcp + 20 > stop:
            return -22
        cut = tcp + frame[tcp + 12] // 16 * 4
        return -22 if cut < tcp + 20 or cut > stop else cut
    return header_cut


def as_states():
    @dml.kernel
    def header_cut(frame):
        n = len(frame)
        state, at, err = 0, 12, 0
        while err == 0:
            if state < 3:                           # type fields
                if at + 2 > n or n < 14:
                    err = -22
                else:
                    kind = frame[at + 1] | frame[at] << 8
                    tag = kind == 0x8100 or kind == 0x88A8
                    if tag and state < 2:
                        at, state = at + 4, state + 1
                    elif kind == 0x0800:
                        at, state = at + 2, 3
                    else:
                        err = -95
            elif state == 3:
                room = n - at
                if room < 20 or frame[at] // 16 != 4 or frame[at] % 16 < 5:
                    err = -22
                else:
                    total = frame[at + 2] * 256 + frame[at + 3]
                    head = frame[at] % 16 * 4
                    if total < head or total > room:
                        err = -22
                    elif frame[at + 9] != 6 or frame[at + 7] != 0 or frame[at + 6] & 0x3F != 0:
                        err = -95
                    else:
                        room, at, state = total - head, at + head, 4
            else:
                if room < 20:
                    return -22
                length = frame[at + 12] >> 4 << 2
                return at + length if 20 <= length <= room else -22
        return err
    return header_cut


RIGHT = [with_a_helper(), as_states()]

MUTANTS = [
    ("if size < 14:", "if size < 12:"),
    ("range(2)", "range(1)"),
    ("range(2)", "range(3)"),
    ("kind == 0x8100 or kind == 0x88A8", "kind == 0x8100"),
    ("if at + 2 > size:", "if at > size:"),
    ("return -95\n    ip", "return -22\n    ip"),
    ("size - ip < 20", "size - ip < 0"),
    ("& 15) * 4", "& 15) * 5"),
    ("frame[ip] >> 4 != 4 or ", ""),
    ("own < 20 or ", ""),
    (" or total > size - ip", ""),
    ("frame[ip + 9] != 6 or ", ""),
    ("& 0x3FFF", "& 0x1FFF"),
    ("& 0x3FFF", "& 0x7FFF"),
    ("    if total - own < 20:\n        return -22\n", ""),
    ("length < 20 or ", ""),
    ("length > total - own", "length > size - ip - own"),
    ("length > total - own", "length >= total - own"),
    ("return ip + own + length", "return ip + own + 20"),
    ("return ip + own + length", "return size"),
]
