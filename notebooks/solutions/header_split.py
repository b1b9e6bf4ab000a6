"""Where to cut: walk forward, and check before every step."""

import devmemlab as dml


@dml.kernel
def header_cut(frame):
    size = len(frame)
    if size < 14:
        return -22
    at = 12
    kind = frame[at] << 8 | frame[at + 1]
    for _ in range(2):
        if kind == 0x8100 or kind == 0x88A8:
            at += 4
            if at + 2 > size:
                return -22
            kind = frame[at] << 8 | frame[at + 1]
    if kind != 0x0800:
        return -95
    ip = at + 2
    if size - ip < 20:
        return -22
    own = (frame[ip] & 15) * 4
    total = frame[ip + 2] << 8 | frame[ip + 3]
    if frame[ip] >> 4 != 4 or own < 20 or total < own or total > size - ip:
        return -22
    if frame[ip + 9] != 6 or (frame[ip + 6] << 8 | frame[ip + 7]) & 0x3FFF:
        return -95
    if total - own < 20:
        return -22
    length = (frame[ip + own + 12] >> 4) * 4
    if length < 20 or length > total - own:
        return -22
    return ip + own + length
