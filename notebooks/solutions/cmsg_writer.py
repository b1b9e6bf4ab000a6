"""40 octets for a frag: little endian, one number after the other."""

import devmemlab as dml


@dml.kernel
def store(control, at, value, octets):
    for i in range(octets):
        control[at + i] = value >> 8 * i & 255
    return at + octets


@dml.kernel
def put_cmsg(control, ctl, kind, frag_offset, frag_size, frag_token, dmabuf_id):
    if kind != 78 and kind != 79:
        return -22
    if ctl[1] < 40:
        return -525
    named = 1 if kind == 79 else 0
    at = store(control, ctl[0], 40, 8)
    at = store(control, at, 1, 4)
    at = store(control, at, kind, 4)
    at = store(control, at, frag_offset * named, 8)
    at = store(control, at, frag_size, 4)
    at = store(control, at, frag_token * named, 4)
    at = store(control, at, dmabuf_id * named, 4)
    at = store(control, at, 0, 4)
    ctl[0] = at
    ctl[1] -= 40
    return 40
